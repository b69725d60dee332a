//! The fast paths of log densities against their exact forms.

use super::bernoulli::LogitsLogProb;
use super::beta::BetaLogProb;
use super::cauchy::CauchyLogProb;
use super::gamma::GammaLogProb;
use super::gumbel::GumbelLogProb;
use super::inverse_gamma::InverseGammaLogProb;
use super::laplace::LaplaceLogProb;
use super::log_normal::LogNormalLogProb;
use super::normal::{NormalLogProb, Squares};
use super::poisson::PoissonLogProb;
use super::weibull::WeibullLogProb;
use probity_autodiff::random::{fill_normal, fill_uniform};
use probity_autodiff::{Formula, Key, Tape, Var, check_fast_path, partials};

type Points<const N: usize = 3> = Vec<[f64; N]>;

/// Ordinary numbers, and such of all sizes; every point near the bulk of its distribution and, at
/// times, far from it.
fn points(of: impl Fn([f64; 3], [f64; 3]) -> [f64; 3]) -> Points {
    let (mut z, mut u) = (vec![0.0; 12_000], vec![0.0; 12_000]);
    fill_normal(Key::new(1), 0, &mut z);
    fill_uniform(Key::new(2), 0, &mut u);
    let (z, u) = (z.as_chunks::<3>().0, u.as_chunks::<3>().0);
    z.iter().zip(u).map(|(z, u)| of(*z, *u)).collect()
}

/// `e` to a power whose size is ordinary for one half of the points.
fn positive(z: f64, u: f64) -> f64 {
    (z * if u < 0.5 { 1.0 } else { 8.0 }).exp()
}

fn located() -> Points {
    points(|[a, b, c], [u, v, w]| {
        let (loc, scale) = (positive(a, u), positive(b, v));
        [loc + scale * c * if w < 0.5 { 1.0 } else { 30.0 }, loc, scale]
    })
}

/// The value near the mean of Gamma(a, 1) times a scale.
fn shaped() -> Points {
    points(|[z, b, c], [u, v, w]| {
        let (a, scale) = (positive(b, u).clamp(1e-3, 1e6), positive(c, v));
        let x = a + a.sqrt() * z;
        [scale * if w < 0.5 && x > 0.0 { x } else { positive(z, w) }, a, scale]
    })
}

/// The fast path is as exact as `eval` where it holds, which is at most of these points.
fn agrees<F: Formula<N>, const N: usize>(f: F, points: &Points<N>, share: f64, tolerance: f64) {
    let check = check_fast_path(f, points);
    let worst = points.iter().find(|p| check_fast_path(f, &[**p]).error > tolerance);
    assert!(worst.is_none(), "{} at {worst:?}: {check:?}", f.name());
    assert!(check.holds as f64 > share * points.len() as f64, "{}: {check:?}", f.name());
}

#[test]
fn they_agree_with_the_exact_forms() {
    let (located, shaped) = (located(), shaped());
    agrees(NormalLogProb, &located, 0.99, 1e-14);
    agrees(Squares, &located, 0.99, 1e-14);
    agrees(LaplaceLogProb, &located, 0.99, 1e-14);
    agrees(CauchyLogProb, &located, 0.99, 1e-14);
    agrees(GumbelLogProb, &located, 0.8, 1e-14);
    let positive_x: Points = located.iter().map(|[_, a, s]| [*a, a.ln(), *s]).collect();
    agrees(LogNormalLogProb, &positive_x, 0.99, 1e-14);
    agrees(WeibullLogProb, &located.iter().map(|[_, x, k]| [*x, *k, 1.5]).collect(), 0.6, 2e-14);
    agrees(GammaLogProb, &shaped.iter().map(|[y, a, s]| [y / s, *a, *s]).collect(), 0.7, 2e-14);
    agrees(InverseGammaLogProb, &shaped.iter().map(|[y, a, s]| [s / y, *a, *s]).collect(), 0.7, 2e-14);
    let shares =
        points(|[a, b, c], [u, v, _]| [1.0 / (1.0 + (-a * 2.0).exp()), positive(b, u), positive(c, v)]);
    agrees(BetaLogProb, &shares, 0.3, 2e-14);
}

#[test]
fn those_of_counts_too() {
    let counts = shaped().iter().map(|[y, a, _]| [a.round().max(1.0), *y]).collect();
    agrees(PoissonLogProb, &counts, 0.7, 2e-14);
    assert_eq!(PoissonLogProb.fast_path([0.0, 2.5]).0, -2.5);
    let bits = located().iter().map(|[x, l, _]| [f64::from(*x < *l), x - 1.0]).collect();
    agrees(LogitsLogProb, &bits, 0.9, 1e-14);
    for edge in [[0.5, 1.0], [-1.0, 1.0], [f64::NAN, 1.0], [2.0, f64::NAN]] {
        assert!(!PoissonLogProb.fast_path(edge).2 && !LogitsLogProb.fast_path(edge).2);
    }
}

#[test]
fn a_sum_on_the_tape_takes_the_exact_form_at_single_entries() {
    // Entries outside, at the edge and of extreme size among ordinary ones.
    let mut points: Points = shaped().into_iter().take(200).map(|[y, a, s]| [y / s, a, s]).collect();
    for (i, x) in [(3, 0.0), (40, 1e-200), (77, 1e200), (78, 3e-30)] {
        points[i][0] = x;
    }
    points[100][1] = 1e18;
    let column = |k: usize| -> Vec<f64> { points.iter().map(|p| p[k]).collect() };
    let tape = Tape::new();
    let x = [0, 1, 2].map(|k| tape.variable_with(200, 1, |to| to.copy_from_slice(&column(k))));
    // Their entries apart, because one of them is infinite.
    let each = Var::map(GammaLogProb, x);
    let near = |got: f64, want: f64| got == want || (got - want).abs() < 1e-12 * want.abs();
    for (got, p) in each.value().iter().zip(&points) {
        let want = partials(GammaLogProb, *p).0;
        assert!(near(*got, want), "{p:?}: {got} {want}");
    }
    let gradients = tape.backward(Var::map_sum(GammaLogProb, x)).wrt(x[1]);
    for (got, p) in gradients.iter().zip(&points) {
        let want = partials(GammaLogProb, *p).1[1];
        assert!(near(*got, want) || got.is_nan() && want.is_nan(), "{p:?}: {got} {want}");
    }
}

#[test]
fn both_passes_in_one_give_what_two_give() {
    // Long sums are evaluated twice, these once.
    for scale in [1.0, -0.75] {
        let points: Points = located().into_iter().take(300).collect();
        let tape = Tape::new();
        let column = |k: usize| {
            tape.variable_with(300, 1, |to| {
                to.iter_mut().zip(&points).for_each(|(to, p)| *to = p[k]);
            })
        };
        let (x, loc, shared) = (column(0), column(1), tape.scalar(2.5));
        let sum = Var::map_sum(NormalLogProb, [x, loc, shared]);
        let want = points.iter().map(|p| partials(NormalLogProb, [p[0], p[1], 2.5]));
        let value: f64 = want.clone().map(|(f, _)| f).sum();
        assert!((sum.item() / value - 1.0).abs() < 1e-12);
        // The same matrix twice, and a result that is not the sum itself.
        let gradients = tape.backward((sum + (x * x).sum()) * scale);
        let (dx, dloc) = (gradients.wrt(x), gradients.wrt(loc));
        for (i, (_, slopes)) in want.clone().enumerate() {
            let of_x = (slopes[0] + 2.0 * points[i][0]) * scale;
            assert!((dx[i] - of_x).abs() <= 1e-12 * (of_x.abs() + slopes[0].abs()), "{} {of_x}", dx[i]);
            assert!((dloc[i] - slopes[1] * scale).abs() <= 1e-13 * slopes[1].abs());
        }
        let of_scale: f64 = want.map(|(_, slopes)| slopes[2]).sum::<f64>() * scale;
        assert!((gradients.wrt(shared)[0] / of_scale - 1.0).abs() < 1e-11);
    }
}
