//! Activation functions.

use probity_autodiff::{Formula, Real, Scalar, Var};
use serde::{Deserialize, Serialize};

/// A function of every entry, between layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Activation {
    /// `max(x, 0)`.
    #[default]
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + e⁻ˣ)`.
    Sigmoid,
    /// `ln(1 + eˣ)`.
    Softplus,
    /// `x Φ(x)`, Φ the standard normal distribution function. Source: Hendrycks, Gimpel 2016.
    Gelu,
    /// `x sigmoid(x)`. Source: Ramachandran, Zoph, Le 2017.
    Silu,
    /// `x`.
    Identity,
}

#[derive(Clone, Copy, Debug)]
struct Gelu;
impl Formula<1> for Gelu {
    #[inline(always)]
    fn eval<R: Real>(&self, [x]: [R; 1]) -> R {
        x * x.ndtr()
    }
}

#[derive(Clone, Copy, Debug)]
struct Silu;
impl Formula<1> for Silu {
    #[inline(always)]
    fn eval<R: Real>(&self, [x]: [R; 1]) -> R {
        x * x.sigmoid()
    }
}

impl Activation {
    /// The function of every entry.
    pub fn apply<T: Scalar>(self, x: Var<'_, T>) -> Var<'_, T> {
        match self {
            Activation::Relu => x.relu(),
            Activation::Tanh => x.tanh(),
            Activation::Sigmoid => x.sigmoid(),
            Activation::Softplus => x.softplus(),
            Activation::Gelu => Var::map(Gelu, [x]),
            Activation::Silu => Var::map(Silu, [x]),
            Activation::Identity => x,
        }
    }

    /// The standard deviation that keeps the size of signals from layer to layer, as a multiple of
    /// 1 / √inputs: √2 where half of the signal is cut off (He et al. 2015), else 1 (LeCun et al.
    /// 1998).
    pub fn gain(self) -> f64 {
        match self {
            Activation::Relu | Activation::Gelu | Activation::Silu | Activation::Softplus => {
                std::f64::consts::SQRT_2
            }
            _ => 1.0,
        }
    }
}
