//! Whether what stands behind a name is a secret, rather than a stand-in, a reference or a word.

/// How much a name says about what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// A password: it may be a word.
    Password,
    /// A key or a token: it looks like chance.
    Token,
    /// It may be anything: chance, and much of it.
    Weak,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    Quoted,
    /// Behind `=` or `:`.
    Plain,
    /// Behind a blank.
    Loose,
}

/// Words that stand where a value should be.
const STAND_INS: [&str; 46] = [
    "your",
    "example",
    "changeme",
    "change_me",
    "change-me",
    "placeholder",
    "redacted",
    "password",
    "passwd",
    "secret",
    "token",
    "null",
    "none",
    "nil",
    "true",
    "false",
    "undefined",
    "string",
    "required",
    "optional",
    "prompt",
    "input",
    "enter",
    "insert",
    "default",
    "hidden",
    "masked",
    "todo",
    "env",
    "process.",
    "os.",
    "config",
    "getenv",
    "vault",
    "settings",
    "self.",
    "this.",
    "params",
    "args",
    "request",
    "options",
    "props",
    "secrets.",
    "var.",
    "data.",
    "value",
];

pub(super) fn is_secret(value: &str, name: Name, writing: Writing) -> bool {
    let length = value.len();
    let least = if name == Name::Password { 4 } else { 8 };
    if !(least..=600).contains(&length) || is_reference(value) || is_stand_in(value) {
        return false;
    }
    let chance = Chance::of(value);
    match (name, writing) {
        (Name::Password, Writing::Quoted) => {
            (chance.spaces == 0 || chance.spaces <= 2 && chance.digits > 0 && chance.other > 0)
                && (chance.kinds >= 2 || length >= 6 && !is_path(value))
        }
        (Name::Password, Writing::Plain) => {
            !value.contains(['(', '[', '{']) && (chance.kinds >= 2 || length >= 8) && !is_dotted(value)
        }
        (Name::Password, Writing::Loose) => chance.digits > 0 && chance.kinds >= 2 && length >= 6,
        (Name::Token, Writing::Loose) => chance.is_random() && length >= 16,
        (Name::Token, _) => chance.is_random() && !is_dotted(value),
        (Name::Weak, Writing::Loose) => false,
        (Name::Weak, _) => chance.is_random() && length >= 16 && chance.digits >= 2 && !is_dotted(value),
    }
}

/// A value that is looked up elsewhere: `${NAME}`, `$(cmd)`, `<your-key>`, `%s`, `os.environ[…]`, `call()`.
fn is_reference(value: &str) -> bool {
    let begins =
        ["${", "$(", "{{", "{", "<", "%(", "%s", "%{", "[", "(", "&", "@", "/", "./", "../", "#{", "\\", "*"];
    let upper_variable = value.starts_with('$')
        && value[1..].bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let call = value.contains("()") || value.ends_with('(') || value.contains("](") || value.contains("=>");
    let has = ["${", "{{", "...", "…", "<%", "://", "\\n", "$("].iter().any(|mark| value.contains(mark));
    upper_variable || call || has || begins.iter().any(|mark| value.starts_with(mark))
}

fn is_stand_in(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let bytes = value.as_bytes();
    let same = bytes.iter().all(|byte| *byte == bytes[0]);
    let stars = value.contains("***") || lower.contains("xxxx");
    // A word at the beginning, and little that looks like chance behind it.
    let worded = STAND_INS.iter().any(|word| {
        lower == *word || lower.starts_with(word) && !Chance::of(&value[word.len()..]).is_random()
    });
    same || stars || worded && Chance::of(value).digits < 3
}

/// `user.token`, `a::b`: a name of a program.
fn is_dotted(value: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')
    };
    (value.contains('.') || value.contains("::") || value.contains('_') || value.contains("->"))
        && value.split(['.', ':', '>', '-']).all(|piece| piece.is_empty() || part(piece))
}

fn is_path(value: &str) -> bool {
    value.contains('/')
        && value
            .split('/')
            .all(|part| part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')))
}

/// What a value is made of.
struct Chance {
    length: usize,
    digits: usize,
    upper: usize,
    lower: usize,
    other: usize,
    kinds: usize,
    spaces: usize,
}

impl Chance {
    fn of(value: &str) -> Chance {
        let count = |of: fn(&u8) -> bool| value.bytes().filter(of).count();
        let (digits, upper, lower) =
            (count(u8::is_ascii_digit), count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase));
        let spaces = count(u8::is_ascii_whitespace);
        let other = value.len() - digits - upper - lower - spaces;
        let kinds = [digits, upper, lower, other].iter().filter(|many| **many > 0).count();
        Chance { length: value.len(), digits, upper, lower, other, kinds, spaces }
    }

    /// Digits among letters, or cases that change without sense.
    fn is_random(&self) -> bool {
        let letters = self.upper + self.lower;
        self.spaces == 0
            && self.length >= 10
            && letters + self.digits > self.other
            && (self.digits >= 2 && letters >= 2
                || self.upper >= 3 && self.lower >= 3 && self.length >= 20 && self.digits > 0
                || self.digits >= 12
                || self.length >= 16 && self.digits > 0 && letters > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_from_what_stands_for_them() {
        for (value, name, writing, want) in [
            ("hunter2", Name::Password, Writing::Quoted, true),
            ("whiteduke", Name::Password, Writing::Plain, true),
            ("Qr7!dke#39", Name::Password, Writing::Loose, true),
            ("word", Name::Password, Writing::Loose, false),
            ("${DB_PASSWORD}", Name::Password, Writing::Plain, false),
            ("<your-password>", Name::Password, Writing::Quoted, false),
            ("changeme", Name::Password, Writing::Quoted, false),
            ("os.environ['X']", Name::Password, Writing::Plain, false),
            ("get_password()", Name::Password, Writing::Plain, false),
            ("user.password", Name::Password, Writing::Plain, false),
            ("********", Name::Password, Writing::Quoted, false),
            ("7cc938e45e63e9014f88", Name::Token, Writing::Plain, true),
            ("next_token", Name::Token, Writing::Plain, false),
            ("primary", Name::Weak, Writing::Quoted, false),
        ] {
            assert_eq!(is_secret(value, name, writing), want, "{value}");
        }
    }
}
