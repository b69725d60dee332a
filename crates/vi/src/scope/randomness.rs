//! Random numbers of a model's own, such as the masks of dropout.

use super::{Mode, Scope};
use probity_autodiff::{Key, Scalar};

impl<T: Scalar> Scope<'_, T> {
    /// A key for random numbers that are neither latent variables nor data, such as a mask of
    /// dropout; names give keys of their own. Every step of a fit has other numbers, every draw of
    /// a prediction too. Where the log joint density is asked for at a point they are the same in
    /// every run, so that it is a function.
    ///
    /// Draws of one step may run on one tape, so random numbers are given to the operation as a
    /// key ([`Tape::map_noise`](probity_autodiff::Tape::map_noise)), which then differs from draw
    /// to draw, and not as a matrix of constants.
    pub fn random(&self, name: &str) -> Key {
        self.key.fold_in_str("random").fold_in_str(&self.prefix).fold_in_str(name)
    }

    /// Whether this run is a prediction or a draw from the prior, and no part of a fit.
    pub fn predicts(&self) -> bool {
        matches!(self.mode, Mode::Predict { .. } | Mode::Prior)
    }
}
