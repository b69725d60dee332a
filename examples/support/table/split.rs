//! Features and target of a table, and their random division into a training and a test part.

use super::TableError;

/// Rows of features with the target of each.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The names of the features.
    pub feature_names: Vec<String>,
    /// The rows, each as long as `feature_names`.
    pub features: Vec<Vec<f64>>,
    /// The name of the target.
    pub target_name: String,
    /// The target of every row.
    pub target: Vec<f64>,
}

/// A training part, a test part, and what was left out of both.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// The rows to learn from.
    pub train: Dataset,
    /// The rows to judge by.
    pub test: Dataset,
    /// The features that are constant in the training part and were dropped from both, for a
    /// warning.
    pub dropped: Vec<String>,
}

impl Dataset {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.target.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.target.is_empty()
    }

    /// Divides the rows at random: `test_fraction` of them, rounded, but at least one and not all,
    /// go to the test part.
    ///
    /// The same seed gives the same division on every machine. A feature that does not vary in the
    /// training part cannot be standardised and teaches nothing: it is dropped from both parts and
    /// named in [`Split::dropped`].
    ///
    /// # Errors
    /// [`TableError::TooFewRows`] for fewer than two rows, [`TableError::ConstantTarget`] if the
    /// target does not vary in the training part, [`TableError::ConstantFeatures`] if no feature
    /// does.
    pub fn split(&self, test_fraction: f64, seed: u64) -> Result<Split, TableError> {
        if self.len() < 2 {
            return Err(TableError::TooFewRows {
                rows: if self.is_empty() { "no row" } else { "only one row" },
            });
        }
        let order = shuffled(self.len(), seed);
        // The cast saturates, so that a fraction out of range (or NaN) still leaves a row in each
        // part.
        let tests = ((self.len() as f64 * test_fraction).round() as usize).clamp(1, self.len() - 1);
        let (test, train) = order.split_at(tests);
        let (mut train, mut test) = (self.rows(train), self.rows(test));
        train.check_target(" of the training part")?;
        let keep: Vec<bool> = (0..self.feature_names.len())
            .map(|column| train.features.iter().any(|row| row[column] != train.features[0][column]))
            .collect();
        if !keep.contains(&true) {
            return Err(TableError::ConstantFeatures);
        }
        let dropped = self.feature_names.iter().zip(&keep).filter(|(_, keep)| !**keep);
        let dropped = dropped.map(|(name, _)| name.clone()).collect();
        train.keep_features(&keep);
        test.keep_features(&keep);
        Ok(Split { train, test, dropped })
    }

    fn rows(&self, which: &[usize]) -> Self {
        Self {
            feature_names: self.feature_names.clone(),
            features: which.iter().map(|i| self.features[*i].clone()).collect(),
            target_name: self.target_name.clone(),
            target: which.iter().map(|i| self.target[*i]).collect(),
        }
    }

    fn keep_features(&mut self, keep: &[bool]) {
        retain(&mut self.feature_names, keep);
        for row in &mut self.features {
            retain(row, keep);
        }
    }

    pub(super) fn check_target(&self, scope: &'static str) -> Result<(), TableError> {
        match self.target.first() {
            Some(first) if self.target.iter().all(|value| value == first) => {
                Err(TableError::ConstantTarget {
                    name: super::quote(&self.target_name),
                    value: first.to_string(),
                    scope,
                })
            }
            _ => Ok(()),
        }
    }
}

fn retain<T>(values: &mut Vec<T>, keep: &[bool]) {
    let mut flags = keep.iter();
    values.retain(|_| flags.next().copied().unwrap_or(false));
}

/// The numbers `0..n` in an order that depends on the seed alone (Fisher-Yates on SplitMix64).
///
/// # Source
/// Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators" (the generator and its
/// constants).
pub fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        // The high half of a 128-bit product maps to 0..=i; its bias, at most n / 2^64, is far
        // below notice.
        let j = ((u128::from(next()) * (i as u128 + 1)) >> 64) as usize;
        order.swap(i, j);
    }
    order
}
