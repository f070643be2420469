//! The dashboard and the alert rules of `examples/grafana`, made from the table of the metrics.

mod alerts;
mod dashboard;
mod picture;

use cachecow::metrics::{Metric, TABLE};

pub use self::alerts::{ALERTS, Alert, rules};
pub use self::dashboard::{PANELS, Panel, dashboard};
pub use self::picture::{Line, lines, picture};

/// The metric of this name.
///
/// # Panics
///
/// If there is none.
pub fn metric(name: &str) -> &'static Metric {
    let found = TABLE.iter().find(|metric| metric.name == name);
    found.unwrap_or_else(|| panic!("there is no metric {name}"))
}

/// The names of metrics in an expression.
pub fn names(expression: &str) -> Vec<&str> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expression.split(|c| !is_of_name(c));
    words.filter(|word| word.starts_with("cachecow_")).collect()
}
