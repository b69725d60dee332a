//! Inference on a compiled Stan model: its density behind the C interface of BridgeStan is a target
//! like any other.
//!
//! `bridgestan` without arguments says what it needs.

pub(crate) mod stan;

use probity_examples::console::end;
use probity_examples::say;
use probity_examples::timing::microseconds_of;
use probity_vi::Target;
use probity_vi::ladder::Ladder;
use std::error::Error;
use std::process::ExitCode;

const HELP: &str = "\
Infers the parameters of a Stan model that BridgeStan 2 has compiled, with default settings.

usage: bridgestan MODEL_model.so [DATA.json]
       bridgestan --cost MODEL_model.so DATA.json...

With --cost it prints how long a gradient takes.

The library is made by BridgeStan and a C++ compiler, of a model in MODEL.stan:

  git clone --recursive https://github.com/roualdes/bridgestan
  make -C bridgestan /path/to/MODEL_model.so

or it is that of the Python package stanli, which needs no compiler: its data come with the program
(bench/peers/stan_side.py writes some).
";

fn main() -> ExitCode {
    end(run(&std::env::args().skip(1).collect::<Vec<_>>()))
}

/// The program with these arguments.
pub fn run(args: &[String]) -> Result<(), Box<dyn Error>> {
    if let [flag, library, data @ ..] = args
        && flag == "--cost"
    {
        return cost(library, data);
    }
    let Some(library) = args.first().filter(|a| !a.starts_with('-')) else {
        say!("{HELP}");
        return Ok(());
    };
    let model = open(library, args.get(1).map_or("", String::as_str))?;
    let answer = Ladder::new().run(&model)?;
    say!("{}", answer.verdict);
    say!("{} gradients; means and standard deviations of the unconstrained numbers:", answer.evaluations);
    for (i, (mean, sd)) in answer.mean().iter().zip(answer.sd()).enumerate() {
        say!("  u[{i}]  {mean:12.5} {sd:12.5}");
    }
    Ok(())
}

/// Prints what a gradient costs with each of these data.
fn cost(library: &str, data: &[String]) -> Result<(), Box<dyn Error>> {
    for data in data {
        let mut model = open(library, data)?;
        let (mut u, mut gradient) = (vec![0.1; model.dim()], vec![0.0; model.dim()]);
        let time = microseconds_of(|| {
            // Another point, in case that the last is remembered.
            u[0] = -u[0];
            model.gradient(&u, &mut gradient).is_ok_and(f64::is_finite)
        });
        say!("{data}: {time:.2} microseconds a gradient, of {} numbers", u.len());
    }
    Ok(())
}

#[cfg(unix)]
fn open(library: &str, data: &str) -> Result<stan::StanModel, Box<dyn Error>> {
    // `dlopen` looks for plain names elsewhere.
    let path = std::fs::canonicalize(library).map_err(|e| format!("{library}: {e}"))?;
    // SAFETY: who runs this program says that the library is one of BridgeStan 2.
    unsafe {
        let symbols = stan::Symbols::open(&path.to_string_lossy())?;
        Ok(stan::StanModel::new(symbols, data)?)
    }
}

#[cfg(not(unix))]
fn open(_: &str, _: &str) -> Result<stan::StanModel, Box<dyn Error>> {
    Err("this example opens libraries on Unix only".into())
}
