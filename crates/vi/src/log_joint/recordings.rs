//! The runs of a model that are kept, to be run again at other points.

use probity_autodiff::{Recording, Scalar};

/// Recordings of a log joint density, by the number of points that are computed together.
#[derive(Debug)]
pub(super) struct Recordings<T: Scalar> {
    kept: Vec<Kept<T>>,
    /// The most recordings that may be kept.
    most: usize,
    /// Memory for what a run of the model is compared with.
    again: [Vec<T>; 2],
}

#[derive(Debug)]
struct Kept<T: Scalar> {
    points: usize,
    recording: Recording<T>,
    /// Whether a later run of the model gave the same numbers.
    confirmed: bool,
}

impl<T: Scalar> Recordings<T> {
    /// The most numbers on the tape of a model whose runs are kept. With more, running the model
    /// costs little beside its arithmetic, and a second tape a lot of memory.
    const SMALL: usize = 1 << 16;
    /// One point, as many as a tape takes, and what is left of them.
    const KINDS: usize = 3;

    /// None yet, of a model with so many numbers on its tape.
    pub fn of(size: usize) -> Self {
        let most = if size <= Self::SMALL { Self::KINDS } else { 0 };
        Self { kept: Vec::new(), most, again: Default::default() }
    }

    /// None yet, of the same model or a form of it.
    pub fn anew(&self) -> Self {
        Self { kept: Vec::new(), most: self.most, again: Default::default() }
    }

    /// None now, and none later.
    pub fn never() -> Self {
        Self { kept: Vec::new(), most: 0, again: Default::default() }
    }

    /// Whether a run at so many points would be kept.
    pub fn wants(&self, points: usize) -> bool {
        self.kept.len() < self.most && self.kept.iter().all(|kept| kept.points != points)
    }

    /// Keeps the recording of a run at so many points.
    pub fn keep(&mut self, recording: Recording<T>, points: usize) {
        self.kept.push(Kept { points, recording, confirmed: false });
    }

    /// The values and gradients at these points, if there is a confirmed recording of so many, and
    /// they are finite. If not, the model must be run.
    pub fn replay(&mut self, points: &[T], values: &mut [T], gradients: Option<&mut [T]>) -> bool {
        let n = values.len();
        let Some(kept) = self.kept.iter_mut().find(|kept| kept.confirmed && kept.points == n) else {
            return false;
        };
        kept.recording.evaluate(points, values, gradients);
        values.iter().all(|value| value.to_f64().is_finite())
    }

    /// The model was run at these points, with these results. A recording that is not confirmed and
    /// gives others shows that the model does not always record the same.
    pub fn confirm(&mut self, points: &[T], values: &[T], gradients: &[T]) {
        let n = values.len();
        let Some(kept) = self.kept.iter_mut().find(|kept| !kept.confirmed && kept.points == n) else {
            return;
        };
        if !values.iter().all(|value| value.to_f64().is_finite()) {
            return;
        }
        let [value, gradient] = &mut self.again;
        value.resize(n, T::from_f64(0.0));
        gradient.resize(points.len(), T::from_f64(0.0));
        kept.recording.evaluate(points, value, Some(gradient));
        let same = |a: &[T], b: &[T]| {
            a.iter().zip(b).all(|(a, b)| a == b || a.to_f64().is_nan() && b.to_f64().is_nan())
        };
        if same(value, values) && same(gradient, gradients) {
            kept.confirmed = true;
        } else {
            *self = Self::never();
        }
    }
}
