//! The caller's own values put back where a model wrote their placeholders, while the answer streams by.
//!
//! | module | holds |
//! |---|---|
//! | `text` | free text |
//! | `json` | a JSON document: arguments of a tool call, or text that was asked to be JSON |
//! | `origins` | what the request said, which decides what may go into an address |
//! | `url` | which address a text ends in |

mod json;
mod origins;
mod text;
mod url;

pub use origins::Origins;

use crate::placeholder::Written;
use crate::vault::{Sealed, Value};
use json::Json;
use origins::Next;
use std::sync::Arc;
use text::Plain;

/// Bytes that restoring may add to an answer.
pub const MOST_ADDED: usize = 64 << 20;

/// What kind of text comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Text,
    /// A JSON document. Values are escaped for the string that they stand in.
    Json,
    /// The same, as arguments of a tool call: there a bare name that is a whole string counts too.
    Arguments,
}

/// The answer would grow by more than [`MOST_ADDED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer would grow by more than {MOST_ADDED} bytes")]
pub struct Overgrown;

/// The way of one text: a choice's words, a block, or one call's arguments. Pieces may be cut anywhere.
pub struct Restorer {
    facts: Facts,
    way: Way,
}

enum Way {
    Plain(Plain),
    Json(Json),
}

/// What both ways use.
struct Facts {
    vault: Arc<Sealed>,
    origins: Arc<Origins>,
    /// What went by, as the model wrote it, for the address that a value would stand in.
    before: String,
    added: usize,
    withheld: u32,
}

impl Restorer {
    pub fn new(vault: &Arc<Sealed>, origins: &Arc<Origins>, mode: Mode) -> Restorer {
        let facts = Facts {
            vault: Arc::clone(vault),
            origins: Arc::clone(origins),
            before: String::new(),
            added: 0,
            withheld: 0,
        };
        let way = match mode {
            Mode::Text => Way::Plain(Plain::default()),
            Mode::Json => Way::Json(Json::new(false)),
            Mode::Arguments => Way::Json(Json::new(true)),
        };
        Restorer { facts, way }
    }

    /// Whether a piece goes by as it is. A yes counts as having passed it.
    pub fn passes(&mut self, piece: &str) -> bool {
        match &mut self.way {
            Way::Plain(plain) => plain.passes(piece, &mut self.facts),
            Way::Json(_) => false,
        }
    }

    /// Takes the next piece, and adds what can be told by now.
    ///
    /// # Errors
    /// [`Overgrown`]: nothing may follow.
    pub fn push(&mut self, piece: &str, out: &mut String) -> Result<(), Overgrown> {
        match &mut self.way {
            Way::Plain(plain) => plain.push(piece, false, &mut self.facts, out),
            Way::Json(json) => json.push(piece, false, &mut self.facts, out),
        }
    }

    /// Adds what was held back: what it belongs to is over. More of it may follow all the same.
    ///
    /// # Errors
    /// [`Overgrown`].
    pub fn finish(&mut self, out: &mut String) -> Result<(), Overgrown> {
        match &mut self.way {
            Way::Plain(plain) => plain.push("", true, &mut self.facts, out),
            Way::Json(json) => json.push("", true, &mut self.facts, out),
        }
    }

    /// Values that were kept out of addresses.
    pub fn withheld(&self) -> u32 {
        self.facts.withheld
    }
}

/// What becomes of a placeholder.
enum Verdict<'v> {
    Value(Value<'v>),
    /// It stays as it was written: no such value, or not there.
    Stays,
    /// What comes next decides.
    Later,
}

impl Facts {
    /// Keeps what went by: enough to find the address that it ends in.
    fn passed(&mut self, text: &str) {
        /// Twice what is ever looked at, so that most pieces are only appended.
        const KEPT: usize = 32 << 10;
        if self.before.len() + text.len() > 2 * KEPT {
            let mut from = self.before.len().saturating_sub(KEPT);
            while !self.before.is_char_boundary(from) {
                from += 1;
            }
            self.before.drain(..from);
        }
        self.before.push_str(text);
    }

    /// What stands for `written`, whose canonical name is `placeholder`.
    fn verdict(&self, written: &Written, placeholder: &str, next: Next) -> Verdict<'_> {
        let Some(value) = self.vault.value(written.kind, written.number) else { return Verdict::Stays };
        match self.origins.lets_in(&self.before, placeholder, next) {
            Some(true) => Verdict::Value(value),
            Some(false) => Verdict::Stays,
            None => Verdict::Later,
        }
    }

    fn grow(&mut self, by: usize) -> Result<(), Overgrown> {
        self.added += by;
        if self.added > MOST_ADDED { Err(Overgrown) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
