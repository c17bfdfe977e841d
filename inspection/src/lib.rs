//! What is found in text, and what becomes of it. Knows text and finds, nothing of dialects.
//!
//! | module | holds |
//! |---|---|
//! | [`engine`] | the search |
//! | [`context`] | words around a candidate |
//! | [`vault`], [`known`] | what was taken out, and where else it stands |
//! | [`restore`] | values put back into an answer |
//! | [`answer`] | what an answer says beyond them, masked |
//! | `placeholder`, `escape` | how placeholders and JSON strings are spelled |
//! | [`recognizers`] | one file per kind |
//! | [`redact`] | a request's values taken out |
//! | [`injection`] | orders to a model where none belong |
//! | [`tokens`] | how many tokens a model makes of texts |
//! | [`presidio`] | what another engine is asked over the network, and what it answers |

pub mod answer;
pub mod context;
pub mod engine;
mod escape;
pub mod injection;
pub mod known;
mod placeholder;
pub mod presidio;
pub mod recognizers;
pub mod redact;
pub mod restore;
pub mod tokens;
pub mod vault;
