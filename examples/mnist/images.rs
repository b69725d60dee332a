//! Grey images, and those that the program draws itself.

use super::strokes::{LETTERS, Stroke, digit, letter};
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::{normal_at, uniform_at};
use rayon::prelude::*;
use std::f64::consts::TAU;

/// Grey images of one size.
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    /// Pixels in a column and in a row.
    pub size: (usize, usize),
    /// An image a row, its rows one after the other; 0 is paper and 1 is ink.
    pub ink: DMatrix<f64>,
    /// What each shows: a digit, or the number of a letter.
    pub labels: Vec<usize>,
}

impl Images {
    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The first so many.
    pub fn first(&self, n: usize) -> Self {
        let n = n.min(self.len());
        Self { size: self.size, ink: self.ink.rows(0, n).into(), labels: self.labels[..n].to_vec() }
    }

    /// Turned to the right by a quarter; of height and width that differ, the size is kept and what
    /// leaves the image is lost.
    pub fn turned(&self) -> Self {
        let (high, wide) = self.size;
        let ink = DMatrix::from_fn(self.len(), high * wide, |i, pixel| {
            let (y, x) = (pixel / wide, pixel % wide);
            let (from_y, from_x) = (high.saturating_sub(1 + x), y);
            if x < high && y < wide { self.ink[(i, from_y * wide + from_x)] } else { 0.0 }
        });
        Self { size: self.size, ink, labels: self.labels.clone() }
    }

    /// Images whose every pixel is any grey.
    pub fn noise(size: (usize, usize), n: usize, key: Key) -> Self {
        let pixels = size.0 * size.1;
        let grey = |i: usize, j: usize| uniform_at::<f64>(key, (i * pixels + j) as u64);
        Self { size, ink: DMatrix::from_fn(n, pixels, grey), labels: vec![0; n] }
    }

    /// Drawn digits, as many of each.
    pub fn digits(size: (usize, usize), n: usize, key: Key) -> Self {
        Self::drawn(size, n, key, 10, digit)
    }

    /// Drawn letters; labels are their places among the letters.
    pub fn letters(size: (usize, usize), n: usize, key: Key) -> Self {
        Self::drawn(size, n, key, LETTERS.len(), |which, _| letter(LETTERS[which]))
    }

    fn drawn(
        size: (usize, usize),
        n: usize,
        key: Key,
        kinds: usize,
        strokes: impl Fn(usize, f64) -> Vec<Stroke> + Sync,
    ) -> Self {
        let labels: Vec<usize> = (0..n).map(|i| i % kinds).collect();
        let image = |i: usize| {
            let key = key.fold_in(i as u64);
            Hand::of(key.fold_in(0)).draw(strokes(labels[i], uniform_at(key, 1)), size, key.fold_in(1))
        };
        let rows: Vec<Vec<f64>> = (0..n).into_par_iter().map(image).collect();
        Self { size, ink: DMatrix::from_fn(n, size.0 * size.1, |i, j| rows[i][j]), labels }
    }
}

/// How a character is written: what no two images have in common.
struct Hand {
    angle: f64,
    slant: f64,
    wide: f64,
    high: f64,
    shift: (f64, f64),
    /// Size and phase of a wave along each axis.
    waves: [(f64, f64); 2],
    /// Half of the width of the pen.
    pen: f64,
    ink: f64,
}

/// The noise of a pixel, which its scanner adds.
const SCANNER: f64 = 0.1;

impl Hand {
    fn of(key: Key) -> Self {
        let normal = |i: u64, sd: f64| sd * normal_at::<f64>(key, i);
        let between = |i: u64, low: f64, high: f64| low + (high - low) * uniform_at::<f64>(key, i);
        Self {
            angle: normal(0, 0.15),
            slant: normal(1, 0.2),
            wide: 1.0 + normal(2, 0.12),
            high: 1.0 + normal(3, 0.08),
            shift: (normal(4, 0.04), normal(5, 0.04)),
            waves: [(normal(6, 0.04), between(7, 0.0, TAU)), (normal(8, 0.04), between(9, 0.0, TAU))],
            pen: between(10, 0.03, 0.07),
            ink: between(11, 0.6, 1.0),
        }
    }

    /// A point of the unit square as it is written.
    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let [(a, p), (b, q)] = self.waves;
        let (x, y) = (x + a * (TAU * y + p).sin() - 0.5, y + b * (TAU * x + q).sin() - 0.5);
        let (x, y) = (self.wide * (x - self.slant * y), self.high * y);
        let (s, c) = self.angle.sin_cos();
        // In the middle three quarters of the image.
        (0.5 + self.shift.0 + 0.75 * (c * x - s * y), 0.5 + self.shift.1 + 0.75 * (s * x + c * y))
    }

    /// The ink of every pixel.
    fn draw(&self, strokes: Vec<Stroke>, (high, wide): (usize, usize), key: Key) -> Vec<f64> {
        let strokes: Vec<Stroke> =
            strokes.into_iter().map(|s| s.into_iter().map(|p| self.place(p)).collect()).collect();
        let pixel = 1.0 / high.min(wide).max(1) as f64;
        let of = |i: usize| {
            let at = ((i % wide) as f64 + 0.5, (i / wide) as f64 + 0.5);
            let at = (at.0 / wide as f64, at.1 / high as f64);
            let segments = strokes.iter().flat_map(|s| s.windows(2));
            let nearest = segments.map(|ends| distance(at, ends[0], ends[1])).fold(f64::INFINITY, f64::min);
            let covered = ((self.pen - nearest) / pixel + 0.5).clamp(0.0, 1.0);
            (self.ink * covered + SCANNER * normal_at::<f64>(key, i as u64)).clamp(0.0, 1.0)
        };
        (0..high * wide).map(of).collect()
    }
}

/// From a point to the line between two others.
fn distance(at: (f64, f64), a: (f64, f64), b: (f64, f64)) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length = (dx * dx + dy * dy).max(1e-12);
    let along = (((at.0 - a.0) * dx + (at.1 - a.1) * dy) / length).clamp(0.0, 1.0);
    (at.0 - a.0 - along * dx).hypot(at.1 - a.1 - along * dy)
}
