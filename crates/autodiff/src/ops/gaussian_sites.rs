//! Draws of several small Gaussian sites in one pass.

use super::gaussian::{GaussianOp, saved_arrays, split, split_mut};
use crate::kernel::SharedMut;
use crate::kernel::gaussian::{Backward, Gaussians, Prior, Sample, SavedValues, backward, forward};
use crate::random::{Key, fill_normals};
use crate::real::Scalar;
use crate::scale::ScaleMap;
use crate::tape::{Adjoints, Inputs, Op, Saved, Tape, Var};
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

/// A part of the numbers that [`Tape::gaussian_sites`] draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaussianSite {
    /// Rows and columns.
    pub shape: (usize, usize),
    /// Mean and standard deviation of the Gaussian that the divergence is from.
    pub prior: (f64, f64),
    /// The number that is folded into the key of the noise.
    pub number: u64,
}

impl GaussianSite {
    fn size(&self) -> usize {
        self.shape.0 * self.shape.1
    }
}

/// What [`Tape::gaussian_sites`] has drawn.
#[derive(Clone, Copy, Debug)]
pub struct GaussianDraws<'t, T: Scalar> {
    tape: &'t Tape<T>,
    /// The node of the first site; the others come after it.
    first: u32,
    count: usize,
    kl: Var<'t, T>,
}

impl<'t, T: Scalar> GaussianDraws<'t, T> {
    /// The draw of site `i`, in its shape.
    ///
    /// # Panics
    /// If there is no such site.
    #[track_caller]
    #[inline]
    pub fn site(&self, i: usize) -> Var<'t, T> {
        assert!(i < self.count, "site {i} of {}", self.count);
        Var::node(self.tape, self.first + i as u32)
    }

    /// The sum of all divergences, 1 × 1.
    pub fn kl(&self) -> Var<'t, T> {
        self.kl
    }
}

/// Draws of all sites, from a column of locations and one of scale parameters. The outputs are the
/// draw of every site and the sum of the divergences. The derivatives by the scale parameters are
/// saved for the backward pass.
#[derive(Clone, Debug)]
struct SitesAndKl<S> {
    sites: Arc<[GaussianSite]>,
    key: Key,
    /// The number of the lane that is drawn.
    lane: usize,
    saved: Saved,
    of_type: PhantomData<S>,
}

impl<S: ScaleMap> SitesAndKl<S> {
    /// The entries of neighbours with the same prior, and that prior.
    fn runs(&self) -> impl Iterator<Item = (Range<usize>, Prior)> {
        let mut at = 0;
        self.sites.chunk_by(|a, b| a.prior == b.prior).map(move |run| {
            let start = at;
            at += run.iter().map(GaussianSite::size).sum::<usize>();
            (start..at, Prior { loc: run[0].prior.0, scale: run[0].prior.1 })
        })
    }
}

impl<S: ScaleMap, T: Scalar> Op<T> for SitesAndKl<S> {
    fn name(&self) -> &'static str {
        "samples + KL"
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let (values, kl, SavedValues::Slopes(noise, slopes)) = split_mut(self.saved, y) else { return };
        let stream = |site: &GaussianSite| (self.key.fold_in(site.number).of_lane(self.lane), site.size());
        fill_normals(self.sites.iter().map(stream), noise);
        let mut sum = T::default().num();
        for (range, prior) in self.runs() {
            let part = |k| &x.get(k)[range.clone()];
            let of = Gaussians { loc: part(0), rho: part(1), prior, key: None };
            let saved = SavedValues::Slopes(&mut noise[range.clone()], &mut slopes[range.clone()]);
            sum += forward::<S, Sample, T>(Sample, of, &mut values[range], saved.map(SharedMut::new)).num();
        }
        *kl = T::from_num(sum);
    }

    fn backward(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let n = x.get(0).len();
        let saved = split(self.saved, y);
        let to = [dx.shared(0), dx.shared(1)];
        // A fused update is for all entries of a parameter. With several runs, the parameters are
        // updated when the backward pass comes to them.
        let one = self.runs().count() == 1;
        let updates = if one { [dx.range_update(0), dx.range_update(1)] } else { [None, None] };
        for (range, prior) in self.runs() {
            let part = range.clone();
            let of = Backward {
                prior,
                loc: &x.get(0)[part.clone()],
                rho: &x.get(1)[part.clone()],
                saved: saved.map(|saved| &saved[part.clone()]),
                values: &g[part],
                kl: g[n],
                donated: [false; 2],
            };
            let to = to.map(|to| to.map(|(to, overwrite)| (to.part(range.clone()), overwrite)));
            backward::<S, Sample, T>(Sample, of, to, &updates);
        }
    }
}

impl<T: Scalar> Tape<T> {
    /// As [`gaussian_draw`](Tape::gaussian_draw) for every one of these sites, in one pass: what a
    /// pass costs by itself is paid once. The noise of a site is that of `key.fold_in(number)`, and
    /// the draws have the same bits.
    ///
    /// *Shapes*: `loc` and `rho` n × 1, the numbers of all sites one after the other.
    ///
    /// # Panics
    /// If the numbers of the sites are not n, an argument is on another tape, or the tape has
    /// several [lanes](Tape::set_lanes).
    #[track_caller]
    pub fn gaussian_sites<'t, S: ScaleMap>(
        &'t self,
        loc: Var<'t, T>,
        rho: Var<'t, T>,
        sites: &Arc<[GaussianSite]>,
        key: Key,
    ) -> GaussianDraws<'t, T> {
        let n: usize = sites.iter().map(GaussianSite::size).sum();
        assert!(
            loc.shape() == (n, 1) && rho.shape() == (n, 1),
            "gaussian_sites: {n} numbers, locations of {:?}, scales of {:?}",
            loc.shape(),
            rho.shape()
        );
        assert!(self.lanes() == 1, "gaussian_sites: {} lanes", self.lanes());
        let (first, kl) = S::record(GaussianOp::Sites(sites.clone(), key), self, [loc, rho]);
        GaussianDraws { tape: self, first, count: sites.len(), kl: Var::node(self, kl) }
    }

    /// The numbers of the nodes of the first site and of the sum of the divergences.
    #[track_caller]
    pub(super) fn sites<S: ScaleMap>(
        &self,
        loc: Var<'_, T>,
        rho: Var<'_, T>,
        sites: &Arc<[GaussianSite]>,
        key: Key,
    ) -> (u32, u32) {
        let n = loc.nrows();
        let (count, saved) = (sites.len(), saved_arrays(n, 2));
        let (op_sites, lane) = (sites.clone(), self.first_lane());
        let op = SitesAndKl { sites: op_sites, key, lane, saved, of_type: PhantomData::<S> };
        let shape = |i| sites.get(i).map_or((1, 1), |site: &GaussianSite| site.shape);
        let outputs = (0..count + 1).map(shape);
        let first = self.record_outputs(op, &[loc, rho], (n, 1), outputs, saved);
        (first, first + count as u32)
    }
}
