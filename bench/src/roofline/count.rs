//! How many operations, bytes and normal numbers a step needs, whoever computes it.
//!
//! Bytes are those that a step must move between memory and core if every pass over memory that can
//! be one is one, the noise is made again instead of stored, and nothing stays in registers from
//! step to step.

use crate::workloads::{Density, LinearRegression, Logistic, Net, Normals, Predict, Work};

/// What a step needs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    /// Floating-point operations of matrix products; a multiply-add is two.
    pub flops: f64,
    /// Bytes read and written.
    pub bytes: f64,
    /// Normal numbers drawn.
    pub draws: f64,
    /// Weights whose draw and divergence are computed, forward and backward.
    pub weights: f64,
    /// Parameters that Adam updates.
    pub updates: f64,
    /// The size of the arrays that the bytes belong to: it decides which cache they come from.
    pub memory: f64,
    /// Double precision.
    pub double: bool,
}

/// Pairs of widths: the shapes of the weights.
fn layers(widths: &[usize]) -> impl Iterator<Item = (f64, f64)> + '_ {
    widths.windows(2).map(|w| (w[0] as f64, w[1] as f64))
}

/// Weights and biases.
fn parameters(widths: &[usize]) -> f64 {
    layers(widths).map(|(a, b)| (a + 1.0) * b).sum()
}

/// Bytes per weight when weights are drawn: draw (read loc and rho, write the weight) 12; products
/// (read the weight forward and backward, write its gradient) 12; update (read the gradient, loc,
/// rho and four moments, write all but the gradient) 52.
const WEIGHT_SPACE: f64 = 76.0;
/// When outputs are drawn: variance (read loc and rho, write it) 12; products with means and with
/// variances 24; update (read two gradients) 56.
const LOCAL: f64 = 92.0;
/// Arrays of a step: loc, rho, the weight (variance), its gradient, gradients of loc and rho, four
/// moments.
const ARRAYS: f64 = 40.0;

fn net(net: &Net) -> Count {
    let weights: f64 = layers(&net.widths).map(|(a, b)| a * b).sum();
    let first = (net.widths[0] * net.widths[1]) as f64;
    // Forward, gradient of the weights, gradient of the layer's inputs except of the data.
    let products = 2.0 * net.batch as f64 * (3.0 * weights - first);
    let (all, outputs) = (parameters(&net.widths), net.widths[1..].iter().sum::<usize>() as f64);
    Count {
        flops: if net.local { 2.0 * products } else { products },
        bytes: all * if net.local { LOCAL } else { WEIGHT_SPACE },
        draws: if net.local { net.batch as f64 * outputs } else { all },
        // With drawn outputs other functions are computed; they are not counted.
        weights: if net.local { 0.0 } else { all },
        updates: 2.0 * all,
        memory: all * ARRAYS,
        double: false,
    }
}

fn predict(work: &Predict) -> Count {
    let weights: f64 = layers(&work.widths).map(|(a, b)| a * b).sum();
    let (draws, inputs, all) = (work.draws as f64, work.inputs as f64, parameters(&work.widths));
    // Read loc and rho, write the weight, read it; one f64 per prediction is written.
    let bytes = draws * (16.0 * all + 8.0 * inputs);
    Count {
        flops: 2.0 * draws * inputs * weights,
        bytes,
        draws: draws * all,
        weights: 0.0,
        updates: 0.0,
        memory: 16.0 * all,
        double: false,
    }
}

/// X is read once forward and once backward, for all draws together.
fn regression(rows: usize, columns: usize, draws: usize, sites: usize) -> Count {
    let (x, draws) = ((rows * columns) as f64, draws as f64);
    Count {
        flops: 4.0 * x * draws,
        bytes: 16.0 * x,
        draws: draws * sites as f64,
        weights: 0.0,
        updates: 0.0,
        memory: 8.0 * x,
        double: true,
    }
}

impl Count {
    /// What a step of this work needs.
    pub fn of(work: &Work) -> Count {
        match work {
            Work::Net(work) => net(work),
            Work::Predict(work) => predict(work),
            Work::Linear(LinearRegression { rows, columns, draws }) => {
                regression(*rows, *columns, *draws, columns + 1)
            }
            Work::Logistic(Logistic { rows, columns, groups }) => {
                regression(*rows, *columns, 1, columns + 2 + groups)
            }
            Work::Density(Density { family, entries }) => {
                // Every column is read, and its gradient written.
                let bytes = 8.0 * (family.arguments().len() * entries) as f64;
                Count { bytes, memory: bytes, ..Count::default() }
            }
            Work::Normals(Normals { entries, double }) => {
                let bytes = (entries * if *double { 8 } else { 4 }) as f64;
                Count { bytes, draws: *entries as f64, memory: bytes, double: *double, ..Count::default() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads::find;

    fn count(name: &str) -> Count {
        Count::of(&find(name).unwrap().work)
    }

    #[test]
    fn the_large_net_by_hand() {
        let widths = [784, 1200, 1200, 10];
        assert_eq!(parameters(&widths), 2_395_210.0);
        let mnist = count("mnist");
        assert_eq!(mnist.flops, 612_556_800.0 * 2.0 + 2.0 * 128.0 * (1200.0 * 1200.0 + 1200.0 * 10.0));
        assert!((mnist.flops - 1.597e9).abs() < 0.5e6);
        assert!((mnist.bytes - 182e6).abs() < 0.5e6);
        assert_eq!((mnist.draws, mnist.weights, mnist.updates), (2_395_210.0, 2_395_210.0, 4_790_420.0));
        let local = count("mnist-lrt");
        assert_eq!((local.flops, local.draws), (2.0 * mnist.flops, 128.0 * 2410.0));
    }

    #[test]
    fn the_other_counts_by_hand() {
        assert_eq!(count("small").draws, 14.0 * 50.0 + 51.0);
        // 13-50-1 at 32 rows: 2 · 32 · (3 · 700 - 650).
        assert_eq!(count("small").flops, 92_800.0);
        assert_eq!(count("predict").draws, 1000.0 * (100.0 + 51.0 * 50.0 + 51.0));
        let linear = count("linear");
        assert_eq!((linear.flops, linear.draws), (4.0 * 200.0 * 50.0 * 16.0, 51.0 * 16.0));
        assert_eq!(count("logistic").draws, 152.0);
        assert_eq!(count("density-student-t").bytes, 32e6);
        let normals = count("normals-f64");
        assert!(normals.double && normals.bytes == 8e7 && normals.draws == 1e7);
    }
}
