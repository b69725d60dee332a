//! Bijectors of rows: the laws, gradients in values and parameters, chains of them, and the
//! distributions behind them.

use crate::multivariate::{close, factor, key, random};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Tape, Terms, Var, check_gradient};
use probity_distributions::bijectors::*;
use probity_distributions::laws::*;
use probity_distributions::*;

type V<'t> = Var<'t, f64>;

/// Random numbers of a network, not small.
fn numbers(n: usize, seed: u64) -> DMatrix<f64> {
    random(1, n, seed) * 0.8
}

#[track_caller]
fn obeys<'t, B: Bijector<V<'t>> + std::fmt::Debug>(b: &B, u: V<'t>) {
    bijector_of_rows_inverts(b, u).unwrap();
    bijector_of_rows_log_det_matches(b, u).unwrap();
}

#[test]
fn planar_layers_are_invertible_for_all_parameters() {
    let tape = Tape::<f64>::new();
    for (seed, size) in [(1, 0.3), (2, 1.0), (3, 5.0), (4, 40.0)] {
        for d in [1, 2, 5] {
            let [u, w] = [seed * 10, seed * 10 + 5].map(|s| tape.variable(&(random(1, d, s) * size)));
            let b = tape.variable(&random(1, 1, seed + 100));
            obeys(&Planar::new(u, w, b), tape.variable(&(random(4, d, seed + 200) * 2.0)));
            obeys(&Inverse(Planar::new(u, w, b)), tape.variable(&random(3, d, seed + 300)));
        }
    }
    // w·v near -1: flat to the last digit where the tangent is steepest, and still one-to-one.
    let row = |x: &[f64]| tape.variable(&DMatrix::from_row_slice(1, x.len(), x));
    let steep = Planar::new(row(&[-30.0, 0.0]), row(&[1.0, 0.0]), row(&[0.0]));
    let u = row(&[0.01, 3.0]);
    let x = steep.forward(u);
    let back = steep.inverse(x).value();
    assert!((back[1] - 3.0).abs() < 1e-14 && (steep.forward(steep.inverse(x)) - x).value().amax() < 1e-15);
    assert!(steep.log_det(row(&[0.0, 0.0]), Terms::Sum).item() < -25.0);
    assert!(steep.log_det(row(&[1e300, 0.0]), Terms::Sum).item() == 0.0);
    // Parameters of 0 are the identity.
    let zero = Planar::new(row(&[0.0, 0.0]), row(&[0.0, 0.0]), row(&[0.0]));
    assert_eq!((zero.forward(u).value(), zero.log_det(u, Terms::Sum).item()), (u.value(), 0.0));
}

#[test]
fn couplings_and_autoregressive_layers_obey_the_laws() {
    let tape = Tape::<f64>::new();
    for (d, hidden, seed) in [(1, 3, 1), (2, 4, 2), (3, 5, 3), (5, 8, 4)] {
        let u = tape.variable(&(random(3, d, seed + 50) * 1.5));
        if d > 1 {
            let row = tape.variable(&numbers(Coupling::<V<'_>>::parameters(d, hidden), seed));
            let coupling = Coupling::from_row(row, d, hidden);
            obeys(&coupling, u);
            obeys(&Inverse(coupling), u);
            // The first columns stay.
            assert_eq!(coupling.forward(u).value().columns(0, d / 2), u.value().columns(0, d / 2));
        }
        let row = tape.variable(&numbers(InverseAutoregressive::<V<'_>>::parameters(d, hidden), seed + 20));
        let layer = InverseAutoregressive::from_row(&tape, row, d, hidden);
        obeys(&layer, u);
        obeys(&Inverse(layer), u);
        // A column does not move by itself but for its factor, nor by later ones.
        let x = layer.forward(u);
        for j in 0..d {
            let slopes = tape.backward(x.at(0, j)).wrt(u);
            assert!((j + 1..d).all(|k| slopes[(0, k)] == 0.0) && slopes[(0, j)] > 0.0, "{j}: {slopes}");
        }
        // Every column but the first does move by all before it.
        if d > 1 && hidden >= d - 1 {
            let slopes = tape.backward(x.at(0, d - 1)).wrt(u);
            assert!((0..d - 1).all(|k| slopes[(0, k)] != 0.0), "{slopes}");
        }
        // Numbers of 0 are the identity; large values come back.
        let n = InverseAutoregressive::<V<'_>>::parameters(d, hidden);
        let zero = InverseAutoregressive::from_row(&tape, tape.variable(&DMatrix::zeros(1, n)), d, hidden);
        assert_eq!(zero.forward(u).value(), u.value());
        let far = tape.variable(&(random(2, d, seed + 70) * 1e6));
        let back = layer.inverse(layer.forward(far)).value();
        assert!((back - far.value()).amax() < 1e-8, "{d}");
    }
}

/// A flow of every kind of layer with permutations between, by all its numbers.
fn flow<'t>(tape: &'t Tape<f64>, row: V<'t>) -> impl Bijector<V<'t>> + std::fmt::Debug + use<'t> {
    const EXCHANGE: &[usize] = &[2, 0, 1];
    let (d, h) = (3, 4);
    let sizes =
        [Coupling::<V<'_>>::parameters(d, h), InverseAutoregressive::<V<'_>>::parameters(d, h), 2 * d + 1];
    let mut first = 0;
    let mut take = |n: usize| {
        first += n;
        row.cols(first - n..first)
    };
    let coupling = Coupling::from_row(take(sizes[0]), d, h);
    let layer = InverseAutoregressive::from_row(tape, take(sizes[1]), d, h);
    let planar = take(sizes[2]);
    let planar = Planar::new(planar.cols(0..d), planar.cols(d..2 * d), planar.cols(2 * d..2 * d + 1));
    let exchange = Permute::new(EXCHANGE).unwrap();
    Chain(Chain(Chain(coupling, exchange), Chain(layer, Softsign)), Chain(Inverse(Softsign), planar))
}
const NUMBERS: usize = 4 * 2 + 5 * 4 + 4 * 4 + 5 * 6 + 7;

#[test]
fn chains_of_rows_and_entries_obey_the_laws() {
    let tape = Tape::<f64>::new();
    let row = tape.variable(&(numbers(NUMBERS, 7) * 0.7));
    let flow = flow(&tape, row);
    assert_eq!(flow.event(), Event::Row);
    let u = tape.variable(&random(4, 3, 8));
    bijector_of_rows_log_det_matches(&flow, u).unwrap();
    assert!((flow.inverse(flow.forward(u)) - u).value().amax() < 1e-11);
    assert_eq!(Bijector::<V<'_>>::event(&Chain(Exp, Softplus)), Event::Entry);
    // Rows of the sum are the sum over rows, for entries as well.
    let each = Chain(Exp, Inverse(Softplus)).log_det(u, Terms::Each).value();
    assert_eq!(each.shape(), (4, 3));
}

#[test]
fn flows_have_gradients_in_values_and_parameters() {
    let at = [random(2, 3, 9), numbers(NUMBERS, 10) * 0.5];
    let found = check_gradient(
        |a| {
            let flow = flow(a[0].tape().unwrap(), a[1]);
            let x = flow.forward(a[0]);
            (x * x + x).sum() + flow.log_det(a[0], Terms::Sum)
        },
        &at,
    );
    assert!(found.error < 1e-7, "{found:?}");
    // Through the inverse, as a density of data has it.
    let found = check_gradient(
        |a| {
            let tape = a[0].tape().unwrap();
            let base = DiagonalNormal::new(a[2], a[3]);
            Transformed::new(base, flow(tape, a[1]), Support::Real).log_prob_sum(a[0])
        },
        &[
            at[0].clone() * 0.3,
            at[1].clone(),
            random(1, 3, 11) * 0.2,
            random(1, 3, 12).map(|x| 0.7 + 0.2 * x.abs()),
        ],
    );
    assert!(found.error < 1e-6, "{found:?}");
}

#[test]
fn distributions_behind_flows_have_densities_and_draws() {
    let tape = Tape::<f64>::new();
    let row = tape.constant(&(numbers(NUMBERS, 13) * 0.5));
    let flow = flow(&tape, row);
    let loc = tape.constant(&random(1, 3, 14));
    let full = MultivariateNormal::from_cholesky(loc, tape.constant(&(factor(3, 15) * 0.4)));
    let d = Transformed::new(full, flow, Support::Real);
    assert_eq!((d.event(), d.shape()), (Event::Row, (1, 3)));
    let draws = d.sample_shaped(&tape, key(1), (4000, 3));
    assert_eq!((draws.shape(), d.log_prob(draws).shape()), ((4000, 3), (4000, 1)));
    close(d.log_prob(draws).value().sum(), d.log_prob_sum(draws).item(), 1e-12);
    // The entropy is that of the base and the mean log-determinant, draw by draw.
    let u = full.sample_shaped(&tape, key(1), (4000, 3));
    let terms = (full.log_prob(u) - flow.log_det(u, Terms::Each)).value();
    assert!((terms - d.log_prob(draws).value()).amax() < 1e-8);
    // Copies of numbers as a base: their entries are summed over the row.
    let copies = Transformed::new(Normal::new(0.0, 1.0).shaped(1, 3), flow, Support::Real);
    let normal = Transformed::new(
        DiagonalNormal::new(tape.constant(&DMatrix::zeros(1, 3)), tape.constant(&DMatrix::repeat(1, 3, 1.0))),
        flow,
        Support::Real,
    );
    assert!((copies.log_prob(draws) - normal.log_prob(draws)).value().amax() < 1e-12);
    // In two dimensions a density integrates to one.
    let row = |x: &[f64]| tape.constant(&DMatrix::from_row_slice(1, x.len(), x));
    let numbers = tape.constant(&(numbers(Coupling::<V<'_>>::parameters(2, 3), 16) * 0.7));
    let layers = Chain(
        Coupling::from_row(numbers, 2, 3),
        Planar::new(row(&[1.0, 0.5]), row(&[0.7, -1.2]), row(&[0.3])),
    );
    let base = DiagonalNormal::new(row(&[0.0, 0.0]), row(&[1.0, 1.0]));
    let two = Transformed::new(base, layers, Support::Real);
    let (n, reach) = (240, 15.0);
    let step = 2.0 * reach / n as f64;
    let grid = DMatrix::from_fn(n * n, 2, |k, j| {
        let i = if j == 0 { k % n } else { k / n };
        (i as f64 + 0.5) * step - reach
    });
    let total = two.log_prob(tape.constant(&grid)).value().map(f64::exp).sum() * step * step;
    // The midpoint rule, and what lies beyond the grid.
    assert!((total - 1.0).abs() < 1e-5, "{total}");
}

#[test]
fn rows_of_the_wrong_length_are_told() {
    let tape = Tape::<f64>::new();
    let row = |x: &[f64]| tape.constant(&DMatrix::from_row_slice(1, x.len(), x));
    let planar = Planar::new(row(&[1.0, 0.5]), row(&[0.7, -1.2]), row(&[0.3]));
    let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| planar.forward(row(&[1.0]))));
    let text = told.unwrap_err().downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(text.contains("Planar: 1 columns, a direction of 2"), "{text}");
}
