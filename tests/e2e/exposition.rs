//! A reader of OpenMetrics 1.0 that takes nothing else: it shares no code with the gateway's writer.

use std::collections::{BTreeMap, BTreeSet};

/// One line that is no comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: String,
}

/// All of a page.
#[derive(Debug, Default)]
pub struct Page {
    pub samples: Vec<Sample>,
    /// Families and their types.
    pub families: BTreeMap<String, String>,
}

impl Sample {
    /// The value in billionths, exactly.
    pub fn nano(&self) -> i64 {
        let (whole, part) = self.value.split_once('.').unwrap_or((&self.value, ""));
        assert!(part.len() <= 9, "{self:?}");
        format!("{whole}{part:0<9}").parse().unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Page {
    /// Reads a page, and fails the test where it is none by the specification.
    pub fn read(text: &str) -> Page {
        let body = text.strip_suffix("# EOF\n").expect("it ends with EOF");
        let mut page = Page::default();
        let mut family = String::new();
        let mut told = BTreeSet::new();
        for line in body.lines() {
            if let Some(rest) = line.strip_prefix("# ") {
                let (word, rest) = rest.split_once(' ').unwrap_or_else(|| panic!("{line}"));
                let (name, rest) = rest.split_once(' ').unwrap_or_else(|| panic!("{line}"));
                assert!(told.insert(format!("{word} {name}")), "twice: {line}");
                match word {
                    "HELP" => name.clone_into(&mut family),
                    "TYPE" => {
                        assert!(["counter", "gauge", "histogram", "info"].contains(&rest), "{line}");
                        page.families.insert(name.to_owned(), rest.to_owned());
                    }
                    "UNIT" => assert!(name.ends_with(&format!("_{rest}")), "{line}"),
                    _ => panic!("{line}"),
                }
                assert_eq!(name, family, "families stand together: {line}");
            } else {
                let sample = sample(line);
                let kind = page.families.get(&family).unwrap_or_else(|| panic!("no type: {line}"));
                fits(&family, kind, &sample);
                page.samples.push(sample);
            }
        }
        page.check_series();
        page.check_histograms();
        page
    }

    fn check_series(&self) {
        let mut seen = BTreeSet::new();
        for sample in &self.samples {
            assert!(seen.insert(format!("{} {:?}", sample.name, sample.labels)), "twice: {sample:?}");
        }
    }

    /// Buckets rise, their bounds too, and the last is the count.
    fn check_histograms(&self) {
        let mut last: Option<(BTreeMap<String, String>, f64, i64)> = None;
        for sample in &self.samples {
            let mut labels = sample.labels.clone();
            let bound = labels.remove("le");
            if let Some(bound) = bound {
                let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().expect("a bound") };
                if let Some((before, below, count)) = &last
                    && *before == labels
                    && below.is_finite()
                {
                    assert!(bound > *below && sample.nano() >= *count, "{sample:?}");
                }
                last = Some((labels, bound, sample.nano()));
            } else if sample.name.ends_with("_count")
                && let Some((before, bound, count)) = &last
            {
                assert_eq!((before, *bound, *count), (&labels, f64::INFINITY, sample.nano()), "{sample:?}");
            }
        }
    }

    /// The value of one series in billionths. Fails the test where it is not there.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> i64 {
        let is = |sample: &&Sample| {
            sample.name == name
                && sample.labels.len() == labels.len()
                && labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|v| v == value))
        };
        let found = self.samples.iter().find(is);
        found.unwrap_or_else(|| panic!("no {name} {labels:?} in {:#?}", self.samples)).nano()
    }

    /// Whether samples of this name can be there.
    pub fn serves(&self, name: &str) -> bool {
        let suffixes = [
            ("counter", "_total"),
            ("info", "_info"),
            ("gauge", ""),
            ("histogram", "_bucket"),
            ("histogram", "_sum"),
            ("histogram", "_count"),
        ];
        suffixes.into_iter().any(|(kind, suffix)| {
            name.strip_suffix(suffix)
                .and_then(|family| self.families.get(family))
                .is_some_and(|found| found == kind)
        })
    }
}

fn fits(family: &str, kind: &str, sample: &Sample) {
    let suffix = sample.name.strip_prefix(family).unwrap_or_else(|| panic!("not of {family}: {sample:?}"));
    let fitting = match kind {
        "counter" => suffix == "_total",
        "info" => suffix == "_info" && sample.value == "1",
        "histogram" => {
            ["_bucket", "_sum", "_count"].contains(&suffix)
                && (suffix == "_bucket") == sample.labels.contains_key("le")
        }
        _ => suffix.is_empty(),
    };
    assert!(fitting, "{kind}: {sample:?}");
    let never_falls = kind != "gauge";
    assert!(!(never_falls && sample.value.starts_with('-')), "{sample:?}");
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
    let (name, mut rest) = match series.split_once('{') {
        None => (series, ""),
        Some((name, rest)) => (name, rest.strip_suffix('}').unwrap_or_else(|| panic!("{line}"))),
    };
    let mut labels = BTreeMap::new();
    while !rest.is_empty() {
        let (label, quoted) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
        let (value, after) = unquoted(quoted).unwrap_or_else(|| panic!("{line}"));
        assert!(labels.insert(label.to_owned(), value).is_none(), "{line}");
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = value.trim_start_matches('-');
    let plain = number.split_once('.').map_or(digits(number), |(whole, part)| digits(whole) && digits(part));
    assert!(plain, "no number: {line}");
    Sample { name: name.to_owned(), labels, value: value.to_owned() }
}

/// A value up to its quote, and what follows.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    loop {
        match chars.next()? {
            (at, '"') => return Some((value, &text[at + 1..])),
            (_, '\\') => value.push(match chars.next()?.1 {
                'n' => '\n',
                c @ ('\\' | '"') => c,
                _ => return None,
            }),
            (_, c) => value.push(c),
        }
    }
}
