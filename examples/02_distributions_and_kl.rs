//! Course 2. Distributions: what they can do, three ways to a KL divergence, and the laws, run on a
//! distribution of your own.
//!
//! `cargo run --release --example 02_distributions_and_kl`

use probity::autodiff::{Draw, Terms, Value};
use probity::distributions::{ParameterError, laws::LawError};
use probity::prelude::*;
use probity_examples::{console::end, say};
use std::process::ExitCode;

/// `p(x) = x / scale² exp(-½ (x / scale)²)`, `x > 0`. The parameter is a number, a dual, or a
/// matrix on the tape: any `Value`.
#[derive(Clone, Copy, Debug)]
pub struct Rayleigh<V = f64> {
    /// Where the density is highest.
    pub scale: V,
}

impl<V: Value> Distribution<V> for Rayleigh<V> {
    const NAME: &'static str = "Rayleigh";
    fn support(&self) -> Support<V> {
        Support::Positive
    }
    fn shape(&self) -> (usize, usize) {
        self.scale.shape()
    }
    fn check(&self) -> Result<(), ParameterError> {
        let error = |got| ParameterError { family: Self::NAME, parameter: "scale", want: "positive", got };
        self.scale.find(|s| !(s > 0.0)).map_or(Ok(()), |got| Err(error(got)))
    }
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, formula!(|x, s| x.ln() - s.ln() * 2.0 - (x / s).sq() * 0.5), [x, self.scale])
    }
}

impl<V: Value> Sample<V> for Rayleigh<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let args = [Draw::Value(self.scale), Draw::Uniform(key)];
        V::draw(cx, formula!(|s, u| s * (u.ln() * -2.0).sqrt()), args, least)
    }
}
impl<V: Value> Reparameterized<V> for Rayleigh<V> {}

/// `KL = r - 1 - ln r` with `r = (s / t)²`.
impl<V: Value> KlDivergence<Rayleigh<V>> for Rayleigh<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    fn kl_terms(&self, p: &Rayleigh<V>, terms: Terms) -> V {
        // ln r as ln(1 + (r - 1)): exact where the two are nearly equal.
        let f = formula!(|s, t| (s - t) * (s + t) / t.sq() - ((s - t) * (s + t) / t.sq()).ln_1p());
        V::apply_as(terms, f, [self.scale, p.scale])
    }
}
family!(Rayleigh { scale });

/// The laws that every member of the library obeys, on the distribution above. In a test: with
/// proptest's random parameters.
pub fn check(s: f64, t: f64, key: Key) -> Result<(), LawError> {
    let (q, p) = (Rayleigh { scale: s }, Rayleigh { scale: t });
    laws::integrates_to_one(&q)?;
    laws::gradients_match(&q, q.sample((), key))?;
    laws::reparameterized_gradients_match(&q, key)?;
    laws::kl_is_not_negative(&q, &p)?;
    laws::kl_of_itself_is_zero(&q)?;
    laws::kl_matches_quadrature(&q, &p)?;
    laws::kl_gradients_match::<Rayleigh, Rayleigh>(&q, &p)
}

fn main() -> ExitCode {
    end(run())
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let q = Normal::new(0.5, 0.8).checked()?;
    say!("mean {}, entropy {:.4}, P(X > 3) = {:.3e}", q.mean(), q.entropy(), q.sf(3.0));
    let (laplace, t) = (Laplace::new(0.0, 1.0), StudentT::new(4.0, 0.0, 1.0));
    say!("KL to Laplace: {:.6}, {}", q.kl(&laplace), <Normal as KlDivergence<Laplace>>::METHOD);
    say!("KL to StudentT: {:.6}, {}", q.kl(&t), <Normal as KlDivergence<StudentT>>::METHOD);
    say!("KL of Laplace to StudentT: {}", kl_monte_carlo(&laplace, &t, 100_000, Key::new(1)));

    for key in (0..100).map(|i| Key::new(2).fold_in(i)) {
        let scale = |name| LogNormal::new(0.0, 1.0).sample((), key.fold_in_str(name));
        check(scale("s"), scale("t"), key)?;
    }
    say!("100 random pairs of Rayleigh distributions obey the laws");
    Ok(())
}
