//! Guides that are at a mode, where there are several.

use probity_autodiff::Var;
use probity_distributions::{Distribution, Flat, Normal};
use probity_vi::guides::Laplace;
use probity_vi::*;

/// 0.3 Normal(-1.5, 0.05) + 0.7 Normal(1.5, 0.5): the first is higher, the second has more mass.
fn two(s: &mut Scope<'_>) -> Result {
    let x = s.sample("x", Flat::real())?;
    let part =
        |share: f64, m: f64, sd: f64| Normal::new(Var::from(m), Var::from(sd)).log_prob(x) + share.ln();
    let log_density = Var::concat_cols(&[part(0.3, -1.5, 0.05), part(0.7, 1.5, 0.5)]).logsumexp();
    s.factor("density", log_density)
}

/// `ln √(2π)`.
const LN_ROOT_TAU: f64 = 0.918_938_533_204_672_8;

#[test]
fn a_point_is_at_the_highest_mode_and_laplace_at_the_one_of_most_mass() {
    let at = |q: &Posterior<_>| q.draws(1).unwrap()["x"].values[0];
    let point = Fit::new().guide(Delta::new()).starts(12).checked(false).run(two).unwrap();
    assert!((at(&point) + 1.5).abs() < 1e-6, "{}", point.report());
    let report = point.report();
    assert_eq!((report.climbs.len(), report.climbs.iter().filter(|c| c.taken).count()), (12, 1));
    let best = report.climbs.iter().find(|c| c.taken).unwrap();
    let height = (0.3_f64 / 0.05).ln() - LN_ROOT_TAU;
    // The other part has a density of 4e-9 of it there.
    assert!((best.log_joint.unwrap() - height).abs() < 1e-7 && best.log_evidence.is_none(), "{best:?}");
    assert!(report.climbs.iter().all(|c| c.log_joint <= best.log_joint && c.log_joint.is_some()));
    assert!(report.climbs.iter().any(|c| c.log_joint.unwrap() < best.log_joint.unwrap() - 1.0), "{report}");
    assert!(report.to_string().contains("the best of 12 starts"), "{report}");

    let laplace = Fit::new().guide(Laplace::new()).starts(12).checked(false).run(two).unwrap();
    let best = laplace.report().climbs.iter().find(|c| c.taken).unwrap();
    let id = laplace.params().find("laplace.loc").unwrap();
    assert!((laplace.params().get(id)[0] - 1.5).abs() < 1e-3, "{}", laplace.report());
    assert!((best.log_evidence.unwrap() - 0.7_f64.ln()).abs() < 1e-4, "{best:?}");
    let other = laplace.report().climbs.iter().map(|c| c.log_evidence.unwrap()).fold(0.0, f64::min);
    assert!((other - 0.3_f64.ln()).abs() < 1e-4, "{other}");

    assert_eq!(Fit::new().guide(Delta::new()).starts(1).run(two).unwrap().report().climbs.len(), 1);
    assert_eq!(Fit::new().guide(Delta::new()).run(two).unwrap().report().climbs.len(), 4);
    assert!(Fit::new().guide(Delta::new()).starts(0).run(two).is_err());
}
