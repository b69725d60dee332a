//! The regularised horseshoe.

use super::{LayerPrior, Weights};
use probity_autodiff::{Scalar, Var, formula};
use probity_distributions::{Distribution, HalfCauchy, InverseGamma, Normal};
use probity_vi::{Init, Result, ScaleStart, Scope, Start};
use serde::{Deserialize, Serialize};

/// A horseshoe whose tails end at a slab: few inputs of a layer matter, and the weights of the
/// others are nearly 0; those that matter are not shrunk, but stay within the slab.
///
/// `w = z τ λ̃` with z standard normal, a global scale τ half-Cauchy around
/// [`global`](RegularizedHorseshoe::global), for every input of the layer a local scale λ
/// half-Cauchy around 1, `λ̃² = c² λ² / (c² + τ² λ²)`, and c² inverse Gamma (df / 2, df slab² / 2):
/// far out, Student-t with df degrees of freedom and the scale of the slab. Sites:
/// `weight_prior.global`, `.local` (inputs × 1), `.slab` (c²).
///
/// The scales multiply the latent variable instead of being those of its prior, so a mean-field
/// guide can shrink the weights of an input together, and outputs of a linear map may be drawn
/// exactly as for any Gaussian weights.
///
/// ```
/// use probity_nn::{Linear, Prior, RegularizedHorseshoe};
/// let horseshoe = RegularizedHorseshoe::expecting(3.0, 40, 500);
/// assert!((horseshoe.global - 3.0 / 37.0 / 500_f64.sqrt()).abs() < 1e-15);
/// let layer = Linear::new(40, 20).with_priors(horseshoe, Prior::normal(1.0));
/// assert_eq!(layer.len(), 820);
/// ```
///
/// *Source*: Piironen, Vehtari 2017, "Sparsity information and regularization in the horseshoe and
/// other shrinkage priors", equation 2.8; for networks, with a scale for each unit: Ghosh, Yao,
/// Doshi-Velez 2018, "Structured variational learning of Bayesian neural networks with horseshoe
/// priors".
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegularizedHorseshoe {
    /// The scale of the prior of the global scale.
    pub global: f64,
    /// The scale of the slab.
    pub slab: f64,
    /// The degrees of freedom of the slab.
    pub df: f64,
}

impl Default for RegularizedHorseshoe {
    /// Global scale 0.1, slab of scale 2 with 4 degrees of freedom.
    fn default() -> Self {
        Self { global: 0.1, slab: 2.0, df: 4.0 }
    }
}

impl RegularizedHorseshoe {
    /// With a global scale for about so many relevant inputs out of all, from this many rows:
    /// `m / (all - m) / √rows` for a target of standard deviation 1. Source: Piironen, Vehtari
    /// 2017, equation 3.12.
    ///
    /// # Panics
    /// Unless `0 < relevant < inputs`.
    #[track_caller]
    pub fn expecting(relevant: f64, inputs: usize, rows: usize) -> Self {
        let all = inputs as f64;
        assert!(
            0.0 < relevant && relevant < all,
            "RegularizedHorseshoe: {relevant} relevant inputs of {inputs}"
        );
        let global = relevant / (all - relevant) / (rows.max(1) as f64).sqrt();
        Self { global, ..Self::default() }
    }
}

impl LayerPrior for RegularizedHorseshoe {
    type Family<'t, T: Scalar> = Normal<Var<'t, T>>;

    fn weights<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        name: &str,
        (inputs, _): (usize, usize),
    ) -> Result<Weights<Self::Family<'t, T>, Var<'t, T>>> {
        let near = |centre: f64| {
            move || Init { loc: Start::Constant(centre.ln()), scale: ScaleStart::Constant(0.1) }
        };
        let Self { global, slab, df } = *self;
        let factor = s.within(name, |s| {
            let global = s.sample_from("global", HalfCauchy::new(global), near(global))?;
            let local = s.sample_from("local", HalfCauchy::new(1.0).shaped(inputs, 1), near(1.0))?;
            let wide = InverseGamma::new(0.5 * df, 0.5 * df * slab * slab);
            let wide = s.sample_from("slab", wide, near(slab * slab))?;
            // c t / √(c² + t²), t = τ λ, by the ratio of the smaller to the larger.
            let factor = formula!(|global, local, wide| {
                let (t, c) = (global * local, wide.sqrt());
                if t < c {
                    let r = t / c;
                    t / (r * r + 1.0).sqrt()
                } else {
                    let r = c / t;
                    c / (r * r + 1.0).sqrt()
                }
            });
            Ok(Var::map(factor, [global, local, wide]))
        })?;
        Ok(Weights { family: Normal::new(0.0, 1.0), factor: Some(factor) })
    }
}
