//! The way back through Gaussians: the gradients of locations and scale parameters, which may use them up at once.

use super::{Kept, Left, Prior, along_rho};
use crate::kernel::SharedMut;
use crate::kernel::room::with_arrays;
use crate::kernel::squares::Squares;
use crate::kernel::update::{self, Change, PART, Turn};
use crate::real::{Real, Scalar};
use crate::scale::ScaleMap;
use crate::simd::{Kernel, dispatch};
use num_traits::Zero;
use std::marker::PhantomData;
use std::ops::Range;

/// What gradients are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backward<'a, T> {
    pub(crate) prior: Prior,
    pub(crate) loc: &'a [T],
    pub(crate) rho: &'a [T],
    /// By the way there.
    pub(crate) left: Left<&'a [T]>,
    /// The adjoints of what was kept, and of the divergence.
    pub(crate) kept: &'a [T],
    pub(crate) kl: T,
    /// Whether the adjoints are not in their slice, but where the gradient of the locations goes; and the noise, where that of the scale parameters
    /// does.
    pub(crate) lent: [bool; 2],
}

impl<'a, T: Scalar> Backward<'a, T> {
    /// The slopes along scale parameters come from these numbers.
    fn with<A, K>(self, along: [&'a [T]; 2]) -> Of<'a, A, K, T> {
        let Backward { prior, loc, kept, kl, lent, .. } = self;
        Of { prior, loc, along, kept, kl, lent, of_type: PhantomData }
    }
}

/// Where the gradient of a parameter goes, and whether it is stored instead of added.
pub(crate) type To<T> = Option<(SharedMut<T>, bool)>;

/// Adds the gradients of locations and scale parameters. A parameter with a turn is then complete, and changes.
pub(crate) fn backward<S: ScaleMap, K: Kept, T: Scalar>(
    of: Backward<'_, T>,
    to: [To<T>; 2],
    turns: &[Option<Turn<'_, T>>; 2],
) {
    match of.left {
        Left::Slopes(of_kept, of_kl) => go(of.with::<Known, K>([of_kept, of_kl]), to, turns),
        Left::Noise(noise) => go(of.with::<Again<S>, K>([of.rho, noise]), to, turns),
        Left::Nothing => go(of.with::<Again<S>, K>([of.rho; 2]), to, turns),
    }
}

fn go<A: Along<K>, K: Kept, T: Scalar>(
    all: Of<'_, A, K, T>,
    to: [To<T>; 2],
    turns: &[Option<Turn<'_, T>>; 2],
) {
    let n = all.loc.len();
    let change = turns.iter().any(|turn| turn.is_some());
    let fresh = match &to {
        [Some((loc, true)), Some((rho, true))] => Some([loc, rho]),
        _ => None,
    };
    update::pieces(n, |i| {
        let piece = i * update::PIECE..n.min((i + 1) * update::PIECE);
        let of = all.part(piece.clone());
        if let (Some(to), false, [false, false]) = (fresh, change, of.lent) {
            // SAFETY: pieces do not overlap, and the two parameters are stored, so that they are not the same memory.
            let to = to.map(|to| unsafe { to.slice(piece.start, piece.len()) });
            return dispatch(Stored { of, to });
        }
        let mut squares = [Squares::new(); 2];
        let changes = match turns {
            // SAFETY: the parameters have the entries of this matrix, and this piece of them is that of one thread.
            [Some(loc), Some(rho)] if fresh.is_some() => unsafe {
                loc.change(piece.clone()).zip(rho.change(piece.clone()))
            },
            _ => None,
        };
        if let Some((loc, rho)) = changes {
            dispatch(Changed { of, changes: [loc, rho], squares: &mut squares });
        } else {
            with_arrays(|room: &mut [[T; PART]; 2]| {
                for at in piece.clone().step_by(PART) {
                    let at = at..piece.end.min(at + PART);
                    let of = all.part(at.clone());
                    dispatch(Added {
                        of,
                        room: &mut *room,
                        to,
                        turns,
                        from: at.start,
                        squares: &mut squares,
                    });
                    for (turn, gradient) in turns.iter().zip(&*room) {
                        if let Some(turn) = turn {
                            // SAFETY: the parameters have the entries of this matrix, and this part of them is complete.
                            unsafe { turn.part(at.clone(), &gradient[..at.len()]) };
                        }
                    }
                }
            });
        }
        for (turn, squares) in turns.iter().zip(squares) {
            if let Some(turn) = turn {
                // SAFETY: this piece is that of one thread.
                unsafe { turn.set_squares(i, squares.total()) };
            }
        }
    });
}

/// The slopes along a scale parameter, of what is kept and of the divergence, from two numbers.
trait Along<K>: Copy + Send + Sync {
    /// Whether they need an exponential.
    const EXPONENTIAL: bool;
    /// That exponential, from the first number.
    fn exponential<R: Real>(first: R) -> R;
    fn slopes<R: Real>(numbers: [R; 2], exponential: R, prior: Prior) -> (R, R);
}

/// They are known.
#[derive(Clone, Copy, Debug)]
struct Known;

impl<K: Kept> Along<K> for Known {
    const EXPONENTIAL: bool = false;

    #[inline(always)]
    fn exponential<R: Real>(_: R) -> R {
        R::one()
    }

    #[inline(always)]
    fn slopes<R: Real>([of_kept, of_kl]: [R; 2], _: R, _: Prior) -> (R, R) {
        (of_kept, of_kl)
    }
}

/// Computed again from the scale parameter and the noise. (What is not noisy does not look at that.)
#[derive(Clone, Copy, Debug)]
struct Again<S>(PhantomData<S>);

impl<S: ScaleMap, K: Kept> Along<K> for Again<S> {
    const EXPONENTIAL: bool = true;

    #[inline(always)]
    fn exponential<R: Real>(rho: R) -> R {
        S::exponential(rho)
    }

    #[inline(always)]
    fn slopes<R: Real>([rho, noise]: [R; 2], exponential: R, prior: Prior) -> (R, R) {
        along_rho::<K, R>(S::with_slopes(rho, exponential), noise, prior.precision())
    }
}

/// As [`Backward`], with what the slopes come from.
#[derive(Clone, Copy)]
struct Of<'a, A, K, T> {
    prior: Prior,
    loc: &'a [T],
    along: [&'a [T]; 2],
    kept: &'a [T],
    kl: T,
    lent: [bool; 2],
    of_type: PhantomData<(A, K)>,
}

impl<A: Along<K>, K: Kept, T: Scalar> Of<'_, A, K, T> {
    #[inline(always)]
    fn part(&self, part: Range<usize>) -> Self {
        let along = self.along.map(|x| &x[part.clone()]);
        Self { loc: &self.loc[part.clone()], kept: &self.kept[part], along, ..*self }
    }

    /// The gradients of at most a part, in the room, before something is written to their places: what is lent these is read from there.
    #[inline(always)]
    fn gradients_from<'b>(&self, places: [&[T]; 2], [loc, rho]: &'b mut [[T; PART]; 2]) -> [&'b mut [T]; 2] {
        let (n, [first, second]) = (self.loc.len(), self.along);
        let kept = if self.lent[0] { places[0] } else { self.kept };
        let second = if self.lent[1] { places[1] } else { second };
        let (loc, rho) = (&mut loc[..n], &mut rho[..n]);
        self.gradients([first, second, kept], [&mut *loc, &mut *rho]);
        [loc, rho]
    }

    /// The loops. The exponentials stand for a moment where the gradient of the scale parameters goes.
    #[inline(always)]
    fn gradients(&self, [first, second, kept]: [&[T]; 3], [to_loc, to_rho]: [&mut [T]; 2]) {
        let n = to_loc.len();
        let (loc, kept, first, second) = (&self.loc[..n], &kept[..n], &first[..n], &second[..n]);
        let (prior, to_rho) = (self.prior, &mut to_rho[..n]);
        let (kl, precision) = (self.kl.num(), prior.precision());
        if A::EXPONENTIAL {
            for e in 0..n {
                to_rho[e] = T::from_num(A::exponential(first[e].num()));
            }
        }
        for e in 0..n {
            let (loc, kept) = (loc[e].num(), kept[e].num());
            let exponential = if A::EXPONENTIAL { to_rho[e].num() } else { T::Num::zero() };
            let (of_kept, of_kl) = A::slopes([first[e].num(), second[e].num()], exponential, prior);
            let along_loc = if K::NOISY { kept } else { T::Num::zero() };
            to_loc[e] = T::from_num(along_loc + kl * ((loc - prior.loc) * precision));
            to_rho[e] = T::from_num(kept * of_kept + kl * of_kl);
        }
    }
}

/// To parameters that had no gradient before.
struct Stored<'a, A, K, T> {
    of: Of<'a, A, K, T>,
    to: [&'a mut [T]; 2],
}

impl<A: Along<K>, K: Kept, T: Scalar> Kernel for Stored<'_, A, K, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let [to_loc, to_rho] = self.to;
        let strips = to_loc.chunks_mut(PART).zip(to_rho.chunks_mut(PART));
        for (i, (to_loc, to_rho)) in strips.enumerate() {
            let at = i * PART;
            let of = self.of.part(at..at + to_loc.len());
            let [first, second] = of.along;
            of.gradients([first, second, of.kept], [to_loc, to_rho]);
        }
    }
}

/// To parameters of any kind; for those with a turn, the gradient is left in the room.
struct Added<'a, A, K, T> {
    of: Of<'a, A, K, T>,
    room: &'a mut [[T; PART]; 2],
    to: [To<T>; 2],
    turns: &'a [Option<Turn<'a, T>>; 2],
    /// Where these entries are in `to`.
    from: usize,
    squares: &'a mut [Squares; 2],
}

impl<A: Along<K>, K: Kept, T: Scalar> Kernel for Added<'_, A, K, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.of.loc.len();
        let place = |k: usize| match &self.to[k] {
            // SAFETY: parts do not overlap, within a piece or between pieces, and nothing is written as long as this is used.
            Some((to, _)) => unsafe { &*to.slice(self.from, n) },
            None => &[],
        };
        let gradients = self.of.gradients_from([place(0), place(1)], self.room);
        for (k, gradient) in gradients.into_iter().enumerate() {
            let Some((to, fresh)) = self.to[k] else { continue };
            // SAFETY: parts do not overlap, within a piece or between pieces, and the reference ends before that to the next parameter
            // (which may be the same memory) begins.
            let to = unsafe { to.slice(self.from, n) };
            if !fresh {
                gradient.iter_mut().zip(&*to).for_each(|(x, to)| *x = T::from_num(to.num() + x.num()));
            }
            match self.turns[k] {
                // What is stored is not read again: where the memory is far away, it would have to be waited for.
                Some(_) => self.squares[k].add_few(gradient),
                None => to.iter_mut().zip(gradient).for_each(|(to, x)| *to = *x),
            }
        }
    }
}

/// To parameters that change by Adam and had no gradient before. Computing and waiting for memory take turns in strips so short that they overlap.
struct Changed<'a, A, K, T> {
    of: Of<'a, A, K, T>,
    changes: [Change<'a, T>; 2],
    squares: &'a mut [Squares; 2],
}

impl<A: Along<K>, K: Kept, T: Scalar> Changed<'_, A, K, T> {
    #[inline(always)]
    fn strip(&mut self, at: usize, n: usize, room: &mut [[T; PART]; 2]) {
        let (part, [of_loc, of_rho]) = (at..at + n, &mut self.changes);
        let places = [&of_loc.to[part.clone()], &of_rho.to[part.clone()]];
        let [loc, rho] = self.of.part(part.clone()).gradients_from(places, room);
        let [loc_squares, rho_squares] = &mut *self.squares;
        loc_squares.add_few(loc);
        rho_squares.add_few(rho);
        of_loc.part(part.clone(), loc);
        of_rho.part(part, rho);
    }
}

impl<A: Along<K>, K: Kept, T: Scalar> Kernel for Changed<'_, A, K, T> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let mut room = [[T::default(); PART]; 2];
        let n = self.of.loc.len();
        let whole = n - n % PART;
        // Strips of a length that the compiler knows.
        for at in (0..whole).step_by(PART) {
            self.strip(at, PART, &mut room);
        }
        self.strip(whole, n - whole, &mut room);
    }
}
