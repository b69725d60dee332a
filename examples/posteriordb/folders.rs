//! Where the posteriors are.

use super::models::POSTERIORS;
use std::path::{Path, PathBuf};

/// Folders of posteriors.
#[derive(Debug)]
pub struct Folders {
    /// Those with a model here, in the order of the names.
    pub known: Vec<(String, PathBuf)>,
    /// The names of the others.
    pub unknown: Vec<String>,
}

/// Why there is nothing to fit; `Display` is one sentence.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder cannot be read.
    #[error("{0} cannot be read: {1}")]
    Read(String, String),
    /// There are no posteriors.
    #[error("there is no folder with a data.json in {0}, nor in its folders posteriordb and synthetic")]
    Nothing(String),
    /// A posterior was asked for that is not there.
    #[error("there is no posterior {0:?} in {1}")]
    Missing(String, String),
}

/// The folders with data in this one, or in its folders `posteriordb` and `synthetic`.
pub fn find(data: &Path, only: Option<&[String]>) -> Result<Folders, FolderError> {
    let shown = data.display().to_string();
    let mut found = Vec::new();
    for part in [data.to_path_buf(), data.join("posteriordb"), data.join("synthetic")] {
        let entries = match part.read_dir() {
            Ok(entries) => entries,
            Err(_) if part != data => continue,
            Err(error) => return Err(FolderError::Read(shown, error.to_string())),
        };
        let folders = entries.flatten().map(|entry| entry.path()).filter(|f| f.join("data.json").exists());
        let named = folders.filter_map(|f| Some((f.file_name()?.to_string_lossy().into_owned(), f)));
        let mut named: Vec<_> = named.collect();
        named.sort();
        found.extend(named);
    }
    if found.is_empty() {
        return Err(FolderError::Nothing(shown));
    }
    if let Some(only) = only {
        if let Some(missing) = only.iter().find(|name| !found.iter().any(|(there, _)| there == *name)) {
            return Err(FolderError::Missing(missing.clone(), shown));
        }
        found.retain(|(name, _)| only.contains(name));
    }
    let is_known = |(name, _): &(String, _)| POSTERIORS.iter().any(|(known, _)| known == name);
    let (known, unknown): (Vec<_>, Vec<_>) = found.into_iter().partition(is_known);
    Ok(Folders { known, unknown: unknown.into_iter().map(|(name, _)| name).collect() })
}
