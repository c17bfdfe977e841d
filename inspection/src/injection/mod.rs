//! Prompt injection: text that tries to make a model drop or replace what it was told. A filter, not a
//! boundary: who adapts to it gets past it (docs/injection.md).
//!
//! A text is read as it is seen and, where something in it decodes, decoded; each reading is cut into
//! sentences; a linear model over hashed features measures each sentence, and the worst one counts.
//!
//! | module | holds |
//! |---|---|
//! | `guard` | the walk, its bounds, and the score |
//! | `leaves`, `judge` | the parts of a request, and the verdict |
//! | `normal`, `disguise`, `codes`, `cipher`, `vocabulary`, `views` | the ways in which a text can be read |
//! | `sentences` | where it is cut |
//! | `tokens`, `features`, `concepts` | what is seen in a sentence |
//! | `model` | what that is worth |

mod cipher;
mod codes;
mod concepts;
mod disguise;
mod features;
mod guard;
mod judge;
mod leaves;
mod model;
mod normal;
mod sentences;
mod tokens;
mod views;
mod vocabulary;

pub use concepts::{Concepts, Seen};
pub use features::{Setting, features};
pub use guard::{Guard, Reading, Trust};
pub use judge::{Action, Judgement, Policy, Thresholds, Verdict, name};
pub use leaves::{Part, parts};
pub use model::{HIDDEN, Model, PAD, SLOTS, written};
pub use sentences::{Sentence, about_prompts, sentences};
pub use views::{SAYS_MOST, View, views};
pub use vocabulary::Common;

#[cfg(test)]
mod tests;
