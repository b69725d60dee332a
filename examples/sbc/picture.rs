//! Ranks as a picture: for every entry the distribution function of its ranks less that of uniform
//! ones, and the band in which those of a right program stay.

use probity_examples::figure::{Band, Figure, Line, Panel, Pen, theme};
use probity_vi::check::Calibration;

/// Entries shown.
const PANELS: usize = 12;
const COLUMNS: usize = 4;

/// The figure; of many entries those with the smallest p-values.
pub fn ranks(title: &str, calibration: &Calibration) -> Figure {
    let mut entries: Vec<_> = calibration.entries().iter().collect();
    if entries.len() > PANELS {
        entries.sort_by(|a, b| a.p_value.total_cmp(&b.p_value));
        entries.truncate(PANELS);
    }
    let columns = COLUMNS.min(entries.len()).max(1);
    let rows = entries.len().div_ceil(columns).max(1);
    let bins = calibration.bins();
    // With this level for every entry, the whole has the level of the check.
    let level = Calibration::LEVEL / calibration.entries().len() as f64;
    let band = calibration.band(bins, level);
    let n = (calibration.replications() - calibration.failed()) as f64;
    let place: Vec<f64> = (0..=bins).map(|k| k as f64 / bins as f64).collect();
    // A count below a border, less its expectation, as a share of all.
    let off = |k: usize, count: usize| count as f64 / n - place[k];
    let ends = |f: &dyn Fn(usize) -> usize| {
        let inner = (1..bins).map(|k| off(k, f(k)));
        [0.0].into_iter().chain(inner).chain([0.0]).collect::<Vec<f64>>()
    };
    let (low, high) = (ends(&|k| band[k - 1].0), ends(&|k| band[k - 1].1));
    let word = if calibration.passed() { "passed" } else { "failed" };
    let subtitle = format!(
        "{n} data sets, {} draws each, {word} with p = {:.2}; band: 99 % of right programs, all entries together",
        calibration.draws(),
        calibration.p_value()
    );
    let mut figure = Figure::new(320.0 * columns as f64 + 80.0, 320.0 * rows as f64 + 110.0)
        .title(format!("{title}: ranks of true values"))
        .subtitle(subtitle)
        .columns(columns);
    for entry in entries {
        let counts = entry.counts(bins);
        let below = |k: usize| counts[..k].iter().sum::<usize>();
        let line = ends(&below);
        figure = figure.panel(
            Panel::new()
                .title(entry.name.clone())
                .x_label("rank / draws")
                .x_range(0.0, 1.0)
                .with(Band::new(&place, &low, &high, theme::BLUE.alpha(0.2)))
                .with(Line::new(&place, &line, Pen::solid(theme::VERMILION, 2.5))),
        );
    }
    figure
}
