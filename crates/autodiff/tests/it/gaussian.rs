//! The operation behind every Gaussian weight, against the formula that it replaces.

use nalgebra::DMatrix;
use probity_autodiff::random::normal_at;
use probity_autodiff::{
    Dual, FormulaPair, GaussianSite, Key, Params, Real, Scalar, SoftplusScale, Tape, check_gradient,
};

/// The same in one line each: draw or variance, and divergence.
#[derive(Clone, Copy, Debug)]
struct ByFormula {
    prior: (f64, f64),
    draw: bool,
}
impl FormulaPair<3> for ByFormula {
    fn eval<R: Real>(&self, [loc, rho, noise]: [R; 3]) -> (R, R) {
        let scale = rho.softplus();
        let (shift, ratio) = ((loc - self.prior.0) * (1.0 / self.prior.1), scale * (1.0 / self.prior.1));
        let kept = if self.draw { loc + scale * noise } else { scale * scale };
        (kept, (shift * shift + ratio * ratio - 1.0) * 0.5 - ratio.ln())
    }
    fn name(&self) -> &'static str {
        "by formula"
    }
}

const KEY: Key = Key::new(5);

/// Kept values, divergence, and the gradient of a function of both with respect to locations and
/// scale parameters.
fn both_ways<T: Scalar>(
    loc: &DMatrix<f64>,
    rho: &DMatrix<f64>,
    prior: (f64, f64),
    draw: bool,
) -> [(DMatrix<T>, T, [DMatrix<T>; 2]); 2] {
    let to = |m: &DMatrix<f64>| m.map(T::from_f64);
    [true, false].map(|op| {
        let tape = Tape::<T>::new();
        let (loc, rho) = (tape.variable(&to(loc)), tape.variable(&to(rho)));
        let (kept, kl) = match (op, draw) {
            (true, true) => tape.gaussian_draw::<SoftplusScale>(loc, rho, prior, KEY),
            (true, false) => tape.gaussian_variance::<SoftplusScale>(loc, rho, prior),
            (false, _) => {
                let noise = probity_autodiff::Arg::Normal(KEY);
                tape.map_pair(ByFormula { prior, draw }, [loc.into(), rho.into(), noise], (1, 1))
            }
        };
        let gradients = tape.backward((kept * kept).sum() * 0.3 + kl * 0.7);
        (kept.value(), kl.item(), [gradients.wrt(loc), gradients.wrt(rho)])
    })
}

fn close<T: Scalar>(a: &DMatrix<T>, b: &DMatrix<T>, tolerance: f64, what: &str) {
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        let (a, b) = (a.to_f64(), b.to_f64());
        assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{what}, entry {i}: {a} {b}");
    }
}

/// On both sides of every border: lanes, blocks, pieces, chunks.
const SHAPES: [(usize, usize); 8] =
    [(1, 1), (1, 50), (3, 5), (16, 4), (63, 1), (5, 13), (100, 50), (700, 60)];

fn agrees<T: Scalar>(tolerance: f64) {
    for (rows, cols) in SHAPES {
        let numbers =
            |key| DMatrix::from_fn(rows, cols, |i, j| normal_at::<f64>(Key::new(key), (i + j * rows) as u64));
        let (loc, rho) = (numbers(1), numbers(2) * 2.0 - DMatrix::from_element(rows, cols, 2.0));
        for (prior, draw) in [((0.0, 1.0), true), ((0.3, 0.2), true), ((-1.0, 3.0), false)] {
            let [op, formula] = both_ways::<T>(&loc, &rho, prior, draw);
            let at = format!("{rows} x {cols}, prior {prior:?}, draw {draw}");
            close(&op.0, &formula.0, tolerance, &format!("kept, {at}"));
            let (a, b) = (op.1.to_f64(), formula.1.to_f64());
            assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "divergence, {at}: {a} {b}");
            for (k, name) in ["loc", "rho"].iter().enumerate() {
                close(&op.2[k], &formula.2[k], 10.0 * tolerance, &format!("slope along {name}, {at}"));
            }
        }
    }
}

#[test]
fn agrees_with_the_formula() {
    agrees::<f64>(1e-13);
    agrees::<f32>(2e-6);
    // Forward over reverse: also the tangents.
    let [op, formula] = {
        let seeds = |x: f64| DMatrix::from_fn(9, 3, |i, j| x + ((i * 3 + j) as f64).sin());
        both_ways::<Dual<f64, 1>>(&seeds(0.1), &seeds(-1.0), (0.0, 1.0), true)
    };
    close(&op.2[1], &formula.2[1], 1e-12, "dual");
}

#[test]
fn second_derivatives_are_those_of_the_formula() {
    let at = |op: bool| {
        let tape = Tape::<Dual<f64, 1>>::new();
        let dual = |x: f64| DMatrix::from_fn(20, 1, |i, _| Dual::variable(x + (i as f64).cos(), 0));
        let (loc, rho) = (tape.variable(&dual(0.2)), tape.variable(&dual(-1.5)));
        let prior = (0.1, 0.7);
        let (kept, kl) = if op {
            tape.gaussian_draw::<SoftplusScale>(loc, rho, prior, KEY)
        } else {
            let noise = probity_autodiff::Arg::Normal(KEY);
            tape.map_pair(ByFormula { prior, draw: true }, [loc.into(), rho.into(), noise], (1, 1))
        };
        let gradient = tape.backward((kept * kept * kept).sum() + kl).wrt(rho);
        gradient.map(|g| g.du[0])
    };
    close(&at(true), &at(false), 1e-12, "second derivative");
}

#[test]
fn the_gradient_is_that_of_finite_differences() {
    let x = [
        DMatrix::from_fn(4, 3, |i, j| (i as f64 - j as f64) * 0.3),
        DMatrix::from_fn(4, 3, |i, j| -1.0 + (i * j) as f64 * 0.2),
    ];
    let check = check_gradient(
        |x| {
            let Some(tape) = x[0].tape() else { return x[0] };
            let (draw, kl) = tape.gaussian_draw::<SoftplusScale>(x[0], x[1], (0.2, 0.5), KEY);
            draw.sin().sum() + kl
        },
        &x,
    );
    assert!(check.error < 1e-9, "{check:?}");
}

#[test]
fn scales_from_zero_to_huge() {
    // Scales of 0 (f32), subnormal, tiny, huge: the slope of the divergence along rho is finite, -1
    // where the scale vanishes.
    let rho = DMatrix::from_column_slice(6, 1, &[-150.0, -100.0, -60.0, 0.0, 1e3, 1e10]);
    let loc = DMatrix::zeros(6, 1);
    let tape = Tape::<f32>::new();
    let (loc, rho) = (tape.variable(&loc.map(|x: f64| x as f32)), tape.variable(&rho.map(|x: f64| x as f32)));
    let (draw, kl) = tape.gaussian_draw::<SoftplusScale>(loc, rho, (0.0, 1.0), KEY);
    assert!(draw.value().iter().all(|x| x.is_finite()), "{}", draw.value());
    assert_eq!(kl.item(), f32::INFINITY);
    let slopes = tape.backward(kl).wrt(rho);
    assert!(slopes.iter().all(|x| x.is_finite()), "{slopes}");
    for (i, want) in [-1.0, -1.0, -1.0, 0.5 * (2.0_f32.ln() - 1.0 / 2.0_f32.ln()), 1e3 - 1e-3, 1e10]
        .into_iter()
        .enumerate()
    {
        assert!((slopes[i] / want - 1.0).abs() < 1e-6, "{i}: {} {want}", slopes[i]);
    }
    // In double precision none of these scales is 0, and logarithms far apart are added one by one.
    let (tape, rho) = (Tape::<f64>::new(), rho.value().map(f64::from));
    let (loc, rho) = (tape.variable(&DMatrix::zeros(6, 1)), tape.variable(&rho));
    let (_, kl) = tape.gaussian_draw::<SoftplusScale>(loc, rho, (0.0, 1.0), KEY);
    let want: f64 = rho.value().iter().map(|r| (r.softplus().powi(2) - 1.0) * 0.5 - r.softplus().ln()).sum();
    assert!((kl.item() / want - 1.0).abs() < 1e-15, "{} {want}", kl.item());
}

/// Many compute the derivatives again in the backward pass; few save them. The bits are the same.
#[test]
fn many_are_as_few() {
    fn of<T: Scalar>(n: usize, draw: bool) -> Vec<Vec<T>> {
        let at = |a: f64| DMatrix::from_fn(n, 1, |i, _| T::from_f64(a + (i as f64 * 0.7).sin() * 2.0));
        let tape = Tape::<T>::new();
        let (loc, rho) = (tape.variable(&at(0.3)), tape.variable(&at(-1.0)));
        let (kept, kl) = if draw {
            tape.gaussian_draw::<SoftplusScale>(loc, rho, (0.2, 0.7), KEY)
        } else {
            tape.gaussian_variance::<SoftplusScale>(loc, rho, (0.2, 0.7))
        };
        let gradients = tape.backward((kept * kept).sum() * 0.3 + kl * 0.7);
        [kept.value(), gradients.wrt(loc), gradients.wrt(rho)].map(|m| m.as_slice().to_vec()).to_vec()
    }
    fn same<T: Scalar>() {
        for draw in [true, false] {
            let (many, few) = (of::<T>((1 << 17) + 77, draw), of::<T>(1 << 17, draw));
            for (many, few) in many.iter().zip(&few) {
                assert!(many[..few.len()] == few[..], "draw {draw}");
            }
        }
    }
    same::<f32>();
    same::<f64>();
}

#[test]
#[should_panic(expected = "gaussian: locations of 2 × 1, scales of 1 × 2")]
fn shapes_must_be_equal() {
    let tape = Tape::<f64>::new();
    tape.gaussian_draw::<SoftplusScale>(
        tape.variable(&DMatrix::zeros(2, 1)),
        tape.variable(&DMatrix::zeros(1, 2)),
        (0.0, 1.0),
        KEY,
    );
}

/// Draws and the gradient of a function of them and of the divergences, with sites drawn in one
/// pass or each by itself.
fn sites<T: Scalar>(together: bool) -> (Vec<DMatrix<T>>, T, Vec<T>) {
    // Sizes on both sides of vectors and blocks; neighbours with equal and with different priors;
    // one that nothing uses.
    let shapes = [(3, 50), (1, 50), (50, 1), (1, 1), (5, 3), (2, 2)];
    let priors = [(0.0, 1.0), (0.0, 1.0), (0.5, 0.2), (0.5, 0.2), (0.0, 1.0), (-1.0, 3.0)];
    let number = |x: f64| T::from_f64(x.sin());
    let mut params = Params::<T>::new();
    for (k, kind) in ["loc", "rho"].into_iter().enumerate() {
        for (i, (r, c)) in shapes.into_iter().enumerate() {
            params.add(
                format!("{i}.{kind}"),
                &DMatrix::from_fn(r, c, |a, b| number((1 + k + i + a * 7 + b) as f64)),
            );
        }
    }
    let id = |i: usize, kind: &str| params.find(&format!("{i}.{kind}")).unwrap();
    let tape = Tape::<T>::new();
    tape.bind(&params);
    let (draws, kl) = if together {
        let of = |i| GaussianSite { shape: shapes[i], prior: priors[i], number: 10 + i as u64 };
        let [loc, rho] = ["loc", "rho"].map(|kind| tape.param_range(&params, id(0, kind), id(5, kind)));
        let draws = tape.gaussian_sites::<SoftplusScale>(loc, rho, &(0..6).map(of).collect(), KEY);
        ((0..6).map(|i| draws.site(i)).collect::<Vec<_>>(), draws.kl())
    } else {
        let draw = |i: usize| {
            let [loc, rho] = ["loc", "rho"].map(|kind| tape.param(&params, id(i, kind)));
            tape.gaussian_draw::<SoftplusScale>(loc, rho, priors[i], KEY.fold_in(10 + i as u64))
        };
        let (draws, kls): (Vec<_>, Vec<_>) = (0..6).map(draw).unzip();
        (draws, kls.into_iter().reduce(|a, b| a + b).unwrap())
    };
    let used = [0, 1, 2, 4, 5].into_iter().map(|i| (draws[i] * draws[i]).sum() * (1.0 + i as f64));
    let result = used.reduce(|a, b| a + b).unwrap() + kl * 0.3;
    let gradient = tape.backward(result).params().to_vec();
    (draws.iter().map(|draw| draw.value()).collect(), kl.item(), gradient)
}

#[test]
fn sites_drawn_in_one_pass_are_those_drawn_one_by_one() {
    fn same<T: Scalar>(tolerance: f64) {
        let (one, each) = (sites::<T>(true), sites::<T>(false));
        // Bit by bit, but for the order in which the divergences are added.
        assert_eq!(one.0, each.0);
        assert_eq!(one.2, each.2);
        let (a, b) = (one.1.to_f64(), each.1.to_f64());
        assert!((a - b).abs() < tolerance * b, "{a} {b}");
    }
    same::<f64>(1e-14);
    same::<f32>(1e-6);
}

#[test]
fn only_what_is_used_of_sites_has_a_gradient() {
    let mut params = Params::<f64>::new();
    let loc = params.add("loc", &DMatrix::from_element(4, 1, 0.1));
    let rho = params.add("rho", &DMatrix::from_element(4, 1, 0.2));
    let mut tape = Tape::new();
    let site = |number| GaussianSite { shape: (2, 1), prior: (0.0, 1.0), number };
    let sites = [site(0), site(1)].into();
    // Twice, so that the second pass meets the numbers of the first.
    for used in [0, 1] {
        tape.reset();
        tape.bind(&params);
        let [loc, rho] = [loc, rho].map(|id| tape.param(&params, id));
        let draws = tape.gaussian_sites::<SoftplusScale>(loc, rho, &sites, KEY);
        let gradients = tape.backward(draws.site(used).sum());
        let mut want = [0.0; 4];
        want[2 * used..2 * used + 2].fill(1.0);
        assert_eq!(gradients.params()[..4], want);
    }
}

#[test]
#[should_panic(expected = "has been used in a range")]
fn a_segment_is_used_by_itself_or_in_a_range() {
    let mut params = Params::<f64>::new();
    let ids = ["a", "b"].map(|name| params.add(name, &DMatrix::from_element(2, 1, 0.1)));
    let tape = Tape::new();
    tape.bind(&params);
    assert_eq!(tape.param_range(&params, ids[0], ids[1]).shape(), (4, 1));
    tape.param(&params, ids[1]);
}
