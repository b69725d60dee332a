//! Random posteriors with exactly known means and standard deviations, by kind.
//!
//! To add a kind, write a function that draws its parameters beside the density, and a line in
//! [`KINDS`].

pub(crate) mod gaussian;
pub(crate) mod modes;
pub(crate) mod random;
pub(crate) mod scales;
pub(crate) mod shape;
pub(crate) mod single;

use probity_autodiff::Key;
use random::Random;
use shape::Problem;

/// A kind of posterior.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub name: &'static str,
    /// Whether it is a Gaussian, so that a Gaussian is right.
    pub gaussian: bool,
    /// Whether it is inferred only where it is asked for by name.
    pub hidden: bool,
    draw: fn(&mut Random) -> Problem,
}

const fn kind(name: &'static str, draw: fn(&mut Random) -> Problem) -> Kind {
    Kind { name, gaussian: false, hidden: false, draw }
}

const fn a_gaussian(name: &'static str, draw: fn(&mut Random) -> Problem) -> Kind {
    Kind { gaussian: true, ..kind(name, draw) }
}

/// All kinds.
pub const KINDS: [Kind; 13] = [
    a_gaussian("gaussian", gaussian::gaussian),
    a_gaussian("ridge", gaussian::ridge),
    a_gaussian("scales", gaussian::scales),
    kind("student", single::student),
    kind("skewed", single::skewed),
    kind("banana", single::banana),
    kind("plateau", single::plateau),
    kind("limit", single::limit),
    kind("funnel", scales::funnel),
    kind("hierarchy", scales::hierarchy),
    kind("near-modes", modes::near),
    kind("far-modes", modes::far),
    Kind { hidden: true, ..kind("narrow-modes", modes::narrow) },
];

impl Kind {
    /// Problem number `i` of this kind under a seed.
    pub fn problem(&self, seed: u64, i: usize) -> Problem {
        let key = Key::new(seed).fold_in_str(self.name).fold_in(i as u64);
        (self.draw)(&mut Random::new(key))
    }
}
