//! What stands after a secret's name: `=` in code and environments, `:` in JSON and YAML, an element or attribute
//! of XML, a flag's argument, the other half of a pair, or words of prose.

use super::names::{Class, Name};
use super::values::{Shape, Value, is_code, is_stand_in, is_uuid, is_wordy, read};
use super::{Finds, NAMED};

/// What joins a name and its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Join {
    /// `name = value`, `"name": "value"`, `name == value`.
    Assign,
    /// `NAME=value` without a space.
    Tight,
    /// `--name value`.
    Flag,
    /// `f("name", "value")`, `name("value")`.
    Pair,
    /// `name is value`.
    Is,
    /// `name value` in prose.
    Beside,
}

/// Spaces that may stand before a value.
const MOST_SPACES: usize = 24;
/// Bytes between "the password" and "is" in "the password of … is …".
const CLAUSE: usize = 56;

/// The value of `name`, if it has one that is a secret; where it ends.
pub fn check(finds: &mut Finds<'_>, name: &Name) -> Option<usize> {
    let text = finds.text;
    if name.class == Class::Credentials {
        return credentials(finds, name);
    }
    let (join, at) = join(text.as_bytes(), name)?;
    let verb =
        text[name.span.clone()].rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("pass"));
    if verb && matches!(join, Join::Beside | Join::Pair) {
        return None; // "pass `x` to it", `t.pass("x")`
    }
    let mut value = value(text, join, at);
    if join == Join::Beside
        && name.plain
        && !value.as_ref().is_some_and(|value| accepts(text, name, join, value))
    {
        let at = clause(text, name.span.end)?;
        value = read(text, at).filter(|value| accepts(text, name, Join::Is, value));
        let value = trim(text, name.class, value?);
        return Some(finds.add(value.span, NAMED));
    }
    let value = value.filter(|value| accepts(text, name, join, value))?;
    let value = trim(text, name.class, value.whole(text));
    Some(finds.add(value.span, NAMED))
}

fn spaces(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().take(MOST_SPACES).take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// How `name` is joined to what follows, and where that begins.
fn join(bytes: &[u8], name: &Name) -> Option<(Join, usize)> {
    let quote = |at: usize| matches!(bytes.get(at), Some(b'"' | b'\'' | b'`'));
    let mut at = name.span.end;
    at += usize::from(bytes.get(at) == Some(&b'\\') && quote(at + 1));
    let quoted = quote(at);
    at += usize::from(quoted);
    at += bytes[at..].iter().take(2).take_while(|byte| matches!(byte, b']' | b'*')).count();
    if let Some(value) = value_field(bytes, at) {
        return Some((Join::Assign, value));
    }
    let gap = spaces(bytes, at);
    let rest = &bytes[at + gap..];
    let operator = [&b"==="[..], b"!==", b":=", b"=>", b"==", b"!=", b"->", b"=", b":", b"\xef\xbc\x9a"]
        .into_iter()
        .find(|operator| rest.starts_with(operator));
    if let Some(operator) = operator {
        let from = at + gap + operator.len();
        let after = spaces(bytes, from);
        let tight = operator == b"=" && gap == 0 && after == 0;
        return Some((if tight { Join::Tight } else { Join::Assign }, from + after));
    }
    match (rest.first(), gap) {
        (Some(b','), _) if quoted => Some((Join::Pair, at + gap + 1 + spaces(bytes, at + gap + 1))),
        (Some(b'('), 0) => Some((Join::Pair, at + 1)),
        (Some(b'>'), 0) => Some((Join::Assign, at + 1)),
        (Some(_), 1..) if !quoted => {
            let flag = name.span.start > 0 && bytes[name.span.start - 1] == b'-';
            Some((if flag { Join::Flag } else { Join::Beside }, at + gap))
        }
        _ => None,
    }
}

/// `"NAME" value="…"`, `name: NAME\n  value: …`: the value is in the next field.
fn value_field(bytes: &[u8], at: usize) -> Option<usize> {
    let gap = bytes[at..].iter().take(MOST_SPACES);
    let gap =
        gap.take_while(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b'"' | b'\'')).count();
    let word = at + gap;
    if gap == 0 || !bytes[word..].get(..5).is_some_and(|word| word.eq_ignore_ascii_case(b"value")) {
        return None;
    }
    let mut from = word + 5;
    from += usize::from(matches!(bytes.get(from), Some(b'"' | b'\'')));
    from += spaces(bytes, from);
    if !matches!(bytes.get(from), Some(b':' | b'=')) {
        return None;
    }
    Some(from + 1 + spaces(bytes, from + 1))
}

/// The value from `at` on: past a type ("`: str = `"), a letter before its quote, or a call that wraps it.
fn value(text: &str, join: Join, at: usize) -> Option<Value> {
    let bytes = text.as_bytes();
    let quote = |at: usize| matches!(bytes.get(at), Some(b'"' | b'\''));
    if quote(at) || bytes.get(at) == Some(&b'`') || matches!(join, Join::Flag | Join::Is | Join::Beside) {
        return read(text, at);
    }
    if matches!(bytes.get(at), Some(b'b' | b'r' | b'u' | b'@' | b'L')) && quote(at + 1) {
        return read(text, at + 1);
    }
    let word = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'.' | b'<' | b'>');
    let named = at + bytes[at..].iter().take(32).take_while(word).count();
    if named > at && bytes.get(named) == Some(&b'(') && quote(named + 1) {
        // `String::from("…")`; of `env("NAME", "…")` the default.
        let inner = read(text, named + 1)?;
        return Shape::of(text[inner.span.clone()].as_bytes()).random().then_some(inner);
    }
    match typed(bytes, at).filter(|_| join == Join::Assign) {
        Some(from) => read(text, from),
        None => read(text, at),
    }
}

/// Where the quote of "`name: &'static str = "…"`" stands, with the type's first byte at `at`.
fn typed(bytes: &[u8], at: usize) -> Option<usize> {
    const LONGEST_TYPE: usize = 32;
    let within = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'_' | b':' | b'.' | b'<' | b'>' | b'[' | b']' | b'&' | b'\'' | b' ' | b'?' | b'|'
            )
    };
    let run = bytes[at..].iter().take(LONGEST_TYPE).take_while(|byte| within(byte)).count();
    let sign = at + run;
    let assigned = run > 1 && bytes[sign - 1] == b' ' && bytes.get(sign) == Some(&b'=');
    let from = assigned.then_some(sign + 1)?;
    let from = from + spaces(bytes, from);
    matches!(bytes.get(from), Some(b'"' | b'\'')).then_some(from)
}

/// Where the value begins in "… for the user 'x' is 'y'".
fn clause(text: &str, at: usize) -> Option<usize> {
    const VERBS: &[&str] =
        &[" is ", " is: ", " was ", " ist ", " lautet ", " es ", " est ", " è ", " é ", ": "];
    let end = super::values::floor(text, at + CLAUSE);
    let line = text.get(at..end)?;
    let line = &line[..line.find(['\n', ';']).unwrap_or(line.len())];
    let line = &line[..line.find(". ").unwrap_or(line.len())];
    let (found, verb) = VERBS.iter().filter_map(|verb| line.find(verb).map(|found| (found, verb))).min()?;
    Some(at + found + verb.len())
}

/// A value without the sentence's marks around it; a drawn one ends where the next field of a query begins.
fn trim(text: &str, class: Class, value: Value) -> Value {
    if value.quoted {
        return value;
    }
    let own = &text[value.span.clone()];
    let own = if class == Class::Password { own } else { before_field(own) };
    let kept = own.trim_end_matches(['.', ':', '?']);
    let kept = if kept.is_empty() { own } else { kept };
    Value { span: value.span.start..value.span.start + kept.len(), quoted: false }
}

/// `abc` of `abc&next=…`.
fn before_field(own: &str) -> &str {
    own.split_once('&').map_or(own, |(own, _)| own)
}

/// Whether `value` is a secret, seen from its name and from how it is joined.
fn accepts(text: &str, name: &Name, join: Join, value: &Value) -> bool {
    let own = text[value.span.clone()].trim_end_matches(['.', '?']);
    let drawn = name.class != Class::Password;
    let own = if !value.quoted && (drawn || join == Join::Tight) { before_field(own) } else { own };
    let next = text.as_bytes().get(value.span.end).copied();
    // Prose quotes code in backticks.
    let code = !value.quoted || next == Some(b'`');
    if own.is_empty() || is_stand_in(own) || (code && is_code(own, next)) {
        return false;
    }
    if drawn && !value.quoted && (join == Join::Pair || is_wordy(own)) {
        return false;
    }
    let shape = Shape::of(own.as_bytes());
    match name.class {
        Class::Password => password(own, &shape, name, join, value.quoted),
        Class::Secret if value.quoted => password(own, &shape, name, join, true) && strange(own, &shape),
        Class::Secret | Class::Token => token(own, &shape, join, value.quoted),
        Class::Login => shape.len >= 20 && shape.random() && plain_run(own) && !own.contains(['/', '.']),
        Class::Weak => shape.len >= 20 && weak(own, &shape) && plain_run(own),
        Class::Credentials => false,
    }
}

/// A letter, and a digit or a sign that words do not have.
fn strange(own: &str, shape: &Shape) -> bool {
    let sign = |byte: u8| {
        matches!(byte, b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'&' | b'*' | b'+' | b'=' | b'?' | b'~')
    };
    shape.letters() > 0 && (shape.digits > 0 || own.bytes().any(sign) || own.contains('-'))
}

fn password(own: &str, shape: &Shape, name: &Name, join: Join, quoted: bool) -> bool {
    if own.starts_with(['/', '.']) || own.contains("://") || shape.len > 256 || shape.len < 3 {
        return false;
    }
    if !quoted && shape.len > 64 && !shape.random_or_mixed() {
        return false;
    }
    let words = own.bytes().filter(|byte| *byte == b' ').count();
    let signs = strange(own, shape) && !own.ends_with(':');
    match (quoted, join) {
        (true, Join::Pair | Join::Beside) => {
            signs && words <= 1 || (join == Join::Beside && words == 0 && shape.len >= 6)
        }
        (true, _) => words == 0 || (words <= 2 && signs && shape.digits > 0),
        (false, Join::Tight) if name.upper => true,
        (false, Join::Is | Join::Beside) => {
            signs && shape.len >= 6 && (shape.digits > 0 || !own.contains('-'))
        }
        (false, Join::Pair) => false,
        (false, _) => signs && shape.len >= 5 && !own.ends_with('('),
    }
}

/// One run without spaces, brackets and the like.
fn plain_run(own: &str) -> bool {
    own.bytes().all(|byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-' | b'.' | b'~' | b':')
    })
}

fn token(own: &str, shape: &Shape, join: Join, quoted: bool) -> bool {
    let counted = shape.len < 24 && own.contains("1234567890");
    if counted || own.bytes().any(|byte| byte == b' ') || own.contains("://") || own.starts_with('/') {
        return false;
    }
    let least = match (quoted, join) {
        (true, _) => 12,
        (false, Join::Assign | Join::Tight | Join::Flag) => 16,
        (false, _) => 18,
    };
    shape.len >= least
        && (shape.random() || shape.random_or_mixed())
        && (shape.digits >= 2 || shape.len >= 20)
}

/// Random, and neither a UUID nor a plain hash.
fn weak(own: &str, shape: &Shape) -> bool {
    shape.random()
        && !shape.hex
        && shape.upper > 0
        && shape.lower > 0
        && shape.digits >= 2
        && !is_uuid(own.as_bytes())
}

/// `Credential("user", "password")`; "credentials: user / password".
fn credentials(finds: &mut Finds<'_>, name: &Name) -> Option<usize> {
    let text = finds.text;
    let bytes = text.as_bytes();
    let at = name.span.end;
    let (first, second) = match bytes.get(at)? {
        b'(' => {
            let first = read(text, at + 1 + spaces(bytes, at + 1)).filter(|value| value.quoted)?;
            let comma = first.span.end + 1;
            let gap = comma + spaces(bytes, comma);
            let from = (bytes.get(gap) == Some(&b',')).then_some(gap + 1)?;
            (first, read(text, from + spaces(bytes, from)).filter(|value| value.quoted)?)
        }
        b':' => {
            let first = read(text, at + 1 + spaces(bytes, at + 1))?;
            let gap = first.span.end + spaces(bytes, first.span.end);
            let from = matches!(bytes.get(gap), Some(b'/' | b'|')).then_some(gap + 1)?;
            (first, trim(text, Class::Password, read(text, from + spaces(bytes, from))?))
        }
        _ => return None,
    };
    let own = &text[second.span.clone()];
    let fits = !first.span.is_empty() && own.len() >= 5 && !is_stand_in(own) && !is_code(own, None);
    let fits = fits && (second.quoted || strange(own, &Shape::of(own.as_bytes())));
    fits.then(|| finds.add(second.span, NAMED))
}
