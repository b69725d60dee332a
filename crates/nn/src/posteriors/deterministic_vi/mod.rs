//! Deterministic variational inference: moments of units are propagated instead of draws.

mod relu_moments;

use super::ascent::setting;
use super::{Ascent, Inferred, LinearMap, Method, Problem};
use crate::activation::Activation;
use crate::error::{Error, Result};
use crate::noise::Noise;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_autodiff::{Key, Tape, Var};
use probity_vi::optim::{Adam, OptimizerState, Schedule};
use relu_moments::relu;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An independent Gaussian for every weight, fitted to the ELBO without draws: means and variances
/// of units are carried through the layers, as if every unit before an activation were Gaussian,
/// and the expected log likelihood is that of a Gaussian output. For nets of linear maps with ReLU
/// or no activation, Normal priors, and constant Gaussian noise.
///
/// Covariances between the units of a layer are left out. Below one hidden layer there are none, as
/// its units have weights of their own; below more there are, and this is the diagonal variant of
/// the paper. Noise that is learned has a Gaussian for its logarithm, with expectations in closed
/// form; unknown scales of priors are set where the ELBO is largest. Predictions are by draws of
/// the weights.
///
/// *Source*: Wu, Nowozin, Meeds, Turner, Hernández-Lobato, Gaunt 2019, "Deterministic variational
/// inference for robust Bayesian neural networks", sections 3 and 4, table 2 (dDVI).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeterministicVi {
    /// The ascent to the mode where the fit begins.
    pub ascent: Ascent,
    /// Steps.
    pub steps: usize,
    /// The rate of Adam in the first half; in the second it falls to nothing as a cosine does.
    pub rate: f64,
    /// The standard deviation of every weight at the start.
    pub scale: f64,
    /// Draws of the result.
    pub draws: usize,
    /// The seed of all random numbers.
    pub seed: u64,
}

impl Default for DeterministicVi {
    fn default() -> Self {
        let ascent = Ascent { steps: 500, ..Ascent::default() };
        Self { ascent, steps: 1000, rate: 0.015, scale: 0.02, draws: 300, seed: 0 }
    }
}

impl Method for DeterministicVi {
    fn infer(&self, problem: &Problem<'_>) -> Result<Inferred> {
        let Self { ascent, steps, rate, scale, draws, seed } = self;
        let positive = |x: f64| x > 0.0 && x.is_finite();
        if *draws == 0 || !positive(*rate) || !positive(*scale) {
            return Err(setting("rate", "a draw, a positive rate and scale are needed".into()));
        }
        let net = Moments::of(problem)?;
        let (d, key) = (problem.dim(), Key::new(*seed));
        let free = problem.free();
        let mode = ascent.climb(problem, key.fold_in(0))?;
        // Means, then logarithms of standard deviations.
        let mut params = [mode.u, vec![scale.ln(); d]].concat();
        let mut adam = Adam::new(*rate);
        let mut state = OptimizerState::new(&adam, 2 * d);
        let schedule = Schedule::HoldThenCosine { hold: 0.5, end: 0.005 };
        let (mut tape, mut loss, mut variances) = (Tape::new(), vec![0.0; 2 * d], vec![0.0; d]);
        let mut precisions = Vec::new();
        for step in 0..*steps {
            if step % 10 == 0 {
                let (mean, logs) = params.split_at_mut(d);
                variances.iter_mut().zip(&*logs).for_each(|(v, l)| *v = (2.0 * l).exp());
                problem.scales().maximize(mean, Some(&variances));
                precisions = problem.prior_precisions(mean)?;
            }
            loss.fill(0.0);
            net.gradient(&mut tape, &params, &mut loss);
            for i in free.iter().copied().filter(|i| !net.noise_coordinates().contains(i)) {
                // Of minus the divergence from the prior.
                loss[i] -= precisions[i] * params[i];
                loss[d + i] += 1.0 - precisions[i] * (2.0 * params[d + i]).exp();
            }
            if loss.iter().any(|g| !g.is_finite()) {
                return Err(setting("rate", "the ELBO is not finite".into()));
            }
            loss.iter_mut().for_each(|x| *x = -*x);
            let factor = schedule.factor(step as f64 / *steps as f64);
            state.step(&mut adam, &mut params, &loss, &[(0..2 * d, rate * factor)]);
        }
        let mut points = Vec::with_capacity(draws * d);
        let mut z = vec![0.0; d];
        for draw in 0..*draws {
            fill_normal(key.fold_in_str("draws").fold_in(draw as u64), 0, &mut z);
            let mut point = params[..d].to_vec();
            free.iter().for_each(|i| point[*i] += params[d + i].exp() * z[*i]);
            points.extend(point);
        }
        Ok(Inferred::of_draws(points).gradients(mode.gradients + steps))
    }

    fn seed(&self) -> u64 {
        self.seed
    }
}

impl DeterministicVi {
    /// The expected sum of squared errors of the outputs, in units of the head, when the weights
    /// are independent Gaussians; and the gradient of the expected log likelihood, in which an
    /// unknown noise has the derivatives of all terms of the ELBO that it is in.
    ///
    /// `params` are the means of all coordinates, and then the logarithms of their standard
    /// deviations; the gradient has the same order.
    ///
    /// # Errors
    /// If the moments of the net are not known, or there are not two numbers for each coordinate.
    #[doc(hidden)] // For the tests, which hold it to draws and differences.
    pub fn expected_squares(problem: &Problem<'_>, params: &[f64]) -> Result<(f64, Vec<f64>)> {
        if params.len() != 2 * problem.dim() {
            return Err(Error::Network(format!(
                "{} means and logarithms are needed, not {}",
                2 * problem.dim(),
                params.len()
            )));
        }
        let mut gradient = vec![0.0; params.len()];
        let sum = Moments::of(problem)?.gradient(&mut Tape::new(), params, &mut gradient);
        Ok((sum, gradient))
    }
}

/// A net whose moments are known, with its data.
struct Moments {
    maps: Vec<LinearMap>,
    activation: Activation,
    inputs: Arc<DMatrix<f64>>,
    /// The squares of the inputs.
    squares: Arc<DMatrix<f64>>,
    targets: Arc<DMatrix<f64>>,
    /// The logarithm of the noise where it is known, else its coordinate.
    noise: std::result::Result<f64, usize>,
}

impl Moments {
    fn of(problem: &Problem<'_>) -> Result<Self> {
        let no = |problem: &str| Err(Error::Network(format!("moments are not known: {problem}")));
        let Some(activation) = problem.perceptron() else {
            return no("the net is more than linear maps with an activation between them");
        };
        let maps = problem.linear_maps();
        if maps.len() > 1 && !matches!(activation, Activation::Relu | Activation::Identity) {
            return no("the activation is neither ReLU nor the identity");
        }
        let covered: usize = maps.iter().map(|m| m.coordinates().len()).sum();
        if covered != problem.weights().len() {
            return no("there are latent variables beside the weights of linear maps");
        }
        let noise = match problem.gaussian() {
            Some((Noise::Fixed(sd), unit)) => Ok((sd / unit).ln()),
            Some((Noise::FixedShare(share), _)) => Ok(share.ln()),
            Some((Noise::Learned, _)) => Err(problem.head().start),
            Some((Noise::InputDependent, _)) | None => return no("the noise is not a constant Gaussian one"),
        };
        if problem.is_streamed() {
            return no("the rows are not in memory");
        }
        let inputs = problem.inputs();
        Ok(Self {
            maps,
            activation,
            squares: Arc::new(inputs.component_mul(&inputs)),
            inputs: Arc::new(inputs),
            targets: Arc::new(problem.targets()),
            noise,
        })
    }

    fn noise_coordinates(&self) -> std::ops::Range<usize> {
        self.noise.err().map_or(0..0, |at| at..at + 1)
    }

    /// Adds the derivatives of the expected log likelihood by means and logarithms of standard
    /// deviations; for the noise, of all terms of the ELBO that it is in. The expected sum of
    /// squared errors.
    fn gradient(&self, tape: &mut Tape<f64>, params: &[f64], to: &mut [f64]) -> f64 {
        let d = params.len() / 2;
        let n = self.targets.len() as f64;
        // The mean of 1 / σ² under a Gaussian for ln σ.
        let weight = match self.noise {
            Ok(log) => (-2.0 * log).exp(),
            Err(at) => (-2.0 * params[at] + 2.0 * (2.0 * params[d + at]).exp()).exp(),
        };
        tape.reset();
        let tape = &*tape;
        let matrix = |map: &LinearMap, shift: usize| {
            let range = map.weight.start + shift..map.weight.end + shift;
            tape.variable_with(map.inputs, map.outputs, |w| w.copy_from_slice(&params[range]))
        };
        let row = |map: &LinearMap, shift: usize| {
            map.bias.as_ref().map(|b| {
                let range = b.start + shift..b.end + shift;
                tape.variable_with(1, map.outputs, |w| w.copy_from_slice(&params[range]))
            })
        };
        let variables: Vec<_> =
            self.maps.iter().map(|map| (matrix(map, 0), matrix(map, d), row(map, 0), row(map, d))).collect();
        let (mut mean, mut variance) = (tape.share(&self.inputs), None);
        let mut second = tape.share(&self.squares);
        for (i, (w, log_sd, b, log_b)) in variables.iter().copied().enumerate() {
            if let (Activation::Relu, Some(spread)) = (self.activation, variance) {
                let after = relu(tape, mean, spread);
                (mean, variance) = (after.0, Some(after.1));
            }
            if let (true, Some(variance)) = (i > 0, variance) {
                second = mean * mean + variance;
            }
            let of_weights = (log_sd * 2.0).exp();
            let mut next = second.matmul(of_weights);
            if let Some(log_b) = log_b {
                next = next + (log_b * 2.0).exp();
            }
            if let Some(variance) = variance {
                next = next + variance.matmul(w * w);
            }
            mean = match b {
                Some(b) => mean.affine(w, b),
                None => mean.matmul(w),
            };
            variance = Some(next);
        }
        let off = tape.share(&self.targets) - mean;
        let squares = (off * off + variance.unwrap_or_else(|| Var::from(0.0))).sum();
        let sum = squares.item();
        let gradients = tape.backward(squares);
        let mut add = |range: std::ops::Range<usize>, x: Var<'_, f64>| {
            let slope = gradients.wrt(x);
            to[range].iter_mut().zip(slope.iter()).for_each(|(to, g)| *to -= 0.5 * weight * g);
        };
        for (map, (w, log_sd, b, log_b)) in self.maps.iter().zip(&variables) {
            add(map.weight.clone(), *w);
            add(map.weight.start + d..map.weight.end + d, *log_sd);
            if let (Some(place), Some(b), Some(log_b)) = (&map.bias, b, log_b) {
                add(place.clone(), *b);
                add(place.start + d..place.end + d, *log_b);
            }
        }
        if let Err(at) = self.noise {
            // The prior of σ is half-Normal with scale 1: E ln p = -½ E e^2u + E u.
            let variance = (2.0 * params[d + at]).exp();
            let of_prior = (2.0 * params[at] + 2.0 * variance).exp();
            to[at] += 1.0 - n + weight * sum - of_prior;
            to[d + at] += 1.0 - 2.0 * variance * (weight * sum + of_prior);
        }
        sum
    }
}
