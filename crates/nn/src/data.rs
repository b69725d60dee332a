//! Whether data fit a network.

use crate::error::{Error, Result};
use crate::layers::Mlp;
use probity_autodiff::nalgebra::DMatrix;

/// Checks sizes and that all numbers are finite, before anything is computed.
pub(crate) fn check(net: &Mlp, outputs: usize, x: &DMatrix<f64>, y: Option<&DMatrix<f64>>) -> Result {
    let (first, last) = match (net.layers.first(), net.layers.last()) {
        (Some(first), Some(last)) => (first.inputs, last.outputs),
        _ => return Err(Error::Network("it has no layers".into())),
    };
    if last != outputs {
        return Err(Error::Network(format!("it has {last} outputs, this head needs {outputs}")));
    }
    if x.ncols() != first {
        return Err(Error::Data(format!("the inputs have {} columns, the network takes {first}", x.ncols())));
    }
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
