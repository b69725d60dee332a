//! Where a guide starts by itself: around the centre of the prior, as far from it as the prior is
//! wide, and not where the model does not work.

use super::batched_draw::fixed_normal;
use super::run::{Mode, Run, first_run, run};
use super::{Data, Discovered, Scope};
use crate::error::{Error, Result};
use crate::layout::{Init, SiteKind, Start};
use crate::model::Model;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_autodiff::{Key, Scalar, Tape, Terms, Value, Var};
use probity_distributions::{Distribution, Event, Support};
use std::cell::Cell;
use std::sync::Arc;

/// A run in which one site stands at the edge of its prior.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved<'t> {
    /// The number of the site.
    site: usize,
    /// Up or down.
    sign: f64,
    /// Where the value of its first entry is left.
    value: &'t Cell<f64>,
}

/// The middle of a prior and how far it reaches, for one unconstrained number.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    /// The mode.
    middle: f64,
    /// The smaller distance from it at which the log density has fallen by ½: the standard
    /// deviation of a Normal.
    spread: f64,
}

/// For more numbers a start is not looked for: their density would be asked some hundred times.
const MOST: usize = 1024;
/// The part of the standard deviation by which starts on the real line differ, and the largest one
/// that counts: a very wide prior says that the scale is not known, not that values are far apart.
const REAL: (f64, f64) = (0.5, 10.0);
/// The same for constrained variables, whose unconstrained numbers are logarithms.
const LOGARITHM: (f64, f64) = (1.0, 2.0);
/// Starts stay in the central 80 % of a normal distribution.
const CENTRAL: f64 = 1.28;

/// The standard deviation of the start of each of `n` entries: the whole site moves by a part of
/// its spread, and every entry at least by a tenth of it (`dispersed` is 1), or by that tenth alone
/// (0).
fn start_sd(spread: f64, (part, most): (f64, f64), n: usize, dispersed: f64) -> f64 {
    let least = 0.1 * spread.min(1.0);
    let wide = part * spread.min(most) / (n as f64).sqrt();
    least + dispersed * (wide - least).max(0.0)
}

impl<'t, T: Scalar> Scope<'t, T> {
    /// Where a guide of a site with this prior starts.
    pub(super) fn start_of<D: Distribution<Var<'t, T>>>(&mut self, prior: &D) -> Init {
        let Mode::Start { dispersed, .. } = self.mode else { return Init::default() };
        self.out.free.push(self.cursor);
        let (rows, cols) = prior.shape();
        let n = rows * cols;
        if let Some((loc, scale)) = fixed_normal(prior) {
            let sd = start_sd(scale, REAL, n, dispersed);
            let valid = loc.is_finite() && sd.is_finite();
            let loc = if valid { Start::Normal(loc, sd) } else { Start::Constant(0.0) };
            return Init { loc, ..Init::default() };
        }
        let Some(places) = self.places(prior) else { return Init::default() };
        let how = if matches!(prior.support(), Support::Real) { REAL } else { LOGARITHM };
        let mut noise = vec![0.0; n];
        fill_normal(self.key.fold_in_str("start").fold_in(self.cursor as u64), 0, &mut noise);
        let start = places.iter().zip(noise).map(|(place, z): (&Place, f64)| {
            place.middle + start_sd(place.spread, how, n, dispersed) * z.clamp(-CENTRAL, CENTRAL)
        });
        Init { loc: Start::Values(start.collect()), ..Init::default() }
    }

    /// The unconstrained numbers of a site that is moved to the edge of its prior in this run.
    pub(super) fn moved<D: Distribution<Var<'t, T>>>(&mut self, index: usize, prior: &D) -> Option<Vec<f64>> {
        let Mode::Start { moved: Some(moved), .. } = self.mode else { return None };
        if moved.site != index {
            return None;
        }
        Some(self.places(prior)?.iter().map(|p| p.middle + 3.0 * moved.sign * p.spread).collect())
    }

    /// Leaves the value of a moved site for an error.
    pub(super) fn leave_moved(&self, index: usize, value: Var<'t, T>) {
        if let Mode::Start { moved: Some(moved), .. } = self.mode
            && moved.site == index
        {
            moved.value.set(value.read(|x| x[0].to_f64()));
        }
    }

    /// Middle and spread of every entry, from the density alone: a prior need not be one that can
    /// be sampled. None for many entries, and for families whose entries do not have densities of
    /// their own.
    fn places<D: Distribution<Var<'t, T>>>(&mut self, prior: &D) -> Option<Vec<Place>> {
        let (rows, cols) = prior.shape();
        let n = rows * cols;
        if n > MOST || prior.check().is_err() {
            return None;
        }
        let before = self.tape.size();
        let found = match prior.as_normal().filter(|_| matches!(prior.support(), Support::Real)) {
            Some((loc, scale)) => {
                // Broadcast to the shape of the site.
                let zero = self.tape.constant_with(rows, cols, |x| x.fill(T::from_f64(0.0)));
                let of = |x: Var<'t, T>| (x + zero).read(numbers);
                let places = of(loc).into_iter().zip(of(scale));
                Some(places.map(|(middle, spread)| Place { middle, spread }).collect())
            }
            None if prior.event() == Event::Entry && by_entry(&prior.support()) => {
                let support = prior.support();
                let density = |u: &[f64]| {
                    let u = DMatrix::from_column_slice(rows, cols, u).on(self.tape);
                    let x = support.constrain(u)?;
                    let mut density = prior.log_prob(x).read(numbers);
                    if let Some(log_det) = support.log_det(u, Terms::Each) {
                        let log_det = log_det.read(numbers);
                        density.iter_mut().zip(log_det).for_each(|(d, l)| *d += l);
                    }
                    Some(density)
                };
                find(&density, n, &grid(&support))
            }
            None => None,
        };
        self.out.aside += self.tape.size() - before;
        found
    }
}

/// Whether the support's entries do not depend on each other.
fn by_entry<V: Value>(support: &Support<V>) -> bool {
    !matches!(support, Support::Mapped(map) if map.event != Event::Entry)
}

fn numbers<T: Scalar>(x: &[T]) -> Vec<f64> {
    x.iter().map(|x| x.to_f64()).collect()
}

/// Where the mode is looked for first.
fn grid<V: Value>(support: &Support<V>) -> Vec<f64> {
    match support {
        Support::Real => {
            let up = (-4..=12).map(|k| 4f64.powi(k));
            up.clone().rev().map(|x| -x).chain([0.0]).chain(up).collect()
        }
        Support::Interval(..) => (-20..=20).map(|k| 2.0 * f64::from(k)).collect(),
        _ => (-20..=20).map(|k| 8.0 * f64::from(k)).collect(),
    }
}

/// The mode of `n` one-dimensional log densities and the distances at which they have fallen by ½.
fn find(density: &dyn Fn(&[f64]) -> Option<Vec<f64>>, n: usize, grid: &[f64]) -> Option<Vec<Place>> {
    let at = |u: &[f64]| {
        let mut values = density(u).filter(|d| d.len() == n)?;
        values.iter_mut().filter(|d| d.is_nan()).for_each(|d| *d = f64::NEG_INFINITY);
        Some(values)
    };
    let mut best = vec![(f64::NEG_INFINITY, 0); n];
    for (k, u) in grid.iter().enumerate() {
        for (best, d) in best.iter_mut().zip(at(&vec![*u; n])?) {
            if d > best.0 {
                *best = (d, k);
            }
        }
    }
    // A density without a mode, as of a flat prior, has its best point at the border.
    let inner: Vec<bool> = best.iter().map(|(_, k)| (1..grid.len() - 1).contains(k)).collect();
    let mut low: Vec<f64> = best.iter().map(|(_, k)| grid[k.saturating_sub(1)]).collect();
    let mut high: Vec<f64> = best.iter().map(|(_, k)| grid[(k + 1).min(grid.len() - 1)]).collect();
    for _ in 0..40 {
        let thirds = |a: f64| low.iter().zip(&high).map(|(l, h)| l + a * (h - l)).collect::<Vec<f64>>();
        let (left, right) = (thirds(1.0 / 3.0), thirds(2.0 / 3.0));
        let (at_left, at_right) = (at(&left)?, at(&right)?);
        for i in 0..n {
            if at_left[i] < at_right[i] {
                low[i] = left[i];
            } else {
                high[i] = right[i];
            }
        }
    }
    let middle: Vec<f64> = (0..n).map(|i| if inner[i] { 0.5 * (low[i] + high[i]) } else { 0.0 }).collect();
    let top = at(&middle)?;
    let mut spread = vec![f64::INFINITY; n];
    for k in -16..=26 {
        let distance = 2f64.powf(0.5 * f64::from(k));
        for sign in [-1.0, 1.0] {
            let there: Vec<f64> = middle.iter().map(|m| m + sign * distance).collect();
            for (i, d) in at(&there)?.into_iter().enumerate() {
                if d < top[i] - 0.5 {
                    spread[i] = spread[i].min(distance);
                }
            }
        }
    }
    let known = |i: usize| inner[i] && spread[i].is_finite();
    Some(
        (0..n).map(|i| Place { middle: middle[i], spread: if known(i) { spread[i] } else { 1.0 } }).collect(),
    )
}

/// The first run of a model that is to be fitted from the starts that `key` gives: dispersed as far
/// as the model works there.
pub(crate) fn discover_start<T: Scalar>(
    model: &dyn Model<T>,
    key: Key,
    start_key: Key,
) -> Result<Discovered> {
    let central = |error: &Error| matches!(error, Error::Parameter { .. } | Error::Numerical { .. });
    let mut chosen = None;
    for dispersed in [1.0, 0.3, 0.1] {
        let found = match first_run(model, key, dispersed) {
            Err(error) if central(&error) => continue,
            found => found?,
        };
        if found.free.is_empty() {
            return Ok(found);
        }
        let middle = match &mut chosen {
            Some(middle) => middle,
            none => none.insert(at_start(model, first_run(model, key, 0.0)?, start_key)?),
        };
        let (found, density) = at_start(model, found, start_key)?;
        // About one hundred nats for every number: farther off, starts are no better than chance,
        // and gradients are huge.
        let sizes = found.layout.sites.iter().filter(|s| s.kind == SiteKind::Observed).map(|s| s.size());
        let numbers = sizes.sum::<usize>() + found.layout.dim;
        let middle_density = if middle.1.is_finite() { middle.1 } else { f64::NEG_INFINITY };
        if density.is_finite() && density >= middle_density - 100.0 * numbers as f64 {
            chosen = Some((found, density));
            break;
        }
    }
    let found = match chosen {
        Some((found, _)) => found,
        None => first_run(model, key, 0.0)?,
    };
    check_edges(model, &found, key)?;
    Ok(found)
}

/// The log joint density where the guide starts; not finite if the model does not work there.
fn at_start<T: Scalar>(model: &dyn Model<T>, found: Discovered, key: Key) -> Result<(Discovered, f64)> {
    let (mut u, mut starts) = (Vec::with_capacity(found.layout.dim), Vec::new());
    for (i, site) in found.layout.sites.iter().enumerate() {
        let start = site.start(key.fold_in(i as u64).fold_in(0))?.into_iter().map(T::from_f64);
        match site.kind {
            SiteKind::Latent => u.extend(start),
            SiteKind::Param => {
                let (rows, cols) = site.unconstrained_shape();
                starts.push(Some(Arc::new(DMatrix::from_iterator(rows, cols, start))));
                continue;
            }
            _ => {}
        }
        starts.push(None);
    }
    let (tape, mut layout, mut prefix) = (Tape::new(), found.layout.clone(), String::new());
    let mode = Mode::Point { u: tape.column(&u), starts: &starts, non_centred: &[] };
    let density = match run(model, &tape, &mut layout, mode, Run::new(key, &mut prefix)) {
        Ok(out) => out.log_prior.mean() + out.log_likelihood.mean(),
        Err(Error::Parameter { .. } | Error::Numerical { .. }) => f64::NAN,
        Err(error) => return Err(error),
    };
    Ok((found, density))
}

/// Runs in which every site in its turn stands at the edge of its prior, three standard deviations
/// off: a parameter that is out of its range then, as the scale of a Normal is below 0, would fail
/// in a later step. Not for large models.
fn check_edges<T: Scalar>(model: &dyn Model<T>, found: &Discovered, key: Key) -> Result {
    const WORK: usize = 1 << 24;
    if found.free.len().saturating_mul(found.size) > WORK {
        return Ok(());
    }
    for (&site, sign) in found.free.iter().flat_map(|site| [(site, -1.0), (site, 1.0)]) {
        let value = Cell::new(f64::NAN);
        let (tape, mut layout, mut prefix) = (Tape::new(), found.layout.clone(), String::new());
        let mode = Mode::Start { dispersed: 0.0, moved: Some(Moved { site, sign, value: &value }) };
        let mut how = Run::new(key, &mut prefix);
        how.checking = true;
        // Numbers that overflowed or fell to 0 say nothing of the range.
        if let Err(Error::Parameter { site: at, source }) = run(model, &tape, &mut layout, mode, how)
            && source.got.is_finite()
            && source.got != 0.0
        {
            let site = found.layout.sites[site].name.clone();
            return Err(Error::PriorReaches { site, value: value.get(), at, source });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Place, find, grid};
    use probity_distributions::Support;

    fn place(support: Support<f64>, density: impl Fn(f64) -> f64) -> Place {
        find(&|u| Some(u.iter().map(|u| density(*u)).collect()), 1, &grid(&support)).unwrap()[0]
    }

    #[test]
    fn middle_and_spread_of_known_densities() {
        // (the density, its mode, the smaller distance at which it has fallen by ½); distances are
        // found within a factor √2.
        let normal = |loc: f64, scale: f64| move |u: f64| -0.5 * ((u - loc) / scale).powi(2);
        let near = |p: Place, middle: f64, spread: f64| {
            assert!((p.middle - middle).abs() < 0.01 * spread, "{p:?} {middle}");
            assert!(p.spread >= spread * 0.99 && p.spread < 1.45 * spread, "{p:?} {spread}");
        };
        for (loc, scale) in [(0.0, 1.0), (1000.0, 3.0), (-3.0, 0.2), (5.0, 2000.0)] {
            near(place(Support::Real, normal(loc, scale)), loc, scale);
        }
        near(place(Support::Positive, normal(-70.0, 0.5)), -70.0, 0.5);
        // The logarithm of a Gamma(a, b) variable: a u - b eᵘ.
        near(place(Support::Positive, |u| 2.0 * u - 4.0 * u.exp()), 0.5f64.ln(), 0.607);
        // Vague: wide to the left, and so the right side counts.
        let vague = place(Support::Positive, |u| 0.01 * u - 0.01 * u.exp());
        assert!(vague.middle.abs() < 1e-2 && vague.spread > 3.0 && vague.spread < 6.0, "{vague:?}");
        // Without a mode, or without a spread.
        assert_eq!(place(Support::Real, |_| 0.0), Place { middle: 0.0, spread: 1.0 });
        assert_eq!(place(Support::Positive, |u| u), Place { middle: 0.0, spread: 1.0 });
        assert_eq!(place(Support::Positive, |_| f64::NAN), Place { middle: 0.0, spread: 1.0 });
    }
}
