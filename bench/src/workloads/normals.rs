//! Standard normal numbers into memory.

use super::{Outcome, key};
use crate::meter::Meter;
use probity_autodiff::Noise;
use probity_autodiff::random::fill_normal;
use serde::Deserialize;
use std::hint::black_box;

/// A slice of standard normal numbers.
#[derive(Clone, Debug, Deserialize)]
pub struct Normals {
    /// How many.
    pub entries: usize,
    /// In double precision.
    pub double: bool,
}

impl Normals {
    pub(super) fn run(&self, meter: &mut Meter) -> Outcome {
        if self.double { self.fill::<f64>(meter) } else { self.fill::<f32>(meter) }
    }

    fn fill<T: Noise>(&self, meter: &mut Meter) -> Outcome {
        let (mut x, mut call) = (vec![T::default(); self.entries], 0);
        meter.calls(|| {
            call += 1;
            fill_normal(key("normals").fold_in(call), 0, black_box(&mut x));
            Ok(())
        })
    }
}
