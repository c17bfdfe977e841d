//! `anthropic-version` and `anthropic-beta`.

use crate::body::unsupported;
use crate::dialect::{Asked, Malformed};
use gateway_core::conversation::Beta;
use std::borrow::Cow;

/// What we speak to Anthropic, and the first that callers may speak to us. What later ones add to requests is taken
/// or named field by field; their SDKs read these answers, as their tours show.
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
    if header("anthropic-version").is_some_and(|version| !is_spoken(version.trim())) {
        return Err(unsupported("anthropic-version", " before `2023-06-01`: send that one, or a later date"));
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

/// A date, which sorts as it is written.
fn is_spoken(version: &str) -> bool {
    let form =
        |(at, byte): (usize, u8)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
    version.len() == VERSION.len() && version.bytes().enumerate().all(form) && version >= VERSION
}
