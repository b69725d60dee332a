//! One mode, not Gaussian: heavy tails, skewness, bananas, plateaus, and posteriors pressed against
//! a limit.

use super::random::Random;
use super::shape::{Placing, Problem, Shape};
use probity_autodiff::Real;
use std::f64::consts::{LN_2, PI};

/// Euler's constant.
const EULER: f64 = 0.577_215_664_901_532_9;

/// The second derivative of `ln Γ`: by `ψ'(x) = ψ'(x + 1) + 1 / x²` up to x = 20, and from there by
/// its asymptotic series, whose first term left out is below 10⁻¹³ there.
///
/// Source: DLMF, 5.15.5 and 5.15.8.
pub fn trigamma(x: f64) -> f64 {
    let (mut x, mut sum) = (x, 0.0);
    while x < 20.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let i = 1.0 / x;
    sum + i + i * i / 2.0 + i.powi(3) / 6.0 - i.powi(5) / 30.0 + i.powi(7) / 42.0 - i.powi(9) / 30.0
}

/// Multivariate Student's t with ν > 2 degrees of freedom.
///
/// `ln p(w) = -½ (ν + d) ln(1 + |w|² / ν)`; mean 0, covariance ν / (ν - 2) I.
///
/// Source: Kotz, Nadarajah 2004, Multivariate t Distributions and Their Applications.
pub fn student_shape(d: usize, nu: f64) -> Shape {
    Shape::uncorrelated(vec![0.0; d], vec![nu / (nu - 2.0); d], move |w, gradient| {
        let q = w.iter().map(|w| w * w).sum::<f64>() / nu;
        let k = (nu + w.len() as f64) / 2.0;
        gradient.iter_mut().zip(w).for_each(|(g, w)| *g = -2.0 * k * w / (nu * (1.0 + q)));
        -k * q.ln_1p()
    })
}

/// With 2.5 to 30 degrees of freedom.
pub fn student(random: &mut Random) -> Problem {
    let (d, nu) = (random.whole(2, 10), random.log_between(2.5, 30.0));
    let condition = random.log_between(1.0, 30.0);
    Problem::place(random, student_shape(d, nu), Placing { condition, scales: 10.0 })
}

/// Logarithms of independent Gamma(aᵢ, 1) numbers.
///
/// `ln p(w) = Σ aᵢ wᵢ - exp wᵢ`; means ψ(aᵢ), variances ψ'(aᵢ): the cumulants of `ln Γ` are the
/// derivatives of `ln E exp(t w) = ln Γ(a + t) - ln Γ(a)` at t = 0.
pub fn log_gamma(a: Vec<f64>) -> Shape {
    let mean = a.iter().map(|a| a.digamma()).collect();
    let variance = a.iter().map(|a| trigamma(*a)).collect();
    Shape::uncorrelated(mean, variance, move |w, gradient| {
        let mut value = 0.0;
        for ((w, g), a) in w.iter().zip(gradient).zip(&a) {
            let e = w.exp();
            value += a * w - e;
            *g = a - e;
        }
        value
    })
}

/// With shapes from 0.3, very skewed, to 30, nearly Gaussian.
pub fn skewed(random: &mut Random) -> Problem {
    let d = random.whole(1, 10);
    let a = (0..d).map(|_| random.log_between(0.3, 30.0)).collect();
    let condition = random.log_between(1.0, 10.0);
    Problem::place(random, log_gamma(a), Placing { condition, scales: 10.0 })
}

/// Pairs of which the second follows the square of the first, as `y = z + b (x² - 1)` with standard
/// normal x and z.
///
/// `ln p(x, y) = -½ x² - ½ (y - b (x² - 1))²`; means 0, variances 1 and 1 + 2 b² (that of x² is 2),
/// no correlation.
///
/// Source: Haario, Saksman, Tamminen 1999, "Adaptive proposal distribution for random walk
/// Metropolis algorithm".
pub fn banana_shape(pairs: usize, b: f64) -> Shape {
    let variance = [1.0, 1.0 + 2.0 * b * b].repeat(pairs);
    Shape::uncorrelated(vec![0.0; 2 * pairs], variance, move |w, gradient| {
        let mut value = 0.0;
        for (w, g) in w.chunks_exact(2).zip(gradient.chunks_exact_mut(2)) {
            let rest = w[1] - b * (w[0] * w[0] - 1.0);
            value -= 0.5 * (w[0] * w[0] + rest * rest);
            g[0] = -w[0] + 2.0 * b * w[0] * rest;
            g[1] = -rest;
        }
        value
    })
}

/// From hardly to strongly bent, half of them rotated as well.
pub fn banana(random: &mut Random) -> Problem {
    let (pairs, b) = (random.whole(1, 4), random.log_between(0.05, 3.0));
    let condition = if random.chance(0.5) { 1.0 } else { random.log_between(1.0, 30.0) };
    Problem::place(random, banana_shape(pairs, b), Placing { condition, scales: 10.0 })
}

/// A prior that lets a number be anywhere between two soft limits: uniform on (-1, 1) plus logistic
/// noise of scale s.
///
/// `p(w) ∝ σ((w + 1) / s) - σ((w - 1) / s) ∝ σ((w + 1) / s) σ((1 - w) / s)`; mean 0, variance
/// 1/3 + π² s² / 3, the sum of those of a uniform and of a logistic number.
pub fn plateau_shape(s: Vec<f64>) -> Shape {
    let variance = s.iter().map(|s| (1.0 + PI * PI * s * s) / 3.0).collect();
    Shape::uncorrelated(vec![0.0; s.len()], variance, move |w, gradient| {
        let mut value = 0.0;
        for ((w, g), s) in w.iter().zip(gradient).zip(&s) {
            let (low, high) = ((w + 1.0) / s, (1.0 - w) / s);
            value -= (-low).softplus() + (-high).softplus();
            *g = ((-low).sigmoid() - (-high).sigmoid()) / s;
        }
        value
    })
}

/// With edges of which each is from 1 % to half as wide as half the plateau.
pub fn plateau(random: &mut Random) -> Problem {
    let d = random.whole(1, 8);
    let s = (0..d).map(|_| random.log_between(0.01, 0.5)).collect();
    let condition = random.log_between(1.0, 5.0);
    Problem::place(random, plateau_shape(s), Placing { condition, scales: 5.0 })
}

/// What is pressed against a limit: a density that is highest there, in unconstrained numbers.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// The logarithm of a half normal number: `ln p(w) = w - ½ exp 2w`. As x² / 2 is Gamma(½, 1),
    /// its mean is (ψ(½) + ln 2) / 2 = -(γ + ln 2) / 2, its variance ψ'(½) / 4 = π² / 8.
    HalfNormal,
    /// The logarithm of an exponential number: `ln p(w) = w - exp w`; mean -γ, variance π² / 6.
    Exponential,
    /// The logit of a Beta(1, b) number: `ln p(w) = ln σ(w) + b ln σ(-w)`; mean ψ(1) - ψ(b),
    /// variance ψ'(1) + ψ'(b), as it is the difference of the logarithms of two Gamma numbers.
    Beta(f64),
}

impl Limit {
    fn mean(self) -> f64 {
        match self {
            Limit::HalfNormal => -(EULER + LN_2) / 2.0,
            Limit::Exponential => -EULER,
            Limit::Beta(b) => -EULER - b.digamma(),
        }
    }

    fn variance(self) -> f64 {
        match self {
            Limit::HalfNormal => PI * PI / 8.0,
            Limit::Exponential => PI * PI / 6.0,
            Limit::Beta(b) => PI * PI / 6.0 + trigamma(b),
        }
    }

    /// The log density and its slope.
    fn log_density(self, w: f64) -> (f64, f64) {
        match self {
            Limit::HalfNormal => {
                let square = (2.0 * w).exp();
                (w - 0.5 * square, 1.0 - square)
            }
            Limit::Exponential => {
                let x = w.exp();
                (w - x, 1.0 - x)
            }
            Limit::Beta(b) => (-(-w).softplus() - b * w.softplus(), (-w).sigmoid() - b * w.sigmoid()),
        }
    }
}

/// Independent numbers, each pressed against a limit.
pub fn limited(all: Vec<Limit>) -> Shape {
    let mean = all.iter().map(|l| l.mean()).collect();
    let variance = all.iter().map(|l| l.variance()).collect();
    Shape::uncorrelated(mean, variance, move |w, gradient| {
        let mut sum = 0.0;
        for ((w, g), limit) in w.iter().zip(gradient).zip(&all) {
            let (value, slope) = limit.log_density(*w);
            sum += value;
            *g = slope;
        }
        sum
    })
}

/// Up to eight of them.
pub fn limit(random: &mut Random) -> Problem {
    let d = random.whole(1, 8);
    let all = (0..d).map(|_| match random.whole(0, 2) {
        0 => Limit::HalfNormal,
        1 => Limit::Exponential,
        _ => Limit::Beta(random.log_between(0.5, 20.0)),
    });
    let shape = limited(all.collect());
    Problem::place(random, shape, Placing { condition: 1.0, scales: 5.0 })
}
