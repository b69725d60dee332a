//! `ln |Γ|` and `ψ` in double precision, branch-free.
//!
//! Below 8 the recurrence leads to `2 + u`, `|u| <= 1/2`, where a polynomial stands for the
//! function; from 8 on the asymptotic series does. So nothing cancels at the roots: the one at 2 is
//! that of the polynomial, at 1 two terms with simple roots meet. Left of zero follows the
//! reflection.

use super::double::{ln, ln_normal};
use super::stirling::{HALF_LN_TAU, STIRLING};
use crate::real::Real;

/// From here on the series.
const LARGE: f64 = 8.0;

/// `ln Γ(2 + u) / u`, interpolated at the Chebyshev points of `|u| <= 1/2`; error below 5e-18.
const LGAMMA: [f64; 18] = [
    0.42278433509846713,
    0.3224670334241132,
    -0.06735230105319563,
    0.02058080842778338,
    -0.007385551028935545,
    0.002890510330865901,
    -0.0011927539009983087,
    0.0005096695196526673,
    -0.00022315497746292723,
    9.945761692157133e-05,
    -4.4923727564247656e-05,
    2.050601970174762e-05,
    -9.45628851510172e-06,
    4.3828545383846665e-06,
    -1.9743106888421067e-06,
    9.242852225162277e-07,
    -5.811277768921246e-07,
    2.7475390051909663e-07,
];

/// `ψ(2 + u)`, interpolated at the Chebyshev points of `|u| <= 1/2`; error below 2e-17.
const DIGAMMA: [f64; 19] = [
    0.42278433509846713,
    0.6449340668482267,
    -0.20205690315959446,
    0.08232323371105249,
    -0.03692775514332708,
    0.017343061990467628,
    -0.008349277384931816,
    0.00407735600617157,
    -0.002008392730204003,
    0.0009945784300194591,
    -0.0004941902550788927,
    0.00024605326824719294,
    -0.0001226967064798969,
    6.144972571559871e-05,
    -3.068902288655258e-05,
    1.4564976260589657e-05,
    -7.278587670411483e-06,
    5.17334585434095e-06,
    -2.5861773625857027e-06,
];

/// `ln x - 1/(2x) - ψ(x)` in powers of `1/x²` from the first on: `B₂ₖ / 2k`, DLMF 5.11.2 and 24.2.
const DIGAMMA_SERIES: [f64; 9] = [
    1.0 / 12.0,
    -1.0 / 120.0,
    1.0 / 252.0,
    -1.0 / 240.0,
    1.0 / 132.0,
    -691.0 / 32760.0,
    1.0 / 12.0,
    -3617.0 / 8160.0,
    43867.0 / 14364.0,
];

/// `sin(π r) / (π r)` and `cos(π r)` in powers of `r²`, interpolated at the Chebyshev points of
/// `|r| <= 1/2`; error below 4e-18.
const SINE: [f64; 9] = [
    1.0,
    -1.6449340668482264,
    0.8117424252833393,
    -0.19075182412149616,
    0.02614784780555096,
    -0.0023460808954639607,
    0.0001484278414189103,
    -6.972099660851199e-06,
    2.4502943624559793e-07,
];
const COSINE: [f64; 9] = [
    1.0,
    -4.934802200544676,
    4.058712126416497,
    -1.335262768843447,
    0.23533063012953284,
    -0.025806888737002202,
    0.0019295562724817132,
    -0.00010456655338748738,
    4.149564353942586e-06,
];

/// A polynomial, its even and its odd part side by side: it is the depth that limits a loop over
/// lanes. Not fused, because generic code that is compiled portably inlines it too (on duals, say,
/// outside a kernel), and a fused step is a call there.
#[inline(always)]
pub(super) fn polynomial<R: Real, const N: usize>(x: R, c: &[f64; N]) -> R {
    let z = x * x;
    let (mut high, mut low) = (R::of(c[N - 1]), R::of(c[N - 2]));
    let mut i = N - 2;
    while i >= 2 {
        high = high * z + c[i - 1];
        low = low * z + c[i - 2];
        i -= 2;
    }
    // With an odd number of coefficients the first stands alone.
    if i == 1 { (high * x + low) * x + c[0] } else { high * x + low }
}

/// `|x|` and how the recurrence brings it to `2 + u`.
struct Steps {
    y: f64,
    /// `y` less the nearest integer, exact.
    u: f64,
    large: bool,
    /// Below 1.5 the steps lead upward: one, or two.
    up: bool,
    two: bool,
    /// The product of the steps, and its derivative.
    product: f64,
    slope: f64,
}

#[inline(always)]
fn steps(x: f64) -> Steps {
    // Adding and subtracting this rounds a positive number to the nearest integer.
    const ROUND: f64 = 4503599627370496.0; // 2⁵²
    // -0 stays, because the sign of a pole is its own.
    let y = if x < 0.0 { -x } else { x };
    let n = if y < ROUND { (y + ROUND) - ROUND } else { y };
    let u = y - n;
    let (mut product, mut slope) = (1.0_f64, 0.0_f64);
    for k in 2..LARGE as i32 {
        let k = f64::from(k);
        let step = n > k;
        let factor = if step { u + k } else { 1.0 };
        slope = slope * factor + if step { product } else { 0.0 };
        product *= factor;
    }
    let (up, two) = (n < 2.0, n < 1.0);
    let upward = if two { y * (y + 1.0) } else { y };
    let upward_slope = if two { y + y + 1.0 } else { 1.0 };
    Steps {
        y,
        u,
        large: y >= LARGE,
        up,
        two,
        product: if up { upward } else { product },
        slope: if up { upward_slope } else { slope },
    }
}

/// `ln |Γ(x)|`, within 4 ulp of `|f| + |x f'|`.
///
/// Source: NIST DLMF 5.5.1 (recurrence), 5.5.3 (reflection), 5.11.1 (asymptotic series).
#[inline(always)]
pub fn lgamma(x: f64) -> f64 {
    let steps = steps(x);
    let Steps { y, u, large, up, two, product, .. } = steps;
    let [series, near, log] = lgamma_parts(&steps, ln(if large { y } else { product }));
    let right = if large { series } else { near + log };
    // Γ(-y) Γ(y) = -π / (y sin π y), with one logarithm for what the steps and the sine leave.
    let sine = u.abs() * polynomial(u * u, &SINE);
    let over = if up { 1.0 } else { product * y };
    let over = if large { y } else { over };
    let under = if two { y + 1.0 } else { 1.0 };
    let left = -(if large { series } else { near } + ln(sine * over / under));
    let f = if x < 0.0 { left } else { right };
    if y == f64::INFINITY { y } else { f }
}

/// [`lgamma`] of a positive normal number; elsewhere anything.
#[inline(always)]
pub(crate) fn lgamma_positive(x: f64) -> f64 {
    let steps = steps(x);
    let [series, near, log] =
        lgamma_parts(&steps, ln_normal(if steps.large { steps.y } else { steps.product }));
    if steps.large { series } else { near + log }
}

/// The asymptotic series, the polynomial, and the logarithm of the steps, with their sign.
#[inline(always)]
fn lgamma_parts(&Steps { y, u, up, .. }: &Steps, log: f64) -> [f64; 3] {
    let r = 1.0 / y;
    let tail = polynomial(r * r, &STIRLING) * r + (HALF_LN_TAU - 0.5);
    let series = (y - 0.5) * (log - 1.0) + tail;
    [series, polynomial(u, &LGAMMA) * u, if up { -log } else { log }]
}

/// `ψ(x)`, the derivative of `ln Γ(x)`; NaN at the poles -1, -2, … and signed infinity at ±0.
/// Within 4 ulp of `|f| + |x f'|`.
///
/// Source: NIST DLMF 5.5.2 (recurrence), 5.5.4 (reflection), 5.11.2 (asymptotic series).
#[inline(always)]
pub fn digamma(x: f64) -> f64 {
    let Steps { y, u, large, up, two, product, slope } = steps(x);
    let left = x < 0.0;
    let series = ln(if large { y } else { product }) - log_minus_digamma(y);
    // On the left -1/y cancels that of the reflection.
    let slope = if left && up { if two { y } else { 0.0 } } else { slope };
    let ratio = slope / product;
    let near = polynomial(u, &DIGAMMA) + if up { -ratio } else { ratio };
    let right = if large { series } else { near };
    let square = u * u;
    let cotangent = polynomial(square, &COSINE) / (u * polynomial(square, &SINE));
    let pole = if u == 0.0 { f64::NAN } else { cotangent };
    let mirrored = right + if up { 0.0 } else { 1.0 / y } + pole;
    if left { mirrored } else { right }
}

/// [`digamma`] of a positive normal number; elsewhere anything.
#[inline(always)]
pub(crate) fn digamma_positive(x: f64) -> f64 {
    let Steps { y, u, large, up, product, slope, .. } = steps(x);
    let series = ln_normal(y) - log_minus_digamma(y);
    let ratio = slope / product;
    let near = polynomial(u, &DIGAMMA) + if up { -ratio } else { ratio };
    if large { series } else { near }
}

/// `ln x - ψ(x)` for `x >= 8`.
#[inline(always)]
pub(super) fn log_minus_digamma<R: Real>(x: R) -> R {
    let r = x.recip();
    let z = r * r;
    r * 0.5 + polynomial(z, &DIGAMMA_SERIES) * z
}
