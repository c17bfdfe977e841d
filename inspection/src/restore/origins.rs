//! What a request said, as far as it decides what may be restored where: which hosts it named, which
//! addresses held which values, which placeholder names stood in it as plain words.

use super::url::{self, Host};
use crate::placeholder;
use crate::vault::Vault;
use gateway_core::conversation::Place;
use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

/// Bytes of a text that are looked back at for the address that a value stands in.
const BACK: usize = 16 << 10;

/// Facts of one request.
#[derive(Default)]
pub struct Origins {
    /// Somebody else's text is among it: a tool's result, or a document.
    untrusted: bool,
    hosts: HashSet<String>,
    hasher: RandomState,
    /// Hashes of an address up to a placeholder, and of the placeholder.
    addresses: HashSet<u64>,
    bare: HashSet<String>,
}

impl Origins {
    /// Takes in that a tool's result, or a document, is among the request.
    pub fn stranger(&mut self) {
        self.untrusted = true;
    }

    /// Takes a text of the request in, as it stood.
    pub fn text(&mut self, place: Place, text: &str) {
        if place.is_untrusted() {
            self.stranger();
        } else if matches!(place, Place::System | Place::Tool | Place::User) {
            url::hosts(text, &mut |host| {
                self.hosts.insert(host);
            });
        }
    }

    /// Takes in that `placeholder` stands behind `before`, which is what went out.
    pub fn value(&mut self, before: &str, placeholder: &str) {
        let before = back(before);
        if let Some(start) = url::at_end(before).first() {
            self.addresses.insert(self.hasher.hash_one((&before[*start..], placeholder)));
        }
    }

    /// Takes in which placeholder names a text holds without their brackets.
    pub fn bare_names(&mut self, vault: &Vault, text: &str) {
        let bytes = text.as_bytes();
        let part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let mut at = 0;
        while let Some(step) = memchr::memchr(b'_', &bytes[at..]) {
            let start = at + step - bytes[..at + step].iter().rev().take_while(|byte| part(byte)).count();
            let end = at + step + bytes[at + step..].iter().take_while(|byte| part(byte)).count();
            let written = placeholder::read_bare(&bytes[start..end]);
            if written.is_some_and(|written| vault.holds(written.kind, written.number)) {
                self.bare.insert(text[start..end].to_owned());
            }
            at = end;
        }
    }

    pub(super) fn stood_bare(&self, name: &str) -> bool {
        self.bare.contains(name)
    }

    /// Whether a value may take the place of `placeholder` behind `before`. `None`: it depends on what comes next,
    /// which `next` does not know yet.
    pub(super) fn lets_in(&self, before: &str, placeholder: &str, next: Next) -> Option<bool> {
        if !self.untrusted {
            return Some(true);
        }
        let cut = before.len() > BACK;
        let before = back(before);
        let addresses = url::at_end(before);
        let Some(outermost) = addresses.first() else {
            return Some(!cut || before.contains(char::is_whitespace));
        };
        if self.addresses.contains(&self.hasher.hash_one((&before[*outermost..], placeholder))) {
            return Some(true);
        }
        let mut sure = Some(true);
        for start in addresses {
            let fits = match url::host(&before[start..]) {
                Host::Own => Some(true),
                Host::Whole(host) => Some(self.hosts.contains(&host)),
                Host::Empty => next.ends_host(),
                Host::Begun | Host::Unknown => Some(false),
            };
            match fits {
                Some(false) => return Some(false),
                None => sure = None,
                Some(true) => {}
            }
        }
        sure
    }
}

/// What stands behind a placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    NotYet,
    End,
    Char(char),
}

impl Next {
    /// Whether a host is over there.
    fn ends_host(self) -> Option<bool> {
        match self {
            Next::NotYet => None,
            Next::End => Some(true),
            Next::Char(next) => Some(
                next.is_whitespace()
                    || matches!(next, '/' | '?' | '#' | ':' | ')' | '>' | '"' | '\'' | ',' | ';'),
            ),
        }
    }
}

/// The last part of a text.
fn back(text: &str) -> &str {
    let mut from = text.len().saturating_sub(BACK);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origins(untrusted: {}, ***)", self.untrusted)
    }
}
