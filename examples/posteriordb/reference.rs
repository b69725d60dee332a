//! Reference posteriors: means and standard deviations of published draws, and which numbers of a
//! model they belong to.

use super::data::{DataError, numbers, read_json};
use probity_vi::{Layout, SiteKind};
use serde_json::{Map, Value};
use std::path::Path;

/// Posterior means and standard deviations of named numbers.
#[derive(Clone, Debug)]
pub struct Reference {
    /// `site` or `site[i]`, counted from 1.
    pub names: Vec<String>,
    pub mean: Vec<f64>,
    pub sd: Vec<f64>,
}

impl Reference {
    /// Reads the file.
    pub fn read(file: &Path) -> Result<Self, DataError> {
        let all = read_json(file)?;
        let list = |name: &str| all.get(name).and_then(numbers).ok_or_else(|| missing(name));
        let names = strings(&all, "parameters").ok_or_else(|| missing("parameters"))?;
        let (mean, sd) = (list("mean")?, list("sd")?);
        if mean.len() != names.len() || sd.len() != names.len() {
            return Err(missing("mean"));
        }
        Ok(Self { names, mean, sd })
    }
}

fn missing(name: &str) -> DataError {
    DataError::Field(name.to_string(), "a list as long as the parameters")
}

/// A list of texts.
pub fn strings(of: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    of.get(name)?.as_array()?.iter().map(|text| text.as_str().map(String::from)).collect()
}

/// `site[i]` as the site and an entry counted from 0; the first entry for a name without a number.
pub fn entry(name: &str) -> (&str, usize) {
    let parts = name.strip_suffix(']').and_then(|name| name.split_once('['));
    match parts.and_then(|(site, number)| Some((site, number.parse::<usize>().ok()?.checked_sub(1)?))) {
        Some(entry) => entry,
        None => (name, 0),
    }
}

/// The place of an unconstrained number of this name in the flat vector of a model: of the latent
/// site of this name, or of the one behind it.
pub fn coordinate(layout: &Layout, name: &str) -> Option<usize> {
    let (site, entry) = entry(name);
    let behind = |of: &str| of == site || of.strip_prefix(site).is_some_and(|rest| rest.starts_with('.'));
    let mut latent = layout.sites().iter().filter(|of| of.kind == SiteKind::Latent && behind(&of.name));
    latent.next().map(|of| of.offset + entry)
}
