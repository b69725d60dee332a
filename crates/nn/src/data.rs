//! Whether networks and data fit together.

use crate::error::{Error, Result};
use crate::layers::Mlp;
use crate::standardize::Standardizer;
use probity_autodiff::Scalar;
use probity_autodiff::nalgebra::DMatrix;
use std::sync::Arc;

/// Checks that the layers of the network fit each other and this number of outputs. The number of
/// inputs.
pub(crate) fn check_network(net: &Mlp, outputs: usize) -> Result<usize> {
    let (Some(first), Some(last)) = (net.layers.first(), net.layers.last()) else {
        return Err(Error::Network("it has no layers".into()));
    };
    for (i, layer) in net.layers.iter().enumerate() {
        for (what, width) in [("inputs", layer.inputs), ("outputs", layer.outputs)] {
            if width == 0 {
                return Err(Error::Network(format!("layer {i} has no {what}")));
            }
        }
        let before = i.checked_sub(1).map_or(layer.inputs, |i| net.layers[i].outputs);
        if before != layer.inputs {
            let (inputs, before_i) = (layer.inputs, i - 1);
            return Err(Error::Network(format!(
                "layer {i} takes {inputs} inputs, but layer {before_i} gives {before} outputs"
            )));
        }
    }
    if !(0.0..1.0).contains(&net.dropout) {
        return Err(Error::Network(format!("dropout needs a rate in [0, 1), not {}", net.dropout)));
    }
    if last.outputs != outputs {
        return Err(Error::Network(format!("it has {} outputs, this head needs {outputs}", last.outputs)));
    }
    Ok(first.inputs)
}

/// Checks sizes and that all numbers are finite, before anything is computed.
pub(crate) fn check(net: &Mlp, outputs: usize, x: &DMatrix<f64>, y: Option<&DMatrix<f64>>) -> Result {
    let inputs = check_network(net, outputs)?;
    if x.ncols() != inputs {
        return Err(Error::Data(format!(
            "the inputs have {} columns, the network takes {inputs}",
            x.ncols()
        )));
    }
    check_rows(x, y)
}

/// Checks that there are rows, as many of both, and that all numbers are finite.
pub(crate) fn check_rows(x: &DMatrix<f64>, y: Option<&DMatrix<f64>>) -> Result {
    if x.nrows() == 0 {
        return Err(Error::Data("there are no rows".into()));
    }
    if let Some(y) = y
        && y.nrows() != x.nrows()
    {
        return Err(Error::Data(format!("{} rows of inputs, {} targets", x.nrows(), y.nrows())));
    }
    for (name, m) in [("input", Some(x)), ("target", y)] {
        let Some(m) = m else { continue };
        if let Some(bad) = m.iter().position(|v| !v.is_finite()) {
            let (row, column) = (bad % m.nrows(), bad / m.nrows());
            return Err(Error::Data(format!("{name} in row {row}, column {column} is {}", m[bad])));
        }
    }
    Ok(())
}

/// The data in units of the training data, as numbers of type `T`, to be shared by runs of the
/// model.
///
/// # Errors
/// If a number is out of the range of `T`.
pub(crate) fn standardized<T: Scalar>(
    name: &str,
    x: &DMatrix<f64>,
    scaler: &Standardizer,
) -> Result<Arc<DMatrix<T>>> {
    let z = scaler.apply(x);
    let shared = z.map(T::from_f64);
    match shared.iter().position(|z| !z.to_f64().is_finite()) {
        None => Ok(Arc::new(shared)),
        Some(bad) => {
            let (row, column) = (bad % x.nrows(), bad / x.nrows());
            Err(Error::Data(format!(
                "{name} in row {row}, column {column} is {:e}, which is {:e} standard deviations of the training data \
                 from their mean: out of the range of the network's numbers",
                x[bad], z[bad]
            )))
        }
    }
}
