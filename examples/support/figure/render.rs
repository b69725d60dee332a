//! A drawing as SVG text and as PNG bytes, from the same outlines.

use super::drawing::{Color, Drawing, Item, Pen, Rect, Shape};
use std::fmt::Write as _;
use tiny_skia::{
    FillRule, LineCap, LineJoin, Mask, Paint, Path, PathBuilder, PathSegment, Pixmap, Stroke, StrokeDash,
    Transform,
};

/// Why a figure has no PNG.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the picture cannot be encoded as PNG: {0}")]
pub struct PngError(String);

/// The drawing as an SVG document without fonts, style sheets, scripts or identifiers.
pub(super) fn svg(drawing: &Drawing, width: f64, height: f64, title: &str) -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{}</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n",
        escape(title)
    );
    let mut clip = None;
    for item in &drawing.items {
        if item.clip != clip {
            if clip.is_some() {
                out.push_str("</svg>\n");
            }
            // An inner document hides what lies outside it, and unlike a clip path needs no name
            // that could clash.
            if let Some(Rect { x, y, w, h }) = item.clip {
                let (x, y, w, h) = (number(x as f32), number(y as f32), number(w as f32), number(h as f32));
                let _ = writeln!(
                    out,
                    "<svg x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" viewBox=\"{x} {y} {w} {h}\">"
                );
            }
            clip = item.clip;
        }
        // Writing to a string cannot fail.
        let _ = write_shape(&mut out, &item.shape);
    }
    if clip.is_some() {
        out.push_str("</svg>\n");
    }
    out.push_str("</svg>\n");
    out
}

fn write_shape(out: &mut String, shape: &Shape) -> std::fmt::Result {
    match shape {
        Shape::Fill { path, color } => {
            writeln!(out, "<path d=\"{}\" {}/>", data(path), paint("fill", *color))
        }
        Shape::Text { path, color, text } => {
            let (label, fill) = (escape(text), paint("fill", *color));
            writeln!(out, "<path role=\"img\" aria-label=\"{label}\" d=\"{}\" {fill}/>", data(path))
        }
        Shape::Stroke { path, pen } => {
            let dash =
                pen.dash.map_or(String::new(), |[on, off]| format!(" stroke-dasharray=\"{on} {off}\""));
            let (stroke, width) = (paint("stroke", pen.color), pen.width);
            let join = "stroke-linejoin=\"round\"";
            writeln!(
                out,
                "<path d=\"{}\" fill=\"none\" {stroke} stroke-width=\"{width}\" {join}{dash}/>",
                data(path)
            )
        }
        Shape::Circles { centres, radius, color } => {
            writeln!(out, "<g {}>", paint("fill", *color))?;
            for (x, y) in centres {
                writeln!(out, "<circle cx=\"{}\" cy=\"{}\" r=\"{radius}\"/>", number(*x), number(*y))?;
            }
            writeln!(out, "</g>")
        }
    }
}

fn paint(role: &str, Color(r, g, b, a): Color) -> String {
    let opacity = if a < 1.0 { format!(" {role}-opacity=\"{a}\"") } else { String::new() };
    format!("{role}=\"#{r:02x}{g:02x}{b:02x}\"{opacity}")
}

/// The path in SVG's notation, to a hundredth of a pixel.
fn data(path: &Path) -> String {
    let mut out = String::new();
    for segment in path.segments() {
        let (command, points): (char, &[tiny_skia::Point]) = match &segment {
            PathSegment::MoveTo(p) => ('M', &[*p]),
            PathSegment::LineTo(p) => ('L', &[*p]),
            PathSegment::QuadTo(a, p) => ('Q', &[*a, *p]),
            PathSegment::CubicTo(a, b, p) => ('C', &[*a, *b, *p]),
            PathSegment::Close => ('Z', &[]),
        };
        out.push(command);
        for (i, p) in points.iter().enumerate() {
            let space = if i > 0 { " " } else { "" };
            let _ = write!(out, "{space}{} {}", number(p.x), number(p.y));
        }
    }
    out
}

fn number(x: f32) -> String {
    let text = format!("{x:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

/// The text with XML's special characters escaped, and without those that XML does not allow.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// The drawing as a PNG of `scale` times its size, on white.
pub(super) fn png(drawing: &Drawing, width: f64, height: f64, scale: f32) -> Result<Vec<u8>, PngError> {
    let pixels = |length: f64| (length * f64::from(scale)).round() as u32;
    let mut pixmap = Pixmap::new(pixels(width), pixels(height))
        .ok_or_else(|| PngError(format!("its size {width} x {height} times {scale} is not possible")))?;
    pixmap.fill(tiny_skia::Color::WHITE);
    let transform = Transform::from_scale(scale, scale);
    let mut mask: Option<(Rect, Option<Mask>)> = None;
    for Item { shape, clip } in &drawing.items {
        if mask.as_ref().map(|(rect, _)| *rect) != *clip {
            mask = clip.map(|rect| (rect, clip_mask(&pixmap, rect, transform)));
        }
        let mask = mask.as_ref().and_then(|(_, mask)| mask.as_ref());
        draw_shape(&mut pixmap, shape, transform, mask, *clip);
    }
    pixmap.encode_png().map_err(|error| PngError(error.to_string()))
}

fn clip_mask(pixmap: &Pixmap, r: Rect, transform: Transform) -> Option<Mask> {
    let mut mask = Mask::new(pixmap.width(), pixmap.height())?;
    let rect = tiny_skia::Rect::from_xywh(r.x as f32, r.y as f32, r.w as f32, r.h as f32)?;
    mask.fill_path(&PathBuilder::from_rect(rect), FillRule::Winding, true, transform);
    Some(mask)
}

fn draw_shape(
    pixmap: &mut Pixmap,
    shape: &Shape,
    transform: Transform,
    mask: Option<&Mask>,
    clip: Option<Rect>,
) {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    let mut set = |color: Color| {
        let opacity = (color.3.clamp(0.0, 1.0) * 255.0).round() as u8;
        paint.set_color_rgba8(color.0, color.1, color.2, opacity);
    };
    match shape {
        Shape::Fill { path, color } | Shape::Text { path, color, .. } => {
            set(*color);
            pixmap.fill_path(path, &paint, FillRule::Winding, transform, mask);
        }
        Shape::Stroke { path, pen: Pen { color, width, dash } } => {
            set(*color);
            let dash = dash.and_then(|[on, off]| StrokeDash::new(vec![on, off], 0.0));
            let stroke = Stroke {
                width: *width,
                line_join: LineJoin::Round,
                line_cap: LineCap::Butt,
                dash,
                ..Stroke::default()
            };
            pixmap.stroke_path(path, &paint, &stroke, transform, mask);
        }
        Shape::Circles { centres, radius, color } => {
            set(*color);
            let Some(circle) = PathBuilder::from_circle(0.0, 0.0, *radius) else { return };
            for (x, y) in centres {
                // Most circles are not cut by the edge, and drawing without a mask is much faster.
                let whole = clip.is_none_or(|clip| {
                    let (x, y, room) = (f64::from(*x), f64::from(*y), f64::from(*radius) + 1.0);
                    x - room > clip.x
                        && x + room < clip.right()
                        && y - room > clip.y
                        && y + room < clip.bottom()
                });
                let mask = if whole { None } else { mask };
                let place = transform.pre_translate(*x, *y);
                pixmap.fill_path(&circle, &paint, FillRule::Winding, place, mask);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLACK: Color = Color(0, 0, 0, 1.0);

    #[test]
    fn svg_and_png_show_the_same() {
        let mut drawing = Drawing::default();
        drawing.rectangle(Rect { x: 10.0, y: 10.0, w: 20.0, h: 20.0 }, Color(255, 0, 0, 1.0));
        drawing.clip = Some(Rect { x: 50.0, y: 0.0, w: 10.0, h: 40.0 });
        drawing.rectangle(Rect { x: 40.0, y: 10.0, w: 40.0, h: 20.0 }, BLACK.alpha(0.5));
        let text = svg(&drawing, 100.0, 40.0, "a < b & \"c\"\u{1}");
        assert!(text.contains("<title>a &lt; b &amp; &quot;c&quot;</title>"));
        assert!(text.contains("<path d=\"M10 10L30 10L30 30L10 30Z\" fill=\"#ff0000\"/>"));
        assert!(text.contains("<svg x=\"50\" y=\"0\" width=\"10\" height=\"40\" viewBox=\"50 0 10 40\">"));
        assert!(text.contains("fill=\"#000000\" fill-opacity=\"0.5\""));
        assert_eq!(text.matches("<svg").count(), text.matches("</svg>").count());

        let png = png(&drawing, 100.0, 40.0, 2.0).unwrap();
        let image = Pixmap::decode_png(&png).unwrap();
        assert_eq!((image.width(), image.height()), (200, 80));
        let at = |x, y| {
            let p = image.pixel(x, y).unwrap();
            (p.red(), p.green(), p.blue())
        };
        assert_eq!(at(30, 30), (255, 0, 0));
        assert_eq!((at(90, 30), at(130, 30)), ((255, 255, 255), (255, 255, 255)));
        assert!((126..=129).contains(&at(110, 30).0));
    }

    #[test]
    fn numbers_are_short() {
        let shown = [1.0, -0.001, 0.126, 100.0, -2.5].map(number);
        assert_eq!(shown, ["1", "0", "0.13", "100", "-2.5"]);
    }

    #[test]
    fn an_impossible_size_is_an_error() {
        let error = png(&Drawing::default(), 0.0, 10.0, 1.0).unwrap_err().to_string();
        assert!(error.starts_with("the picture cannot be encoded as PNG: its size 0 x 10"));
    }
}
