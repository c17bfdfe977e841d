//! The environment as a map: the only place that reads it. A real variable wins over `.env`.
//!
//! An empty value counts as absent, so that `ANTHROPIC_API_KEY=` in a copied example means nothing, and an
//! empty real variable takes one of `.env` away.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::mistakes::Mistake;
use super::names::{Effect, NAMES};

/// All variables, by name. Its `Debug` shows no value.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, Variable>,
    /// What could not be read; `Config::load` lists it with the rest.
    unread: Vec<Mistake>,
}

#[derive(Clone)]
struct Variable {
    value: String,
    source: Source,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Process,
    DotEnv,
}

impl Environment {
    /// The process's own environment over that of the file `dot_env`, which may be absent.
    pub fn read(dot_env: &Path) -> Environment {
        let mut environment = Environment::default();
        match std::fs::read(dot_env) {
            Ok(bytes) => environment.read_dot_env(&dot_env.display().to_string(), &bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => environment.unread.push(Mistake::new(
                dot_env.display().to_string(),
                format!("cannot be read ({})", error.kind()),
                "let this user read it, or take it away",
            )),
        }
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => environment.put(&name, &value, Source::Process),
                Err(_) if NAMES.iter().any(|(known, _)| *known == name) => {
                    environment.unread.push(Mistake::new(name, "the value is not UTF-8", "write it in UTF-8"))
                }
                Err(_) => {}
            }
        }
        environment
    }

    fn read_dot_env(&mut self, file: &str, bytes: &[u8]) {
        let Ok(text) = std::str::from_utf8(bytes) else {
            self.unread.push(Mistake::new(file, "is not UTF-8", "save it as UTF-8"));
            return;
        };
        let text = text.trim_start_matches('\u{feff}');
        for item in dotenvy::from_read_iter(text.as_bytes()) {
            match item {
                Ok((name, _)) if self.variables.contains_key(&name) => self.unread.push(Mistake::new(
                    format!("{file}: {name}"),
                    "is set twice",
                    "keep one of the two lines",
                )),
                Ok((name, value)) => self.put(&name, &value, Source::DotEnv),
                // The error's own words repeat the line, which may hold a key.
                Err(dotenvy::Error::LineParse(line, _)) => self.unread.push(Mistake::new(
                    match line_number(text, &line) {
                        Some(number) => format!("{file}:{number}"),
                        None => file.to_owned(),
                    },
                    "is not NAME=value",
                    "write NAME=value; put a value with blanks, quotes, `#` or `$` in single quotes",
                )),
                Err(_) => self.unread.push(Mistake::new(file, "cannot be read", "write lines of NAME=value")),
            }
        }
    }

    /// Sets a variable as if the process had it.
    pub fn set(&mut self, name: &str, value: &str) {
        self.put(name, value, Source::Process);
    }

    fn put(&mut self, name: &str, value: &str, source: Source) {
        self.variables.insert(name.to_owned(), Variable { value: value.trim().to_owned(), source });
    }

    /// The value without blanks around it; `None` where it is absent or empty.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|variable| variable.value.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str).filter(|name| self.value(name).is_some())
    }

    pub(super) fn unread(&self) -> &[Mistake] {
        &self.unread
    }

    /// Proxy settings that stand in `.env` alone, where the HTTP client does not look.
    pub(super) fn proxies_out_of_sight(&self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().filter(|(_, effect)| *effect == Effect::Proxy).map(|(name, _)| *name).filter(|name| {
            self.variables.get(*name).is_some_and(|v| v.source == Source::DotEnv && !v.value.is_empty())
        })
    }
}

/// The line that ends in `rest`: the parser tells a whole line, or what stands behind the `=`.
fn line_number(text: &str, rest: &str) -> Option<usize> {
    let rest = rest.lines().next().map(str::trim_end).filter(|rest| !rest.is_empty())?;
    text.lines().position(|line| line.trim_end().ends_with(rest)).map(|before| before + 1)
}

impl<'a> FromIterator<(&'a str, &'a str)> for Environment {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Environment {
        let mut environment = Environment::default();
        pairs.into_iter().for_each(|(name, value)| environment.set(name, value));
        environment
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("names", &self.variables.keys()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot_env(text: &str) -> Environment {
        let mut environment = Environment::default();
        environment.read_dot_env(".env", text.as_bytes());
        environment
    }

    #[test]
    fn dot_env_lines() {
        for (case, text, want) in [
            ("plain", "A=1", Some("1")),
            ("windows", "A=1\r\nB=2\r\n", Some("1")),
            ("byte order mark", "\u{feff}A=1", Some("1")),
            ("export", "export A=1", Some("1")),
            ("comment after", "A=1 # one", Some("1")),
            ("empty means absent", "A=", None),
            ("empty before a comment", "A= # set me", None),
            ("quoted", "A='p$w #d'", Some("p$w #d")),
        ] {
            let environment = dot_env(text);
            assert_eq!(environment.value("A"), want, "{case}");
            assert!(environment.unread().is_empty(), "{case}: {:?}", environment.unread());
        }
    }

    #[test]
    fn dot_env_mistakes_name_the_line_and_never_its_text() {
        let environment = dot_env("A=1\n# two\nsk-marker-0001\nB=2 sk-marker-0002\nA=sk-marker-0003\n");
        let places: Vec<_> = environment.unread().iter().map(|m| m.place.as_str()).collect();
        assert_eq!(places, [".env:3", ".env:4", ".env: A"]);
        let told = format!("{:?} {:?}", environment.unread(), environment);
        assert!(!told.contains("marker"), "{told}");
    }

    #[test]
    fn a_real_variable_wins_and_an_empty_one_takes_away() {
        let mut environment = dot_env("A=file\nB=file\nC=file");
        environment.set("A", "real");
        environment.set("B", "");
        assert_eq!(environment.value("A"), Some("real"));
        assert_eq!(environment.value("B"), None);
        assert_eq!(environment.value("C"), Some("file"));
    }
}
