//! What the example programs share and no model needs: reading a table, drawing a figure, writing
//! results, usage errors, printing, timing.
//!
//! Every error of this crate prints as one sentence, so that a program can show it as it is.
#![forbid(unsafe_code)]

pub mod args;
pub mod console;
pub mod figure;
pub mod output;
pub mod table;
pub mod timing;
