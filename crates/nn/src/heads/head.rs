//! What a head is.

use super::Outcome;
use crate::error::Result;
use crate::noise::Noise;
use crate::standardize::Standardizer;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Scalar, Var};
use probity_vi::Scope;
use std::fmt::Debug;
use std::ops::Range;

/// How the outputs of a net become the distribution of a row's target. A
/// [`Network`](crate::Network) has one; the heads of this crate and a user's own are the same to
/// it.
///
/// ```
/// use probity_autodiff::{Scalar, Var};
/// use probity_distributions::Gumbel;
/// use probity_nn::heads::{Head, Parameters, Univariate};
/// use probity_nn::{Activation, Mlp, Network, Standardizer};
/// use probity_vi::{Fit, Result, Scope};
///
/// /// The largest of many numbers: Gumbel, whose scale is another output.
/// #[derive(Clone, Debug)]
/// struct Largest;
/// impl Head for Largest {
///     type Row = Univariate<Gumbel>;
///     fn outputs(&self) -> usize {
///         2
///     }
///     fn parameters<'t, T: Scalar>(
///         &self,
///         _: &mut Scope<'t, T>,
///         out: Var<'t, T>,
///         _: &Standardizer,
///     ) -> Result<Parameters<'t, T>> {
///         Ok(Parameters::of([("loc", out.cols(0..1)), ("scale", out.cols(1..2).softplus())]))
///     }
///     fn observe<'t, T: Scalar>(&self, s: &mut Scope<'t, T>, p: &Parameters<'t, T>, y: Var<'t, T>) -> Result {
///         s.observe("y", Gumbel::new(p.get(0), p.get(1)), y)
///     }
///     fn row(&self, p: &[f64], _: &Standardizer) -> Self::Row {
///         Univariate(Gumbel::new(p[0], p[1]))
///     }
/// }
///
/// let x = probity_autodiff::nalgebra::DMatrix::from_fn(30, 1, |i, _| i as f64 / 30.0);
/// let y: Vec<f64> = x.iter().map(|x| 2.0 * x).collect();
/// let net = Network::new(Mlp::new(&[1, 8, 2], Activation::Tanh), Largest);
/// let fitted = net.fit_with(&x, &y, Fit::default().steps(50))?;
/// let median = fitted.predict(&x, 20)?.quantile(0.5);
/// assert_eq!(median.len(), 30);
/// # Ok::<(), probity_nn::Error>(())
/// ```
pub trait Head: Clone + Debug + Send + Sync {
    /// The distribution of a row's target, in the user's units.
    type Row: Outcome;

    /// The outputs that the net needs.
    fn outputs(&self) -> usize;

    /// The columns of the targets.
    fn targets(&self) -> usize {
        1
    }

    /// Checks targets (n × [`targets`](Head::targets)), which are finite numbers.
    ///
    /// # Errors
    /// If a number is none that the head knows; [`Error::Data`](crate::Error::Data) names it.
    fn check(&self, y: &DMatrix<f64>) -> Result {
        let _ = y;
        Ok(())
    }

    /// The units of these targets, in which priors are written; by default those of the user. What
    /// they mean is the head's own business, as long as `scaled` and `row` agree.
    fn units(&self, y: &DMatrix<f64>) -> Standardizer {
        Standardizer::identity(y.ncols())
    }

    /// Targets in these units; by default `(y - mean) / sd`.
    fn scaled(&self, y: &DMatrix<f64>, units: &Standardizer) -> DMatrix<f64> {
        units.apply(y)
    }

    /// The parameters of the distribution of every row in these units, from the outputs of the net
    /// (n × [`outputs`](Head::outputs)). What else is unknown is sampled here.
    ///
    /// # Errors
    /// What the sites report.
    fn parameters<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        outputs: Var<'t, T>,
        units: &Standardizer,
    ) -> probity_vi::Result<Parameters<'t, T>>;

    /// Observes targets with these parameters, all in the units of the head.
    ///
    /// # Errors
    /// What the site reports.
    fn observe<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        parameters: &Parameters<'t, T>,
        y: Var<'t, T>,
    ) -> probity_vi::Result;

    /// Outputs whose weights stay 0 in the first half of an ascent to a mode: those of a noise that
    /// depends on the inputs would take for noise what the mean has not learned yet.
    fn late_outputs(&self) -> Range<usize> {
        0..0
    }

    /// The noise, if the first output is the mean of a Gaussian: given the noise, the posterior of
    /// what is linear in it is known exactly.
    fn gaussian_noise(&self) -> Option<Noise> {
        None
    }

    /// The distribution of a row in the user's units, from its parameters one after the other.
    fn row(&self, parameters: &[f64], units: &Standardizer) -> Self::Row;
}

/// The scope of the sites that hold parameters.
pub(crate) const PARAMETERS: &str = "parameters";

/// The parameters of the distributions of all rows: up to four named matrices with a row for each
/// row of the data, or with one for all.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'t, T: Scalar> {
    parts: [Option<(&'static str, Var<'t, T>)>; 4],
}

impl<'t, T: Scalar> Parameters<'t, T> {
    /// These, with the names under which they stand among the sites, after `parameters.`.
    pub fn of<const N: usize>(parts: [(&'static str, Var<'t, T>); N]) -> Self {
        const { assert!(N <= 4, "a head has at most four parameters; put some in one matrix") }
        let mut all = [None; 4];
        for (to, part) in all.iter_mut().zip(parts) {
            *to = Some(part);
        }
        Self { parts: all }
    }

    /// Number `i`.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn get(&self, i: usize) -> Var<'t, T> {
        match self.parts.get(i) {
            Some(Some((_, x))) => *x,
            _ => panic!("there is no parameter {i}"),
        }
    }

    /// Records them as sites.
    pub(crate) fn record(&self, s: &mut Scope<'t, T>) -> probity_vi::Result {
        s.within(PARAMETERS, |s| {
            for (name, x) in self.parts.iter().flatten() {
                s.deterministic(name, *x)?;
            }
            Ok(())
        })
    }
}
