//! Noise with heavy tails.

use super::{Head, Parameters, Univariate};
use crate::standardize::Standardizer;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Scalar, Var};
use probity_distributions::{Gamma, HalfNormal, StudentT};
use probity_vi::{Init, Result, ScaleStart, Scope, Start};
use serde::{Deserialize, Serialize};

/// Student-t noise around the output: a few targets far from the rest do not move the mean. The
/// scale is unknown (site `noise`, prior half-Normal with the scale of the targets), and so are the
/// degrees of freedom (site `df`, prior Gamma(2, 0.1)) unless they are given. The variance is
/// infinite for up to 2 degrees of freedom.
///
/// ```
/// use probity_autodiff::nalgebra::DMatrix;
/// use probity_nn::heads::StudentTHead;
/// use probity_nn::{Activation, Mlp, Network};
/// use probity_vi::Fit;
/// let x = DMatrix::from_fn(30, 1, |i, _| i as f64);
/// let y: Vec<f64> = (0..30).map(|i| if i == 7 { 500.0 } else { i as f64 }).collect();
/// let net = Network::new(Mlp::new(&[1, 1], Activation::Identity), StudentTHead::new());
/// let medians = net.fit_with(&x, &y, Fit::default().steps(50))?.predict(&x, 20)?.quantile(0.5);
/// # Ok::<(), probity_nn::Error>(())
/// ```
///
/// *Source* of the prior: Juárez, Steel 2010, "Model-based clustering of non-Gaussian panel data
/// based on skew-t distributions".
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StudentTHead {
    /// The degrees of freedom; none if they are unknown.
    pub df: Option<f64>,
}

impl StudentTHead {
    /// With unknown degrees of freedom.
    pub fn new() -> Self {
        Self::default()
    }

    /// With these degrees of freedom.
    pub fn with_df(df: f64) -> Self {
        Self { df: Some(df) }
    }
}

impl Head for StudentTHead {
    type Row = Univariate<StudentT>;

    fn outputs(&self) -> usize {
        1
    }
    fn units(&self, y: &DMatrix<f64>) -> Standardizer {
        Standardizer::of(y)
    }
    fn parameters<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        outputs: Var<'t, T>,
        _: &Standardizer,
    ) -> Result<Parameters<'t, T>> {
        let near = |x: f64| move || Init { loc: Start::Constant(x.ln()), scale: ScaleStart::Constant(0.05) };
        let scale = s.sample_from("noise", HalfNormal::new(1.0), near(0.3))?;
        let df = match self.df {
            Some(df) => Var::from(df),
            None => s.sample_from("df", Gamma::new(2.0, 0.1), near(8.0))?,
        };
        Ok(Parameters::of([("loc", outputs), ("scale", scale), ("degrees", df)]))
    }
    fn observe<'t, T: Scalar>(&self, s: &mut Scope<'t, T>, p: &Parameters<'t, T>, y: Var<'t, T>) -> Result {
        s.observe("y", StudentT::new(p.get(2), p.get(0), p.get(1)), y)
    }
    fn row(&self, p: &[f64], units: &Standardizer) -> Self::Row {
        let (mean, sd) = (units.mean[0], units.sd[0]);
        Univariate(StudentT::new(p[2], mean + sd * p[0], sd * p[1]))
    }
}
