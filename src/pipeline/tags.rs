//! What a caller counts its request under: `x-gateway-tags`, and OpenAI's `metadata`, as far as `[usage] tags` names
//! it. A value is searched like all else, and recorded and counted as that search leaves it.

use actix_web::http::header::HeaderMap;
use gateway_core::audit::{Named, Table};
use gateway_core::conversation::Text;
use gateway_core::ids::TagName;
use gateway_wire::Malformed;
use std::borrow::Cow;

const HEADER: &str = "x-gateway-tags";
/// Bytes of the longest value that a caller may send.
const LONGEST: usize = 64;

/// Names and values, each name once.
pub(super) type Tags = Vec<(TagName, Text)>;

/// The header's beside those of `metadata`. What `names` does not have goes to `dropped` by its name.
///
/// # Errors
/// A value that can't be counted, or two for one tag.
pub(super) fn given(
    names: &[TagName],
    headers: &HeaderMap,
    metadata: Tags,
    dropped: &mut Vec<Cow<'static, str>>,
) -> Result<Tags, Malformed> {
    let mut tags = Tags::new();
    for (name, value) in metadata {
        let field = format!("metadata.{name}");
        add(&mut tags, name, &value.decoded(), field)?;
    }
    for line in headers.get_all(HEADER) {
        let pairs = line.to_str().map_err(|_| wrong(HEADER, NOT_PAIRS))?.split(',').map(str::trim);
        for pair in pairs.filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| wrong(HEADER, NOT_PAIRS))?;
            match names.iter().find(|known| known.as_str() == name.trim()) {
                Some(name) => add(&mut tags, name.clone(), value.trim(), format!("{HEADER}: {name}"))?,
                None => drop_field(name.trim(), dropped),
            }
        }
    }
    Ok(tags)
}

const NOT_PAIRS: &str = "must be NAME=VALUE, with commas between several";
const NO_VALUE: &str = "must be 1 to 64 letters, digits and . _ : / @ + = - (ASCII)";
const TWICE: &str = "stands twice, with different values: send one";

fn add(tags: &mut Tags, name: TagName, value: &str, field: String) -> Result<(), Malformed> {
    if value.len() > LONGEST || Named::new(value).is_none() {
        return Err(wrong(field, NO_VALUE));
    }
    match tags.iter().find(|(known, _)| *known == name) {
        Some((_, known)) if known.decoded() != value => Err(wrong(field, TWICE)),
        Some(_) => Ok(()),
        None => {
            tags.push((name, Text::new(value)));
            Ok(())
        }
    }
}

/// A name that is none may be anything, and is not repeated.
fn drop_field(name: &str, dropped: &mut Vec<Cow<'static, str>>) {
    let name = TagName::new(name).map_or_else(|| "?".to_owned(), |name| name.to_string());
    let field = Cow::Owned(format!("{HEADER}.{name}"));
    if !dropped.contains(&field) {
        dropped.push(field);
    }
}

fn wrong(field: impl Into<String>, problem: &'static str) -> Malformed {
    Malformed::Field { field: field.into(), problem: Cow::Borrowed(problem) }
}

/// As the trail has them. What the search put in place of a find, `[EMAIL_ADDRESS:9f86d0818c21]`, loses its
/// brackets.
pub(super) fn recorded<const N: usize>(tags: &Tags) -> Table<Named, N> {
    let word = |text: &Text| Named::cleaned(text.decoded().trim_matches(['[', ']']));
    tags.iter().map(|(name, value)| (Named::cleaned(name.as_str()), word(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HeaderName::from_static(HEADER), HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    #[test]
    fn pairs_are_read_or_refused_by_name() {
        let names: Vec<TagName> =
            ["cost_center", "project"].iter().map(|name| TagName::new(name).unwrap()).collect();
        let long = "a".repeat(65);
        for (case, lines, metadata, want) in [
            ("none", vec![], None, Ok("")),
            ("both", vec!["cost_center=4711, project = a/b=c ,"], None, Ok("cost_center=4711 project=a/b=c")),
            ("on two lines", vec!["project=x", "cost_center=1"], None, Ok("project=x cost_center=1")),
            ("beside metadata", vec!["project=x"], Some("4711"), Ok("cost_center=4711 project=x")),
            ("the same twice", vec!["cost_center=4711"], Some("4711"), Ok("cost_center=4711")),
            (
                "another twice",
                vec!["cost_center=4712"],
                Some("4711"),
                Err("`x-gateway-tags: cost_center`: stands twice, with different values: send one"),
            ),
            ("not named", vec!["team=x,team=y,project=x"], None, Ok("project=x; x-gateway-tags.team")),
            ("a name that is text", vec!["ann@example.org=x"], None, Ok("; x-gateway-tags.?")),
            (
                "no pair",
                vec!["4711"],
                None,
                Err("`x-gateway-tags`: must be NAME=VALUE, with commas between several"),
            ),
            (
                "no value",
                vec!["project="],
                None,
                Err("`x-gateway-tags: project`: must be 1 to 64 letters, digits and . _ : / @ + = - (ASCII)"),
            ),
            (
                "a sentence",
                vec![],
                Some("two words"),
                Err("`metadata.cost_center`: must be 1 to 64 letters, digits and . _ : / @ + = - (ASCII)"),
            ),
            (
                "too long",
                vec![],
                Some(&long),
                Err("`metadata.cost_center`: must be 1 to 64 letters, digits and . _ : / @ + = - (ASCII)"),
            ),
        ] {
            let metadata = metadata.map(|value| (names[0].clone(), Text::new(value)));
            let mut dropped = Vec::new();
            let read = given(&names, &headers(&lines), metadata.into_iter().collect(), &mut dropped);
            let read = read.map_err(|malformed| malformed.to_string()).map(|tags| {
                let tags: Vec<_> =
                    tags.iter().map(|(name, value)| format!("{name}={}", value.decoded())).collect();
                tags.join(" ") + &dropped.iter().map(|field| format!("; {field}")).collect::<String>()
            });
            assert_eq!(read, want.map(str::to_owned).map_err(str::to_owned), "{case}");
        }
    }

    #[test]
    fn a_find_is_recorded_as_what_took_its_place() {
        let name = TagName::new("owner").unwrap();
        for (value, want) in [
            ("4711", "4711"),
            ("[EMAIL_ADDRESS:9f86d0818c21]", "EMAIL_ADDRESS:9f86d0818c21"),
            ("x-[EMAIL_ADDRESS:9f86d0818c21]", "x-_EMAIL_ADDRESS:9f86d0818c21"),
            ("***.org", "___.org"),
        ] {
            let table: Table<Named, 16> = recorded(&vec![(name.clone(), Text::new(value))]);
            let [(_, value)] = table.iter().collect::<Vec<_>>()[..] else { panic!("one tag") };
            assert_eq!(value.as_str(), want);
        }
    }
}
