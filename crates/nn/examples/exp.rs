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
fn net(inputs: usize, outputs: usize) -> Mlp {
    if arg("DEFAULTS", 0.0) > 0.0 {
        return Regression::default_for(inputs, &[50, 50]).net;
    }
    let h = arg("HID", 50.0) as usize;
    let widths =
        if arg("DEPTH", 2.0) == 1.0 { vec![inputs, h, outputs] } else { vec![inputs, h, h, outputs] };
    let mut net = Mlp::new(&widths, Activation::Relu);
    let last = net.layers.len() - 1;
    for (i, l) in net.layers.iter_mut().enumerate() {
        let c = if i == 0 {
            0
        } else if i == last {
            2
        } else {
            1
        };
        let e = |n: &str, d: f64| arg(&format!("{n}{c}"), d);
        let fan = (l.inputs as f64).sqrt();
        let w = match c {
            0 => e("P", 2.0) / fan.powf(arg("FAN0", 0.0)),
            1 => e("P", 1.0) / fan,
            _ => e("P", 1.0),
        };
        let prior = |s: f64, k: f64| match k as i32 {
            0 => Prior::normal(s),
            1 => Prior::learned(s),
            _ => Prior { family: PriorFamily::Normal, scale: PriorScale::LearnedPerInput(s * fan) },
        };
        l.weight_prior = Some(prior(w, e("K", 0.0)));
        l.bias_prior = Some(prior(e("B", [5.0, 2.0, 1.0][c]), e("KB", 0.0)));
        let g = if c == 2 { 1.0 } else { std::f64::consts::SQRT_2 };
        l.init = WeightInit::FanIn {
            gain: e("G", 1.0) * g,
            bias: e("I", 1.0) * if c == 0 { fan } else { 1.0 },
            scale: e("S", arg("SINIT", 0.02)),
        };
    }
    net
}
fn fit(seed: u64, steps: usize) -> Fit<f32> {
    if arg("DEFAULTS", 0.0) > 0.0 {
        return Regression::default_fit(100).seed(seed).elbo_draws(0).history_every(1000);
    }
    Fit::<f32>::default()
        .steps(steps)
        .draws(arg("DRAWS", 1.0) as usize)
        .seed(seed)
        .optimizer(Adam::new(arg("LR", 0.02)).betas(0.9, arg("BETA2", 0.999)))
        .schedule(Schedule::HoldThenCosine { hold: arg("HOLD", 0.5), end: arg("END", 0.01) })
        .kl_weight(KlWeight::WarmUp(arg("WARM", 0.3)))
        .scale_rate(arg("SRATE", 3.0))
        .elbo_draws(0)
        .average(arg("AVG", 0.0))
        .history_every(1000)
        .estimator(Estimator::LocalReparameterization)
}
fn med(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    (v[(v.len() - 1) / 2] + v[v.len() / 2]) / 2.0
}
fn mean(v: &[f64]) -> f64 {
    v.iter().sum::<f64>() / v.len() as f64
}
fn uci(name: &str) {
    let text = std::fs::read_to_string(format!("{}/uci/{name}/data.csv", std::env::var("PROBITY_REFERENCE_DATA").unwrap())).unwrap();
    let rows: Vec<Vec<f64>> =
        text.lines().skip(1).map(|l| l.split(',').map(|c| c.trim().parse().unwrap()).collect()).collect();
    let (n, k) = (rows.len(), rows[0].len() - 1);
    let (mut lls, mut covers, mut rmses, mut times) = (vec![], vec![], vec![], vec![]);
    for seed in arg("SEED0", 0.0) as u64..arg("SEEDS", 5.0) as u64 {
        let mut u = vec![0.0_f64; n];
        fill_uniform(Key::new(77).fold_in(seed), 0, &mut u);
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| u[*a].total_cmp(&u[*b]));
        let cut = n / 10;
        let table = |o: &[usize]| {
            (
                DMatrix::from_fn(o.len(), k, |i, j| rows[o[i]][j]),
                o.iter().map(|i| rows[*i][k]).collect::<Vec<f64>>(),
            )
        };
        let (tx, ty) = table(&order[..cut]);
        let (x, y) = table(&order[cut..]);
        let noise = if arg("HET", 0.0) > 0.0 { Noise::InputDependent } else { Noise::Learned };
        let spec = Regression::new(net(k, noise.outputs())).noise(noise);
        let mut f = fit(seed, arg("STEPS", 20000.0) as usize);
        if n > 128 {
            f = f.minibatch(arg("BATCH", 128.0) as usize);
        }
        let t = std::time::Instant::now();
        let fitted = spec.fit(&x, &y, f).unwrap();
        times.push(t.elapsed().as_secs_f64());
        let p = fitted.predict(&tx, 100).unwrap();
        let (mut ll, mut cover, mut mse) = (0.0, 0.0, 0.0);
        for i in 0..cut {
            let (mut top, mut logs) = (f64::MIN, vec![]);
            let mut cdf = 0.0;
            for d in 0..100 {
                let s = p.sds[(d, if p.sds.ncols() == 1 { 0 } else { i })];
                let z = (ty[i] - p.means[(d, i)]) / s;
                let l = -0.5 * z * z - s.ln() - 0.918938533;
                top = f64::max(top, l);
                logs.push(l);
                cdf += 0.01 / (1.0 + (-1.5957691 * z - 0.07135 * z * z * z).exp());
            }
            ll += (top + logs.iter().map(|l| (l - top).exp()).sum::<f64>().ln() - 100f64.ln()) / cut as f64;
            cover += f64::from((0.05..0.95).contains(&cdf)) / cut as f64;
            mse += (p.means.column(i).mean() - ty[i]).powi(2) / cut as f64;
        }
        lls.push(ll);
        covers.push(cover);
        rmses.push(mse.sqrt());
    }
    let each: Vec<String> = lls.iter().zip(&covers).map(|(l, c)| format!("{l:.2}/{c:.2}")).collect();
    println!(
        "{name:10} ll {:.3} cover {:.3} rmse {:.3} {:.1}s  [{}]",
        mean(&lls),
        mean(&covers),
        mean(&rmses),
        mean(&times),
        each.join(" ")
    );
}
fn main() {
    if let Ok(names) = std::env::var("UCI") {
        names.split(',').for_each(uci);
        return;
    }
    let seeds = arg("SEEDS", 5.0) as u64;
    let steps = arg("STEPS", 5000.0) as usize;
    let n = 100;
    let (mut rm, mut no, mut co, mut ra, mut se, mut el, mut ep) =
        (vec![], vec![], vec![], vec![], vec![], vec![], vec![]);
    for seed in arg("SEED0", 0.0) as u64..seeds {
        let key = Key::new(1000 + seed);
        let x = DMatrix::from_fn(n, 1, |i, _| -3.0 + 6.0 * i as f64 / (n - 1) as f64);
        let mut e = vec![0.0; n];
        fill_normal(key.fold_in(1), 0, &mut e);
        let y: Vec<f64> = (0..n).map(|i| x[i].sin() + 0.1 * e[i]).collect();
        let spec = Regression::new(net(1, 1));
        let t = std::time::Instant::now();
        let Ok(fitted) = spec.fit(&x, &y, fit(seed, steps)) else {
            println!("failed");
            return;
        };
        se.push(t.elapsed().as_secs_f64());
        el.push(fitted.posterior().elbo(50).unwrap().value / n as f64);
        let g = 400;
        let grid = DMatrix::from_fn(g + 2, 1, |i, _| {
            if i < g { -3.0 + 6.0 * i as f64 / (g - 1) as f64 } else { [-6.0, 6.0][i - g] }
        });
        let p = fitted.predict(&grid, 100).unwrap();
        let (mut mse, mut cover, mut epi, mut edge) = (0.0, 0.0, 0.0, f64::MAX);
        let mut z = vec![0.0; g];
        fill_normal(key.fold_in(2), 0, &mut z);
        for i in 0..g + 2 {
            let m = p.means.column(i).mean();
            let ev = p.means.column(i).iter().map(|v| (v - m).powi(2)).sum::<f64>() / 100.0;
            let av = p.sds.column(0).iter().map(|s| s * s).sum::<f64>() / 100.0;
            if i < g {
                mse += (m - grid[i].sin()).powi(2) / g as f64;
                epi += ev.sqrt() / g as f64;
                let yy = grid[i].sin() + 0.1 * z[i];
                cover += f64::from((yy - m).abs() < 1.6449 * (ev + av).sqrt()) / g as f64;
            } else {
                edge = f64::min(edge, ev.sqrt());
            }
        }
        let noise = fitted.noise_sd().unwrap().unwrap();
        rm.push(mse.sqrt());
        no.push(noise);
        co.push(cover);
        ra.push(edge / epi);
        ep.push(epi);
        if arg("V", 0.0) > 0.0 {
            println!(
                "| {seed} | {:.4} | {noise:.4} | {cover:.3} | {:.1} | {:.3} | {:.3} | {:.2} |",
                mse.sqrt(),
                edge / epi,
                epi,
                el.last().unwrap(),
                se.last().unwrap()
            );
        }
    }
    println!(
        "rmse {:.4} (max {:.3}) noise {:.4} cover {:.3} epi {:.3} ratio {:.1} min {:.1} | {:.2}s elbo {:.3}",
        med(rm.clone()),
        rm.iter().cloned().fold(0.0, f64::max),
        med(no),
        mean(&co),
        med(ep),
        med(ra.clone()),
        ra.iter().cloned().fold(f64::MAX, f64::min),
        med(se),
        mean(&el)
    );
}
