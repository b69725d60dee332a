//! Named dimensions and their coordinates: what the rows and columns of a site are.

use serde::{Deserialize, Serialize};

/// A dimension of a site by name, such as `county`, with the labels of its places if it has any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dimension {
    /// The name.
    pub name: String,
    /// A label for every place; none if places go by their number.
    #[serde(default)]
    pub coords: Vec<String>,
}

impl Dimension {
    /// `county=Aitkin`, or `county=3`.
    fn place(&self, i: usize) -> String {
        match self.coords.get(i) {
            Some(label) => format!("{}={label}", self.name),
            None => format!("{}={i}", self.name),
        }
    }
}

/// The name of entry `e`, counted column by column, of a site: `site[3]`, `site[1, 2]`, or with the
/// names and labels of its dimensions `site[county=Aitkin]`.
pub(crate) fn entry_name(site: &str, shape: (usize, usize), dims: &[Dimension], e: usize) -> String {
    let (rows, cols) = shape;
    let (row, column) = (e % rows.max(1), e / rows.max(1));
    match (dims, rows, cols) {
        ([], 1, 1) => site.to_owned(),
        ([], _, 1) | ([], 1, _) => format!("{site}[{e}]"),
        ([], ..) => format!("{site}[{row}, {column}]"),
        ([along], ..) => format!("{site}[{}]", along.place(e)),
        ([down, across, ..], ..) => format!("{site}[{}, {}]", down.place(row), across.place(column)),
    }
}

/// Whether a site of this shape has these dimensions; if not, why.
pub(crate) fn misfit(shape: (usize, usize), dims: &[Dimension]) -> Option<String> {
    let (rows, cols) = shape;
    let sizes = match dims {
        [] => return None,
        [_] if rows == 1 || cols == 1 => vec![rows * cols],
        [_, _] => vec![rows, cols],
        _ => {
            let names: Vec<_> = dims.iter().map(|d| d.name.as_str()).collect();
            return Some(format!(
                "it is {rows} × {cols}, which does not have the dimensions {}",
                names.join(", ")
            ));
        }
    };
    let bad = dims.iter().zip(sizes).find(|(d, size)| !d.coords.is_empty() && d.coords.len() != *size);
    bad.map(|(d, size)| {
        format!("it has {size} places along {:?}, which has {} coordinates", d.name, d.coords.len())
    })
}
