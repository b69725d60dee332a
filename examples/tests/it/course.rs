//! The numbers that the course prints.
#![allow(dead_code, reason = "each program is included as a module, with its main function")]

use probity::prelude::*;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

#[path = "../../01_gradients.rs"]
mod gradients;

#[path = "../../02_distributions_and_kl.rs"]
mod distributions_and_kl;

#[path = "../../03_eight_schools.rs"]
mod eight_schools;

#[path = "../../own_family/main.rs"]
mod own_family;

#[path = "../../own_layer/main.rs"]
mod own_layer;

#[test]
fn gradients_are_those_on_paper() {
    let (value, partials) = gradients::log_density(1.0, 0.0, 2.0);
    assert!((value - (-0.125 - 2f64.ln() - 0.9189385332046727)).abs() < 1e-15);
    assert_eq!(partials, [-0.25, 0.25, 0.125 - 0.5]);

    // X'(p - y), with p = sigmoid(X w).
    let (x, y) = gradients::data();
    let at = [0.2, 0.4];
    let p = (&x * DMatrix::from_column_slice(2, 1, &at)).map(|a: f64| 1.0 / (1.0 + (-a).exp()));
    let paper = x.transpose() * (&p - y);
    assert!((gradients::gradient(at) - paper).amax() < 1e-14);

    // X' diag(p (1 - p)) X v.
    let direction = [0.3, -1.1];
    let along = &x * DMatrix::from_column_slice(2, 1, &direction);
    let paper = x.transpose() * along.component_mul(&p.map(|p| p * (1.0 - p)));
    assert!((gradients::hessian_times(at, direction) - paper).amax() < 1e-14);

    assert!(gradients::gradient_error() < 1e-9);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..Default::default() })]

    /// How to test a family of your own: random parameters over many orders of magnitude.
    #[test]
    fn the_laws_of_your_own_distribution(s in -3.0..3.0f64, t in -3.0..3.0f64, key in any::<u64>()) {
        distributions_and_kl::check(s.exp(), t.exp(), Key::new(key))?;
    }
}

/// `own_family` is the guide to members of one's own: it runs all laws that there are of numbers.
#[test]
fn no_law_is_left_out_on_a_member_of_your_own() {
    let (q, p, key) = (own_family::power::Power::new(0.8), own_family::power::Power::new(2.5), Key::new(5));
    let mut names: Vec<&str> = own_family::laws_of_the_support(0.4).unwrap().into_iter().collect();
    names.extend(own_family::laws_of_the_family(0.8, key).unwrap());
    names.extend(own_family::laws_of_the_divergences(q, p, Beta::new(2.0, 3.0), key).unwrap());
    let module = include_str!("../../../crates/distributions/src/laws/mod.rs");
    let exported = module.split("pub use ").skip(1).filter_map(|rest| rest.split_once(';'));
    let laws = exported.flat_map(|(list, _)| list.rsplit("::").next().unwrap().split([',', '{', '}', '\n']));
    // What laws are run on, not laws.
    let others =
        ["", "EDGES", "MatrixFamily", "Numbers", "cdf", "density", "draw", "entropy", "example", "moments"];
    // The example's members are of numbers, not of rows and matrices.
    let of_numbers = |name: &&str| !name.starts_with("matrix_") && !name.starts_with("bijector_of_rows");
    let laws = laws.map(str::trim).filter(|name| !others.contains(name)).filter(of_numbers);
    let laws: Vec<&str> = laws.collect();
    assert!(laws.len() > 20, "{laws:?}");
    let missing: Vec<_> = laws.into_iter().filter(|law| !names.contains(law)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    // Near the uniform distribution, whose entropy is 0, the terms of the entropy cancel.
    for exponent in [0.5, 0.9686, 1.0 - 1e-4, 1.0 + 1e-6, 1.02] {
        laws::single_precision_entropy_matches(&own_family::power::Power::new(exponent)).unwrap();
    }
}

#[test]
fn a_wrong_divergence_breaks_the_laws() {
    /// The right density with a divergence to itself that is not 0.
    #[derive(Clone, Copy, Debug)]
    struct Wrong;
    impl Distribution<f64> for Wrong {
        const NAME: &'static str = "Wrong";
        fn support(&self) -> Support<f64> {
            Support::Real
        }
        fn shape(&self) -> (usize, usize) {
            (1, 1)
        }
        fn check(&self) -> Result<(), probity::distributions::ParameterError> {
            Ok(())
        }
        fn log_prob_terms(&self, x: f64, terms: probity::autodiff::Terms) -> f64 {
            Normal::standard().log_prob_terms(x, terms)
        }
    }
    impl KlDivergence<Wrong> for Wrong {
        type Value = f64;
        const METHOD: KlMethod = KlMethod::Closed;
        fn kl_terms(&self, _: &Wrong, _: probity::autodiff::Terms) -> f64 {
            0.5
        }
    }
    assert!(laws::kl_of_itself_is_zero(&Wrong).is_err());
}

#[test]
fn eight_schools_stays_below_the_evidence() {
    let evidence = eight_schools::LOG_EVIDENCE;
    let by_closure = eight_schools::fit_closure().unwrap();
    let by_struct = eight_schools::fit_struct().unwrap();
    for elbo in [by_closure.elbo(10_000).unwrap(), by_struct.elbo(10_000).unwrap()] {
        assert!(elbo.value < evidence + 4.0 * elbo.standard_error, "{elbo}");
        assert!(elbo.value > evidence - 1.0, "{elbo}");
    }
    // By long runs of a sampler, the mean of mu is 4.4 and its standard deviation 3.3.
    let mu = by_closure.draws(10_000).unwrap()["mu"].mean()[0];
    assert!((mu - 4.4).abs() < 0.5, "{mu}");
}

#[test]
fn parts_of_your_own_are_fitted_like_the_librarys() {
    let (x, y) = own_layer::data();
    let fitted = own_layer::own().fit_with(&x, &y, own_layer::steps(1500)).unwrap();
    let layout = fitted.posterior().layout();
    for (site, family) in [("net.0.period", "LogNormal"), ("net.1.weight", "HyperbolicSecant")] {
        assert_eq!(layout.site(site).unwrap().family, family);
    }
    let at = DMatrix::from_fn(20, 1, |i, _| i as f64 * 0.4 - 3.8);
    let median = fitted.predict(&at, 100).unwrap().quantile(0.5);
    let error = at.iter().zip(median).map(|(x, m)| (m - own_layer::truth(*x)).powi(2)).sum::<f64>() / 20.0;
    // A net that finds no wave is off by .7.
    assert!(error.sqrt() < 0.2, "{}", error.sqrt());
}
