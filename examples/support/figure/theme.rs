//! The looks of all figures: colours, text sizes and distances, in one place.
//!
//! The data colours are blue and vermilion of the palette for all kinds of colour vision by Okabe
//! and Ito 2008 ("Color universal design"), with greys for what only helps to read them.

use super::drawing::{Color, Pen, Style};
use super::font::Weight;

/// The first data colour.
pub const BLUE: Color = Color(0, 114, 178, 1.0);
/// The second data colour.
pub const VERMILION: Color = Color(213, 94, 0, 1.0);
/// Nearly black, for text and observed data.
pub const INK: Color = Color(31, 35, 40, 1.0);
/// Grey, for what is secondary.
pub const GREY: Color = Color(110, 118, 129, 1.0);

/// The shade of a part of an axis.
pub const SPAN: Color = Color(110, 118, 129, 0.07);
/// The edges of that part.
pub const SPAN_EDGE: Color = Color(110, 118, 129, 0.55);

pub(super) const GRID: Pen = Pen::solid(Color(228, 231, 235, 1.0), 1.0);
pub(super) const AXIS: Pen = Pen::solid(Color(140, 149, 159, 1.0), 1.2);

const fn style(size: f64, weight: Weight, color: Color) -> Style {
    Style { size, weight, color }
}

pub(super) const TITLE: Style = style(23.0, Weight::Bold, INK);
pub(super) const SUBTITLE: Style = style(15.5, Weight::Regular, GREY);
pub(super) const PANEL_TITLE: Style = style(17.0, Weight::Bold, INK);
pub(super) const AXIS_LABEL: Style = style(16.0, Weight::Regular, INK);
pub(super) const TICK: Style = style(14.0, Weight::Regular, Color(75, 83, 92, 1.0));
pub(super) const LEGEND: Style = style(14.5, Weight::Regular, INK);
pub(super) const NOTE: Style = style(14.0, Weight::Regular, GREY);

/// The free edge around a figure and half of the gap between its panels.
pub(super) const MARGIN: f64 = 24.0;
