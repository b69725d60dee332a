//! The side of Candle.

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::loss::cross_entropy;
use candle_nn::optim::{AdamW, Optimizer, ParamsAdamW};
use probity_rust_peers::{Job, KL};
use std::error::Error;

/// Means and rho of a matrix of weights or biases.
struct Site {
    loc: Var,
    rho: Var,
}

impl Site {
    fn new(rows: usize, columns: usize, device: &Device) -> Result<Self> {
        let uniform = |low: f32, high: f32| Var::rand(low, high, (rows, columns), device);
        Ok(Self { loc: uniform(-0.2, 0.2)?, rho: uniform(-5.0, -4.0)? })
    }

    /// A draw, and the divergence from a standard Normal.
    fn draw(&self) -> Result<(Tensor, Tensor)> {
        let scale = (self.rho.exp()? + 1.0)?.log()?;
        let draw = (self.loc.as_tensor() + (&scale * self.loc.randn_like(0.0, 1.0)?)?)?;
        let kl = ((((scale.sqr()? + self.loc.sqr()?)? - 1.0)? * 0.5)? - scale.log()?)?.sum_all()?;
        Ok((draw, kl))
    }
}

fn forward(layers: &[(Site, Site)], x: &Tensor) -> Result<(Tensor, Tensor)> {
    let (mut x, mut kl) = (x.clone(), Tensor::zeros((), DType::F32, x.device())?);
    for (i, (weight, bias)) in layers.iter().enumerate() {
        if i > 0 {
            x = x.relu()?;
        }
        let ((w, kl_w), (b, kl_b)) = (weight.draw()?, bias.draw()?);
        x = x.matmul(&w)?.broadcast_add(&b)?;
        kl = ((kl + kl_w)? + kl_b)?;
    }
    Ok((x, kl))
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let job = Job::from_args("candle", "candle 0.11")?;
    let (net, device) = (&job.net, Device::Cpu);
    let (inputs, classes) = (net.widths[0], net.widths[net.widths.len() - 1]);
    let x = Tensor::rand(0f32, 1.0, (net.rows, inputs), &device)?;
    let y =
        Tensor::rand(0f32, classes as f32, net.rows, &device)?.floor()?.clamp(0.0, classes as f64 - 1.0)?;
    let y = y.to_dtype(DType::U32)?;
    let layer = |w: &[usize]| Ok((Site::new(w[0], w[1], &device)?, Site::new(1, w[1], &device)?));
    let layers: Vec<(Site, Site)> = net.widths.windows(2).map(layer).collect::<Result<_>>()?;
    let vars = layers.iter().flat_map(|(w, b)| [&w.loc, &w.rho, &b.loc, &b.rho]).cloned().collect();
    let settings = ParamsAdamW { lr: net.rate, weight_decay: 0.0, ..ParamsAdamW::default() };
    let mut adam = AdamW::new(vars, settings)?;
    job.measure(|step| {
        let at = job.first_row(step);
        let (out, kl) = forward(&layers, &x.narrow(0, at, net.batch)?)?;
        let loss = cross_entropy(&out, &y.narrow(0, at, net.batch)?)?;
        Ok(adam.backward_step(&(loss + (kl * (KL / net.rows as f64))?)?)?)
    })
}
