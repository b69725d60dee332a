//! Curves on [-3, 3] whose middle third is missing.

use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::{fill_normal, fill_uniform};
use probity_examples::figure::RegressionBand;
use probity_examples::output::Output;
use probity_examples::say;
use probity_nn::{FittedRegression, Recommended, Regression, RegressionPrediction};
use probity_vi::linalg::Covariance;
use probity_vi::nuts::{MetricKind, Nuts};
use probity_vi::{LogJoint, Posterior};
use std::error::Error;

pub const ROWS: usize = 100;
const NOISE: f64 = 0.1;

pub type Curve = (&'static str, fn(f64) -> f64);

pub const CURVES: [Curve; 5] = [
    ("sine", f64::sin),
    ("cosine", f64::cos),
    ("parabola", |x| 0.2 * x * x - 0.9),
    ("step", |x| (2.0 * x).tanh()),
    ("tilted wave", |x| 0.3 * x + 0.5 * (2.0 * x).sin()),
];

/// The data: rows outside the middle third.
pub struct Data {
    pub x: Vec<f64>,
    pub y: Vec<f64>,
}

impl Data {
    pub fn new(f: fn(f64) -> f64, seed: u64) -> Self {
        let key = Key::new(seed).fold_in_str("curve");
        let (mut u, mut e) = (vec![0.0; ROWS], vec![0.0; ROWS]);
        fill_uniform(key.fold_in(0), 0, &mut u);
        fill_normal(key.fold_in(1), 0, &mut e);
        // From -3 to -1 and from 1 to 3.
        let x: Vec<f64> =
            u.iter().map(|u: &f64| if *u < 0.5 { -3.0 + 4.0 * u } else { -1.0 + 4.0 * u }).collect();
        let y = x.iter().zip(e).map(|(x, e)| f(*x) + NOISE * e).collect();
        Self { x, y }
    }
}

pub fn column(x: &[f64]) -> DMatrix<f64> {
    DMatrix::from_column_slice(x.len(), 1, x)
}

pub fn spread(from: f64, to: f64, n: usize) -> Vec<f64> {
    (0..n).map(|i| from + (to - from) * (i as f64 + 0.5) / n as f64).collect()
}

fn mean(x: impl IntoIterator<Item = f64>) -> f64 {
    let (mut n, mut sum) = (0.0, 0.0);
    x.into_iter().for_each(|x| (n, sum) = (n + 1.0, sum + x));
    sum / n
}

/// What is known of a curve between its data and beside.
pub struct Gap {
    /// The epistemic standard deviation in the gap over that where there are data.
    pub ratio: f64,
    /// The share of the gap where the curve is within two standard deviations of the mean.
    pub held: f64,
}

impl Gap {
    pub fn of(
        predict: &dyn Fn(&[f64]) -> probity_nn::Result<RegressionPrediction>,
        f: fn(f64) -> f64,
    ) -> probity_nn::Result<Self> {
        let (gap, beside) =
            (spread(-1.0, 1.0, 100), [spread(-3.0, -1.0, 100), spread(1.0, 3.0, 100)].concat());
        let (inside, at) = (predict(&beside)?, predict(&gap)?);
        let held = gap.iter().zip(at.mean()).zip(at.epistemic_sd());
        Ok(Self {
            ratio: mean(at.epistemic_sd()) / mean(inside.epistemic_sd()),
            held: mean(held.map(|((x, m), sd)| f64::from(u8::from((f(*x) - m).abs() <= 2.0 * sd)))),
        })
    }
}

pub fn run(seeds: u64, judge: bool, output: &mut Output) -> Result<(), Box<dyn Error>> {
    say!(
        "curves without their middle third: epistemic sd in the gap over that beside it, and the share of the gap where the"
    );
    say!("curve is within two epistemic sds; medians over {seeds} data sets (the smallest)\n");
    say!("curve        | chains: ratio          held | mean field: ratio      held");
    for (name, f) in CURVES {
        let mut found = [Vec::new(), Vec::new()];
        for seed in 0..seeds {
            let data = Data::new(f, seed);
            let (x, y) = (column(&data.x), &data.y);
            let recommended = Recommended::of(ROWS, 1).seed(seed);
            let sampled = recommended.fit(&x, y)?;
            let fit = Regression::default_fit(ROWS).seed(seed).elbo_draws(0);
            let mean_field = Regression::default_for(1, &[50, 50]).fit(&x, y, fit)?;
            for (found, fitted) in found.iter_mut().zip([&sampled, &mean_field]) {
                found.push(Gap::of(&|x| fitted.predict(&column(x), fitted.default_draws()), f)?);
            }
            if seed == 0 {
                draw(name, f, &data, &[("chains", &sampled), ("mean field", &mean_field)], output)?;
                if judge {
                    let (ratios, nuts) = against_nuts(&data, &recommended.regression, &sampled)?;
                    let own = Gap::of(&|x| nuts.predict(&column(x), 1000), f)?;
                    say!("{name:<12} | {ratios}");
                    say!("{name:<12} | NUTS: ratio {:.2}, held {:.2}", own.ratio, own.held);
                    draw(name, f, &data, &[("NUTS", &nuts)], output)?;
                }
            }
        }
        let shown = found.map(|gaps| {
            let middle = |f: fn(&Gap) -> f64| {
                let mut x: Vec<f64> = gaps.iter().map(f).collect();
                x.sort_by(f64::total_cmp);
                format!("{:>5.2} ({:>5.2})", x[x.len() / 2], x[0])
            };
            format!("{}  {}", middle(|g| g.ratio), middle(|g| g.held))
        });
        say!("{name:<12} | {} | {}", shown[0], shown[1]);
    }
    Ok(())
}

/// The ratios of the predictive standard deviations to those of long chains, smallest to largest:
/// inside the data, in the gap, and from there to |x| = 4.5; and these chains.
fn against_nuts(
    data: &Data,
    regression: &Regression,
    sampled: &FittedRegression,
) -> Result<(String, FittedRegression), Box<dyn Error>> {
    let (x, y) = (column(&data.x), &data.y);
    let model = regression.model::<f32>(&x, y)?;
    let target = LogJoint::<_, f32>::new(model.clone())?;
    let (d, all) = (target.dim(), sampled.posterior().corrected().ok_or("chains have draws")?);
    let variances: Vec<f64> = (0..d)
        .map(|i| {
            let x = || all.points.iter().skip(i).step_by(d).copied();
            let centre = mean(x());
            mean(x().map(|x| (x - centre).powi(2))).max(1e-10)
        })
        .collect();
    let nuts = Nuts::new().chains(4).warmup(1000).draws(1000).max_depth(8);
    let nuts = nuts.metric(Covariance::diagonal(&variances)?).learn(MetricKind::Diagonal);
    let samples = nuts.run(&target, &all.points[..4 * d])?;
    let judged = Posterior::of_draws(model, &samples, 0, 0.0)?;
    let judge = FittedRegression::of(judged);
    let part = |from: f64, to: f64| -> probity_nn::Result<String> {
        let x = [spread(from, to, 60), spread(-to, -from, 60)].concat();
        let (ours, theirs) = (
            sampled.predict(&column(&x), sampled.default_draws())?.sd(),
            judge.predict(&column(&x), 1000)?.sd(),
        );
        let mut ratios: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a / b).collect();
        ratios.sort_by(f64::total_cmp);
        Ok(format!("{:.2} to {:.2}", ratios[0], ratios[ratios.len() - 1]))
    };
    let ratios = format!(
        "sd over that of NUTS: in the gap {}, inside {}, beyond {}",
        part(0.0, 1.0)?,
        part(1.0, 3.0)?,
        part(3.0, 4.5)?
    );
    Ok((ratios, judge))
}

fn draw(
    name: &str,
    f: fn(f64) -> f64,
    data: &Data,
    fitted: &[(&str, &FittedRegression)],
    output: &mut Output,
) -> Result<(), Box<dyn Error>> {
    let grid = spread(-4.5, 4.5, 361);
    let truth: Vec<f64> = grid.iter().map(|x| f(*x)).collect();
    for (how, fitted) in fitted {
        let draws = fitted.default_draws().min(1000);
        let p = fitted.predict(&column(&grid), draws)?;
        let gap = Gap::of(&|x| fitted.predict(&column(x), draws), f)?;
        let subtitle = format!(
            "no data between -1 and 1 · epistemic sd there {:.1} times that beside it · the curve within two of them on {:.0} %",
            gap.ratio,
            100.0 * gap.held
        );
        let figure = RegressionBand {
            title: &format!("{name}, {how}"),
            subtitle: &subtitle,
            labels: ("x", "y"),
            x: &grid,
            mean: &p.mean(),
            epistemic_sd: &p.epistemic_sd(),
            total_sd: &p.sd(),
            truth: Some(&truth),
            data: (&data.x, &data.y),
        }
        .figure();
        let file = format!("{}-{}", name.replace(' ', "_"), how.replace(' ', "_"));
        output.add(format!("{file}.svg"), figure.svg());
        output.add(format!("{file}.png"), figure.png()?);
    }
    Ok(())
}
