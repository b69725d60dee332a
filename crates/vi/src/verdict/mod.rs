//! Whether to believe a fit: grades for the whole and for every entry, and what they rest on.

mod checks;
mod predictions;
#[cfg(test)]
mod tests;

pub use checks::What;
pub use predictions::Predicted;

use crate::error::{Error, Result};
use crate::gaussian::Gaussian;
use crate::ladder::Answer;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a posterior, or one entry of it, may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Grade {
    /// Means, standard deviations and quantiles.
    A,
    /// Means and standard deviations; not tails.
    B,
    /// Nothing.
    C,
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Grade::A => "A",
            Grade::B => "B",
            Grade::C => "C",
        })
    }
}

/// One check: what was measured, where it was worst, and the grade that it allows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What was measured.
    pub what: What,
    /// The worst value.
    #[serde(with = "probity_autodiff::serde_float")]
    pub value: f64,
    /// The entry with the worst value, if every entry has one.
    pub entry: Option<String>,
    /// The best grade that is left.
    pub grade: Grade,
}

/// The grade of one entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The site, with the position of the entry.
    pub name: String,
    /// Its grade, never better than that of a check of the whole fit.
    pub grade: Grade,
}

/// Grades, and the checks that led to them.
///
/// Every check is an independent witness: none uses the quantity that was optimised. Thresholds and
/// sentences stand in one table, [`What`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    checks: Vec<Check>,
    entries: Vec<Entry>,
}

impl Verdict {
    /// Of entries with these names, without any check yet.
    pub(crate) fn new(names: impl IntoIterator<Item = String>) -> Self {
        let entry = |name| Entry { name, grade: Grade::A };
        Self { checks: Vec::new(), entries: names.into_iter().map(entry).collect() }
    }

    /// The grade of the whole: the worst one of an entry or of a check.
    pub fn grade(&self) -> Grade {
        let checks = self.checks.iter().map(|c| c.grade);
        checks.chain(self.entries.iter().map(|e| e.grade)).max().unwrap_or(Grade::C)
    }

    /// The checks in the order in which they were made.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The value of a check, if it was made.
    pub fn value(&self, what: What) -> Option<f64> {
        self.checks.iter().find(|c| c.what == what).map(|c| c.value)
    }

    /// The grades of all entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The worst grade of a site's entries; none if there is no such site.
    pub fn of(&self, site: &str) -> Option<Grade> {
        let belongs =
            |name: &str| name.strip_prefix(site).is_some_and(|rest| rest.is_empty() || rest.starts_with('['));
        self.entries.iter().filter(|e| belongs(&e.name)).map(|e| e.grade).max()
    }

    /// # Errors
    /// If the grade is C; the message has the sentences.
    pub fn trusted(&self) -> Result {
        if self.grade() < Grade::C { Ok(()) } else { Err(Error::NotTrusted { why: self.to_string() }) }
    }

    /// Adds a check of the whole.
    pub(crate) fn check(&mut self, what: What, value: f64) {
        let grade = what.grade(value);
        self.entries.iter_mut().for_each(|e| e.grade = e.grade.max(grade));
        self.checks.push(Check { what, value, entry: None, grade });
    }

    /// Adds a check that has a value for every entry.
    ///
    /// # Panics
    /// If there is not one value for every entry.
    pub(crate) fn check_each(&mut self, what: What, values: &[f64]) {
        assert_eq!(values.len(), self.entries.len(), "one value for every entry");
        let mut worst: Option<(usize, Grade)> = None;
        for (i, (entry, value)) in self.entries.iter_mut().zip(values).enumerate() {
            let grade = what.grade(*value);
            entry.grade = entry.grade.max(grade);
            if worst
                .is_none_or(|(at, before)| (grade, what.badness(*value)) > (before, what.badness(values[at])))
            {
                worst = Some((i, grade));
            }
        }
        if let Some((i, grade)) = worst {
            let entry = Some(self.entries[i].name.clone());
            self.checks.push(Check { what, value: values[i], entry, grade });
        }
    }
}

impl Verdict {
    /// Adds how far a guide is from an answer.
    pub(crate) fn check_guide(&mut self, guide: &Gaussian, answer: &Answer) {
        let (mean, sd, own) = (answer.mean(), answer.sd(), guide.sd());
        let off = |i: usize| (guide.mean[i] - mean[i]).abs() / sd[i];
        self.check_each(What::GuideMean, &(0..mean.len()).map(off).collect::<Vec<_>>());
        let wide = |i: usize| (own[i] / sd[i]).ln().abs();
        self.check_each(What::GuideScale, &(0..mean.len()).map(wide).collect::<Vec<_>>());
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what.sentence(self.value))?;
        if let Some(entry) = &self.entry {
            write!(f, " (worst at {entry})")?;
        }
        if self.grade > Grade::A {
            write!(f, ": {}", self.what.advice())?;
        }
        Ok(())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grade = self.grade();
        let may = match grade {
            Grade::A => "means, standard deviations and quantiles may be used",
            Grade::B => "means and standard deviations may be used, tails not",
            Grade::C => "do NOT use this fit",
        };
        writeln!(f, "verdict {grade}: {may}")?;
        for check in &self.checks {
            writeln!(f, "  {}  {check}", check.grade)?;
        }
        let worse = |g: Grade| self.entries.iter().filter(|e| e.grade == g).count();
        if grade > Grade::A && worse(Grade::A) > 0 {
            writeln!(
                f,
                "  of {} entries {} have A, {} B, {} C",
                self.entries.len(),
                worse(Grade::A),
                worse(Grade::B),
                worse(Grade::C)
            )?;
        }
        Ok(())
    }
}
