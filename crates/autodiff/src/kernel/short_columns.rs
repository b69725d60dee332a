//! Passes over small matrices of short columns: a block holds several columns, or the whole matrix.
//!
//! A [general pass](super::map) begins a block for every column, pads it, and is made for long
//! ones. Small models have columns of a few entries, one for each lane of the tape. Here the
//! formula runs on as many columns at once as fit into a block. Sums have the shape that they have
//! in a general pass, and so the same bits.

use super::blocks::{Here, Lanes, Segments, block_sum, copy_padded};
use super::entries::{Dest, Input, add, copy_out, padded, store};
use super::loops::{
    BackwardScratch, ForwardScratch, Loops, MAX_ARGS, with_backward_scratch, with_forward_scratch, with_sums,
};
use super::map::{Summed, Value};
use super::parallel::CHUNK;
use crate::random::{BLOCK, fill_normal, fill_uniform};
use crate::real::Scalar;

/// Whether the matrix is small, and its columns short.
pub(super) fn is_short(columns: Segments) -> bool {
    let most = if columns.count > 1 { BLOCK / 2 } else { BLOCK };
    (1..=most).contains(&columns.len) && columns.count * columns.len <= CHUNK
}

/// The blocks of whole columns.
fn blocks(columns: Segments) -> impl Iterator<Item = Here> {
    let Segments { count, len } = columns;
    let most = BLOCK / len;
    (0..count).step_by(most).map(move |seg| Here { seg, len, at: 0, n: most.min(count - seg) * len })
}

/// As [`map::forward`](super::map::forward); `sums` gets the sum of every column.
pub(super) fn forward<T: Scalar>(
    body: &dyn Loops<T>,
    columns: Segments,
    x: &[Input<'_, T>],
    mut keep: Option<&mut [T]>,
    mut sums: Option<&mut [T]>,
    summed: bool,
) -> T {
    let mut total = T::from_f64(0.0).num();
    let mut several = (summed && columns.count > 1).then(Lanes::new);
    with_forward_scratch(body, &mut |ForwardScratch { x: scratch, y }| {
        let last = y.len() - 1;
        for here in blocks(columns) {
            let args = load(x, here, scratch);
            body.values(&args[..x.len()], here.padded(), y);
            if let Some(keep) = &mut keep {
                copy_out(&y[0], &mut keep[here.index()..][..here.n]);
            }
            let result = &y[last][..here.n];
            if let Some(sums) = &mut sums {
                let sums = sums[here.seg..].iter_mut().zip(result.chunks_exact(here.len));
                sums.for_each(|(sum, column)| *sum = T::from_num(block_sum(column)));
            }
            match &mut several {
                Some(lanes) => result.chunks_exact(here.len).for_each(|column| lanes.add(column)),
                None if summed => total = block_sum(result),
                None => {}
            }
        }
    });
    T::from_num(several.map_or(total, Lanes::total))
}

/// As [`map::backward`](super::map::backward).
pub(super) fn backward<T: Scalar>(
    body: &dyn Loops<T>,
    columns: Segments,
    x: &[Input<'_, T>],
    (kept, summed): (Option<&[T]>, Summed<'_, T>),
    dx: &[Dest<T>],
    sums: &mut [T],
    value: Value<T>,
) {
    let mut several = (columns.count > 1 && matches!(value, Value::Chunks(_))).then(Lanes::new);
    let mut pass = |by_argument: &mut [Lanes<T::Num>], sums: &mut [T]| {
        with_backward_scratch(body, &mut |BackwardScratch { x: scratch, y, g, p }| {
            let last = g.len() - 1;
            for here in blocks(columns) {
                let args = load(x, here, scratch);
                match summed {
                    Summed::No => {}
                    Summed::All(s) if here.seg == 0 => g[last][..here.padded()].fill(s),
                    Summed::All(_) => {}
                    Summed::Columns(s) => stretch_row(s, here, &mut g[last]),
                }
                if let Some(kept) = kept {
                    copy_padded(&kept[here.index()..][..here.n], &mut g[0]);
                }
                body.gradients(&args[..x.len()], g, here.padded(), y, p);
                let result = &y[last][..here.n];
                match value {
                    Value::Unused => {}
                    Value::Entries(to) => {
                        // SAFETY: nothing else uses the destination during the pass.
                        copy_out(&y[last], unsafe { to.slice(here.index(), here.n) });
                    }
                    Value::Chunks(to) => match &mut several {
                        Some(lanes) => result.chunks_exact(here.len).for_each(|column| lanes.add(column)),
                        // SAFETY: as above.
                        None => unsafe { to.set(0, T::from_num(block_sum(result))) },
                    },
                    Value::Columns(to) => {
                        for (i, column) in result.chunks_exact(here.len).enumerate() {
                            // SAFETY: as above.
                            unsafe { to.set(here.seg + i, T::from_num(block_sum(column))) };
                        }
                    }
                }
                add_partials(dx, here, p, by_argument, sums);
            }
        });
    };
    if columns.count > 1 && dx.iter().any(|d| matches!(d, Dest::Scalar)) {
        with_sums::<T>(x.len(), &mut |by_argument| {
            pass(by_argument, sums);
            for (sum, lanes) in sums.iter_mut().zip(by_argument) {
                *sum = T::from_num(lanes.total());
            }
        });
    } else {
        pass(&mut [], sums);
    }
    if let (Value::Chunks(to), Some(lanes)) = (value, several) {
        // SAFETY: as above.
        unsafe { to.set(0, T::from_num(lanes.total())) };
    }
}

/// Adds the partials of the columns of a block. Those of scalars go to `several`, or to `sums` if
/// this is the whole matrix.
fn add_partials<T: Scalar>(
    dx: &[Dest<T>],
    here: Here,
    partials: &[[T; BLOCK]],
    several: &mut [Lanes<T::Num>],
    sums: &mut [T],
) {
    let whole = several.is_empty();
    for (k, (dx, p)) in dx.iter().zip(partials).enumerate() {
        let columns = p[..here.n].chunks_exact(here.len);
        match dx {
            Dest::Nothing => {}
            Dest::Full { to, overwrite } => {
                // SAFETY: nothing else uses the destination during the pass, and the reference ends
                // before the next argument's (which may be the same memory) begins.
                let to = unsafe { to.slice(here.index(), here.n) };
                store(to, p, *overwrite);
            }
            Dest::Col(to) => {
                // SAFETY: as above.
                let to = unsafe { to.slice(0, here.len) };
                columns.for_each(|column| add(to, column));
            }
            Dest::Row(to) => {
                // SAFETY: as above.
                let to = unsafe { to.slice(here.seg, here.n / here.len) };
                for (to, column) in to.iter_mut().zip(columns) {
                    *to = T::from_num(to.num() + block_sum(column));
                }
            }
            Dest::Scalar if whole => sums[k] = T::from_num(block_sum(&p[..here.n])),
            Dest::Scalar => columns.for_each(|column| several[k].add(column)),
        }
    }
}

/// A block of every argument.
fn load<'b, T: Scalar>(
    x: &[Input<'b, T>],
    here: Here,
    scratch: &'b mut [[T; BLOCK]],
) -> [&'b [T; BLOCK]; MAX_ARGS] {
    let mut blocks = x.iter().zip(scratch).map(|(x, scratch)| block(x, here, scratch));
    let Some(first) = blocks.next() else { unreachable!("formulas have arguments") };
    let mut args = [first; MAX_ARGS];
    args[1..].iter_mut().zip(blocks).for_each(|(arg, block)| *arg = block);
    args
}

/// A block of an argument: where it is, or in `scratch`.
fn block<'b, T: Scalar>(x: &Input<'b, T>, here: Here, scratch: &'b mut [T; BLOCK]) -> &'b [T; BLOCK] {
    // Later blocks have no more columns than the first.
    let first = here.seg == 0;
    match *x {
        Input::Full(x) => return padded(&x[here.index()..][..here.n], scratch),
        Input::Row(x) => stretch_row(x, here, scratch),
        Input::Col(x) if first => {
            let columns = scratch[..here.n].chunks_exact_mut(here.len);
            columns.for_each(|column| column.copy_from_slice(&x[..here.len]));
            pad(here, scratch);
        }
        Input::Scalar(x) if first => scratch[..here.padded()].fill(x),
        Input::Col(_) | Input::Scalar(_) => {}
        Input::Normal(key) => fill_normal(key, here.index() as u64, &mut scratch[..here.padded()]),
        Input::Uniform(key) => fill_uniform(key, here.index() as u64, &mut scratch[..here.padded()]),
    }
    scratch
}

/// An entry of the row for every column.
fn stretch_row<T: Scalar>(row: &[T], here: Here, to: &mut [T; BLOCK]) {
    let columns = to[..here.n].chunks_exact_mut(here.len);
    columns.zip(&row[here.seg..]).for_each(|(column, x)| column.fill(*x));
    pad(here, to);
}

/// Fills whole lanes with the last entry.
fn pad<T: Scalar>(here: Here, block: &mut [T; BLOCK]) {
    let last = block[here.n - 1];
    block[here.n..here.padded()].fill(last);
}

#[cfg(test)]
mod tests {
    use super::super::loops::{Body, Compiled};
    use super::super::map::{backward_long, forward_columns_long, forward_long};
    use super::super::parallel::SharedMut;
    use super::*;
    use crate::random::{Key, normal_at};
    use crate::real::Real;

    /// A formula of six arguments and two results.
    #[derive(Clone, Copy, Debug)]
    struct Mixed;
    impl Body<6, 2> for Mixed {
        fn eval<R: Real>(&self, x: [R; 6]) -> [R; 2] {
            [x[0] * x[1] - x[4].exp(), (x[0] * x[2] + x[3]).tanh() * x[5] - x[4]]
        }
        fn name(&self) -> &'static str {
            "mixed"
        }
    }

    fn numbers(seed: u64, n: usize) -> Vec<f64> {
        (0..n as u64).map(|i| normal_at(Key::new(seed), i)).collect()
    }

    /// All that a forward and a backward pass write.
    fn passes(long: bool, rows: usize, cols: usize, row_and_column: bool, by_column: bool) -> Vec<f64> {
        let body = &Compiled(Mixed);
        let (full, again, row, column) =
            (numbers(1, rows * cols), numbers(2, rows * cols), numbers(3, cols), numbers(4, rows));
        let stretched = |x: &'static str| match (row_and_column, x) {
            (true, "row") => (Input::Row(&row), cols),
            (true, _) => (Input::Col(&column), rows),
            (false, _) => (Input::Scalar(0.7), 1),
        };
        let ((row, row_len), (column, column_len)) = (stretched("row"), stretched("column"));
        let noise = Input::Normal(Key::new(5));
        let x = [Input::Full(&full), Input::Full(&again), row, column, Input::Scalar(0.3), noise];
        let columns = if row_and_column || by_column {
            Segments { count: cols, len: rows }
        } else {
            Segments { count: 1, len: rows * cols }
        };
        assert!(is_short(columns), "{rows} × {cols}");

        let (mut kept, mut sums) = (vec![0.0; rows * cols], vec![0.0; cols]);
        let total = if long {
            forward_columns_long(body, columns, &x, &mut sums);
            forward_long(body, columns, &x, Some(&mut kept), true)
        } else {
            forward(body, columns, &x, None, Some(&mut sums), false);
            forward(body, columns, &x, Some(&mut kept), None, true)
        };

        let (g, g_sums) = (numbers(6, rows * cols), numbers(7, cols));
        let mut to: [Vec<f64>; 4] = [rows * cols, rows * cols, row_len, column_len].map(|n| numbers(8, n));
        let [full, again, row, column] = to.each_mut().map(|to| SharedMut::new(to));
        let dest = [
            Dest::Full { to: full, overwrite: true },
            Dest::Full { to: again, overwrite: false },
            if row_and_column { Dest::Row(row) } else { Dest::Scalar },
            if row_and_column { Dest::Col(column) } else { Dest::Nothing },
            Dest::Scalar,
            Dest::Nothing,
        ];
        let mut values = vec![0.0; rows * cols];
        let value = SharedMut::new(&mut values);
        let (summed, value) = match by_column {
            true => (Summed::Columns(&g_sums), Value::Columns(value)),
            false => (Summed::All(1.5), Value::Chunks(value)),
        };
        let (mut parts, adjoints) = ([0.0; 6], (Some(&g[..]), summed));
        if long {
            assert_eq!(backward_long(body, columns, &x, adjoints, &dest, &mut parts, value), 1);
        } else {
            backward(body, columns, &x, adjoints, &dest, &mut parts, value);
        }
        [kept, sums, vec![total], to.concat(), parts.to_vec(), values].concat()
    }

    #[test]
    fn every_pass_has_the_bits_of_a_general_one() {
        for (rows, cols) in [(1, 1), (1, 16), (1, 100), (3, 5), (8, 16), (16, 4), (17, 3), (21, 70), (32, 9)]
        {
            for (row_and_column, by_column) in [(true, true), (true, false), (false, true)] {
                let of = |long| passes(long, rows, cols, row_and_column, by_column);
                assert_eq!(of(false), of(true), "{rows} × {cols} {row_and_column} {by_column}");
            }
        }
        for n in [1, 2, 15, 16, 17, 33, 63, 64] {
            assert_eq!(passes(false, n, 1, false, false), passes(true, n, 1, false, false), "{n} entries");
        }
    }
}
