//! Regression on the published train and test splits of standard tables.
//!
//! `uci --data DIR --dataset boston` fits every split with default settings, prints a line for each
//! and the means with their standard errors, beside the published ones where the folder has them.
//! `--help` lists the options.

pub(crate) mod options;
pub(crate) mod protocol;
pub(crate) mod run;
pub(crate) mod scores;

use options::{Options, Parsed};
use probity_examples::console::end;
use probity_examples::output::{Output, beside, check_folder};
use probity_examples::say;
use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

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
    if let Some(file) = &options.out {
        // Found out now, not after the fits.
        check_folder(beside(file))?;
    }
    let table = protocol::Table::read(&options.data.join(&options.dataset))?;
    let tasks = protocol::tasks(&table, options)?;
    say!("{} rows, {} inputs, {} splits", table.rows(), table.inputs(), tasks.len());
    if options.all {
        return all(&table, &tasks, options);
    }
    say!("{}", scores::HEADER);
    let clock = Instant::now();
    let mut rows = Vec::new();
    for (done, task) in tasks.iter().enumerate() {
        let scores = run::fit(&table, task, options)?;
        let left = clock.elapsed().as_secs_f64() / (done + 1) as f64 * (tasks.len() - done - 1) as f64;
        say!("{scores}  {left:>6.0} s left");
        rows.push(scores);
    }
    say!("{}", scores::Means::of(&rows));
    // Published are scores of the test parts.
    let comparable = !options.gap && !options.validate;
    if comparable && let Some(published) = scores::Published::read(&options.data.join(&options.dataset)) {
        say!("{}", published.against(&rows));
    }
    write(options, &rows)
}

/// Every method on every split: a line of means for each.
fn all(table: &protocol::Table, tasks: &[protocol::Task], options: &Options) -> Result<(), Box<dyn Error>> {
    say!("{}", scores::ALL_HEADER);
    let mut rows = Vec::new();
    for method in options::Method::all() {
        let options = Options { method, ..options.clone() };
        let fits = tasks.iter().map(|task| run::fit(table, task, &options));
        let of_method: Vec<scores::Scores> = fits.collect::<Result<_, _>>()?;
        say!("{}", scores::line(method.name(), &of_method));
        rows.extend(of_method);
    }
    write(options, &rows)
}

fn write(options: &Options, rows: &[scores::Scores]) -> Result<(), Box<dyn Error>> {
    if let (Some(file), Some(name)) = (&options.out, options.out.as_ref().and_then(|f| f.file_name())) {
        let mut output = Output::new();
        output.add(name.to_string_lossy(), scores::csv(rows));
        output.write(beside(file))?;
    }
    Ok(())
}
