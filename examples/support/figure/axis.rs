//! One direction of a plot: its range, where numbers go on it, and its ticks with their labels.

/// A range of numbers, finite and with room between its ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The lower end.
    pub lo: f64,
    /// The upper end.
    pub hi: f64,
}

impl Range {
    /// The range from `lo` to `hi`, mended so that it can be drawn.
    ///
    /// Ends are swapped if need be; ends that are not finite, or too close for a double to tell
    /// numbers between them apart, give way to a range around what is there.
    pub fn new(lo: f64, hi: f64) -> Self {
        let (lo, hi) = match (lo.is_finite(), hi.is_finite()) {
            (true, true) => (lo.min(hi), lo.max(hi)),
            (true, false) => (lo, lo),
            (false, true) => (hi, hi),
            (false, false) => return Self { lo: 0.0, hi: 1.0 },
        };
        // Half the largest double, so that widths and paddings of a range stay finite.
        let most = f64::MAX / 4.0;
        let (lo, hi) = (lo.clamp(-most, most), hi.clamp(-most, most));
        let least = 1e-9 * lo.abs().max(hi.abs());
        if hi - lo > least && hi - lo >= 1e-300 {
            return Self { lo, hi };
        }
        let half = if lo == 0.0 { 0.5 } else { (0.05 * lo.abs()).max(1e-300) };
        Self { lo: lo - half, hi: hi + half }
    }

    /// The range that holds all the finite values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let finite = values.into_iter().filter(|v| v.is_finite());
        let (lo, hi) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)));
        Self::new(lo, hi)
    }

    /// The width.
    pub fn width(&self) -> f64 {
        self.hi - self.lo
    }

    /// The range with `share` of its width added on either side.
    pub fn padded(&self, share: f64) -> Self {
        let room = share * self.width();
        Self::new(self.lo - room, self.hi + room)
    }

    /// Where a value lies: 0 at the lower end, 1 at the upper.
    pub fn position(&self, value: f64) -> f64 {
        (value - self.lo) / self.width()
    }

    /// Whether the value is inside, ends included.
    pub fn contains(&self, value: f64) -> bool {
        value >= self.lo && value <= self.hi
    }

    /// About `count` round numbers in the range, evenly spaced by 1, 2 or 5 times a power of ten.
    pub fn ticks(&self, count: f64) -> Ticks {
        let rough = self.width() / count.max(1.0);
        let mut exponent = rough.log10().floor() as i32;
        let lead = rough / 10f64.powi(exponent);
        let lead = match lead {
            l if l < 1.5 => 1.0,
            l if l < 3.5 => 2.0,
            l if l < 7.5 => 5.0,
            _ => {
                exponent += 1;
                1.0
            }
        };
        let step = lead * 10f64.powi(exponent);
        // A tick that rounding puts just outside an end belongs to it.
        let slack = 1e-9;
        let (first, last) = ((self.lo / step - slack).ceil(), (self.hi / step + slack).floor());
        let values: Vec<f64> =
            (0..100).map(|i| first + f64::from(i)).take_while(|i| *i <= last).map(|i| i * step).collect();
        Ticks { labels: labels(&values, exponent), values }
    }
}

/// Round numbers and how they are written.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticks {
    /// The numbers, ascending.
    pub values: Vec<f64>,
    /// The text of each.
    pub labels: Vec<String>,
}

/// Writes numbers that are multiples of `10^step_exponent` with as many digits as they need.
fn labels(values: &[f64], step_exponent: i32) -> Vec<String> {
    let largest = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    if largest == 0.0 {
        return values.iter().map(|_| "0".to_string()).collect();
    }
    let magnitude = (largest.log10() + 1e-9).floor() as i32;
    // Plain digits as long as a label stays within about seven of them; a common power of ten
    // beyond.
    let shared = if (-4..=5).contains(&magnitude) && step_exponent >= -6 { 0 } else { magnitude };
    let decimals = usize::try_from(shared - step_exponent).unwrap_or(0).min(15);
    let write = |value: &f64| {
        let scaled = scale_down(*value, shared);
        let digits = format!("{scaled:.decimals$}").replace('-', "\u{2212}");
        let zero = !digits.bytes().any(|b| (b'1'..=b'9').contains(&b));
        match (zero, shared) {
            (true, _) if shared != 0 => "0".to_string(),
            (true, _) => digits.trim_start_matches('\u{2212}').to_string(),
            (false, 0) => digits,
            (false, _) => format!("{digits}×10{}", superscript(shared)),
        }
    };
    values.iter().map(write).collect()
}

/// `value / 10^exponent`, in two steps because the power alone may be out of range.
fn scale_down(value: f64, exponent: i32) -> f64 {
    let half = exponent / 2;
    value / 10f64.powi(half) / 10f64.powi(exponent - half)
}

fn superscript(number: i32) -> String {
    let raised = |c| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '0' => '⁰',
        digit => char::from_u32(u32::from(digit) - u32::from('4') + u32::from('⁴')).unwrap_or(digit),
    };
    number.to_string().chars().map(raised).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(lo: f64, hi: f64) -> Vec<String> {
        Range::new(lo, hi).ticks(5.0).labels
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(shown(-6.0, 6.0), ["−6", "−4", "−2", "0", "2", "4", "6"]);
        assert_eq!(shown(-1.13, 1.2), ["−1.0", "−0.5", "0.0", "0.5", "1.0"]);
        assert_eq!(shown(0.0, 0.1), ["0.00", "0.02", "0.04", "0.06", "0.08", "0.10"]);
        assert_eq!(shown(12_000.0, 32_000.0), ["15000", "20000", "25000", "30000"]);
        assert_eq!(shown(0.0, 3e7), ["0", "0.5×10⁷", "1.0×10⁷", "1.5×10⁷", "2.0×10⁷", "2.5×10⁷", "3.0×10⁷"]);
        assert_eq!(shown(-4e-12, 0.0), ["−4×10⁻¹²", "−3×10⁻¹²", "−2×10⁻¹²", "−1×10⁻¹²", "0"]);
    }

    #[test]
    fn any_range_can_be_drawn() {
        let cases = [
            (0.0, 0.0),
            (3.0, 3.0),
            (-1e300, 1e300),
            (f64::MIN, f64::MAX),
            (1e-310, 2e-310),
            (1e15, 1e15 + 1.0),
            (5.0, -5.0),
            (f64::NAN, 1.0),
            (f64::NEG_INFINITY, f64::INFINITY),
            (-5e-324, 0.0),
            (1e-300, 3e-300),
        ];
        for (lo, hi) in cases {
            let range = Range::new(lo, hi);
            assert!(range.lo < range.hi && range.width().is_finite(), "{lo} {hi} {range:?}");
            let padded = range.padded(0.05);
            assert!(padded.lo <= range.lo && padded.hi >= range.hi);
            let ticks = range.ticks(6.0);
            assert!((2..=14).contains(&ticks.values.len()), "{lo} {hi} {ticks:?}");
            assert!(ticks.values.windows(2).all(|w| w[0] < w[1]), "{lo} {hi} {ticks:?}");
            let mut labels = ticks.labels.clone();
            labels.dedup();
            assert_eq!(labels, ticks.labels);
            assert!(labels.iter().all(|label| label.chars().count() <= 16), "{labels:?}");
        }
    }

    #[test]
    fn positions_are_linear() {
        let range = Range::of([f64::NAN, -2.0, 6.0, f64::INFINITY, 0.0]);
        assert_eq!((range.lo, range.hi), (-2.0, 6.0));
        assert_eq!([-2.0, 0.0, 6.0, 14.0].map(|v| range.position(v)), [0.0, 0.25, 1.0, 2.0]);
        assert!(range.contains(6.0) && !range.contains(6.1) && !range.contains(f64::NAN));
    }
}
