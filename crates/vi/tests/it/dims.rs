//! Named dimensions and coordinates, in summaries and files.

use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::{Dirichlet, Distribution, Normal};
use probity_vi::{Error, Layout, LogJoint, Result, Scope, fit};

const COUNTIES: [&str; 3] = ["Aitkin", "Anoka [2]", "Becker"];

fn model(s: &mut Scope<'_>) -> Result {
    let alpha = s.dims(["county"]).sample("alpha", Normal::new(0.0, 1.0).rows(3))?;
    // Declared after the site that has it.
    s.coords("county", COUNTIES)?;
    s.coords("year", 1990..1992)?;
    let trend = s.dims(["county", "year"]).sample("trend", Normal::new(0.0, 1.0).shaped(3, 2))?;
    let plain = s.sample("plain", Normal::new(0.0, 1.0).rows(2))?;
    // A statement of its own, where an argument needs the scope.
    s.dims(["kind"]);
    let part = s.sample("part", Dirichlet::new(s.data(&DMatrix::from_element(1, 3, 2.0))))?;
    let total = s.dims(["year"]).deterministic("total", trend.transpose().matmul(alpha))?;
    s.observe("y", Normal::new(total.sum() + plain.sum() + part.at(0, 0), 0.5), 1.0)
}

#[test]
fn entries_are_named_by_their_coordinates() {
    let q = fit(model).unwrap();
    let names: Vec<String> = q.summary().unwrap().rows.into_iter().map(|row| row.name).collect();
    let want = [
        "alpha[county=Aitkin]",
        "alpha[county=Anoka [2]]",
        "alpha[county=Becker]",
        "trend[county=Aitkin, year=1990]",
        "trend[county=Anoka [2], year=1990]",
        "trend[county=Becker, year=1990]",
        "trend[county=Aitkin, year=1991]",
        "trend[county=Anoka [2], year=1991]",
        "trend[county=Becker, year=1991]",
        "plain[0]",
        "plain[1]",
        "part[kind=0]",
        "part[kind=1]",
        "part[kind=2]",
        "total[year=1990]",
        "total[year=1991]",
    ];
    assert_eq!(names, want);
    // The verdict has the same names; two unconstrained numbers of three parts have none.
    let verdict = q.verdict().unwrap();
    let entries: Vec<&str> = verdict.entries().iter().map(|e| e.name.as_str()).collect();
    assert_eq!(entries[..11], want[..11]);
    assert_eq!(entries[11..], ["part[0]", "part[1]"]);
    assert!(verdict.of("alpha").is_some());
    let draws = q.draws(3).unwrap();
    assert_eq!(draws["alpha"].position("Becker"), Some(2));
    assert_eq!(draws["trend"].entry_name(4), want[7]);
    assert!(q.layout().to_string().contains("3 × 2 (county, year)"), "{}", q.layout());
}

#[test]
fn dimensions_are_in_files() {
    let layout = LogJoint::<_, f64>::new(model).unwrap().layout().clone();
    let text = serde_json::to_string(&layout).unwrap();
    assert!(text.contains("Aitkin"));
    assert_eq!(serde_json::from_str::<Layout>(&text).unwrap(), layout);
    // Files of before there were any.
    let plain = |s: &mut Scope<'_>| s.sample("x", Normal::new(0.0, 1.0)).map(drop);
    let text = serde_json::to_string(LogJoint::<_, f64>::new(plain).unwrap().layout()).unwrap();
    assert!(!text.contains("dims"));
}

#[test]
fn dimensions_that_do_not_fit_are_errors_of_their_site() {
    let says = |model: fn(&mut Scope<'_>) -> Result, what: &str| {
        let error = LogJoint::<_, f64>::new(model).map(drop).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    };
    says(
        |s| {
            s.coords("county", COUNTIES)?;
            s.dims(["county"]).sample("alpha", Normal::new(0.0, 1.0).rows(4)).map(drop)
        },
        "site \"alpha\": it has 4 places along \"county\", which has 3 coordinates",
    );
    says(
        |s| {
            s.dims(["county"]).sample("alpha", Normal::new(0.0, 1.0).rows(4))?;
            s.coords("county", COUNTIES)
        },
        "site \"alpha\": it has 4 places",
    );
    says(
        |s| s.dims(["a"]).sample("m", Normal::new(0.0, 1.0).shaped(2, 2)).map(drop),
        "does not have the dimensions a",
    );
    says(
        |s| {
            s.coords("a", [1, 2])?;
            s.coords("a", [1, 3])
        },
        "other labels",
    );
    // An error that the model swallows fails the run all the same.
    let swallows = |s: &mut Scope<'_>| {
        let _ = s.coords("a", [1, 2]);
        let _ = s.coords("a", [1, 3]);
        s.sample("x", Normal::new(0.0, 1.0)).map(drop)
    };
    assert!(matches!(LogJoint::<_, f64>::new(swallows), Err(Error::Setting { setting: "coords", .. })));
}
