//! Inference on a compiled Stan model: its density behind the C interface of BridgeStan is a target
//! like any other.
//!
//! `bridgestan` without arguments says what it needs.

pub(crate) mod stan;

use probity_examples::console::end;
use probity_examples::say;
use probity_vi::ladder::Ladder;
use std::error::Error;
use std::process::ExitCode;

const HELP: &str = "\
Infers the parameters of a Stan model that BridgeStan 2 has compiled, with default settings.

usage: bridgestan MODEL_model.so [DATA.json]

The library is made by BridgeStan and a C++ compiler, of a model in MODEL.stan:

  git clone --recursive https://github.com/roualdes/bridgestan
  make -C bridgestan /path/to/MODEL_model.so
";

fn main() -> ExitCode {
    end(run(&std::env::args().skip(1).collect::<Vec<_>>()))
}

/// The program with these arguments.
pub fn run(args: &[String]) -> Result<(), Box<dyn Error>> {
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
