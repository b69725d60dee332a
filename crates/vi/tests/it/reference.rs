//! Models against published posteriors: densities, gradients, evidence. Needs
//! `PROBITY_REFERENCE_DATA`.

use probity_autodiff::Scalar;
use probity_distributions::{Distribution, HalfCauchy, Normal};
use probity_vi::{LogJoint, Model, Result, Scope, fit};
use serde_json::Value;

const Y: [f64; 8] = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0];
const SIGMA: [f64; 8] = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0];

/// Rubin 1981.
struct EightSchools {
    centred: bool,
}

impl<T: Scalar> Model<T> for EightSchools {
    fn run(&self, s: &mut Scope<'_, T>) -> Result {
        // In the order of the reference: effects, mean, scale. The centred effects need the last
        // two first.
        if self.centred {
            let mu = s.sample("mu", Normal::new(0.0, 5.0))?;
            let tau = s.sample("tau", HalfCauchy::new(5.0))?;
            let theta = s.sample("theta", Normal::new(mu, tau).rows(8))?;
            s.observe("y", Normal::new(theta, s.data(&SIGMA)), &Y)
        } else {
            let z = s.sample("theta_trans", Normal::standard().rows(8))?;
            let mu = s.sample("mu", Normal::new(0.0, 5.0))?;
            let tau = s.sample("tau", HalfCauchy::new(5.0))?;
            let theta = s.deterministic("theta", mu + tau * z)?;
            s.observe("y", Normal::new(theta, s.data(&SIGMA)), &Y)
        }
    }
}

fn reference(name: &str) -> Option<Value> {
    let Ok(folder) = std::env::var("PROBITY_REFERENCE_DATA") else {
        println!("skipped: PROBITY_REFERENCE_DATA is not set");
        return None;
    };
    let path = format!("{folder}/posteriordb/{name}/reference.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    Some(serde_json::from_str(&text).unwrap())
}

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

/// Reference vectors have the eight effects first, then mu, then tau; our centred model visits mu
/// and tau first.
fn check_probes(name: &str, centred: bool) {
    let Some(reference) = reference(name) else { return };
    let mut joint = LogJoint::<_, f64>::new(EightSchools { centred }).unwrap();
    let order = |x: &[f64]| -> Vec<f64> { if centred { [&x[8..], &x[..8]].concat() } else { x.to_vec() } };
    for probe in reference["probes"].as_array().unwrap() {
        let u = order(&numbers(&probe["unconstrained"]));
        let want = probe["log_density_unconstrained"].as_f64().unwrap();
        let mut gradient = vec![0.0; 10];
        let got = joint.gradient(&u, &mut gradient).unwrap();
        assert!((got - want).abs() <= 1e-9 * want.abs().max(1.0), "{got} {want}");
        for (g, w) in gradient.iter().zip(order(&numbers(&probe["grad_unconstrained"]))) {
            assert!((g - w).abs() <= 1e-9 * w.abs().max(1.0), "{g} {w}");
        }
    }
}

#[test]
fn eight_schools_densities_and_gradients() {
    check_probes("eight_schools-eight_schools_noncentered", false);
    check_probes("eight_schools-eight_schools_centered", true);
}

#[test]
fn the_elbo_of_eight_schools_stays_below_the_evidence() {
    // By quadrature: -31.3113 for either parameterisation.
    for centred in [false, true] {
        let posterior = fit(EightSchools { centred }).unwrap();
        println!("{posterior}");
        let elbo = posterior.elbo(4000).unwrap();
        assert!(elbo.value < -31.3113 + 4.0 * elbo.standard_error, "{elbo}");
        // The centred funnel costs a mean field about two nats.
        assert!(elbo.value > -34.5, "{elbo}");
    }
}
