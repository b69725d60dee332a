//! A support, a family and KL divergences of your own, outside the library: `power.rs` defines
//! them, this file runs every law of the library on them and then a fit.
//!
//! `cargo run --release --example own_family`

pub mod power;

use power::{LogLog, Power};
use probity::distributions::laws::LawError;
use probity::prelude::*;
use probity_examples::{console::end, say};
use std::process::ExitCode;

/// Runs laws, which stop at the first that does not hold, and has their names.
macro_rules! run {
    ($($law:ident $(::<$($t:ty),+>)? ($($arg:expr),+);)+) => {{
        $(laws::$law$(::<$($t),+>)?($($arg),+)?;)+
        [$(stringify!($law)),+]
    }};
}

/// The support, at the unconstrained number `u`.
pub fn laws_of_the_support(u: f64) -> Result<impl IntoIterator<Item = &'static str>, LawError> {
    Ok(run! {
        bijector_inverts(&LogLog, u);
        bijector_log_det_matches(&LogLog, u);
        constraint_inverts::<LogLog>([0.0; 2], (1, 1), &[u]);
        constraint_log_det_matches::<LogLog>([0.0; 2], (1, 1), &[u], |_, _| true);
    })
}

/// The family with the exponent `a`.
pub fn laws_of_the_family(a: f64, key: Key) -> Result<impl IntoIterator<Item = &'static str>, LawError> {
    let d = Power::new(a);
    let bad = [0.0, -1.0, f64::INFINITY];
    Ok(run! {
        integrates_to_one(&d);
        cdf_matches_density(&d);
        quantile_inverts_cdf(&d);
        moments_match_density(&d);
        entropy_matches_density(&d);
        samples_follow_cdf(&d, 2000, key);
        samples_match_moments(&d, 2000, key);
        gradients_match(&d, d.sample((), key));
        single_precision_matches(&d, d.sample((), key));
        single_precision_cdf_matches(&d, d.sample((), key));
        single_precision_moments_match(&d);
        single_precision_entropy_matches(&d);
        reparameterized_gradients_match(&d, key);
        implicit_gradients_match(&d, key);
        density_at_edges(&d);
        cdf_at_edges(&d);
        unconstrained_density_matches(&d);
        rejects(&d, "exponent", &bad);
        bad_parameters_give_nan(
            &d, "exponent", &bad, &[laws::density, laws::cdf, laws::moments, laws::entropy]
        );
    })
}

/// The divergences between two of them, and from a Beta distribution of the library.
pub fn laws_of_the_divergences(
    q: Power,
    p: Power,
    beta: Beta,
    key: Key,
) -> Result<impl IntoIterator<Item = &'static str>, LawError> {
    let bad: &[(&str, &[f64])] = &[("exponent", &[0.0, -1.0, f64::INFINITY])];
    run! {
        kl_is_not_negative(&beta, &p);
        kl_matches_quadrature(&beta, &p);
        kl_gradients_match::<Beta, Power>(&beta, &p);
    };
    Ok(run! {
        kl_is_not_negative(&q, &p);
        kl_of_itself_is_zero(&q);
        kl_matches_quadrature(&q, &p);
        kl_matches_monte_carlo(&q, &p, 2000, key);
        kl_gradients_match::<Power, Power>(&q, &p);
        kl_at_edges(&q, &p);
        kl_of_bad_parameters_is_nan::<Power, Power>((&q, bad), (&p, bad));
    })
}

/// Seven heads of ten coins, whose chance of heads has the family as its prior.
pub fn model(s: &mut Scope) -> probity::vi::Result {
    let chance = s.sample("chance", Power::new(3.0))?;
    s.observe("heads", Binomial::new(10.0, chance), &[7.0])
}
/// The posterior is Beta(3 + 7, 1 + 3).
pub const POSTERIOR_MEAN: f64 = 10.0 / 14.0;

fn main() -> ExitCode {
    end(run())
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let listed = |names: &mut dyn Iterator<Item = &'static str>| names.collect::<Vec<_>>().join(", ");
    for key in (0..20).map(|i| Key::new(2).fold_in(i)) {
        let random = |name| LogNormal::new(0.0, 0.7).sample((), key.fold_in_str(name));
        let [a, b, c] = ["a", "b", "c"].map(random);
        let support = laws_of_the_support(Normal::new(0.0, 1.5).sample((), key))?;
        let family = laws_of_the_family(a, key)?;
        let divergences = laws_of_the_divergences(Power::new(a), Power::new(b), Beta::new(c, 1.5), key)?;
        if key == Key::new(2).fold_in(19) {
            say!("support: {}", listed(&mut support.into_iter()));
            say!("family: {}", listed(&mut family.into_iter()));
            say!("divergences: {}", listed(&mut divergences.into_iter()));
            say!("hold for 20 random members\n");
        }
    }
    let posterior = fit(model)?;
    say!("{posterior}");
    say!("mean chance {:.4}, exactly {POSTERIOR_MEAN:.4}", posterior.draws(10_000)?["chance"].mean()[0]);
    Ok(())
}
