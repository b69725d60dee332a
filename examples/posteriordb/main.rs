//! Published posteriors as models of this library, fitted with default settings and compared with
//! reference draws.
//!
//! `posteriordb --data DIR` prints a line for every posterior; `--help` lists the options. The
//! models read `data.json` and nothing else; `reference.json` is read when a fit is done.

mod cost;
pub(crate) mod data;
pub(crate) mod folders;
pub(crate) mod models;
mod options;
pub(crate) mod reference;
pub(crate) mod run;

use options::{Options, Parsed};
use probity_examples::console::{end, warn};
use probity_examples::output::{Output, beside, check_folder};
use probity_examples::say;
use std::error::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    end(match options::parse(lexopt::Parser::from_env()) {
        Ok(Parsed::Help) => {
            say!("{}", options::HELP.trim_end());
            Ok(())
        }
        Ok(Parsed::Run(options)) => run(&options),
        Err(error) => Err(error.into()),
    })
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let folders = folders::find(&options.data, options.only.as_deref())?;
    for unknown in &folders.unknown {
        warn(format_args!("{unknown}: skipped, there is no model of it here"));
    }
    if options.cost {
        return cost::print(&folders.known);
    }
    if let Some(file) = &options.json {
        // Found out now, not after the fits.
        check_folder(beside(file))?;
    }
    say!("{}", run::HEADER);
    let mut results = Vec::new();
    for (name, folder) in &folders.known {
        let result = run::fit(name, folder, options.seed)?;
        say!("{result}");
        results.push(result.json());
        if let (Some(file), Some(name)) = (&options.json, options.json.as_ref().and_then(|f| f.file_name())) {
            // After every fit, because all together take long.
            let mut output = Output::new();
            output.add(name.to_string_lossy(), format!("{:#}\n", serde_json::Value::from(results.clone())));
            output.write(beside(file))?;
        }
    }
    Ok(())
}
