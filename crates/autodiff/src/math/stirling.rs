//! Pieces of gamma functions that stay accurate where the functions themselves would cancel.

use crate::real::Real;

pub(super) const HALF_LN_TAU: f64 = 0.918_938_533_204_672_741_78;

/// From here on the Stirling series with eight terms is exact to rounding.
pub(super) const STIRLING_FROM: f64 = 10.0;

/// `B₂ₖ / (2k (2k - 1))`, DLMF 5.11.1.
pub(super) const STIRLING: [f64; 8] = [
    1.0 / 12.0,
    -1.0 / 360.0,
    1.0 / 1260.0,
    -1.0 / 1680.0,
    1.0 / 1188.0,
    -691.0 / 360360.0,
    1.0 / 156.0,
    -3617.0 / 122400.0,
];

/// `ln Γ(a) - ((a - 1/2) ln a - a + ln(2π)/2)` for `a >= STIRLING_FROM`.
#[inline(always)]
pub fn stirling<R: Real>(a: R) -> R {
    let u = a.recip();
    let z = u * u;
    STIRLING.iter().rev().fold(R::zero(), |p, &c| p * z + c) * u
}

/// `ln(1 + z) - z`, without the cancellation at small `z`.
#[inline(always)]
pub fn ln_1p_minus<R: Real>(z: R) -> R {
    z.ln_1p_minus()
}

/// [`ln_1p_minus`] of a plain number.
#[inline(always)]
pub(crate) fn ln_1p_minus_plain<R: Real>(z: R) -> R {
    // ln(1 + z) = 2 artanh r; the first term left out is below 1e-17 relative.
    const C: [f64; 13] = [
        1.0 / 3.0,
        1.0 / 5.0,
        1.0 / 7.0,
        1.0 / 9.0,
        1.0 / 11.0,
        1.0 / 13.0,
        1.0 / 15.0,
        1.0 / 17.0,
        1.0 / 19.0,
        1.0 / 21.0,
        1.0 / 23.0,
        1.0 / 25.0,
        1.0 / 27.0,
    ];
    let r = z / (z + 2.0);
    let sq = r * r;
    let mut series = R::of(C[12]);
    for i in (0..12).rev() {
        series = series * sq + C[i];
    }
    let near = r * (series * sq * 2.0 - z);
    if z.re().abs() < 0.35 { near } else { z.ln_1p() - z }
}

/// `eˢ - 1 - s`.
pub(super) fn exp_minus_line(s: f64) -> f64 {
    // Reciprocal factorials from 2!.
    const C: [f64; 14] = [
        1.0 / 2.0,
        1.0 / 6.0,
        1.0 / 24.0,
        1.0 / 120.0,
        1.0 / 720.0,
        1.0 / 5040.0,
        1.0 / 40320.0,
        1.0 / 362880.0,
        1.0 / 3628800.0,
        1.0 / 39916800.0,
        1.0 / 479001600.0,
        1.0 / 6227020800.0,
        1.0 / 87178291200.0,
        1.0 / 1307674368000.0,
    ];
    if s.abs() > 0.5 { s.exp_m1() - s } else { C.iter().rev().fold(0.0, |p, c| p * s + c) * s * s }
}

/// `ln Γ(1 + a)` for `a >= 0`, relatively accurate at small `a`.
pub(super) fn lgamma_1p<R: Real>(a: R) -> R {
    if !(a.re() < 0.2) {
        return (a + 1.0).lgamma();
    }
    // (-1)ᵏ (ζ(k) - 1) / k from k = 2: the series of DLMF 5.7.3.
    const C: [f64; 16] = [
        0.322467033424113218,
        -0.0673523010531980951,
        0.0205808084277845479,
        -0.00738555102867398527,
        0.00289051033074152329,
        -0.00119275391170326098,
        0.000509669524743042422,
        -0.00022315475845357938,
        0.0000994575127818085337,
        -0.0000449262367381331417,
        0.0000205072127756706916,
        -9.4394882752683959e-6,
        4.3748667899074878e-6,
        -2.03921575380136624e-6,
        9.55141213040741983e-7,
        -4.49246919876456604e-7,
    ];
    const ONE_MINUS_EULER: f64 = 0.422_784_335_098_467_139_39;
    let series = C.iter().rev().fold(R::zero(), |p, &c| p * a + c);
    (series * a + ONE_MINUS_EULER) * a - a.ln_1p()
}

/// `ln Γ(b) - ln Γ(a + b)`, relatively accurate for small `a` and for huge `b`.
///
/// Source: recurrence and the difference of two Stirling series, as in DiDonato and Morris 1992
/// (`ALGDIV`).
pub(super) fn ln_gamma_ratio<R: Real>(a: R, b: R) -> R {
    let (mut b, mut steps) = (b, R::zero());
    if b.re() < STIRLING_FROM {
        // The product of 1 + a / (b + k), less one: exact for tiny a, finite for tiny b.
        steps = (a / b).ln_1p();
        b += R::one();
        let mut product_m1 = R::zero();
        while b.re() < STIRLING_FROM {
            let q = a / b;
            product_m1 += q + product_m1 * q;
            b += R::one();
        }
        steps += product_m1.ln_1p();
    }
    steps + stirling_ratio(a, b) - a * b.ln()
}

/// `ln Γ(b) - ln Γ(a + b) + a ln b` for `b >= STIRLING_FROM`: what the leading power leaves.
pub(super) fn stirling_ratio<R: Real>(a: R, b: R) -> R {
    // uᵐ - vᵐ for odd m, by a recurrence of positive terms.
    let (u, v) = (b.recip(), (a + b).recip());
    let mut odd = a * u * v;
    let square = odd * (u + v);
    let (uu, vv, mut v_odd) = (u * u, v * v, v);
    let mut correction = R::zero();
    for &c in &STIRLING {
        correction += odd * c;
        odd = uu * odd + v_odd * square;
        v_odd *= vv;
    }
    let q = a / b;
    correction - b * ln_1p_minus(q) - (a - 0.5) * q.ln_1p()
}

/// `ln B(a, b) = ln Γ(a) + ln Γ(b) - ln Γ(a + b)` for positive arguments of any size.
pub fn ln_beta<R: Real>(a: R, b: R) -> R {
    let (a, b) = if a.re() > b.re() { (b, a) } else { (a, b) };
    if a.re() > 0.1 && (a + b).re() < STIRLING_FROM {
        // Nothing cancels, and the integers are exact.
        return a.lgamma() + b.lgamma() - (a + b).lgamma();
    }
    if a.re() < STIRLING_FROM {
        return a.lgamma() + ln_gamma_ratio(a, b);
    }
    // With both large the leading parts cancel; what is left is written without them.
    let h = a / b;
    let share = h / (h + 1.0);
    let correction = stirling(a) + stirling(b) - stirling(a + b);
    correction + HALF_LN_TAU - b.ln() * 0.5 + (a - 0.5) * share.ln() - b * h.ln_1p()
}
