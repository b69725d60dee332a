//! A fit as data.

use probity_distributions::{Distribution, Normal};
use probity_vi::optim::{Schedule, Sgd};
use probity_vi::*;

fn model(s: &mut Scope<'_>) -> Result {
    let w = s.sample("w", Normal::new(0.0, 1.0).rows(2))?;
    s.observe("y", Normal::new(w, 0.5), &[0.3, 1.0])
}

#[test]
fn a_copy_is_the_same_fit() {
    let fit = Fit::new()
        .guide(LowRank::new(1))
        .optimizer(Sgd::new(0.01).momentum(0.5))
        .steps(Steps::new(50).schedule(Schedule::Cosine { end: 0.1 }))
        .seed(7);
    let copy = fit.clone();
    let (a, b) = (fit.clone().run(model).unwrap(), copy.seed(7).run(model).unwrap());
    assert_eq!(a.params(), b.params());
    let other = fit.optimizer(Sgd::new(0.02)).run(model).unwrap();
    assert_ne!(a.params(), other.params());
}

#[test]
fn settings_come_back_from_a_file() {
    let fit: Fit = Fit::new()
        .steps(Steps::new(50).average(0.2))
        .draws(3)
        .seed(7)
        .objective(Objective::ImportanceWeighted { draws: 2 })
        .clip_norm(2.0)
        .starts(3)
        .time_limit(std::time::Duration::from_millis(1500));
    let text = serde_json::to_string(fit.settings()).unwrap();
    let settings: Settings = serde_json::from_str(&text).unwrap();
    assert_eq!(&settings, fit.settings());
    let again = Fit::new().with_settings(settings);
    let (a, b) = (fit.run(model).unwrap(), again.run(model).unwrap());
    assert_eq!(a.params(), b.params());
    // What a file leaves out has its default.
    let few: Settings = serde_json::from_str("{\"seed\": 7}").unwrap();
    assert_eq!(&few, Fit::<f64>::default().seed(7).settings());
}
