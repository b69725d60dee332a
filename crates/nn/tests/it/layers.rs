//! Layers: their values against loops written out, gradients against differences.

use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_autodiff::{Key, Real, Scalar, Var, formula};
use probity_distributions::{Distribution, Normal};
use probity_nn::heads::GaussianHead;
use probity_nn::*;
use probity_vi::{Fit, LogJoint, Model, Scope};
use std::sync::Arc;

/// `ln p(weights) + Σ c y`, `y` the outputs of a layer at `x`: what is not the prior is linear in
/// the outputs.
#[derive(Clone, Debug)]
struct Probe {
    layer: Arc<dyn Layer<f64>>,
    x: DMatrix<f64>,
}

/// The coefficients of the outputs.
fn c(i: usize) -> f64 {
    (1.0 + i as f64).sin()
}

impl Model<f64> for Probe {
    fn run(&self, s: &mut Scope<'_, f64>) -> probity_vi::Result {
        let x = s.data(&self.x);
        let y = self.layer.forward(s, "l", x)?;
        let (n, m) = y.shape();
        let c = s.tape().constant_with(n, m, |to| to.iter_mut().enumerate().for_each(|(i, to)| *to = c(i)));
        s.factor("sum", (y * c).sum())
    }
}

fn normals(seed: u64, rows: usize, cols: usize) -> DMatrix<f64> {
    let mut m = DMatrix::zeros(rows, cols);
    fill_normal(Key::new(seed), 0, m.as_mut_slice());
    m
}

/// Checks `Σ c y` at normal weights against `value(weights by site)`, and the gradient with respect
/// to all weights against differences.
fn check(
    layer: impl Layer<f64> + 'static,
    x: &DMatrix<f64>,
    value: impl Fn(&dyn Fn(&str) -> DMatrix<f64>) -> DMatrix<f64>,
) {
    let outputs = layer.outputs(x.ncols()).unwrap();
    let mut target = LogJoint::<_, f64>::new(Probe { layer: Arc::new(layer), x: x.clone() }).unwrap();
    let layout = target.layout().clone();
    let mut u = vec![0.0; target.dim()];
    fill_normal(Key::new(5), 0, &mut u);
    u.iter_mut().for_each(|u| *u *= 0.6);
    let site = |name: &str| {
        let site = layout.site(&format!("l.{name}")).unwrap_or_else(|| panic!("no site {name} in {layout}"));
        let (rows, cols) = site.shape;
        DMatrix::from_column_slice(rows, cols, &u[site.offset..site.offset + rows * cols])
    };
    let y = value(&site);
    assert_eq!(y.shape(), (x.nrows(), outputs));
    let prior: f64 = u.iter().map(|u| Normal::<f64>::standard().log_prob(*u)).sum();
    let want: f64 = y.iter().enumerate().map(|(i, y)| c(i) * y).sum();
    let got = target.value(&u).unwrap() - prior;
    assert!((got - want).abs() < 1e-11 * (1.0 + want.abs()), "{got} {want}");
    gradients_are_slopes(&mut target, &u);
}

fn gradients_are_slopes(target: &mut LogJoint<Probe, f64>, u: &[f64]) {
    let mut gradient = vec![0.0; u.len()];
    target.gradient(u, &mut gradient).unwrap();
    for i in 0..u.len() {
        let mut at = |h: f64| {
            let mut u = u.to_vec();
            u[i] += h;
            target.value(&u).unwrap()
        };
        let mut slope = |h: f64| (at(h) - at(-h)) / (2.0 * h);
        let (a, b) = (slope(2e-3), slope(1e-3));
        let want = (4.0 * b - a) / 3.0;
        assert!((gradient[i] - want).abs() < 1e-8 * (1.0 + want.abs()), "{i}: {} {want}", gradient[i]);
    }
}

/// A convolution written out.
fn convolved(
    x: &DMatrix<f64>,
    grid: Grid,
    w: &DMatrix<f64>,
    b: &DMatrix<f64>,
    (kernel, stride, padding): ((usize, usize), (usize, usize), (usize, usize)),
) -> DMatrix<f64> {
    let places = |n: usize, k: usize, s: usize, p: usize| (n + 2 * p - k) / s + 1;
    let high = places(grid.height, kernel.0, stride.0, padding.0);
    let wide = places(grid.width, kernel.1, stride.1, padding.1);
    let mut y = DMatrix::zeros(x.nrows(), w.ncols() * high * wide);
    for i in 0..x.nrows() {
        for out in 0..w.ncols() {
            for oy in 0..high {
                for ox in 0..wide {
                    let mut sum = b[out];
                    for channel in 0..grid.channels {
                        for ky in 0..kernel.0 {
                            for kx in 0..kernel.1 {
                                let (py, px) = (oy * stride.0 + ky, ox * stride.1 + kx);
                                if py < padding.0 || px < padding.1 {
                                    continue;
                                }
                                let (py, px) = (py - padding.0, px - padding.1);
                                if py >= grid.height || px >= grid.width {
                                    continue;
                                }
                                let pixel = x[(i, (channel * grid.height + py) * grid.width + px)];
                                sum += pixel * w[((channel * kernel.0 + ky) * kernel.1 + kx, out)];
                            }
                        }
                    }
                    y[(i, (out * high + oy) * wide + ox)] = sum;
                }
            }
        }
    }
    y
}

#[test]
fn convolutions_are_sums_over_windows() {
    let grid = Grid { channels: 2, height: 5, width: 4 };
    let x = normals(1, 3, grid.len());
    for (stride, padding) in [(1, 0), (2, 1), (1, 2), (3, 0)] {
        let mut conv = Conv2d::new(grid, 3, 3).stride(stride).padding(padding);
        conv.kernel = (3, 2);
        let sizes = (conv.kernel, conv.stride, conv.padding);
        check(conv, &x, |site| convolved(&x, grid, &site("weight"), &site("bias"), sizes));
    }
    let line = Sequence { channels: 4, steps: 10 };
    let row = Grid { channels: 4, height: 1, width: 10 };
    let x = normals(2, 2, line.len());
    for (stride, padding) in [(1, 0), (2, 1)] {
        let conv = Conv1d::new(line, 2, 3).stride(stride).padding(padding);
        assert_eq!(conv.output().steps, (10 + 2 * padding - 3) / stride + 1);
        let sizes = ((1, 3), (1, stride), (0, padding));
        check(conv, &x, |site| convolved(&x, row, &site("weight"), &site("bias"), sizes));
    }
    assert!(Layer::<f64>::outputs(&Conv2d::new(grid, 1, 6), grid.len()).is_err());
    assert!(Layer::<f64>::outputs(&Conv2d::new(grid, 1, 3), 7).is_err());
}

/// Layers without weights, behind a linear map whose weights carry the gradient through them.
fn behind_a_map(
    inputs: usize,
    width: usize,
    layer: impl Layer<f64> + 'static,
    f: impl Fn(&DMatrix<f64>) -> DMatrix<f64>,
) {
    let x = normals(3, 3, inputs);
    let net = Sequential::<f64>::new().then(Linear::new(inputs, width)).then(layer);
    check(net, &x, |site| {
        let mut h = &x * site("0.weight");
        h.row_iter_mut().for_each(|mut row| row += site("0.bias").row(0));
        f(&h)
    });
}

#[test]
fn pools_and_residuals_pass_gradients_on() {
    let grid = Grid { channels: 2, height: 4, width: 6 };
    let pooled = |h: &DMatrix<f64>, size: usize, stride: usize, max: bool| {
        let places = |n: usize| (n - size) / stride + 1;
        let (high, wide) = (places(4), places(6));
        DMatrix::from_fn(h.nrows(), 2 * high * wide, |i, j| {
            let (channel, oy, ox) = (j / (high * wide), j / wide % high, j % wide);
            let window = (0..size * size).map(|k| {
                let (y, x) = (oy * stride + k / size, ox * stride + k % size);
                h[(i, (channel * 4 + y) * 6 + x)]
            });
            if max {
                window.fold(f64::NEG_INFINITY, f64::max)
            } else {
                window.sum::<f64>() / (size * size) as f64
            }
        })
    };
    behind_a_map(2, 48, Pool2d::max(grid, 2), |h| pooled(h, 2, 2, true));
    behind_a_map(2, 48, Pool2d::average(grid, 2), |h| pooled(h, 2, 2, false));
    behind_a_map(2, 48, Pool2d::max(grid, 3).stride(1), |h| pooled(h, 3, 1, true));
    let line = Sequence { channels: 3, steps: 5 };
    behind_a_map(2, 15, Pool1d::max(line, 2), |h| {
        DMatrix::from_fn(h.nrows(), 6, |i, j| {
            let at = j / 2 * 5 + j % 2 * 2;
            h[(i, at)].max(h[(i, at + 1)])
        })
    });
    let twice = Residual::<f64>::new(Activation::Tanh).shortcut(Residual::<f64>::new(Activation::Sigmoid));
    behind_a_map(2, 3, twice, |h| h.map(|h| h + h.sigmoid() + h.tanh()));
    behind_a_map(2, 4, LayerNorm::new(4), |h| {
        let mut y = h.clone();
        for mut row in y.row_iter_mut() {
            let mean = row.mean();
            let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 4.0;
            row.apply(|v| *v = (*v - mean) / (variance + 1e-5).sqrt());
        }
        y
    });
    // Bigger blocks than the input.
    assert!(Layer::<f64>::outputs(&Pool2d::max(grid, 5), grid.len()).is_err());
    let wider = Residual::<f64>::new(Linear::new(3, 4));
    assert!(wider.outputs(3).is_err());
}

#[test]
fn layer_norm_has_gain_and_bias() {
    let x = normals(4, 3, 5);
    check(LayerNorm::new(5).with_prior(Prior::default()), &x, |site| {
        let (gain, bias) = (site("gain"), site("bias"));
        let mut y = x.clone();
        for mut row in y.row_iter_mut() {
            let mean = row.mean();
            let sd = (row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 5.0 + 1e-5).sqrt();
            for j in 0..5 {
                row[j] = (row[j] - mean) / sd * (1.0 + gain[j]) + bias[j];
            }
        }
        y
    });
}

#[test]
fn embeddings_look_up_rows() {
    let x = DMatrix::from_row_slice(2, 3, &[0.0, 4.0, 4.0, 2.0, 1.0, 0.0]);
    check(Embedding::new(5, 2, 3), &x, |site| {
        let w = site("weight");
        DMatrix::from_fn(2, 6, |i, j| w[(x[(i, j % 3)] as usize, j / 3)])
    });
    for bad in [5.0, -1.0, 0.5, f64::NAN] {
        let x = DMatrix::from_element(1, 3, bad);
        let layer = Arc::new(Embedding::new(5, 2, 3));
        let error = LogJoint::<_, f64>::new(Probe { layer, x }).unwrap_err().to_string();
        assert!(error.contains("5 tokens") && error.contains(&format!("{bad}")), "{error}");
    }
}

/// A row of a product and biases.
fn gates(x: &[f64], h: &[f64], site: &dyn Fn(&str) -> DMatrix<f64>) -> Vec<f64> {
    let (w, r, b) = (site("weight"), site("recurrent"), site("bias"));
    let sum = |j: usize| {
        b[j] + x.iter().enumerate().map(|(k, x)| x * w[(k, j)]).sum::<f64>()
            + h.iter().enumerate().map(|(k, h)| h * r[(k, j)]).sum::<f64>()
    };
    (0..b.ncols()).map(sum).collect()
}

/// All states of a recurrent layer of 2 channels, 4 steps and a state of 3, by `step(x, state,
/// cell)`.
fn states(x: &DMatrix<f64>, all: bool, step: impl Fn(&[f64], &mut Vec<f64>, &mut Vec<f64>)) -> DMatrix<f64> {
    let mut y = DMatrix::zeros(x.nrows(), if all { 12 } else { 3 });
    for i in 0..x.nrows() {
        let (mut h, mut cell) = (vec![0.0; 3], vec![0.0; 3]);
        for t in 0..4 {
            step(&[x[(i, t)], x[(i, 4 + t)]], &mut h, &mut cell);
            for (k, h) in h.iter().enumerate() {
                if all {
                    y[(i, 4 * k + t)] = *h;
                } else {
                    y[(i, k)] = *h;
                }
            }
        }
    }
    y
}

#[test]
fn recurrent_layers_are_loops_over_steps() {
    let input = Sequence { channels: 2, steps: 4 };
    let x = normals(6, 3, input.len());
    for all in [false, true] {
        let gru = Gru::new(input, 3);
        let gru = if all { gru.all_states() } else { gru };
        check(gru, &x, |site| {
            states(&x, all, |x, h, _| {
                let a = gates(x, h, site);
                let (r, z): (Vec<f64>, Vec<f64>) =
                    (0..3).map(|k| (a[k].sigmoid(), a[3 + k].sigmoid())).unzip();
                let reset: Vec<f64> = h.iter().zip(&r).map(|(h, r)| h * r).collect();
                let new = gates(x, &reset, site);
                for k in 0..3 {
                    h[k] = z[k] * h[k] + (1.0 - z[k]) * new[6 + k].tanh();
                }
            })
        });
        let lstm = Lstm::new(input, 3);
        let lstm = if all { lstm.all_states() } else { lstm };
        check(lstm, &x, |site| {
            states(&x, all, |x, h, cell| {
                let a = gates(x, h, site);
                for k in 0..3 {
                    cell[k] = (a[3 + k] + 1.0).sigmoid() * cell[k] + a[k].sigmoid() * a[6 + k].tanh();
                    h[k] = a[9 + k].sigmoid() * cell[k].tanh();
                }
            })
        });
    }
}

#[test]
fn dropout_has_the_rate_and_the_mean() {
    #[derive(Clone, Debug)]
    struct Masked(Dropout);
    impl<T: Scalar> Model<T> for Masked {
        fn run(&self, s: &mut Scope<'_, T>) -> probity_vi::Result {
            let w = s.sample("w", Normal::new(0.0, 1.0))?;
            let ones = s.tape().constant_with(100, 100, |x| x.fill(T::from_f64(1.0)));
            let kept = Layer::forward(&self.0, s, "drop", ones)?;
            s.deterministic("kept", kept)?;
            s.observe("y", Normal::new(w + kept.mean() * 0.0, 1.0), 0.3)
        }
    }
    let fit = |dropout| Fit::new().steps(5).elbo_draws(1).run(Masked(dropout)).unwrap();
    let draws = fit(Dropout::new(0.3)).draws(4).unwrap();
    let masks: Vec<DMatrix<f64>> = (0..4).map(|i| draws["kept"].draw(i)).collect();
    for mask in &masks {
        let zeros = mask.iter().filter(|x| **x == 0.0).count() as f64;
        // 10 000 entries: five standard errors of .0046.
        assert!((zeros / 1e4 - 0.3).abs() < 0.023, "{zeros}");
        assert!(mask.iter().all(|x| *x == 0.0 || (x * 0.7 - 1.0).abs() < 1e-15));
    }
    assert!(masks[0] != masks[1]);
    let still = fit(Dropout::new(0.3).only_in_fits()).draws(1).unwrap();
    assert!(still["kept"].draw(0).iter().all(|x| *x == 1.0));
    // At a point, the joint density is a function.
    let mut target = LogJoint::<_, f64>::new(Masked(Dropout::new(0.5))).unwrap();
    assert_eq!(target.value(&[0.4]).unwrap(), target.value(&[0.4]).unwrap());
    assert!(Layer::<f64>::outputs(&Dropout::new(1.0), 3).is_err());
}

#[test]
fn a_scale_times_a_variable_is_the_weight() {
    let layer =
        Linear::new(3, 2).with_priors(RegularizedHorseshoe::default(), RegularizedHorseshoe::default());
    let x = normals(21, 4, 3);
    let mut target = LogJoint::<_, f64>::new(Probe { layer: Arc::new(layer), x: x.clone() }).unwrap();
    let layout = target.layout().clone();
    let mut u = vec![0.0; target.dim()];
    fill_normal(Key::new(9), 0, &mut u);
    let at = |name: &str, of: &[f64]| {
        let site = layout.site(&format!("l.{name}")).unwrap();
        of[site.offset..site.offset + site.shape.0 * site.shape.1].to_vec()
    };
    let factor = |prior: &str, i: usize| {
        let [t, l, c] = ["global", "local", "slab"].map(|s| at(&format!("{prior}.{s}"), &u));
        let (t, l, c2) = (t[0].exp(), l[i].exp(), c[0].exp());
        t * (c2 * l * l / (c2 + t * t * l * l)).sqrt()
    };
    // The sum is linear in z: the differences of the joint density, less those of the prior of z.
    let (z, b) = (at("weight", &u), at("bias", &u));
    let sum = |sign: f64| -> f64 {
        let y = |i: usize, j: usize| -> f64 {
            let weights = (0..3).map(|k| x[(i, k)] * factor("weight_prior", k) * sign * z[k + 3 * j]);
            weights.sum::<f64>() + b[j] * factor("bias_prior", 0)
        };
        (0..8).map(|e| c(e) * y(e % 4, e / 4)).sum()
    };
    let value = target.value(&u).unwrap();
    let mut other = u.clone();
    let site = layout.site("l.weight").unwrap();
    other[site.offset..site.offset + 6].iter_mut().for_each(|z| *z = -*z);
    let difference = value - target.value(&other).unwrap();
    assert!((difference - (sum(1.0) - sum(-1.0))).abs() < 1e-11, "{difference}");
    gradients_are_slopes(&mut target, &u);
}

/// A layer of the user's own.
#[derive(Debug)]
struct Square;
impl<T: Scalar> Layer<T> for Square {
    fn outputs(&self, inputs: usize) -> Result<usize> {
        Ok(inputs)
    }
    fn forward<'t>(&self, s: &mut Scope<'t, T>, name: &str, x: Var<'t, T>) -> probity_vi::Result<Var<'t, T>> {
        let shift = s.within(name, |s| s.sample("shift", Normal::standard().shaped(1, x.ncols())))?;
        Ok(Var::map(formula!(|x, shift| (x + shift) * (x + shift)), [x, shift]))
    }
}

#[test]
fn layers_of_the_user_stand_among_the_others() {
    let x = normals(25, 3, 2);
    let net = Sequential::<f64>::new().then(Linear::new(2, 3)).then(Square);
    check(net, &x, |site| {
        let mut h = &x * site("0.weight");
        h.row_iter_mut().for_each(|mut row| {
            row += site("0.bias").row(0);
            row += site("1.shift").row(0);
        });
        h.map(|h| h * h)
    });
    let error = Network::new(Sequential::<f32>::new().then(Linear::new(3, 1)), GaussianHead::default())
        .fit(&x, &[0.0; 3])
        .unwrap_err();
    assert!(error.to_string().contains("layer 0: network: a linear layer takes 3 columns, not 2"), "{error}");
}
