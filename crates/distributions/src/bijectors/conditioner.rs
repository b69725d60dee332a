//! The small networks by which some columns of a row say how others are moved.

use probity_autodiff::{Scalar, Value, Var};

/// A network with one hidden layer of `tanh` units: `tanh(x W₁ + b₁) W₂ + b₂`, of `inputs` columns.
///
/// Its weights are values like all others: parameters or latent variables of a model, or constants.
/// [`from_row`](Conditioner::from_row) takes them from one row, so that one site holds them all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditioner<V> {
    pub(super) hidden: V,
    pub(super) hidden_bias: V,
    pub(super) output: V,
    pub(super) output_bias: V,
}

impl<V: Value> Conditioner<V> {
    /// With these weights, `inputs × hidden` and `hidden × outputs`, and biases, 1 × hidden and
    /// 1 × outputs.
    ///
    /// # Panics
    /// If the shapes do not fit each other.
    #[track_caller]
    pub fn new(hidden: V, hidden_bias: V, output: V, output_bias: V) -> Self {
        let shapes = [hidden.shape(), hidden_bias.shape(), output.shape(), output_bias.shape()];
        let [(_, h), b, (rows, cols), c] = shapes;
        assert!(b == (1, h) && rows == h && c == (1, cols), "Conditioner: weights of {shapes:?}");
        Self { hidden, hidden_bias, output, output_bias }
    }

    /// How many numbers such a network has.
    pub fn parameters(inputs: usize, hidden: usize, outputs: usize) -> usize {
        (inputs + 1) * hidden + (hidden + 1) * outputs
    }

    /// Rows and columns of what goes in, of the hidden layer and of what comes out.
    pub fn sizes(&self) -> [usize; 3] {
        let ((inputs, hidden), (_, outputs)) = (self.hidden.shape(), self.output.shape());
        [inputs, hidden, outputs]
    }
}

impl<'t, T: Scalar> Conditioner<Var<'t, T>> {
    /// By all its numbers in one row: the weights of the hidden layer column by column, its biases,
    /// and those of the outputs likewise.
    ///
    /// # Panics
    /// If the row has another number of columns than [`parameters`](Conditioner::parameters).
    #[track_caller]
    pub fn from_row(row: Var<'t, T>, [inputs, hidden, outputs]: [usize; 3]) -> Self {
        let n = Self::parameters(inputs, hidden, outputs);
        assert!(row.shape() == (1, n), "Conditioner: {:?} numbers, {n} are needed", row.shape());
        let mut first = 0;
        let mut take = |rows: usize, cols: usize| {
            let part = row.cols(first..first + rows * cols);
            first += rows * cols;
            part.reshape(rows, cols)
        };
        Self {
            hidden: take(inputs, hidden),
            hidden_bias: take(1, hidden),
            output: take(hidden, outputs),
            output_bias: take(1, outputs),
        }
    }

    /// The outputs for every row.
    #[track_caller]
    pub(super) fn outputs(&self, x: Var<'t, T>) -> Var<'t, T> {
        (x.matmul(self.hidden) + self.hidden_bias).tanh().matmul(self.output) + self.output_bias
    }
}
