//! Errors.

/// A parameter is out of its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{family}: {parameter} must be {want}, but an entry is {got}")]
pub struct ParameterError {
    /// The family.
    pub family: &'static str,
    /// The parameter.
    pub parameter: &'static str,
    /// Its range, in words.
    pub want: &'static str,
    /// The first bad value.
    pub got: f64,
}

/// Checks every entry of a parameter.
pub(crate) fn require<V: probity_autodiff::Value>(
    family: &'static str,
    parameter: &'static str,
    value: V,
    want: &'static str,
    condition: impl Fn(f64) -> bool,
) -> Result<(), ParameterError> {
    match value.find(|x| !condition(x)) {
        Some(got) => Err(ParameterError { family, parameter, want, got }),
        None => Ok(()),
    }
}

/// A scale or rate: positive and finite.
pub(crate) fn positive<V: probity_autodiff::Value>(
    family: &'static str,
    parameter: &'static str,
    value: V,
) -> Result<(), ParameterError> {
    require(family, parameter, value, "greater than 0 and finite", |x| x > 0.0 && x < f64::INFINITY)
}

/// A location: finite.
pub(crate) fn finite<V: probity_autodiff::Value>(
    family: &'static str,
    parameter: &'static str,
    value: V,
) -> Result<(), ParameterError> {
    require(family, parameter, value, "finite", f64::is_finite)
}
