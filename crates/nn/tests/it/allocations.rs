//! Steps of networks of all layers and heads allocate nothing once the first steps are done. The
//! allocator counts by thread, so that the tests beside it do not matter.

use probity_autodiff::nalgebra::DMatrix;
use probity_nn::heads::*;
use probity_nn::*;
use probity_vi::optim::Adam;
use probity_vi::{Estimator, Fit, StepInfo};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ops::ControlFlow;

struct Counting;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that ends has no counter any more.
        let _ = CALLS.try_with(|c| c.set(c.get() + 1));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The allocations of steps 10 to 30, in a pool of one thread.
fn allocations<N: Layer<f32>, H: Head>(network: &Network<N, H>, x: &DMatrix<f64>, y: &DMatrix<f64>) -> usize {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| {
        let (mut first, mut last) = (0, 0);
        let mut watch = |info: &StepInfo| {
            last = CALLS.get();
            if info.step == 10 {
                first = last;
            }
            ControlFlow::Continue(())
        };
        let fit = Fit::default().steps(31).draws(1).optimizer(Adam::new(0.01)).elbo_draws(0).checked(false);
        let fit = fit.estimator(Estimator::LocalReparameterization);
        network.fit_observed(x, y, fit, &mut [&mut watch]).unwrap();
        last - first
    })
}

fn inputs(columns: usize) -> DMatrix<f64> {
    DMatrix::from_fn(20, columns, |i, j| ((i * 7 + j * 13) % 11) as f64 / 5.0 - 1.0)
}

#[test]
fn layers_allocate_nothing() {
    let y = inputs(1);
    let check = |name: &str, net: Sequential, columns: usize| {
        let network = Network::new(net, GaussianHead::default());
        assert_eq!(allocations(&network, &inputs(columns), &y), 0, "{name}");
    };
    let grid = Grid { channels: 1, height: 6, width: 6 };
    let conv = Conv2d::new(grid, 2, 3);
    let (pool, out) = (Pool2d::max(conv.output(), 2), Linear::new(8, 1));
    check("images", Sequential::new().then(conv).then(Activation::Relu).then(pool).then(out), 36);
    let line = Sequence { channels: 2, steps: 4 };
    let conv = Conv1d::new(line, 3, 3).padding(1);
    let pool = Pool1d::average(conv.output(), 4);
    check("sequences", Sequential::new().then(conv).then(pool).then(Linear::new(3, 1)), 8);
    check("gru", Sequential::new().then(Gru::new(line, 3)).then(Linear::new(3, 1)), 8);
    check("lstm", Sequential::new().then(Lstm::new(line, 3)).then(Linear::new(3, 1)), 8);
    let block = Residual::new(Sequential::new().then(LayerNorm::new(4)).then(Linear::new(4, 4)));
    check("residual", Sequential::new().then(block).then(Dropout::new(0.2)).then(Linear::new(4, 1)), 4);
    let sparse = Linear::new(4, 1).with_priors(RegularizedHorseshoe::default(), Prior::normal(1.0));
    check("horseshoe", Sequential::new().then(sparse), 4);
    let embedding = Sequential::new().then(Embedding::new(3, 2, 4)).then(Linear::new(8, 1));
    let tokens = DMatrix::from_fn(20, 4, |i, j| ((i + j) % 3) as f64);
    let network = Network::new(embedding, GaussianHead::default()).without_standardizing();
    assert_eq!(allocations(&network, &tokens, &y), 0, "embedding");
}

#[test]
fn heads_allocate_nothing() {
    fn of<H: Head>(head: &H, y: &DMatrix<f64>) -> usize {
        let mlp = Mlp::new(&[2, 4, head.outputs()], Activation::Relu);
        allocations(&Network::new(mlp, head.clone()), &inputs(2), y)
    }
    fn check<H: Head>(head: H, y: &DMatrix<f64>) {
        assert_eq!(of(&head, y), 0, "{head:?}");
    }
    let (reals, counts) = (inputs(1), DMatrix::from_fn(20, 1, |i, _| (i % 4) as f64));
    check(GaussianHead::new(Noise::InputDependent), &reals);
    check(StudentTHead::new(), &reals);
    check(QuantileHead::new(0.9), &reals);
    check(MixtureDensityHead::new(2), &reals);
    check(PoissonHead, &counts);
    check(NegativeBinomialHead, &counts);
    // The family lists its labels as indices, twice a step.
    assert!(of(&CategoricalHead::new(4), &counts) <= 40);
    check(BernoulliHead, &counts.map(|c| f64::from(u8::from(c > 1.0))));
    let times = DMatrix::from_fn(20, 2, |i, j| if j == 0 { 1.0 + i as f64 } else { (i % 2) as f64 });
    check(WeibullSurvivalHead, &times);
    check(LogNormalSurvivalHead, &times);
    check(MultivariateGaussianHead::new(2), &inputs(2));
}
