//! Fits of more coordinates than a Gaussian of full rank is solved for: by chains, or checked by an
//! exact kernel.

use crate::common::{Regression, normals};
use probity_autodiff::Running;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::{Distribution, HalfNormal, Normal, Support};
use probity_vi::ladder::Stands;
use probity_vi::verdict::What;
use probity_vi::{Fit, Grade, MeanField, Method, Result, Scope, Start, fit};

/// A Gaussian random walk of 220 steps with noise, whose posterior is a Gaussian of strongly
/// correlated coordinates.
fn walk(y: &DMatrix<f64>) -> impl Fn(&mut Scope<'_>) -> Result + Clone + use<> {
    let y = y.transpose();
    move |s: &mut Scope<'_>| {
        let z = s.sample("z", Normal::new(0.0, 0.3).shaped(1, y.ncols()))?;
        let x = s.deterministic("x", z.running_sum(Running::UpTo))?;
        s.observe("y", Normal::new(x, 1.0), &y)
    }
}

/// Means and variances of the steps `z` given `y = L z + e`: of `(Λ + LᵀL)⁻¹` with `Λ = 1 / 0.09`.
fn exact(y: &DMatrix<f64>) -> (Vec<f64>, Vec<f64>) {
    let n = y.nrows();
    let lower = DMatrix::from_fn(n, n, |i, j| f64::from(u8::from(j <= i)));
    let precision = DMatrix::identity(n, n) / 0.09 + lower.transpose() * &lower;
    let covariance = precision.cholesky().unwrap().inverse();
    let mean = &covariance * lower.transpose() * y;
    (mean.as_slice().to_vec(), covariance.diagonal().as_slice().to_vec())
}

/// Errors of four chains of 1000 draws: with 400 effective draws or more a mean is within 5
/// standard errors of 0.05, which none of 220 coordinates leaves by chance (1e-4).
#[test]
fn hundreds_of_correlated_coordinates() {
    let y = normals(1, 220, 1);
    let q = fit(walk(&y)).unwrap();
    assert_eq!((q.report().method, q.report().stands), (Method::Sampled, Stands::Chains));
    assert!(q.verdict().unwrap().grade() <= Grade::B, "{}", q.verdict().unwrap());
    let (mean, variance) = exact(&y);
    let draws = q.draws(q.corrected().unwrap().len()).unwrap();
    let (means, sds) = (draws["z"].mean(), draws["z"].sd());
    for i in 0..mean.len() {
        let sd = variance[i].sqrt();
        assert!((means[i] - mean[i]).abs() < 0.25 * sd, "mean {i}: {} not {}", means[i], mean[i]);
        assert!((sds[i] / sd).ln().abs() < 0.2, "sd {i}: {} not {sd}", sds[i]);
    }
    assert!(q.to_string().contains("verdict"), "{q}");
}

/// A hierarchy of 250 groups with an unknown scale.
#[test]
fn a_hierarchy_of_many_groups() {
    let truth = normals(2, 250, 1) * 0.7;
    let y = &truth + normals(3, 250, 1) * 0.5;
    let model = move |s: &mut Scope<'_>| {
        let scale = s.sample("scale", HalfNormal::new(2.0))?;
        let group = s.sample("group", Normal::new(0.0, scale).rows(250))?;
        s.observe("y", Normal::new(group, 0.5), &y)
    };
    let q = fit(model).unwrap();
    let verdict = q.trusted().unwrap().verdict().unwrap();
    assert!(verdict.grade() <= Grade::B, "{verdict}");
    let scale = q.summary().unwrap();
    let row = scale.rows.iter().find(|row| row.name == "scale").unwrap();
    assert!((row.mean - 0.7).abs() < 0.2, "{}", row.mean);
    assert!(row.sd < 0.1);
}

#[test]
fn who_wants_no_chains_has_a_mean_field() {
    let y = normals(1, 220, 1);
    let q = Fit::new().sample_up_to(0).run(walk(&y)).unwrap();
    assert_eq!(q.report().method, Method::Stochastic);
    // It cannot show the correlations, and says so.
    let verdict = q.verdict().unwrap();
    assert_eq!(verdict.grade(), Grade::C, "{verdict}");
    assert!(verdict.value(What::Drift).unwrap() > 0.3);
    assert!(q.trusted().unwrap_err().to_string().contains("exact kernel"));
}

/// The slopes and their mean field under a given correlation of the columns.
fn regression(correlated: f64) -> Regression {
    let mut x = normals(4, 600, 3);
    let first = x.column(0).clone_owned();
    x.column_mut(1).axpy(correlated, &first, 1.0);
    let y = &x * DMatrix::from_column_slice(3, 1, &[1.0, -2.0, 0.5]) + normals(5, 600, 1);
    Regression { x, y, prior: 1.0, noise: 1.0 }
}

/// A minibatch of a regression in which a mean field is nearly right, and one in which it is not.
#[test]
fn minibatches_are_checked_on_all_data() {
    let grade = |correlated: f64, fit: Fit| {
        let Regression { x, y, prior, noise } = regression(correlated);
        let model = move |s: &mut Scope<'_>| {
            let w = s.sample("w", Normal::new(0.0, prior).rows(3))?;
            s.plate("rows", 600, |s, batch| {
                let x = batch.rows(&x);
                s.observe("y", Normal::new(x.matmul(w), noise), batch.rows(&y))
            })
        };
        let q = fit.minibatch(100).run(model).unwrap();
        assert_eq!(q.report().method, Method::Stochastic);
        q.verdict().map(|v| (v.grade(), v.to_string()))
    };
    let (good, why) = grade(0.0, Fit::new()).unwrap();
    assert!(good <= Grade::B, "{why}");
    let (bad, why) = grade(3.0, Fit::new()).unwrap();
    assert_eq!(bad, Grade::C, "{why}");
    // Steps that are far too few.
    let (early, why) = grade(0.0, Fit::new().steps(10)).unwrap();
    assert_eq!(early, Grade::C, "{why}");
    assert_eq!(grade(0.0, Fit::new().checked(false)), None);
    assert_eq!(grade(0.0, Fit::new().tempered(0.1).steps(10)), None);
}

/// Point parameters stand where the fit has them, in single precision as in double.
#[test]
fn parameters_and_single_precision_are_checked() {
    let y: Vec<f64> = normals(6, 200, 1).iter().map(|z| 3.0 + 2.0 * z).collect();
    let data = y.clone();
    let model = move |s: &mut Scope<'_>| {
        let sd = s.param_from("sd", (1, 1), Start::Constant(1.0), Support::Positive)?;
        let mean = s.sample("mean", Normal::new(0.0, 10.0))?;
        s.observe("y", Normal::new(mean, sd), &data)
    };
    let q = Fit::new().run(model).unwrap();
    assert!(q.verdict().unwrap().grade() <= Grade::B, "{}", q.verdict().unwrap());

    struct Mean(Vec<f64>);
    impl probity_vi::Model<f32> for Mean {
        fn run(&self, s: &mut Scope<'_, f32>) -> Result {
            let mean = s.sample("mean", Normal::new(0.0, 10.0))?;
            s.observe("y", Normal::new(mean, 2.0), &self.0)
        }
    }
    let q = Fit::<f32>::default().run(Mean(y)).unwrap();
    assert!(q.verdict().unwrap().grade() <= Grade::B, "{}", q.verdict().unwrap());
}

/// A guide of one's own choice has its own draws checked, and the more of them the finer.
#[test]
fn by_hand() {
    let y = normals(1, 220, 1);
    let q = Fit::new().guide(MeanField::new()).steps(50).checked(false).run(walk(&y)).unwrap();
    assert!(q.verdict().is_none() && q.trusted().is_err());
    assert_eq!(q.check_by_drift(128).unwrap().grade(), Grade::C);
    assert!(q.check_by_drift(3).is_err());
}

/// Groups of which the data say little, so that their scale and they make a funnel: the fit writes
/// them non-centred, and its draws are those of the model all the same. The reference is the
/// marginal density of the scale, `∏ N(yᵢ; 0, √(scale² + 0.25))`, on a grid.
#[test]
fn a_funnel_is_written_non_centred() {
    let y: Vec<f64> = (&normals(2, 30, 1) * 0.1 + normals(3, 30, 1) * 0.5).as_slice().to_vec();
    let data = y.clone();
    let q = fit(move |s: &mut Scope<'_>| {
        let scale = s.sample("scale", HalfNormal::new(2.0))?;
        s.within("deep", |s| {
            let group = s.sample("group", Normal::new(0.0, scale).rows(30))?;
            s.observe("y", Normal::new(group, 0.5), &data)
        })
    })
    .unwrap();
    assert_eq!(q.report().non_centred, ["deep.group"], "{q}");
    assert!(q.to_string().contains("non-centred by the fit: deep.group"));
    assert!(q.verdict().unwrap().grade() <= Grade::B, "{}", q.verdict().unwrap());
    let squares: f64 = y.iter().map(|y| y * y).sum();
    let density = |scale: f64| {
        let variance = scale * scale + 0.25;
        -0.5 * squares / variance - 15.0 * variance.ln() - scale * scale / 8.0
    };
    let grid: Vec<f64> = (0..4000).map(|i| (i as f64 + 0.5) * 5e-4).collect();
    let top = grid.iter().map(|x| density(*x)).fold(f64::NEG_INFINITY, f64::max);
    let mass: Vec<f64> = grid.iter().map(|x| (density(*x) - top).exp()).collect();
    let total: f64 = mass.iter().sum();
    let moment = |f: &dyn Fn(f64) -> f64| grid.iter().zip(&mass).map(|(x, m)| f(*x) * m).sum::<f64>() / total;
    let (mean, draws) = (moment(&|x| x), q.draws(q.corrected().unwrap().len()).unwrap());
    let sd = moment(&|x| (x - mean).powi(2)).sqrt();
    assert!((draws["scale"].mean()[0] - mean).abs() < 0.25 * sd, "{} not {mean}", draws["scale"].mean()[0]);
    assert!((draws["scale"].sd()[0] / sd).ln().abs() < 0.2, "{} not {sd}", draws["scale"].sd()[0]);
    // A group given the scale is Normal with mean `y s² / (s² + 0.25)` and variance
    // `s² 0.25 / (s² + 0.25)`.
    let shrunk = moment(&|s| s * s / (s * s + 0.25));
    let group = &draws["deep.group"];
    let spread = moment(&|s| s * s * 0.25 / (s * s + 0.25)).sqrt();
    for (i, y) in y.iter().enumerate() {
        assert!((group.mean()[i] - shrunk * y).abs() < 0.3 * spread, "group {i}");
    }
}
