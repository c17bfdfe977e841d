//! Reads single settings and keeps what was wrong with them. Each reader answers with a usable value even
//! then, so that the reading goes on to the next mistake.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::env::Environment;
use super::mistakes::{Mistake, did_you_mean, shown};
use super::secrets;

/// A value and where it was written: a variable's name, or `file:line: key`. No `Debug`: it may be a secret.
#[derive(Clone)]
pub(super) struct At<T> {
    pub value: T,
    pub place: String,
}

/// Bounds of a number, both included, and what it counts.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub least: u64,
    pub most: u64,
    pub unit: &'static str,
}

impl Range {
    pub(super) const fn new(least: u64, most: u64, unit: &'static str) -> Range {
        Range { least, most, unit }
    }

    /// `text` as a number of this range.
    pub(super) fn read(self, text: &str, place: &str) -> Result<u64, Mistake> {
        let Range { least, most, unit } = self;
        let mend = format!("write a whole number from {least} to {most} ({unit})");
        match text.parse::<u64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            Ok(_) => Err(Mistake::new(place, format!("{} is out of range", shown(text)), mend)),
            Err(_) => Err(Mistake::new(place, format!("{} is not a whole number", shown(text)), mend)),
        }
    }
}

pub(super) struct Settings<'e> {
    pub environment: &'e Environment,
    pub mistakes: Vec<Mistake>,
}

impl<'e> Settings<'e> {
    pub(super) fn wrong(&mut self, place: &str, wrong: impl Into<String>, mend: impl Into<String>) {
        self.mistakes.push(Mistake::new(place, wrong, mend));
    }

    pub(super) fn text(&self, name: &str) -> Option<&'e str> {
        self.environment.value(name)
    }

    /// The variable with its name as its place.
    pub(super) fn at(&self, name: &str) -> Option<At<String>> {
        let value = self.text(name)?.to_owned();
        Some(At { value, place: name.to_owned() })
    }

    pub(super) fn number(&mut self, name: &str, default: u64, range: Range) -> u64 {
        let Some(text) = self.text(name) else { return default };
        let read = range.read(text, name);
        self.keep(read).unwrap_or(default)
    }

    /// A number that memory sizes and counts are made of.
    pub(super) fn size(&mut self, name: &str, default: u64, range: Range) -> usize {
        usize::try_from(self.number(name, default, range)).unwrap_or(usize::MAX)
    }

    pub(super) fn seconds(&mut self, name: &str, default: u64) -> Duration {
        Duration::from_secs(self.number(name, default, Range::new(1, 3_600, "seconds")))
    }

    /// `true` or `false`; absent is `false`.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        self.flag_or(name, false)
    }

    /// `true` or `false`, or what stands for neither.
    pub(super) fn flag_or(&mut self, name: &str, absent: bool) -> bool {
        match self.text(name) {
            None => absent,
            Some("false") => false,
            Some("true") => true,
            Some(other) => {
                self.wrong(
                    name,
                    format!("{} is neither true nor false", shown(other)),
                    "write true or false",
                );
                absent
            }
        }
    }

    /// One of the named choices; the first is the default.
    pub(super) fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> T {
        let default = choices[0].1;
        let Some(text) = self.text(name) else { return default };
        match choices.iter().find(|(word, _)| *word == text) {
            Some((_, choice)) => *choice,
            None => {
                let words = choices.iter().map(|(word, _)| *word);
                self.wrong(name, format!("{} is not known", shown(text)), did_you_mean(text, words));
                default
            }
        }
    }

    /// A file of PEM blocks, one of which has `label` in its first line, with its contents.
    pub(super) fn pem(&mut self, name: &str, label: &str) -> Option<(PathBuf, Vec<u8>)> {
        let raw = self.at(name)?;
        self.pem_at(&raw, label).map(|bytes| (PathBuf::from(raw.value), bytes))
    }

    /// Its contents alone, wherever its path was written.
    pub(super) fn pem_at(&mut self, raw: &At<String>, label: &str) -> Option<Vec<u8>> {
        match fs::read(&raw.value) {
            Ok(bytes) if holds_block(&bytes, label) => return Some(bytes),
            Ok(_) => self.wrong(
                &raw.place,
                format!("the file holds no block `-----BEGIN … {label}-----`"),
                format!("name a PEM file with a {}", label.to_lowercase()),
            ),
            Err(error) => self.wrong(
                &raw.place,
                format!("the file cannot be read ({})", error.kind()),
                "name a PEM file that this user may read",
            ),
        }
        None
    }

    /// A secret that will be sent in, or compared with, a header: visible ASCII without blanks.
    pub(super) fn secret(&mut self, raw: &At<String>) -> Option<SecretString> {
        let found = secrets::resolve(&raw.value, &raw.place, self.environment);
        let secret = self.keep(found)?;
        let fits = secret.expose_secret().bytes().all(|b| b.is_ascii_graphic());
        if !fits {
            self.wrong(
                &raw.place,
                "a key holds blanks, line ends or characters outside ASCII",
                "copy the key again, it alone",
            );
        }
        fits.then_some(secret)
    }

    /// The value, or its mistake kept.
    pub(super) fn keep<T>(&mut self, read: Result<T, Mistake>) -> Option<T> {
        read.map_err(|mistake| self.mistakes.push(mistake)).ok()
    }
}

fn holds_block(bytes: &[u8], label: &str) -> bool {
    String::from_utf8_lossy(bytes)
        .lines()
        .any(|line| line.starts_with("-----BEGIN ") && line.trim_end().trim_end_matches('-').ends_with(label))
}
