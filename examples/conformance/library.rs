//! What the library has, by the names and parameters that the reference files use: every family of
//! its own list, and other parametrisations.

use probity_autodiff::{Tape, formula};
use probity_distributions::laws::{Family, MatrixFamily};
use probity_distributions::*;
use std::marker::PhantomData;

/// A matrix on a tape.
pub type Var<'t> = probity_autodiff::Var<'t, f64>;
/// A function of parameters.
pub type OfParameters = for<'t> fn(&'t Tape<f64>, &[Var<'t>]) -> Var<'t>;
/// A function of parameters and a value.
pub type AtValue = for<'t> fn(&'t Tape<f64>, &[Var<'t>], Var<'t>) -> Var<'t>;

/// A family and what it can do.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// The parameters of its functions.
    pub parameters: &'static [&'static str],
    /// The log density.
    pub log_prob: AtValue,
    /// cdf, sf, log_cdf, log_sf, quantile.
    pub tails: Option<[AtValue; 5]>,
    /// Mean and variance.
    pub moments: Option<[OfParameters; 2]>,
    /// Entropy.
    pub entropy: Option<OfParameters>,
}

/// What a family can do: by methods of `Of<F>` where it can, of `&Of<F>` where it cannot. (A call
/// through a reference finds the first before the second.)
struct Of<F>(PhantomData<F>);

macro_rules! probes {
    ($module:ident, $family:ident, $of:ty, |$tape:ident, $p:ident| $with:expr) => {
        mod $module {
            use super::{AtValue, Of, OfParameters, Tape, Var};
            use probity_distributions::laws::$family;
            use probity_distributions::{Cdf, Distribution, Entropy, Moments};

            pub fn log_prob<'t, F: $family>($tape: &'t Tape<f64>, $p: &[Var<'t>], x: Var<'t>) -> Var<'t> {
                let _ = $tape;
                $with.log_prob_sum(x)
            }
            pub trait HasTails {
                fn tails(&self) -> Option<[AtValue; 5]>;
            }
            impl<F: $family> HasTails for Of<F>
            where
                for<'t> $of: Cdf<Var<'t>>,
            {
                fn tails(&self) -> Option<[AtValue; 5]> {
                    Some([
                        |$tape, $p, x| {
                            let _ = $tape;
                            $with.cdf(x)
                        },
                        |$tape, $p, x| {
                            let _ = $tape;
                            $with.sf(x)
                        },
                        |$tape, $p, x| {
                            let _ = $tape;
                            $with.log_cdf(x)
                        },
                        |$tape, $p, x| {
                            let _ = $tape;
                            $with.log_sf(x)
                        },
                        |$tape, $p, x| {
                            let _ = $tape;
                            $with.quantile(x)
                        },
                    ])
                }
            }
            #[allow(dead_code)] // Where all families of a kind have it.
            pub trait NoTails {
                fn tails(&self) -> Option<[AtValue; 5]> {
                    None
                }
            }
            impl<F: $family> NoTails for &Of<F> {}
            pub trait HasMoments {
                fn moments(&self) -> Option<[OfParameters; 2]>;
            }
            impl<F: $family> HasMoments for Of<F>
            where
                for<'t> $of: Moments<Var<'t>>,
            {
                fn moments(&self) -> Option<[OfParameters; 2]> {
                    Some([
                        |$tape, $p| {
                            let _ = $tape;
                            $with.mean()
                        },
                        |$tape, $p| {
                            let _ = $tape;
                            $with.variance()
                        },
                    ])
                }
            }
            #[allow(dead_code)] // Where all families of a kind have it.
            pub trait NoMoments {
                fn moments(&self) -> Option<[OfParameters; 2]> {
                    None
                }
            }
            impl<F: $family> NoMoments for &Of<F> {}
            pub trait HasEntropy {
                fn entropy(&self) -> Option<OfParameters>;
            }
            impl<F: $family> HasEntropy for Of<F>
            where
                for<'t> $of: Entropy<Var<'t>>,
            {
                fn entropy(&self) -> Option<OfParameters> {
                    Some(|$tape, $p| {
                        let _ = $tape;
                        $with.entropy()
                    })
                }
            }
            #[allow(dead_code)] // Where all families of a kind have it.
            pub trait NoEntropy {
                fn entropy(&self) -> Option<OfParameters> {
                    None
                }
            }
            impl<F: $family> NoEntropy for &Of<F> {}
        }
    };
}
probes!(of_numbers, Family, F::Of<Var<'t>>, |tape, p| F::with::<Var<'_>>(p));
probes!(of_rows, MatrixFamily, F::Of<'t, f64>, |tape, p| F::with(tape, p));

macro_rules! members {
    ($([$name:ident $module:ident ($($kind:tt)+)])+) => {
        /// Every family, by its own parameters.
        pub fn members() -> Vec<Member> {
            let mut all = Vec::new();
            $(members!(@each all $name $($kind)+);)+
            all
        }
    };
    (@each $all:ident $name:ident numbers) => { members!(@add $all $name of_numbers Family $name<f64>); };
    (@each $all:ident $name:ident of $($base:ident)+) => {
        members!(@add $all $name of_numbers Family $name<f64, $($base<f64>),+>);
    };
    (@each $all:ident $name:ident tape) => { members!(@add $all $name of_rows MatrixFamily $name<f64>); };
    (@each $all:ident $name:ident tape of $($base:ident)+) => {
        members!(@add $all $name of_rows MatrixFamily $name<f64, $($base<f64>),+>);
    };
    // The flat prior has no parameters and no table.
    (@each $all:ident $name:ident flat) => {};
    (@add $all:ident $name:ident $probes:ident $family:ident $ty:ty) => {{
        #[allow(unused_imports)]
        use $probes::{HasEntropy, HasMoments, HasTails, NoEntropy, NoMoments, NoTails};
        let of = &Of::<$ty>(PhantomData);
        $all.push(Member {
            name: stringify!($name),
            parameters: <$ty as $family>::PARAMETERS,
            log_prob: $probes::log_prob::<$ty>,
            tails: of.tails(),
            moments: of.moments(),
            entropy: of.entropy(),
        });
    }};
}
for_each_family!(members);

/// A name of a reference file for a family, without the parameters that stand behind it.
pub fn family_name(name: &str) -> &str {
    let name = name.split_once('_').map_or(name, |(name, _)| name);
    match name {
        "LKJCholesky" | "LKJ" => "LkjCholesky",
        "MixtureOfNormals" | "NormalMixture" | "MixtureSameFamily" => "Mixture",
        "ScaleMixturePrior" => "ScaleMixture",
        "ZeroInflatedPoisson" => "ZeroInflated",
        "HurdlePoisson" => "Hurdle",
        "ProbitBernoulli" => "Bernoulli",
        "GEV" | "GeneralizedExtremeValue" => "GeneralisedExtremeValue",
        "GeneralizedPareto" => "GeneralisedPareto",
        "ExponentiallyModifiedGaussian" => "ExGaussian",
        "HalfStudent" => "HalfStudentT",
        "RelaxedOneHotCategorical" => "RelaxedOneHot",
        name => name,
    }
}

/// Another way to give a family's parameters: the names, and the family's own of them.
#[derive(Clone, Copy, Debug)]
pub struct Conversion {
    /// The family.
    pub name: &'static str,
    /// The names.
    pub parameters: &'static [&'static str],
    /// The family's own parameters.
    pub convert: for<'t> fn(&[Var<'t>]) -> Vec<Var<'t>>,
}

/// What a matrix that is not positive definite becomes.
fn factor<'t>(x: Var<'t>) -> Var<'t> {
    x.cholesky().unwrap_or(x * f64::NAN)
}

/// All other parametrisations that keep their digits when they are converted.
pub fn conversions() -> Vec<Conversion> {
    let to = |name, parameters, convert| Conversion { name, parameters, convert };
    vec![
        to("ContinuousBernoulli", &["probs"], |p| vec![ContinuousBernoulli::new(p[0]).logits]),
        to("Binomial", &["total_count", "probs"], |p| vec![p[0], Binomial::new(p[0], p[1]).logits]),
        to("NegativeBinomial", &["total_count", "probs"], |p| {
            vec![p[0], NegativeBinomial::new(p[0], p[1]).logits]
        }),
        to("Geometric", &["logits"], |p| vec![Var::map(formula!(|l| l.sigmoid()), [p[0]])]),
        to("Multinomial", &["total_count", "probs"], |p| vec![p[0], p[1].ln()]),
        to("Categorical", &["probs"], |p| vec![p[0].ln()]),
        to("OneHotCategorical", &["probs"], |p| vec![p[0].ln()]),
        to("ScaleMixture", &["pi", "sigma1", "sigma2"], |p| p.to_vec()),
        to("Wishart", &["df", "scale_matrix"], |p| vec![p[0], factor(p[1])]),
        to("InverseWishart", &["df", "scale_matrix"], |p| vec![p[0], factor(p[1])]),
        to("MultivariateNormal", &["loc", "covariance"], |p| vec![p[0], factor(p[1])]),
        to("MultivariateNormal", &["loc", "precision"], |p| {
            let d = MultivariateNormal::from_precision(p[0], p[1]);
            vec![p[0], d.map_or(p[1] * f64::NAN, |d| d.scale_tril())]
        }),
    ]
}

/// Members that are no conversion of another one: formulas of their own.
pub fn other_members() -> Vec<Member> {
    let bernoulli = |name: &'static [&'static str], log_prob, moments, entropy| Member {
        name: "Bernoulli",
        parameters: name,
        log_prob,
        tails: None,
        moments: Some(moments),
        entropy: Some(entropy),
    };
    vec![
        bernoulli(
            &["probs"],
            |_, p, x| Bernoulli::new(p[0]).log_prob_sum(x),
            [|_, p| Bernoulli::new(p[0]).mean(), |_, p| Bernoulli::new(p[0]).variance()],
            |_, p| Bernoulli::new(p[0]).entropy(),
        ),
        bernoulli(
            &["probits"],
            |_, p, x| Bernoulli::from_probits(p[0]).log_prob_sum(x),
            [|_, p| Bernoulli::from_probits(p[0]).mean(), |_, p| Bernoulli::from_probits(p[0]).variance()],
            |_, p| Bernoulli::from_probits(p[0]).entropy(),
        ),
        Member {
            name: "LkjCholesky",
            parameters: &["dimension", "concentration"],
            log_prob: |_, p, x| LkjCholesky::new(dimension(p[0]), p[1]).log_prob_sum(x),
            tails: None,
            moments: None,
            entropy: None,
        },
    ]
}

fn dimension(x: Var<'_>) -> usize {
    x.item() as usize
}

/// The covariances of families of rows.
pub fn covariance(name: &str) -> Option<OfParameters> {
    Some(match name {
        "MultivariateNormal" => |_, p| MultivariateNormal::from_cholesky(p[0], p[1]).covariance(),
        "LowRankMultivariateNormal" => |_, p| LowRankMultivariateNormal::new(p[0], p[1], p[2]).covariance(),
        "MultivariateStudentT" => |_, p| MultivariateStudentT::new(p[0], p[1], p[2]).covariance(),
        _ => return None,
    })
}
