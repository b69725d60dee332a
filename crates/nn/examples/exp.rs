//! experiments (temporary)
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::{fill_normal, fill_uniform};
use probity_nn::*;
use probity_vi::optim::*;
use probity_vi::*;
fn arg(name: &str, d: f64) -> f64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(d)
}
fn main() {
    let seeds = arg("SEEDS", 5.0) as u64;
    let steps = arg("STEPS", 5000.0) as usize;
    let n = 100;
    let mut rows = vec![];
    for seed in 0..seeds {
        let key = Key::new(1000 + seed);
        let x = DMatrix::from_fn(n, 1, |i, _| -3.0 + 6.0 * i as f64 / (n - 1) as f64);
        let mut e = vec![0.0; n];
        fill_normal(key.fold_in(1), 0, &mut e);
        let y: Vec<f64> = (0..n).map(|i| x[i].sin() + 0.1 * e[i]).collect();
        let prior_w = match arg("PRIOR", 0.0) as i32 {
            0 => Prior::normal(arg("PS", 1.0)),
            1 => Prior::fan_in(arg("PS", 1.0)),
            _ => Prior::learned(arg("PS", 1.0)),
        };
        let prior_b = match arg("BPRIOR", 0.0) as i32 {
            0 => Prior::normal(arg("BS", 1.0)),
            _ => Prior::learned(arg("BS", 1.0)),
        };
        let mut net = Mlp::new(&[1, 50, 50, 1], Activation::Relu).priors(prior_w, prior_b);
        if arg("FIRST", 0.0) > 0.0 {
            net.layers[0].weight_prior = Some(Prior::normal(arg("FIRST", 0.0)));
            net.layers[0].bias_prior = Some(Prior::normal(arg("FIRST", 0.0)));
        }
        for i in 0..3 {
            let (w, b) = (arg(&format!("P{i}"), 0.0), arg(&format!("B{i}"), 0.0));
            if w > 0.0 {
                net.layers[i].weight_prior = Some(Prior::normal(w));
            }
            if b > 0.0 {
                net.layers[i].bias_prior = Some(Prior::normal(b));
            }
        }
        let sc = arg("SINIT", 0.02);
        for l in &mut net.layers {
            if let WeightInit::FanIn { scale, .. } = &mut l.init {
                *scale = sc;
            }
        }
        if arg("SEEDINIT", 0.0) > 0.0 {
            net = net.init(WeightInit::seed_recipe());
        }
        let mut spec = Regression::new(net);
        if arg("STD", 1.0) == 0.0 {
            spec = spec.without_standardizing();
        }
        let fit = Fit::<f32>::default()
            .steps(steps)
            .draws(arg("DRAWS", 1.0) as usize)
            .seed(seed)
            .optimizer(Adam::new(arg("LR", 0.01)))
            .schedule(Schedule::HoldThenCosine { hold: arg("HOLD", 0.5), end: 0.01 })
            .kl_weight(if arg("WARM", 0.5) > 0.0 {
                KlWeight::WarmUp(arg("WARM", 0.5))
            } else {
                KlWeight::Full
            })
            .scale_rate(arg("SRATE", 1.0))
            .elbo_draws(0)
            .average(arg("AVG", 0.0))
            .estimator(if arg("LRT", 0.0) > 0.0 {
                Estimator::LocalReparameterization
            } else {
                Estimator::WeightSpace
            });
        let t = std::time::Instant::now();
        let fitted = spec.fit(&x, &y, fit).unwrap();
        let secs = t.elapsed().as_secs_f64();
        let elbo = fitted.posterior().elbo(200).unwrap();
        let g = 400;
        let grid = DMatrix::from_fn(g + 2, 1, |i, _| {
            if i < g {
                -3.0 + 6.0 * i as f64 / (g - 1) as f64
            } else if i == g {
                -6.0
            } else {
                6.0
            }
        });
        let p = fitted.predict(&grid, 100).unwrap();
        let s = 100.0;
        let mut mse = 0.0;
        let mut cover = 0.0;
        let mut epi = 0.0;
        let mut edge = 0.0;
        let mut z = vec![0.0; g];
        fill_normal(key.fold_in(2), 0, &mut z);
        let mut u = vec![0.0; 10];
        fill_uniform(key, 0, &mut u);
        for i in 0..g + 2 {
            let m = p.means.column(i).sum() / s;
            let ev = p.means.column(i).iter().map(|v| (v - m).powi(2)).sum::<f64>() / s;
            let av = (0..100)
                .map(|k| {
                    let c = if p.sds.ncols() == 1 { 0 } else { i };
                    p.sds[(k, c)].powi(2)
                })
                .sum::<f64>()
                / s;
            if i < g {
                mse += (m - grid[i].sin()).powi(2) / g as f64;
                epi += ev.sqrt() / g as f64;
                let yy = grid[i].sin() + 0.1 * z[i];
                if (yy - m).abs() < 1.6449 * (ev + av).sqrt() {
                    cover += 1.0 / g as f64;
                }
            } else {
                edge += ev.sqrt() / 2.0;
            }
        }
        let noise = fitted.noise_sd().unwrap().unwrap();
        rows.push((mse.sqrt(), noise, cover, edge / epi, secs, elbo.value / n as f64, edge));
        println!(
            "{seed}: rmse {:.4} noise {:.4} cover {:.3} ratio {:.1} ({:.2}) elbo/n {:.4} {:.2}s",
            mse.sqrt(),
            noise,
            cover,
            edge / epi,
            edge,
            elbo.value / n as f64,
            secs
        );
    }
    let med = |f: &dyn Fn(&(f64, f64, f64, f64, f64, f64, f64)) -> f64| {
        let mut v: Vec<f64> = rows.iter().map(f).collect();
        v.sort_by(f64::total_cmp);
        (v[(v.len() - 1) / 2] + v[v.len() / 2]) / 2.0
    };
    let mean = |f: &dyn Fn(&(f64, f64, f64, f64, f64, f64, f64)) -> f64| {
        rows.iter().map(f).sum::<f64>() / rows.len() as f64
    };
    println!(
        "median rmse {:.4} noise {:.4} | mean cover {:.3} | ratio med {:.1} min {:.1} | {:.2}s | elbo {:.4}",
        med(&|r| r.0),
        med(&|r| r.1),
        mean(&|r| r.2),
        med(&|r| r.3),
        rows.iter().map(|r| r.3).fold(f64::MAX, f64::min),
        med(&|r| r.4),
        mean(&|r| r.5)
    );
}
