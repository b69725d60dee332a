//! What the Rust peers share: the table of workloads, the command line, the clock, the line of
//! JSON.

use serde::Deserialize;
use std::error::Error;
use std::time::Instant;

/// A network and its data, as the other sides have it.
#[derive(Clone, Debug, Deserialize)]
pub struct Net {
    pub name: String,
    pub widths: Vec<usize>,
    pub rows: usize,
    pub batch: usize,
    pub loss: String,
    pub rate: f64,
    pub local: bool,
    /// Steps in a block.
    pub steps: usize,
}

/// The weight of KL / rows in the loss.
pub const KL: f64 = 0.01;

/// What is asked for on the command line: `WORKLOAD [--cores N] [--seconds S]`.
#[derive(Clone, Debug)]
pub struct Job {
    side: &'static str,
    detail: &'static str,
    pub net: Net,
    cores: usize,
    seconds: f64,
}

impl Job {
    /// Reads the command line.
    ///
    /// # Errors
    /// If the workload is none of weight-space classification, or a number does not parse.
    pub fn from_args(side: &'static str, detail: &'static str) -> Result<Self, Box<dyn Error>> {
        let mut args = std::env::args().skip(1);
        let usage = "usage: WORKLOAD [--cores N] [--seconds S]";
        let name = args.next().ok_or(usage)?;
        let (mut cores, mut seconds) = (1, 1.0);
        while let Some(option) = args.next() {
            let value = args.next().ok_or(usage)?;
            match option.as_str() {
                "--cores" => cores = value.parse()?,
                "--seconds" => seconds = value.parse()?,
                _ => return Err(usage.into()),
            }
        }
        let table: Vec<serde_json::Value> = serde_json::from_str(include_str!("../../peers/workloads.json"))?;
        let found = table.into_iter().find(|w| w["name"] == name.as_str());
        let net: Net = serde_json::from_value(found.ok_or(format!("there is no workload {name}"))?)?;
        if net.local || net.loss != "cross-entropy" {
            return Err(format!("{name} is not written for this side").into());
        }
        Ok(Self { side, detail, net, cores, seconds })
    }

    /// The first row of the minibatch of a step.
    pub fn first_row(&self, step: usize) -> usize {
        step * self.net.batch % (self.net.rows - self.net.batch + 1)
    }

    /// Times blocks of steps, the first of which warms up and does not count, and prints the
    /// result. `step` gets the number of the step.
    ///
    /// # Errors
    /// What a step reports.
    pub fn measure(
        &self,
        mut step: impl FnMut(usize) -> Result<(), Box<dyn Error>>,
    ) -> Result<(), Box<dyn Error>> {
        let (mut blocks, mut taken): (Vec<f64>, usize) = (Vec::new(), 0);
        while blocks.len() < 4 || blocks[1..].iter().sum::<f64>() < self.seconds {
            let begin = Instant::now();
            for _ in 0..self.net.steps {
                step(taken)?;
                taken += 1;
            }
            blocks.push(begin.elapsed().as_secs_f64());
        }
        let mut each: Vec<f64> = blocks[1..].iter().map(|b| 1e6 * b / self.net.steps as f64).collect();
        each.sort_by(f64::total_cmp);
        let middle = (each[(each.len() - 1) / 2] + each[each.len() / 2]) / 2.0;
        let line = serde_json::json!({
            "side": self.side, "variant": "", "workload": self.net.name, "cores": self.cores,
            "us_per_step": middle, "fastest_us": each[0], "repeats": each.len(),
            "steps_per_repeat": self.net.steps, "detail": self.detail,
        });
        println!("{line}");
        Ok(())
    }
}
