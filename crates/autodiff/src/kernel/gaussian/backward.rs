//! The backward pass of Gaussians: the gradients of locations and scale parameters, which a fused
//! update may consume at once.

use super::{Output, Prior, SavedValues, d_rho};
use crate::kernel::SharedMut;
use crate::kernel::fused_update::{AdamRange, PART, RangeUpdate};
use crate::kernel::parallel::{PIECE, for_each_piece};
use crate::kernel::scratch::with_scratch;
use crate::kernel::squares::Squares;
use crate::real::{Real, Scalar};
use crate::scale::ScaleMap;
use crate::simd::{Kernel, dispatch};
use num_traits::Zero;
use std::marker::PhantomData;
use std::ops::Range;

/// What gradients are computed from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backward<'a, T> {
    pub(crate) prior: Prior,
    pub(crate) loc: &'a [T],
    pub(crate) rho: &'a [T],
    /// By the forward pass.
    pub(crate) saved: SavedValues<&'a [T]>,
    /// The adjoints of the outputs and of the divergence.
    pub(crate) values: &'a [T],
    pub(crate) kl: T,
    /// Whether the adjoints are not in their slice, but in the donated buffer of the gradient of
    /// the locations; and whether the noise is in that of the scale parameters.
    pub(crate) donated: [bool; 2],
}

impl<'a, T: Scalar> Backward<'a, T> {
    /// The derivatives by scale parameters are computed from these numbers.
    fn with<D, O>(self, output: O, numbers: [&'a [T]; 2]) -> Terms<'a, D, O, T> {
        let Backward { prior, loc, values, kl, donated, .. } = self;
        Terms { output, prior, loc, numbers, values, kl, donated, of_type: PhantomData }
    }
}

/// Where the gradient of a parameter goes, and whether it is stored instead of added.
pub(crate) type To<T> = Option<(SharedMut<T>, bool)>;

/// Adds the gradients of locations and scale parameters. A parameter with an update is then
/// complete, and is updated.
pub(crate) fn backward<S: ScaleMap, O: Output, T: Scalar>(
    output: O,
    of: Backward<'_, T>,
    to: [To<T>; 2],
    updates: &[Option<RangeUpdate<'_, T>>; 2],
) {
    match of.saved {
        SavedValues::Slopes(value, kl) => go(of.with::<SavedSlopes, O>(output, [value, kl]), to, updates),
        SavedValues::Noise(noise) => go(of.with::<Recomputed<S>, O>(output, [of.rho, noise]), to, updates),
        SavedValues::Nothing => go(of.with::<Recomputed<S>, O>(output, [of.rho; 2]), to, updates),
    }
}

fn go<D: ScaleSlopes<O>, O: Output, T: Scalar>(
    all: Terms<'_, D, O, T>,
    to: [To<T>; 2],
    updates: &[Option<RangeUpdate<'_, T>>; 2],
) {
    let n = all.loc.len();
    let updating = updates.iter().any(|update| update.is_some());
    let overwrite = match &to {
        [Some((loc, true)), Some((rho, true))] => Some([loc, rho]),
        _ => None,
    };
    for_each_piece(n, |i| {
        let piece = i * PIECE..n.min((i + 1) * PIECE);
        let of = all.part(piece.clone());
        if let (Some(to), false, [false, false]) = (overwrite, updating, of.donated) {
            // SAFETY: pieces do not overlap, and the two parameters are stored, so that they are
            // not the same memory.
            let to = to.map(|to| unsafe { to.slice(piece.start, piece.len()) });
            return dispatch(Stored { of, to });
        }
        let mut squares = [Squares::new(); 2];
        let adam = match updates {
            // SAFETY: the parameters have the entries of this matrix, and this piece of them is
            // that of one thread.
            [Some(loc), Some(rho)] if overwrite.is_some() => unsafe {
                loc.adam(piece.clone()).zip(rho.adam(piece.clone()))
            },
            _ => None,
        };
        if let Some((loc, rho)) = adam {
            dispatch(Updated { of, adam: [loc, rho], squares: &mut squares });
        } else {
            with_scratch(|scratch: &mut [[T; PART]; 2]| {
                for at in piece.clone().step_by(PART) {
                    let at = at..piece.end.min(at + PART);
                    let of = all.part(at.clone());
                    dispatch(Added {
                        of,
                        scratch: &mut *scratch,
                        to,
                        updates,
                        from: at.start,
                        squares: &mut squares,
                    });
                    for (update, gradient) in updates.iter().zip(&*scratch) {
                        if let Some(update) = update {
                            // SAFETY: the parameters have the entries of this matrix, and this part
                            // of them is complete.
                            unsafe { update.part(at.clone(), &gradient[..at.len()]) };
                        }
                    }
                }
            });
        }
        for (update, squares) in updates.iter().zip(squares) {
            if let Some(update) = update {
                // SAFETY: this piece is that of one thread.
                unsafe { update.set_squares(i, squares.total()) };
            }
        }
    });
}

/// How the derivatives by a scale parameter, of the output and of the divergence, come from two
/// numbers.
trait ScaleSlopes<O>: Copy + Send + Sync {
    /// Whether they need an exponential.
    const EXPONENTIAL: bool;
    /// That exponential, from the first number.
    fn exponential<R: Real>(first: R) -> R;
    fn slopes<R: Real>(output: O, numbers: [R; 2], exponential: R, prior: Prior) -> (R, R);
}

/// The forward pass has saved them.
#[derive(Clone, Copy, Debug)]
struct SavedSlopes;

impl<O: Output> ScaleSlopes<O> for SavedSlopes {
    const EXPONENTIAL: bool = false;

    #[inline(always)]
    fn exponential<R: Real>(_: R) -> R {
        R::one()
    }

    #[inline(always)]
    fn slopes<R: Real>(_: O, [value, kl]: [R; 2], _: R, _: Prior) -> (R, R) {
        (value, kl)
    }
}

/// Computed again from the scale parameter and the noise. (Outputs without noise ignore it.)
#[derive(Clone, Copy, Debug)]
struct Recomputed<S>(PhantomData<S>);

impl<S: ScaleMap, O: Output> ScaleSlopes<O> for Recomputed<S> {
    const EXPONENTIAL: bool = true;

    #[inline(always)]
    fn exponential<R: Real>(rho: R) -> R {
        S::exponential(rho)
    }

    #[inline(always)]
    fn slopes<R: Real>(output: O, [rho, noise]: [R; 2], exponential: R, prior: Prior) -> (R, R) {
        d_rho(output, S::with_slopes(rho, exponential), noise, prior.precision())
    }
}

/// As [`Backward`], with the numbers that derivatives by scale parameters come from.
#[derive(Clone, Copy)]
struct Terms<'a, D, O, T> {
    output: O,
    prior: Prior,
    loc: &'a [T],
    numbers: [&'a [T]; 2],
    values: &'a [T],
    kl: T,
    donated: [bool; 2],
    of_type: PhantomData<D>,
}

impl<D: ScaleSlopes<O>, O: Output, T: Scalar> Terms<'_, D, O, T> {
    #[inline(always)]
    fn part(&self, part: Range<usize>) -> Self {
        let numbers = self.numbers.map(|x| &x[part.clone()]);
        Self { loc: &self.loc[part.clone()], values: &self.values[part], numbers, ..*self }
    }

    /// The gradients of at most a part, in the scratch buffer. Donated buffers are read here,
    /// before anything is written to them.
    #[inline(always)]
    fn gradients_from<'b>(&self, places: [&[T]; 2], [loc, rho]: &'b mut [[T; PART]; 2]) -> [&'b mut [T]; 2] {
        let (n, [first, second]) = (self.loc.len(), self.numbers);
        let values = if self.donated[0] { places[0] } else { self.values };
        let second = if self.donated[1] { places[1] } else { second };
        let (loc, rho) = (&mut loc[..n], &mut rho[..n]);
        self.gradients([first, second, values], [&mut *loc, &mut *rho]);
        [loc, rho]
    }

    /// The loops. The gradient of the scale parameters is the scratch buffer of their exponentials.
    #[inline(always)]
    fn gradients(&self, [first, second, values]: [&[T]; 3], [to_loc, to_rho]: [&mut [T]; 2]) {
        let n = to_loc.len();
        let (loc, values, first, second) = (&self.loc[..n], &values[..n], &first[..n], &second[..n]);
        let (prior, to_rho) = (self.prior, &mut to_rho[..n]);
        let (kl, precision) = (self.kl.num(), prior.precision());
        if D::EXPONENTIAL {
            for e in 0..n {
                to_rho[e] = T::from_num(D::exponential(first[e].num()));
            }
        }
        for e in 0..n {
            let (loc, value) = (loc[e].num(), values[e].num());
            let exponential = if D::EXPONENTIAL { to_rho[e].num() } else { T::Num::zero() };
            let (d_value, d_kl) =
                D::slopes(self.output, [first[e].num(), second[e].num()], exponential, prior);
            let d_loc = if O::NOISY { value } else { T::Num::zero() };
            to_loc[e] = T::from_num(d_loc + kl * ((loc - prior.loc) * precision));
            to_rho[e] = T::from_num(value * d_value + kl * d_kl);
        }
    }
}

/// To parameters that had no contribution before.
struct Stored<'a, D, O, T> {
    of: Terms<'a, D, O, T>,
    to: [&'a mut [T]; 2],
}

impl<D: ScaleSlopes<O>, O: Output, T: Scalar> Kernel for Stored<'_, D, O, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let [to_loc, to_rho] = self.to;
        let strips = to_loc.chunks_mut(PART).zip(to_rho.chunks_mut(PART));
        for (i, (to_loc, to_rho)) in strips.enumerate() {
            let at = i * PART;
            let of = self.of.part(at..at + to_loc.len());
            let [first, second] = of.numbers;
            of.gradients([first, second, of.values], [to_loc, to_rho]);
        }
    }
}

/// To parameters of any kind. For those with an update, the gradient stays in the scratch buffer.
struct Added<'a, D, O, T> {
    of: Terms<'a, D, O, T>,
    scratch: &'a mut [[T; PART]; 2],
    to: [To<T>; 2],
    updates: &'a [Option<RangeUpdate<'a, T>>; 2],
    /// Where these entries are in `to`.
    from: usize,
    squares: &'a mut [Squares; 2],
}

impl<D: ScaleSlopes<O>, O: Output, T: Scalar> Kernel for Added<'_, D, O, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.of.loc.len();
        let place = |k: usize| match &self.to[k] {
            // SAFETY: parts do not overlap, within a piece or between pieces, and nothing is
            // written as long as this is used.
            Some((to, _)) => unsafe { &*to.slice(self.from, n) },
            None => &[],
        };
        let gradients = self.of.gradients_from([place(0), place(1)], self.scratch);
        for (k, gradient) in gradients.into_iter().enumerate() {
            let Some((to, overwrite)) = self.to[k] else { continue };
            // SAFETY: parts do not overlap, within a piece or between pieces, and the reference
            // ends before that to the next parameter (which may be the same memory) begins.
            let to = unsafe { to.slice(self.from, n) };
            if !overwrite {
                gradient.iter_mut().zip(&*to).for_each(|(x, to)| *x = T::from_num(to.num() + x.num()));
            }
            match self.updates[k] {
                // Not stored and read again: that would wait for main memory.
                Some(_) => self.squares[k].add_few(gradient),
                None => to.iter_mut().zip(gradient).for_each(|(to, x)| *to = *x),
            }
        }
    }
}

/// To parameters that are updated by Adam and had no contribution before. Strips are so short that
/// computing overlaps with waiting for memory.
struct Updated<'a, D, O, T> {
    of: Terms<'a, D, O, T>,
    adam: [AdamRange<'a, T>; 2],
    squares: &'a mut [Squares; 2],
}

impl<D: ScaleSlopes<O>, O: Output, T: Scalar> Updated<'_, D, O, T> {
    #[inline(always)]
    fn strip(&mut self, at: usize, n: usize, scratch: &mut [[T; PART]; 2]) {
        let (part, [of_loc, of_rho]) = (at..at + n, &mut self.adam);
        let places = [&of_loc.to[part.clone()], &of_rho.to[part.clone()]];
        let [loc, rho] = self.of.part(part.clone()).gradients_from(places, scratch);
        let [loc_squares, rho_squares] = &mut *self.squares;
        loc_squares.add_few(loc);
        rho_squares.add_few(rho);
        of_loc.part(part.clone(), loc);
        of_rho.part(part, rho);
    }
}

impl<D: ScaleSlopes<O>, O: Output, T: Scalar> Kernel for Updated<'_, D, O, T> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let mut scratch = [[T::default(); PART]; 2];
        let n = self.of.loc.len();
        let whole = n - n % PART;
        // Strips of a length that the compiler knows.
        for at in (0..whole).step_by(PART) {
            self.strip(at, PART, &mut scratch);
        }
        self.strip(whole, n - whole, &mut scratch);
    }
}
