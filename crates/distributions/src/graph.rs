//! Weighted graphs, as the distributions of their nodes need them.

use crate::error::ParameterError;
use probity_autodiff::Scalar;
use probity_autodiff::nalgebra::{DMatrix, SymmetricEigen};
use std::sync::Arc;

/// A graph by the weights of its edges, with its spectrum: made once, and shared by all models and
/// steps.
///
/// ```
/// use probity_autodiff::{Tape, nalgebra::DMatrix};
/// use probity_distributions::{ConditionalAutoregressive, Distribution, Graph};
/// // A line of three nodes (`Graph::line(3)` is the same).
/// let w = DMatrix::from_row_slice(3, 3, &[0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
/// let graph: Graph = Graph::new(&w)?;
/// let tape = Tape::new();
/// let d = ConditionalAutoregressive::new(&tape, &graph, 0.0, 0.5, 1.0);
/// assert_eq!(d.shape(), (1, 3));
/// # Ok::<(), probity_distributions::ParameterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Graph<T: Scalar = f64> {
    /// n × n.
    pub(crate) weights: Arc<DMatrix<T>>,
    /// Their sums, 1 × n.
    pub(crate) degrees: Arc<DMatrix<T>>,
    /// Of `D^-½ W D^-½`, 1 × n.
    pub(crate) eigenvalues: Arc<DMatrix<T>>,
    /// `R` with `R Rᵀ` the pseudo-inverse of the Laplacian `D - W`, n × (n - parts).
    pub(crate) root: Arc<DMatrix<T>>,
    /// Half the sum of the logarithms of the Laplacian's positive eigenvalues.
    pub(crate) half_log_det: f64,
}

impl<T: Scalar> Graph<T> {
    /// By the n × n weights of the edges: 0 where there is none, usually 1 where there is one.
    ///
    /// # Errors
    /// If the weights are not square, symmetric and finite, one is negative, the diagonal is not 0,
    /// or a node has no neighbour.
    pub fn new(weights: &DMatrix<f64>) -> Result<Self, ParameterError> {
        let error = |want, got| Err(ParameterError { family: "Graph", parameter: "weights", want, got });
        let (n, cols) = weights.shape();
        if n != cols || n == 0 {
            return error("a square matrix", cols as f64);
        }
        if let Some(bad) = weights.iter().find(|w| !(**w >= 0.0 && w.is_finite())) {
            return error("0 or more, and finite", *bad);
        }
        for (i, j) in (0..n).flat_map(|j| (0..=j).map(move |i| (i, j))) {
            let (here, there) = (weights[(i, j)], weights[(j, i)]);
            if here != there || i == j && here != 0.0 {
                return error("symmetric, with a diagonal of 0", here);
            }
        }
        let degrees: Vec<f64> = weights.column_iter().map(|column| column.sum()).collect();
        if degrees.contains(&0.0) {
            return error("greater than 0 somewhere for every node", 0.0);
        }
        Ok(Self::of(weights, &degrees))
    }

    /// A line of this many nodes, each the neighbour of the next.
    ///
    /// # Panics
    /// If there are fewer than two.
    #[track_caller]
    pub fn line(nodes: usize) -> Self {
        assert!(nodes > 1, "Graph: a line of {nodes} nodes");
        let weights = DMatrix::from_fn(nodes, nodes, |i, j| f64::from(u8::from(i.abs_diff(j) == 1)));
        let degrees: Vec<f64> = weights.column_iter().map(|column| column.sum()).collect();
        Self::of(&weights, &degrees)
    }

    /// The graph of weights that have been checked, and of their sums.
    fn of(weights: &DMatrix<f64>, degrees: &[f64]) -> Self {
        let n = degrees.len();
        let scaled = DMatrix::from_fn(n, n, |i, j| weights[(i, j)] / (degrees[i] * degrees[j]).sqrt());
        let laplacian = DMatrix::from_fn(n, n, |i, j| if i == j { degrees[i] } else { -weights[(i, j)] });
        let spectrum = SymmetricEigen::new(laplacian);
        let largest = spectrum.eigenvalues.amax();
        let positive: Vec<usize> =
            (0..n).filter(|i| spectrum.eigenvalues[*i] > 1e-12 * n as f64 * largest).collect();
        let of = |j: usize| spectrum.eigenvalues[positive[j]];
        let root = DMatrix::from_fn(n, positive.len(), |i, j| {
            spectrum.eigenvectors[(i, positive[j])] / of(j).sqrt()
        });
        let shared = |m: DMatrix<f64>| Arc::new(m.map(T::from_f64));
        Self {
            weights: shared(weights.clone()),
            degrees: shared(DMatrix::from_row_slice(1, n, degrees)),
            eigenvalues: shared(DMatrix::from_row_slice(
                1,
                n,
                SymmetricEigen::new(scaled).eigenvalues.as_slice(),
            )),
            half_log_det: 0.5 * (0..positive.len()).map(|j| of(j).ln()).sum::<f64>(),
            root: shared(root),
        }
    }

    /// The number of nodes.
    pub fn nodes(&self) -> usize {
        self.weights.nrows()
    }

    /// The number of parts that no edge connects.
    pub fn parts(&self) -> usize {
        self.nodes() - self.root.ncols()
    }
}
