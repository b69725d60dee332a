//! A layer, a prior of weights and a head of your own, outside the library: `parts.rs` defines
//! them, this file fits a net of them beside one of the library's layers.
//!
//! `cargo run --release --example own_layer`

pub mod parts;

use parts::{LogisticNoise, SecantWeights, Waves};
use probity::nn::heads::GaussianHead;
use probity::prelude::*;
use probity_examples::{console::end, say};
use std::process::ExitCode;

/// 100 points of a sine with a slope and noise of 0.1, on [-4, 4].
pub fn data() -> (DMatrix<f64>, Vec<f64>) {
    let x = DMatrix::from_fn(100, 1, |i, _| i as f64 * 0.08 - 3.96);
    let noise = Normal::new(0.0, 0.1).draws(100, Key::new(1));
    let y = x.iter().zip(noise).map(|(x, e)| truth(*x) + e).collect();
    (x, y)
}

/// What the points are of.
pub fn truth(x: f64) -> f64 {
    (2.0 * x).sin() + 0.3 * x
}

/// A net with the layer, the prior and the head of `parts.rs`.
pub fn own() -> Network<Sequential, LogisticNoise> {
    let net = Sequential::new()
        .then(Waves { waves: 2, period: 3.0 })
        .then(Linear::new(3, 1).with_priors(SecantWeights, SecantWeights));
    Network::new(net, LogisticNoise).without_standardizing()
}

/// A net of the library's, with the priors that it recommends for the mean field.
pub fn usual() -> Network<Mlp, GaussianHead> {
    Network::new(Regression::default_for(1, &[50]).net, GaussianHead::default())
}

/// A fit of so many steps.
pub fn steps(steps: usize) -> Fit<f32> {
    Fit::default()
        .steps(Steps::new(steps).schedule(Schedule::HoldThenCosine { hold: 0.5, end: 0.01 }))
        .draws(4)
        .optimizer(Adam::new(0.02))
}

fn main() -> ExitCode {
    end(run())
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let (x, y) = data();
    let own = own().fit_with(&x, &y, steps(4000))?;
    let usual = usual().fit(&x, &y)?;
    say!("{}", own.posterior().layout());
    let period = &own.posterior().draws(1000)?["net.0.period"];
    say!(
        "periods {:.3?} ± {:.3?}; that of the data is {:.3}",
        period.mean().as_slice(),
        period.sd().as_slice(),
        std::f64::consts::PI
    );
    say!("\n{}\n", Meter::of(own.posterior())?);
    say!("         truth   own layers            library's layers");
    let there = DMatrix::from_fn(7, 1, |i, _| -6.0 + 2.0 * i as f64);
    let (a, b) = (own.predict(&there, 200)?, usual.predict(&there, 200)?);
    let ends = a.interval(0.9).into_iter().zip(b.interval(0.9));
    for (x, ((al, ah), (bl, bh))) in there.iter().zip(ends) {
        say!("x = {x:>4.1}  {:>5.2}   {al:>5.2} to {ah:>5.2}        {bl:>5.2} to {bh:>5.2}", truth(*x));
    }
    Ok(())
}
