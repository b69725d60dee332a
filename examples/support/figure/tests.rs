//! Tests of whole figures: what is in the SVG, what is on the PNG, and data that break careless
//! plots.
//!
//! With `PROBITY_FIGURES` set to a folder, the sample figures are written there to be looked at.

use super::*;
use tiny_skia::Pixmap;

/// Deterministic numbers that look like standard normal noise: a sum of twelve uniforms.
fn noise(n: usize) -> Vec<f64> {
    let order = crate::table::shuffled(12 * n, 3);
    let uniform = order.iter().map(|i| (*i as f64 + 0.5) / (12 * n) as f64).collect::<Vec<_>>();
    uniform.chunks(12).map(|chunk| chunk.iter().sum::<f64>() - 6.0).collect()
}

fn linspace(lo: f64, hi: f64, n: usize) -> Vec<f64> {
    (0..n).map(|i| lo + (hi - lo) * i as f64 / (n - 1) as f64).collect()
}

fn regression(noise_sd: f64) -> Figure {
    let data_x = linspace(-3.0, 3.0, 100);
    let data_y: Vec<f64> = data_x.iter().zip(noise(100)).map(|(x, e)| x.sin() + noise_sd * e).collect();
    let x = linspace(-6.0, 6.0, 241);
    let truth: Vec<f64> = x.iter().map(|x| x.sin()).collect();
    let outside: Vec<f64> = x.iter().map(|x| (x.abs() - 3.0).max(0.0)).collect();
    let mean: Vec<f64> =
        x.iter().zip(&outside).map(|(x, d)| x.clamp(-3.0, 3.0).sin() - 0.45 * d * x.signum()).collect();
    let epistemic: Vec<f64> = outside.iter().map(|d| 0.03 + 0.3 * d).collect();
    let total: Vec<f64> = epistemic.iter().map(|e| e.hypot(0.1)).collect();
    RegressionBand {
        title: "A Bayesian neural net knows what it does not know",
        subtitle: "100 points of sin x with noise 0.1 · RMSE to the truth 0.041 · noise found 0.102 · 90 % coverage 0.91",
        labels: ("x", "y"),
        x: &x,
        mean: &mean,
        epistemic_sd: &epistemic,
        total_sd: &total,
        truth: Some(&truth),
        data: (&data_x, &data_y),
    }
    .figure()
}

fn report(n: usize, target: &str, unit: f64) -> Figure {
    let truth: Vec<f64> = linspace(5.0, 50.0, n).iter().map(|y| unit * y).collect();
    let (mean, sd): (Vec<f64>, f64) =
        (truth.iter().zip(noise(n)).map(|(y, e)| y + 3.0 * unit * e).collect(), 3.0 * unit);
    let lower: Vec<f64> = mean.iter().map(|m| m - 1.645 * sd).collect();
    let upper: Vec<f64> = mean.iter().map(|m| m + 1.645 * sd).collect();
    let levels = linspace(0.05, 0.95, 19);
    let coverage: Vec<f64> = levels.iter().map(|p| p + 0.06 * (3.0 * p).sin() * (1.0 - p)).collect();
    let subtitle = format!("{n} test rows · RMSE 3.02 · log-likelihood −2.51 per row · 90 % coverage 0.91");
    TableReport {
        title: "Bayesian neural net on a table",
        subtitle: &subtitle,
        target,
        truth: &truth,
        mean: &mean,
        lower: &lower,
        upper: &upper,
        levels: &levels,
        coverage: &coverage,
    }
    .figure()
}

fn keep(name: &str, figure: &Figure) {
    if let Some(folder) = std::env::var_os("PROBITY_FIGURES") {
        let mut output = crate::output::Output::new();
        output.add(format!("{name}.svg"), figure.svg());
        output.add(format!("{name}.png"), figure.png().unwrap());
        output.write(folder).unwrap();
    }
}

fn image(figure: &Figure) -> Pixmap {
    Pixmap::decode_png(&figure.png().unwrap()).unwrap()
}

/// The share of pixels that are not white.
fn inked(image: &Pixmap) -> f64 {
    let ink = image.pixels().iter().filter(|p| (p.red(), p.green(), p.blue()) != (255, 255, 255)).count();
    ink as f64 / image.pixels().len() as f64
}

#[test]
fn the_regression_figure_is_complete() {
    let figure = regression(0.1);
    keep("regression", &figure);
    let svg = figure.svg();
    for text in
        ["training data", "predicted mean", "truth", "epistemic", "total", "range of the training data", "−6"]
    {
        assert!(svg.contains(text), "{text}");
    }
    assert!(!svg.contains("<text") && !svg.contains("font"), "text must be outlines");
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
    // Every data point and its edge, and one sample in the legend.
    assert_eq!(svg.matches("<circle").count(), 201);
    let image = image(&figure);
    assert_eq!((image.width(), image.height()), (1200, 800));
    assert!((0.1..0.9).contains(&inked(&image)), "{}", inked(&image));
}

#[test]
fn the_table_figure_is_complete() {
    for (name, n, target, unit) in [
        ("table_small", 31, "residuary_resistance", 1.0),
        ("table_medium", 103, "compressive_strength_mpa", 1.0),
        ("table_large", 8192, "distance", 1e-3),
        ("table_huge_unit", 500, &"a very long name of a column ".repeat(9), 1e8),
    ] {
        let figure = report(n, target, unit);
        keep(name, &figure);
        let svg = figure.svg();
        for text in ["90 % interval", "observed coverage (%)", "ideal", "95 % range if calibrated"] {
            assert!(svg.contains(text), "{text}");
        }
        // All rows, the 19 levels, and two samples in the legends.
        assert_eq!(svg.matches("<circle").count(), n + 19 + 2);
        assert!((0.05..0.9).contains(&inked(&image(&figure))));
    }
    assert!(report(8192, "distance", 1.0).svg().contains("(1 in 41)"));
}

#[test]
fn ready_figures_survive_anything() {
    let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e308, -1e308, 1e-308, 0.0, 1.0];
    for (i, value) in bad.into_iter().enumerate() {
        for n in [0, 1, 3] {
            let (mut x, mut y) = (linspace(0.0, 1.0, n.max(2)), vec![value; n]);
            x.truncate(n);
            if n == 3 {
                y[1] = bad[(i + 3) % bad.len()];
            }
            let band = RegressionBand {
                title: "",
                subtitle: "",
                labels: ("", ""),
                x: &x,
                mean: &y,
                epistemic_sd: &y,
                total_sd: &y,
                truth: (n == 1).then_some(&y),
                data: (&y, &x),
            };
            let table = TableReport {
                title: "",
                subtitle: "",
                target: "",
                truth: &y,
                mean: &x,
                lower: &y,
                upper: &x,
                levels: &x,
                coverage: &y,
            };
            for figure in [band.figure(), table.figure()] {
                assert!(!figure.svg().contains("NaN") && figure.png().is_ok(), "{value} {n}");
            }
        }
    }
}

#[test]
fn bands_do_not_flatten_the_curve() {
    let x = linspace(-6.0, 6.0, 25);
    let (mean, wide) = (vec![0.0; 25], vec![1e6; 25]);
    let data = (&[0.0, 1.0][..], &[-1.0, 1.0][..]);
    let (title, subtitle, labels, truth) = ("", "", ("", ""), None);
    let band = RegressionBand {
        title,
        subtitle,
        labels,
        x: &x,
        mean: &mean,
        epistemic_sd: &wide,
        total_sd: &wide,
        truth,
        data,
    };
    // The data span two units; the axis shows them with at most one and a half times that on either
    // side.
    let svg = band.figure().svg();
    assert!(svg.contains("aria-label=\"4\"") && !svg.contains("10⁶"));
}

#[test]
fn the_same_figure_is_the_same_file() {
    let (a, b) = (regression(0.1), regression(0.1));
    assert_eq!(a.svg(), b.svg());
    assert_eq!(a.png(), b.png());
    assert_ne!(a.png(), regression(0.2).png());
}

#[test]
fn odd_data_draw_something() {
    let values = [f64::NAN, 1.0, f64::INFINITY, -1e308, 1e308, 0.0, f64::NEG_INFINITY, 5e-324, 2.0];
    let y: Vec<f64> = values.iter().rev().copied().collect();
    let pen = Pen { color: theme::INK, width: 2.0, dash: Some([3.0, 3.0]) };
    for (n, range) in [(0, None), (1, None), (2, Some((0.0, 1.0))), (9, None), (9, Some((-1.0, 3.0)))] {
        let (x, y) = (&values[..n], &y[..n]);
        let mut panel = Panel::new()
            .title("odd \u{4e2d} <&>")
            .with(Points::new(x, y, theme::BLUE, 3.0).label("points"))
            .with(Line::new(x, y, pen).label("line"))
            .with(Band::new(x, y, x, theme::BLUE).label("band"))
            .with(Intervals::new(x, y, x, pen).label("intervals"))
            .with(Bars::histogram(y, 5, theme::BLUE).label("bars"))
            .with(Span::new(f64::NAN, 1.0, "span", theme::SPAN))
            .with(Diagonal::new(pen).label("diagonal"));
        if let Some((lo, hi)) = range {
            panel = panel.x_range(lo, hi).y_range(lo, hi);
        }
        let figure = Figure::new(500.0, 300.0).panel(panel);
        keep(&format!("odd_{n}_{}", range.is_some()), &figure);
        let svg = figure.svg();
        assert!(!svg.contains("NaN") && !svg.contains("inf\"") && svg.contains("odd \u{4e2d} &lt;&amp;&gt;"));
        assert!(inked(&image(&figure)) > 0.005);
    }
}

#[test]
fn marks_stay_inside_their_panel() {
    let (x, y) = (linspace(-100.0, 100.0, 50), linspace(-100.0, 100.0, 50));
    let red = Color(255, 0, 0, 1.0);
    let panel =
        Panel::new().x_range(0.0, 1.0).y_range(0.0, 1.0).with(Line::new(&x, &y, Pen::solid(red, 40.0)));
    let image = image(&Figure::new(400.0, 400.0).panel(panel));
    let is_red = |p: &tiny_skia::PremultipliedColorU8| (p.red(), p.green(), p.blue()) == (255, 0, 0);
    let reds: Vec<usize> =
        image.pixels().iter().enumerate().filter(|(_, p)| is_red(p)).map(|(i, _)| i).collect();
    assert!(reds.len() > 5000);
    let margin = theme::MARGIN as usize;
    assert!(
        reds.iter()
            .all(|i| (margin..400 - margin).contains(&(i % 400))
                && (margin..400 - margin).contains(&(i / 400)))
    );
}

#[test]
fn a_histogram_counts_every_value_once() {
    let values = [0.0, 0.1, 0.1, 0.5, 1.0, f64::NAN];
    let mut heights = 0.0;
    Bars::histogram(&values, 4, theme::BLUE).reach(&mut |_, y| heights += y);
    assert_eq!(heights, 5.0);
}

#[test]
fn panels_fill_a_grid() {
    let wave = linspace(0.0, 10.0, 10_000);
    let mut figure = Figure::new(1200.0, 800.0).title("Four panels").columns(2);
    let values = noise(2000);
    figure = figure.panel(Panel::new().title("histogram").with(Bars::histogram(&values, 30, theme::BLUE)));
    figure = figure.panel(Panel::new().title("points").with(Points::new(
        &wave,
        &noise(10_000),
        theme::BLUE.alpha(0.2),
        2.0,
    )));
    let y: Vec<f64> = wave.iter().map(|x| if *x > 4.0 && *x < 5.0 { f64::NAN } else { x.sin() }).collect();
    figure = figure.panel(Panel::new().title("a gap").x_label("t").with(Line::new(
        &wave,
        &y,
        Pen::solid(theme::INK, 2.0),
    )));
    let start = std::time::Instant::now();
    let image = image(&figure);
    println!("PNG of 10,000 points: {:?}", start.elapsed());
    keep("grid", &figure);
    // The fourth cell is empty, the others are not.
    let quarter = |x0: u32, y0: u32| {
        let cells = (x0 + 40..x0 + 560).flat_map(|x| (y0 + 40..y0 + 300).map(move |y| (x, y)));
        cells.filter(|(x, y)| image.pixel(*x, *y).is_some_and(|p| p.red() != 255)).count()
    };
    assert!(quarter(0, 80) > 1000 && quarter(600, 80) > 1000 && quarter(0, 440) > 1000);
    assert_eq!(quarter(600, 460), 0);
}

#[test]
fn sizes_are_kept_within_reason() {
    for size in [f64::NAN, -1.0, 0.0] {
        let figure = Figure::new(size, size).title("title").panel(Panel::new());
        assert!(figure.svg().contains("viewBox=\"0 0 100 100\""));
        assert_eq!(image(&figure).width(), 100);
    }
    assert!(Figure::new(100.0, 100.0).png_scaled(0.0).is_err());
    assert!(Figure::new(100.0, 100.0).png_scaled(f32::NAN).is_err());
}
