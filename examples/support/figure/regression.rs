//! The figure of a regression on one input: data, curve, and two kinds of uncertainty.

use super::axis::Range;
use super::{Band, Color, Figure, Line, Panel, Pen, Points, Span, theme};

/// How far beyond the data and the curves the bands may stretch the vertical axis, in multiples of
/// what those reach.
const STRETCH: f64 = 1.5;

/// What is known about a regression on one input; all predictions are on the grid `x`.
#[derive(Debug, Clone, Copy)]
pub struct RegressionBand<'a> {
    /// The title.
    pub title: &'a str,
    /// The line under the title.
    pub subtitle: &'a str,
    /// The names of the horizontal and vertical axis.
    pub labels: (&'a str, &'a str),
    /// Where predictions are made, ascending; the ends are the ends of the axis.
    pub x: &'a [f64],
    /// The predicted mean.
    pub mean: &'a [f64],
    /// The standard deviation of the mean: what more data would reduce.
    pub epistemic_sd: &'a [f64],
    /// The standard deviation of an observation: the noise included.
    pub total_sd: &'a [f64],
    /// The curve that the data come from, if it is known.
    pub truth: Option<&'a [f64]>,
    /// The inputs and targets that were learnt from.
    pub data: (&'a [f64], &'a [f64]),
}

impl RegressionBand<'_> {
    /// Draws the figure, 1200 by 800.
    ///
    /// The vertical axis shows the data and the curves in full, and of the bands as much as leaves
    /// these legible.
    ///
    /// # Panics
    /// The slices on the grid have different lengths, or the two of the data.
    pub fn figure(&self) -> Figure {
        let ends = |sd: &[f64], k: f64| -> Vec<f64> {
            self.mean.iter().zip(sd).map(|(mean, sd)| mean + k * sd).collect()
        };
        let (lower, upper) = (ends(self.total_sd, -2.0), ends(self.total_sd, 2.0));
        let x = Range::of(self.x.iter().copied());
        let y = self.y_range(&lower, &upper);

        let training = Range::of(self.data.0.iter().copied());
        let mut panel = Panel::new()
            .x_label(self.labels.0)
            .y_label(self.labels.1)
            .x_range(x.lo, x.hi)
            .y_range(y.lo, y.hi)
            .with(Span::new(training.lo, training.hi, "range of the training data", theme::SPAN))
            .with(
                Band::new(self.x, &lower, &upper, theme::BLUE.alpha(0.17))
                    .label("mean ± 2 sd, total (with noise)"),
            )
            .with(
                Band::new(
                    self.x,
                    &ends(self.epistemic_sd, -2.0),
                    &ends(self.epistemic_sd, 2.0),
                    theme::BLUE.alpha(0.36),
                )
                .label("mean ± 2 sd, epistemic"),
            );
        panel = panel
            .with(Points::new(self.data.0, self.data.1, DATA_EDGE, 5.0))
            .with(Points::new(self.data.0, self.data.1, theme::VERMILION, 3.8).label("training data"));
        if let Some(truth) = self.truth {
            let pen = Pen { color: theme::INK, width: 2.0, dash: Some([7.0, 5.0]) };
            panel = panel.with(Line::new(self.x, truth, pen).label("truth"));
        }
        panel =
            panel.with(Line::new(self.x, self.mean, Pen::solid(theme::BLUE, 3.0)).label("predicted mean"));
        Figure::new(1200.0, 800.0).title(self.title).subtitle(self.subtitle).panel(panel)
    }

    fn y_range(&self, lower: &[f64], upper: &[f64]) -> Range {
        let truth = self.truth.unwrap_or_default();
        let core = Range::of([self.data.1, self.mean, truth].into_iter().flatten().copied());
        let room = core.padded(STRETCH);
        let bands = lower.iter().chain(upper).map(|y| y.clamp(room.lo, room.hi));
        Range::of(bands.chain([core.lo, core.hi])).padded(0.04)
    }
}

/// The light edge that sets points off from what lies under them.
const DATA_EDGE: Color = Color(255, 255, 255, 0.9);
