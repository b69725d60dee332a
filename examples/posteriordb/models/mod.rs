//! The models, by kind. Each reads its data and is a program on the sites, whose names are those of
//! the published parameters.

mod glm;
mod gp;
mod hierarchical;
mod hmm;
mod mixture;
mod ode;
mod regressions;
mod restricted;
mod time_series;

use super::data::{Data, DataError};
use probity_autodiff::nalgebra::{DMatrix, DVector};
use probity_vi::{Model, Result, Scope};
use std::sync::Arc;

/// A model whose data are in it.
pub type AnyModel = Box<dyn Model + Send + Sync>;

/// A matrix that runs of a model share.
type Shared = Arc<DMatrix<f64>>;

/// What makes a model of its data.
pub type Build = fn(&Data) -> std::result::Result<AnyModel, DataError>;

/// Every posterior, by the name of its folder.
pub const POSTERIORS: [(&str, Build); 34] = [
    ("arK-arK", time_series::autoregression),
    ("bball_drive_event_0-hmm_drive_0", hmm::drives),
    ("earnings-earn_height", regressions::earn_height),
    ("earnings-log10earn_height", regressions::log10earn_height),
    ("earnings-logearn_height", regressions::logearn_height),
    ("earnings-logearn_interaction", regressions::logearn_interaction),
    ("earnings-logearn_logheight_male", regressions::logearn_logheight_male),
    ("eight_schools-eight_schools_centered", hierarchical::eight_schools_centred),
    ("eight_schools-eight_schools_noncentered", hierarchical::eight_schools_noncentred),
    ("garch-garch11", time_series::garch),
    ("gp_pois_regr-gp_regr", gp::regression),
    ("hmm_example-hmm_example", hmm::two_levels),
    ("hudson_lynx_hare-lotka_volterra", ode::lotka_volterra),
    ("kidiq-kidscore_interaction", regressions::kidscore_interaction),
    ("kidiq-kidscore_momhs", regressions::kidscore_momhs),
    ("kidiq-kidscore_momhsiq", regressions::kidscore_momhsiq),
    ("kidiq_with_mom_work-kidscore_interaction_c", regressions::kidscore_interaction_centred),
    ("kidiq_with_mom_work-kidscore_mom_work", regressions::kidscore_mom_work),
    ("low_dim_gauss_mix-low_dim_gauss_mix", mixture::two_normals),
    ("mcycle_gp-accel_gp", gp::motorcycle),
    ("mesquite-logmesquite", regressions::logmesquite),
    ("mesquite-logmesquite_logvas", regressions::logmesquite_logvas),
    ("mesquite-logmesquite_logvolume", regressions::logmesquite_logvolume),
    ("mesquite-mesquite", regressions::mesquite),
    ("nes1972-nes", regressions::nes),
    ("nes1976-nes", regressions::nes),
    ("nes1980-nes", regressions::nes),
    ("nes1988-nes", regressions::nes),
    ("nes2000-nes", regressions::nes),
    ("sblrc-blr", regressions::vague),
    ("sblri-blr", regressions::vague),
    ("hierarchical_normal", hierarchical::one_way),
    ("logistic", glm::logistic),
    ("poisson_cubic", glm::poisson_cubic),
];

/// The model of the posterior of this name; none if it is not known.
pub fn build(name: &str, data: &Data) -> Option<std::result::Result<AnyModel, DataError>> {
    POSTERIORS.iter().find(|(known, _)| *known == name).map(|(_, build)| build(data))
}

/// A closure as a model.
fn model(run: impl Fn(&mut Scope<'_>) -> Result + Send + Sync + 'static) -> AnyModel {
    Box::new(run)
}

/// A column for runs to share.
fn shared(column: DVector<f64>) -> Shared {
    columns(&[column])
}

/// A matrix of these columns.
fn columns(columns: &[DVector<f64>]) -> Shared {
    Arc::new(DMatrix::from_columns(columns))
}
