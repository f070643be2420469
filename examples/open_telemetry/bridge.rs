//! A recorder of the crate `metrics` that records with OpenTelemetry's instruments.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

/// The bridge.
pub(crate) struct OpenTelemetry {
    meter: Meter,
    /// Descriptions of metrics by name, from before their first value.
    described: Mutex<HashMap<String, (Option<Unit>, String)>>,
    totals: Mutex<HashMap<String, Totals>>,
}

/// The series of one counter.
type Totals = Arc<Mutex<Vec<(Vec<KeyValue>, Arc<Total>)>>>;

/// A counter that is read when the meter is.
#[derive(Default)]
struct Total(AtomicU64);

impl OpenTelemetry {
    /// Records by this meter.
    pub(crate) fn new(meter: Meter) -> Self {
        Self { meter, described: Mutex::default(), totals: Mutex::default() }
    }

    fn describe(&self, name: &KeyName, unit: Option<Unit>, description: &SharedString) {
        let mut described = self.described.lock().unwrap();
        described.insert(name.as_str().to_owned(), (unit, description.to_string()));
    }

    /// The name without its unit, the unit, and the description.
    fn told(&self, key: &Key) -> (String, &'static str, String) {
        let (unit, description) =
            self.described.lock().unwrap().get(key.name()).cloned().unwrap_or_default();
        let (suffix, unit) = match unit {
            Some(Unit::Seconds) => ("_seconds", "s"),
            Some(Unit::Bytes) => ("_bytes", "By"),
            _ => ("_total", "1"),
        };
        let name = key.name().strip_suffix(suffix).unwrap_or(key.name());
        (name.replacen('_', ".", 1), unit, description)
    }
}

fn attributes(key: &Key) -> Vec<KeyValue> {
    let labels = key.labels();
    labels.map(|label| KeyValue::new(label.key().to_owned(), label.value().to_owned())).collect()
}

impl Recorder for OpenTelemetry {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&name, unit, &description);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&name, unit, &description);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&name, unit, &description);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let mut totals = self.totals.lock().unwrap();
        let of_name = totals.entry(key.name().to_owned()).or_insert_with(|| {
            let of_name = Totals::default();
            let (name, unit, description) = self.told(key);
            let observed = Arc::clone(&of_name);
            self.meter
                .u64_observable_counter(name)
                .with_unit(unit)
                .with_description(description)
                .with_callback(move |observer| {
                    for (attributes, total) in observed.lock().unwrap().iter() {
                        observer.observe(total.0.load(Ordering::Relaxed), attributes);
                    }
                })
                .build();
            of_name
        });
        let (attributes, mut series) = (attributes(key), of_name.lock().unwrap());
        let known = series.iter().find(|(known, _)| *known == attributes);
        let known = known.map(|(_, total)| Arc::clone(total));
        let total = known.unwrap_or_else(|| {
            let total = Arc::new(Total::default());
            series.push((attributes, Arc::clone(&total)));
            total
        });
        Counter::from_arc(total)
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let (name, unit, description) = self.told(key);
        let gauge =
            self.meter.f64_gauge(name).with_unit(unit).with_description(description).build();
        Gauge::from_arc(Arc::new(Recorded { instrument: gauge, attributes: attributes(key) }))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let (name, unit, description) = self.told(key);
        let histogram = self.meter.f64_histogram(name).with_unit(unit);
        let histogram = histogram
            .with_description(description)
            .with_boundaries(vec![1e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 2e-2, 0.1, 0.5, 2.0])
            .build();
        let attributes = attributes(key);
        Histogram::from_arc(Arc::new(Recorded { instrument: histogram, attributes }))
    }
}

/// An instrument, and the attributes of one series.
struct Recorded<I> {
    instrument: I,
    attributes: Vec<KeyValue>,
}

impl CounterFn for Total {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// cachecow only sets its gauges; it does not increment them.
impl GaugeFn for Recorded<opentelemetry::metrics::Gauge<f64>> {
    fn increment(&self, _: f64) {}

    fn decrement(&self, _: f64) {}

    fn set(&self, value: f64) {
        self.instrument.record(value, &self.attributes);
    }
}

impl HistogramFn for Recorded<opentelemetry::metrics::Histogram<f64>> {
    fn record(&self, value: f64) {
        self.instrument.record(value, &self.attributes);
    }
}
