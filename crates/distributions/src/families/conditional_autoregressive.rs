//! Conditional autoregressive distribution of the nodes of a graph.
//!
//! Elsewhere: NumPyro r, PyMC.

use super::linear::{identity, with_factor};
use super::normal::HALF_LN_TAU;
use super::{NormalNormalKl, finite_or_nan, infinite, not_negative, positive_or_nan};
use crate::distribution::{Distribution, Entropy, Event, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, finite, positive, require};
use crate::graph::Graph;
use crate::kl::{KlDivergence, KlMethod};
use crate::support::Support;
use probity_autodiff::{Arg, Axis, Formula, Key, Real, Scalar, Tape, Terms, Value, Var, formula};

/// A Normal row with a number for every node of a graph and the precision
/// `precision (D - alpha W)`, `W` the weights of the edges and `D` their sums at the nodes: given
/// all others, a node has the mean `loc + alpha` times the weighted mean of its neighbours'
/// distances from `loc`.
///
/// *Event*: row. *Parameters*: a [`Graph`] with neighbours for every node, `loc` (1 × n, r × n, or
/// one number), `alpha` between -1 and 1 (1 × 1), `precision > 0` (1 × 1).
///
/// The determinant is that of eigenvalues which the graph keeps: a density costs no factorisation.
///
/// Source: Jin, Carlin and Banerjee 2005, "Generalized hierarchical multivariate CAR models for
/// areal data".
#[derive(Clone, Copy, Debug)]
pub struct ConditionalAutoregressive<V> {
    loc: V,
    alpha: V,
    precision: V,
    weights: V,
    degrees: V,
    eigenvalues: V,
}

impl<'t, T: Scalar> ConditionalAutoregressive<Var<'t, T>> {
    /// On this graph, with these means, this dependence and this precision. The graph's matrices
    /// are put on the tape without a copy.
    ///
    /// # Panics
    /// If the means are neither one number nor a row with one for every node.
    #[track_caller]
    pub fn new(
        tape: &'t Tape<T>,
        graph: &Graph<T>,
        loc: impl Into<Var<'t, T>>,
        alpha: impl Into<Var<'t, T>>,
        precision: impl Into<Var<'t, T>>,
    ) -> Self {
        let (loc, n) = (loc.into(), graph.nodes());
        assert!(loc.ncols() == n || loc.shape() == (1, 1), "{} means of {n} nodes", loc.ncols());
        let [weights, degrees, eigenvalues] =
            [&graph.weights, &graph.degrees, &graph.eigenvalues].map(|m| tape.share(m));
        Self { loc, alpha: alpha.into(), precision: precision.into(), weights, degrees, eigenvalues }
    }

    fn nodes(&self) -> usize {
        self.weights.ncols()
    }

    /// `½ ln det` of the precision, 1 × 1.
    fn half_log_det(&self) -> Var<'t, T> {
        Var::map_sum(HalfLogDet, [self.precision, self.degrees, self.alpha, self.eigenvalues])
    }

    /// The precision matrix.
    fn matrix(&self) -> Var<'t, T> {
        let diagonal = identity(self.weights, self.nodes()) * self.degrees;
        let f = formula!(|d, w, a, p| positive_or_nan(p) * (d - inside(a) * w));
        Var::map(f, [diagonal, self.weights, self.alpha, self.precision])
    }

    /// A row of zeros for every row of means; NaN for bad ones.
    fn zeros(&self) -> Var<'t, T> {
        Var::map(formula!(|loc, degree| finite_or_nan(loc) * 0.0 + degree * 0.0), [self.loc, self.degrees])
    }
}

/// A dependence as it is, NaN if it does not lie between -1 and 1.
#[inline(always)]
fn inside<R: Real>(alpha: R) -> R {
    let nan = alpha * f64::NAN;
    if alpha > -1.0 && alpha < 1.0 { alpha } else { nan }
}

/// The part of one eigenvalue.
#[derive(Clone, Copy, Debug)]
struct HalfLogDet;
impl Formula<4> for HalfLogDet {
    #[inline(always)]
    fn eval<R: Real>(&self, [precision, degree, alpha, eigenvalue]: [R; 4]) -> R {
        (positive_or_nan(precision).ln() + degree.ln() + (-inside(alpha) * eigenvalue).ln_1p()) * 0.5
    }
}

impl<'t, T: Scalar> Distribution<Var<'t, T>> for ConditionalAutoregressive<Var<'t, T>> {
    const NAME: &'static str = "ConditionalAutoregressive";

    fn event(&self) -> Event {
        Event::Row
    }
    fn support(&self) -> Support<Var<'t, T>> {
        Support::Real
    }
    fn shape(&self) -> (usize, usize) {
        (self.loc.nrows(), self.nodes())
    }
    fn check(&self) -> Result<(), ParameterError> {
        finite(Self::NAME, "loc", self.loc)?;
        require(Self::NAME, "alpha", self.alpha, "between -1 and 1", |a| a > -1.0 && a < 1.0)?;
        positive(Self::NAME, "precision", self.precision)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        let gap = formula!(|x, loc| {
            let gap = x - finite_or_nan(loc);
            if infinite(x) { R::zero() } else { gap }
        });
        let gap = Var::map(gap, [x, self.loc]);
        let square = formula!(|x, gap, degree, neighbours, a| {
            let square = gap * (degree * gap - inside(a) * neighbours);
            if infinite(x) { R::of(f64::INFINITY) } else { square }
        });
        let args = [x, gap, self.degrees, gap.matmul(self.weights), self.alpha];
        let squares = Var::map(square, args).sum_axis(Axis::Cols);
        let normaliser = self.half_log_det() - HALF_LN_TAU * self.nodes() as f64;
        let f = formula!(|squares, precision, c| {
            let inside = squares * positive_or_nan(precision) * -0.5 + c;
            if infinite(squares) { R::of((c * 0.0).re() - f64::INFINITY) } else { inside }
        });
        Var::apply_as(terms, f, [squares, self.precision, normaliser])
    }
    /// The trace needs the diagonal of the precision alone.
    #[track_caller]
    fn kl_from_normal(
        &self,
        loc: Var<'t, T>,
        scale: Var<'t, T>,
        terms: Terms,
    ) -> Option<(Var<'t, T>, KlMethod)> {
        let gap = Var::map(formula!(|m, loc| m - finite_or_nan(loc)), [loc + self.zeros(), self.loc]);
        let f = formula!(|s, gap, neighbours, degree, a, precision| {
            let (a, precision) = (inside(a), positive_or_nan(precision));
            let square = gap * (degree * gap - a * neighbours) * precision * 0.5;
            NormalNormalKl.eval([R::zero(), s, R::zero(), (precision * degree).sqrt().recip()]) + square
        });
        let args = [scale, gap, gap.matmul(self.weights), self.degrees, self.alpha, self.precision];
        let each = Var::map(f, args).sum_axis(Axis::Cols);
        // The determinant beside that of the diagonal.
        let beside = formula!(|a, eigenvalue| (-inside(a) * eigenvalue).ln_1p() * -0.5);
        let beside = Var::map_sum(beside, [self.alpha, self.eigenvalues]);
        Some((Var::apply_as(terms, formula!(|kl, beside| kl + beside), [each, beside]), KlMethod::Closed))
    }
    fn try_sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Option<Var<'t, T>> {
        Some(self.sample_shaped(tape, key, least))
    }
}

impl<'t, T: Scalar> Sample<Var<'t, T>> for ConditionalAutoregressive<Var<'t, T>> {
    /// By the Cholesky factor of the precision.
    fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        let shape = (self.loc.nrows().max(least.0), self.nodes());
        let z = tape.map_noise(formula!(|z| z), [Arg::Normal(key)], shape);
        self.loc + with_factor(self.matrix(), f64::NAN, |l| l.solve_lower_tr(z.transpose()).transpose())
    }
}
impl<'t, T: Scalar> Reparameterized<Var<'t, T>> for ConditionalAutoregressive<Var<'t, T>> {}

impl<'t, T: Scalar> Moments<Var<'t, T>> for ConditionalAutoregressive<Var<'t, T>> {
    fn mean(&self) -> Var<'t, T> {
        self.loc + self.zeros()
    }
    /// The diagonal of the inverse precision, for every row.
    fn variance(&self) -> Var<'t, T> {
        let inverse = with_factor(self.matrix(), f64::NAN, |l| {
            l.solve_lower(identity(l, self.nodes())).sq().sum_axis(Axis::Rows)
        });
        self.zeros() + inverse
    }
}

impl<'t, T: Scalar> Entropy<Var<'t, T>> for ConditionalAutoregressive<Var<'t, T>> {
    fn entropy(&self) -> Var<'t, T> {
        let n = self.nodes() as f64;
        self.zeros().sum_axis(Axis::Cols) - self.half_log_det() + (HALF_LN_TAU + 0.5) * n
    }
}

type Car<V> = ConditionalAutoregressive<V>;

impl<'t, T: Scalar> KlDivergence<Car<Var<'t, T>>> for Car<Var<'t, T>> {
    type Value = Var<'t, T>;
    const METHOD: KlMethod = KlMethod::Closed;
    /// On the same graph, where both precisions have the same eigenvectors.
    ///
    /// # Panics
    /// If the graphs have different spectra.
    #[track_caller]
    fn kl_terms(&self, p: &Car<Var<'t, T>>, terms: Terms) -> Var<'t, T> {
        let same = self.eigenvalues.value() == p.eigenvalues.value();
        assert!(same, "ConditionalAutoregressive: a divergence between different graphs");
        let f = formula!(|q, a, p, b, eigenvalue| {
            let of =
                |precision: R, alpha: R| positive_or_nan(precision) * (-inside(alpha) * eigenvalue + 1.0);
            let (q, p) = (of(q, a), of(p, b));
            let more = (p - q) / q;
            let near = more.re().abs() < 0.35;
            if near { more.ln_1p_minus() * -0.5 } else { (more - (p / q).ln()) * 0.5 }
        });
        let spread = Var::map_sum(f, [self.precision, self.alpha, p.precision, p.alpha, self.eigenvalues]);
        let gap = self.loc - p.loc + self.zeros() + p.zeros();
        let square = formula!(|gap, degree, neighbours, b| gap * (degree * gap - b * neighbours));
        let squares = Var::map(square, [gap, p.degrees, gap.matmul(p.weights), p.alpha]).sum_axis(Axis::Cols);
        let f = formula!(|squares, precision, spread| not_negative(squares * precision * 0.5 + spread));
        Var::apply_as(terms, f, [squares, p.precision, spread])
    }
}

crate::laws::matrix_family!(ConditionalAutoregressive<f64> { loc, alpha, precision }
    |tape, p| ConditionalAutoregressive: ConditionalAutoregressive::new(tape, &crate::Graph::line(4), p[0], p[1], p[2]),
    [[[0.3]], [[0.6]], [[1.5]]]
);
