//! What an answer means for the batch that was sent.

use std::time::Duration;

/// An answer, its body whole and bounded.
#[derive(Clone, Debug, Default)]
pub(in crate::audit) struct Answer {
    pub status: u16,
    pub retry_after: Option<Duration>,
    pub body: Vec<u8>,
}

/// What becomes of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::audit) enum Verdict {
    Delivered,
    /// Taken; whether it was stored is to be asked for by this receipt.
    Taken(u64),
    /// Each event by itself, in their order.
    Each(Vec<Fate>),
    /// Later: the sink is busy, away or broken.
    Again {
        after: Option<Duration>,
        why: String,
    },
    /// In smaller pieces.
    TooLarge,
    /// An event in it is not to the sink's liking; which one, where it says so.
    Refused {
        at: Option<usize>,
        why: String,
    },
    /// The sink takes nothing from us until somebody mends address, token or index.
    Misconfigured {
        why: String,
    },
}

/// What became of one event of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::audit) enum Fate {
    Delivered,
    Again,
    Refused,
}

/// Statuses that mean the same everywhere (RFC 9110 §15; 429 is RFC 6585 §4).
pub(in crate::audit) fn by_status(answer: &Answer) -> Verdict {
    let why = format!("status {}", answer.status);
    match answer.status {
        200..=299 => Verdict::Delivered,
        413 => Verdict::TooLarge,
        400 | 422 => Verdict::Refused { at: None, why },
        408 | 425 | 429 | 500.. => Verdict::Again { after: answer.retry_after, why },
        _ => Verdict::Misconfigured { why },
    }
}

/// A 2xx whose body is not what this kind of sink answers: some page of a proxy, say.
pub(in crate::audit) fn strange() -> Verdict {
    Verdict::Again { after: None, why: "an answer that is not understood".to_owned() }
}
