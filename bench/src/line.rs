//! What one measured process says: one line of JSON.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

/// Who was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// This project.
    Ours,
    /// JAX, compiled, the loop over the steps included.
    Jax,
    /// PyTorch, eager.
    Torch,
    /// Candle.
    Candle,
    /// Burn.
    Burn,
}

impl Side {
    /// Those that we compare ourselves with.
    pub const PEERS: [Side; 4] = [Side::Jax, Side::Torch, Side::Candle, Side::Burn];

    /// Its command-line option; the variable is the same in capitals.
    pub fn option(self) -> &'static str {
        match self {
            Side::Ours => "ours",
            Side::Jax => "jax",
            Side::Torch => "torch",
            Side::Candle => "candle",
            Side::Burn => "burn",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Ours => "ours",
            Side::Jax => "JAX",
            Side::Torch => "torch",
            Side::Candle => "Candle",
            Side::Burn => "Burn",
        })
    }
}

/// One measurement: the median over blocks of steps in one process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Who.
    pub side: Side,
    /// Which of the side's ways, if there are several: JAX's generators, PyTorch's forms of Adam.
    #[serde(default)]
    pub variant: String,
    /// What.
    pub workload: String,
    /// On how many cores.
    pub cores: usize,
    /// Microseconds per step (or per call, for workloads without steps): the median block.
    pub us_per_step: f64,
    /// The fastest block.
    pub fastest_us: f64,
    /// How many blocks.
    pub repeats: usize,
    /// Steps in a block.
    pub steps_per_repeat: usize,
    /// The round, from 1; 0 for a process that ran alone.
    #[serde(default)]
    pub round: usize,
    /// Versions, time to compile.
    #[serde(default)]
    pub detail: String,
}

/// The lines of a file.
///
/// # Errors
/// The number of the first line that is no measurement, and why.
pub fn read(text: &str) -> Result<Vec<Line>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(i, line)| serde_json::from_str(line).map_err(|e| format!("line {}: {e}", i + 1))).collect()
}

/// The lines of the file.
///
/// # Errors
/// If it cannot be read, or as [`read`].
pub fn read_file(file: &Path) -> Result<Vec<Line>, String> {
    let name = |e: &dyn fmt::Display| format!("{}: {e}", file.display());
    let text = std::fs::read_to_string(file).map_err(|e| name(&e))?;
    read(&text).map_err(|e| name(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_back() {
        let short = r#"{"side":"jax","workload":"seed","cores":1,"us_per_step":2.5,"fastest_us":2.0,"repeats":3,"steps_per_repeat":10}"#;
        let lines = read(&format!("{short}\n\n{short}\n")).unwrap();
        assert_eq!(lines.len(), 2);
        let line = &lines[1];
        assert_eq!((line.side, line.workload.as_str(), line.us_per_step), (Side::Jax, "seed", 2.5));
        assert_eq!(read(&serde_json::to_string(line).unwrap()).unwrap()[0], *line);
        assert!(read("{}").unwrap_err().starts_with("line 1: "));
    }
}
