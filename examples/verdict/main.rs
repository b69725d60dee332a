//! How often a verdict is wrong: inference on random posteriors whose means and standard deviations
//! are known exactly.
//!
//! `verdict` prints every false A or B, a table by kind, and verdicts against truth; `--help` lists
//! the options. The kinds stand in `problems/`.

pub(crate) mod matched;
mod options;
pub(crate) mod problems;
pub(crate) mod run;
pub(crate) mod tables;

use options::{Options, Parsed};
use probity_examples::console::end;
use probity_examples::output::{Output, beside, check_folder};
use probity_examples::say;
use problems::KINDS;
use run::{Case, Outcome};
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
    if let Some(file) = &options.json {
        // Found out now, not after all that.
        check_folder(beside(file))?;
    }
    let kinds: Vec<_> = KINDS.iter().filter(|kind| options.wants(kind)).collect();
    let mut all: Vec<(Case, Vec<Outcome>)> = Vec::new();
    for kind in &kinds {
        let cases: Vec<Case> =
            (0..options.count).map(|i| Case { kind, seed: options.seed, number: i }).collect();
        let outcomes = run::all(&cases, options.seeds, options.threads, options.gaussians);
        for (case, outcomes) in cases.iter().zip(&outcomes) {
            for outcome in outcomes.iter().filter(|o| o.is_false() || options.verbose) {
                say!("{case} {outcome}");
            }
        }
        all.extend(cases.into_iter().zip(outcomes));
    }
    say!();
    say!("{}", tables::by_kind(&kinds, &all));
    say!("{}", tables::confusion(&all));
    say!("{}", tables::shares(&all));
    if options.gaussians {
        say!();
        say!("{}", tables::gaussians(&kinds, &all));
    }
    if let Some(file) = &options.json {
        let json: Vec<_> = all.iter().flat_map(|(case, each)| each.iter().map(|o| o.json(case))).collect();
        let mut output = Output::new();
        output.add(
            file.file_name().unwrap_or_default().to_string_lossy(),
            format!("{:#}\n", serde_json::Value::from(json)),
        );
        output.write(beside(file))?;
    }
    Ok(())
}
