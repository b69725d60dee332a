//! Counter-based random numbers: every draw is a pure function of a [`Key`] and an index.
//!
//! A [`Key`] names a stream; [`Key::fold_in`] derives others. From a stream come
//! * words, in sequence, for any code that takes a [`rand::Rng`]: [`KeyRng`];
//! * noise by address: element `i` of the key's normal (or uniform) stream is always the same
//!   number. Slices are filled by [`fill_normal`] and [`fill_uniform`]; fused kernels draw blocks
//!   of 64 in registers through [`Noise`], and draw them again in the backward pass instead of
//!   storing them.
//!
//! Words, normals and uniforms of one key, and those of `f32` and `f64`, are independent of each
//! other. Bits are the same on every instruction set and for any number of threads.
//!
//! *Source*: Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".

mod fill;
mod key;
mod noise;
mod normal;
pub mod philox;
mod rng;
mod uniform;

#[cfg(test)]
mod quality;

pub(crate) use fill::fill_normals;
pub use fill::{fill_normal, fill_uniform, normal_at, uniform_at};
pub use key::Key;
pub use noise::Noise;
pub use normal::{BLOCK, normal_block_f32, normal_block_f64};
pub use rng::KeyRng;
pub use uniform::{uniform_block_f32, uniform_block_f64};
