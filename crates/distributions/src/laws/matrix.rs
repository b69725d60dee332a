//! Laws of distributions of rows and matrices, whose parameters are matrices on a tape.

use super::{Law, LawError};
use crate::distribution::{Cdf, Distribution, Entropy, Moments, Reparameterized, Sample};
use crate::kl::Estimate;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, Scalar, Tape, Terms, Var, check_gradient};
use std::marker::PhantomData;

/// A distribution of rows or matrices as a function of its parameters, as
/// [`Family`](super::Family) is for distributions of numbers.
pub trait MatrixFamily {
    /// The distribution on a tape.
    type Of<'t, T: Scalar>: Distribution<Var<'t, T>>;
    /// The names of the parameters.
    const PARAMETERS: &'static [&'static str];
    /// Parameters at which the laws of the library run: of every example the parameters in their
    /// order, and of every parameter its rows.
    const EXAMPLES: &'static [&'static [&'static [&'static [f64]]]];

    /// The distribution with these parameters.
    ///
    /// # Panics
    /// If there are more or fewer of them than names, or if their shapes do not fit.
    fn with<'t, T: Scalar>(tape: &'t Tape<T>, parameters: &[Var<'t, T>]) -> Self::Of<'t, T>;
}

/// Implements [`laws::MatrixFamily`](crate::laws::MatrixFamily): the family with the names of its
/// parameters, how it is made of them (and of the tape), and examples.
macro_rules! matrix_family {
    ($name:ty { $($parameter:ident),+ } |$tape:pat_param, $p:ident| $of:ident $([$base:ident])?: $make:expr,
        $([$([$([$($x:expr),+ $(,)?]),+ $(,)?]),+ $(,)?]),+ $(,)?) => {
        impl crate::laws::MatrixFamily for $name {
            type Of<'t, T: probity_autodiff::Scalar> =
                $of<probity_autodiff::Var<'t, T> $(, $base<probity_autodiff::Var<'t, T>>)?>;
            const PARAMETERS: &'static [&'static str] = &[$(stringify!($parameter)),+];
            const EXAMPLES: &'static [&'static [&'static [&'static [f64]]]] =
                &[$(&[$(&[$(&[$($x),+]),+]),+]),+];
            fn with<'t, T: probity_autodiff::Scalar>(
                $tape: &'t probity_autodiff::Tape<T>,
                $p: &[probity_autodiff::Var<'t, T>],
            ) -> Self::Of<'t, T> {
                $make
            }
        }
    };
}
pub(crate) use matrix_family;

/// The parameters of an example of a [`MatrixFamily`].
pub fn example(parameters: &[&[&[f64]]]) -> Vec<DMatrix<f64>> {
    let matrix = |rows: &&[&[f64]]| DMatrix::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j]);
    parameters.iter().map(matrix).collect()
}

type Of<'t, F, T> = <F as MatrixFamily>::Of<'t, T>;

fn law<'a, F: MatrixFamily>(name: &'static str, at: &'a [DMatrix<f64>]) -> Law<'a> {
    Law {
        name,
        family: <Of<'static, F, f64> as Distribution<Var<'static, f64>>>::NAME,
        of: at.first().map_or(&(), |x| x),
    }
}

fn on<'t>(tape: &'t Tape<f64>, at: &[DMatrix<f64>]) -> Vec<Var<'t, f64>> {
    at.iter().map(|x| tape.variable(x)).collect()
}

/// A draw of `n` rows (one of a matrix), as numbers.
fn draws<F: MatrixFamily>(at: &[DMatrix<f64>], n: usize, key: Key) -> DMatrix<f64>
where
    for<'t> F::Of<'t, f64>: Sample<Var<'t, f64>>,
{
    let tape = Tape::new();
    let d = F::with(&tape, &on(&tape, at));
    let n = if d.event() == crate::Event::Matrix { d.shape().0 } else { n };
    d.sample_shaped(&tape, key, (n, d.shape().1)).value()
}

/// The log density of a draw has the gradient that differences give it, in the unconstrained number
/// and in every parameter, within 1e-6; that of all rows is the sum of each; the parameters pass
/// the check, and NaN in the place of one does not; in single precision it is the same within 1e-5
/// of it or of 1.
///
/// # Errors
/// If not.
pub fn matrix_density_matches<F: MatrixFamily>(at: &[DMatrix<f64>], key: Key) -> Result<(), LawError>
where
    for<'t> F::Of<'t, f64>: Sample<Var<'t, f64>>,
{
    let law = law::<F>("matrix_density_matches", at);
    density_of(&law, &Erased::<F>(PhantomData), at, &draws::<F>(at, 3, key))
}

/// What the law of densities asks of a family, so that it is compiled once.
trait Density {
    /// The names of the parameters.
    fn parameters(&self) -> &'static [&'static str];
    /// Whether the parameters pass the check.
    fn takes(&self, at: &[DMatrix<f64>]) -> bool;
    /// The log density of every row.
    fn log_prob<'t>(&self, p: &[Var<'t, f64>], x: Var<'t, f64>, tape: &'t Tape<f64>) -> Var<'t, f64>;
    /// Their sum.
    fn log_prob_sum<'t>(&self, p: &[Var<'t, f64>], x: Var<'t, f64>, tape: &'t Tape<f64>) -> Var<'t, f64>;
    /// The sum of unconstrained numbers.
    fn log_prob_unconstrained<'t>(
        &self,
        p: &[Var<'t, f64>],
        u: Var<'t, f64>,
        tape: &'t Tape<f64>,
    ) -> Var<'t, f64>;
    /// The unconstrained number; none of a count.
    fn unconstrain(&self, at: &[DMatrix<f64>], x: &DMatrix<f64>) -> Option<DMatrix<f64>>;
    /// The sum in single precision.
    fn single(&self, at: &[DMatrix<f32>], x: &DMatrix<f32>) -> f32;
}

struct Erased<F>(PhantomData<F>);

impl<F: MatrixFamily> Density for Erased<F> {
    fn parameters(&self) -> &'static [&'static str] {
        F::PARAMETERS
    }
    fn takes(&self, at: &[DMatrix<f64>]) -> bool {
        let tape = Tape::new();
        F::with(&tape, &on(&tape, at)).check().is_ok()
    }
    fn log_prob<'t>(&self, p: &[Var<'t, f64>], x: Var<'t, f64>, tape: &'t Tape<f64>) -> Var<'t, f64> {
        F::with(tape, p).log_prob(x)
    }
    fn log_prob_sum<'t>(&self, p: &[Var<'t, f64>], x: Var<'t, f64>, tape: &'t Tape<f64>) -> Var<'t, f64> {
        F::with(tape, p).log_prob_sum(x)
    }
    fn log_prob_unconstrained<'t>(
        &self,
        p: &[Var<'t, f64>],
        u: Var<'t, f64>,
        tape: &'t Tape<f64>,
    ) -> Var<'t, f64> {
        F::with(tape, p).log_prob_unconstrained(u, Terms::Sum)
    }
    fn unconstrain(&self, at: &[DMatrix<f64>], x: &DMatrix<f64>) -> Option<DMatrix<f64>> {
        let tape = Tape::new();
        let support = F::with(&tape, &on(&tape, at)).support();
        let x = tape.constant(x);
        (!support.is_discrete()).then(|| support.unconstrain(x).unwrap_or(x).value())
    }
    fn single(&self, at: &[DMatrix<f32>], x: &DMatrix<f32>) -> f32 {
        let tape = Tape::new();
        let p: Vec<_> = at.iter().map(|a| tape.variable(a)).collect();
        F::with(&tape, &p).log_prob_sum(tape.constant(x)).item()
    }
}

fn density_of(
    law: &Law<'_>,
    family: &dyn Density,
    at: &[DMatrix<f64>],
    x: &DMatrix<f64>,
) -> Result<(), LawError> {
    let log_prob_sum = |at: &[DMatrix<f64>], x: &DMatrix<f64>| {
        let tape = Tape::new();
        family.log_prob_sum(&on(&tape, at), tape.constant(x), &tape).item()
    };
    law.holds(|| "the check".into(), f64::from(u8::from(family.takes(at))), 1.0, 0.0)?;
    let tape = Tape::new();
    let each = family.log_prob(&on(&tape, at), tape.constant(x), &tape).sum().item();
    let sum = log_prob_sum(at, x);
    law.holds(|| "the sum".into(), sum, each, 1e-12 * (1.0 + each.abs()))?;
    let finite = if sum.is_finite() { sum } else { 0.0 };
    law.holds(|| "a draw has a density".into(), sum, finite, 0.0)?;
    let unconstrained = family.unconstrain(at, x);
    let first = usize::from(unconstrained.is_some());
    let all: Vec<DMatrix<f64>> = unconstrained.into_iter().chain(at.iter().cloned()).collect();
    let found = check_gradient(
        |a| {
            let Some(tape) = a.iter().find_map(|a| a.tape()) else { return Var::from(f64::NAN) };
            match first {
                0 => family.log_prob_sum(a, tape.constant(x), tape),
                _ => family.log_prob_unconstrained(&a[1..], a[0], tape),
            }
        },
        &all,
    );
    law.holds(|| format!("the gradient {found:?}"), found.error, 0.0, 1e-6)?;
    // The parameters as single numbers, and the draw likewise, in both precisions.
    let rounded: Vec<DMatrix<f32>> = at.iter().map(|a| a.map(|a| a as f32)).collect();
    let x32 = x.map(|x| x as f32);
    let got = family.single(&rounded, &x32);
    let wide: Vec<DMatrix<f64>> = rounded.iter().map(|a| a.map(f64::from)).collect();
    let want = log_prob_sum(&wide, &x32.map(f64::from));
    law.holds(|| "in single precision".into(), got.into(), want, 1e-5 * (1.0 + want.abs()))?;
    for (k, name) in family.parameters().iter().enumerate() {
        let mut bad = at.to_vec();
        bad[k][(0, 0)] = f64::NAN;
        let refused = f64::from(u8::from(!family.takes(&bad)));
        law.holds(|| format!("refuses NaN in {name}"), refused, 1.0, 0.0)?;
        let nan = if log_prob_sum(&bad, x).is_nan() { 0.0 } else { 1.0 };
        law.holds(|| format!("NaN in {name} gives NaN"), nan, 0.0, 0.0)?;
    }
    Ok(())
}

/// Mean and mean square deviation of 4000 draws lie within 6 standard errors of mean and variance
/// (one key in 10⁸ for light tails), in every entry. Infinite and undefined moments are not
/// checked.
///
/// # Errors
/// If not.
pub fn matrix_moments_match<F: MatrixFamily>(at: &[DMatrix<f64>], key: Key) -> Result<(), LawError>
where
    for<'t> F::Of<'t, f64>: Sample<Var<'t, f64>> + Moments<Var<'t, f64>>,
{
    const N: usize = 4000;
    let law = law::<F>("matrix_moments_match", at);
    let tape = Tape::new();
    let d = F::with(&tape, &on(&tape, at));
    let (mean, variance) = (d.mean().value(), d.variance().value());
    let entry = |m: &DMatrix<f64>, i: usize, j: usize| m[(i.min(m.nrows() - 1), j.min(m.ncols() - 1))];
    let matrix = d.event() == crate::Event::Matrix;
    let (rows, cols) = if matrix { d.shape() } else { (1, d.shape().1) };
    let all: Vec<DMatrix<f64>> = if matrix {
        (0..N as u64).map(|i| draws::<F>(at, 1, key.fold_in(i))).collect()
    } else {
        let x = draws::<F>(at, N, key);
        (0..N).map(|i| x.rows(i, 1).into_owned()).collect()
    };
    for (i, j) in (0..cols).flat_map(|j| (0..rows).map(move |i| (i, j))) {
        let (mean, variance) = (entry(&mean, i, j), entry(&variance, i, j));
        if !(mean.is_finite() && variance.is_finite()) {
            continue;
        }
        let case = |what: &str| format!("{what} of entry {i}, {j} of {N} draws");
        let got = Estimate::of(all.iter().map(|x| x[(i, j)]));
        let error = 6.0 * (variance / N as f64).sqrt() + 1e-12 * mean.abs();
        law.holds(|| case("mean"), got.value, mean, error)?;
        let got = Estimate::of(all.iter().map(|x| (x[(i, j)] - mean).powi(2)));
        law.holds(|| case("variance"), got.value, variance, 6.0 * got.standard_error + 1e-12 * variance)?;
    }
    Ok(())
}

/// Minus the mean log density of 4000 draws lies within 6 standard errors of the entropy.
///
/// # Errors
/// If not.
pub fn matrix_entropy_matches<F: MatrixFamily>(at: &[DMatrix<f64>], key: Key) -> Result<(), LawError>
where
    for<'t> F::Of<'t, f64>: Sample<Var<'t, f64>> + Entropy<Var<'t, f64>>,
{
    const N: usize = 4000;
    let law = law::<F>("matrix_entropy_matches", at);
    let tape = Tape::new();
    let d = F::with(&tape, &on(&tape, at));
    let entropy = d.entropy().value()[0];
    let terms: Vec<f64> = if d.event() == crate::Event::Matrix {
        (0..N as u64)
            .map(|i| -d.log_prob_sum(tape.constant(&draws::<F>(at, 1, key.fold_in(i)))).item())
            .collect()
    } else {
        let x = tape.constant(&draws::<F>(at, N, key));
        d.log_prob(x).value().iter().map(|l| -l).collect()
    };
    let got = Estimate::of(terms);
    let error = 6.0 * got.standard_error + 1e-10 * (1.0 + entropy.abs());
    law.holds(|| format!("the entropy by {N} draws"), got.value, entropy, error)
}

/// The gradient of draws in every parameter is that of differences at the same key, within 1e-5:
/// for draws that are a smooth function of the noise; see [`matrix_draws_move_moments`] for the
/// others.
///
/// # Errors
/// If not.
pub fn matrix_draws_have_gradients<F: MatrixFamily>(at: &[DMatrix<f64>], key: Key) -> Result<(), LawError>
where
    for<'t> F::Of<'t, f64>: Reparameterized<Var<'t, f64>>,
{
    let law = law::<F>("matrix_draws_have_gradients", at);
    let found = check_gradient(
        |a| {
            let Some(tape) = a.iter().find_map(|a| a.tape()) else { return Var::from(f64::NAN) };
            let d = F::with(tape, a);
            let rows = if d.event() == crate::Event::Matrix { d.shape().0 } else { 4 };
            let x = d.sample_shaped(tape, key, (rows, d.shape().1));
            (x * x + x).sum()
        },
        at,
    );
    law.holds(|| format!("the gradient {found:?}"), found.error, 0.0, 1e-5)
}

/// The mean gradient of `Σ x² + x` of 2000 draws in every parameter lies within 6 standard errors
/// of that of the sum of the variance, the squared mean and the mean: so it is for every exact
/// pathwise gradient, also an implicit one.
///
/// # Errors
/// If not.
pub fn matrix_draws_move_moments<F: MatrixFamily>(at: &[DMatrix<f64>], key: Key) -> Result<(), LawError>
where
    for<'t> F::Of<'t, f64>: Reparameterized<Var<'t, f64>> + Moments<Var<'t, f64>>,
{
    const N: usize = 2000;
    let law = law::<F>("matrix_draws_move_moments", at);
    let tape = Tape::new();
    let p = on(&tape, at);
    let d = F::with(&tape, &p);
    let mean = d.mean();
    let zeros = tape.constant(&DMatrix::zeros(d.shape().0, d.shape().1));
    let wanted = tape.backward((d.variance() + mean * mean + mean + zeros).sum());
    let wanted: Vec<DMatrix<f64>> = p.iter().map(|p| wanted.wrt(*p)).collect();
    let one = |i: u64| -> Vec<DMatrix<f64>> {
        let tape = Tape::new();
        let p = on(&tape, at);
        let x = F::with(&tape, &p).sample(&tape, key.fold_in(i));
        let gradients = tape.backward((x * x + x).sum());
        p.iter().map(|p| gradients.wrt(*p)).collect()
    };
    let all: Vec<_> = (0..N as u64).map(one).collect();
    for (k, wanted) in wanted.iter().enumerate() {
        for (place, want) in wanted.iter().enumerate() {
            let got = Estimate::of(all.iter().map(|g| g[k][place]));
            let error = 6.0 * got.standard_error + 1e-10 * (1.0 + want.abs());
            let case = || format!("entry {place} of {} by {N} draws", F::PARAMETERS[k]);
            law.holds(case, got.value, *want, error)?;
        }
    }
    Ok(())
}

/// 4000 draws follow the distribution function, within the bound of
/// [`samples_follow_cdf`](super::samples_follow_cdf); the upper tail is what is left of 1;
/// logarithms are those of the tails; and the quantile of a probability is where the distribution
/// function is (for counts, first reaches) it, within 1e-10 and what rounding leaves.
///
/// # Errors
/// If not.
pub fn matrix_cdf_matches<F: MatrixFamily>(at: &[DMatrix<f64>], key: Key) -> Result<(), LawError>
where
    for<'t> F::Of<'t, f64>: Sample<Var<'t, f64>> + Cdf<Var<'t, f64>>,
{
    const N: usize = 4000;
    let law = law::<F>("matrix_cdf_matches", at);
    let tape = Tape::new();
    let d = F::with(&tape, &on(&tape, at));
    let mut x: Vec<f64> = draws::<F>(at, N, key).as_slice().to_vec();
    x.sort_by(f64::total_cmp);
    let column = tape.column(&x);
    let [cdf, sf, log_cdf, log_sf] =
        [d.cdf(column), d.sf(column), d.log_cdf(column), d.log_sf(column)].map(|tail| tail.value());
    let bound = ((2.0 / 1e-6_f64).ln() / (2.0 * N as f64)).sqrt();
    for (i, x_i) in x.iter().enumerate() {
        let case = |what: &str| format!("{what} at {x_i:e}");
        if x.get(i + 1) != Some(x_i) {
            law.holds(|| case("draws up to it"), (i + 1) as f64 / N as f64, cdf[i], bound)?;
        }
        law.holds(|| case("the sum of the tails"), cdf[i] + sf[i], 1.0, 1e-12)?;
        law.holds(|| case("log_cdf"), log_cdf[i], cdf[i].ln(), 1e-12 * (1.0 + cdf[i].ln().abs()))?;
        let log = sf[i].ln();
        if log.is_finite() {
            law.holds(|| case("log_sf"), log_sf[i], log, 1e-12 * (1.0 + log.abs()))?;
        }
    }
    let discrete = d.support().is_discrete();
    for p in [1e-9, 1e-3, 0.2, 0.5, 0.7, 0.97, 0.999_999] {
        let x = d.quantile(tape.scalar(p));
        let here = d.cdf(x).value()[0];
        let case = || format!("cdf at the quantile {} of {p}", x.value()[0]);
        if discrete {
            let before = d.cdf(x - 1.0).value()[0];
            law.holds(case, if here >= p { p } else { here }, p, 1e-12)?;
            law.holds(case, if before <= p { p } else { before }, p, 1e-12)?;
        } else {
            let density = d.log_prob(x).value()[0].exp();
            let rounding = 64.0 * f64::EPSILON * x.value()[0].abs() * density;
            law.holds(case, here, p, 1e-10 * p + rounding)?;
        }
    }
    Ok(())
}
