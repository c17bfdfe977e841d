//! Which addresses the end of a text lies in, and where they lead. It is asked before a value enters an
//! address that somebody else's text may have brought (docs/personal-data.md), so what looks like one
//! counts as one: browsers and renderers take more than RFC 3986 allows (the URL Standard of WHATWG, CommonMark).

/// Schemes that need no `//` behind them.
const SCHEMES: [&str; 11] =
    ["http", "https", "ftp", "ws", "wss", "file", "mailto", "javascript", "data", "sms", "tel"];
/// Of those, the ones that browsers read a host behind, with or without `//`.
const WITH_HOST: [&str; 6] = ["http", "https", "ftp", "ws", "wss", "file"];
/// What stands before a target, in markup.
const TARGETS: [&str; 8] = ["](", "]:", "href=", "src=", "srcset=", "action=", "url(", "cite="];
/// Addresses within addresses that are looked at; who nests deeper has a reason.
const NESTED: usize = 8;

/// Where an address leads, as far as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// Nothing is written of it yet.
    Empty,
    /// Begun, and not over.
    Begun,
    /// Whole, in lower case, port included.
    Whole(String),
    /// The reader's own site.
    Own,
    /// It can't be told.
    Unknown,
}

/// The addresses that the end of `text` lies in, the outermost first, by where each begins.
pub(super) fn at_end(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let mut open: Vec<(usize, Ends)> = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        open.retain(|(start, ends)| at < *start || !ends.at(*byte));
        if let Some(start) = begins(text, at, open.is_empty())
            && open.len() < NESTED
            && !open.iter().any(|(known, _)| *known == start)
        {
            open.push((start, Ends::of(bytes, start)));
        }
    }
    open.sort_by_key(|(start, _)| *start);
    open.into_iter().map(|(start, _)| start).collect()
}

/// What ends an address, by what it began behind.
#[derive(Clone, Copy)]
enum Ends {
    /// A quoted attribute, or a target in angle brackets, ends with its mark alone.
    With(u8),
    WithBlank,
}

impl Ends {
    fn of(bytes: &[u8], start: usize) -> Ends {
        match start.checked_sub(1).map(|before| bytes[before]) {
            Some(b'<') => Ends::With(b'>'),
            Some(quote @ (b'"' | b'\'')) => Ends::With(quote),
            _ => Ends::WithBlank,
        }
    }

    fn at(self, byte: u8) -> bool {
        match self {
            Ends::With(mark) => byte == mark,
            Ends::WithBlank => byte.is_ascii_whitespace() || matches!(byte, b'<' | b'>' | b'"' | b'`'),
        }
    }
}

/// Where an address begins whose mark stands at `at`.
fn begins(text: &str, at: usize, outside: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let rest = &bytes[at..];
    let starts =
        |word: &str| rest.len() >= word.len() && rest[..word.len()].eq_ignore_ascii_case(word.as_bytes());
    match rest[0].to_ascii_lowercase() {
        b']' | b'h' | b's' | b'a' | b'u' | b'c' => {
            let target = TARGETS.iter().find(|target| starts(target))?;
            let after = at + target.len();
            let quotes = bytes[after..].iter().take_while(|byte| matches!(byte, b' ' | b'<' | b'"' | b'\''));
            Some(after + quotes.count())
        }
        b'/' | b'\\' if matches!(rest.get(1), Some(b'/' | b'\\')) => Some(scheme_start(bytes, at)),
        b':' => {
            let start = scheme_start(bytes, at + 1);
            let scheme = text.get(start..at).unwrap_or_default();
            let is_scheme = is_one_of(&SCHEMES, scheme);
            if is_scheme { Some(start) } else { bare_host(text, at, outside) }
        }
        b'w' if outside && starts("www.") && !follows_word(text, at) => Some(at),
        b'/' | b'?' | b'#' => bare_host(text, at, outside),
        _ => None,
    }
}

/// Where `scheme:` begins that ends at `end`; `end` itself where there is none.
fn scheme_start(bytes: &[u8], end: usize) -> usize {
    let Some((b':', scheme)) = bytes[..end].split_last() else { return end };
    let part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let length = scheme.iter().rev().take_while(part).count();
    if length == 0 { end } else { end - 1 - length }
}

fn follows_word(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_some_and(char::is_alphanumeric)
}

/// `example.org` before a path, a query or a port: renderers make links of such too.
fn bare_host(text: &str, end: usize, outside: bool) -> Option<usize> {
    if !outside {
        return None;
    }
    let part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') || !byte.is_ascii();
    let start = end - text.as_bytes()[..end].iter().rev().take_while(part).count();
    let host = text.get(start..end)?.to_ascii_lowercase();
    let known = host.contains('.') && psl::suffix(host.as_bytes()).is_some_and(|suffix| suffix.is_known());
    (known && !host.starts_with('.')).then_some(start)
}

/// Where an address leads, as browsers read it: `\` is `/`, and a user stands before the host.
pub(super) fn host(address: &str) -> Host {
    let address = address.trim_start();
    if address.is_empty() {
        return Host::Empty;
    }
    if address.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
        || has_entity(address)
    {
        return Host::Unknown;
    }
    let (scheme, rest) = address
        .find(':')
        .map(|colon| (&address[..colon], &address[colon + 1..]))
        .filter(|(scheme, rest)| is_one_of(&SCHEMES, scheme) || rest.starts_with("//"))
        .unwrap_or(("", address));
    let slashes = rest.bytes().take_while(|byte| matches!(byte, b'/' | b'\\')).count();
    let behind = &rest[slashes..];
    if slashes >= 2 || is_one_of(&WITH_HOST, scheme) {
        return authority(behind);
    }
    match (scheme, behind) {
        ("", _) => relative(rest, slashes),
        (_, "") => Host::Empty,
        // `mailto:somebody?body=`: what comes first decides where it goes.
        _ => Host::Unknown,
    }
}

fn is_one_of(schemes: &[&str], scheme: &str) -> bool {
    schemes.iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

/// `&#47;`, `&sol;`: markup decodes them within an address.
fn has_entity(address: &str) -> bool {
    address.match_indices('&').any(|(at, _)| {
        let name = address[at + 1..].split(';').next().unwrap_or_default();
        let closed = at + 1 + name.len() < address.len();
        closed && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'#')
    })
}

fn authority(rest: &str) -> Host {
    if rest.is_empty() {
        return Host::Empty;
    }
    let Some(end) = rest.find(['/', '\\', '?', '#']) else { return Host::Begun };
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
    // A user before the host, or an escape: nobody writes these by accident.
    if end > 0 && rest[..end].bytes().all(part) {
        Host::Whole(rest[..end].to_ascii_lowercase())
    } else {
        Host::Unknown
    }
}

/// An address without a scheme: of the reader's own site, unless it begins like a host.
fn relative(address: &str, slashes: usize) -> Host {
    let Some(end) = address.find(['/', '\\', '?', '#']) else { return Host::Begun };
    let first = &address[..end];
    if slashes == 1 || matches!(first, "" | "." | "..") {
        return Host::Own;
    }
    if first.contains('.') {
        return authority(address);
    }
    if first.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        Host::Own
    } else {
        Host::Unknown
    }
}

/// Adds the hosts that a text names, in lower case: each word with a dot in it, with its port and without.
pub(super) fn hosts(text: &str, add: &mut dyn FnMut(String)) {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
    for word in text.as_bytes().split(|byte| !part(byte)) {
        let word = std::str::from_utf8(word).unwrap_or_default().trim_matches(['.', '-', ':']);
        if word.contains('.') || word.len() >= 9 && word.to_ascii_lowercase().contains("localhost") {
            let word = word.to_ascii_lowercase();
            if let Some((host, _)) = word.rsplit_once(':') {
                add(host.to_owned());
            }
            add(word);
        }
    }
}
