//! Writing the result files of a program together, so that a failure leaves nothing half-written.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why the results cannot be written; `Display` is one sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The path of the folder names a file.
    #[error("the output folder {0} is a file")]
    IsAFile(String),
    /// The folder does not exist and cannot be made.
    #[error("the output folder {0} cannot be created: {1}")]
    Create(String, String),
    /// A file cannot be written into the folder.
    #[error("{0} cannot be written: {1}")]
    Write(String, String),
}

/// The folder of a file.
pub fn beside(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Files that are held in memory until all of them are ready.
#[derive(Debug, Default)]
pub struct Output {
    files: Vec<(String, Vec<u8>)>,
}

impl Output {
    /// No files yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file by its name within the folder; a second file of the same name replaces the
    /// first.
    pub fn add(&mut self, name: impl Into<String>, contents: impl Into<Vec<u8>>) {
        let name = name.into();
        self.files.retain(|(other, _)| *other != name);
        self.files.push((name, contents.into()));
    }

    /// Writes all files into `folder`, which is created if it does not exist, and returns their
    /// paths.
    ///
    /// Every file is first written in full under a temporary name beside its own, and only when all
    /// are on the disk do they get their names. On an error the temporary files and the folders
    /// made for them are removed, and older files stay as they were. Should the last step itself
    /// fail, because the folder changed meanwhile, then the files that have their names by then are
    /// complete.
    ///
    /// # Errors
    /// The folder is a file, cannot be created or written to, or the disk is full.
    pub fn write(&self, folder: impl AsRef<Path>) -> Result<Vec<PathBuf>, OutputError> {
        let mut pending = Pending::new(folder.as_ref())?;
        for (name, contents) in &self.files {
            pending.stage(name, contents)?;
        }
        pending.commit()
    }
}

/// Finds out whether files can be written into `folder`, and leaves no trace.
///
/// A program that computes for long asks before it starts.
///
/// # Errors
/// As [`Output::write`].
pub fn check_folder(folder: impl AsRef<Path>) -> Result<(), OutputError> {
    // What is staged and not committed is removed when it is dropped.
    Pending::new(folder.as_ref())?.stage("probe", b"")
}

/// Temporary files waiting for their names; dropping it undoes everything.
struct Pending {
    folder: PathBuf,
    created: Vec<PathBuf>,
    staged: Vec<(PathBuf, PathBuf)>,
}

impl Pending {
    fn new(folder: &Path) -> Result<Self, OutputError> {
        let mut pending = Self { folder: folder.to_path_buf(), created: Vec::new(), staged: Vec::new() };
        if folder.exists() && !folder.is_dir() {
            return Err(OutputError::IsAFile(folder.display().to_string()));
        }
        let missing = folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
        let missing: Vec<PathBuf> = missing.map(Path::to_path_buf).collect();
        for path in missing.into_iter().rev() {
            match fs::create_dir(&path) {
                Ok(()) => pending.created.push(path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(OutputError::Create(folder.display().to_string(), reason(&error)));
                }
            }
        }
        Ok(pending)
    }

    fn stage(&mut self, name: &str, contents: &[u8]) -> Result<(), OutputError> {
        let path = self.folder.join(name);
        let failed = |error: io::Error| OutputError::Write(path.display().to_string(), reason(&error));
        if path.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let temporary = self.folder.join(format!(".{name}.{}.tmp", std::process::id()));
        let mut file = File::create(&temporary).map_err(failed)?;
        self.staged.push((temporary, path.clone()));
        file.write_all(contents).and_then(|()| file.sync_all()).map_err(failed)
    }

    fn commit(mut self) -> Result<Vec<PathBuf>, OutputError> {
        let mut written = Vec::new();
        while let Some((temporary, path)) = self.staged.first().cloned() {
            fs::rename(&temporary, &path)
                .map_err(|error| OutputError::Write(path.display().to_string(), reason(&error)))?;
            self.staged.remove(0);
            self.created.clear();
            written.push(path);
        }
        self.created.clear();
        Ok(written)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // Nothing can be done about a failure to clean up, and the error that led here is the one
        // to report.
        for (temporary, _) in &self.staged {
            let _ = fs::remove_file(temporary);
        }
        for folder in self.created.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// The operating system's reason in the words of a sentence, without its error number.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".into(),
        io::ErrorKind::StorageFull => "the disk is full".into(),
        io::ErrorKind::NotADirectory => "a part of its path is a file".into(),
        io::ErrorKind::IsADirectory => "a folder of that name exists".into(),
        io::ErrorKind::NotFound => "a part of its path does not exist".into(),
        _ => plain(error),
    }
}

/// What the operating system says, without the number of the error.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_no_number() {
        assert_eq!(plain(&io::Error::from_raw_os_error(5)).find("os error"), None);
    }
}
