//! What the library has, by the names and parameters that the reference files use: every family of
//! its own list, and other parametrisations.
//!
//! Families of numbers are computed on dual numbers, which compile in a fraction of the time that
//! tapes take (the laws of the library hold the two to each other); those of rows and matrices on a
//! tape.

use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Dual, Real, Tape};
use probity_distributions::laws::{Family, MatrixFamily};
use probity_distributions::*;
use std::marker::PhantomData;

/// A number with one derivative.
pub type Jet = Dual<f64, 1>;
/// A matrix on a tape.
pub type Var<'t> = probity_autodiff::Var<'t, f64>;

/// A function of arguments (a value first, where there is one, and parameters).
#[derive(Clone, Copy, Debug)]
pub enum Function {
    /// Of numbers.
    Numbers(fn(&[Jet]) -> Jet),
    /// Of matrices.
    Rows(for<'t> fn(&'t Tape<f64>, &[Var<'t>]) -> Var<'t>),
}

impl Function {
    /// The value, and the gradient of its sum in every argument.
    pub fn differentiate(&self, at: &[DMatrix<f64>]) -> (DMatrix<f64>, Vec<DMatrix<f64>>) {
        match *self {
            Function::Numbers(f) => moved_one_by_one(at, &f),
            Function::Rows(f) => {
                let tape = Tape::new();
                let at: Vec<_> = at.iter().map(|x| tape.variable(x)).collect();
                let y = f(&tape, &at);
                let gradients = tape.backward(y.sum());
                (y.value(), at.iter().map(|x| gradients.wrt(*x)).collect())
            }
        }
    }
}

/// A function of numbers, and its derivatives one after the other.
pub fn moved_one_by_one(at: &[DMatrix<f64>], f: &dyn Fn(&[Jet]) -> Jet) -> (DMatrix<f64>, Vec<DMatrix<f64>>) {
    let along = |i: usize| {
        let argument = |(j, x): (usize, &DMatrix<f64>)| {
            let x = if x.len() == 1 { x[0] } else { f64::NAN };
            if i == j { Jet::variable(x, 0) } else { Jet::constant(x) }
        };
        f(&at.iter().enumerate().map(argument).collect::<Vec<_>>())
    };
    let number = |x: f64| DMatrix::from_element(1, 1, x);
    (number(along(at.len()).re), (0..at.len()).map(|i| number(along(i).du[0])).collect())
}

/// A family and what it can do.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// The parameters of its functions.
    pub parameters: &'static [&'static str],
    /// The sum of the log densities, of a value and the parameters.
    pub log_prob: Function,
    /// cdf, sf, log_cdf, log_sf, quantile, of a value (a probability) and the parameters.
    pub tails: Option<[Function; 5]>,
    /// Mean and variance, of the parameters.
    pub moments: Option<[Function; 2]>,
    /// Entropy, of the parameters.
    pub entropy: Option<Function>,
}

/// What a family can do: by methods of `Of<F>` where it can, of `&Of<F>` where it cannot. (A call
/// through a reference finds the first before the second.)
struct Of<F>(PhantomData<F>);

/// The capabilities of families of numbers.
mod of_numbers {
    use super::{Function, Jet, Of};
    use probity_distributions::laws::Family;
    use probity_distributions::{Cdf, Distribution, Entropy, Moments};

    pub fn log_prob<F: Family>() -> Function {
        Function::Numbers(|a| F::with(&a[1..]).log_prob(a[0]))
    }
    pub trait HasTails {
        fn tails(&self) -> Option<[Function; 5]>;
    }
    impl<F: Family> HasTails for Of<F>
    where
        F::Of<Jet>: Cdf<Jet>,
    {
        fn tails(&self) -> Option<[Function; 5]> {
            Some([
                Function::Numbers(|a| F::with(&a[1..]).cdf(a[0])),
                Function::Numbers(|a| F::with(&a[1..]).sf(a[0])),
                Function::Numbers(|a| F::with(&a[1..]).log_cdf(a[0])),
                Function::Numbers(|a| F::with(&a[1..]).log_sf(a[0])),
                Function::Numbers(|a| F::with(&a[1..]).quantile(a[0])),
            ])
        }
    }
    pub trait HasMoments {
        fn moments(&self) -> Option<[Function; 2]>;
    }
    impl<F: Family> HasMoments for Of<F>
    where
        F::Of<Jet>: Moments<Jet>,
    {
        fn moments(&self) -> Option<[Function; 2]> {
            Some([Function::Numbers(|p| F::with(p).mean()), Function::Numbers(|p| F::with(p).variance())])
        }
    }
    pub trait HasEntropy {
        fn entropy(&self) -> Option<Function>;
    }
    impl<F: Family> HasEntropy for Of<F>
    where
        F::Of<Jet>: Entropy<Jet>,
    {
        fn entropy(&self) -> Option<Function> {
            Some(Function::Numbers(|p| F::with(p).entropy()))
        }
    }
}

/// The capabilities of families of rows and matrices.
mod of_rows {
    use super::{Function, Of, Var};
    use probity_distributions::laws::MatrixFamily;
    use probity_distributions::{Cdf, Distribution, Entropy, Moments};

    pub fn log_prob<F: MatrixFamily>() -> Function {
        Function::Rows(|tape, a| F::with(tape, &a[1..]).log_prob_sum(a[0]))
    }
    pub trait HasTails {
        fn tails(&self) -> Option<[Function; 5]>;
    }
    impl<F: MatrixFamily> HasTails for Of<F>
    where
        for<'t> F::Of<'t, f64>: Cdf<Var<'t>>,
    {
        fn tails(&self) -> Option<[Function; 5]> {
            Some([
                Function::Rows(|tape, a| F::with(tape, &a[1..]).cdf(a[0])),
                Function::Rows(|tape, a| F::with(tape, &a[1..]).sf(a[0])),
                Function::Rows(|tape, a| F::with(tape, &a[1..]).log_cdf(a[0])),
                Function::Rows(|tape, a| F::with(tape, &a[1..]).log_sf(a[0])),
                Function::Rows(|tape, a| F::with(tape, &a[1..]).quantile(a[0])),
            ])
        }
    }
    pub trait HasMoments {
        fn moments(&self) -> Option<[Function; 2]>;
    }
    impl<F: MatrixFamily> HasMoments for Of<F>
    where
        for<'t> F::Of<'t, f64>: Moments<Var<'t>>,
    {
        fn moments(&self) -> Option<[Function; 2]> {
            Some([
                Function::Rows(|tape, p| F::with(tape, p).mean()),
                Function::Rows(|tape, p| F::with(tape, p).variance()),
            ])
        }
    }
    pub trait HasEntropy {
        fn entropy(&self) -> Option<Function>;
    }
    impl<F: MatrixFamily> HasEntropy for Of<F>
    where
        for<'t> F::Of<'t, f64>: Entropy<Var<'t>>,
    {
        fn entropy(&self) -> Option<Function> {
            Some(Function::Rows(|tape, p| F::with(tape, p).entropy()))
        }
    }
}

/// What is not there.
trait NoTails {
    fn tails(&self) -> Option<[Function; 5]> {
        None
    }
}
impl<F> NoTails for &Of<F> {}
trait NoMoments {
    fn moments(&self) -> Option<[Function; 2]> {
        None
    }
}
impl<F> NoMoments for &Of<F> {}
trait NoEntropy {
    fn entropy(&self) -> Option<Function> {
        None
    }
}
impl<F> NoEntropy for &Of<F> {}

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
        #[allow(unused_imports)] // Of what a family cannot do.
        use $probes::{HasEntropy, HasMoments, HasTails};
        let of = &Of::<$ty>(PhantomData);
        $all.push(Member {
            name: stringify!($name),
            parameters: <$ty as $family>::PARAMETERS,
            log_prob: $probes::log_prob::<$ty>(),
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
    pub convert: Convert,
}

/// Parameters from others.
#[derive(Clone, Copy, Debug)]
pub enum Convert {
    /// Of numbers.
    Numbers(fn(&[Jet]) -> Vec<Jet>),
    /// Of matrices.
    Rows(for<'t> fn(&[Var<'t>]) -> Vec<Var<'t>>),
}

/// What a matrix that is not positive definite becomes.
fn factor(x: Var<'_>) -> Var<'_> {
    x.cholesky().unwrap_or(x * f64::NAN)
}

/// All other parametrisations that keep their digits when they are converted.
pub fn conversions() -> Vec<Conversion> {
    let to = |name, parameters, convert| Conversion { name, parameters, convert };
    let numbers = |name, parameters, convert| to(name, parameters, Convert::Numbers(convert));
    let rows = |name, parameters, convert| to(name, parameters, Convert::Rows(convert));
    vec![
        numbers("ContinuousBernoulli", &["probs"], |p| vec![ContinuousBernoulli::new(p[0]).logits]),
        numbers("Binomial", &["total_count", "probs"], |p| vec![p[0], Binomial::new(p[0], p[1]).logits]),
        numbers("NegativeBinomial", &["total_count", "probs"], |p| {
            vec![p[0], NegativeBinomial::new(p[0], p[1]).logits]
        }),
        numbers("Geometric", &["logits"], |p| vec![p[0].sigmoid()]),
        numbers("ScaleMixture", &["pi", "sigma1", "sigma2"], |p| p.to_vec()),
        rows("Multinomial", &["total_count", "probs"], |p| vec![p[0], p[1].ln()]),
        rows("Categorical", &["probs"], |p| vec![p[0].ln()]),
        rows("OneHotCategorical", &["probs"], |p| vec![p[0].ln()]),
        rows("Wishart", &["df", "scale_matrix"], |p| vec![p[0], factor(p[1])]),
        rows("InverseWishart", &["df", "scale_matrix"], |p| vec![p[0], factor(p[1])]),
        rows("MultivariateNormal", &["loc", "covariance"], |p| vec![p[0], factor(p[1])]),
        rows("MultivariateNormal", &["loc", "precision"], |p| {
            let d = MultivariateNormal::from_precision(p[0], p[1]);
            vec![p[0], d.map_or(p[1] * f64::NAN, |d| d.scale_tril())]
        }),
    ]
}

/// A function whose last arguments, behind the first `kept`, are converted.
pub fn converted(
    function: Function,
    conversion: Option<&Conversion>,
    kept: usize,
    at: &[DMatrix<f64>],
) -> (DMatrix<f64>, Vec<DMatrix<f64>>) {
    match (function, conversion.map(|c| c.convert)) {
        (Function::Numbers(f), Some(Convert::Numbers(convert))) => moved_one_by_one(at, &|all| {
            let mut own = all[..kept].to_vec();
            own.extend(convert(&all[kept..]));
            f(&own)
        }),
        (Function::Rows(f), Some(Convert::Rows(convert))) => {
            let tape = Tape::new();
            let at: Vec<_> = at.iter().map(|x| tape.variable(x)).collect();
            let mut all = at[..kept].to_vec();
            all.extend(convert(&at[kept..]));
            let y = f(&tape, &all);
            let gradients = tape.backward(y.sum());
            (y.value(), at.iter().map(|x| gradients.wrt(*x)).collect())
        }
        _ => function.differentiate(at),
    }
}

/// Members that are no conversion of another one: formulas of their own.
pub fn other_members(all: &[Member]) -> Vec<Member> {
    let von_mises = *all.iter().find(|m| m.name == "VonMises").unwrap_or(&all[0]);
    let bernoulli = |parameters, log_prob, moments: [fn(&[Jet]) -> Jet; 2], entropy| Member {
        name: "Bernoulli",
        parameters,
        log_prob: Function::Numbers(log_prob),
        tails: None,
        moments: Some(moments.map(Function::Numbers)),
        entropy: Some(Function::Numbers(entropy)),
    };
    vec![
        bernoulli(
            &["probs"],
            |a| Bernoulli::new(a[1]).log_prob(a[0]),
            [|p| Bernoulli::new(p[0]).mean(), |p| Bernoulli::new(p[0]).variance()],
            |p| Bernoulli::new(p[0]).entropy(),
        ),
        bernoulli(
            &["probits"],
            |a| Bernoulli::from_probits(a[1]).log_prob(a[0]),
            [|p| Bernoulli::from_probits(p[0]).mean(), |p| Bernoulli::from_probits(p[0]).variance()],
            |p| Bernoulli::from_probits(p[0]).entropy(),
        ),
        Member {
            // The tables begin half a turn below the location, this library at -π whatever it is.
            tails: Some([
                Function::Numbers(|a| VonMises::new(0.0, a[2]).cdf(a[0] - a[1])),
                Function::Numbers(|a| VonMises::new(0.0, a[2]).sf(a[0] - a[1])),
                Function::Numbers(|a| VonMises::new(0.0, a[2]).log_cdf(a[0] - a[1])),
                Function::Numbers(|a| VonMises::new(0.0, a[2]).log_sf(a[0] - a[1])),
                Function::Numbers(|a| VonMises::new(0.0, a[2]).quantile(a[0]) + a[1]),
            ]),
            ..von_mises
        },
        Member {
            name: "LkjCholesky",
            parameters: &["dimension", "concentration"],
            log_prob: Function::Rows(|_, a| match whole(a[1].item(), 200.0) {
                Some(dimension) => LkjCholesky::new(dimension, a[2]).log_prob_sum(a[0]),
                None => a[2] * f64::NAN,
            }),
            tails: None,
            moments: None,
            entropy: None,
        },
    ]
}

/// A size from 1 up to a limit, which a file may give in any other form.
pub fn whole(x: f64, most: f64) -> Option<usize> {
    (1.0..=most).contains(&x).then_some(x as usize)
}

/// The covariances of families of rows.
pub fn covariance(name: &str) -> Option<Function> {
    Some(Function::Rows(match name {
        "MultivariateNormal" => |_, p| MultivariateNormal::from_cholesky(p[0], p[1]).covariance(),
        "LowRankMultivariateNormal" => |_, p| LowRankMultivariateNormal::new(p[0], p[1], p[2]).covariance(),
        "MultivariateStudentT" => |_, p| MultivariateStudentT::new(p[0], p[1], p[2]).covariance(),
        _ => return None,
    }))
}
