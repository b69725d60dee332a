//! A target computed at many points, on as many threads as that pays for.

use crate::error::Result;
use crate::target::{AnyTarget, Target};
use probity_autodiff::parallel_map_mut;
use std::fmt;
use std::time::{Duration, Instant};

/// Copies of a target, one for each thread, and how often they were computed.
#[derive(Debug)]
pub(crate) struct Evaluator<'a> {
    all: Vec<AnyTarget<'a>>,
    /// The time of one point on one thread, once it is known.
    each: Duration,
    /// Points computed so far.
    pub(crate) evaluations: usize,
    /// From the coordinates of the density to those of the answer, if these are others.
    map: Option<Map<'a>>,
    /// Who is told what is being done.
    tell: Option<Tell<'a>>,
}

/// Hears what is being done, now that it takes time.
#[derive(Clone, Copy)]
pub(crate) struct Tell<'a>(pub(crate) &'a dyn Fn(&str));

impl fmt::Debug for Tell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tell")
    }
}

/// Maps points in place, d numbers each.
type MapInPlace<'a> = dyn FnMut(&mut [f64]) -> Result + 'a;

struct Map<'a>(Box<MapInPlace<'a>>);

impl fmt::Debug for Map<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Map")
    }
}

impl<'a> Evaluator<'a> {
    /// What a call must take for other threads to be woken.
    const WORTH_SHARING: Duration = Duration::from_micros(300);
    /// Points that stay together: a target may round differently in calls of different length, and
    /// bits must not depend on the number of threads.
    const BLOCK: usize = 16;

    pub(crate) fn new(target: &(impl Target + 'a)) -> Self {
        Self::of(AnyTarget::new(target.clone()))
    }

    pub(crate) fn of(target: AnyTarget<'a>) -> Self {
        let all = vec![target];
        Self { all, each: Duration::ZERO, evaluations: 0, map: None, tell: None }
    }

    /// Telling what is being done.
    pub(crate) fn telling(mut self, tell: Tell<'a>) -> Self {
        self.tell = Some(tell);
        self
    }

    /// Says what is done next.
    pub(crate) fn tell(&self, what: impl FnOnce() -> String) {
        if let Some(Tell(tell)) = self.tell {
            tell(&what());
        }
    }

    /// With answers in other coordinates than those of the density.
    pub(crate) fn answering_in(mut self, map: impl FnMut(&mut [f64]) -> Result + 'a) -> Self {
        self.map = Some(Map(Box::new(map)));
        self
    }

    /// Points in the coordinates of the answer.
    pub(crate) fn map_to_answer(&mut self, points: &mut [f64]) -> Result {
        self.map.as_mut().map_or(Ok(()), |map| (map.0)(points))
    }

    pub(crate) fn target(&self) -> &AnyTarget<'a> {
        &self.all[0]
    }

    pub(crate) fn dim(&self) -> usize {
        self.all[0].dim()
    }

    /// As [`Target::gradients`].
    pub(crate) fn gradients(&mut self, u: &[f64], values: &mut [f64], gradients: &mut [f64]) -> Result {
        let (n, d) = (values.len(), self.dim());
        self.evaluations += n;
        let threads = rayon::current_num_threads();
        let blocks = n.div_ceil(Self::BLOCK);
        if threads == 1 || blocks == 1 || self.each * (n as u32) < Self::WORTH_SHARING {
            let start = Instant::now();
            let result = self.all[0].gradients(u, values, gradients);
            self.each = start.elapsed() / n.max(1) as u32;
            return result;
        }
        while self.all.len() < threads {
            let another = self.all[0].clone();
            self.all.push(another);
        }
        let share = blocks.div_ceil(threads) * Self::BLOCK;
        let parts = u.chunks(share * d).zip(values.chunks_mut(share)).zip(gradients.chunks_mut(share * d));
        let mut parts: Vec<_> = self.all.iter_mut().zip(parts).collect();
        let each =
            parallel_map_mut(&mut parts, |(target, ((u, values), to))| target.gradients(u, values, to));
        // The error of the first part, whichever thread was first.
        each.into_iter().collect()
    }

    /// The log density at every point; what is not finite counts as a point without mass.
    pub(crate) fn values(&mut self, u: &[f64]) -> Result<Vec<f64>> {
        let mut values = vec![0.0; u.len() / self.dim().max(1)];
        let mut gradients = vec![0.0; u.len()];
        self.gradients(u, &mut values, &mut gradients)?;
        values.iter_mut().filter(|v| !v.is_finite()).for_each(|v| *v = f64::NEG_INFINITY);
        Ok(values)
    }
}
