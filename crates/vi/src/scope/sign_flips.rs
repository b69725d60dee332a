//! Random signs, by which a linear map gives each row a perturbation of its own:
//! `x M + ((x ∘ S) D) ∘ R` with signs S of every row and input, and R of every row and output.

use probity_autodiff::{Arg, Formula, Key, Real, Scalar, Tape, Var};

/// An input times a random sign, from a uniform number.
#[derive(Clone, Copy, Debug)]
struct Flip;
impl Formula<2> for Flip {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, uniform]: [R; 2]) -> R {
        x * (uniform - 0.5).signum()
    }
}

/// `mean ± perturbation`, with a ReLU or without; the sign from a uniform number.
#[derive(Clone, Copy, Debug)]
struct Output<const RELU: bool>;
impl<const RELU: bool> Formula<3> for Output<RELU> {
    #[inline(always)]
    fn eval<R: Real>(&self, [mean, perturbation, uniform]: [R; 3]) -> R {
        let y = mean + perturbation * (uniform - 0.5).signum();
        if RELU { y.relu() } else { y }
    }
    fn name(&self) -> &'static str {
        "sign flips"
    }
}

/// The signs of inputs and outputs are other numbers than those of draws by the same key.
fn signs<'t, T: Scalar>(key: Key, of: u64) -> Arg<'t, T> {
    Arg::Uniform(key.fold_in_str("signs").fold_in(of))
}

/// `x ∘ S`.
pub(super) fn flip_inputs<'t, T: Scalar>(tape: &'t Tape<T>, x: Var<'t, T>, key: Key) -> Var<'t, T> {
    tape.map_noise(Flip, [x.into(), signs(key, 0)], (1, 1))
}

/// `mean + perturbation ∘ R`, and then a ReLU or not.
pub(super) fn add_flipped<'t, T: Scalar>(
    tape: &'t Tape<T>,
    mean: Var<'t, T>,
    perturbation: Var<'t, T>,
    key: Key,
    relu: bool,
) -> Var<'t, T> {
    let args = [mean.into(), perturbation.into(), signs(key, 1)];
    match relu {
        true => tape.map_noise(Output::<true>, args, (1, 1)),
        false => tape.map_noise(Output::<false>, args, (1, 1)),
    }
}
