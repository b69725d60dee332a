//! How fast a step could be on this machine, and how far from that it is.

mod count;
mod kernels;
mod machine;

pub use count::Count;
pub use machine::{Machine, Shape};

use crate::line::{Line, Side};
use crate::table::{median_of, time};
use crate::workloads::Workload;
use std::fmt::Write;

/// Bytes per thread of the arrays that bandwidth is measured with: first cache, second cache, last
/// cache, and far more than any.
pub const SIZES: [usize; 4] = [32 << 10, 1 << 20, 128 << 20, 2 << 30];

/// Shapes of the products that the rate is measured with: those of the networks, and square ones.
pub const SHAPES: [Shape; 6] = [
    (128, 784, 400),
    (128, 784, 1200),
    (128, 1200, 1200),
    (512, 512, 512),
    (1024, 1024, 1024),
    (2048, 2048, 2048),
];

/// The least time of a step, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// Of the matrix products.
    pub products: f64,
    /// Of moving the bytes.
    pub memory: f64,
    /// Of drawing the normal numbers.
    pub draws: f64,
    /// Of the elementary functions: weights, drawn and with their divergence, and updates of
    /// parameters.
    pub functions: f64,
    /// Whether all elementary functions are in it.
    pub counted: bool,
}

impl Bound {
    /// Of this work on this machine, at the highest rates that were seen.
    pub fn new(count: &Count, machine: &Machine) -> Self {
        let a = machine.arithmetic(count.double);
        let bandwidth = machine.level(count.memory).map_or(f64::INFINITY, |l| l.best());
        Self {
            products: 1e6 * count.flops / a.peak(),
            memory: 1e6 * count.bytes / bandwidth,
            draws: 1e6 * count.draws / a.normals,
            functions: 1e6 * (count.weights / a.weights + count.updates / a.updates),
            counted: count.weights > 0.0,
        }
    }

    /// Of all that is computed, if no byte ever had to be waited for: one core does these things
    /// one after the other. None where the elementary functions are not counted.
    pub fn computing(&self) -> Option<f64> {
        self.counted.then_some(self.products + self.functions)
    }

    /// If products, bytes and draws overlap perfectly.
    pub fn max(&self) -> f64 {
        self.products.max(self.memory).max(self.draws)
    }

    /// If products, bytes and draws do not overlap.
    pub fn sum(&self) -> f64 {
        self.products + self.memory + self.draws
    }
}

/// The rates of the machines, as a Markdown table.
pub fn machines(machines: &[Machine]) -> String {
    let mut text = String::from("| rate |");
    let row = |name: String, of: &dyn Fn(&Machine) -> f64, unit: &str, scale: f64| {
        let cells: Vec<String> = machines.iter().map(|m| format!(" {:.1} {unit} |", of(m) / scale)).collect();
        format!("| {name} |{}\n", cells.concat())
    };
    let mut rows = String::new();
    for (name, double) in [("f32", false), ("f64", true)] {
        rows += &row(
            format!("{name} multiply-adds in a loop"),
            &|m| m.arithmetic(double).multiply_add,
            "GFLOP/s",
            1e9,
        );
        rows +=
            &row(format!("{name} our fastest product"), &|m| m.arithmetic(double).product, "GFLOP/s", 1e9);
        rows += &row(format!("{name} normal numbers"), &|m| m.arithmetic(double).normals, "M/s", 1e6);
        rows += &row(format!("{name} draw + KL, both ways"), &|m| m.arithmetic(double).weights, "M/s", 1e6);
        rows += &row(format!("{name} Adam"), &|m| m.arithmetic(double).updates, "M/s", 1e6);
    }
    for (i, level) in machines.first().map_or(&[][..], |m| &m.levels).iter().enumerate() {
        let size = level.size / machines[0].threads as f64 / 1024.0;
        let size = if size < 1024.0 { format!("{size} KiB") } else { format!("{} MiB", size / 1024.0) };
        rows += &row(format!("copy, {size} per core"), &|m| m.levels[i].copy, "GB/s", 1e9);
        rows += &row(format!("triad, {size} per core"), &|m| m.levels[i].triad, "GB/s", 1e9);
        rows += &row(format!("update of 4, {size} per core"), &|m| m.levels[i].update, "GB/s", 1e9);
    }
    for machine in machines {
        let _ = write!(text, " {} core{} |", machine.threads, if machine.threads == 1 { "" } else { "s" });
    }
    text + "\n|---|" + &"--:|".repeat(machines.len()) + "\n" + &rows
}

/// The bounds of workloads on these machines beside our measurements, as a Markdown table.
pub fn markdown(workloads: &[Workload], machines: &[Machine], lines: &[Line]) -> String {
    let mut text = String::from(
        "| workload | cores | MFLOP | MB | k draws | products | memory | draws | functions | max | sum | computing | ours | ours / max | ours / sum | ours / computing |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for workload in workloads {
        let count = Count::of(&workload.work);
        for machine in machines {
            let bound = Bound::new(&count, machine);
            let ours = median_of(lines, &workload.name, machine.threads, Side::Ours);
            let over = |bound: f64| ours.map_or("–".into(), |us| format!("{:.2}", us / bound));
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "| {} | {} | {:.3} | {:.3} | {:.1} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                workload.name,
                machine.threads,
                count.flops / 1e6,
                count.bytes / 1e6,
                count.draws / 1e3,
                time(bound.products),
                time(bound.memory),
                time(bound.draws),
                bound.computing().map_or("–".into(), |_| time(bound.functions)),
                time(bound.max()),
                time(bound.sum()),
                bound.computing().map_or("–".into(), time),
                ours.map_or("–".into(), time),
                over(bound.max()),
                over(bound.sum()),
                bound.computing().map_or("–".into(), over),
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::machine::{Arithmetic, Level};
    use super::*;
    use crate::meter::Meter;
    use crate::workloads::find;

    fn machine() -> Machine {
        let single =
            Arithmetic { multiply_add: 150e9, product: 100e9, normals: 1e9, weights: 1e9, updates: 2e9 };
        let double =
            Arithmetic { multiply_add: 75e9, product: 50e9, normals: 0.5e9, weights: 0.5e9, updates: 1e9 };
        let level = |size, update| Level { size, copy: 10e9, triad: 12e9, update };
        Machine { threads: 1, single, double, levels: vec![level(1e6, 100e9), level(1e9, 20e9)] }
    }

    #[test]
    fn the_bound_of_the_large_net() {
        let bound = Bound::new(&Count::of(&find("mnist").unwrap().work), &machine());
        assert!((bound.products - 1_596_825_600.0 / 150e3).abs() < 1e-6);
        assert!((bound.memory - 182_035_960.0 / 20e3).abs() < 1e-6);
        assert!((bound.draws - 2395.21).abs() < 1e-6);
        assert_eq!(bound.max(), bound.products);
        assert!((bound.sum() - (bound.products + bound.memory + bound.draws)).abs() < 1e-9);
        // A small net is in the fast cache.
        let small = Bound::new(&Count::of(&find("small").unwrap().work), &machine());
        assert!((small.memory - 751.0 * 76.0 / 100e3).abs() < 1e-9);
    }

    #[test]
    fn tables_have_their_cells() {
        let machines_table = machines(&[machine()]);
        assert!(
            machines_table
                .starts_with("| rate | 1 core |\n|---|--:|\n| f32 multiply-adds in a loop | 150.0 GFLOP/s |")
        );
        let line = Line { us_per_step: 21_291.008, ..Meter::quick().line("mnist", 1) };
        let text = markdown(&[find("mnist").unwrap()], &[machine()], &[line]);
        assert_eq!(
            text.lines().nth(2),
            Some(
                "| mnist | 1 | 1596.826 | 182.036 | 2395.2 | 10.6 ms | 9.10 ms | 2.40 ms | 4.79 ms | 10.6 ms | 22.1 ms | 15.4 ms | 21.3 ms | 2.00 | 0.96 | 1.38 |"
            )
        );
    }
}
