//! Counts of outcomes.

use super::problems::Kind;
use super::run::{Case, Outcome};
use probity_vi::Grade;
use std::fmt::Write as _;

/// Cases with their outcomes, one a seed of inference.
type All = [(Case, Vec<Outcome>)];

/// A row for every kind: right and wrong ones by verdict, and what they cost.
pub fn by_kind(kinds: &[&Kind], all: &All) -> String {
    let mut text = String::from(
        "              A            B            C            gradients        seconds on a core
kind          right false  right false  right wrong  median    90 %   median   90 %\n",
    );
    for kind in kinds {
        let own: Vec<&Outcome> =
            firsts(all).filter(|(case, _)| case.kind.name == kind.name).map(|c| c.1).collect();
        let _ = write!(text, "{:<12}", kind.name);
        for grade in [Grade::A, Grade::B, Grade::C] {
            let [right, wrong] = count(own.iter().copied(), grade);
            let _ = write!(text, "  {right:>5} {wrong:>5}");
        }
        let gradients = sorted(own.iter().map(|o| o.gradients as f64));
        let seconds = sorted(own.iter().map(|o| o.seconds));
        let _ = writeln!(
            text,
            "  {:>6} {:>7}  {:>7.3} {:>6.3}",
            at(&gradients, 0.5),
            at(&gradients, 0.9),
            at(&seconds, 0.5),
            at(&seconds, 0.9)
        );
    }
    text
}

/// A row for every kind: how far the answer, the Gaussian of the highest ELBO and that of batch and
/// match are from the truth, and what k-hat says of the last.
pub fn gaussians(kinds: &[&Kind], all: &All) -> String {
    let mut text = String::from(
        "              median error of a mean, of ln of an sd, right            batch and match
kind          answer             highest ELBO       batch and match     k<0.7 wrong  rest gradients seconds
",
    );
    for kind in kinds {
        let own: Vec<&Outcome> =
            firsts(all).filter(|(case, _)| case.kind.name == kind.name).map(|c| c.1).collect();
        let each = |i: usize| own.iter().filter_map(move |o| Some(o.gaussians?[i]));
        let _ = write!(text, "{:<12}", kind.name);
        let mut row = |errors: &[(f64, f64, bool)]| {
            let median = |of: fn(&(f64, f64, bool)) -> f64| at(&sorted(errors.iter().map(of)), 0.5);
            let right = errors.iter().filter(|e| !e.2).count();
            let _ = write!(text, "  {:>5.3} {:>5.3} {right:>4}", median(|e| e.0), median(|e| e.1));
        };
        row(&own.iter().map(|o| (o.mean_error, o.sd_error, o.is_wrong())).collect::<Vec<_>>());
        for i in 0..2 {
            row(&each(i).map(|g| (g.mean_error, g.sd_error, g.is_wrong())).collect::<Vec<_>>());
        }
        let believed = each(1).filter(|g| g.k_hat < 0.7);
        let wrong = believed.clone().filter(|g| g.is_wrong()).count();
        let rest = each(1).filter(|g| g.at_rest).count();
        let gradients = at(&sorted(each(1).map(|g| g.gradients as f64)), 0.5);
        let seconds = at(&sorted(each(1).map(|g| g.seconds)), 0.5);
        let _ =
            writeln!(text, "   {:>5} {wrong:>5} {rest:>5} {gradients:>9} {seconds:>7.3}", believed.count());
    }
    text.truncate(text.trim_end().len());
    text
}

/// Verdicts against truth.
pub fn confusion(all: &All) -> String {
    let mut text = String::from("verdict  right  wrong\n");
    for grade in [Grade::A, Grade::B, Grade::C] {
        let [right, wrong] = count(firsts(all).map(|c| c.1), grade);
        let _ = writeln!(text, "{grade:<7}  {right:>5}  {wrong:>5}");
    }
    text
}

/// How many Gaussians are believed, and how often seeds of inference agree.
pub fn shares(all: &All) -> String {
    let mut text = String::new();
    let gaussian: Vec<_> = firsts(all).filter(|(case, _)| case.kind.gaussian).collect();
    let believed = gaussian.iter().filter(|(_, o)| o.grade < Grade::C).count();
    if !gaussian.is_empty() {
        let _ = writeln!(text, "A or B where a Gaussian is right: {}", share(believed, gaussian.len()));
    }
    let several = || all.iter().filter(|(_, outcomes)| outcomes.len() > 1);
    let n = several().count();
    if n > 0 {
        let same = |of: fn(&Outcome) -> Grade| {
            several().filter(|(_, outcomes)| outcomes.iter().all(|o| of(o) == of(&outcomes[0]))).count()
        };
        let trusted = |o: &Outcome| if o.grade < Grade::C { Grade::A } else { Grade::C };
        let _ = writeln!(
            text,
            "the same verdict for every seed of inference: {}; C or not C for every seed: {}",
            share(same(|o| o.grade), n),
            share(same(trusted), n)
        );
        let outcomes = || several().flat_map(|(_, outcomes)| outcomes);
        let wrong = outcomes().filter(|o| o.is_false()).count();
        let _ =
            writeln!(text, "false A or B over all seeds of inference: {}", share(wrong, outcomes().count()));
    }
    text.truncate(text.trim_end().len());
    text
}

fn share(part: usize, of: usize) -> String {
    format!("{part} of {of} ({:.1} %)", 100.0 * part as f64 / of as f64)
}

/// What tables count: the first seed of inference.
fn firsts(all: &All) -> impl Iterator<Item = (&Case, &Outcome)> {
    all.iter().filter_map(|(case, outcomes)| Some((case, outcomes.first()?)))
}

/// Right and wrong outcomes with this verdict.
fn count<'a>(outcomes: impl Iterator<Item = &'a Outcome>, grade: Grade) -> [usize; 2] {
    let mut counts = [0; 2];
    outcomes.filter(|o| o.grade == grade).for_each(|o| counts[usize::from(o.is_wrong())] += 1);
    counts
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The value below which this part of the sorted ones lies; NaN of none.
fn at(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((part * sorted.len() as f64) as usize).or(sorted.get(last)).copied().unwrap_or(f64::NAN)
}
