//! Files in the IDX format of the MNIST digits.
//!
//! *Source*: LeCun, Cortes, Burges, "The MNIST database of handwritten digits": two zeros, the type
//! of the numbers (8: unsigned bytes), how many sizes there are, the sizes as big-endian numbers of
//! four bytes, and the numbers, the last index fastest.

use super::images::Images;
use probity_autodiff::nalgebra::DMatrix;
use std::fs;
use std::path::{Path, PathBuf};

/// Why a folder cannot be read; `Display` is one sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdxError {
    /// There is no such file.
    #[error("{folder} has no file {name} (nor {other}): files ending in .gz must be unpacked first")]
    Missing {
        /// The folder as given.
        folder: String,
        /// The name that was looked for.
        name: String,
        /// Another way to write it.
        other: String,
    },
    /// A file cannot be read or is none of this format.
    #[error("{path} {problem}")]
    File {
        /// The path.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Two files do not belong together.
    #[error("in {folder}, {problem}")]
    Folder {
        /// The folder as given.
        folder: String,
        /// What is wrong.
        problem: String,
    },
}

/// Reads the digits to learn from and those to score, `train-*` and `t10k-*`.
///
/// # Errors
/// If a file is missing or is none of this format, or if they do not fit each other.
pub fn read(folder: &Path) -> Result<[Images; 2], IdxError> {
    let both = [part(folder, "train")?, part(folder, "t10k")?];
    if both[0].size != both[1].size {
        let [(a, b), (c, d)] = both.each_ref().map(|images| images.size);
        let problem = format!("images to learn from are {a} × {b}, those to score {c} × {d}");
        return Err(IdxError::Folder { folder: folder.display().to_string(), problem });
    }
    Ok(both)
}

fn part(folder: &Path, part: &str) -> Result<Images, IdxError> {
    let images = Numbers::read(&find(folder, part, "images", 3)?, 3)?;
    let labels = Numbers::read(&find(folder, part, "labels", 1)?, 1)?;
    let (n, size) = (images.sizes[0], (images.sizes[1], images.sizes[2]));
    let wrong = |problem: String| Err(IdxError::Folder { folder: folder.display().to_string(), problem });
    if labels.sizes[0] != n {
        return wrong(format!("{n} images of {part} have {} labels", labels.sizes[0]));
    }
    if n == 0 || size.0 == 0 || size.1 == 0 {
        return wrong(format!("{part} has no images or no pixels"));
    }
    if let Some(bad) = labels.bytes.iter().position(|label| *label > 9) {
        return wrong(format!("label {bad} of {part} is {}, and no digit", labels.bytes[bad]));
    }
    let ink = DMatrix::from_row_iterator(
        n,
        size.0 * size.1,
        images.bytes.iter().map(|byte| f64::from(*byte) / 255.0),
    );
    Ok(Images { size, ink, labels: labels.bytes.iter().map(|label| usize::from(*label)).collect() })
}

/// The file by either of its names.
fn find(folder: &Path, part: &str, what: &str, sizes: usize) -> Result<PathBuf, IdxError> {
    let names = ["-", "."].map(|mark| format!("{part}-{what}{mark}idx{sizes}-ubyte"));
    let found = names.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    let [name, other] = names.clone();
    found.ok_or_else(|| IdxError::Missing { folder: folder.display().to_string(), name, other })
}

/// Bytes with their sizes.
struct Numbers {
    sizes: Vec<usize>,
    bytes: Vec<u8>,
}

impl Numbers {
    fn read(path: &Path, sizes: usize) -> Result<Self, IdxError> {
        let wrong = |problem: String| IdxError::File { path: path.display().to_string(), problem };
        let mut bytes = fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let head = 4 + 4 * sizes;
        if bytes.len() < head || bytes[..2] != [0, 0] {
            return Err(wrong("is no IDX file".into()));
        }
        if bytes[2] != 8 || usize::from(bytes[3]) != sizes {
            let (kind, own) = (bytes[2], bytes[3]);
            let problem = format!("has numbers of type {kind} in {own} sizes, and not bytes (8) in {sizes}");
            return Err(wrong(problem));
        }
        let size = |i: usize| bytes[4 + 4 * i..8 + 4 * i].iter().fold(0, |n, b| n << 8 | usize::from(*b));
        let own: Vec<usize> = (0..sizes).map(size).collect();
        let all = own.iter().try_fold(1_usize, |all, n| all.checked_mul(*n));
        if all != Some(bytes.len() - head) {
            let problem = format!("should have {own:?} numbers, and has {}", bytes.len() - head);
            return Err(wrong(problem));
        }
        Ok(Self { sizes: own, bytes: bytes.split_off(head) })
    }
}
