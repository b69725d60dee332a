//! Linear regressions: `y ~ Normal(X beta, sigma)`.

use super::super::data::{Data, DataError};
use super::{AnyModel, Shared, columns, shared};
use probity_autodiff::nalgebra::DVector;
use probity_distributions::{Distribution, Flat, HalfCauchy, HalfNormal, Normal};
use probity_vi::{Model, Scope};
use std::sync::Arc;

type Result = std::result::Result<AnyModel, DataError>;

/// What is known before the data.
#[derive(Clone, Copy, Debug)]
enum Priors {
    /// Of nothing.
    Flat,
    /// Of the scale alone: half-Cauchy.
    HalfCauchyScale,
    /// Vague proper priors.
    Vague,
}

#[derive(Clone, Debug)]
struct Regression {
    /// N × 1.
    y: Shared,
    /// N × K.
    x: Shared,
    priors: Priors,
}

impl Model for Regression {
    fn run(&self, s: &mut Scope<'_>) -> probity_vi::Result {
        let k = self.x.ncols();
        let beta = match self.priors {
            Priors::Vague => s.sample("beta", Normal::new(0.0, 10.0).rows(k))?,
            Priors::Flat | Priors::HalfCauchyScale => s.sample("beta", Flat::real().rows(k))?,
        };
        let sigma = match self.priors {
            Priors::Flat => s.sample("sigma", Flat::positive())?,
            Priors::HalfCauchyScale => s.sample("sigma", HalfCauchy::new(2.5))?,
            Priors::Vague => s.sample("sigma", HalfNormal::new(10.0))?,
        };
        let mean = s.data(&self.x).matmul(beta);
        s.observe("y", Normal::new(mean, sigma), &self.y)
    }
}

/// A regression on an intercept and these predictors.
fn regression(y: DVector<f64>, predictors: &[DVector<f64>], priors: Priors) -> AnyModel {
    let intercept = DVector::repeat(y.len(), 1.0);
    let x = columns(&[&[intercept], predictors].concat());
    Box::new(Regression { y: shared(y), x, priors })
}

fn log(x: DVector<f64>) -> DVector<f64> {
    x.map(f64::ln)
}

fn centred(x: DVector<f64>) -> DVector<f64> {
    x.add_scalar(-x.mean())
}

/// 1 where the column has this value.
fn is(x: &DVector<f64>, value: f64) -> DVector<f64> {
    x.map(|x| f64::from(x == value))
}

pub fn earn_height(data: &Data) -> Result {
    Ok(regression(data.column("earn")?, &[data.column("height")?], Priors::Flat))
}

pub fn log10earn_height(data: &Data) -> Result {
    Ok(regression(data.column("earn")?.map(f64::log10), &[data.column("height")?], Priors::Flat))
}

pub fn logearn_height(data: &Data) -> Result {
    Ok(regression(log(data.column("earn")?), &[data.column("height")?], Priors::Flat))
}

pub fn logearn_interaction(data: &Data) -> Result {
    let (height, male) = (data.column("height")?, data.column("male")?);
    let both = height.component_mul(&male);
    Ok(regression(log(data.column("earn")?), &[height, male, both], Priors::Flat))
}

pub fn logearn_logheight_male(data: &Data) -> Result {
    let (height, male) = (data.column("height")?, data.column("male")?);
    Ok(regression(log(data.column("earn")?), &[log(height), male], Priors::Flat))
}

pub fn kidscore_momhs(data: &Data) -> Result {
    Ok(regression(data.column("kid_score")?, &[data.column("mom_hs")?], Priors::HalfCauchyScale))
}

pub fn kidscore_momhsiq(data: &Data) -> Result {
    let predictors = [data.column("mom_hs")?, data.column("mom_iq")?];
    Ok(regression(data.column("kid_score")?, &predictors, Priors::HalfCauchyScale))
}

pub fn kidscore_interaction(data: &Data) -> Result {
    let (hs, iq) = (data.column("mom_hs")?, data.column("mom_iq")?);
    let both = hs.component_mul(&iq);
    Ok(regression(data.column("kid_score")?, &[hs, iq, both], Priors::HalfCauchyScale))
}

pub fn kidscore_interaction_centred(data: &Data) -> Result {
    let (hs, iq) = (centred(data.column("mom_hs")?), centred(data.column("mom_iq")?));
    let both = hs.component_mul(&iq);
    Ok(regression(data.column("kid_score")?, &[hs, iq, both], Priors::Flat))
}

pub fn kidscore_mom_work(data: &Data) -> Result {
    let work = data.column("mom_work")?;
    let predictors = [is(&work, 2.0), is(&work, 3.0), is(&work, 4.0)];
    Ok(regression(data.column("kid_score")?, &predictors, Priors::Flat))
}

pub fn mesquite(data: &Data) -> Result {
    let names = ["diam1", "diam2", "canopy_height", "total_height", "density", "group"];
    let predictors =
        names.iter().map(|name| data.column(name)).collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(regression(data.column("weight")?, &predictors, Priors::Flat))
}

pub fn logmesquite(data: &Data) -> Result {
    let logs = ["diam1", "diam2", "canopy_height", "total_height", "density"];
    let mut predictors =
        logs.iter().map(|name| data.column(name).map(log)).collect::<std::result::Result<Vec<_>, _>>()?;
    predictors.push(data.column("group")?);
    Ok(regression(log(data.column("weight")?), &predictors, Priors::Flat))
}

pub fn logmesquite_logvas(data: &Data) -> Result {
    let (long, short) = (log(data.column("diam1")?), log(data.column("diam2")?));
    let (area, shape) = (&long + &short, &long - &short);
    let volume = &area + log(data.column("canopy_height")?);
    let (height, density) = (log(data.column("total_height")?), log(data.column("density")?));
    let predictors = [volume, area, shape, height, density, data.column("group")?];
    Ok(regression(log(data.column("weight")?), &predictors, Priors::Flat))
}

pub fn logmesquite_logvolume(data: &Data) -> Result {
    let sides = ["diam1", "diam2", "canopy_height"];
    let volume = sides
        .iter()
        .try_fold(log(data.column("weight")?) * 0.0, |sum, side| Ok(sum + log(data.column(side)?)))?;
    Ok(regression(log(data.column("weight")?), &[volume], Priors::Flat))
}

pub fn nes(data: &Data) -> Result {
    let age = data.column("age_discrete")?;
    let predictors = [
        data.column("real_ideo")?,
        data.column("race_adj")?,
        is(&age, 2.0),
        is(&age, 3.0),
        is(&age, 4.0),
        data.column("educ1")?,
        data.column("gender")?,
        data.column("income")?,
    ];
    Ok(regression(data.column("partyid7")?, &predictors, Priors::Flat))
}

/// Without an intercept.
pub fn vague(data: &Data) -> Result {
    let (y, x) = (shared(data.column("y")?), Arc::new(data.matrix("X")?));
    Ok(Box::new(Regression { y, x, priors: Priors::Vague }))
}
