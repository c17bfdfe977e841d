//! What is found in text, and what becomes of it. Knows text and finds, nothing of dialects.
//!
//! | module | holds |
//! |---|---|
//! | [`context`] | words around a candidate |
//! | [`recognizers`] | one file per kind |

pub mod context;
pub mod recognizers;
