//! Numbers that may be NaN or infinite, in files.
//!
//! JSON has no such numbers: `serde_json` writes them as `null`, which does not read back. With
//! `#[serde(with = "probity_autodiff::serde_float")]` a field of type `f64`, `Option<f64>`,
//! `Vec<f64>` or a tuple of `f64` does: in formats for people, NaN and the infinities are the texts
//! `"NaN"`, `"inf"` and `"-inf"`, and `null` reads as NaN. All other numbers, and formats for
//! machines, are as always.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Mean {
//!     #[serde(with = "probity_autodiff::serde_float")]
//!     value: f64,
//!     #[serde(with = "probity_autodiff::serde_float")]
//!     draws: Vec<f64>,
//! }
//! let mean = Mean { value: f64::NAN, draws: vec![1.5, f64::INFINITY] };
//! let text = serde_json::to_string(&mean)?;
//! assert_eq!(text, r#"{"value":"NaN","draws":[1.5,"inf"]}"#);
//! let back: Mean = serde_json::from_str(&text)?;
//! assert!(back.value.is_nan() && back.draws == mean.draws);
//! # Ok::<(), serde_json::Error>(())
//! ```

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Writes the numbers.
///
/// # Errors
/// What the serializer reports.
pub fn serialize<F: Floats, S: Serializer>(floats: &F, serializer: S) -> Result<S::Ok, S::Error> {
    floats.to_any().serialize(serializer)
}

/// Reads the numbers.
///
/// # Errors
/// What the deserializer reports, or a text that is none of the three.
pub fn deserialize<'de, F: Floats, D: Deserializer<'de>>(deserializer: D) -> Result<F, D::Error> {
    Ok(F::from_any(F::Any::deserialize(deserializer)?))
}

/// What [`serialize`] and [`deserialize`] take.
pub trait Floats: Sized {
    /// The same, of numbers that may be anything.
    type Any: Serialize + for<'de> Deserialize<'de>;
    /// As such.
    fn to_any(&self) -> Self::Any;
    /// From such.
    fn from_any(any: Self::Any) -> Self;
}

impl Floats for f64 {
    type Any = AnyFloat;
    fn to_any(&self) -> AnyFloat {
        AnyFloat(*self)
    }
    fn from_any(any: AnyFloat) -> Self {
        any.0
    }
}

impl<F: Floats> Floats for Vec<F> {
    type Any = Vec<F::Any>;
    fn to_any(&self) -> Self::Any {
        self.iter().map(F::to_any).collect()
    }
    fn from_any(any: Self::Any) -> Self {
        any.into_iter().map(F::from_any).collect()
    }
}

/// `null` is none of them.
impl<F: Floats> Floats for Option<F> {
    type Any = Option<F::Any>;
    fn to_any(&self) -> Self::Any {
        self.as_ref().map(F::to_any)
    }
    fn from_any(any: Self::Any) -> Self {
        any.map(F::from_any)
    }
}

impl<F: Floats> Floats for (F, F) {
    type Any = (F::Any, F::Any);
    fn to_any(&self) -> Self::Any {
        (self.0.to_any(), self.1.to_any())
    }
    fn from_any((a, b): Self::Any) -> Self {
        (F::from_any(a), F::from_any(b))
    }
}

impl<F: Floats> Floats for (F, F, F) {
    type Any = (F::Any, F::Any, F::Any);
    fn to_any(&self) -> Self::Any {
        (self.0.to_any(), self.1.to_any(), self.2.to_any())
    }
    fn from_any((a, b, c): Self::Any) -> Self {
        (F::from_any(a), F::from_any(b), F::from_any(c))
    }
}

/// A number that may be NaN or infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AnyFloat(pub f64);

impl Serialize for AnyFloat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            x if x.is_finite() || !serializer.is_human_readable() => serializer.serialize_f64(x),
            x if x.is_nan() => serializer.serialize_str("NaN"),
            x if x > 0.0 => serializer.serialize_str("inf"),
            _ => serializer.serialize_str("-inf"),
        }
    }
}

impl<'de> Deserialize<'de> for AnyFloat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(AnyVisitor).map(Self)
        } else {
            f64::deserialize(deserializer).map(Self)
        }
    }
}

struct AnyVisitor;

impl Visitor<'_> for AnyVisitor {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number, \"NaN\", \"inf\" or \"-inf\"")
    }
    fn visit_f64<E: Error>(self, x: f64) -> Result<f64, E> {
        Ok(x)
    }
    fn visit_u64<E: Error>(self, x: u64) -> Result<f64, E> {
        Ok(x as f64)
    }
    fn visit_i64<E: Error>(self, x: i64) -> Result<f64, E> {
        Ok(x as f64)
    }
    fn visit_unit<E: Error>(self) -> Result<f64, E> {
        Ok(f64::NAN)
    }
    fn visit_none<E: Error>(self) -> Result<f64, E> {
        Ok(f64::NAN)
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
        match text {
            "NaN" => Ok(f64::NAN),
            "inf" => Ok(f64::INFINITY),
            "-inf" => Ok(f64::NEG_INFINITY),
            other => Err(E::invalid_value(Unexpected::Str(other), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    struct All {
        #[serde(with = "super")]
        one: f64,
        #[serde(with = "super")]
        three: (f64, f64, f64),
        #[serde(with = "super")]
        many: Vec<f64>,
        #[serde(default, with = "super")]
        maybe: Option<f64>,
    }

    fn bits(x: &All) -> Vec<u64> {
        let (a, b, c) = x.three;
        [x.one, a, b, c].iter().chain(&x.many).chain(&x.maybe).map(|x| x.to_bits()).collect()
    }

    #[test]
    fn every_number_reads_back() {
        let many = vec![0.0, -0.0, 1.0, 5e-324, f64::MAX, 0.1, -3.0, f64::NAN, f64::INFINITY];
        for one in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 2.0, 1e-300] {
            let all =
                All { one, three: (f64::NEG_INFINITY, f64::NAN, 0.25), many: many.clone(), maybe: Some(one) };
            let back: All = serde_json::from_str(&serde_json::to_string(&all).unwrap()).unwrap();
            assert_eq!(bits(&all), bits(&back));
        }
        let old: All = serde_json::from_str(r#"{"one":null,"three":[1,null,-2],"many":[null]}"#).unwrap();
        assert!(old.one.is_nan() && old.three.0 == 1.0 && old.three.2 == -2.0 && old.many[0].is_nan());
        assert_eq!(old.maybe, None);
    }

    #[test]
    fn other_texts_and_types_are_refused() {
        for bad in ["\"nan?\"", "true", "[1]", "{}", "\"1.5\""] {
            let text = format!(r#"{{"one":{bad},"three":[1,2,3],"many":[]}}"#);
            let error = serde_json::from_str::<All>(&text).unwrap_err().to_string();
            assert!(error.contains("expected a number, \"NaN\""), "{error}");
        }
    }
}
