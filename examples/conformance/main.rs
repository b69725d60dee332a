//! Runs the library against a folder of reference values, and says file by file how far it is off.
//!
//! `conformance --help` lists the options.

// The list of all families is gone through by macros, one after the other.
#![recursion_limit = "256"]

pub(crate) mod check;
pub(crate) mod diagnostics;
pub(crate) mod distributions;
pub(crate) mod exceptions;
pub(crate) mod library;
pub(crate) mod pairs;
pub(crate) mod special;
pub(crate) mod table;

use check::{Check, LIMIT};
use library::{Conversion, Member};
use pairs::Pair;
use probity_examples::console::{end, warn};
use probity_examples::say;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
Compares the library with a folder of reference values: the files of its folders distributions, kl,
implicit, special and diagnostics.

usage: conformance DIR [--all]

  --all     every number that is out of tolerance, not only the first five of a file
  --help    this text

For every file: the number of cases, the worst error and where it was. Errors are in units of what the
condition of the problem makes of rounding (eps times the size of the result and of what rounding its
arguments moves it by; 2e-10 of the value for draws and diagnostics); 50 are allowed. A family, pair or
function that the library lacks counts as missed. Exit code 1 if anything is missed.";

/// The folders that are read.
const FOLDERS: [&str; 5] = ["distributions", "kl", "implicit", "special", "diagnostics"];

/// What there is to compare with.
struct Library {
    members: Vec<Member>,
    conversions: Vec<Conversion>,
    pairs: Vec<Pair>,
}

fn main() -> ExitCode {
    let (mut folder, mut all) = (None, false);
    for argument in std::env::args_os().skip(1) {
        match argument.to_str() {
            Some("--help" | "-h") => {
                say!("{HELP}");
                return end::<String>(Ok(()));
            }
            Some("--all") => all = true,
            Some(option) if option.starts_with('-') => {
                return end(Err(format!("unknown option {option} (see --help)")));
            }
            _ if folder.is_some() => return end(Err("one folder at a time (see --help)")),
            _ => folder = Some(PathBuf::from(argument)),
        }
    }
    let Some(folder) = folder else { return end(Err("which folder? (see --help)")) };
    match run(&folder, all) {
        Ok(true) => end::<String>(Ok(())),
        Ok(false) => match end::<String>(Ok(())) {
            code if code == ExitCode::SUCCESS => ExitCode::from(1),
            code => code,
        },
        Err(error) => end(Err(error)),
    }
}

/// Whether everything was within its tolerance.
fn run(folder: &Path, all: bool) -> Result<bool, String> {
    let files = files(folder)?;
    let mut pairs = pairs::pairs();
    pairs.extend(pairs::other_pairs());
    // Those of their own take the place of those of the list with the same parameters.
    let listed = library::members();
    let mut members = library::other_members(&listed);
    let same = |a: &Member, b: &Member| a.name == b.name && a.parameters == b.parameters;
    members.extend(
        listed.iter().filter(|m| !members.iter().any(|own| same(own, m))).copied().collect::<Vec<_>>(),
    );
    let library = Library { members, conversions: library::conversions(), pairs };
    // What panics is counted as missed, and said there.
    std::panic::set_hook(Box::new(|_| {}));
    let (mut cases, mut numbers, mut missed, mut explained) = (0, 0, 0, 0);
    say!("{:<42} {:>6} {:>8} {:>9}  where", "file", "cases", "numbers", "worst");
    for (group, path) in &files {
        let check = compare(group, path, &library);
        let name = format!("{group}/{}", stem(path));
        let (error, place) = check.worst.clone().unwrap_or((0.0, String::new()));
        say!("{name:<42} {:>6} {:>8} {error:>9.2}  {place}", check.cases, check.numbers);
        for text in check.missed.iter().take(if all { usize::MAX } else { 5 }) {
            say!("    missed: {text}");
        }
        if check.missed.len() > 5 && !all {
            say!("    and {} more (--all)", check.missed.len() - 5);
        }
        let mut reasons = check.explained.clone();
        reasons.sort_unstable();
        reasons.dedup();
        for reason in reasons {
            let n = check.explained.iter().filter(|why| **why == reason).count();
            say!("    {n} exceptions: {reason}");
        }
        cases += check.cases;
        numbers += check.numbers;
        missed += check.missed.len();
        explained += check.explained.len();
    }
    say!(
        "{} files, {cases} cases, {numbers} numbers: {missed} missed, {explained} explained exceptions, all others \
         within {LIMIT} units",
        files.len()
    );
    Ok(missed == 0)
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// The files to be read, with the folder that they are in.
fn files(folder: &Path) -> Result<Vec<(&'static str, PathBuf)>, String> {
    if !folder.is_dir() {
        return Err(format!("{} is no folder", folder.display()));
    }
    let mut all = Vec::new();
    for group in FOLDERS {
        let Ok(entries) = std::fs::read_dir(folder.join(group)) else {
            warn(format_args!("no folder {group}"));
            continue;
        };
        let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
        paths.sort();
        all.extend(paths.into_iter().map(|path| (group, path)));
    }
    if all.is_empty() {
        return Err(format!("{} has no reference files", folder.display()));
    }
    Ok(all)
}

/// Compares a file, row by row, so that what fails in one does not hide the others.
fn compare(group: &'static str, path: &Path, library: &Library) -> Check {
    let mut check = Check { file: format!("{group}/{}", stem(path)), ..Check::default() };
    let json = match table::read(path) {
        Ok(json) => json,
        Err(why) => {
            check.miss(why);
            return check;
        }
    };
    let rows = match table::rows(&json) {
        Ok(rows) => rows,
        Err(why) => {
            check.miss(why);
            return check;
        }
    };
    check.cases = rows.len();
    if rows.is_empty() {
        check.miss("no cases");
    }
    // The name of the file says what it is about, and in `distributions` the header as well.
    let stem = stem(path);
    for row in rows {
        let one = std::slice::from_ref(row);
        let done = catch_unwind(AssertUnwindSafe(|| match group {
            "distributions" => {
                distributions::file(&stem, one, (&library.members, &library.conversions), &mut check);
            }
            "kl" => pairs::file(one, &library.pairs, &library.conversions, &mut check),
            "implicit" => special::implicit(&stem, one, &mut check),
            "special" => special::file(&stem, one, &mut check),
            _ => diagnostics::file(&stem, one, &mut check),
        }));
        if let Err(panic) = done {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            let text = table::short(text);
            check.miss(format!("cannot be computed: {text}"));
        }
    }
    check
}
