//! The gamma and beta family against golden values (`tools/golden/gamma.py`), and its internal identities.

use probity_autodiff::math::{beta_inc, gamma, gamma_inc, student_t};
use probity_autodiff::{Dual, F32, Real};

type D = Dual<f64, 3>;

/// The function's value with its derivatives.
fn eval(name: &str, args: &[f64]) -> D {
    let v: Vec<D> = args.iter().enumerate().map(|(i, &x)| D::variable(x, i)).collect();
    match name {
        "lgamma" => v[0].lgamma(),
        "digamma" => v[0].digamma(),
        "ln_beta" => v[0].ln_beta(v[1]),
        "gamma_p" => v[0].gamma_p(v[1]),
        "gamma_q" => v[0].gamma_q(v[1]),
        "log_gamma_p" => v[0].log_gamma_p(v[1]),
        "log_gamma_q" => v[0].log_gamma_q(v[1]),
        "beta_inc" => v[0].beta_inc(v[1], v[2]),
        "beta_inc_upper" => beta_inc::beta_tails(v[0], v[1], v[2]).upper,
        "gamma_q_inv" => D::constant(gamma_inc::gamma_q_inv(args[0], args[1])),
        _ => v[0].polygamma(name.strip_prefix("polygamma").unwrap().parse().unwrap()),
    }
}

#[test]
fn golden_values_and_derivatives() {
    let mut worst = (0.0, 0.0);
    for line in include_str!("golden/gamma.csv").lines() {
        let (name, rest) = line.split_once(',').unwrap();
        let numbers: Vec<f64> = rest.split(',').map(|x| x.parse().unwrap()).collect();
        let count = match name {
            "gamma_q_inv" => 2,
            _ => (numbers.len() - 1) / 2,
        };
        let (args, want) = numbers.split_at(count);
        let got = eval(name, args);
        let conditioning: f64 = args.iter().zip(&want[1..]).map(|(x, d)| (x * d).abs()).sum();
        let ulps = |got: f64, want: f64, size: f64| {
            if got == want { 0.0 } else { (got - want).abs() / size / f64::EPSILON }
        };
        let c = ulps(got.re, want[0], want[0].abs() + conditioning);
        worst.0 = f64::max(worst.0, c);
        assert!(c <= 50.0, "{name}{args:?}: {} instead of {}, {c} ulp", got.re, want[0]);
        for (i, d) in want[1..].iter().enumerate() {
            // A slope moves by the relative change of the value, or by that of the value's own scale.
            let moves = d.abs() * (1.0 + conditioning / want[0].abs().max(f64::MIN_POSITIVE));
            let c = ulps(got.du[i], *d, moves + (want[0].abs() + conditioning) / args[i].abs());
            worst.1 = f64::max(worst.1, c);
            assert!(c <= 50.0, "{name}{args:?}: slope {i} is {} instead of {d}, {c} ulp", got.du[i]);
        }
    }
    println!("worst value {:.1} ulp, worst slope {:.1} ulp", worst.0, worst.1);
}
