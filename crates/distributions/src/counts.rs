//! Sums over the counts for masses with heavy tails, or with a pole at 0.

use probity_autodiff::Real;

/// Nodes and weights of the Gauss-Legendre rule with 16 nodes, those on one side.
const RULE: [(f64, f64); 8] = [
    (0.9894009349916499, 0.027152459411754096),
    (0.9445750230732326, 0.062253523938647894),
    (0.8656312023878318, 0.09515851168249279),
    (0.755404408355003, 0.12462897125553388),
    (0.6178762444026438, 0.14959598881657674),
    (0.45801677765722737, 0.16915651939500254),
    (0.2816035507792589, 0.18260341504492358),
    (0.09501250983763744, 0.1894506104550685),
];

/// So many counts are simply added up.
const SHORT: f64 = 4096.0;
/// Of more, those below are added up, and the others by an integral.
const FIRST: f64 = 64.0;

/// Weights of `f(k + j) - f(k - j)`, `j = 1, …, 4`, in a sum from k on that is half of `f(k)` and
/// an integral otherwise: Gauss's second formula, to the seventh difference.
const ENDS: [f64; 4] = {
    let c = [-1.0 / 12.0, 11.0 / 720.0, -191.0 / 60480.0, 2497.0 / 3628800.0];
    [
        0.5 * (c[0] - 2.0 * c[1] + 5.0 * c[2] - 14.0 * c[3]),
        0.5 * (c[1] - 4.0 * c[2] + 14.0 * c[3]),
        0.5 * (c[2] - 6.0 * c[3]),
        0.5 * c[3],
    ]
};

/// `Σ f(k)` over all counts, for an `f` that falls off like a mass of that mean, standard deviation
/// and length of its exponential tail, and is smooth between the counts (it may have a pole at 0).
///
/// The first 64 are added up; the others are an integral, by the Gauss-Legendre rule on pieces no
/// wider than the mass or half of their distance from 0, with the differences at its lower end. To
/// about the precision of the numbers, in up to some 2000 terms whatever the parameters. Counts
/// farther from the mean than 45 deviations or tails are left out: `e⁻⁴⁵` of the mass.
///
/// *Source*: Hildebrand 1974, *Introduction to Numerical Analysis*, chapter 5 (Gauss's summation
/// formula by central differences).
pub(crate) fn sum_of_heavy_counts<R: Real>((mean, sd, tail): (f64, f64, f64), f: impl Fn(R) -> R) -> R {
    if !(mean.is_finite() && sd.is_finite() && tail.is_finite()) {
        return R::of(f64::NAN);
    }
    let width = sd.max(tail);
    let high = (mean + 45.0 * width + 50.0).ceil();
    let f = |x: f64| f(R::of(x));
    let mut sum = R::zero();
    if high <= SHORT {
        let mut k = 0.0;
        while k <= high {
            sum += f(k);
            k += 1.0;
        }
        return sum;
    }
    let mut low = mean - 45.0 * width;
    if low < FIRST {
        low = FIRST;
        for k in 0..FIRST as u32 {
            sum += f(f64::from(k));
        }
        sum += f(low) * 0.5;
        for (j, weight) in ENDS.into_iter().enumerate() {
            let step = (j + 1) as f64;
            sum += (f(low + step) - f(low - step)) * weight;
        }
    }
    while low < high {
        let half = 0.5 * width.min(0.5 * low).min(high - low);
        let middle = low + half;
        // Of the last counts before a large end there may be no number between.
        if !(middle > low) {
            break;
        }
        let mut piece = R::zero();
        for (x, weight) in RULE {
            piece += (f(middle - half * x) + f(middle + half * x)) * weight;
        }
        sum += piece * half;
        low = middle + half;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_autodiff::Real;

    #[test]
    fn sums_of_counts_without_neighbours_end() {
        for mean in [1e14, 1e17, 1e45, 1e200, 1e300] {
            // An exponential mass.
            let sum = sum_of_heavy_counts((mean, mean, mean), |k: f64| Real::exp(-k / mean) / mean);
            assert!((sum - 1.0).abs() < 1e-12, "{mean:e}: {sum}");
        }
    }

    #[test]
    fn heavy_sums_are_those_term_by_term() {
        // Masses of negative binomial form, not normalised, and their first moment.
        for (r, odds) in [(0.01, 300.0), (0.3, 5000.0), (1.0, 200.0), (4.0, 500.0), (60.0, 100.0)] {
            let s = -Real::ln_1p(1.0 / odds);
            // Γ(k + r) / (k! Γ(r)), whose logarithm is no difference of large numbers.
            let rising = |k: f64| if k == 0.0 { 0.0 } else { -Real::ln_beta(k, r) - Real::ln(k) };
            let log = |k: f64| rising(k) + k * s;
            let top = log((r * odds).floor());
            let mass = |k: f64| (log(k) - top).exp();
            let size: (f64, f64, f64) = (r * odds, (r * odds * (odds + 1.0)).sqrt(), -1.0 / s);
            let last = (size.0 + 60.0 * size.1.max(size.2)) as u32;
            for power in [0, 1] {
                let term = |k: f64| mass(k) * k.powi(power);
                // From the end, where terms are small.
                let want: f64 = (0..last).rev().map(|k| term(f64::from(k))).sum();
                let got = sum_of_heavy_counts(size, term);
                assert!((got / want - 1.0).abs() < 2e-13, "{r} {odds} {power}: {got:e} {want:e}");
            }
        }
    }
}
