//! Scores of predictions against what happened: plain functions of numbers, in the user's units.
//!
//! All are *negatively* oriented (smaller is better), except coverage and accuracy, which are
//! rates. Every one is proper where it is a rule for whole distributions: on average, nothing beats
//! reporting what one believes.

mod brier;
mod calibration;
mod coverage;
mod crps;
mod ensemble;
mod interval;
mod pit;
mod proportion;
mod ranking;
mod student_t_mixture;

pub use brier::{BrierParts, brier, brier_parts};
pub(crate) use calibration::most_probable;
pub use calibration::{
    Binning, CalibrationBin, calibration_bins, calibration_bins_equal_mass, calibration_error,
    class_wise_calibration_error, max_calibration_error,
};
pub use coverage::{CoverageRow, CoverageTable};
pub(crate) use crps::equal_mixture_crps;
pub use crps::{
    crps_exponential, crps_laplace, crps_log_normal, crps_logistic, crps_normal, crps_normal_mixture,
    crps_student_t, crps_uniform,
};
pub use ensemble::{crps_ensemble, crps_ensemble_fair};
pub use interval::{coverage, interval_score, pinball};
pub use pit::{PitHistogram, QuantileCalibration};
pub use proportion::Proportion;
pub use ranking::{RejectionCurve, auroc};
pub(crate) use student_t_mixture::equal_student_t_mixture_crps;
