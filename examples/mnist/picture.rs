//! Images with what the net says of them.

use super::scores::Predicted;
use super::strokes::LETTERS;
use super::{Images, Others};
use probity_examples::figure::{
    Anchor, Color, Drawing, Figure, Mark, Panel, Pen, Rect, Style, View, Weight, theme,
};
use probity_nn::ClassificationPrediction;

/// Images in a row.
const ACROSS: usize = 5;

/// A picture of the surest and the least sure digits, and of the first images of other kinds.
pub fn draw(predicted: &Predicted, digits: &Images, others: &Others) -> Figure {
    let rows = 2 + others.len();
    let mut figure = Figure::new(1500.0, 110.0 + 170.0 * rows as f64)
        .columns(ACROSS)
        .title("What a Bayesian net says of digits, and of what is none")
        .subtitle(
            "bars: predictive probability of every digit; lines: from 5 to 95 % of the draws of the weights; bold: the right one",
        );
    let of_digits = &predicted.digits;
    let title = |head: &str, i: usize| {
        let (class, label) = (of_digits.class()[i], digits.labels[i]);
        let sure = percent(of_digits.probs()[(i, class)]);
        if class == label {
            format!("{head}: {class}, {sure}")
        } else {
            format!("{head}: {class}, {sure}, is {label}")
        }
    };
    for i in surest(of_digits) {
        figure = figure.panel(panel(title("sure", i), digits, of_digits, i, Some(digits.labels[i])));
    }
    let mut doubtful = by_doubt(of_digits);
    doubtful.reverse();
    for i in doubtful.into_iter().take(ACROSS) {
        figure = figure.panel(panel(title("not sure", i), digits, of_digits, i, Some(digits.labels[i])));
    }
    for ((kind, images), prediction) in others.iter().zip(&predicted.others) {
        for i in 0..ACROSS.min(images.len()) {
            let name = match *kind {
                "letters" => format!("letter {}", LETTERS[images.labels[i]]),
                "turned digits" => format!("turned {}", images.labels[i]),
                other => other.to_owned(),
            };
            let class = prediction.class()[i];
            let text = format!("{name}: {class}, {}", percent(prediction.probs()[(i, class)]));
            figure = figure.panel(panel(text, images, prediction, i, None));
        }
    }
    figure
}

fn percent(p: f64) -> String {
    format!("{:.0} %", 100.0 * p)
}

/// The images in the order of their predictive entropy.
fn by_doubt(prediction: &ClassificationPrediction) -> Vec<usize> {
    let doubt = prediction.predictive_entropy();
    let mut order: Vec<usize> = (0..doubt.len()).collect();
    order.sort_by(|a, b| doubt[*a].total_cmp(&doubt[*b]));
    order
}

/// The surest images of the classes of which the net is surest.
fn surest(prediction: &ClassificationPrediction) -> Vec<usize> {
    let (class, mut seen) = (prediction.class(), [false; 10]);
    let first = |i: &usize| !std::mem::replace(&mut seen[class[*i]], true);
    by_doubt(prediction).into_iter().filter(first).take(ACROSS).collect()
}

fn panel(
    title: String,
    images: &Images,
    prediction: &ClassificationPrediction,
    i: usize,
    truth: Option<usize>,
) -> Panel {
    let bar = |digit: usize| {
        let mut draws: Vec<f64> = prediction.draws().iter().map(|p| p[(i, digit)]).collect();
        draws.sort_by(f64::total_cmp);
        let at = |share: f64| draws[((draws.len() - 1) as f64 * share).round() as usize];
        (prediction.probs()[(i, digit)], at(0.05), at(0.95))
    };
    let bars = std::array::from_fn(bar);
    let ink = images.ink.row(i).iter().copied().collect();
    Panel::new().title(title).bare().with(Said { size: images.size, ink, bars, truth })
}

/// An image, and beside it a bar for every digit.
#[derive(Debug)]
struct Said {
    size: (usize, usize),
    ink: Vec<f64>,
    /// The probability of every digit, and the ends of the draws' interval.
    bars: [(f64, f64, f64); 10],
    truth: Option<usize>,
}

const PAPER: Color = Color(110, 118, 129, 0.12);

impl Mark for Said {
    fn reach(&self, _: &mut dyn FnMut(f64, f64)) {}

    fn draw(&self, view: &View, drawing: &mut Drawing) {
        let area = view.area;
        let (high, wide) = self.size;
        // As large as fits into the left half, in whole pixels of the picture.
        let cell = (area.h / high as f64).min(0.5 * area.w / wide as f64);
        let image = Rect { x: area.x, y: area.y, w: cell * wide as f64, h: cell * high as f64 };
        drawing.rectangle(image, PAPER);
        for (at, ink) in self.ink.iter().enumerate().filter(|(_, ink)| **ink > 0.02) {
            let (x, y) = ((at % wide) as f64 * cell, (at / wide) as f64 * cell);
            // Neighbours overlap a little, so that no paper shines through between them.
            let pixel = Rect { x: image.x + x, y: image.y + y, w: cell + 0.3, h: cell + 0.3 };
            drawing.rectangle(pixel, theme::INK.alpha(*ink as f32));
        }
        let (left, step) = (image.right() + 14.0, area.h / 10.0);
        let (start, room) = (left + 16.0, (area.right() - left - 24.0).max(1.0));
        for (digit, (p, low, high)) in self.bars.iter().enumerate() {
            let middle = area.y + (digit as f64 + 0.5) * step;
            let right = self.truth == Some(digit);
            let weight = if right { Weight::Bold } else { Weight::Regular };
            let color = if right { theme::INK } else { theme::GREY };
            let style = Style { size: (0.85 * step).min(13.0), weight, color };
            drawing.text(&digit.to_string(), (left, middle + 0.36 * style.size), Anchor::Start, style);
            let bar = Rect { x: start, y: middle - 0.32 * step, w: p * room, h: 0.64 * step };
            drawing.rectangle(bar, theme::BLUE.alpha(0.75));
            let ends = [(start + low * room, middle), (start + high * room, middle)];
            if ends[1].0 - ends[0].0 > 1.0 {
                drawing.segments(&[ends], Pen::solid(theme::VERMILION, 1.6));
            }
        }
        let axis = [(start, area.y), (start, area.bottom())];
        drawing.segments(&[axis], Pen::solid(theme::GREY, 1.0));
    }

    fn label(&self) -> Option<&str> {
        None
    }

    fn sample(&self, _: Rect, _: &mut Drawing) {}
}
