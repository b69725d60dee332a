//! Every law that a family's capabilities call for, on every family of the library: the families
//! are those of its own list, and the parameters those that stand in their files.

use probity_autodiff::Var;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::laws::*;
use probity_distributions::*;
use std::marker::PhantomData;

type Single = probity_autodiff::Dual<f64, 1>;
type SinglePrecision = probity_autodiff::Dual<probity_autodiff::F32, 1>;

/// Laws that ask for a capability: a method of `Laws<D>` where it is there, else one of `&Laws<D>`
/// that does nothing. (A call through a reference finds the first before the second.)
struct Laws<D>(PhantomData<D>);

/// What a family is left out of, and why. Everything else is checked.
const LEFT_OUT: &[(&str, &str, &str)] = &[
    ("Delta", "density", "a mass, not a density"),
    ("Delta", "edges", "a mass, not a density"),
    ("Delta", "cdf", "a step"),
    ("VonMises", "edges", "any number is an angle: see `scalar_edges`"),
    ("Delta", "moments", "a mass, not a density"),
    ("Delta", "entropy", "a mass, not a density"),
    ("VonMises", "draws", "angles begin at -π whatever the location: see `scalar_laws`"),
    ("Masked", "edges", "at the overflow of the base an infinite slope of its meets a 0"),
    ("MixtureOfTwo", "edges", "at the overflow of the parts an infinite slope of theirs meets a 0"),
    ("MixtureOfTwo", "names", "errors name the parameters of the parts"),
    ("VonMises", "moments", "mean and variance are circular: see `scalar_laws`"),
    ("VonMises", "moments of draws", "mean and variance are circular: see `scalar_laws`"),
    ("Censored", "slopes", "a draw at a limit stays there only as long as the limit does"),
    ("Censored", "density", "masses at the limits: see `censored`"),
    ("Censored", "moments", "masses at the limits: see `censored`"),
    ("Censored", "entropy", "masses at the limits: see `censored`"),
    ("Censored", "cdf", "jumps at the limits: see `censored`"),
];

fn left_out(family: &str, law: &str) -> bool {
    LEFT_OUT.iter().any(|(f, l, _)| *f == family && *l == law)
}

macro_rules! law {
    ($yes:ident, $no:ident, $method:ident, [$($bound:tt)+], |$d:ident| $body:block) => {
        trait $yes<F: Family> {
            fn $method(&self, d: &F);
        }
        impl<F: Family> $yes<F> for Laws<F>
        where
            $($bound)+
        {
            fn $method(&self, $d: &F) $body
        }
        #[allow(dead_code)] // Where all families have it.
        trait $no<F: Family> {
            fn $method(&self, _: &F) {}
        }
        impl<F: Family> $no<F> for &Laws<F> {}
    };
}

law!(HasSample, NoSample, of_density, [F: Sample<f64>], |d| {
    if !left_out(F::NAME, "density") {
        integrates_to_one(d).unwrap();
    }
    for i in 0..if left_out(F::NAME, "slopes") { 0 } else { 4 } {
        let x = d.sample((), Key::new(3).fold_in(i));
        gradients_match(d, x).unwrap();
        single_precision_matches(d, x).unwrap();
    }
});
law!(HasCdf, NoCdf, of_cdf, [F: Cdf<f64> + Sample<f64>], |d| {
    cdf_at_edges(d).unwrap();
    if !left_out(F::NAME, "cdf") {
        cdf_matches_density(d).unwrap();
        quantile_inverts_cdf(d).unwrap();
        samples_follow_cdf(d, 10_000, Key::new(1)).unwrap();
    }
});
law!(HasMoments, NoMoments, of_moments, [F: Moments<f64> + Sample<f64>], |d| {
    if !left_out(F::NAME, "moments") {
        moments_match_density(d).unwrap();
    }
    if !left_out(F::NAME, "moments of draws") {
        samples_match_moments(d, 10_000, Key::new(2)).unwrap();
    }
});
law!(HasEntropy, NoEntropy, of_entropy, [F: Entropy<f64> + Sample<f64>], |d| {
    if !left_out(F::NAME, "entropy") {
        entropy_matches_density(d).unwrap();
    }
});
law!(HasSingleCdf, NoSingleCdf, of_single_cdf, [
    F: Sample<f64>, F::Of<f64>: Cdf<f64>, F::Of<SinglePrecision>: Cdf<SinglePrecision>
], |d| {
    for i in 0..4 {
        single_precision_cdf_matches(d, d.sample((), Key::new(11).fold_in(i))).unwrap();
    }
});
law!(HasSingleMoments, NoSingleMoments, of_single_moments, [
    F::Of<f64>: Moments<f64>, F::Of<SinglePrecision>: Moments<SinglePrecision>
], |d| {
    single_precision_moments_match(d).unwrap();
});
law!(HasSingleEntropy, NoSingleEntropy, of_single_entropy, [
    F::Of<f64>: Entropy<f64>, F::Of<SinglePrecision>: Entropy<SinglePrecision>
], |d| {
    single_precision_entropy_matches(d).unwrap();
});
law!(HasDraws, NoDraws, of_draws, [
    F::Of<f64>: Cdf<f64> + Sample<f64>, F::Of<Single>: Reparameterized<Single>,
    for<'t> F::Of<Var<'t, f64>>: Reparameterized<Var<'t, f64>>
], |d| {
    for i in 0..if left_out(F::NAME, "draws") { 0 } else { 4 } {
        let key = Key::new(4).fold_in(i);
        // A smooth function of the noise, or implicit in the distribution function.
        if let Err(implicit) = implicit_gradients_match(d, key) {
            let path = reparameterized_gradients_match(d, key);
            assert!(path.is_ok(), "{implicit}; {}", path.unwrap_err());
        }
    }
});
law!(HasKl, NoKl, of_kl, [
    F: KlDivergence<F, Value = f64>,
    F::Of<f64>: KlDivergence<F::Of<f64>, Value = f64>,
    F::Of<Single>: KlDivergence<F::Of<Single>, Value = Single>
], |d| {
    kl_of_itself_is_zero(d).unwrap();
    kl_at_edges::<F, F>(d, d).unwrap();
});

/// What needs no capability.
fn of_every_family<F: Family>(d: &F) {
    assert!(d.check().is_ok(), "{d:?}");
    for (i, name) in F::PARAMETERS.iter().enumerate() {
        if left_out(F::NAME, "names") {
            let mut bad = d.parameters();
            bad[i] = f64::NAN;
            assert!(F::with::<f64>(&bad).check().is_err(), "{d:?} takes NaN for {name}");
            continue;
        }
        rejects(d, name, &[]).unwrap();
    }
    if !left_out(F::NAME, "edges") {
        density_at_edges(d).unwrap();
    }
    if !d.support().is_discrete() && !left_out(F::NAME, "density") {
        unconstrained_density_matches(d).unwrap();
    }
}

/// The laws of families of matrices, likewise.
struct MatrixLaws<F>(PhantomData<F>);

macro_rules! matrix_law {
    ($yes:ident, $no:ident, $method:ident, [$($bound:tt)+], |$at:ident| $body:block) => {
        trait $yes<F> {
            fn $method(&self, at: &[DMatrix<f64>]);
        }
        impl<F: MatrixFamily> $yes<F> for MatrixLaws<F>
        where
            for<'t> F::Of<'t, f64>: $($bound)+
        {
            fn $method(&self, $at: &[DMatrix<f64>]) $body
        }
        #[allow(dead_code)] // Where all families have it.
        trait $no<F> {
            fn $method(&self, _: &[DMatrix<f64>]) {}
        }
        impl<F: MatrixFamily> $no<F> for &MatrixLaws<F> {}
    };
}

matrix_law!(RowSample, RowNoSample, of_density, [Sample<Var<'t, f64>>], |at| {
    matrix_density_matches::<F>(at, Key::new(5)).unwrap();
});
matrix_law!(RowMoments, RowNoMoments, of_moments, [Sample<Var<'t, f64>> + Moments<Var<'t, f64>>], |at| {
    matrix_moments_match::<F>(at, Key::new(6)).unwrap();
});
matrix_law!(RowCdf, RowNoCdf, of_cdf, [Sample<Var<'t, f64>> + Cdf<Var<'t, f64>>], |at| {
    matrix_cdf_matches::<F>(at, Key::new(10)).unwrap();
});
matrix_law!(RowEntropy, RowNoEntropy, of_entropy, [Sample<Var<'t, f64>> + Entropy<Var<'t, f64>>], |at| {
    matrix_entropy_matches::<F>(at, Key::new(7)).unwrap();
});
matrix_law!(RowPath, RowNoPath, of_path, [Reparameterized<Var<'t, f64>> + Moments<Var<'t, f64>>], |at| {
    if let Err(path) = matrix_draws_have_gradients::<F>(at, Key::new(8)) {
        let moved = matrix_draws_move_moments::<F>(at, Key::new(9));
        assert!(moved.is_ok(), "{path}; {}", moved.unwrap_err());
    }
});

/// One test a family, named after its module.
macro_rules! tests {
    ($([$name:ident $module:ident ($($kind:tt)+)])+) => {
        $(tests!(@test $name $module $($kind)+);)+

        /// Families that have laws to run, by name.
        fn examples() -> Vec<(&'static str, usize)> {
            vec![$((stringify!($name), tests!(@count $name $($kind)+))),+]
        }
    };
    (@test $name:ident $module:ident numbers) => {
        tests!(@numbers $module, $name<f64>);
    };
    (@test $name:ident $module:ident of $($base:ident)+) => {
        tests!(@numbers $module, $name<f64, $($base<f64>),+>);
    };
    (@numbers $module:ident, $ty:ty) => {
        #[test]
        fn $module() {
            for example in <$ty>::EXAMPLES {
                let d: &$ty = &<$ty>::with(example);
                let laws = &Laws::<$ty>(PhantomData);
                of_every_family(d);
                laws.of_density(d);
                laws.of_cdf(d);
                laws.of_moments(d);
                laws.of_entropy(d);
                laws.of_single_cdf(d);
                laws.of_single_moments(d);
                laws.of_single_entropy(d);
                laws.of_draws(d);
                laws.of_kl(d);
            }
        }
    };
    (@test $name:ident $module:ident tape) => {
        tests!(@tape $module, $name<f64>);
    };
    (@test $name:ident $module:ident tape of $($base:ident)+) => {
        tests!(@tape $module, $name<f64, $($base<f64>),+>);
    };
    (@tape $module:ident, $ty:ty) => {
        #[test]
        fn $module() {
            for parameters in <$ty>::EXAMPLES {
                let at = example(parameters);
                let laws = &MatrixLaws::<$ty>(PhantomData);
                laws.of_density(&at);
                laws.of_cdf(&at);
                laws.of_moments(&at);
                laws.of_entropy(&at);
                laws.of_path(&at);
            }
        }
    };
    // The flat prior has laws of its own: see `flat`.
    (@test $name:ident $module:ident flat) => {};
    (@count $name:ident flat) => { 1 };
    (@count $name:ident of $($base:ident)+) => { <$name<f64, $($base<f64>),+> as Family>::EXAMPLES.len() };
    (@count $name:ident numbers) => { <$name<f64> as Family>::EXAMPLES.len() };
    (@count $name:ident tape) => { <$name<f64> as MatrixFamily>::EXAMPLES.len() };
    (@count $name:ident tape of $($base:ident)+) => { <$name<f64, $($base<f64>),+> as MatrixFamily>::EXAMPLES.len() };
}
for_each_family!(tests);

#[test]
fn every_family_has_examples() {
    let without: Vec<_> = examples().into_iter().filter(|(_, n)| *n == 0).collect();
    assert!(without.is_empty(), "no parameters for the laws to run at: {without:?}");
    // A file of the folder that the list does not have is one whose laws do not run.
    let listed = include_str!("../../src/families/mod.rs");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/families");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let helper = ["mod", "linear", "fast_paths"].contains(&name.as_str());
        assert!(helper || listed.contains(&format!("    {name}::")), "{name} is not in the list of families");
    }
}

/// Masses at the limits and a density between, by quadrature of the base between them.
#[test]
fn censored_masses() {
    let (low, high) = (-1.0, 3.0);
    let base = Normal::<f64>::new(0.3, 2.0);
    let d = Censored::<f64, _>::between(base, low, high);
    let inner = Truncated::<f64, _>::between(base, low, high);
    let (p, q) = (base.cdf(low), base.sf(high));
    let mass = 1.0 - p - q;
    let mean = p * low + q * high + mass * inner.mean();
    assert!((d.mean() - mean).abs() < 1e-14 * (1.0 + mean.abs()));
    let square = p * low * low + q * high * high + mass * (inner.variance() + inner.mean().powi(2));
    assert!((d.variance() - (square - mean * mean)).abs() < 1e-13);
    let entropy = -p * p.ln() - q * q.ln() - mass * mass.ln() + mass * inner.entropy();
    assert!((d.entropy() - entropy).abs() < 1e-13);
    let draws = d.draws(20_000, Key::new(3));
    let got = Estimate::of(draws.iter().map(|x| -d.log_prob(*x)));
    assert!((got.value - entropy).abs() < 6.0 * got.standard_error, "{got} {entropy}");
    for (x, cdf) in [(-2.0, 0.0), (low, p), (0.5, base.cdf(0.5)), (high, 1.0), (9.0, 1.0)] {
        assert!((d.cdf(x) - cdf).abs() < 1e-15 && (d.sf(x) - (1.0 - cdf)).abs() < 1e-15, "{x}");
    }
    assert_eq!([d.quantile(1e-3), d.quantile(0.999)], [low, high]);
    assert_eq!(d.quantile(0.5), 0.3);
    for x in [-0.99, 0.5, 2.9] {
        gradients_match(&d, x).unwrap();
        single_precision_matches(&d, x).unwrap();
    }
    // Counts: the sum over what is recorded.
    let d = Censored::<f64, _>::between(Poisson::<f64>::new(4.0), 2.0, 6.0);
    let mass = |k: f64| d.log_prob(k).exp();
    let (sum, mean) =
        (2..=6).fold((0.0, 0.0), |(s, m), k| (s + mass(f64::from(k)), m + mass(f64::from(k)) * f64::from(k)));
    assert!((sum - 1.0).abs() < 1e-14 && (d.mean() - mean).abs() < 1e-13, "{sum} {mean} {}", d.mean());
}

/// Expectations over quantiles have the gradient of differences, on a tape.
#[test]
fn gradients_of_moments_and_entropies_by_quantiles() {
    let at = [0.3, 2.0, -1.0, 3.0].map(|x| DMatrix::from_element(1, 1, x));
    let found = probity_autodiff::check_gradient(
        |p| {
            let base: Normal<Var<'_, f64>> = Normal::new(p[0], p[1]);
            let d: Truncated<Var<'_, f64>, _> = Truncated::between(base, p[2], p[3]);
            let c: Censored<Var<'_, f64>, _> = Censored::between(base, p[2], p[3]);
            d.mean() + d.variance() + d.entropy() + c.mean() + c.variance() + c.entropy()
        },
        &at,
    );
    assert!(found.error < 1e-8, "{found:?}");
    let at = [0.3, 2.0].map(|x| DMatrix::from_element(1, 1, x));
    let found = probity_autodiff::check_gradient(
        |p| {
            let counts: Poisson<Var<'_, f64>> = Poisson::new(p[1]);
            let h: Hurdle<Var<'_, f64>, _> = Hurdle::new(p[0], counts);
            let z: ZeroInflated<Var<'_, f64>, _> = ZeroInflated::new(p[0], counts);
            let t: Truncated<Var<'_, f64>, _> = Truncated::above(counts, 1.0);
            h.entropy() + z.entropy() + t.mean() + t.entropy()
        },
        &at,
    );
    assert!(found.error < 1e-8, "{found:?}");
}

/// Mixtures: implicit gradients of draws move means as the parameters do, quantiles are exact to
/// their gradients, and so is the entropy.
#[test]
fn mixtures_have_pathwise_draws_quantiles_and_entropies() {
    let row = |x: &[f64]| DMatrix::from_row_slice(1, x.len(), x);
    let at = [row(&[0.3, -1.0]), row(&[-1.0, 2.0]), row(&[0.5, 1.5])];
    let found = probity_autodiff::check_gradient(
        |p| {
            let d = Mixture::new(p[0], Normal::new(p[1], p[2]));
            let p = p[0].tape().unwrap().column(&[1e-6, 0.2, 0.5, 0.97, 1.0 - 1e-9]);
            d.entropy() + d.quantile(p).sum()
        },
        &at,
    );
    assert!(found.error < 1e-7, "{found:?}");
    let tape = probity_autodiff::Tape::<f64>::new();
    let on = |x: &DMatrix<f64>| tape.variable(x);
    let p: Vec<_> = at.iter().map(on).collect();
    let d = Mixture::new(p[0], Normal::new(p[1], p[2]));
    let wanted = tape.backward(d.variance() + d.mean() * d.mean() + d.mean());
    let wanted: Vec<DMatrix<f64>> = p.iter().map(|p| wanted.wrt(*p)).collect();
    let one = |i: u64| -> Vec<DMatrix<f64>> {
        let tape = probity_autodiff::Tape::<f64>::new();
        let p: Vec<_> = at.iter().map(|x| tape.variable(x)).collect();
        let d = Mixture::new(p[0], Normal::new(p[1], p[2]));
        let x = d.sample_pathwise(&tape, Key::new(11).fold_in(i), (4, 1));
        let gradients = tape.backward((x * x + x).mean());
        p.iter().map(|p| gradients.wrt(*p)).collect()
    };
    let all: Vec<_> = (0..2000).map(one).collect();
    for (k, wanted) in wanted.iter().enumerate() {
        for place in 0..2 {
            let got = Estimate::of(all.iter().map(|g| g[k][place]));
            // Six standard errors: a false alarm in 5e8.
            let gap = (got.value - wanted[place]).abs();
            assert!(gap < 6.0 * got.standard_error + 1e-12, "{k} {place}: {got} {}", wanted[place]);
        }
    }
    // Two far apart: one bit between them, whatever the rest; and counts, by the sum.
    let tape = probity_autodiff::Tape::<f64>::new();
    let on = |x: &[f64]| tape.variable(&row(x));
    let far = Mixture::new(on(&[0.0, 0.0]), Normal::new(on(&[-500.0, 800.0]), on(&[0.01, 3.0])));
    let parts = [0.01, 3.0].map(|s| Normal::<f64>::new(0.0, s).entropy());
    let want = 2f64.ln() + 0.5 * (parts[0] + parts[1]);
    assert!((far.entropy().item() - want).abs() < 1e-12, "{} {want}", far.entropy().item());
    let counts = Mixture::new(on(&[0.0, 1.0]), Poisson::new(on(&[1.0, 9.0])));
    let mass = |k: f64| counts.log_prob(tape.scalar(k)).item();
    let want: f64 = (0..80).map(|k| -mass(f64::from(k)).exp() * mass(f64::from(k))).sum();
    assert!((counts.entropy().item() - want).abs() < 1e-12, "{} {want}", counts.entropy().item());
    let q = counts.quantile(tape.column(&[0.3, 0.9])).value();
    for (q, p) in q.iter().zip([0.3, 0.9]) {
        let cdf = |k: f64| counts.cdf(tape.scalar(k)).item();
        assert!(cdf(*q) >= p && cdf(q - 1.0) < p, "{q}");
    }
}

/// Where the mask is 0 nothing counts, and nothing has a slope.
#[test]
fn masks_hide_values_and_slopes() {
    let tape = probity_autodiff::Tape::<f64>::new();
    let on = |x: &[f64]| tape.variable(&DMatrix::from_row_slice(1, x.len(), x));
    let (loc, scale) = (on(&[0.3]), on(&[2.0]));
    let base: Normal<Var<'_, f64>> = Normal::new(loc, scale);
    let d = Masked::new(on(&[1.0, 0.0, 1.0]), base);
    let x = on(&[0.5, f64::NAN, -1.0]);
    let plain = Normal::<f64>::new(0.3, 2.0);
    let want = plain.log_prob(0.5) + plain.log_prob(-1.0);
    assert!((d.log_prob_sum(x).item() - want).abs() < 1e-14);
    let sum = d.log_prob_sum(x);
    let slopes = {
        let gradients = tape.backward(sum);
        [gradients.wrt(loc)[0], gradients.wrt(x)[1]]
    };
    assert!(slopes[0].is_finite() && slopes[1] == 0.0, "{slopes:?}");
    // Also where the support begins at 0.
    let positive: Gamma<Var<'_, f64>> = Gamma::new(on(&[2.0]), on(&[1.0]));
    assert_eq!(Masked::new(0.0, positive).log_prob(on(&[-3.0])).item(), 0.0);
    let kl = d.kl(&Masked::new(on(&[1.0, 1.0, 0.0]), Normal::new(tape.scalar(0.0), tape.scalar(1.0))));
    assert_eq!(kl.value().as_slice(), [plain.kl(&Normal::new(0.0, 1.0)), 0.0, 0.0]);
    assert!(Masked::<f64, _>::new(0.5, plain).check().is_err());
    // A divergence from a point is minus the log density there.
    assert_eq!(Delta::<f64>::new(0.5).kl(&plain), -plain.log_prob(0.5));
}
