//! The dashboard as a picture, of what a Prometheus has.

use std::fmt::Write as _;

use serde_json::Value;

use super::PANELS;

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 190.0;
/// Around the lines: above for the title and the legend.
const TOP: f64 = 52.0;
const EDGE: f64 = 12.0;
const COLOURS: [&str; 6] = ["#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#17becf"];

/// A line: its legend, and its points in time.
pub type Line = (String, Vec<(f64, f64)>);

/// The lines of a range query's answer, with the legend that Grafana would give them.
///
/// # Panics
///
/// If it is no such answer.
pub fn lines(legend: &str, answer: &Value) -> Vec<Line> {
    let series = answer["data"]["result"].as_array().expect("a matrix");
    let line = |one: &Value| {
        let points = one["values"].as_array().expect("points").iter();
        let number = |point: &Value| {
            let value: f64 = point[1].as_str()?.parse().ok()?;
            Some((point[0].as_f64()?, value)).filter(|_| value.is_finite())
        };
        (named(legend, &one["metric"]), points.filter_map(number).collect())
    };
    series.iter().map(line).collect()
}

/// The legend with the labels' values in their places.
fn named(legend: &str, labels: &Value) -> String {
    let labels = labels.as_object().expect("labels").iter();
    labels.fold(legend.to_owned(), |legend, (name, value)| {
        legend.replace(&format!("{{{{{name}}}}}"), value.as_str().unwrap_or_default())
    })
}

/// The picture of all panels, in order, from one time to another.
///
/// # Panics
///
/// If there are not as many as there are panels.
pub fn picture(panels: &[Vec<Line>], (from, to): (f64, f64)) -> String {
    assert_eq!(panels.len(), PANELS.len());
    let rows = panels.len().div_ceil(2);
    let (width, height) = (2.0 * WIDTH, HEIGHT * f64::from(u32::try_from(rows).expect("few")));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"10\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (number, (panel, lines)) in PANELS.iter().zip(panels).enumerate() {
        let place = |at: usize, size: f64| f64::from(u32::try_from(at).expect("few")) * size;
        let (x, y) = (place(number % 2, WIDTH), place(number / 2, HEIGHT));
        let _ = writeln!(svg, "<g transform=\"translate({x} {y})\">");
        let _ =
            writeln!(svg, "<text x=\"{EDGE}\" y=\"18\" font-size=\"13\">{}</text>", panel.title);
        draw(&mut svg, lines, (from, to));
        svg += "</g>\n";
    }
    svg + "</svg>\n"
}

fn draw(svg: &mut String, lines: &[Line], (from, to): (f64, f64)) {
    let all = lines.iter().flat_map(|(_, points)| points).map(|(_, value)| *value);
    let most = all.fold(0.0_f64, f64::max);
    let (right, bottom) = (WIDTH - EDGE, HEIGHT - EDGE);
    let _ = writeln!(
        svg,
        "<path d=\"M{EDGE} {TOP}V{bottom}H{right}\" fill=\"none\" stroke=\"#999\"/>\n\
         <text x=\"{right}\" y=\"18\" text-anchor=\"end\" fill=\"#666\">at most {}</text>",
        short(most)
    );
    let scale = if most > 0.0 { (bottom - TOP) / most } else { 0.0 };
    let mut legend = EDGE;
    for (at, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let point = |(time, value): &(f64, f64)| {
            let x = EDGE + (time - from) / (to - from) * (right - EDGE);
            format!("{x:.1},{:.1}", bottom - value * scale)
        };
        let points: Vec<String> = points.iter().map(point).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>",
            points.join(" ")
        );
        let width = 14.0 + 5.2 * f64::from(u32::try_from(name.chars().count()).unwrap_or(0));
        if legend + width < right {
            let _ = writeln!(
                svg,
                "<text x=\"{legend:.0}\" y=\"38\" fill=\"{colour}\">{}</text>",
                name.replace('&', "&amp;").replace('<', "&lt;")
            );
            legend += width;
        }
    }
}

/// A number in a few characters.
fn short(number: f64) -> String {
    match number {
        0.0 => "0".to_owned(),
        n if n < 0.01 => format!("{n:.1e}"),
        n if n < 10.0 => format!("{n:.2}"),
        n => format!("{n:.0}"),
    }
}
