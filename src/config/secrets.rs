//! Secrets: a value as it is, or a reference to where it lies. None of the messages repeats a value.

use std::fs::File;
use std::io::Read;

use secrecy::SecretString;

use super::env::Environment;
use super::mistakes::Mistake;

/// A file that holds one secret is small.
const MAX_FILE_BYTES: u64 = 65_536;

/// `env:NAME` and `file:PATH` looked up, any other value as it is, blanks around it taken away.
///
/// A secret manager's reference, an absent variable, a missing or empty file are mistakes at `place`.
pub(super) fn resolve(raw: &str, place: &str, environment: &Environment) -> Result<SecretString, Mistake> {
    let wrong = |wrong: &str, mend: &str| Err(Mistake::new(place, wrong, mend));
    let found = match reference(raw) {
        None => raw.trim().to_owned(),
        Some(("env", name)) => match environment.value(name) {
            None => {
                return wrong(
                    &format!("the variable that it names{} is not set", shown_name(name)),
                    "set that variable, or name another one",
                );
            }
            Some(value) if reference(value).is_some() => {
                return wrong(
                    "the variable that it names holds a reference too",
                    "name the last one directly",
                );
            }
            Some(value) => value.to_owned(),
        },
        Some(("file", path)) => match read(path) {
            Ok(text) => text.trim().to_owned(),
            Err(kind) => {
                return wrong(
                    &format!("the file that it names cannot be read ({kind})"),
                    "name a readable file of at most 64 KiB that holds the secret and nothing else",
                );
            }
        },
        Some((manager, _)) => {
            return wrong(
                &format!("`{manager}:` references are not in this version"),
                "use `file:PATH` or `env:NAME`, which a secret manager's agent can fill",
            );
        }
    };
    if found.is_empty() {
        return wrong("the secret is empty", "put a value there, or take the setting away");
    }
    Ok(SecretString::from(found))
}

/// The two halves of a reference; `None` for a plain value.
pub(super) fn reference(raw: &str) -> Option<(&str, &str)> {
    raw.trim().split_once(':').filter(|(scheme, _)| matches!(*scheme, "env" | "file" | "vault" | "aws-sm"))
}

fn read(path: &str) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.kind().to_string())?;
    let mut text = String::new();
    file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(|error| error.kind().to_string())?;
    if text.len() as u64 > MAX_FILE_BYTES { Err("too long".to_owned()) } else { Ok(text) }
}

/// A variable's name is told only where it looks like one: a key may have been pasted there.
fn shown_name(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    if name.bytes().all(plain) { format!(", {name},") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn references_are_looked_up() {
        let folder = std::env::temp_dir().join(format!("gateway-secrets-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&folder).unwrap();
        let file = |name: &str, text: &[u8]| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            format!("file:{}", path.display())
        };
        let environment: Environment = [("HELD", "value-1"), ("CHAIN", "env:HELD")].into_iter().collect();
        for (case, raw, want) in [
            ("plain", "sk-plain:with:colons".to_owned(), Ok("sk-plain:with:colons")),
            ("variable", "env:HELD".to_owned(), Ok("value-1")),
            ("file", file("one", b"value-2\n"), Ok("value-2")),
            ("no variable", "env:GONE".to_owned(), Err("the variable that it names, GONE, is not set")),
            ("a key as name", "env:sk-marker".to_owned(), Err("the variable that it names is not set")),
            ("chain", "env:CHAIN".to_owned(), Err("the variable that it names holds a reference too")),
            (
                "no file",
                "file:/no/marker".to_owned(),
                Err("the file that it names cannot be read (entity not found)"),
            ),
            ("empty file", file("two", b"\n"), Err("the secret is empty")),
            (
                "binary file",
                file("three", b"\xff\xfe"),
                Err("the file that it names cannot be read (invalid data)"),
            ),
            (
                "long file",
                file("four", &[b'a'; 65_537]),
                Err("the file that it names cannot be read (too long)"),
            ),
            (
                "vault",
                "vault:kv/gateway#marker".to_owned(),
                Err("`vault:` references are not in this version"),
            ),
            ("aws", "aws-sm:gateway#marker".to_owned(), Err("`aws-sm:` references are not in this version")),
        ] {
            let found = resolve(&raw, "HERE", &environment);
            match (&found, want) {
                (Ok(secret), Ok(want)) => assert_eq!(secret.expose_secret(), want, "{case}"),
                (Err(mistake), Err(want)) => {
                    assert_eq!(mistake.wrong, want, "{case}");
                    assert!(!mistake.to_string().contains("marker"), "{case}");
                }
                _ => panic!("{case}: {found:?}"),
            }
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
