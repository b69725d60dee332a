//! When to lower the rate and when to stop: the rule of a fit without a given number of steps.

use crate::error::Result;
use probity_autodiff::Scalar;
use std::ops::Range;

/// Finds the way in stages of falling rate, then averages.
///
/// *Units.* A step of the optimiser is measured in the guide's own units: a mean moves by parts of
/// its present standard deviation, a standard deviation by parts of itself. One rate then suits
/// posteriors of any scale. In the early stages the unit of a mean is not below a floor, so that a
/// narrow posterior far away is reached.
///
/// *Stages.* A stage ends when the ELBO has stopped rising beyond its own noise: the means of the
/// last two windows are compared with those of the two before by their standard errors.
///
/// *Averages.* In the last stage the rate stays and the parameters are averaged over spans, each
/// twice as long as the one before. The fit ends when two averages in a row are the same guide:
/// their divergence in nats is small. Of Gaussians that is about `½ Σ (difference / unit)²`. The
/// parameters of other guides (the networks of a flow, the shares and components of a mixture) have
/// no such units and may drift for ever without changing the guide, so that the divergence is taken
/// by draws ([`Apart`]). The noise of an average falls as the span grows, and a slow drift shows
/// between spans where the noise of the ELBO would hide it. Source of the averages: Polyak,
/// Juditsky 1992.
#[derive(Debug)]
pub(crate) struct StoppingRule {
    stage: usize,
    windows: Vec<(f64, f64)>,
    window: Window,
    /// The mean of the span at hand, its length so far, the length it will have, and the mean of
    /// the span before.
    mean: Vec<f64>,
    count: usize,
    span: usize,
    last: Option<Vec<f64>>,
    /// The parameters whose units have no floor.
    pub(crate) fixed: Vec<Range<usize>>,
    /// The units of the parameters in the guide.
    pub(crate) units: Vec<f64>,
}

impl StoppingRule {
    /// The most steps that a fit without a given number takes.
    pub(crate) const MOST: usize = 50_000;
    const WINDOW: usize = 100;
    /// Rates relative to the first, and floors of the units; the last stage is the averages'.
    const STAGES: [(f64, f64); 4] = [(1.0, 1.0), (0.5, 0.1), (0.2, 0.01), (0.2, 0.0)];
    /// The steps of the first span.
    const SPAN: usize = 250;

    pub(crate) fn new(parameters: usize) -> Self {
        Self {
            stage: 0,
            windows: Vec::with_capacity(Self::MOST / Self::WINDOW),
            window: Window::default(),
            mean: vec![0.0; parameters],
            count: 0,
            span: Self::SPAN,
            last: None,
            fixed: Vec::new(),
            units: vec![1.0; parameters],
        }
    }

    /// The factor on the rate.
    pub(crate) fn factor(&self) -> f64 {
        Self::STAGES[self.stage].0
    }

    /// Stretches the step that the optimiser took to the units.
    pub(crate) fn after_step<T: Scalar>(&self, before: &[T], params: &mut [T]) {
        let floor = Self::STAGES[self.stage].1;
        let fixed = |i: usize| self.fixed.iter().any(|range| range.contains(&i));
        for (i, ((p, b), unit)) in params.iter_mut().zip(before).zip(&self.units).enumerate() {
            let unit = if fixed(i) { *unit } else { unit.max(floor) };
            let b = b.to_f64();
            *p = T::from_f64(b + (p.to_f64() - b) * unit);
        }
    }

    /// Takes note of a step; whether it was the last one. `apart` says how far two averages are
    /// from each other, if that is not to be told by units.
    pub(crate) fn finished_after<T: Scalar>(
        &mut self,
        elbo: f64,
        params: &[T],
        apart: &mut Compare<'_>,
    ) -> Result<bool> {
        if self.stage + 1 == Self::STAGES.len() {
            return self.averages_agree(params, apart);
        }
        self.window.add(elbo);
        if self.window.count == Self::WINDOW {
            self.windows.push(self.window.mean_and_error());
            self.window = Window::default();
            if self.at_rest() {
                self.stage += 1;
                self.windows.clear();
            }
        }
        Ok(false)
    }

    /// Whether the last two windows are not better than the two before by more than one standard
    /// error.
    fn at_rest(&self) -> bool {
        let [.., a, b, c, d] = self.windows[..] else { return false };
        let gain = (c.0 + d.0 - a.0 - b.0) / 2.0;
        let error = (a.1 + b.1 + c.1 + d.1).sqrt() / 2.0;
        // A model without noise has both at 0.
        gain <= error
    }

    fn averages_agree<T: Scalar>(&mut self, params: &[T], apart: &mut Compare<'_>) -> Result<bool> {
        self.count += 1;
        let share = 1.0 / self.count as f64;
        for (m, p) in self.mean.iter_mut().zip(params) {
            *m += (p.to_f64() - *m) * share;
        }
        if self.count < self.span {
            return Ok(false);
        }
        if let Some(last) = &self.last {
            let Apart { nats, tolerance } = match apart(&self.mean, last, &self.units)? {
                Some(apart) => apart,
                None => Apart {
                    nats: in_units(&self.mean, last, &self.units),
                    tolerance: 0.01 + 2e-4 * params.len() as f64,
                },
            };
            if nats < tolerance {
                return Ok(true);
            }
        }
        // The longer span takes the place of the one before.
        match &mut self.last {
            Some(last) => last.copy_from_slice(&self.mean),
            None => self.last = Some(self.mean.clone()),
        }
        (self.count, self.span) = (0, 2 * self.span);
        Ok(false)
    }

    /// Puts the best average there is in the place of the parameters.
    pub(crate) fn finish<T: Scalar>(&self, params: &mut [T]) {
        let whole = self.count == self.span;
        let Some(mean) = (if whole { Some(&self.mean) } else { self.last.as_ref() }) else { return };
        for (p, m) in params.iter_mut().zip(mean) {
            *p = T::from_f64(*m);
        }
    }
}

/// Says of two averages, and the units of their parameters, how far they are from each other; none
/// if units say it.
pub(crate) type Compare<'a> = dyn FnMut(&[f64], &[f64], &[f64]) -> Result<Option<Apart>> + 'a;

/// How far two averages are from each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Apart {
    /// The divergence.
    pub(crate) nats: f64,
    /// Below this they are the same.
    pub(crate) tolerance: f64,
}

/// About the divergence of parameters in units.
pub(crate) fn in_units(a: &[f64], b: &[f64], units: &[f64]) -> f64 {
    let square = |((a, b), unit): ((&f64, &f64), &f64)| ((a - b) / unit).powi(2);
    0.5 * a.iter().zip(b).zip(units).map(square).sum::<f64>()
}

/// Mean and squares of a window, by Welford's update: a large ELBO does not cancel.
#[derive(Debug, Default)]
struct Window {
    count: usize,
    mean: f64,
    squares: f64,
}

impl Window {
    fn add(&mut self, x: f64) {
        self.count += 1;
        let d = x - self.mean;
        self.mean += d / self.count as f64;
        self.squares += d * (x - self.mean);
    }

    /// The mean and the square of its standard error.
    fn mean_and_error(&self) -> (f64, f64) {
        let n = self.count as f64;
        (self.mean, self.squares / (n * (n - 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Apart, StoppingRule};
    use crate::error::Result;

    fn by_units(_: &[f64], _: &[f64], _: &[f64]) -> Result<Option<Apart>> {
        Ok(None)
    }

    #[test]
    fn a_rising_elbo_keeps_the_rate_and_a_flat_one_ends_the_fit() {
        let mut rule = StoppingRule::new(1);
        for step in 0..2000 {
            assert!(!rule.finished_after(step as f64, &[0.0], &mut by_units).unwrap());
        }
        assert_eq!(rule.factor(), 1.0);
        let flat = |i: usize| if i.is_multiple_of(2) { 2000.0 } else { 2001.0 };
        let end = (0..20_000).position(|i| rule.finished_after(flat(i), &[3.0], &mut by_units).unwrap());
        assert!(end.is_some_and(|steps| steps > 1000 && steps < 4000), "{end:?}");
        let mut result = [0.0];
        rule.finish(&mut result);
        assert_eq!(result, [3.0]);
    }

    #[test]
    fn a_drift_that_the_elbo_does_not_show_keeps_the_fit_going() {
        let mut rule = StoppingRule::new(1);
        let drift = |i: usize| [i as f64 * 1e-3];
        let end = (0..20_000).position(|i| rule.finished_after(0.0, &drift(i), &mut by_units).unwrap());
        assert_eq!(end, None);
    }

    #[test]
    fn a_drift_of_parameters_that_leaves_the_guide_as_it_is_ends_the_fit() {
        let (mut rule, mut asked) = (StoppingRule::new(1), 0);
        let mut same = |a: &[f64], b: &[f64], units: &[f64]| {
            asked += 1;
            assert!(a[0] > b[0] + 1e-3 && units == [1.0]);
            let nats = if asked < 3 { 1.0 } else { 0.0 };
            Ok(Some(Apart { nats, tolerance: 0.01 }))
        };
        let drift = |i: usize| [i as f64 * 1e-3];
        let end = (0..20_000).position(|i| rule.finished_after(0.0, &drift(i), &mut same).unwrap());
        // Three stages of 400 steps, and spans of 250 to 2000.
        assert_eq!((end, asked), (Some(3 * 400 + 250 + 500 + 1000 + 2000 - 1), 3));
    }

    #[test]
    fn steps_are_measured_in_units_with_a_floor() {
        let mut rule = StoppingRule::new(2);
        rule.units.copy_from_slice(&[100.0, 1e-3]);
        let mut params = [5.01f64, 5.01];
        rule.after_step(&[5.0, 5.0], &mut params);
        assert!((params[0] - 6.0).abs() < 1e-9 && (params[1] - 5.01).abs() < 1e-12, "{params:?}");
        rule.fixed.push(1..2);
        let mut params = [5.01f64, 5.01];
        rule.after_step(&[5.0, 5.0], &mut params);
        assert!((params[1] - 5.00001).abs() < 1e-12, "{params:?}");
    }
}
