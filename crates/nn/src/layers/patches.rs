//! Windows of images as rows of a matrix, so that a convolution is a matrix product.

use super::WeightInit;
use super::grid::Window;
use super::layer::{check_columns, takes};
use super::weights::{biases, weights};
use crate::error::Error;
use crate::priors::LayerPrior;
use probity_autodiff::{Adjoints, Inputs, Op, Scalar, Var};
use probity_vi::{Result, Scope};

/// n images of a [`Window`]'s grid to (n · places) × (channels · window): row `i + n l` is the
/// window at place `l` of image `i`, and the product with a matrix of kernels, (n · places) ×
/// outputs, is n × (outputs · places) with the place running fastest, without moving a number.
///
/// Columns of the batch are moved as a whole.
///
/// Source: Chellapilla, Puri, Simard 2006, "High performance convolutional neural networks for
/// document processing".
#[derive(Clone, Copy, Debug)]
struct Patches(Window);

impl Patches {
    /// Calls `each` with every pair of a column of the images (none in the padding) and where its
    /// `n` numbers are among the patches.
    fn pairs(&self, n: usize, mut each: impl FnMut(Option<usize>, usize)) {
        let Window { grid, size, .. } = self.0;
        let (high, wide) = self.0.places();
        let mut to = 0;
        for channel in 0..grid.channels {
            for within in (0..size.0).flat_map(|dy| (0..size.1).map(move |dx| (dy, dx))) {
                for place in (0..high).flat_map(|oy| (0..wide).map(move |ox| (oy, ox))) {
                    let pixel = self.0.pixel(place, within);
                    each(pixel.map(|p| (channel * grid.height * grid.width + p) * n), to);
                    to += n;
                }
            }
        }
    }
}

impl<T: Scalar> Op<T> for Patches {
    fn name(&self) -> &'static str {
        "patches"
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let (n, x) = (x.shape(0).0, x.get(0));
        self.pairs(n, |from, to| match from {
            Some(from) => y[to..to + n].copy_from_slice(&x[from..from + n]),
            None => y[to..to + n].fill(T::from_f64(0.0)),
        });
    }

    fn backward(&self, x: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let n = x.shape(0).0;
        dx.accumulate_zeroed(0, |sum| {
            self.pairs(n, |pixel, patch| {
                let Some(pixel) = pixel else { return };
                add(&mut sum[pixel..pixel + n], &g[patch..patch + n]);
            });
        });
    }
}

/// Adds numbers one by one.
pub(super) fn add<T: Scalar>(to: &mut [T], x: &[T]) {
    for (to, x) in to.iter_mut().zip(x) {
        *to = T::from_num(to.num() + x.num());
    }
}

/// What convolutional layers have in common: a window that moves over the images, the channels of
/// the result, priors and start of the kernels and biases.
pub(super) struct Convolution<'a, P, B> {
    pub window: Window,
    pub outputs: usize,
    pub priors: (Option<&'a P>, Option<&'a B>),
    pub init: WeightInit,
}

impl<P: LayerPrior, B: LayerPrior> Convolution<'_, P, B> {
    /// The columns of the result for an input of so many columns.
    pub fn outputs(&self, inputs: usize) -> crate::Result<usize> {
        let Window { grid, size, stride, .. } = self.window;
        takes("a convolution", grid.len(), inputs)?;
        let (high, wide) = self.window.places();
        match self.outputs * high * wide {
            0 => {
                let problem = format!("a kernel of {size:?} with stride {stride:?} has no place on {grid:?}");
                Err(Error::Network(problem))
            }
            columns => Ok(columns),
        }
    }

    /// The convolution of images (n × grid) with kernels ((channels · window) × outputs) and a bias
    /// (1 × outputs), which are drawn: n × (outputs · places).
    pub fn forward<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        name: &str,
        x: Var<'t, T>,
    ) -> Result<Var<'t, T>> {
        let Window { grid, size, .. } = self.window;
        check_columns("a convolution", grid.len(), x.ncols())?;
        let (n, outputs, (high, wide)) = (x.nrows(), self.outputs, self.window.places());
        let terms = grid.channels * size.0 * size.1;
        s.within(name, |s| {
            let start = (self.init, terms);
            let kernels = weights(s, ("weight", "weight_prior"), self.priors.0, start, (terms, outputs))?;
            let bias = biases(s, ("bias", "bias_prior"), self.priors.1, start, outputs)?;
            let patches = match x.tape() {
                Some(tape) => tape.record(Patches(self.window), &[x], n * high * wide, terms),
                None => x,
            };
            Ok(patches.affine(kernels, bias).reshape(n, outputs * high * wide))
        })
    }
}
