//! Every posterior of the library side by side: a sine whose middle is missing, and two moons.

use super::classes::{KINDS, around, data};
use super::curves::{CURVES, Data, Gap, ROWS, column, spread};
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_examples::figure::{Band, Drawing, Figure, Line, Mark, Panel, Pen, Points, Rect, View, theme};
use probity_examples::output::Output;
use probity_examples::say;
use probity_nn::posteriors::{Candidate, NAMES, compare, named};
use probity_nn::{Classification, FittedClassification, FittedRegression, Noise, Regression};
use std::error::Error;

/// Pictures in a row.
const COLUMNS: usize = 4;

/// One hidden layer of ReLU units, priors of unknown scales, constant noise.
fn regression() -> Regression {
    let mut spec = Regression::sampled_for(1, &[50]).noise(Noise::Learned);
    if let Some(last) = spec.net.layers.last_mut() {
        last.outputs = 1;
    }
    spec
}

pub fn run(output: &mut Output) -> Result<(), Box<dyn Error>> {
    sine(output)?;
    moons(output)
}

fn sine(output: &mut Output) -> Result<(), Box<dyn Error>> {
    let (_, f) = CURVES[0];
    let observed = Data::new(f, 0);
    let (x, y) = (column(&observed.x), &observed.y);
    let mut fits: Vec<(&str, FittedRegression)> = Vec::new();
    for name in NAMES {
        let Some(method) = named(name, 0) else { continue };
        // Mean fields with the network that was chosen for them.
        let spec = if matches!(name, "mean-field" | "vi-mixture") {
            Regression::default_for(1, &[50, 50])
        } else {
            regression()
        };
        fits.push((name, spec.infer(&x, y, method.as_ref())?));
    }
    let grid = spread(-4.5, 4.5, 181);
    let truth: Vec<f64> = grid.iter().map(|x| f(*x)).collect();
    let rows = fits.len().div_ceil(COLUMNS);
    let mut figure = Figure::new(1500.0, 120.0 + 290.0 * rows as f64)
        .columns(COLUMNS)
        .title("A sine without its middle, by every posterior of the library")
        .subtitle(
            "mean ± 2 sd: dark epistemic, light with the noise; dashed the sine; 100 rows · above each: epistemic sd in the gap \
             over that beside it, and how much of the gap ± 2 of it hold",
        );
    say!(
        "\na sine without its middle, {ROWS} rows: epistemic sd in the gap over that beside it, the share of the gap where the"
    );
    say!("sine is within two epistemic sds; scores on 200 fresh rows from -3 to 3, the gap among them\n");
    for (name, fitted) in &fits {
        let draws = fitted.default_draws();
        let p = fitted.predict(&column(&grid), draws)?;
        let gap = Gap::of(&|x| fitted.predict(&column(x), draws), f)?;
        say!("{name:<20} ratio {:>6.2}  held {:>4.2}", gap.ratio, gap.held);
        // Of one net there is no epistemic part.
        let ratio = if gap.ratio.is_finite() { format!("{:.1} ×", gap.ratio) } else { "none".to_owned() };
        let title = format!("{name}: {ratio}, {:.0} %", 100.0 * gap.held);
        let mean = p.mean();
        let end = |sd: &[f64], k: f64| -> Vec<f64> { mean.iter().zip(sd).map(|(m, s)| m + k * s).collect() };
        let (total, own) = (p.sd(), p.epistemic_sd());
        let dashed = Pen { color: theme::INK, width: 1.5, dash: Some([5.0, 4.0]) };
        let panel = Panel::new()
            .title(title)
            .x_range(-4.5, 4.5)
            .y_range(-3.0, 3.0)
            .with(Band::new(&grid, &end(&total, -2.0), &end(&total, 2.0), theme::BLUE.alpha(0.17)))
            .with(Band::new(&grid, &end(&own, -2.0), &end(&own, 2.0), theme::BLUE.alpha(0.36)))
            .with(Points::new(&observed.x, &observed.y, theme::VERMILION, 2.2))
            .with(Line::new(&grid, &truth, dashed))
            .with(Line::new(&grid, &mean, Pen::solid(theme::BLUE, 2.0)));
        figure = figure.panel(panel);
    }
    let fresh = spread(-3.0, 3.0, 200);
    let mut noise = vec![0.0; fresh.len()];
    probity_autodiff::random::fill_normal(Key::new(77), 0, &mut noise);
    let outcomes: Vec<f64> = fresh.iter().zip(noise).map(|(x, e)| f(*x) + 0.1 * e).collect();
    let candidates: Vec<(&str, &dyn Candidate)> =
        fits.iter().map(|(name, fitted)| (*name, fitted as &dyn Candidate)).collect();
    say!("\n{}", compare(&candidates, &column(&fresh), &outcomes)?);
    output.add("posteriors-sine_gap.svg", figure.svg());
    output.add("posteriors-sine_gap.png", figure.png()?);
    Ok(())
}

fn moons(output: &mut Output) -> Result<(), Box<dyn Error>> {
    let kind = &KINDS[0];
    let key = Key::new(0).fold_in_str(kind.0);
    let (x, labels) = data(kind, 200, key.fold_in(0));
    let (fresh, truth) = data(kind, 500, key.fold_in(1));
    // Those that need a Gaussian head are left out.
    let names = NAMES.into_iter().filter(|n| !matches!(*n, "bayesian-last-layer" | "deterministic-vi"));
    // The residual process beyond the data would hide what the posteriors of the weights say.
    let spec = Classification::sampled_for(2, 2).without_residual();
    let mut fits: Vec<(&str, FittedClassification)> = Vec::new();
    for name in names {
        let Some(method) = named(name, 0) else { continue };
        fits.push((name, spec.infer(&x, &labels, method.as_ref())?));
    }
    let (across, side): (usize, f64) = (40, 8.0);
    let cell = side / across as f64;
    let at = |i: usize| -side / 2.0 + (i as f64 + 0.5) * cell;
    let grid = DMatrix::from_fn(across * across, 2, |i, j| {
        if j == 0 { 0.5 + at(i % across) } else { 0.25 + at(i / across) }
    });
    let rows = fits.len().div_ceil(COLUMNS);
    let mut figure = Figure::new(1500.0, 120.0 + 350.0 * rows as f64)
        .columns(COLUMNS)
        .title("Two moons, by every posterior of the library")
        .subtitle("predictive entropy, white 0 to blue ln 2; points are the classes that were learned from");
    say!(
        "\ntwo moons, 200 rows: mean predictive entropy and mutual information as shares of ln 2, inside and at 10 radii\n"
    );
    for (name, fitted) in &fits {
        let of = |x: &DMatrix<f64>| fitted.predict(x, fitted.default_draws());
        let share = |x: Vec<f64>| x.iter().sum::<f64>() / x.len() as f64 / 2.0_f64.ln();
        let (inside, far) = (of(&fresh)?, of(&around(&x, 10.0))?);
        let far_entropy = share(far.predictive_entropy());
        say!(
            "{name:<20} entropy {:.2} {far_entropy:.2}  information {:.2} {:.2}",
            share(inside.predictive_entropy()),
            share(inside.mutual_information()),
            share(far.mutual_information())
        );
        let entropy = of(&grid)?.predictive_entropy();
        let tiles = entropy.iter().enumerate().map(|(i, e)| (grid[(i, 0)], grid[(i, 1)], e / 2.0_f64.ln()));
        let mut panel = Panel::new()
            .title(format!("{name}: {far_entropy:.2} at 10 radii"))
            .x_range(0.5 - side / 2.0, 0.5 + side / 2.0)
            .y_range(0.25 - side / 2.0, 0.25 + side / 2.0)
            .with(Tiles { cells: tiles.collect(), size: cell });
        for (label, color) in [theme::VERMILION, theme::INK].into_iter().enumerate() {
            let rows: Vec<usize> = (0..x.nrows()).filter(|i| labels[*i] == label).collect();
            let of = |j: usize| rows.iter().map(|i| x[(*i, j)]).collect::<Vec<f64>>();
            panel = panel.with(Points::new(&of(0), &of(1), color, 1.8));
        }
        figure = figure.panel(panel);
    }
    let candidates: Vec<(&str, &dyn Candidate)> =
        fits.iter().map(|(name, fitted)| (*name, fitted as &dyn Candidate)).collect();
    say!("\n{}", compare(&candidates, &fresh, &truth)?);
    output.add("posteriors-two_moons.svg", figure.svg());
    output.add("posteriors-two_moons.png", figure.png()?);
    Ok(())
}

/// Squares with a shade between white and blue.
#[derive(Debug)]
struct Tiles {
    /// The middle of each, and its shade from 0 to 1.
    cells: Vec<(f64, f64, f64)>,
    size: f64,
}

impl Mark for Tiles {
    fn reach(&self, include: &mut dyn FnMut(f64, f64)) {
        self.cells.iter().for_each(|(x, y, _)| include(*x, *y));
    }

    fn draw(&self, view: &View, drawing: &mut Drawing) {
        let half = 0.5 * self.size;
        for (x, y, shade) in &self.cells {
            let (left, top) = (view.px(x - half), view.py(y + half));
            let (right, bottom) = (view.px(x + half), view.py(y - half));
            let area = Rect { x: left, y: top, w: right - left, h: bottom - top };
            drawing.rectangle(area, theme::BLUE.alpha(shade.clamp(0.0, 1.0) as f32));
        }
    }

    fn label(&self) -> Option<&str> {
        None
    }

    fn sample(&self, _: Rect, _: &mut Drawing) {}
}
