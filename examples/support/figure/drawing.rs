//! The list of coloured shapes that a figure becomes, before it is written as SVG or as PNG.

use super::font::{self, Weight};
use tiny_skia::{Path, PathBuilder};

/// A colour: red, green and blue from 0 to 255, and opacity from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Color(pub u8, pub u8, pub u8, pub f32);

impl Color {
    /// The colour with another opacity.
    pub const fn alpha(self, opacity: f32) -> Self {
        Self(self.0, self.1, self.2, opacity)
    }
}

/// A rectangle in pixels; y grows downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    /// The left edge.
    pub x: f64,
    /// The top edge.
    pub y: f64,
    /// The width.
    pub w: f64,
    /// The height.
    pub h: f64,
}

impl Rect {
    /// The right edge.
    pub fn right(&self) -> f64 {
        self.x + self.w
    }

    /// The bottom edge.
    pub fn bottom(&self) -> f64 {
        self.y + self.h
    }
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pen {
    /// The colour.
    pub color: Color,
    /// The width in pixels.
    pub width: f32,
    /// The lengths of dash and gap, or none for a solid line.
    pub dash: Option<[f32; 2]>,
}

impl Pen {
    /// A solid line.
    pub const fn solid(color: Color, width: f32) -> Self {
        Self { color, width, dash: None }
    }
}

#[derive(Debug)]
pub(super) enum Shape {
    Fill { path: Path, color: Color },
    Stroke { path: Path, pen: Pen },
    Circles { centres: Vec<(f32, f32)>, radius: f32, color: Color },
    Text { path: Path, color: Color, text: String },
}

#[derive(Debug)]
pub(super) struct Item {
    pub shape: Shape,
    pub clip: Option<Rect>,
}

/// Where a text stands relative to the point given for its base line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

/// How a text is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    /// The font size in pixels.
    pub size: f64,
    /// Regular or bold.
    pub weight: Weight,
    /// The colour.
    pub color: Color,
}

/// Shapes in the order they are painted; the coordinates are pixels.
#[derive(Debug, Default)]
pub struct Drawing {
    pub(super) items: Vec<Item>,
    /// Shapes that are added while this is set show only inside it.
    pub clip: Option<Rect>,
}

impl Drawing {
    fn push(&mut self, shape: Shape) {
        self.items.push(Item { shape, clip: self.clip });
    }

    /// Fills the polygon with these corners.
    pub fn polygon(&mut self, corners: &[(f64, f64)], color: Color) {
        if let Some(path) = path(corners, true) {
            self.push(Shape::Fill { path, color });
        }
    }

    /// Fills a rectangle.
    pub fn rectangle(&mut self, r: Rect, color: Color) {
        let (x, y) = (r.right(), r.bottom());
        self.polygon(&[(r.x, r.y), (x, r.y), (x, y), (r.x, y)], color);
    }

    /// Draws a line through the points.
    pub fn line(&mut self, points: &[(f64, f64)], pen: Pen) {
        if let Some(path) = path(points, false) {
            self.push(Shape::Stroke { path, pen });
        }
    }

    /// Draws separate straight lines, which is one shape however many they are.
    pub fn segments(&mut self, segments: &[[(f64, f64); 2]], pen: Pen) {
        let mut builder = PathBuilder::new();
        for [a, b] in segments {
            builder.move_to(a.0 as f32, a.1 as f32);
            builder.line_to(b.0 as f32, b.1 as f32);
        }
        if let Some(path) = builder.finish() {
            self.push(Shape::Stroke { path, pen });
        }
    }

    /// Fills circles of one radius.
    pub fn circles(&mut self, centres: &[(f64, f64)], radius: f32, color: Color) {
        let centres = centres.iter().map(|c| (c.0 as f32, c.1 as f32)).collect();
        self.push(Shape::Circles { centres, radius, color });
    }

    /// Writes a text on a horizontal base line.
    pub fn text(&mut self, text: &str, at: (f64, f64), anchor: Anchor, style: Style) {
        let x = at.0 - offset(text, anchor, style);
        self.outline(text, font::outline(text, (x, at.1), style, false), style);
    }

    /// Writes a text on a vertical base line, to be read from bottom to top.
    pub fn vertical_text(&mut self, text: &str, at: (f64, f64), anchor: Anchor, style: Style) {
        let y = at.1 + offset(text, anchor, style);
        self.outline(text, font::outline(text, (at.0, y), style, true), style);
    }

    fn outline(&mut self, text: &str, path: Option<Path>, style: Style) {
        if let Some(path) = path {
            self.push(Shape::Text { path, color: style.color, text: text.to_string() });
        }
    }
}

fn offset(text: &str, anchor: Anchor, style: Style) -> f64 {
    match anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => font::width(text, style.size, style.weight) / 2.0,
        Anchor::End => font::width(text, style.size, style.weight),
    }
}

/// A path through at least two points; none if there are fewer or a coordinate is not finite.
fn path(points: &[(f64, f64)], closed: bool) -> Option<Path> {
    let mut builder = PathBuilder::new();
    let (first, rest) = points.split_first()?;
    builder.move_to(first.0 as f32, first.1 as f32);
    for (x, y) in rest {
        builder.line_to(*x as f32, *y as f32);
    }
    if closed {
        builder.close();
    }
    builder.finish()
}
