//! Names under which secrets are kept (`DB_PASSWORD`, `apiKey`, "the password"), found by a word in them.

use super::values::floor;
use super::{Finds, assignments, headers};
use std::ops::Range;

/// One packed search (at most 64, none shorter than three bytes); each in the cases that names are written in.
pub static TRIGGERS: &[&str] = &[
    "pass",
    "Pass",
    "PASS",
    "pwd",
    "Pwd",
    "PWD",
    "secr",
    "Secr",
    "SECR",
    "toke",
    "Toke",
    "TOKE",
    "key",
    "Key",
    "KEY",
    "auth",
    "Auth",
    "AUTH",
    "cred",
    "Cred",
    "CRED",
    "login",
    "Login",
    "LOGIN",
    "_pat",
    "_PAT",
    "earer",
    "EARER",
    "Basic ",
    "nseal",
    "sig=",
    " -u ",
    "--user",
    "ennwort",
    "contrase",
    "Contrase",
    "senha",
    "Senha",
    "ароль",
    "wachtwoord",
    "Wachtwoord",
    "hasło",
    "Hasło",
    "lösenord",
    "密码",
    "密碼",
    "パスワード",
    "비밀번호",
];

/// How much a name says about its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// A password: a person may have chosen it, so it may be a plain word.
    Password,
    /// A secret that is chosen or drawn.
    Secret,
    /// A token or a key of a door: drawn at random.
    Token,
    /// May be anything: only what looks random counts, and no plain hash.
    Weak,
    /// May be anything, but a plain hash counts.
    Login,
    /// Users with their passwords.
    Credentials,
}

/// Bytes that a name may reach to the left and right of its word.
const LEFT: usize = 48;
const RIGHT: usize = 32;

/// A name in the text.
pub struct Name {
    pub span: Range<usize>,
    pub class: Class,
    /// Upper case with underscores, as environment variables are.
    pub upper: bool,
    /// One plain word, as in prose.
    pub plain: bool,
}

/// Checks what the word at `mark` announces; where the find ends.
pub fn check(finds: &mut Finds<'_>, mark: Range<usize>) -> Option<usize> {
    match &finds.text[mark.clone()] {
        " -u " | "--user" => headers::user_option(finds, mark),
        "earer" | "EARER" | "Basic " => headers::scheme(finds, mark),
        "sig=" => headers::signature(finds, mark),
        _ => {
            let name = name(finds.text, mark)?;
            assignments::check(finds, &name)
        }
    }
}

/// The name around the word at `mark`, if it is one that a secret is kept under.
fn name(text: &str, mark: Range<usize>) -> Option<Name> {
    let bytes = text.as_bytes();
    if !bytes[mark.start].is_ascii() || text[mark.clone()].bytes().any(|byte| !byte.is_ascii()) {
        // A word of a script whose case and compounds we do not split.
        let start = floor(text, mark.start);
        return Some(Name { span: start..mark.end, class: Class::Password, upper: false, plain: true });
    }
    let left = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let right = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let mut start = mark.start - bytes[..mark.start].iter().rev().take(LEFT).take_while(left).count();
    let mut end = mark.end + bytes[mark.end..].iter().take(RIGHT).take_while(right).count();
    if text[mark.clone()].eq_ignore_ascii_case("contrase") {
        end = mark.end + "ña".len() * usize::from(text[mark.end..].starts_with("ña"));
    }
    while matches!(bytes.get(start), Some(b'-' | b'.')) {
        start += 1;
    }
    while end > mark.end && bytes[end - 1] == b'-' {
        end -= 1;
    }
    let class = classify(&bytes[start..end], mark.start - start)?;
    let own = &bytes[start..end];
    let plain = own.iter().all(|byte| !matches!(byte, b'_' | b'.')) && own.len() <= 16;
    let class = if plain { of_phrase(text, start, class)? } else { class };
    let upper = own.len() >= 4 && own.iter().all(|byte| !byte.is_ascii_lowercase());
    Some(Name { span: start..end, class, upper, plain })
}

/// `key` alone may be any key: the word before it says which ("the API key", "an access key").
fn of_phrase(text: &str, start: usize, class: Class) -> Option<Class> {
    const DOORS: &[&str] = &[
        "access",
        "account",
        "api",
        "auth",
        "encryption",
        "license",
        "master",
        "private",
        "secret",
        "security",
        "shared",
        "signing",
        "unseal",
        "webhook",
    ];
    if class != Class::Weak || !text[..start].ends_with([' ', '-']) {
        return Some(class);
    }
    let before = text[..start - 1].rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    if before.len() > 12 {
        return Some(class);
    }
    let before = before.to_ascii_lowercase();
    match before.as_str() {
        "public" | "primary" | "foreign" | "sort" | "cache" => None,
        word if DOORS.contains(&word) => Some(Class::Token),
        _ => Some(class),
    }
}

/// What follows a name's word without changing what it names.
const SUFFIXES: &[&str] =
    &["value", "base64", "b64", "plaintext", "plain", "raw", "string", "str", "text", "env"];
/// `contrasea` is "contraseña" without the letter that is not ASCII.
const PASSWORDS: &[&str] = &[
    "password",
    "passwd",
    "passwort",
    "passphrase",
    "passcode",
    "pwd",
    "kennwort",
    "contrasea",
    "contrasena",
    "senha",
    "wachtwoord",
    "motdepasse",
];
const TOKENS: &[&str] = &[
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "authkey",
    "encryptionkey",
    "signingkey",
    "masterkey",
    "accountkey",
    "sharedkey",
    "presharedkey",
    "licensekey",
    "storagekey",
    "deploykey",
    "insertkey",
    "querykey",
    "developerkey",
    "servicekey",
    "token",
    "unseal",
    "authorization",
    "accesskeysecret",
    "keyb64",
];
/// Keys and tokens that open nothing.
const OPEN: &[&str] = &[
    "publickey",
    "primarykey",
    "foreignkey",
    "cachekey",
    "sortkey",
    "partitionkey",
    "rangekey",
    "hashkey",
    "uniquekey",
    "objectkey",
    "filekey",
    "rowkey",
    "mapkey",
    "registrykey",
    "idempotencykey",
    "hotkey",
    "monkey",
    "turkey",
    "donkey",
    "hockey",
    "whiskey",
    "nexttoken",
    "pagetoken",
    "continuationtoken",
    "synctoken",
    "canceltoken",
    "cancellationtoken",
    "eostoken",
    "bostoken",
    "padtoken",
    "unktoken",
    "sitekey",
];

/// What a name announces; `word` is where in it the word of its trigger stands.
fn classify(name: &[u8], word: usize) -> Option<Class> {
    let mut buffer = [0_u8; LEFT + RIGHT + 16];
    let mut len = 0;
    for byte in name.iter().filter(|byte| byte.is_ascii_alphanumeric()).take(buffer.len()) {
        buffer[len] = byte.to_ascii_lowercase();
        len += 1;
    }
    let mut plain = std::str::from_utf8(&buffer[..len]).ok()?.trim_end_matches(|c: char| c.is_ascii_digit());
    if let Some(rest) =
        SUFFIXES.iter().find_map(|suffix| plain.strip_suffix(suffix)).filter(|rest| !rest.is_empty())
    {
        plain = rest;
    }
    let ends = |list: &[&str]| list.iter().any(|end| plain.ends_with(end));
    if ends(PASSWORDS) || (["pass", "passe"].iter().any(|end| plain.ends_with(end)) && own_word(name, word)) {
        return Some(Class::Password);
    }
    if ends(OPEN) {
        return None;
    }
    if ends(TOKENS) {
        return Some(Class::Token);
    }
    let last = |word: &str| plain.ends_with(word);
    match () {
        () if last("secret") => Some(Class::Secret),
        () if last("credential") || last("credentials") || last("creds") => Some(Class::Credentials),
        () if last("login") || last("pat") => Some(Class::Login),
        () if last("key") || last("auth") || last("api") => Some(Class::Weak),
        () => None,
    }
}

/// Whether a word of its own begins at `word` of `name`: after a separator, or by its capital letter.
fn own_word(name: &[u8], word: usize) -> bool {
    word == 0
        || !name[word - 1].is_ascii_alphabetic()
        || (name[word].is_ascii_uppercase() && name[word - 1].is_ascii_lowercase())
}
