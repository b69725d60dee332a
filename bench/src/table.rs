//! Medians over rounds, ratios and bars, as a Markdown table.

use crate::bars::{self, Bar};
use crate::line::{Line, Side};
use crate::meter::median;

/// Medians over rounds.
struct Medians<'a>(&'a [Line]);

impl<'a> Medians<'a> {
    /// The side's median of its best variant, and that variant.
    fn of(&self, workload: &str, cores: usize, side: Side) -> Option<(f64, &'a str)> {
        let is = |l: &&Line| l.workload == workload && l.cores == cores && l.side == side;
        let mut best: Option<(f64, &'a str)> = None;
        for first in self.0.iter().filter(is) {
            let mut times: Vec<f64> = self
                .0
                .iter()
                .filter(is)
                .filter(|l| l.variant == first.variant)
                .map(|l| l.us_per_step)
                .collect();
            times.sort_by(f64::total_cmp);
            let time = median(&times);
            if best.is_none_or(|(b, _)| time < b) {
                best = Some((time, &first.variant));
            }
        }
        best
    }
}

/// The fastest variant of a side in these lines, by medians.
pub fn best_variant<'a>(lines: &'a [Line], workload: &str, cores: usize, side: Side) -> Option<&'a str> {
    Medians(lines).of(workload, cores, side).map(|(_, variant)| variant)
}

/// The median over the rounds of a side's best variant.
pub fn median_of(lines: &[Line], workload: &str, cores: usize, side: Side) -> Option<f64> {
    Medians(lines).of(workload, cores, side).map(|(time, _)| time)
}

/// A time in microseconds with three digits and a fitting unit.
pub fn time(us: f64) -> String {
    let digits = |x: f64| if x < 10.0 { 2 } else { usize::from(x < 100.0) };
    match us {
        us if us < 1000.0 => format!("{us:.*} µs", digits(us)),
        us if us < 1e6 => format!("{:.*} ms", digits(us / 1e3), us / 1e3),
        us => format!("{:.*} s", digits(us / 1e6), us / 1e6),
    }
}

fn against(bar: f64, unit: &str, met: bool) -> String {
    format!(" (bar {bar}{unit}: {})", if met { "met" } else { "**missed**" })
}

fn ratio(of: Option<f64>, bar: Option<f64>) -> String {
    let Some(ratio) = of else { return "–".into() };
    let mut text = if ratio < 10.0 { format!("{ratio:.2}") } else { format!("{ratio:.1}") };
    if let Some(bar) = bar {
        text += &against(bar, "", ratio >= bar);
    }
    text
}

/// The table of all workloads in these lines, in the order in which they first appear, fewer cores
/// first, with a column for every peer that is in them.
pub fn markdown(lines: &[Line]) -> String {
    let medians = Medians(lines);
    let mut rows: Vec<(&str, usize)> = Vec::new();
    for line in lines {
        if !rows.contains(&(&line.workload, line.cores)) {
            rows.push((&line.workload, line.cores));
        }
    }
    let place = |name: &str| lines.iter().position(|l| l.workload == name);
    rows.sort_by_key(|(name, cores)| (place(name), *cores));
    let peers: Vec<Side> = Side::PEERS.into_iter().filter(|p| lines.iter().any(|l| l.side == *p)).collect();
    let mut head = vec!["workload".to_string(), "cores".into(), "ours".into()];
    head.extend(peers.iter().map(Side::to_string));
    head.extend(peers.iter().map(|p| format!("{p} / ours")));
    head.push("ours on 1 core / ours".into());
    let mut text = format!("| {} |\n|---|{}\n", head.join(" | "), "--:|".repeat(head.len() - 1));
    for (name, cores) in rows {
        let bars = bars::of(name, cores);
        let bar = |of: &dyn Fn(&Bar) -> Option<f64>| bars.iter().find_map(of);
        let ours = medians.of(name, cores, Side::Ours).map(|(us, _)| us);
        let times = |other: Option<f64>| other.zip(ours).map(|(other, ours)| other / ours);
        let most = bar(&|b| if let Bar::AtMost(us) = b { Some(*us) } else { None });
        let own = ours.map_or("–".into(), |us| {
            time(us) + &most.map_or(String::new(), |most| against(most, " µs", us <= most))
        });
        let mut cells = vec![name.to_string(), cores.to_string(), own];
        cells.extend(peers.iter().map(|peer| match medians.of(name, cores, *peer) {
            None => "–".into(),
            Some((us, "")) => time(us),
            Some((us, variant)) => format!("{} ({variant})", time(us)),
        }));
        cells.extend(peers.iter().map(|peer| {
            let least = bar(&|b| {
                if let Bar::Times(p, x) = b
                    && p == peer
                {
                    Some(*x)
                } else {
                    None
                }
            });
            ratio(times(medians.of(name, cores, *peer).map(|(us, _)| us)), least)
        }));
        let one = if cores > 1 { medians.of(name, 1, Side::Ours).map(|(us, _)| us) } else { None };
        cells.push(ratio(times(one), bar(&|b| if let Bar::OneCore(x) = b { Some(*x) } else { None })));
        text += &format!("| {} |\n", cells.join(" | "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(side: Side, variant: &str, workload: &str, cores: usize, us: f64) -> Line {
        let (variant, workload) = (variant.into(), workload.into());
        let detail = String::new();
        Line {
            side,
            variant,
            workload,
            cores,
            us_per_step: us,
            fastest_us: us,
            repeats: 3,
            steps_per_repeat: 1,
            round: 1,
            detail,
        }
    }

    #[test]
    fn times_have_three_digits() {
        let all: Vec<String> = [1.234, 12.34, 123.4, 1234.0, 123_400.0, 2.5e6].map(time).into();
        assert_eq!(all, ["1.23 µs", "12.3 µs", "123 µs", "1.23 ms", "123 ms", "2.50 s"]);
    }

    #[test]
    fn medians_ratios_and_bars() {
        let (ours, jax, torch) = (Side::Ours, Side::Jax, Side::Torch);
        let lines = [
            line(ours, "", "mnist", 2, 20.0),
            line(ours, "", "mnist", 1, 30.0),
            line(ours, "", "mnist", 1, 50.0),
            line(ours, "", "mnist", 1, 32.0),
            line(jax, "threefry2x32", "mnist", 1, 128.0),
            line(jax, "rbg", "mnist", 1, 96.0),
            line(torch, "", "mnist", 1, 80.0),
            line(ours, "", "small", 1, 12.5),
        ];
        assert_eq!(best_variant(&lines, "mnist", 1, jax), Some("rbg"));
        assert_eq!(best_variant(&lines, "mnist", 2, jax), None);
        let text = markdown(&lines);
        let rows: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| mnist | 1 | 32.0 µs | 96.0 µs (rbg) | 80.0 µs | 3.00 (bar 3: met) | 2.50 (bar 3: **missed**) | – |",
                "| mnist | 2 | 20.0 µs | – | – | – | – | 1.60 (bar 1.7: **missed**) |",
                "| small | 1 | 12.5 µs (bar 10 µs: **missed**) | – | – | – | – | – |",
            ]
        );
    }
}
