//! Text as outlines, from a font that the program carries, so that it shows where no font is
//! installed.
//!
//! The font is Noto Sans 1.04, (c) 2012 Google Inc., from the crate `notosans`. The font file names
//! the Apache License 2.0, and the crate ships it under the SIL Open Font License 1.1; both permit
//! embedding it in a program and in a picture.

use super::drawing::Style;
use std::sync::LazyLock;
use tiny_skia::{Path, PathBuilder};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

/// The thickness of the letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// For everything but headings.
    Regular,
    /// For headings.
    Bold,
}

static REGULAR: LazyLock<Option<Face<'static>>> =
    LazyLock::new(|| Face::parse(notosans::REGULAR_TTF, 0).ok());
static BOLD: LazyLock<Option<Face<'static>>> = LazyLock::new(|| Face::parse(notosans::BOLD_TTF, 0).ok());

fn face(weight: Weight) -> Option<&'static Face<'static>> {
    match weight {
        Weight::Regular => REGULAR.as_ref(),
        Weight::Bold => BOLD.as_ref(),
    }
}

/// A character of the font as it stands in a text, in font units.
struct Glyph {
    id: GlyphId,
    size: f64,
    raise: f64,
    advance: f64,
}

/// The glyphs of a text.
///
/// Characters that are not in the font show as its empty box; control characters do not show.
fn glyphs<'a>(face: &'a Face<'_>, text: &'a str) -> impl Iterator<Item = Glyph> + 'a {
    let shown = text.chars().filter(|c| !c.is_control());
    shown.map(|c| {
        // The font has raised digits but no raised minus; this one is made to match them.
        let (c, size, raise) = match c {
            '⁻' => ('−', 0.6, 0.3 * f64::from(face.units_per_em())),
            c => (c, 1.0, 0.0),
        };
        let id = face.glyph_index(c).unwrap_or_default();
        Glyph { id, size, raise, advance: size * f64::from(face.glyph_hor_advance(id).unwrap_or(0)) }
    })
}

/// The length of a text in pixels.
pub fn width(text: &str, size: f64, weight: Weight) -> f64 {
    face(weight).map_or(0.0, |face| {
        glyphs(face, text).map(|glyph| glyph.advance).sum::<f64>() * size / f64::from(face.units_per_em())
    })
}

/// The text, or as much of its beginning as fits, followed by an ellipsis.
pub fn shorten(text: &str, room: f64, size: f64, weight: Weight) -> String {
    if width(text, size, weight) <= room {
        return text.to_string();
    }
    let mut short = String::new();
    let mut used = width("…", size, weight);
    for c in text.chars() {
        used += width(c.encode_utf8(&mut [0; 4]), size, weight);
        if used > room {
            break;
        }
        short.push(c);
    }
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// The outline of a text whose base line begins at `start`; none if nothing of it shows.
pub(super) fn outline(text: &str, start: (f64, f64), style: Style, vertical: bool) -> Option<Path> {
    let face = face(style.weight)?;
    let scale = style.size / f64::from(face.units_per_em());
    let mut pen =
        Pen { builder: PathBuilder::new(), start, advance: 0.0, scale, size: 1.0, raise: 0.0, vertical };
    for glyph in glyphs(face, text) {
        (pen.size, pen.raise) = (glyph.size, glyph.raise);
        // A space has no outline.
        let _ = face.outline_glyph(glyph.id, &mut pen);
        pen.advance += glyph.advance;
    }
    pen.builder.finish()
}

/// Receives glyph outlines in font units (y upwards) and adds them to a path in pixels (y
/// downwards).
struct Pen {
    builder: PathBuilder,
    start: (f64, f64),
    advance: f64,
    scale: f64,
    size: f64,
    raise: f64,
    vertical: bool,
}

impl Pen {
    fn place(&self, x: f32, y: f32) -> (f32, f32) {
        let along = (self.advance + self.size * f64::from(x)) * self.scale;
        let up = (self.raise + self.size * f64::from(y)) * self.scale;
        let (x, y) = if self.vertical {
            (self.start.0 - up, self.start.1 - along)
        } else {
            (self.start.0 + along, self.start.1 - up)
        };
        (x as f32, y as f32)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.builder.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.builder.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.place(x1, y1), self.place(x, y));
        self.builder.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.place(x1, y1), self.place(x2, y2), self.place(x, y));
        self.builder.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.builder.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::drawing::Color;

    #[test]
    fn the_font_has_the_signs_that_figures_use() {
        for weight in [Weight::Regular, Weight::Bold] {
            let face = face(weight).unwrap();
            let ascii = (b' '..=b'~').map(char::from);
            for c in ascii.chain("−±×·–…°²µμσεθλτΔ≤≥⁰¹²³⁴⁵⁶⁷⁸⁹äéñЖ".chars())
            {
                assert!(face.glyph_index(c).is_some(), "{c:?} {weight:?}");
            }
        }
    }

    #[test]
    fn widths_and_outlines_agree() {
        let style = Style { size: 20.0, weight: Weight::Regular, color: Color(0, 0, 0, 1.0) };
        let bounds = outline("HHHH", (100.0, 50.0), style, false).unwrap().bounds();
        let width = width("HHHH", 20.0, Weight::Regular) as f32;
        assert!(bounds.left() > 100.0 && bounds.right() < 100.0 + width && bounds.width() > 0.9 * width);
        // Capital letters stand on the base line and are about seven tenths of the size high.
        assert!((bounds.bottom() - 50.0).abs() < 1e-3 && (bounds.height() - 14.28).abs() < 0.1);
        let turned = outline("HHHH", (100.0, 50.0), style, true).unwrap().bounds();
        assert!((turned.right() - 100.0).abs() < 1e-3 && (turned.height() - bounds.width()).abs() < 1e-3);
        assert!(turned.bottom() < 50.0);
    }

    #[test]
    fn odd_text_is_harmless() {
        let style = Style { size: 20.0, weight: Weight::Bold, color: Color(0, 0, 0, 1.0) };
        assert!(outline("", (0.0, 0.0), style, false).is_none());
        assert!(outline("  \n\0", (0.0, 0.0), style, false).is_none());
        assert!(width("⁻", 20.0, Weight::Bold) < width("−", 20.0, Weight::Bold));
        // A sign that the font does not have is a visible box.
        assert!(outline("\u{4e2d}", (0.0, 0.0), style, false).is_some());
    }

    #[test]
    fn long_text_is_shortened() {
        assert_eq!(shorten("short", 100.0, 14.0, Weight::Regular), "short");
        let short = shorten(&"compressive strength ".repeat(20), 200.0, 14.0, Weight::Regular);
        assert!(short.starts_with("compressive strength") && short.ends_with('…'));
        let width = width(&short, 14.0, Weight::Regular);
        assert!(width <= 200.0 && width > 170.0, "{width}");
        assert_eq!(shorten("wide", 1.0, 14.0, Weight::Regular), "…");
    }
}
