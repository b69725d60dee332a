//! The inverse Hessian that a path of L-BFGS implies, as a diagonal covariance of low-rank change.

use crate::error::{Error, Result};
use crate::linalg::{LowRank, dot};
use crate::optim::rescale;
use std::collections::VecDeque;

/// Steps and changes of the gradient along a path, and the diagonal that they imply.
#[derive(Debug)]
pub(super) struct InverseHessian {
    history: usize,
    /// The diagonal α.
    diagonal: Vec<f64>,
    /// The last steps s, and the changes z of the gradient of −ln p.
    pairs: VecDeque<(Vec<f64>, Vec<f64>)>,
}

impl InverseHessian {
    pub fn new(dim: usize, history: usize) -> Self {
        Self { history: history.max(1), diagonal: vec![1.0; dim], pairs: VecDeque::new() }
    }

    /// Learns from a step, if the density is concave along it. Says whether it did.
    ///
    /// *Source*: Zhang, Carpenter, Gelman, Vehtari 2022, "Pathfinder", algorithm 3.
    pub fn learn(&mut self, s: Vec<f64>, z: Vec<f64>) -> bool {
        let b = dot(&z, &s);
        let lengths = dot(&z, &z).sqrt() * dot(&s, &s).sqrt();
        if !(b > 1e-12 * lengths && b.is_finite()) {
            return false;
        }
        if !rescale(&mut self.diagonal, &s, &z, b) {
            return false;
        }
        self.pairs.push_back((s, z));
        if self.pairs.len() > self.history {
            self.pairs.pop_front();
        }
        true
    }

    /// diag(α) + β γ βᵀ with β = (diag(α) Z, S).
    ///
    /// *Source*: Byrd, Nocedal, Schnabel 1994, "Representations of quasi-Newton matrices", equation
    /// 2.26, with a diagonal in the place of a multiple of the identity, as in Zhang, Carpenter,
    /// Gelman, Vehtari 2022, algorithm 4.
    ///
    /// # Errors
    /// If rounding left it not positive definite.
    pub fn covariance(&self) -> Result<LowRank> {
        use probity_autodiff::nalgebra::DMatrix;
        let (d, k) = (self.diagonal.len(), self.pairs.len());
        let scale: Vec<f64> = self.diagonal.iter().map(|a| a.sqrt()).collect();
        let scaled = |z: &[f64]| z.iter().zip(&self.diagonal).map(|(z, a)| z * a).collect::<Vec<_>>();
        let mut columns = Vec::with_capacity(2 * k * d);
        self.pairs.iter().for_each(|(_, z)| columns.extend(scaled(z)));
        self.pairs.iter().for_each(|(s, _)| columns.extend_from_slice(s));
        let upper =
            DMatrix::from_fn(k, k, |i, j| if i <= j { dot(&self.pairs[i].0, &self.pairs[j].1) } else { 0.0 });
        let mut inner = DMatrix::from_fn(k, k, |i, j| dot(&scaled(&self.pairs[i].1), &self.pairs[j].1));
        (0..k).for_each(|i| inner[(i, i)] += upper[(i, i)]);
        let Some(inverse) = upper.solve_upper_triangular(&DMatrix::identity(k, k)) else {
            let problem = "the steps of the path are dependent".to_owned();
            return Err(Error::Setting { setting: "covariance", problem });
        };
        let corner = inverse.transpose() * inner * &inverse;
        let mut middle = DMatrix::zeros(2 * k, 2 * k);
        middle.view_mut((0, k), (k, k)).copy_from(&-&inverse);
        middle.view_mut((k, 0), (k, k)).copy_from(&-inverse.transpose());
        middle.view_mut((k, k), (k, k)).copy_from(&corner);
        LowRank::from_update(scale, &columns, middle.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::Factor;

    /// Against the update of BFGS, (I − s zᵀ / b) H (I − z sᵀ / b) + s sᵀ / b, from the last
    /// diagonal.
    #[test]
    fn it_is_the_one_of_bfgs() {
        let pairs = [([1.0, 0.5, -0.2], [2.0, 1.0, 0.3]), ([0.1, -1.0, 0.4], [0.3, -2.0, 1.5])];
        let mut hessian = InverseHessian::new(3, 5);
        for (s, z) in pairs {
            assert!(hessian.learn(s.to_vec(), z.to_vec()));
        }
        let mut want = [0.0; 9];
        (0..3).for_each(|i| want[4 * i] = hessian.diagonal[i]);
        for (s, z) in pairs {
            let b = dot(&s, &z);
            let before = want;
            let left = |i: usize, k: usize| f64::from(u8::from(i == k)) - s[i] * z[k] / b;
            for i in 0..3 {
                for j in 0..3 {
                    let sum: f64 = (0..9).map(|k| left(i, k / 3) * before[k] * left(j, k % 3)).sum();
                    want[3 * i + j] = sum + s[i] * s[j] / b;
                }
            }
        }
        let got = hessian.covariance().unwrap().to_matrix();
        assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-12), "{got:?} {want:?}");
        // The secant equation: H z = s for the last step.
        let mut s = pairs[1].1;
        hessian.covariance().unwrap().multiply(&mut s);
        assert!(s.iter().zip(pairs[1].0).all(|(a, b)| (a - b).abs() < 1e-12));
        assert!(!hessian.learn(vec![1.0, 0.0, 0.0], vec![-1.0, 0.0, 0.0]));
    }
}
