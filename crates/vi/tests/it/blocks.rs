//! Blocks of data, keys for random numbers of a model's own, and divergences entry by entry.

use probity_autodiff::Scalar;
use probity_distributions::{Distribution, HalfNormal, Horseshoe, KlDivergence, LogNormal, Normal, Sample};
use probity_vi::{Estimator, Fit, FullRank, LogJoint, Model, Scope, SiteDivergence};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A mean of numbers of which a block is at hand.
struct Mean {
    block: AtomicUsize,
    total: usize,
}

const Y: [f64; 5] = [0.3, -1.0, 2.5, 0.1, 1.7];

impl<T: Scalar> Model<T> for Mean {
    fn run(&self, s: &mut Scope<'_, T>) -> probity_vi::Result {
        let m = s.sample("m", Normal::new(0.0, 2.0))?;
        let rows = self.block.load(Ordering::Relaxed);
        s.block("data", (rows, self.total), |s, batch| {
            assert_eq!((batch.len(), batch.index()), (rows, None));
            s.observe("y", Normal::new(m, 1.0), batch.rows(&Y[..rows]))
        })
    }
}

#[test]
fn a_block_counts_for_all_rows() {
    let model = Mean { block: AtomicUsize::new(5), total: 20 };
    let mut target = LogJoint::<_, f64>::new(probity_vi::ByRef(&model)).unwrap();
    // The rows may change from run to run.
    for rows in [5, 3, 5, 1] {
        model.block.store(rows, Ordering::Relaxed);
        let terms = Y[..rows].iter().map(|y| Normal::<f64>::new(0.7, 1.0).log_prob(*y));
        let want = Normal::<f64>::new(0.0, 2.0).log_prob(0.7) + terms.sum::<f64>() * 20.0 / rows as f64;
        assert!((target.value(&[0.7]).unwrap() - want).abs() < 1e-12 * want.abs(), "{rows}");
    }
    // A block of everything is a plate, and more than that is none.
    let whole = Mean { block: AtomicUsize::new(5), total: 5 };
    assert!(LogJoint::<_, f64>::new(whole).is_ok());
    let more = Mean { block: AtomicUsize::new(5), total: 4 };
    let error = LogJoint::<_, f64>::new(more).unwrap_err().to_string();
    assert!(error.contains("a block of 5 rows of 4"), "{error}");
    let nested = |s: &mut Scope| {
        s.block("outer", (2, 8), |s, _| {
            s.block("inner", (2, 4), |s, _| s.sample("m", Normal::new(0.0, 1.0)).map(|_| ()))
        })
    };
    assert!(LogJoint::<_, f64>::new(nested).unwrap_err().to_string().contains("nested"));
}

#[test]
fn random_numbers_have_names_and_change_with_the_draw() {
    let model = |s: &mut Scope| {
        let m = s.sample("m", Normal::new(0.0, 1.0))?;
        assert_ne!(s.random("a"), s.random("b"));
        let inner = s.within("in", |s| Ok(s.random("a")))?;
        assert_ne!(s.random("a"), inner);
        let noise = Normal::<probity_autodiff::Var<'_, f64>>::new(0.0, 1.0).sample(s.tape(), s.random("a"));
        s.deterministic("noise", noise)?;
        s.deterministic("predicts", if s.predicts() { noise * 0.0 + 1.0 } else { noise * 0.0 })?;
        s.observe("y", Normal::new(m, 1.0), 0.4)
    };
    let posterior = Fit::new().steps(3).elbo_draws(0).checked(false).run(model).unwrap();
    let draws = posterior.draws(3).unwrap();
    let noise: Vec<f64> = draws["noise"].entry(0).collect();
    assert!(noise[0] != noise[1] && noise[1] != noise[2], "{noise:?}");
    assert!(draws["predicts"].entry(0).all(|p| p == 1.0));
    assert_eq!(posterior.draws(3).unwrap()["noise"], draws["noise"]);
}

#[test]
fn divergences_are_those_of_the_families() {
    let model = |s: &mut Scope| {
        let scale = s.sample("scale", HalfNormal::new(2.0))?;
        let x = s.sample("x", Normal::new(0.5, 1.5).shaped(2, 2))?;
        let below = s.sample("below", Normal::new(0.0, scale).rows(2))?;
        let odd = s.sample("odd", Horseshoe::new(1.0).rows(3))?;
        s.observe("y", Normal::new(x.sum() + below.sum() + odd.sum(), 0.5), 3.0)
    };
    let fit = || {
        Fit::new()
            .steps(50)
            .draws(2)
            .seed(4)
            .elbo_draws(0)
            .checked(false)
            .estimator(Estimator::LocalReparameterization)
    };
    let posterior = fit().run(model).unwrap();
    let n = 4000;
    let found = posterior.divergences(n).unwrap();
    let names: Vec<&str> = found.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["scale", "x", "below", "odd"]);
    let of = |name: &str| found.iter().find(|s| s.name == name).unwrap();
    let x = of("x");
    assert_eq!((x.shape, x.exact), ((2, 2), true));
    for i in 0..4 {
        let q = Normal::<f64>::new(x.loc[i], x.scale[i]);
        assert!((x.kl[i] - q.kl(&Normal::new(0.5, 1.5))).abs() < 1e-12, "{i}");
    }
    // Of a scale before the constraint: the mean over q of what the densities of u are apart, by
    // quadrature on a fine grid.
    let by_grid = |site: &SiteDivergence, i: usize, log_prior: &dyn Fn(f64) -> f64| {
        let q = Normal::<f64>::new(site.loc[i], site.scale[i]);
        let h = site.scale[i] / 500.0;
        (-5000..=5000)
            .map(|k| site.loc[i] + h * f64::from(k))
            .map(|u| h * q.log_prob(u).exp() * (q.log_prob(u) - log_prior(u)))
            .sum::<f64>()
    };
    let log = of("scale");
    let want = by_grid(log, 0, &|u| HalfNormal::<f64>::new(2.0).log_prob(u.exp()) + u);
    assert!((log.kl[0] - want).abs() < 1e-6, "{} {want}", log.kl[0]);
    // Given the scale, averaged over its draws: E 1/s² and E ln s of a log-normal scale are known.
    let (m, s) = (log.loc[0], log.scale[0]);
    let inverse_square = LogNormal::<f64>::new(-2.0 * m, 2.0 * s);
    let mean = (-2.0 * m + 2.0 * s * s).exp();
    let spread = probity_distributions::Moments::variance(&inverse_square).sqrt();
    for i in 0..2 {
        let (a, b) = (of("below").loc[i], of("below").scale[i]);
        let want = m - b.ln() - 0.5 + 0.5 * (a * a + b * b) * mean;
        // Five standard errors.
        let se = (0.5 * (a * a + b * b) * spread + s) / (n as f64).sqrt();
        assert!((of("below").kl[i] - want).abs() < 5.0 * se, "{} {want} {se}", of("below").kl[i]);
    }
    let odd = of("odd");
    assert!(!odd.exact);
    for i in 0..3 {
        let want = by_grid(odd, i, &|u| Horseshoe::<f64>::new(1.0).log_prob(u));
        // The log density of a draw has a standard deviation below 1.5.
        assert!((odd.kl[i] - want).abs() < 5.0 * 1.5 / (n as f64).sqrt(), "{} {want}", odd.kl[i]);
    }
    assert!(posterior.divergences(0).is_err());
    let joint = fit().guide(FullRank::new()).run(model).unwrap();
    assert!(joint.divergences(1).is_err());
}
