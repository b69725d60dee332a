//! The log joint density of a model as a function of one flat unconstrained vector.

use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::model::Model;
use crate::scope::{Mode, Run, discover, run};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, Scalar, Tape, Var};
use std::fmt;

/// `u ↦ ln p(x(u), data) + ln |dx/du|` and its gradient: what samplers and optimisers of point estimates work with.
///
/// The entries of `u` stand in the order of the layout's latent sites, each column by column.
pub struct LogJoint<M, T: Scalar = f64> {
    model: M,
    layout: Layout,
    tape: Tape<T>,
    prefix: String,
}

// Closures are models and have no Debug form.
impl<M, T: Scalar> fmt::Debug for LogJoint<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogJoint").field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl<M: Model<T>, T: Scalar> LogJoint<M, T> {
    /// Of this model.
    ///
    /// # Errors
    /// What the model's first run reports.
    pub fn new(model: M) -> Result<Self> {
        let layout = discover(&model, Key::new(0))?;
        Ok(Self { model, layout, tape: Tape::new(), prefix: String::new() })
    }

    /// The site table.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The number of unconstrained latent numbers.
    pub fn dim(&self) -> usize {
        self.layout.dim
    }

    /// The density at `u`.
    ///
    /// # Errors
    /// What the model reports, or if `u` does not have `dim` entries.
    pub fn value(&mut self, u: &[T]) -> Result<T> {
        self.evaluate(u, None)
    }

    /// The density at `u`; its gradient is written to `gradient`.
    ///
    /// # Errors
    /// As `value`, or if `gradient` does not have `dim` entries.
    pub fn gradient(&mut self, u: &[T], gradient: &mut [T]) -> Result<T> {
        self.evaluate(u, Some(gradient))
    }

    fn evaluate(&mut self, u: &[T], gradient: Option<&mut [T]>) -> Result<T> {
        let d = self.dim();
        if u.len() != d || gradient.as_ref().is_some_and(|g| g.len() != d) {
            let length = if u.len() == d { gradient.map_or(d, |g| g.len()) } else { u.len() };
            let problem = format!("{length} entries for a model of dimension {d}");
            return Err(Error::Setting { setting: "u", problem });
        }
        self.tape.reset();
        let u = self.tape.variable(&DMatrix::from_column_slice(d, 1, u));
        let mode = Mode::Point { u, params: None };
        let how = Run::new(Key::new(0), &mut self.prefix);
        let out = run(&self.model, &self.tape, &mut self.layout, mode, how)?;
        let zero = Var::from(0.0);
        let density = out.log_prior.unwrap_or(zero) + out.log_likelihood.unwrap_or(zero);
        if let Some(gradient) = gradient {
            gradient.copy_from_slice(self.tape.backward(density).wrt(u).as_slice());
        }
        Ok(density.item())
    }
}
