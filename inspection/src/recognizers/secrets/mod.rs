//! SECRET: keys and tokens by the form that their issuer gives them, passwords in addresses and behind names
//! that say what follows, private keys, hashes of passwords.
//!
//! | module | holds |
//! |---|---|
//! | `forms` | what begins like nothing else: `ghp_…`, `AKIA…`, `eyJ…`, `-----BEGIN … PRIVATE KEY-----` |
//! | `named` | what stands behind a name: `password = "…"`, `--token …`, `Authorization: Bearer …` |
//! | `value` | whether a value is one, rather than a stand-in, a reference or a word |
//! | `urls` | `scheme://user:password@host`, `curl --user …` |

mod forms;
mod named;
mod urls;
mod value;

use crate::engine::triggers::Word;
use gateway_core::finding::Finding;
use std::ops::Range;

/// What a word may begin.
#[derive(Clone, Copy)]
pub(crate) enum Begins {
    Form(forms::Begins),
    Named(value::Name),
    User,
}

/// The words that secrets begin with, or stand behind.
pub(crate) fn words() -> Vec<Word<Begins>> {
    let forms = forms::beginnings().into_iter().map(|(text, begins)| (text, true, Begins::Form(begins)));
    let stems = named::stems().map(|(text, name)| (text, false, Begins::Named(name)));
    let flags = urls::MARKS.map(|text| (text, true, Begins::User));
    forms.chain(stems).chain(flags).map(|(text, exact, begins)| Word { text, exact, begins }).collect()
}

/// Adds what begins at a word.
pub(crate) fn at(text: &str, begins: Begins, hit: Range<usize>, found: &mut Vec<Finding>) {
    match begins {
        Begins::Form(form) => forms::at(text, form, hit, found),
        Begins::Named(name) => named::at(text, name, hit, found),
        Begins::User => urls::at(text, hit, found),
    }
}

#[cfg(test)]
mod tests;
