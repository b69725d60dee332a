//! Digits and letters as a pen draws them: lines through points of the unit square, y downwards.

use std::f64::consts::TAU;

/// A line of the pen.
pub type Stroke = Vec<(f64, f64)>;

/// The letters that look like no digit.
pub const LETTERS: [char; 15] = ['A', 'C', 'E', 'F', 'H', 'K', 'M', 'N', 'P', 'R', 'T', 'U', 'W', 'X', 'Y'];

/// The ways to write each digit.
const WAYS: [usize; 10] = [1, 2, 1, 1, 2, 1, 1, 2, 1, 1];

/// A part of an ellipse, from one share of a turn to another; 0 is to the right, a quarter below.
fn arc((x, y): (f64, f64), (wide, high): (f64, f64), from: f64, to: f64) -> Stroke {
    const PIECES: usize = 16;
    let at = |i: usize| {
        let (s, c) = (TAU * (from + (to - from) * i as f64 / PIECES as f64)).sin_cos();
        (x + wide * c, y + high * s)
    };
    (0..=PIECES).map(at).collect()
}

/// Lines one after the other as one.
fn joined<const N: usize>(parts: [Stroke; N]) -> Stroke {
    parts.into_iter().flatten().collect()
}

/// A digit, in one of its ways, of which a number from 0 to 1 chooses.
pub fn digit(digit: usize, way: f64) -> Vec<Stroke> {
    let way = ((way * WAYS[digit] as f64) as usize).min(WAYS[digit] - 1);
    match (digit, way) {
        (0, _) => vec![arc((0.5, 0.5), (0.28, 0.4), 0.75, 1.75)],
        (1, 0) => vec![vec![(0.5, 0.1), (0.5, 0.9)]],
        (1, _) => vec![vec![(0.33, 0.3), (0.53, 0.1), (0.53, 0.9)]],
        (2, _) => {
            vec![joined([arc((0.5, 0.33), (0.26, 0.23), 0.5, 1.1), vec![(0.24, 0.9), (0.78, 0.9)]])]
        }
        (3, _) => vec![joined([
            arc((0.47, 0.3), (0.24, 0.2), 0.55, 1.25),
            arc((0.47, 0.7), (0.27, 0.2), 0.75, 1.45),
        ])],
        (4, 0) => vec![vec![(0.62, 0.9), (0.62, 0.1), (0.2, 0.63), (0.82, 0.63)]],
        (4, _) => vec![vec![(0.27, 0.1), (0.25, 0.55), (0.8, 0.55)], vec![(0.66, 0.25), (0.64, 0.9)]],
        (5, _) => {
            let top = vec![(0.74, 0.12), (0.33, 0.12), (0.31, 0.46)];
            vec![joined([top, arc((0.47, 0.65), (0.27, 0.24), 0.65, 1.42)])]
        }
        (6, _) => vec![joined([
            arc((0.72, 0.66), (0.47, 0.56), 0.74, 0.5),
            arc((0.5, 0.67), (0.25, 0.22), 0.5, 1.5),
        ])],
        (7, 0) => vec![vec![(0.2, 0.12), (0.78, 0.12), (0.42, 0.9)]],
        (7, _) => {
            vec![vec![(0.2, 0.12), (0.78, 0.12), (0.42, 0.9)], vec![(0.36, 0.5), (0.74, 0.5)]]
        }
        (8, _) => vec![joined([
            arc((0.5, 0.3), (0.21, 0.19), 0.25, 1.25),
            arc((0.5, 0.7), (0.26, 0.21), 0.75, 1.75),
        ])],
        _ => vec![joined([
            arc((0.48, 0.33), (0.24, 0.22), 0.0, 1.0),
            vec![(0.72, 0.33), (0.7, 0.6), (0.6, 0.9)],
        ])],
    }
}

/// One of the [`LETTERS`].
pub fn letter(letter: char) -> Vec<Stroke> {
    let bowl = || joined([vec![(0.28, 0.9), (0.28, 0.1)], arc((0.28, 0.32), (0.42, 0.22), 0.75, 1.25)]);
    match letter {
        'A' => vec![vec![(0.15, 0.9), (0.5, 0.1), (0.85, 0.9)], vec![(0.28, 0.6), (0.72, 0.6)]],
        'C' => vec![arc((0.55, 0.5), (0.33, 0.4), 0.88, 0.12)],
        'E' => {
            vec![vec![(0.75, 0.1), (0.25, 0.1), (0.25, 0.9), (0.75, 0.9)], vec![(0.25, 0.5), (0.65, 0.5)]]
        }
        'F' => vec![vec![(0.75, 0.1), (0.25, 0.1), (0.25, 0.9)], vec![(0.25, 0.48), (0.65, 0.48)]],
        'H' => vec![
            vec![(0.22, 0.1), (0.22, 0.9)],
            vec![(0.78, 0.1), (0.78, 0.9)],
            vec![(0.22, 0.5), (0.78, 0.5)],
        ],
        'K' => vec![vec![(0.25, 0.1), (0.25, 0.9)], vec![(0.75, 0.1), (0.25, 0.52), (0.78, 0.9)]],
        'M' => vec![vec![(0.15, 0.9), (0.2, 0.1), (0.5, 0.6), (0.8, 0.1), (0.85, 0.9)]],
        'N' => vec![vec![(0.22, 0.9), (0.22, 0.1), (0.78, 0.9), (0.78, 0.1)]],
        'P' => vec![bowl()],
        'R' => vec![bowl(), vec![(0.4, 0.54), (0.76, 0.9)]],
        'T' => vec![vec![(0.15, 0.12), (0.85, 0.12)], vec![(0.5, 0.12), (0.5, 0.9)]],
        'U' => vec![joined([
            vec![(0.22, 0.1), (0.22, 0.6)],
            arc((0.5, 0.62), (0.28, 0.28), 0.5, 0.0),
            vec![(0.78, 0.1)],
        ])],
        'W' => vec![vec![(0.12, 0.1), (0.3, 0.9), (0.5, 0.35), (0.7, 0.9), (0.88, 0.1)]],
        'X' => vec![vec![(0.2, 0.1), (0.8, 0.9)], vec![(0.8, 0.1), (0.2, 0.9)]],
        _ => vec![vec![(0.2, 0.1), (0.5, 0.5), (0.8, 0.1)], vec![(0.5, 0.5), (0.5, 0.9)]],
    }
}
