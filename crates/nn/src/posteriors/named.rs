//! The methods by name, with default settings.

use super::{
    BayesianLastLayer, DeepEnsemble, DeterministicVi, FullLaplace, Ivon, KroneckerLaplace, LastLayerFullVi,
    LastLayerLaplace, LowRankVi, Map, MatrixNormalVi, McDropout, MeanFieldVi, Method, NutsChains, Svgd,
    VariationalMixture,
};
use probity_vi::hmc::Chains;

/// The names that [`named`] knows.
pub const NAMES: [&str; 17] = [
    "map",
    "deep-ensemble",
    "mc-dropout",
    "svgd",
    "mean-field",
    "vi-mixture",
    "last-layer-full-vi",
    "low-rank-vi",
    "matrix-normal-vi",
    "deterministic-vi",
    "ivon",
    "laplace-full",
    "laplace-last-layer",
    "laplace-kronecker",
    "bayesian-last-layer",
    "nuts",
    "chains",
];

/// The method of this name with default settings and this seed, for programs that let their user
/// choose.
///
/// ```
/// use probity_nn::posteriors::{NAMES, named};
/// assert!(NAMES.iter().all(|name| named(name, 1).is_some_and(|method| method.seed() == 1)));
/// ```
pub fn named(name: &str, seed: u64) -> Option<Box<dyn Method>> {
    /// With the seed among its settings.
    macro_rules! seeded {
        ($method:ident) => {{
            let mut method = $method::default();
            method.settings.seed = seed;
            Box::new(method)
        }};
    }
    Some(match name {
        "map" => Box::new(Map { seed, ..Map::default() }),
        "deep-ensemble" => Box::new(DeepEnsemble { seed, ..DeepEnsemble::default() }),
        "mc-dropout" => Box::new(McDropout { seed, ..McDropout::default() }),
        "svgd" => Box::new(Svgd { seed, ..Svgd::default() }),
        "mean-field" => Box::new(MeanFieldVi { seed, ..MeanFieldVi::default() }),
        "vi-mixture" => Box::new(VariationalMixture { seed, ..VariationalMixture::default() }),
        "last-layer-full-vi" => seeded!(LastLayerFullVi),
        "low-rank-vi" => seeded!(LowRankVi),
        "matrix-normal-vi" => seeded!(MatrixNormalVi),
        "deterministic-vi" => Box::new(DeterministicVi { seed, ..DeterministicVi::default() }),
        "ivon" => Box::new(Ivon { seed, ..Ivon::default() }),
        "laplace-full" => seeded!(FullLaplace),
        "laplace-last-layer" => seeded!(LastLayerLaplace),
        "laplace-kronecker" => seeded!(KroneckerLaplace),
        "bayesian-last-layer" => Box::new(BayesianLastLayer { seed, ..BayesianLastLayer::default() }),
        "nuts" => Box::new(NutsChains { seed, ..NutsChains::default() }),
        "chains" => Box::new(Chains { seed, ..Chains::default() }),
        _ => return None,
    })
}
