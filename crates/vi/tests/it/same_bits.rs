//! Same seed, same bits, for any number of threads.

use crate::common::{EightSchools, Regression, normals};
use probity_autodiff::Scalar;
use probity_vi::{Draws, Fit, FullRank, Method, Model, Objective, Report};

/// Everything that a fit gives, but for the time it took.
fn result<T: Scalar, M: Model<T> + Sync + Send>(
    threads: usize,
    fit: Fit<T>,
    model: M,
) -> (Vec<u64>, Draws, Report) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let q = fit.run(model).unwrap();
        let bits = |x: f64| x.to_bits();
        let mut all: Vec<u64> = q.params().as_slice().iter().map(|x| bits(x.to_f64())).collect();
        all.extend(q.history().iter().flat_map(|i| [bits(i.elbo.value()), bits(i.gradient_norm)]));
        let mut report = q.report().clone();
        report.seconds = 0.0;
        (all, q.draws(50).unwrap(), report)
    })
}

fn check<T: Scalar>() {
    let schools = || EightSchools { centred: true };
    let fit = |seed| Fit::<T>::default().steps(60).draws(5).seed(seed);
    let one = result(1, fit(3), schools());
    assert!(one == result(2, fit(3), schools()));
    assert!(one.0 != result(1, fit(4), schools()).0);
    // Large enough for the draws to be shared among threads.
    let large = || Regression { x: normals(1, 4000, 30), y: normals(2, 4000, 1), prior: 1.0, noise: 1.0 };
    assert!(result(1, fit(5), large()) == result(2, fit(5), large()));
    let batches = |threads| result(threads, fit(6).minibatch(1500), large());
    assert!(batches(1) == batches(3));
    let bound = Objective::ImportanceWeighted { draws: 3 };
    let weighted = |threads| result(threads, fit(7).objective(bound).guide(FullRank::new()), large());
    assert!(weighted(1) == weighted(3));
}

/// Also where the fit is solved for, small and large enough to be shared among threads.
#[test]
fn of_solved_fits() {
    let schools = || EightSchools { centred: false };
    let fit = |seed| Fit::new().seed(seed);
    let one = result(1, fit(3), schools());
    assert!(one.2.method == Method::Solved && one == result(2, fit(3), schools()));
    assert!(one.0 != result(1, fit(4), schools()).0);
    let large = || Regression { x: normals(1, 4000, 30), y: normals(2, 4000, 1), prior: 1.0, noise: 1.0 };
    assert!(result(1, fit(5), large()) == result(3, fit(5), large()));
}

#[test]
fn in_double_precision() {
    check::<f64>();
}

#[test]
fn in_single_precision() {
    check::<f32>();
}
