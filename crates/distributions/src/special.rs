//! What several families share: draws and quantiles with implicit derivatives, gamma draws,
//! differences of `ln Γ`.

use probity_autodiff::math::erf::erfcx_slope;
use probity_autodiff::math::gamma_inc::gamma_log_draw_slope;
use probity_autodiff::math::student_t::student_t_draw_slope;
use probity_autodiff::math::{ln_1p_minus, stirling};
use probity_autodiff::{Dual, Key, Real};
use std::any::TypeId;

/// Whether the number has no derivative parts, so that computing them would be wasted.
pub(crate) fn is_plain<R: Real>() -> bool {
    TypeId::of::<R::Wide>() == TypeId::of::<f64>()
}

/// How many orders of derivatives the number carries.
fn orders<R: Real>() -> usize {
    if is_plain::<R>() { 0 } else { 1 + orders::<R::Primal>() }
}

/// How a draw moves with `K` parameters at fixed noise.
pub(crate) trait DrawSlopes<const K: usize> {
    /// `dz/daₖ` of a draw `z`.
    fn slopes<R: Real>(a: [R; K], z: R) -> [R; K];
}

/// The draw `z` with the derivatives that it has through the parameters `a`.
///
/// Exact in every order: the derivative parts of a number take slopes of its primal value, so that
/// first derivatives need no derivative of a slope.
///
/// *Source*: Figurnov, Mohamed, Mnih 2018, "Implicit reparameterization gradients", equation 6.
pub(crate) fn implicit_draw<S: DrawSlopes<K>, R: Real, const K: usize>(z: f64, a: [R; K]) -> R {
    if is_plain::<R>() {
        return R::of(z);
    }
    let primal = a.map(R::primal);
    let z = implicit_draw::<S, R::Primal, K>(z, primal);
    let slopes = S::slopes(primal, z);
    let mut draw = R::zero();
    for (k, (a, slope)) in a.into_iter().zip(slopes).enumerate() {
        draw += a.chained(if k == 0 { z } else { R::Primal::of(0.0) }, slope);
    }
    draw
}

/// Of the logarithm of a draw from Gamma(a, 1).
pub(crate) struct LogGammaSlope;
impl DrawSlopes<1> for LogGammaSlope {
    fn slopes<R: Real>([a]: [R; 1], z: R) -> [R; 1] {
        [gamma_log_draw_slope(a, z)]
    }
}

/// Of a draw from StudentT(df).
pub(crate) struct StudentTSlope;
impl DrawSlopes<1> for StudentTSlope {
    fn slopes<R: Real>([df]: [R; 1], t: R) -> [R; 1] {
        [student_t_draw_slope(df, t)]
    }
}

/// The root `x` of `miss` with the derivatives that it has through what `miss` depends on; `slope`
/// is `d miss / dx`.
///
/// Newton steps on the derivative parts alone. Each makes at least one more order of them exact.
pub(crate) fn implicit_root<R: Real>(x: f64, miss: impl Fn(R) -> R, slope: impl Fn(R) -> R) -> R {
    let mut x = R::of(x);
    if is_plain::<R>() || !x.is_finite() {
        return x;
    }
    for _ in 0..orders::<R>() {
        let m = miss(x);
        x -= (m - m.re()) / slope(x);
    }
    x
}

/// The key of an entry's own stream, from two uniform numbers (of 24 or more random bits each).
pub(crate) fn entry_key<R: Real>(u: R, v: R) -> Key {
    Key::new(u.re().to_bits()).fold_in(v.re().to_bits())
}

/// The logarithm of a draw from Gamma(`a`, rate 1): a pure function of the key. NaN unless
/// `0 < a < ∞`.
///
/// The logarithm does not underflow, as draws for a small `a` would.
///
/// *Source*: Marsaglia and Tsang 2000, "A simple method for generating gamma variables", with its
/// boost for `a < 1`.
pub(crate) fn log_gamma_draw(key: Key, a: f64) -> f64 {
    if !(a > 0.0 && a < f64::INFINITY) {
        return f64::NAN;
    }
    let words = |index| key.at(index).map(f64::from);
    // Never 0, so that its logarithm is finite.
    let unit = |high: f64, low: f64| ((low + 0.5) * 2f64.powi(-32) + high) * 2f64.powi(-32);
    if a < 1.0 {
        let [high, low, ..] = words(u64::MAX);
        return log_gamma_draw(key, a + 1.0) + unit(high, low).ln() / a;
    }
    let d = a - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    for attempt in 0..u64::MAX {
        let [r0, r1, angle, accept] = words(attempt);
        // Box and Muller; the tail needs the long uniform.
        let radius = (-2.0 * unit(r0, r1).ln()).sqrt();
        let z = radius * (unit(angle, 0.0) * std::f64::consts::TAU).cos();
        let root = 1.0 + c * z;
        if root > 0.0 {
            let v = root * root * root;
            let log_v = 3.0 * (c * z).ln_1p();
            if unit(accept, 0.0).ln() < 0.5 * z * z + d * (1.0 - v + log_v) {
                return d.ln() + log_v;
            }
        }
    }
    f64::NAN
}

/// A uniform number from (0, 1) with 53 random bits, whatever the precision of the noise: the next
/// one of an entry's own stream.
pub(crate) fn entry_uniform<R: Real>(u: R, v: R) -> f64 {
    let [high, low, ..] = entry_key(u, v).at(0).map(f64::from);
    let x = ((low + 0.5) * 2f64.powi(-32) + high) * 2f64.powi(-32);
    x.min(1.0 - f64::EPSILON / 2.0)
}

/// The first count `k` from 0 to `last` with `P(X <= k) >= p`. `tails(k)` are `P(X <= k)` and
/// `P(X > k)`; mean and standard deviation say where to look first.
pub(crate) fn count_quantile(
    p: f64,
    (mean, sd): (f64, f64),
    last: f64,
    tails: impl Fn(f64) -> (f64, f64),
) -> f64 {
    if !(0.0..=1.0).contains(&p) || mean.is_nan() || sd.is_nan() {
        return f64::NAN;
    }
    if p == 1.0 {
        return last;
    }
    // The smaller tail decides: it is the accurate one.
    let enough = |k: f64| {
        let (lower, upper) = tails(k);
        if p <= 0.5 { lower >= p } else { upper <= 1.0 - p }
    };
    let at = (mean + sd * p.ndtri()).clamp(0.0, last.min(f64::MAX)).floor();
    let (mut low, mut high, mut step) = (-1.0, last, (sd * 0.1).floor().max(1.0));
    if enough(at) {
        high = at;
        while high - step > low && enough(high - step) {
            high -= step;
            step *= 4.0;
        }
        low = (high - step).max(low);
    } else {
        low = at;
        while low + step < high && !enough(low + step) {
            low += step;
            step *= 4.0;
        }
        high = (low + step).min(high);
    }
    // Counts beyond 2⁵³ have no neighbours at distance 1.
    while high - low > 1.0 {
        let middle = (low + (high - low) * 0.5).floor();
        if middle <= low || middle >= high {
            break;
        }
        if enough(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

/// `Σ f(k)` over the counts from 0 to `last`, for an `f` that falls off like a mass of that mean
/// and standard deviation.
///
/// Where the deviation is large every n-th count is taken, n times: an error of
/// `exp(-2π² (sd / n)²)`, below 1e-300 here, by Poisson's summation formula. Counts farther than 40
/// deviations (and 700) from the mean are left out. NaN where the deviation is so small beside the
/// mean (from some 1e30 on, of a Poisson variable) that such counts are the same number.
pub(crate) fn sum_of_counts<R: Real>((mean, sd): (f64, f64), last: f64, f: impl Fn(R) -> R) -> R {
    let stride = (sd / 8.0).floor().max(1.0);
    let reach = 40.0 * sd + 700.0;
    let (low, high) = ((mean - reach).floor().max(0.0), (mean + reach).ceil().min(last));
    if !(mean.is_finite() && sd.is_finite() && high - stride < high) {
        return R::of(f64::NAN);
    }
    let mut sum = R::zero();
    let mut k = low;
    while k <= high {
        sum += f(R::of(k));
        k += stride;
    }
    sum * stride
}

/// `ψ(a) - ψ(a + b)`, the mean of the logarithm of a Beta variable, also where the two are nearly
/// equal.
pub(crate) fn mean_log_of_beta<R: Real>(a: R, b: R) -> R {
    if !(a >= 10.0) {
        return a.digamma() - (a + b).digamma();
    }
    // ψ(x) = ln x - 1/(2x) + the slope of Stirling's series.
    let slope = |x: R| stirling(Dual::<R, 1>::variable(x, 0)).du[0];
    let sum = a + b;
    slope(a) - slope(sum) - (b / a).ln_1p() - b / a / sum * 0.5
}

/// `eˢ - 1 - s`, without cancellation near 0.
pub(crate) fn exp_minus_line<R: Real>(s: R) -> R {
    if !(s.re().abs() < 1.0) {
        return s.exp_m1() - s;
    }
    // Taylor's series, by Horner; 1/20! is below rounding.
    let series = (3..=19).rev().fold(R::one(), |p, k| p * s / f64::from(k) + 1.0);
    s * s * series * 0.5
}

/// `ln(1 + e) - e` where `ratio = 1 + e` is known as well, so that neither end of `(-1, ∞)` loses
/// digits.
#[inline(always)]
pub(crate) fn ln_bend<R: Real>(e: R, ratio: R) -> R {
    if e.re().abs() < 0.35 { ln_1p_minus(e) } else { ratio.ln() - e }
}

/// `ln Γ(q) - ln Γ(p) - (q - p) ψ(p)`: never negative, and relatively accurate also for nearly
/// equal or huge arguments.
///
/// *Source*: the recurrence DLMF 5.5.1 up to 10, then the differences of the Stirling series 5.11.1
/// term by term.
pub(crate) fn lgamma_above_tangent<R: Real>(q: R, p: R) -> R {
    let step = q - p;
    let (mut p, mut q, mut sum) = (p, q, R::zero());
    while p < 10.0 || q < 10.0 {
        sum -= ln_bend(step / p, q / p);
        p += R::one();
        q += R::one();
    }
    let (e, ratio) = (step / p, q / p);
    let bend = ln_bend(e, ratio);
    // q ln(q/p) - q + p, over p.
    let main = if e.re().abs() < 0.35 { e * e + ratio * bend } else { ratio * ratio.ln() - e };
    // The first term of the series by itself, because it is the largest.
    let first = e * e / (q * 12.0);
    let at_p = stirling_rest(Dual::<R, 1>::variable(p, 0));
    sum + p * main - bend * 0.5 + first + (stirling_rest(q) - at_p.re - step * at_p.du[0])
}

/// How many times both arguments of [`lgamma_above_tangent`] are raised by 1 before the Stirling
/// series.
pub(crate) fn tangent_steps<R: Real>(q: R, p: R) -> R {
    R::of((10.0 - p.re().min(q.re())).ceil().clamp(0.0, 10.0))
}

/// What [`lgamma_above_tangent`] has beside `q' ln(q'/p') - q' + p'`, with `q'` and `p'` the
/// arguments raised by these steps. Sums of such terms cancel, and are taken together by those who
/// add them up.
pub(crate) fn tangent_rest<R: Real>(q: R, p: R, steps: R) -> R {
    let step = q - p;
    let (mut p, mut q, mut sum) = (p, q, R::zero());
    let mut left = steps.re();
    while left > 0.0 {
        sum -= ln_bend(step / p, q / p);
        p += R::one();
        q += R::one();
        left -= 1.0;
    }
    let e = step / p;
    let first = e * e / (q * 12.0);
    let at_p = stirling_rest(Dual::<R, 1>::variable(p, 0));
    sum - ln_bend(e, q / p) * 0.5 + first + (stirling_rest(q) - at_p.re - step * at_p.du[0])
}

/// `q ln((q / Q) / (p / P)) - q + p Q / P` with `q = p + step` and `Q = P + all_steps`: never
/// negative, and what `q ln(q/p) - q + p` of all components leaves when that of their sums `Q` and
/// `P` is taken from it.
pub(crate) fn share_gap<R: Real>([p, step]: [R; 2], [total, all_steps]: [R; 2]) -> R {
    let (q, all) = (p + step, total + all_steps);
    // By differences for nearly equal arguments: both products are small. Else these would cancel.
    let share = p / total;
    let close = (share * all_steps).re().abs() < q.re();
    let e = if close { (share * all_steps - step) / q } else { (share * all - q) / q };
    -q * ln_bend(e, share * (all / q))
}

/// `erfcx(a) - erfcx(a + width)` for `width > 0`: as an integral where the two are close.
pub(crate) fn erfcx_gap<R: Real>(a: R, width: R) -> R {
    if width < a.abs() + 1.0 {
        crate::lift::integral(R::zero(), width, 1, |t| [-erfcx_slope(a + t)])[0]
    } else {
        a.erfcx() - (a + width).erfcx()
    }
}

/// The Stirling series of `ln Γ(x)` after its first term, for `x >= 10`.
fn stirling_rest<R: Real>(x: R) -> R {
    const C: [f64; 7] = [
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360360.0,
        1.0 / 156.0,
        -3617.0 / 122400.0,
    ];
    let r = x.recip();
    let z = r * r;
    C.iter().rev().fold(R::zero(), |p, &c| p * z + c) * z * r
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_autodiff::math::gamma_inc::{gamma_p_inv, gamma_pdf};
    use probity_autodiff::math::student_t::student_t_cdf;

    type Second = Dual<Dual<f64, 1>, 1>;

    fn second(x: f64) -> Second {
        Dual { re: Dual::variable(x, 0), du: [Dual::constant(1.0)] }
    }

    /// Value, first and second derivative.
    fn parts(x: Second) -> [f64; 3] {
        [x.re.re, x.re.du[0], x.du[0].du[0]]
    }

    #[test]
    fn draw_and_quantile_have_the_same_derivatives() {
        for (a, p) in [(0.3, 0.2), (1.0, 0.9), (2.5, 0.5), (7.0, 0.01), (40.0, 0.7)] {
            let z: f64 = gamma_p_inv(a, p);
            let draw = parts(implicit_draw::<LogGammaSlope, _, 1>(z.ln(), [second(a)]).exp());
            let a = second(a);
            let root = parts(implicit_root(z, |z| a.gamma_p(z) - p, |z| gamma_pdf(a, z)));
            for (x, y) in draw.into_iter().zip(root) {
                assert!((x - y).abs() < 1e-9 * (1.0 + y.abs()), "{draw:?} {root:?}");
            }
        }
        for (df, t) in [(1.5, -3.0), (4.0, 0.6), (60.0, 2.0)] {
            let draw = parts(implicit_draw::<StudentTSlope, _, 1>(t, [second(df)]));
            // The cdf of the moving draw does not move.
            let along = implicit_draw::<StudentTSlope, _, 1>(t, [second(df)]);
            let [_, first, curvature] = parts(student_t_cdf(second(df), along));
            assert!(first.abs() < 1e-13 && curvature.abs() < 1e-12, "{draw:?}: {first:e} {curvature:e}");
            // Nor in the third order.
            let df = Dual { re: second(df), du: [Second::constant(Dual::constant(1.0))] };
            let along = implicit_draw::<StudentTSlope, _, 1>(t, [df]);
            let third = student_t_cdf(df, along).du[0].du[0].du[0];
            assert!(third.abs() < 1e-11, "{draw:?}: {third:e}");
        }
    }

    #[test]
    fn gamma_draws_do_not_underflow_in_logarithms() {
        let draws: Vec<f64> = (0..20_000).map(|i| log_gamma_draw(Key::new(7).fold_in(i), 1e-3)).collect();
        assert!(draws.iter().all(|x| x.is_finite()));
        // E ln z = ψ(a), with standard deviation about 1 / a.
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        assert!((mean - 1e-3f64.digamma()).abs() < 5.0 * 1000.0 / (draws.len() as f64).sqrt(), "{mean}");
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(log_gamma_draw(Key::new(7), bad).is_nan());
        }
        assert!((log_gamma_draw(Key::new(7), 1e300) - 1e300f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn tangent_of_lgamma_is_below() {
        // Around p by Taylor's series, and far from it by the definition.
        for p in [0.01, 0.7, 3.0, 25.0, 1e6] {
            for h in [1e-3, -1e-3, 1e-7] {
                let h = (p + h * p) - p;
                let want = h * h / 2.0 * p.polygamma(1) + h * h * h / 6.0 * p.polygamma(2);
                let got = lgamma_above_tangent(p + h, p);
                assert!((got / want - 1.0).abs() < 3e-6, "{p} {h}: {got:e} {want:e}");
            }
            assert_eq!(lgamma_above_tangent(p, p), 0.0);
        }
        for (q, p) in [(2.0, 1e-3), (1e-3, 2.0), (5.0, 30.0), (30.0, 5.0)] {
            let want: f64 = q.lgamma() - p.lgamma() - (q - p) * p.digamma();
            let got: f64 = lgamma_above_tangent(q, p);
            assert!((got / want - 1.0).abs() < 1e-13, "{q} {p}: {got:e} {want:e}");
        }
    }
}
