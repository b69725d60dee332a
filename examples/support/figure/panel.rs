//! One plot of a figure: axes, legend and marks, laid out in the rectangle that the figure gives
//! it.

use super::axis::{Range, Ticks};
use super::drawing::{Anchor, Drawing, Rect};
use super::font;
use super::marks::{Mark, View};
use super::theme;

const LEGEND_ROW: f64 = 25.0;
const SAMPLE_WIDTH: f64 = 28.0;
const SAMPLE_GAP: f64 = 8.0;
const ENTRY_GAP: f64 = 20.0;
const TITLE_HEIGHT: f64 = 28.0;

/// A plot under construction.
#[derive(Debug, Default)]
pub struct Panel {
    title: String,
    x_label: String,
    y_label: String,
    x_range: Option<Range>,
    y_range: Option<Range>,
    square: bool,
    bare: bool,
    marks: Vec<Box<dyn Mark>>,
}

impl Panel {
    /// A panel without marks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the heading.
    pub fn title(mut self, text: impl Into<String>) -> Self {
        self.title = text.into();
        self
    }

    /// Names the horizontal axis.
    pub fn x_label(mut self, text: impl Into<String>) -> Self {
        self.x_label = text.into();
        self
    }

    /// Names the vertical axis.
    pub fn y_label(mut self, text: impl Into<String>) -> Self {
        self.y_label = text.into();
        self
    }

    /// Fixes what the horizontal axis shows; without this it shows all that the marks reach.
    pub fn x_range(mut self, lo: f64, hi: f64) -> Self {
        self.x_range = Some(Range::new(lo, hi));
        self
    }

    /// Fixes what the vertical axis shows; without this it shows all that the marks reach within
    /// the horizontal one.
    pub fn y_range(mut self, lo: f64, hi: f64) -> Self {
        self.y_range = Some(Range::new(lo, hi));
        self
    }

    /// Gives both axes the same range and the same length, for quantities that are compared with
    /// each other.
    pub fn square(mut self) -> Self {
        self.square = true;
        self
    }

    /// Without axes, grid and legend: the marks have all the room under the heading, for pictures
    /// that are no plots.
    pub fn bare(mut self) -> Self {
        self.bare = true;
        self
    }

    /// Adds a mark on top of those before it.
    pub fn with(mut self, mark: impl Mark + 'static) -> Self {
        self.marks.push(Box::new(mark));
        self
    }

    fn ranges(&self) -> (Range, Range) {
        let (mut xs, mut ys) = (Vec::new(), Vec::new());
        for mark in &self.marks {
            mark.reach(&mut |x, y| {
                xs.push(x);
                if self.x_range.is_none_or(|range| range.contains(x) || x.is_nan()) {
                    ys.push(y);
                }
            });
        }
        let x = self.x_range.unwrap_or_else(|| Range::of(xs).padded(0.03));
        let y = self.y_range.unwrap_or_else(|| Range::of(ys).padded(0.05));
        if self.square {
            let both = Range::of([x.lo, x.hi, y.lo, y.hi]);
            return (both, both);
        }
        (x, y)
    }

    /// The rows of the legend: for each entry its mark, its text, and where it begins.
    fn legend(&self, room: f64) -> Vec<Vec<(&dyn Mark, String, f64)>> {
        let mut rows = Vec::new();
        let (mut row, mut x) = (Vec::new(), 0.0);
        // What lies on top comes first.
        for mark in self.marks.iter().rev() {
            let Some(label) = mark.label() else { continue };
            let text = font::shorten(
                label,
                room - SAMPLE_WIDTH - SAMPLE_GAP,
                theme::LEGEND.size,
                theme::LEGEND.weight,
            );
            let width =
                SAMPLE_WIDTH + SAMPLE_GAP + font::width(&text, theme::LEGEND.size, theme::LEGEND.weight);
            if x + width > room && !row.is_empty() {
                rows.push(std::mem::take(&mut row));
                x = 0.0;
            }
            row.push((mark.as_ref(), text, x));
            x += width + ENTRY_GAP;
        }
        if !row.is_empty() {
            rows.push(row);
        }
        rows
    }

    pub(super) fn draw(&self, cell: Rect, drawing: &mut Drawing) {
        let (x, y) = self.ranges();
        let title = if self.title.is_empty() { 0.0 } else { TITLE_HEIGHT };
        if self.bare {
            let area = Rect { y: cell.y + title, h: (cell.h - title).max(10.0), ..cell };
            self.marks(&View { area, x, y }, drawing);
            return self.texts(cell, area, drawing);
        }
        // The room beside and above the axes depends on the labels, and their number on the length
        // of the axes: a guess of that length settles it.
        let y_ticks = match self.square {
            true => x_ticks(y, (cell.w - 80.0).min(cell.h - 120.0)),
            false => y.ticks(((cell.h - 120.0) / 70.0).max(2.0)),
        };
        let label_width = |label: &String| font::width(label, theme::TICK.size, theme::TICK.weight);
        let left = if self.y_label.is_empty() { 14.0 } else { 42.0 }
            + y_ticks.labels.iter().map(label_width).fold(0.0, f64::max);
        let right = 16.0;
        let width = (cell.w - left - right).max(10.0);
        let x_ticks = if self.square { y_ticks.clone() } else { x_ticks(x, width) };
        let legend = self.legend(width);
        let top = title + legend.len() as f64 * LEGEND_ROW + 8.0;
        let bottom = 26.0 + if self.x_label.is_empty() { 0.0 } else { 28.0 };
        let mut area =
            Rect { x: cell.x + left, y: cell.y + top, w: width, h: (cell.h - top - bottom).max(10.0) };
        if self.square {
            let side = area.w.min(area.h);
            area = Rect { w: side, h: side, ..area };
        }
        // Whole pixels, so that axes and grid are sharp.
        area = Rect { x: area.x.round(), y: area.y.round(), w: area.w.round(), h: area.h.round() };

        let view = View { area, x, y };
        grid(&view, &x_ticks, &y_ticks, drawing);
        self.marks(&view, drawing);
        axes(&view, &x_ticks, &y_ticks, drawing);
        self.texts(cell, area, drawing);
        for (i, row) in legend.iter().enumerate() {
            let base = cell.y + title + (i as f64 + 0.75) * LEGEND_ROW;
            for (mark, text, x) in row {
                let sample = Rect { x: area.x + x, y: base - 11.5, w: SAMPLE_WIDTH, h: 13.0 };
                mark.sample(sample, drawing);
                drawing.text(text, (sample.right() + SAMPLE_GAP, base), Anchor::Start, theme::LEGEND);
            }
        }
    }

    fn marks(&self, view: &View, drawing: &mut Drawing) {
        drawing.clip = Some(view.area);
        for mark in &self.marks {
            mark.draw(view, drawing);
        }
        drawing.clip = None;
    }

    fn texts(&self, cell: Rect, area: Rect, drawing: &mut Drawing) {
        let fit = |text: &str, room: f64, style: super::drawing::Style| {
            font::shorten(text, room, style.size, style.weight)
        };
        let title = fit(&self.title, cell.right() - area.x, theme::PANEL_TITLE);
        drawing.text(&title, (area.x, cell.y + 18.0), Anchor::Start, theme::PANEL_TITLE);
        let label = fit(&self.x_label, area.w, theme::AXIS_LABEL);
        let centre = (area.x + area.w / 2.0, area.bottom() + 49.0);
        drawing.text(&label, centre, Anchor::Middle, theme::AXIS_LABEL);
        let label = fit(&self.y_label, area.h, theme::AXIS_LABEL);
        drawing.vertical_text(
            &label,
            (cell.x + 16.0, area.y + area.h / 2.0),
            Anchor::Middle,
            theme::AXIS_LABEL,
        );
    }
}

/// As many ticks as leave room between their labels.
fn x_ticks(x: Range, width: f64) -> Ticks {
    let mut count = (width / 80.0).max(2.0);
    loop {
        let ticks = x.ticks(count);
        let widths =
            ticks.labels.iter().map(|label| font::width(label, theme::TICK.size, theme::TICK.weight));
        if widths.map(|w| w + 14.0).sum::<f64>() <= width || count <= 2.0 {
            return ticks;
        }
        count = (count * 0.7).max(2.0);
    }
}

fn grid(view: &View, x: &Ticks, y: &Ticks, drawing: &mut Drawing) {
    let area = view.area;
    // A line of one pixel is sharp in the middle of a pixel.
    let columns = x.values.iter().map(|v| view.px(*v).round() + 0.5);
    let rows = y.values.iter().map(|v| view.py(*v).round() + 0.5);
    let lines = columns.map(|px| [(px, area.y), (px, area.bottom())]);
    let lines = lines.chain(rows.map(|py| [(area.x, py), (area.right(), py)]));
    drawing.segments(&lines.collect::<Vec<_>>(), theme::GRID);
}

fn axes(view: &View, x: &Ticks, y: &Ticks, drawing: &mut Drawing) {
    let area = view.area;
    drawing.line(&[(area.x, area.y), (area.x, area.bottom()), (area.right(), area.bottom())], theme::AXIS);
    for (value, label) in x.values.iter().zip(&x.labels) {
        drawing.text(label, (view.px(*value), area.bottom() + 21.0), Anchor::Middle, theme::TICK);
    }
    for (value, label) in y.values.iter().zip(&y.labels) {
        drawing.text(label, (area.x - 9.0, view.py(*value) + 5.0), Anchor::End, theme::TICK);
    }
}
