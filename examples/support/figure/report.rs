//! The figure of a regression on many inputs: predictions against the truth, and calibration.

use super::axis::Range;
use super::{Band, Diagonal, Figure, Intervals, Line, Panel, Pen, Points, theme};

/// The most intervals that stay legible beside each other.
const MOST_INTERVALS: usize = 200;

/// Predictions for rows that were not learnt from, and how often their intervals held the truth.
#[derive(Debug, Clone, Copy)]
pub struct TableReport<'a> {
    /// The title.
    pub title: &'a str,
    /// The line under the title.
    pub subtitle: &'a str,
    /// The name of the target.
    pub target: &'a str,
    /// The observed targets.
    pub truth: &'a [f64],
    /// The predicted means.
    pub mean: &'a [f64],
    /// The lower ends of the central 90 % intervals.
    pub lower: &'a [f64],
    /// The upper ends of the central 90 % intervals.
    pub upper: &'a [f64],
    /// Nominal levels of central intervals, between 0 and 1, ascending.
    pub levels: &'a [f64],
    /// For every level, the share of rows whose interval holds the truth.
    pub coverage: &'a [f64],
}

impl TableReport<'_> {
    /// Draws the figure, 1200 by 720.
    ///
    /// # Panics
    /// The slices of the rows have different lengths, or the two of the levels.
    pub fn figure(&self) -> Figure {
        let figure = Figure::new(1200.0, 720.0).title(self.title).subtitle(self.subtitle).columns(2);
        figure.panel(self.predictions()).panel(self.calibration())
    }

    fn predictions(&self) -> Panel {
        let n = self.truth.len();
        // Evenly spread over the rows, whose order is random; the points of all rows are shown.
        let every = n.div_ceil(MOST_INTERVALS).max(1);
        let thin = |values: &[f64]| -> Vec<f64> { values.iter().step_by(every).copied().collect() };
        let bars = Intervals::new(
            &thin(self.truth),
            &thin(self.lower),
            &thin(self.upper),
            Pen::solid(theme::BLUE.alpha(if n <= 60 { 0.55 } else { 0.35 }), 1.6),
        );
        let label = match every {
            1 => "90 % interval".to_string(),
            _ => format!("90 % interval (1 in {every})"),
        };
        let (radius, opacity) = match n {
            0..=150 => (3.6, 0.85),
            151..=1000 => (2.8, 0.6),
            _ => (2.0, 0.35),
        };
        // The points decide the range; an interval that is far too wide may leave the picture.
        let core = Range::of(self.truth.iter().chain(self.mean).copied());
        let room = core.padded(0.5);
        let ends = self.lower.iter().chain(self.upper).map(|y| y.clamp(room.lo, room.hi));
        let range = Range::of(ends.chain([core.lo, core.hi])).padded(0.03);
        Panel::new()
            .title("Predictions for the test rows")
            .x_label(format!("observed {}", self.target))
            .y_label(format!("predicted {}", self.target))
            .x_range(range.lo, range.hi)
            .y_range(range.lo, range.hi)
            .square()
            .with(bars.label(label))
            .with(
                Points::new(self.truth, self.mean, theme::BLUE.alpha(opacity), radius)
                    .label("predicted mean"),
            )
            .with(ideal())
    }

    fn calibration(&self) -> Panel {
        let percent = |values: &[f64]| -> Vec<f64> { values.iter().map(|v| 100.0 * v).collect() };
        let n = self.truth.len();
        let grid: Vec<f64> = (0..=200).map(|i| f64::from(i) / 200.0).collect();
        let (lo, hi): (Vec<f64>, Vec<f64>) = grid.iter().map(|p| binomial_interval(n, *p)).unzip();
        let (levels, coverage) = (percent(self.levels), percent(self.coverage));
        Panel::new()
            .title("Calibration of the intervals")
            .x_label("nominal level of the central interval (%)")
            .y_label("observed coverage (%)")
            .x_range(0.0, 100.0)
            .y_range(0.0, 100.0)
            .square()
            .with(
                Band::new(&percent(&grid), &percent(&lo), &percent(&hi), theme::GREY.alpha(0.16))
                    .label("95 % range if calibrated"),
            )
            .with(ideal())
            .with(Line::new(&levels, &coverage, Pen::solid(theme::VERMILION, 2.2)))
            .with(Points::new(&levels, &coverage, theme::VERMILION, 4.2).label("observed"))
    }
}

fn ideal() -> Diagonal {
    Diagonal::new(Pen { color: theme::INK.alpha(0.75), width: 1.6, dash: Some([6.0, 4.0]) }).label("ideal")
}

/// The 2.5 % and 97.5 % points of the share of successes in `n` independent trials of probability
/// `p`, with half of each end point's own probability counted (the mid-p convention), interpolated
/// between shares.
///
/// So the band has no steps. `(0, 1)` if there are no trials.
fn binomial_interval(n: usize, p: f64) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    if p <= 0.0 || p >= 1.0 {
        return (p, p);
    }
    // Weights relative to the mode: the ratio of neighbours neither overflows nor loses digits.
    let trials = n as f64;
    let mode = ((trials + 1.0) * p).floor().min(trials) as usize;
    let mut weights = vec![0.0; n + 1];
    weights[mode] = 1.0;
    for k in mode..n {
        weights[k + 1] = weights[k] * (trials - k as f64) / (k as f64 + 1.0) * (p / (1.0 - p));
    }
    for k in (0..mode).rev() {
        weights[k] = weights[k + 1] * (k as f64 + 1.0) / (trials - k as f64) * ((1.0 - p) / p);
    }
    let total: f64 = weights.iter().sum();
    let quantile = |level: f64| {
        let (mut below, mut before) = (0.0, None);
        for (k, weight) in weights.iter().enumerate() {
            let mid = (below + 0.5 * weight) / total;
            if mid >= level {
                let share = k as f64 / trials;
                return before.map_or(share, |(last, at): (f64, f64)| {
                    last + (share - last) * (level - at) / (mid - at)
                });
            }
            before = Some((k as f64 / trials, mid));
            below += weight;
        }
        1.0
    };
    (quantile(0.025), quantile(0.975))
}

#[cfg(test)]
mod tests {
    use super::binomial_interval;

    #[test]
    fn binomial_intervals_have_their_width() {
        // Large n: the normal limit, p -/+ 1.96 sqrt(p q / n).
        let (lo, hi) = binomial_interval(10_000, 0.9);
        assert!((lo - 0.894_12).abs() < 1e-4 && (hi - 0.905_88).abs() < 1e-4, "{lo} {hi}");
        // Small n: symmetric in p and 1 - p.
        for p in [0.05, 0.3, 0.5] {
            let ((lo, hi), (mirror_lo, mirror_hi)) =
                (binomial_interval(20, p), binomial_interval(20, 1.0 - p));
            assert!((lo + mirror_hi - 1.0).abs() < 1e-9 && (hi + mirror_lo - 1.0).abs() < 1e-9);
            assert!(lo < p && p < hi);
        }
        // One trial at a half: half of each outcome's weight lies beyond 2.5 % on either side.
        assert_eq!(binomial_interval(1, 0.5), (0.0, 1.0));
        assert_eq!(binomial_interval(0, 0.5), (0.0, 1.0));
        assert_eq!((binomial_interval(9, 0.0), binomial_interval(9, 1.0)), ((0.0, 0.0), (1.0, 1.0)));
    }

    #[test]
    fn binomial_intervals_grow_with_the_level() {
        for n in [1, 7, 51, 819, 100_000] {
            let ends: Vec<_> = (0..=100).map(|i| binomial_interval(n, f64::from(i) / 100.0)).collect();
            assert!(ends.windows(2).all(|w| w[0].0 <= w[1].0 && w[0].1 <= w[1].1), "{n}");
            assert!(
                ends.iter().all(|(lo, hi)| (0.0..=1.0).contains(lo) && (0.0..=1.0).contains(hi) && lo <= hi)
            );
        }
    }
}
