//! Tables of KL divergences.

use crate::check::Check;
use crate::distributions::{gradient_condition, gradients_near, natural_scale, weight};
use crate::library::{Conversion, Convert, Function, Jet, Var, family_name, moved_one_by_one};
use crate::table::{field, matrix, short};
use probity_autodiff::Tape;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::laws::{Family, MatrixFamily};
use probity_distributions::*;
use serde_json::Value as Json;
use std::marker::PhantomData;

/// A divergence, of the parameters of both.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// The names of the families.
    pub families: [&'static str; 2],
    /// Their parameters.
    pub parameters: [&'static [&'static str]; 2],
    /// The sum of the divergences.
    pub kl: Function,
}

/// The divergence of a pair: by a method of `Of<Q, P>` where there is one, of `&Of<Q, P>` else.
struct Of<Q, P>(PhantomData<(Q, P)>);

trait HasKl {
    fn kl(&self) -> Option<Function>;
}
impl<Q: Family, P: Family> HasKl for Of<Q, P>
where
    Q::Of<Jet>: KlDivergence<P::Of<Jet>, Value = Jet>,
{
    fn kl(&self) -> Option<Function> {
        Some(Function::Numbers(|p| {
            let n = Q::PARAMETERS.len();
            Q::with(&p[..n]).kl(&P::with(&p[n..]))
        }))
    }
}
trait NoKl {
    fn kl(&self) -> Option<Function> {
        None
    }
}
impl<Q, P> NoKl for &Of<Q, P> {}

/// The same of families of rows and matrices.
struct OfRows<Q, P>(PhantomData<(Q, P)>);
trait HasRowKl {
    fn kl(&self) -> Option<Function>;
}
impl<Q: MatrixFamily, P: MatrixFamily> HasRowKl for OfRows<Q, P>
where
    for<'t> Q::Of<'t, f64>: KlDivergence<P::Of<'t, f64>>,
    for<'t> <Q::Of<'t, f64> as KlDivergence<P::Of<'t, f64>>>::Value: Into<Var<'t>>,
{
    fn kl(&self) -> Option<Function> {
        Some(Function::Rows(|tape, p| {
            let n = Q::PARAMETERS.len();
            Q::with(tape, &p[..n]).kl_sum(&P::with(tape, &p[n..])).into()
        }))
    }
}
trait NoRowKl {
    fn kl(&self) -> Option<Function> {
        None
    }
}
impl<Q, P> NoRowKl for &OfRows<Q, P> {}

// Sorts the families by what they are on, and then tries every one with every one.
macro_rules! pairs {
    (@sort [$($n:ident)*] [$($r:ident)*] [$name:ident $module:ident (numbers)] $($rest:tt)*) => {
        pairs!(@sort [$($n)* $name] [$($r)*] $($rest)*);
    };
    (@sort [$($n:ident)*] [$($r:ident)*] [$name:ident $module:ident (tape)] $($rest:tt)*) => {
        pairs!(@sort [$($n)*] [$($r)* $name] $($rest)*);
    };
    (@sort $n:tt $r:tt [$name:ident $module:ident $kind:tt] $($rest:tt)*) => {
        pairs!(@sort $n $r $($rest)*);
    };
    (@sort $n:tt $r:tt) => {
        /// Every divergence of the library between families of one kind.
        pub fn pairs() -> Vec<Pair> {
            let mut all = Vec::new();
            pairs!(@cross all Of Family $n $n);
            pairs!(@cross all OfRows MatrixFamily $r $r);
            all
        }
    };
    (@cross $all:ident $of:ident $family:ident [] $p:tt) => {};
    (@cross $all:ident $of:ident $family:ident [$q:ident $($rest:ident)*] $p:tt) => {
        pairs!(@all $all $of $family $q $p);
        pairs!(@cross $all $of $family [$($rest)*] $p);
    };
    (@all $all:ident $of:ident $family:ident $q:ident [$($p:ident)*]) => {$(
        if let Some(kl) = (&$of::<$q<f64>, $p<f64>>(PhantomData)).kl() {
            let parameters = [<$q<f64> as $family>::PARAMETERS, <$p<f64> as $family>::PARAMETERS];
            $all.push(Pair { families: [stringify!($q), stringify!($p)], parameters, kl });
        }
    )*};
}
macro_rules! all_pairs {
    ($($family:tt)+) => { pairs!(@sort [] [] $($family)+); };
}
for_each_family!(all_pairs);

/// Divergences between parametrisations with formulas of their own.
pub fn other_pairs() -> Vec<Pair> {
    let bernoulli = |names: &'static [&'static str], kl| Pair {
        families: ["Bernoulli"; 2],
        parameters: [names; 2],
        kl: Function::Numbers(kl),
    };
    vec![
        bernoulli(&["probs"], |p| Bernoulli::new(p[0]).kl(&Bernoulli::new(p[1]))),
        bernoulli(&["probits"], |p| Bernoulli::from_probits(p[0]).kl(&Bernoulli::from_probits(p[1]))),
    ]
}

/// The parameters of one side of a row: their names and values, and how the family takes them.
struct Side<'a> {
    parameters: Vec<(&'static str, DMatrix<f64>)>,
    conversion: Option<&'a Conversion>,
}

fn side<'a>(
    (name, given): (&str, &Json),
    own: &'static [&'static str],
    conversions: &'a [Conversion],
) -> Option<Side<'a>> {
    let values = |names: &'static [&'static str]| -> Option<Vec<_>> {
        names.iter().map(|p| Some((*p, matrix(given.get(*p)?)?))).collect()
    };
    if let Some(parameters) = values(own) {
        return Some(Side { parameters, conversion: None });
    }
    conversions
        .iter()
        .filter(|c| c.name == name)
        .find_map(|c| Some(Side { parameters: values(c.parameters)?, conversion: Some(c) }))
}

/// A file of `kl`.
pub fn file(rows: &[Json], pairs: &[Pair], conversions: &[Conversion], check: &mut Check) {
    for row in rows {
        let names = ["p", "q"].map(|key| family_name(row[key].as_str().unwrap_or("")));
        let given = [&row["p_params"], &row["q_params"]];
        check.at = format!("{} {} to {} {}", names[0], given[0], names[1], given[1]);
        check.at = short(&check.at);
        let sides = pairs.iter().filter(|pair| pair.families == names).find_map(|pair| {
            let side = |k: usize| side((names[k], given[k]), pair.parameters[k], conversions);
            Some((pair, [side(0)?, side(1)?]))
        });
        let (Some((pair, sides)), Some(want)) = (sides, field(row, "kl")) else {
            check.miss("the library has no such divergence");
            continue;
        };
        one_row(row, pair, &sides, want, check);
    }
}

fn one_row(row: &Json, pair: &Pair, sides: &[Side<'_>; 2], want: f64, check: &mut Check) {
    let at: Vec<DMatrix<f64>> = sides.iter().flat_map(|s| s.parameters.iter().map(|p| p.1.clone())).collect();
    let n = sides[0].parameters.len();
    let conversions = [sides[0].conversion, sides[1].conversion];
    let differentiate = |at: &[DMatrix<f64>]| both(pair.kl, conversions, n, at);
    let (got, gradients) = differentiate(&at);
    let slopes: Vec<Option<DMatrix<f64>>> = (sides[0].parameters.iter().map(|p| row["grad_p"].get(p.0)))
        .chain(sides[1].parameters.iter().map(|p| row["grad_q"].get(p.0)))
        .map(|s| s.filter(|s| !s.is_null()).and_then(matrix))
        .collect();
    let finite = |x: f64| if x.is_finite() { x } else { 0.0 };
    let moved = |k: usize| slopes[k].as_ref().map_or(0.0, |s| finite(weight(&at[k], s)));
    let condition: f64 = (0..at.len()).map(moved).sum();
    // An exact 0 has no relative error: a square of rounding errors may stand for it.
    check.near("kl", got.sum(), want, f64::EPSILON * (finite(want).abs() + condition) + 2e-28);
    let conditions = gradient_condition(&|at| differentiate(at).1, &at, &gradients);
    for (k, want_slope) in slopes.iter().enumerate() {
        let Some(want_slope) = want_slope else { continue };
        let side = &sides[usize::from(k >= n)].parameters;
        let parameter = side[if k >= n { k - n } else { k }].0;
        if want_slope.len() != gradients[k].len() {
            check.miss(format!("d/d{parameter} of another shape"));
            continue;
        }
        let entry = (parameter, &at[k], &gradients[k], want_slope);
        gradients_near(check, finite(want), entry, (natural_scale(parameter, side, true), &conditions[k]));
    }
}

/// A divergence whose first `n` arguments are converted by the one, the others by the other: its
/// value and its gradients.
fn both(
    kl: Function,
    [first, second]: [Option<&Conversion>; 2],
    n: usize,
    at: &[DMatrix<f64>],
) -> (DMatrix<f64>, Vec<DMatrix<f64>>) {
    match kl {
        Function::Numbers(f) => moved_one_by_one(at, &|all| {
            let of = |conversion: Option<&Conversion>, p: &[Jet]| match conversion.map(|c| c.convert) {
                Some(Convert::Numbers(convert)) => convert(p),
                _ => p.to_vec(),
            };
            f(&[of(first, &all[..n]), of(second, &all[n..])].concat())
        }),
        Function::Rows(f) => {
            let tape = Tape::new();
            let at: Vec<_> = at.iter().map(|x| tape.variable(x)).collect();
            let mut own = rows(first, &at[..n]);
            own.extend(rows(second, &at[n..]));
            let y = f(&tape, &own);
            let gradients = tape.backward(y.sum());
            (y.value(), at.iter().map(|x| gradients.wrt(*x)).collect())
        }
    }
}

fn rows<'t>(conversion: Option<&Conversion>, p: &[Var<'t>]) -> Vec<Var<'t>> {
    match conversion.map(|c| c.convert) {
        Some(Convert::Rows(convert)) => convert(p),
        _ => p.to_vec(),
    }
}
