//! How far results are from the references: in units of what the problem's condition allows.

use probity_autodiff::nalgebra::DMatrix;

/// How many units a result may be off.
pub const LIMIT: f64 = 50.0;

/// The comparisons of one file.
#[derive(Debug, Default)]
pub struct Check {
    /// Rows or cases, also those that the library has nothing for.
    pub cases: usize,
    /// Numbers compared.
    pub numbers: usize,
    /// The worst error in units, and where it was.
    pub worst: Option<(f64, String)>,
    /// What is out of tolerance or missing, in words.
    pub missed: Vec<String>,
    /// Errors that an exception stated in `exceptions.rs` explains.
    pub explained: Vec<&'static str>,
    /// The case that is compared now.
    pub at: String,
    /// The file that is compared now.
    pub file: String,
}

impl Check {
    /// Compares a number with a reference, one unit being `unit`. Results below the normal numbers
    /// count as 0.
    pub fn near(&mut self, what: &str, got: f64, want: f64, unit: f64) {
        self.numbers += 1;
        let same = got == want || got.is_nan() && want.is_nan() || (got - want).abs() <= f64::MIN_POSITIVE;
        let error = if same { 0.0 } else { (got - want).abs() / unit };
        let fits = error <= LIMIT;
        if !fits {
            if let Some(why) = crate::exceptions::reason(&self.file, what, &self.at) {
                self.explained.push(why);
                return;
            }
            self.missed.push(format!("{} {what}: {got:e}, not {want:e} ({error:.3e} units)", self.at));
        }
        if self.worst.as_ref().is_none_or(|(worst, _)| error > *worst || error.is_nan()) {
            self.worst = Some((error, format!("{what} {}", self.at)));
        }
    }

    /// Compares every entry of a matrix; one unit of entry k is `unit(k)`.
    pub fn all_near(
        &mut self,
        what: &str,
        got: &DMatrix<f64>,
        want: &DMatrix<f64>,
        unit: impl Fn(usize) -> f64,
    ) {
        if got.len() != want.len() {
            let (got, want) = (got.shape(), want.shape());
            self.missed.push(format!("{} {what}: {got:?}, not {want:?}", self.at));
            return;
        }
        for k in 0..want.len() {
            self.near(what, got[k], want[k], unit(k));
        }
    }

    /// Something that cannot be compared.
    pub fn miss(&mut self, what: impl Into<String>) {
        let (at, what) = (&self.at, what.into());
        self.missed.push(if at.is_empty() { what } else { format!("{at}: {what}") });
    }
}
