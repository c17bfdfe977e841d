//! `anthropic-version` and `anthropic-beta`.

use crate::body::unsupported;
use crate::dialect::{Asked, Malformed};
use gateway_core::conversation::Beta;
use std::borrow::Cow;

pub(in crate::anthropic_messages) const VERSION: &str = "2023-06-01";

/// Betas that go on, each with its name.
const BETAS: [(&str, Beta); 2] = [
    ("interleaved-thinking-2025-05-14", Beta::InterleavedThinking),
    ("fine-grained-tool-streaming-2025-05-14", Beta::FineGrainedTools),
];

/// Others are dropped: what they brought is either served without them by now, or could cost or read what we know
/// nothing of.
pub(in crate::anthropic_messages) fn read(
    header: &dyn Fn(&str) -> Option<String>,
    asked: &mut Asked,
) -> Result<(), Malformed> {
    if header("anthropic-version").is_some_and(|version| version.trim() != VERSION) {
        return Err(unsupported("anthropic-version", " but for `2023-06-01`: send that one"));
    }
    for name in header("anthropic-beta").unwrap_or_default().split(',').map(str::trim) {
        match BETAS.iter().find(|(known, _)| *known == name) {
            Some((_, beta)) => {
                let betas = &mut asked.conversation.sampling.betas;
                *betas = betas.with(*beta);
            }
            None if name.is_empty() || asked.dropped.iter().any(|known| known == "anthropic-beta") => {}
            None => asked.dropped.push(Cow::Borrowed("anthropic-beta")),
        }
    }
    Ok(())
}
