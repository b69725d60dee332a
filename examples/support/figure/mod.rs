//! Small publishable figures as SVG and PNG, with text that needs no installed font.
//!
//! ```
//! use probity_examples::figure::{Figure, Line, Panel, Pen, theme};
//! let x: Vec<f64> = (0..100).map(|i| f64::from(i) / 10.0).collect();
//! let y: Vec<f64> = x.iter().map(|x| x.sin()).collect();
//! let line = Line::new(&x, &y, Pen::solid(theme::BLUE, 2.5)).label("sine");
//! let figure = Figure::new(800.0, 500.0).title("A wave").panel(Panel::new().x_label("x").with(line));
//! assert!(figure.svg().starts_with("<svg"));
//! assert!(figure.png()?.starts_with(b"\x89PNG"));
//! # Ok::<(), probity_examples::figure::PngError>(())
//! ```

mod axis;
mod drawing;
mod font;
mod marks;
mod panel;
mod regression;
mod render;
mod report;
#[cfg(test)]
mod tests;
pub mod theme;

pub use axis::{Range, Ticks};
pub use drawing::{Anchor, Color, Drawing, Pen, Rect, Style};
pub use font::Weight;
pub use marks::{Band, Bars, Diagonal, Intervals, Line, Mark, Points, Span, View};
pub use panel::Panel;
pub use regression::RegressionBand;
pub use render::PngError;
pub use report::TableReport;

/// Panels in a grid under a common title.
#[derive(Debug)]
pub struct Figure {
    width: f64,
    height: f64,
    title: String,
    subtitle: String,
    columns: usize,
    panels: Vec<Panel>,
}

impl Figure {
    /// An empty figure of this size in pixels, each side at least 100 and at most 10000.
    pub fn new(width: f64, height: f64) -> Self {
        let side = |length: f64| if length.is_nan() { 100.0 } else { length.clamp(100.0, 10_000.0).round() };
        let (title, subtitle) = (String::new(), String::new());
        Self { width: side(width), height: side(height), title, subtitle, columns: 1, panels: Vec::new() }
    }

    /// Sets the title, which is also the name of the picture for those who do not see it.
    pub fn title(mut self, text: impl Into<String>) -> Self {
        self.title = text.into();
        self
    }

    /// Sets the line under the title.
    pub fn subtitle(mut self, text: impl Into<String>) -> Self {
        self.subtitle = text.into();
        self
    }

    /// Sets how many panels stand side by side.
    pub fn columns(mut self, columns: usize) -> Self {
        self.columns = columns.max(1);
        self
    }

    /// Adds a panel, row by row.
    pub fn panel(mut self, panel: Panel) -> Self {
        self.panels.push(panel);
        self
    }

    /// The figure as an SVG document.
    pub fn svg(&self) -> String {
        render::svg(&self.draw(), self.width, self.height, &self.title)
    }

    /// The figure as PNG bytes.
    ///
    /// # Errors
    /// The encoder fails, which is not expected.
    pub fn png(&self) -> Result<Vec<u8>, PngError> {
        self.png_scaled(1.0)
    }

    /// The figure as PNG bytes with `scale` pixels for one, for high-resolution screens and print.
    ///
    /// # Errors
    /// The scale is not positive or the picture would be too large.
    pub fn png_scaled(&self, scale: f32) -> Result<Vec<u8>, PngError> {
        render::png(&self.draw(), self.width, self.height, scale)
    }

    fn draw(&self) -> Drawing {
        let mut drawing = Drawing::default();
        let margin = theme::MARGIN;
        let mut y = margin;
        for (text, style, height) in
            [(&self.title, theme::TITLE, 34.0), (&self.subtitle, theme::SUBTITLE, 26.0)]
        {
            if !text.is_empty() {
                let text = font::shorten(text, self.width - 2.0 * margin, style.size, style.weight);
                drawing.text(&text, (margin, y + 0.82 * style.size), Anchor::Start, style);
                y += height;
            }
        }
        y += if y > margin { 10.0 } else { 0.0 };
        let columns = self.columns.min(self.panels.len()).max(1);
        let rows = self.panels.len().div_ceil(columns).max(1);
        let w = (self.width - margin * (columns as f64 + 1.0)) / columns as f64;
        let h = (self.height - y - margin * rows as f64) / rows as f64;
        for (i, panel) in self.panels.iter().enumerate() {
            let (row, column) = ((i / columns) as f64, (i % columns) as f64);
            panel.draw(
                Rect { x: margin + column * (w + margin), y: y + row * (h + margin), w, h },
                &mut drawing,
            );
        }
        drawing
    }
}
