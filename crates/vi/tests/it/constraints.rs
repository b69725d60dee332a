//! Latent variables on supports whose entries depend on each other, and on a user's own.

use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_autodiff::{Key, Tape, Terms, Value, Var, formula};
use probity_distributions::{
    Categorical, Constraint, Dirichlet, Distribution, Flat, HalfNormal, LogNormal, Normal, Support,
};
use probity_vi::{Error, Fit, Layout, LogJoint, MeanField, Model, Result, Scope, Transform};

const PRIOR: [f64; 3] = [1.0, 2.0, 0.5];
const COUNTS: [f64; 3] = [12.0, 30.0, 3.0];

fn labels() -> Vec<f64> {
    (0..3).flat_map(|k| vec![k as f64; COUNTS[k] as usize]).collect()
}

fn votes(s: &mut Scope<'_>) -> Result {
    let prior = s.data(&DMatrix::from_row_slice(1, 3, &PRIOR));
    let theta = s.sample("theta", Dirichlet::new(prior))?;
    s.observe("y", Categorical::new(theta.ln()), &labels())
}

#[test]
fn dirichlet_and_multinomial_are_conjugate() {
    let mut joint = LogJoint::new(votes).unwrap();
    let site = joint.layout().site("theta").unwrap().clone();
    assert_eq!((site.shape, site.unconstrained_shape(), joint.dim()), ((1, 3), (1, 2), 2));
    assert_eq!(site.transform, Transform::Mapped("simplex".into()));
    // The joint density is that of the posterior times the evidence, everywhere.
    let ln_beta = |a: [f64; 3]| -> f64 {
        let lgamma = |x: f64| probity_autodiff::Real::lgamma(x);
        a.into_iter().map(lgamma).sum::<f64>() - lgamma(a.iter().sum())
    };
    let posterior: [f64; 3] = std::array::from_fn(|k| PRIOR[k] + COUNTS[k]);
    let evidence = ln_beta(posterior) - ln_beta(PRIOR);
    for u in [[0.0, 0.0], [-1.0, 2.0], [3.0, -4.0]] {
        let tape = Tape::new();
        let a = tape.constant(&DMatrix::from_row_slice(1, 3, &posterior));
        let at = tape.constant(&DMatrix::from_row_slice(1, 2, &u));
        let want = Dirichlet::new(a).log_prob_unconstrained(at, Terms::Sum).item() + evidence;
        let got = joint.value(&u).unwrap();
        assert!((got - want).abs() < 1e-11, "{got} {want}");
    }
    let q = Fit::new().run(votes).unwrap();
    let draws = q.draws(4000).unwrap();
    let mean = draws.get("theta").unwrap().mean();
    let total: f64 = posterior.iter().sum();
    for k in 0..3 {
        let want = posterior[k] / total;
        let sd = (want * (1.0 - want) / (total + 1.0)).sqrt();
        assert!((mean[k] - want).abs() < 0.2 * sd, "{mean} {want}");
    }
    // A table that is saved and read, and the guide of independent Gaussians.
    let json = serde_json::to_string(q.layout()).unwrap();
    assert_eq!(&serde_json::from_str::<Layout>(&json).unwrap(), q.layout());
    let mean_field = Fit::new().guide(MeanField::new()).steps(200).run(votes).unwrap();
    assert_eq!(mean_field.layout().dim(), 2);
}

/// The log joint density against the density of the value by hand, with the Jacobian by
/// differences of the constraint.
fn check_gradient(model: impl Model<f64>) {
    let mut joint = LogJoint::new(model).unwrap();
    let n = joint.dim();
    let mut u = vec![0.0; n];
    fill_normal(Key::new(3), 0, &mut u);
    let mut gradient = vec![0.0; n];
    let value = joint.gradient(&u, &mut gradient).unwrap();
    assert!(value.is_finite());
    for k in 0..n {
        let mut at = |h: f64| {
            let mut u = u.clone();
            u[k] += h;
            joint.value(&u).unwrap()
        };
        let slope = |a: f64, b: f64, h: f64| (a - b) / (2.0 * h);
        let (near, far) = (slope(at(1e-3), at(-1e-3), 1e-3), slope(at(2e-3), at(-2e-3), 2e-3));
        let want = near + (near - far) / 3.0;
        assert!((gradient[k] - want).abs() < 1e-7 * (1.0 + want.abs()), "{k}: {} {want}", gradient[k]);
    }
}

fn mixture(s: &mut Scope<'_>) -> Result {
    let means = s.sample("means", Normal::new(0.0, 5.0).shaped(1, 2).within(Support::ordered()))?;
    let sd = s.sample("sd", HalfNormal::new(1.0))?;
    let a = s.data(&DMatrix::from_row_slice(1, 2, &[5.0, 5.0]));
    let weights = s.sample("weights", Dirichlet::new(a))?;
    let y = s.data(&data());
    let log_density = Normal::new(means, sd).log_prob(y) + weights.ln();
    s.factor("y", log_density.logsumexp())
}

/// 120 numbers around -2 and 60 around 2, of sd ½.
fn data() -> Vec<f64> {
    let mut y = vec![0.0; 180];
    fill_normal(Key::new(8), 0, &mut y);
    y.iter().enumerate().map(|(i, z)| if i < 120 { -2.0 } else { 2.0 } + 0.5 * z).collect()
}

#[test]
fn ordered_means_of_a_mixture() {
    check_gradient(mixture);
    let q = Fit::new().run(mixture).unwrap();
    let draws = q.draws(2000).unwrap();
    let (means, weights) = (draws.get("means").unwrap().mean(), draws.get("weights").unwrap().mean());
    // Posterior sds are about 0.5/√120 = 0.046, 0.5/√60 = 0.065, and 0.035 for the weight; data
    // differ from the truth by as much.
    assert!((means[0] + 2.0).abs() < 0.25 && (means[1] - 2.0).abs() < 0.35, "{means}");
    assert!((weights[0] - 2.0 / 3.0).abs() < 0.15, "{weights}");
}

#[test]
fn matrices_and_rows_as_latent_variables() {
    check_gradient(|s: &mut Scope<'_>| {
        let z = s.sample("z", Normal::new(0.0, 1.0).shaped(2, 4).within(Support::zero_sum()))?;
        let l = s.sample("l", Normal::new(0.0, 1.0).shaped(3, 3).within(Support::lower_cholesky()))?;
        let c = s.sample("c", Flat::real().shaped(3, 3).within(Support::correlation_cholesky()))?;
        let v = s.sample("v", Normal::new(0.0, 1.0).shaped(2, 2).within(Support::positive_definite()))?;
        let p = s.sample("p", Normal::new(1.0, 2.0).shaped(2, 3).within(Support::positive_ordered()))?;
        s.factor("f", (z.sq().sum() + l.sum() + c.sum() + v.sq().sum() + p.sum()) * -0.3)
    });
}

#[test]
fn zero_sum_effects_are_normal_on_the_plane() {
    // The prior alone: standard normal in any orthonormal basis, so the exact ELBO is 0 up to the
    // constant of the support, and every entry has the variance 1 - 1/4.
    let q = Fit::new()
        .run(|s: &mut Scope<'_>| {
            s.sample("z", Normal::new(0.0, 1.0).shaped(1, 4).within(Support::zero_sum())).map(|_| ())
        })
        .unwrap();
    let draws = q.draws(4000).unwrap();
    let z = draws.get("z").unwrap();
    for i in 0..z.len() {
        assert!(z.draw(i).sum().abs() < 1e-12);
    }
    for sd in draws.get("z").unwrap().sd().iter() {
        assert!((sd * sd - 0.75).abs() < 0.08, "{sd}");
    }
}

#[test]
fn shapes_that_no_support_has_are_errors() {
    let model = |s: &mut Scope<'_>| {
        s.sample("l", Normal::new(0.0, 1.0).shaped(2, 3).within(Support::lower_cholesky())).map(|_| ())
    };
    let error = LogJoint::new(model).unwrap_err();
    assert_eq!(error.to_string(), "site \"l\": no 2 × 3 matrix belongs to the support \"lower Cholesky\"");
    let model = |s: &mut Scope<'_>| {
        let one = s.data(&DMatrix::from_element(1, 1, 1.0));
        s.sample("p", Dirichlet::new(one)).map(|_| ())
    };
    assert!(matches!(LogJoint::new(model), Err(Error::SiteShape { .. })));
    // Data outside of the support.
    let model = |s: &mut Scope<'_>| {
        let a = s.data(&DMatrix::from_row_slice(1, 2, &[1.0, 2.0]));
        let m = s.sample("m", Normal::new(0.0, 1.0))?;
        s.observe("y", Dirichlet::new(a + m * 0.0), &DMatrix::from_row_slice(1, 2, &[0.5, 0.6]))
    };
    let error = LogJoint::new(model).unwrap_err();
    assert!(matches!(error, Error::OutsideSupport { index: 0, .. }), "{error}");
}

#[test]
fn point_parameters_on_the_simplex() {
    let start = DMatrix::from_row_slice(1, 3, &[0.2, 0.3, 0.5]);
    let q = Fit::new()
        .steps(3000)
        .run(|s: &mut Scope<'_>| {
            let p = s.param("p", &start, Support::simplex())?;
            s.observe("y", Categorical::new(p.ln()), &labels())
        })
        .unwrap();
    let p = q.draws(1).unwrap().get("p").unwrap().mean();
    for k in 0..3 {
        assert!((p[k] - COUNTS[k] / 45.0).abs() < 0.01, "{p}");
    }
}

/// A user's own: numbers beyond a limit, `x = limit eᵉˣᵖ⁽ᵘ⁾`, of which the limit is a latent
/// variable.
struct Beyond;
impl<V: Value> Constraint<V> for Beyond {
    const NAME: &'static str = "beyond a positive limit";
    fn constrain(u: V, limits: &[V; 2]) -> V {
        V::apply(formula!(|u, limit| limit * u.exp().exp()), [u, limits[0]])
    }
    fn unconstrain(x: V, limits: &[V; 2]) -> V {
        V::apply(formula!(|x, limit| (x / limit).ln().ln()), [x, limits[0]])
    }
    fn log_det(u: V, limits: &[V; 2], terms: Terms) -> V {
        V::apply_as(terms, formula!(|u, limit| limit.ln() + u + u.exp()), [u, limits[0]])
    }
    fn outside(x: &[f64], _: (usize, usize), limit: &dyn Fn(usize, usize) -> f64) -> Option<usize> {
        (0..x.len()).find(|i| !(x[*i] > limit(0, *i)))
    }
}

#[test]
fn a_support_of_a_users_own_as_latent_variable() {
    let model = |s: &mut Scope<'_>| {
        // A limit that may be 0 has a neck that no guide and no chain enters.
        let limit = s.sample("limit", LogNormal::new(-0.5, 0.3))?;
        let support = Support::own::<Beyond>([limit, Var::from(0.0)]);
        let x = s.sample("x", Normal::new(0.0, 3.0).rows(2).within(support))?;
        s.observe("y", Normal::new(x, 0.5), &[2.0, 3.0])
    };
    check_gradient(model);
    let q = Fit::new().run(model).unwrap();
    q.trusted().unwrap();
    assert!(q.draws(100).unwrap().get("x").unwrap().mean().iter().all(|x| *x > 0.5 && *x < 4.0));
}
