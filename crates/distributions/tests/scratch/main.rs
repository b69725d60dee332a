//! Scratch.
#![allow(dead_code, unused_imports)]
#![recursion_limit = "256"]
#[path = "../it/conformance_more.rs"]
mod conformance_more;
#[path = "../it/flows.rs"]
mod flows;
#[path = "../it/members.rs"]
mod members;
#[path = "../it/multivariate.rs"]
mod multivariate;
#[path = "../it/traps.rs"]
mod traps;
use probity_distributions::*;
#[test]
fn expectations() {
    let t = probity_autodiff::Tape::<f64>::new();
    let v = |x: f64| t.variable(&probity_autodiff::nalgebra::DMatrix::from_element(1, 1, x));
    type V<'t> = probity_autodiff::Var<'t, f64>;
    let (a, b, c, d) = (v(0.3), v(2.0), v(-1.0), v(3.0));
    let tr: Truncated<V<'_>, _> = Truncated::between(Normal::<V<'_>>::new(a, b), c, d);
    let ce: Censored<V<'_>, _> = Censored::between(Normal::<V<'_>>::new(a, b), c, d);
    println!(
        "{:?}",
        [
            tr.mean().item(),
            tr.variance().item(),
            tr.entropy().item(),
            ce.mean().item(),
            ce.variance().item(),
            ce.entropy().item()
        ]
    );
    let counts: Poisson<V<'_>> = Poisson::new(b);
    let h: Hurdle<V<'_>, _> = Hurdle::new(a, counts);
    let z: ZeroInflated<V<'_>, _> = ZeroInflated::new(a, counts);
    let tp: Truncated<V<'_>, _> = Truncated::above(counts, 1.0);
    println!("{:?}", [h.entropy().item(), z.entropy().item(), tp.mean().item(), tp.entropy().item()]);
    let tp: Truncated<f64, _> = Truncated::above(Poisson::<f64>::new(2.0), 1.0);
    println!("{:?} {:?}", tp.quantile(1e-17), tp.quantile(1.0 - f64::EPSILON / 2.0));
}
