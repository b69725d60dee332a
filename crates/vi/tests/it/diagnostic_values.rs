//! Diagnostics against numbers of a second implementation in NumPy and SciPy, on draws that are
//! made by whole numbers. The tables of ArviZ (`diagnostics.rs`) ask more, but are not always
//! there.

use probity_vi::diagnostics::{Chains, Elpd, Loo, Pareto, Psis, Waic, compare, psis};

/// Numbers between 0 and 1 without order.
fn uniform(i: u64) -> f64 {
    (((i * i * 7919 + i * 104_729) % 10_007) as f64 + 0.5) / 10_007.0
}

/// Chains that remember a share of their last draw. The k-th of them is moved k times, and its
/// distances are `wide` to the power k.
fn chains(chains: u64, draws: u64, memory: f64, shift: f64, wide: f64, of_few_values: bool) -> Chains {
    let chain = |k: u64| {
        let mut x = 0.0;
        let draw = |t: u64| {
            x = memory * x + (uniform(1000 * k + t + 1) - 0.5);
            let value = shift * k as f64 + wide.powi(k as i32) * x;
            if of_few_values { (4.0 * value).floor() } else { value }
        };
        (0..draws).map(draw).collect::<Vec<f64>>()
    };
    Chains::new(&(0..chains).map(chain).collect::<Vec<_>>()).unwrap()
}

#[track_caller]
fn close(got: f64, want: f64, what: &str) {
    assert!((got - want).abs() <= 1e-9 * want.abs().max(1e-3), "{what}: {got} {want}");
}

#[test]
fn chains_have_the_numbers_of_a_second_implementation() {
    type Row = (&'static str, u64, u64, f64, f64, f64, bool, [f64; 16]);
    #[rustfmt::skip]
    let cases: [Row; 7] = [
        ("independent", 4, 61, 0.0, 0.0, 1.0, false, [
            1.0066593331, 1.00959057864, 217.230423609, 284.550143553, 214.888636498, 306.308140377, 203.087947054, 263.458190038,
            0.0203245757239, 0.00727730955608, 0.0175377235935, -0.273248725892, -0.0278329759332, 0.297939588471, 256.258595636, 0.00334765664035,
        ]),
        ("slow", 3, 100, 0.9, 0.0, 1.0, false, [
            1.38871115912, 1.4295021128, 7.43374246137, 40.83828774, 7.04947003518, 26.158343459, 9.78066559033, 16.0364968699,
            0.243245188773, 0.0684842993665, 0.0897056400671, -0.704176503742, -0.335294113705, 0.645836362436, 61.6759862515, 0.181088936798,
        ]),
        ("alternating", 2, 40, -0.8, 0.0, 1.0, false, [
            1.04576548277, 0.974812290134, 152.247198959, 15.0524856407, 152.247198959, 9.30125606098, 152.247198959, 63.8971315529,
            0.0368247899307, 0.145686080006, 0.108786190775, -0.244482756387, -0.0302226822514, 0.454375528849, 57.0547099959, 0.38828326642,
        ]),
        ("shifted", 3, 30, 0.3, 0.5, 1.0, false, [
            1.64636592553, 1.7398910386, 6.093566451, 57.1582104474, 5.69236258526, 31.1195918633, 5.86171416812, 24.1868198307,
            0.196202468786, 0.0487144215341, 0.097564793529, 0.145889797115, 0.37403015481, 0.468113046728, 22.5377897212, 0.0543509480395,
        ]),
        ("wider", 4, 50, 0.0, 0.0, 3.0, false, [
            1.5340842542, 1.00697941776, 188.968156415, 44.60290443, 175.785330085, 10.0823474388, 201.527524849, 60.2725326126,
            0.316332420434, 1.4389264357, 3.01558908764, -0.888248226242, -0.14753122814, 4.19406366613, 14.4300668852, 1.45832916958,
        ]),
        ("alone", 1, 24, 0.5, 0.0, 1.0, false, [
            1.15637662713, 1.16896661223, 7.32696295304, 24.3069053708, 6.52142758863, 33.1250698011, 13.3445661331, 33.1250698011,
            0.145152031661, 0.0255064852509, 0.0421313600987, -0.313160395877, -0.077607764478, 0.370675990847, 33.1250698011, 0.0792054936544,
        ]),
        ("of few values", 2, 50, 0.5, 0.0, 1.0, true, [
            0.999186452452, 0.99959097674, 44.5327475744, 70.9926116287, 44.1428462909, 98.127216092, 63.0224365433, 56.2247421535,
            0.199188499329, 0.070333636964, 0.0, -2.0, -0.81, 1.32341004281, 70.9926116287, 0.0,
        ]),
    ];
    for (name, m, n, memory, shift, wide, of_few_values, want) in cases {
        let c = chains(m, n, memory, shift, wide, of_few_values);
        let got = [
            ("r_hat", c.r_hat()),
            ("r_hat_split", c.r_hat_split()),
            ("ess_bulk", c.ess_bulk()),
            ("ess_tail", c.ess_tail()),
            ("ess_mean", c.ess_mean()),
            ("ess_sd", c.ess_sd()),
            ("ess_median", c.ess_median()),
            ("ess of the 10 % quantile", c.ess_quantile(0.1)),
            ("mcse_mean", c.mcse_mean()),
            ("mcse_sd", c.mcse_sd()),
            ("mcse of the 90 % quantile", c.mcse_quantile(0.9)),
            ("30 % quantile", c.quantile(0.3)),
            ("mean", c.mean()),
            ("sd", c.sd()),
            ("ess of the 90 % quantile", c.ess_quantile(0.9)),
            ("mcse of the 2 % quantile", c.mcse_quantile(0.02)),
        ];
        for ((what, got), want) in got.into_iter().zip(want) {
            close(got, want, &format!("{name}, {what}"));
        }
        assert_eq!(
            (c.chains(), c.draws_per_chain(), c.draws().len()),
            (m as usize, n as usize, (m * n) as usize)
        );
    }
}

/// Where the sum of autocorrelations ends before they have died out.
#[test]
fn effective_draws_of_short_slow_chains_are_those_of_a_second_implementation() {
    #[rustfmt::skip]
    let one = [
        2.40823996531, 2.40823996531, 4.6689075023, 4.6689075023, 7.22471989594, 7.22471989594,
        2.76536231556, 2.74753853267, 3.47519352468, 3.77344773988, 3.892411498, 4.66130139064,
        6.13683543566, 6.82561714859, 8.06680153422, 8.28281240569, 8.51176666978, 8.74770412569,
        8.62339902229, 8.26731238782,
    ];
    #[rustfmt::skip]
    let three = [
        12.9501749526, 12.9501749526, 22.5949050919, 22.5949050919, 33.1250698011, 33.1250698011,
        10.9920996382, 12.091377817, 16.9242940047, 17.9785018156, 19.2685793935, 12.7908750814,
        15.1839731705, 12.3229488188, 10.1498204877, 8.78005539284, 9.85766478861, 9.64027777801,
        8.25113926427, 7.82555688323,
    ];
    for (n, (one, three)) in (4..).zip(one.into_iter().zip(three)) {
        close(chains(1, n, 0.99, 0.0, 1.0, false).ess_mean(), one, &format!("a chain of {n}"));
        close(chains(3, n, 0.9, 0.0, 1.0, false).ess_mean(), three, &format!("three chains of {n}"));
    }
}

/// The second pair of autocorrelations is larger than the first, and counts no more than that.
#[test]
fn effective_draws_of_a_drifting_cycle_are_those_of_a_second_implementation() {
    let cycle = [10.0, -8.0, 3.0, 4.0, -9.0].repeat(10);
    let draws: Vec<f64> = cycle.iter().zip(0..).map(|(x, i)| x + 0.5 * f64::from(i)).collect();
    close(Chains::new(&[draws]).unwrap().ess_mean(), 2.22863386377, "effective draws");
}

/// Of an odd number the draw in the middle is left out: nothing is left to compare.
#[test]
fn chains_that_move_in_the_middle_alone_have_no_r_hat() {
    let c = Chains::new(&[vec![1.0, 1.0, 5.0, 1.0, 1.0]]).unwrap();
    assert!(c.r_hat_split().is_nan() && c.r_hat().is_nan() && c.ess_mean() == 4.0);
    assert!(c.quantile(0.5) == 1.0 && c.quantile(1.0) == 5.0);
    // One chain that stands still among others.
    let moves = |k: u64| (0..40).map(|i| uniform(100 * k + i)).collect::<Vec<f64>>();
    assert!(Chains::new(&[vec![0.5; 40], moves(1), moves(2)]).unwrap().r_hat_split().is_finite());
    let mut draws = vec![0.0; 9];
    draws[3] = f64::NAN;
    assert!(Chains::new(&[draws]).unwrap().quantile(0.5).is_nan());
}

#[test]
fn errors_of_quantiles_beyond_all_draws_are_not_numbers() {
    let c = chains(2, 30, 0.3, 0.5, 1.0, false);
    for p in [-0.1, 1.1, f64::NAN] {
        assert!(c.mcse_quantile(p).is_nan(), "{p}");
    }
    assert!(c.ess_quantile(f64::NAN).is_nan());
    for p in [0.0, 1.0] {
        assert!(c.mcse_quantile(p) >= 0.0, "{p}");
    }
}

#[test]
fn weights_have_the_numbers_of_a_second_implementation() {
    // Draws, the shape of the ratios' tail, the efficiency; k̂, effective draws, the sum of i ln wᵢ
    // / n, the largest ln w, the weighted mean of i / n.
    #[rustfmt::skip]
    let cases: [(u64, f64, f64, [f64; 5]); 6] = [
        (25, 0.6, 1.0, [-0.122564998214, 14.8022264409, -46.0028607371, -2.10535604628, 0.477377551758]),
        (200, 0.4, 1.0, [0.199602473018, 142.638852554, -544.151747802, -3.72035188452, 0.506242305447]),
        (200, 1.1, 1.0, [0.707324269263, 17.966403765, -640.77854974, -1.70523625013, 0.571319788361]),
        (100, 0.6, 0.3, [0.301257649664, 49.8331927062, -246.368758381, -2.71819801409, 0.50261499877]),
        (300, -0.5, 1.0, [-0.458477392815, 263.179509084, -875.312692132, -5.28136660643, 0.500030804484]),
        (300, 0.7, 2.0, [0.444200752784, 86.9094841747, -918.103173359, -2.83834258989, 0.520317246357]),
    ];
    for (n, shape, efficiency, want) in cases {
        let ratios: Vec<f64> = (1..=n).map(|i| -shape * uniform(i).ln()).collect();
        let got = psis(&ratios, efficiency);
        let index: Vec<f64> = (1..=n).map(|i| i as f64 / n as f64).collect();
        let sum = index.iter().zip(&got.log_weights).map(|(i, w)| i * w).sum();
        let largest = got.log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for (got, want) in [got.k_hat, got.ess, sum, largest, got.mean(&index)].into_iter().zip(want) {
            close(got, want, &format!("{n} draws, shape {shape}"));
        }
        close(got.weights().iter().sum(), 1.0, "sum of weights");
    }
}

/// Most draws have weights below the smallest number.
#[test]
fn weights_of_draws_far_out_are_not_smoothed() {
    let ratio = |i: u64| if i.is_multiple_of(9) { -0.6 * uniform(i).ln() } else { -2000.0 - uniform(i) };
    let got = psis(&(1..=100).map(ratio).collect::<Vec<_>>(), 1.0);
    close(got.k_hat, 0.073612799213, "shape");
    close(got.ess, 6.90148592702, "effective draws");
    // Four that count, and one at the edge of what a number can hold, which is
    // exp(-708.3964185...): no tail can be fitted.
    let five = |edge: f64| {
        let mut ratios = vec![-2000.0; 16];
        ratios.extend([edge, -0.3, -0.2, -0.1, 0.0]);
        psis(&ratios, 1.0)
    };
    let got = five(-708.396_418_5);
    assert!(got.k_hat == f64::INFINITY && five(-708.5).k_hat == f64::INFINITY, "{}", got.k_hat);
    // Somewhat above that edge one can.
    assert!(five(-708.0).k_hat.is_finite() && !five(-708.0).is_reliable());
    close(got.log_weights[17] - got.log_weights[20], -0.3, "raw weights");
}

/// Ratios are equal where they differ by 1e-9 at most.
#[test]
fn weights_that_differ_by_rounding_have_no_tail() {
    let k_hat = |below: f64| psis(&[vec![below; 24], vec![0.0; 6]].concat(), 1.0).k_hat;
    assert_eq!((k_hat(-0.8e-9), k_hat(-1e-9)), (f64::NEG_INFINITY, f64::NEG_INFINITY));
    assert!(k_hat(-1.1e-9) > f64::NEG_INFINITY);
}

#[test]
fn a_shape_at_its_limit_is_reliable() {
    for n in [50, 100, 10_000] {
        let k_hat = Psis::k_limit(n);
        let at = Psis { k_hat, log_weights: vec![-(n as f64).ln(); n], ess: n as f64 };
        assert!(at.is_reliable() && !Psis { k_hat: k_hat + 1e-9, ..at }.is_reliable(), "{n}");
        let elpd = Waic::new(&[0.0; 4], 2).unwrap().elpd;
        let loo = Loo { elpd, k_hat: vec![k_hat, k_hat + 1e-9, f64::NAN, 0.1], draws: n };
        assert_eq!((loo.unreliable(), loo.above(k_hat)), (vec![1, 2], 2), "{n}");
    }
    close(Psis::k_limit(1000), 2.0 / 3.0, "limit");
}

#[test]
fn tails_have_the_shape_and_scale_of_a_second_implementation() {
    #[rustfmt::skip]
    let cases = [
        (2, 0.284472813881, 1.35894264714),
        (3, 0.14990932046, 1.53534136587),
        (6, 0.350052481832, 2.57708017282),
        (7, 0.447659290786, 1.7201935311),
        (40, 0.157594835559, 1.88710417782),
    ];
    for (n, shape, scale) in cases {
        let mut x: Vec<f64> = (12..12 + n).map(|i| -2.0 * uniform(i).ln()).collect();
        x.sort_by(f64::total_cmp);
        let fit = Pareto::fit(&x);
        close(fit.shape, shape, &format!("shape of {n}"));
        close(fit.scale, scale, &format!("scale of {n}"));
    }
    // With an infinite one, or with zeros up to the lower quartile, there is none.
    assert!(Pareto::fit(&[1.0, 2.0, 3.0, f64::INFINITY]).shape.is_nan());
    assert!(Pareto::fit(&[0.0, 0.0, 1.0, 2.0, 3.0, 4.0]).shape.is_nan());
}

/// Three observations at 400 draws of a mean.
fn log_likelihood() -> (Vec<f64>, Vec<f64>) {
    let means: Vec<f64> = (1..=400).map(|i| uniform(i) - 0.5).collect();
    let terms = |m: &f64| [0.3, -1.2, 2.0].map(|y: f64| -0.5 * (y - m).powi(2) - 0.9);
    (means.iter().flat_map(terms).collect(), means)
}

#[test]
fn predictive_accuracy_has_the_numbers_of_a_second_implementation() {
    let (terms, means) = log_likelihood();
    let ratios: Vec<f64> = means.iter().map(|m| 3.0 * m).collect();
    let loo = Loo::new(&terms, 3, 0.7).unwrap();
    let guide = Loo::of_guide(&terms, 3, &ratios).unwrap();
    let waic = Waic::new(&terms, 3).unwrap();
    let check = |got: &Elpd, want: [f64; 3], what: &str| {
        for (got, want) in [got.value, got.standard_error, got.effective_parameters].into_iter().zip(want) {
            close(got, want, what);
        }
    };
    check(&loo.elpd, [-5.83519602292, 1.87300297286, 0.463967879869], "draws of the posterior");
    check(&guide.elpd, [-5.53289731954, 1.49170470925, 0.281003323887], "draws of a guide");
    check(&waic.elpd, [-5.84724929988, 1.88343728903, 0.47602115683], "criterion");
    let shapes = [
        [-0.765291791794, -0.338388854439, -0.736750069443],
        [-0.250484853035, -0.181791382018, -0.313528602513],
    ];
    for (loo, shapes) in [&loo, &guide].into_iter().zip(shapes) {
        loo.k_hat.iter().zip(shapes).for_each(|(got, want)| close(*got, want, "shape"));
    }
    assert_eq!(loo.elpd.to_string(), "elpd -5.8 ± 1.9 of 3 observations, 0.5 effective parameters");
    let mut terms = terms;
    terms[4] = f64::INFINITY;
    let bad = Loo::new(&terms, 3, 1.0).unwrap();
    assert!(
        bad.elpd.pointwise[1].is_nan() && bad.k_hat[1].is_nan() && bad.elpd.effective_parameters.is_nan()
    );
    assert_eq!(loo.to_string(), format!("{}; k̂ too high for 0", loo.elpd));
}

#[test]
fn differences_in_size_are_told_with_both_sizes() {
    let text = Chains::new(&[vec![1.0; 5], vec![1.0; 6]]).unwrap_err().to_string();
    assert!(text.contains("chain 0 has 5 draws, but chain 1 has 6"), "{text}");
    let [two, three] = [2, 3].map(|n| Waic::new(&[0.0; 6], n).unwrap().elpd);
    let text = compare(&[&two, &three]).unwrap_err().to_string();
    assert!(text.contains("model 0 has 2 observations, but model 1 has 3"), "{text}");
}

#[test]
fn models_without_a_number_come_last() {
    let elpd = |pointwise: [f64; 3]| Elpd {
        value: pointwise.iter().sum(),
        standard_error: 0.0,
        effective_parameters: 0.0,
        pointwise: pointwise.to_vec(),
    };
    let models = [elpd([f64::NAN, 0.0, 0.0]), elpd([-4.0, -2.0, -9.0]), elpd([-1.0, -3.0, -5.0])];
    let order = compare(&models.each_ref()).unwrap();
    assert_eq!(order.iter().map(|c| c.model).collect::<Vec<_>>(), [2, 1, 0]);
    // Differences -3, 1, -4: their mean is -2, their variance 7.
    close(order[1].difference, -6.0, "difference");
    close(order[1].standard_error, 21.0_f64.sqrt(), "standard error");
    assert!(order[2].difference.is_nan() && order[2].standard_error.is_nan());
}
