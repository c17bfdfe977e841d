//! Metrics as text: OpenMetrics 1.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>), and Prometheus's older
//! text format 0.0.4 for readers that don't ask for it. Both are written from the same values; numbers are decimal
//! digits, so that no amount of money passes a float.

use super::catalog::{BASE_UNITS, Kind, Metric};
use super::histogram::Snapshot;
use std::fmt::{Display, Formatter, Write};

/// How a page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    OpenMetrics,
    /// Prometheus's text format, version 0.0.4.
    Text,
}

impl Format {
    /// By a request's `Accept`.
    pub fn accepted(accept: Option<&str>) -> Format {
        let asks = accept.is_some_and(|accept| accept.contains("application/openmetrics-text"));
        if asks { Format::OpenMetrics } else { Format::Text }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// A number: so many units of the tenth power `-digits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    pub units: i128,
    pub digits: u32,
}

impl Number {
    pub fn whole(units: impl Into<i128>) -> Number {
        Number { units: units.into(), digits: 0 }
    }

    pub fn count(count: usize) -> Number {
        Number::whole(u64::try_from(count).unwrap_or(u64::MAX))
    }

    pub fn truth(truth: bool) -> Number {
        Number::whole(i128::from(truth))
    }

    pub fn millis(units: impl Into<i128>) -> Number {
        Number { units: units.into(), digits: 3 }
    }

    pub fn nano(units: impl Into<i128>) -> Number {
        Number { units: units.into(), digits: 9 }
    }
}

/// Without zeros that say nothing: `0.25`, `10`.
impl Display for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let one = 10_u128.saturating_pow(self.digits);
        let units = self.units.unsigned_abs();
        let (whole, part) = (units / one, units % one);
        if part == 0 {
            return write!(f, "{sign}{whole}");
        }
        let width = usize::try_from(self.digits).unwrap_or_default();
        let part = format!("{part:0width$}");
        write!(f, "{sign}{whole}.{}", part.trim_end_matches('0'))
    }
}

/// A page that is being written.
pub struct Page {
    format: Format,
    out: String,
}

/// The samples of one family; they stand together.
pub struct Family<'p> {
    metric: &'static Metric,
    out: &'p mut String,
}

impl Page {
    pub fn new(format: Format) -> Page {
        Page { format, out: String::with_capacity(32 << 10) }
    }

    /// Begins a family. Each stands on a page once.
    pub fn family(&mut self, metric: &'static Metric) -> Family<'_> {
        let Metric { name, kind, unit, help, .. } = metric;
        let (suffix, word) = match (self.format, kind) {
            (Format::OpenMetrics, kind) => ("", kind.word()),
            (Format::Text, Kind::Info) => ("_info", "gauge"),
            (Format::Text, kind) => (kind.suffix(), kind.word()),
        };
        let based = self.format == Format::OpenMetrics && BASE_UNITS.contains(unit);
        let unit = if based { format!("# UNIT {name} {unit}\n") } else { String::new() };
        put(
            &mut self.out,
            format_args!("# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {word}\n{unit}"),
        );
        Family { metric, out: &mut self.out }
    }

    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }
}

impl Family<'_> {
    /// `labels` are the values, in the metric's order.
    pub fn sample(&mut self, labels: &[&str], value: Number) {
        self.line(self.metric.kind.suffix(), labels, None, value);
    }

    pub fn histogram(&mut self, labels: &[&str], snapshot: &Snapshot) {
        let Snapshot { buckets, digits, sum, count } = snapshot;
        for (bound, below) in buckets {
            // A bound has the one form that OpenMetrics gives to numbers: with a decimal point.
            let bound = Number { units: i128::from(*bound), digits: *digits }.to_string();
            let point = if bound.contains('.') { "" } else { ".0" };
            self.line("_bucket", labels, Some(&format!("{bound}{point}")), Number::whole(*below));
        }
        self.line("_bucket", labels, Some("+Inf"), Number::whole(*count));
        self.line("_sum", labels, None, Number { units: i128::from(*sum), digits: *digits });
        self.line("_count", labels, None, Number::whole(*count));
    }

    fn line(&mut self, suffix: &str, values: &[&str], bound: Option<&str>, value: Number) {
        debug_assert_eq!(values.len(), self.metric.labels.len(), "{}", self.metric.name);
        self.out.push_str(self.metric.name);
        self.out.push_str(suffix);
        let labels = self.metric.labels.iter().zip(values.iter().copied());
        let labels = labels.chain(bound.map(|bound| (&"le", bound)));
        let mut before = '{';
        // An empty value is the same as no label.
        for (label, value) in labels.filter(|(_, value)| !value.is_empty()) {
            self.out.push(before);
            before = ',';
            put(self.out, format_args!("{label}=\"{}\"", Escaped(value)));
        }
        if before == ',' {
            self.out.push('}');
        }
        put(self.out, format_args!(" {value}\n"));
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes whatever is written");
}

/// A label's value: backslash, quote and line end are escaped.
struct Escaped<'t>(&'t str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\\' => f.write_str(r"\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str(r"\n"),
            c => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalog;
    use super::super::histogram::{Bounds, Histogram};
    use super::*;

    #[test]
    fn numbers_are_exact() {
        for (units, digits, want) in [
            (0, 9, "0"),
            (1, 9, "0.000000001"),
            (i128::from(i64::MAX), 9, "9223372036.854775807"),
            (-1_500, 3, "-1.5"),
            (250, 3, "0.25"),
            (81_920, 3, "81.92"),
            (10_000, 3, "10"),
            (7, 0, "7"),
        ] {
            assert_eq!(Number { units, digits }.to_string(), want);
        }
    }

    #[test]
    fn the_format_is_the_one_that_is_asked_for() {
        let prometheus =
            "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (accept, want) in [
            (None, Format::Text),
            (Some("*/*"), Format::Text),
            (Some("text/plain"), Format::Text),
            (Some(prometheus), Format::OpenMetrics),
        ] {
            assert_eq!(Format::accepted(accept), want, "{accept:?}");
        }
    }

    fn page(format: Format) -> String {
        let mut page = Page::new(format);
        page.family(&catalog::BUILD).sample(&["0.1.0", "a\"b\\c\nd"], Number::whole(1));
        page.family(&catalog::COST).sample(&["ops", "openai", "gpt-4o"], Number::nano(45_000));
        let histogram = Histogram::new(&Bounds { digits: 3, limits: &[10, 1_000] });
        [5, 10, 11, 5_000].into_iter().for_each(|took| histogram.observe(took));
        page.family(&catalog::OVERHEAD).histogram(&["/v1/complete", "false"], &histogram.snapshot());
        page.finish()
    }

    #[test]
    fn open_metrics_as_its_specification_writes_them() {
        assert_eq!(
            page(Format::OpenMetrics),
            r##"# HELP gateway_build The version that runs, and the name of this process.
# TYPE gateway_build info
gateway_build_info{version="0.1.0",replica="a\"b\\c\nd"} 1
# HELP gateway_cost_usd What requests cost, as it is settled.
# TYPE gateway_cost_usd counter
# UNIT gateway_cost_usd usd
gateway_cost_usd_total{team="ops",provider="openai",model="gpt-4o"} 0.000045
# HELP gateway_overhead_seconds The gateway's own part of that, waiting for upstreams excluded.
# TYPE gateway_overhead_seconds histogram
# UNIT gateway_overhead_seconds seconds
gateway_overhead_seconds_bucket{endpoint="/v1/complete",stream="false",le="0.01"} 2
gateway_overhead_seconds_bucket{endpoint="/v1/complete",stream="false",le="1.0"} 3
gateway_overhead_seconds_bucket{endpoint="/v1/complete",stream="false",le="+Inf"} 4
gateway_overhead_seconds_sum{endpoint="/v1/complete",stream="false"} 5.026
gateway_overhead_seconds_count{endpoint="/v1/complete",stream="false"} 4
# EOF
"##
        );
    }

    #[test]
    fn the_older_format_names_samples_and_knows_no_units() {
        let text = page(Format::Text);
        for line in [
            "# TYPE gateway_build_info gauge",
            "# TYPE gateway_cost_usd_total counter",
            "# TYPE gateway_overhead_seconds histogram",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
        assert!(!text.contains("# UNIT") && !text.contains("# EOF"), "{text}");
    }
}
