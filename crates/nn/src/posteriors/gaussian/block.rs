//! What a block of a covariance is.

use probity_autodiff::Key;

/// A Gaussian of mean 0 over some coordinates, given by parameters that any real numbers can be, as
/// a linear map of standard normal numbers z.
pub(super) trait Block: Send {
    /// The coordinates.
    fn coordinates(&self) -> &[usize];

    /// How many parameters there are.
    fn parameters(&self) -> usize;

    /// How many standard normal numbers a draw takes.
    fn noise(&self) -> usize;

    /// The parameters of independent coordinates with this standard deviation, or nearly.
    fn start(&self, scale: f64, key: Key, params: &mut [f64]);

    /// Adds a draw to the coordinates of u.
    fn add(&self, params: &[f64], z: &[f64], u: &mut [f64]);

    /// Adds the derivatives by the parameters of a function with this gradient at the draw.
    fn accumulate(&self, params: &[f64], z: &[f64], gradient: &[f64], to: &mut [f64]);

    /// Adds the derivatives of the entropy.
    fn entropy(&self, params: &[f64], to: &mut [f64]);

    /// Writes the variances of the coordinates.
    fn variances(&self, params: &[f64], to: &mut [f64]);
}
