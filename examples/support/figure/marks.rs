//! What can be drawn in a panel; to add a kind of mark, implement [`Mark`] for it.

use super::axis::Range;
use super::drawing::{Anchor, Color, Drawing, Pen, Rect};
use super::theme;
use std::fmt::Debug;

/// How far outside the picture a coordinate may lie, in pixels, before it is moved to this bound.
///
/// What is seen of a line that ends this far away does not change, and the renderers' single
/// precision is still enough.
const FAR: f64 = 1e5;

/// The part of a panel inside its axes, and the ranges that it shows.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// The area in pixels.
    pub area: Rect,
    /// What the horizontal axis shows.
    pub x: Range,
    /// What the vertical axis shows.
    pub y: Range,
}

impl View {
    /// The horizontal position of a value in pixels.
    pub fn px(&self, x: f64) -> f64 {
        (self.area.x + self.x.position(x) * self.area.w).clamp(-FAR, FAR)
    }

    /// The vertical position of a value in pixels.
    pub fn py(&self, y: f64) -> f64 {
        (self.area.bottom() - self.y.position(y) * self.area.h).clamp(-FAR, FAR)
    }

    fn point(&self, x: f64, y: f64) -> (f64, f64) {
        (self.px(x), self.py(y))
    }
}

/// Something drawn in a panel. Values that are not finite are left out, and break a line or a band.
pub trait Mark: Debug {
    /// Tells the points that axes without a given range should include; NaN for a coordinate that
    /// does not matter.
    fn reach(&self, include: &mut dyn FnMut(f64, f64));

    /// Draws the mark; the drawing clips it to the area of the view.
    fn draw(&self, view: &View, drawing: &mut Drawing);

    /// The text of the legend, if the mark has an entry there.
    fn label(&self) -> Option<&str>;

    /// Draws the sample that stands beside the text of the legend.
    fn sample(&self, area: Rect, drawing: &mut Drawing);
}

/// Round points.
#[derive(Debug, Clone)]
pub struct Points {
    points: Vec<(f64, f64)>,
    color: Color,
    radius: f32,
    label: Option<String>,
}

/// A line through points.
#[derive(Debug, Clone)]
pub struct Line {
    points: Vec<(f64, f64)>,
    pen: Pen,
    label: Option<String>,
}

/// The area between two curves.
#[derive(Debug, Clone)]
pub struct Band {
    edges: Vec<(f64, f64, f64)>,
    color: Color,
    label: Option<String>,
}

/// Vertical intervals.
#[derive(Debug, Clone)]
pub struct Intervals {
    bars: Vec<(f64, f64, f64)>,
    pen: Pen,
    label: Option<String>,
}

/// Bars that stand side by side on zero, as in a histogram.
#[derive(Debug, Clone)]
pub struct Bars {
    bars: Vec<(f64, f64, f64)>,
    color: Color,
    label: Option<String>,
}

/// The line `y = x`, as far as the axes go.
#[derive(Debug, Clone)]
pub struct Diagonal {
    pen: Pen,
    label: Option<String>,
}

/// A shaded part of the horizontal axis with its name at the top.
#[derive(Debug, Clone)]
pub struct Span {
    lo: f64,
    hi: f64,
    name: String,
    color: Color,
}

/// Gives a mark the method that puts it into the legend.
macro_rules! labelled {
    ($($mark:ty),+) => {$(
        impl $mark {
            /// Gives the mark an entry in the legend.
            pub fn label(mut self, text: impl Into<String>) -> Self {
                self.label = Some(text.into());
                self
            }
        }
    )+};
}
labelled!(Points, Line, Band, Intervals, Bars, Diagonal);

fn pairs(x: &[f64], y: &[f64]) -> Vec<(f64, f64)> {
    assert_eq!(x.len(), y.len(), "a mark needs as many x as y");
    x.iter().copied().zip(y.iter().copied()).collect()
}

fn triples(x: &[f64], lo: &[f64], hi: &[f64]) -> Vec<(f64, f64, f64)> {
    assert!(x.len() == lo.len() && x.len() == hi.len(), "a mark needs as many lower and upper ends as x");
    x.iter().zip(lo).zip(hi).map(|((x, lo), hi)| (*x, *lo, *hi)).collect()
}

fn finite3(p: &(f64, f64, f64)) -> bool {
    p.0.is_finite() && p.1.is_finite() && p.2.is_finite()
}

impl Points {
    /// Points at `x` and `y`.
    ///
    /// # Panics
    /// The slices have different lengths; so for the other marks.
    pub fn new(x: &[f64], y: &[f64], color: Color, radius: f32) -> Self {
        Self { points: pairs(x, y), color, radius, label: None }
    }
}

impl Mark for Points {
    fn reach(&self, include: &mut dyn FnMut(f64, f64)) {
        self.points.iter().for_each(|(x, y)| include(*x, *y));
    }

    fn draw(&self, view: &View, drawing: &mut Drawing) {
        let shown = self.points.iter().filter(|(x, y)| view.x.contains(*x) && view.y.contains(*y));
        let centres: Vec<_> = shown.map(|(x, y)| view.point(*x, *y)).collect();
        drawing.circles(&centres, self.radius, self.color);
    }

    fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    fn sample(&self, area: Rect, drawing: &mut Drawing) {
        let centre = (area.x + area.w / 2.0, area.y + area.h / 2.0);
        drawing.circles(&[centre], self.radius.max(3.0), self.color.alpha(self.color.3.max(0.75)));
    }
}

impl Line {
    /// A line through `x` and `y`.
    pub fn new(x: &[f64], y: &[f64], pen: Pen) -> Self {
        Self { points: pairs(x, y), pen, label: None }
    }
}

impl Mark for Line {
    fn reach(&self, include: &mut dyn FnMut(f64, f64)) {
        self.points.iter().for_each(|(x, y)| include(*x, *y));
    }

    fn draw(&self, view: &View, drawing: &mut Drawing) {
        for run in self.points.split(|(x, y)| !(x.is_finite() && y.is_finite())) {
            let points: Vec<_> = run.iter().map(|(x, y)| view.point(*x, *y)).collect();
            drawing.line(&points, self.pen);
        }
    }

    fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    fn sample(&self, area: Rect, drawing: &mut Drawing) {
        let y = area.y + area.h / 2.0;
        drawing.line(&[(area.x, y), (area.right(), y)], self.pen);
    }
}

impl Band {
    /// The area between `lo` and `hi` over `x`.
    pub fn new(x: &[f64], lo: &[f64], hi: &[f64], color: Color) -> Self {
        Self { edges: triples(x, lo, hi), color, label: None }
    }
}

impl Mark for Band {
    fn reach(&self, include: &mut dyn FnMut(f64, f64)) {
        for (x, lo, hi) in &self.edges {
            include(*x, *lo);
            include(*x, *hi);
        }
    }

    fn draw(&self, view: &View, drawing: &mut Drawing) {
        for run in self.edges.split(|edge| !finite3(edge)) {
            let there = run.iter().map(|(x, lo, _)| view.point(*x, *lo));
            let back = run.iter().rev().map(|(x, _, hi)| view.point(*x, *hi));
            drawing.polygon(&there.chain(back).collect::<Vec<_>>(), self.color);
        }
    }

    fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    fn sample(&self, area: Rect, drawing: &mut Drawing) {
        drawing.rectangle(area, self.color);
    }
}

impl Intervals {
    /// Intervals from `lo` to `hi` at `x`.
    pub fn new(x: &[f64], lo: &[f64], hi: &[f64], pen: Pen) -> Self {
        Self { bars: triples(x, lo, hi), pen, label: None }
    }
}

impl Mark for Intervals {
    fn reach(&self, include: &mut dyn FnMut(f64, f64)) {
        for (x, lo, hi) in &self.bars {
            include(*x, *lo);
            include(*x, *hi);
        }
    }

    fn draw(&self, view: &View, drawing: &mut Drawing) {
        let shown = self.bars.iter().filter(|bar| finite3(bar));
        let segments: Vec<_> = shown.map(|(x, lo, hi)| [view.point(*x, *lo), view.point(*x, *hi)]).collect();
        drawing.segments(&segments, self.pen);
    }

    fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    fn sample(&self, area: Rect, drawing: &mut Drawing) {
        let x = area.x + area.w / 2.0;
        drawing.segments(&[[(x, area.y - 1.0), (x, area.bottom() + 1.0)]], self.pen);
    }
}

impl Bars {
    /// Bars of the given heights; bar `i` goes from `edges[i]` to `edges[i + 1]`.
    ///
    /// # Panics
    /// There is not exactly one edge more than heights.
    pub fn new(edges: &[f64], heights: &[f64], color: Color) -> Self {
        assert_eq!(edges.len(), heights.len() + 1, "bars need one edge more than heights");
        let bars = edges.windows(2).zip(heights).map(|(edge, height)| (edge[0], edge[1], *height)).collect();
        Self { bars, color, label: None }
    }

    /// The counts of the finite values in `bins` intervals of equal width.
    pub fn histogram(values: &[f64], bins: usize, color: Color) -> Self {
        let bins = bins.max(1);
        let range = Range::of(values.iter().copied());
        let mut counts = vec![0.0; bins];
        for value in values.iter().filter(|v| v.is_finite()) {
            let bin = (range.position(*value) * bins as f64) as usize;
            counts[bin.min(bins - 1)] += 1.0;
        }
        let edges: Vec<f64> =
            (0..=bins).map(|i| range.lo + range.width() * (i as f64 / bins as f64)).collect();
        Self::new(&edges, &counts, color)
    }
}

impl Mark for Bars {
    fn reach(&self, include: &mut dyn FnMut(f64, f64)) {
        for (lo, hi, height) in &self.bars {
            include(*lo, 0.0);
            include(*hi, *height);
        }
    }

    fn draw(&self, view: &View, drawing: &mut Drawing) {
        let zero = view.py(0.0);
        for (lo, hi, height) in self.bars.iter().filter(|bar| finite3(bar)) {
            // Half a pixel on either side keeps neighbours apart.
            let (left, right, top) = (view.px(*lo) + 0.5, view.px(*hi) - 0.5, view.py(*height));
            if *height != 0.0 {
                drawing.polygon(&[(left, zero), (left, top), (right, top), (right, zero)], self.color);
            }
        }
    }

    fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    fn sample(&self, area: Rect, drawing: &mut Drawing) {
        drawing.rectangle(area, self.color);
    }
}

impl Diagonal {
    /// The diagonal in this pen.
    pub fn new(pen: Pen) -> Self {
        Self { pen, label: None }
    }
}

impl Mark for Diagonal {
    fn reach(&self, _: &mut dyn FnMut(f64, f64)) {}

    fn draw(&self, view: &View, drawing: &mut Drawing) {
        let (lo, hi) = (view.x.lo.max(view.y.lo), view.x.hi.min(view.y.hi));
        if lo < hi {
            drawing.line(&[view.point(lo, lo), view.point(hi, hi)], self.pen);
        }
    }

    fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    fn sample(&self, area: Rect, drawing: &mut Drawing) {
        let y = area.y + area.h / 2.0;
        drawing.line(&[(area.x, y), (area.right(), y)], self.pen);
    }
}

impl Span {
    /// The part from `lo` to `hi`, under this name.
    pub fn new(lo: f64, hi: f64, name: impl Into<String>, color: Color) -> Self {
        Self { lo, hi, name: name.into(), color }
    }
}

impl Mark for Span {
    fn reach(&self, include: &mut dyn FnMut(f64, f64)) {
        include(self.lo, f64::NAN);
        include(self.hi, f64::NAN);
    }

    fn draw(&self, view: &View, drawing: &mut Drawing) {
        let (left, right) = (view.px(self.lo), view.px(self.hi));
        if !(left < right) {
            return;
        }
        let area = view.area;
        drawing.rectangle(Rect { x: left, y: area.y, w: right - left, h: area.h }, self.color);
        let edges = [left, right].map(|x| [(x, area.y), (x, area.bottom())]);
        drawing.segments(&edges, Pen { color: theme::SPAN_EDGE, width: 1.2, dash: Some([4.0, 4.0]) });
        let (left, right) = (left.max(area.x), right.min(area.right()));
        if left < right {
            drawing.text(&self.name, ((left + right) / 2.0, area.y + 20.0), Anchor::Middle, theme::NOTE);
        }
    }

    fn label(&self) -> Option<&str> {
        None
    }

    fn sample(&self, _: Rect, _: &mut Drawing) {}
}
