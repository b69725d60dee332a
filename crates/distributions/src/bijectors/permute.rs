//! Columns in another order.

use super::Bijector;
use crate::error::ParameterError;
use probity_autodiff::{Scalar, Terms, Value, Var, formula};

/// forward column `order[j]` as column `j` · inverse back · log-det 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Permute<'a> {
    order: &'a [usize],
}

impl<'a> Permute<'a> {
    /// By the number of the column that comes to each place, counted from 0.
    ///
    /// # Errors
    /// If a column comes to two places.
    pub fn new(order: &'a [usize]) -> Result<Self, ParameterError> {
        let mut seen = vec![false; order.len()];
        for &j in order {
            let twice = seen.get_mut(j).is_none_or(|seen| std::mem::replace(seen, true));
            if twice {
                let want = "each number below its length once";
                return Err(ParameterError { family: "Permute", parameter: "order", want, got: j as f64 });
            }
        }
        Ok(Self { order })
    }
}

/// The columns in this order.
#[track_caller]
fn columns<T: Scalar>(x: Var<'_, T>, order: Vec<usize>) -> Var<'_, T> {
    let (cols, n) = (x.ncols(), order.len());
    assert!(cols == n, "Permute: {cols} columns, an order of {n}");
    if n == 1 { x } else { x.transpose().gather_rows(order).transpose() }
}

impl<'t, T: Scalar> Bijector<Var<'t, T>> for Permute<'_> {
    #[track_caller]
    fn forward(&self, u: Var<'t, T>) -> Var<'t, T> {
        columns(u, self.order.to_vec())
    }
    #[track_caller]
    fn inverse(&self, x: Var<'t, T>) -> Var<'t, T> {
        let mut back = vec![0; self.order.len()];
        self.order.iter().enumerate().for_each(|(to, from)| back[*from] = to);
        columns(x, back)
    }
    fn log_det(&self, u: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        Var::apply_as(terms, formula!(|u| u * 0.0), [u])
    }
}
