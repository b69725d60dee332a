//! The side of Burn, on its backend for CPUs (flex).

use burn::module::{Module, Param};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::activation::{relu, softplus};
use burn::tensor::{Device, Distribution, Int, Tensor};
use probity_rust_peers::{Job, KL};
use std::error::Error;

/// Means and rho of a matrix of weights or biases.
#[derive(Module, Debug)]
struct Site {
    loc: Param<Tensor<2>>,
    rho: Param<Tensor<2>>,
}

impl Site {
    fn new(rows: usize, columns: usize, device: &Device) -> Self {
        let uniform = |low, high| {
            Param::from_tensor(Tensor::random([rows, columns], Distribution::Uniform(low, high), device))
        };
        Self { loc: uniform(-0.2, 0.2), rho: uniform(-5.0, -4.0) }
    }

    /// A draw, and the divergence from a standard Normal.
    fn draw(&self) -> (Tensor<2>, Tensor<1>) {
        let (loc, scale) = (self.loc.val(), softplus(self.rho.val(), 1.0));
        let noise = loc.random_like(Distribution::Normal(0.0, 1.0));
        let kl = (scale.clone().square() + loc.clone().square() - 1.0) * 0.5 - scale.clone().log();
        (loc + scale * noise, kl.sum())
    }
}

#[derive(Module, Debug)]
struct Net {
    weights: Vec<Site>,
    biases: Vec<Site>,
}

impl Net {
    fn forward(&self, mut x: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        let mut kl = Tensor::zeros([1], &x.device());
        for (i, (weight, bias)) in self.weights.iter().zip(&self.biases).enumerate() {
            if i > 0 {
                x = relu(x);
            }
            let ((w, kl_w), (b, kl_b)) = (weight.draw(), bias.draw());
            x = x.matmul(w) + b;
            kl = kl + kl_w + kl_b;
        }
        (x, kl)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let job = Job::from_args("burn", "burn 0.22, flex")?;
    let (net, device) = (&job.net, Device::flex().autodiff());
    let (inputs, classes) = (net.widths[0], net.widths[net.widths.len() - 1]);
    let x: Tensor<2> = Tensor::random([net.rows, inputs], Distribution::Uniform(0.0, 1.0), &device);
    let labels: Vec<i64> = (0..net.rows).map(|i| (i * 7 % classes) as i64).collect();
    let y = Tensor::<1, Int>::from_ints(labels.as_slice(), &device);
    let site = |of: &dyn Fn(&[usize]) -> (usize, usize)| {
        let shapes = net.widths.windows(2).map(of);
        shapes.map(|(rows, columns)| Site::new(rows, columns, &device)).collect()
    };
    let mut model = Net { weights: site(&|w| (w[0], w[1])), biases: site(&|w| (1, w[1])) };
    let mut adam = AdamConfig::new().with_epsilon(1e-8).init();
    let cross_entropy = CrossEntropyLossConfig::new().init(&device);
    job.measure(|step| {
        let at = job.first_row(step);
        let rows = at..at + net.batch;
        let (out, kl) = model.forward(x.clone().slice([rows.clone()]));
        let loss = cross_entropy.forward(out, y.clone().slice([rows])) + kl * (KL / net.rows as f64);
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = adam.step(net.rate, model.clone(), gradients);
        Ok(())
    })
}
