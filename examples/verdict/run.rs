//! Inference on one posterior after the other, and how far its answers are from the truth.

use super::matched::Approximation;
use super::problems::Kind;
use super::problems::shape::Problem;
use probity_vi::ladder::{Ladder, Stands};
use probity_vi::{Grade, Target};
use rayon::ThreadPoolBuilder;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// How far a mean may be off, in standard deviations.
const MEAN: f64 = 0.5;
/// By which factor a standard deviation may be off.
const SD: f64 = 1.5;

/// A posterior by its number.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub kind: &'static Kind,
    pub seed: u64,
    pub number: usize,
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub dim: usize,
    pub grade: Grade,
    /// The largest |error of a mean| in standard deviations.
    pub mean_error: f64,
    /// The largest |ln of the factor of a standard deviation|.
    pub sd_error: f64,
    pub gradients: usize,
    pub seconds: f64,
    /// The Gaussian of the highest ELBO, and that of batch and match, where they are asked for.
    pub gaussians: Option<[Approximation; 2]>,
    stands: Option<Stands>,
    /// The checks that allow no A, or why there is no answer.
    because: Vec<String>,
}

impl Outcome {
    /// Whether a mean or a standard deviation is wrong.
    pub fn is_wrong(&self) -> bool {
        is_wrong((self.mean_error, self.sd_error))
    }

    /// Whether it is wrong, and the verdict does not say so.
    pub fn is_false(&self) -> bool {
        self.grade < Grade::C && self.is_wrong()
    }

    fn of(problem: &Problem, seed: u64, matched: bool) -> Self {
        let start = Instant::now();
        let (mean, sd) = &problem.start;
        let answer = Ladder::new().seed(seed).start(mean, sd).run(&problem.target);
        let seconds = start.elapsed().as_secs_f64();
        let dim = problem.target.dim();
        let answer = match answer {
            Ok(answer) => answer,
            // No answer is no false one.
            Err(error) => {
                let (infinite, because) = (f64::INFINITY, vec![error.to_string()]);
                return Self {
                    dim,
                    grade: Grade::C,
                    mean_error: infinite,
                    sd_error: infinite,
                    gradients: 0,
                    seconds,
                    gaussians: None,
                    stands: None,
                    because,
                };
            }
        };
        let (mean_error, sd_error) = errors(problem, &answer.mean(), &answer.sd());
        let gaussians = matched.then(|| {
            let best = Approximation::of_the_best(problem, &answer.gaussian);
            [best, Approximation::matched(problem, seed)]
        });
        let checks = answer.verdict.checks().iter();
        Self {
            dim,
            grade: answer.verdict.grade(),
            mean_error,
            sd_error,
            gradients: answer.evaluations,
            seconds,
            gaussians,
            stands: Some(answer.stands),
            because: checks.filter(|c| c.grade > Grade::A).map(|c| c.to_string()).collect(),
        }
    }

    /// As an object.
    pub fn json(&self, case: &Case) -> Value {
        json!({
            "kind": case.kind.name,
            "seed": case.seed,
            "number": case.number,
            "dim": self.dim,
            "verdict": self.grade.to_string(),
            "wrong": self.is_wrong(),
            "worst_mean_error": self.mean_error,
            "worst_log_sd_ratio": self.sd_error,
            "gradients": self.gradients,
            "seconds": self.seconds,
            "draws": self.stands,
            "because": self.because,
        })
    }
}

/// The largest |error of a mean| in standard deviations, and the largest |ln of the factor of a
/// standard deviation|.
pub fn errors(problem: &Problem, mean: &[f64], sd: &[f64]) -> (f64, f64) {
    let largest = |all: Vec<f64>| {
        all.into_iter().map(|x| if x.is_nan() { f64::INFINITY } else { x.abs() }).fold(0.0, f64::max)
    };
    let off = mean.iter().zip(&problem.mean).zip(&problem.sd).map(|((m, t), s)| (m - t) / s);
    let factors = sd.iter().zip(&problem.sd).map(|(got, want)| (got / want).ln());
    (largest(off.collect()), largest(factors.collect()))
}

/// Whether a mean or a standard deviation is wrong by so much.
pub fn is_wrong((mean_error, sd_error): (f64, f64)) -> bool {
    !(mean_error <= MEAN && sd_error <= SD.ln())
}

/// The outcomes of every case, for every seed of inference. Several at a time, each on a thread of
/// its own, on which inference then stays: results are the same for any number of threads, and
/// times are those of one core.
pub fn all(cases: &[Case], seeds: u64, threads: usize, matched: bool) -> Vec<Vec<Outcome>> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Vec<Outcome>>>> = Mutex::new(vec![None; cases.len()]);
    let work = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(i) else { return };
            let problem = case.kind.problem(case.seed, case.number);
            let outcomes = (0..seeds).map(|seed| Outcome::of(&problem, seed, matched)).collect();
            done.lock().unwrap_or_else(|poisoned| poisoned.into_inner())[i] = Some(outcomes);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            // A pool of one thread, so that inference does not share its work.
            scope.spawn(|| match ThreadPoolBuilder::new().num_threads(1).build() {
                Ok(pool) => pool.install(work),
                Err(_) => work(),
            });
        }
    });
    let done = done.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    done.into_iter().map(Option::unwrap_or_default).collect()
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<10} {:>3}", self.kind.name, self.number)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dim, grade, mean_error, sd_error, gradients, seconds, .. } = self;
        let word = match (self.is_false(), self.is_wrong()) {
            (true, _) => "FALSE",
            (_, true) => "wrong",
            _ => "right",
        };
        write!(
            f,
            "D = {dim:<3} {grade} {word}: a mean off by {mean_error:.2} sd, an sd by a factor {:.2}, {gradients} gradients in {seconds:.2} s",
            sd_error.exp()
        )?;
        if let Some(stands) = self.stands {
            write!(f, "; draws {stands}")?;
        }
        self.because.iter().try_for_each(|check| write!(f, "\n    {check}"))
    }
}
