//! KL divergences between families of different files, by what makes them possible.

mod absolute;
mod beta;
mod bounded;
mod counts;
mod gumbel;
mod infinite;
mod moments;
mod powers;
mod structure;
