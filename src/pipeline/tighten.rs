//! A tighter bound, where the cheap one would refuse: the prompt's texts, counted by the model's own tokenizer. It is
//! work for a processor, so it is done on the threads of the searches, never on a worker's: a slice at a time, few
//! requests at once, none for long. What is not counted by then keeps its bytes, and the bound holds all the same.

use crate::gateway::Gateway;
use gateway_core::catalog::{Bound, Prompt, ServiceTier, Tokenizer, bound};
use gateway_core::conversation::Text;
use gateway_core::routing::Candidate;
use gateway_inspection::tokens::Count;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Bytes that are counted at a stretch, 1 ms of prose, 8 at worst: a search that waits for a thread comes first then.
const SLICE: usize = 64 << 10;
/// How long one request's texts are counted: megabytes of prose.
const LONGEST: Duration = Duration::from_millis(500);
/// How long a request waits for all of it, its turn included. Past it, it is refused by the bound that it has.
const WAIT: Duration = Duration::from_secs(2);

/// Turns for requests that are counted at once: searches keep half of the threads.
pub fn turns(threads: usize) -> Semaphore {
    Semaphore::new((threads / 2).max(1))
}

/// What the bound on this candidate could come to at best, were the prompt's texts nothing. `None` where counting them
/// would change nothing.
pub(super) fn least(candidate: &Candidate, prompt: &Prompt, tier: Option<ServiceTier>) -> Option<Bound> {
    let by = prompt.countable(&candidate.route)?;
    Some(bound(candidate, &prompt.counted(by, 0), tier))
}

/// The prompt with its texts counted as this candidate's model reads them, as far as that can be known in time.
pub(super) async fn tighten(
    gateway: &Gateway,
    candidate: &Candidate,
    prompt: Prompt,
    texts: impl FnOnce() -> Vec<Text>,
) -> Prompt {
    let Some(by) = prompt.countable(&candidate.route) else { return prompt };
    count(gateway, by, texts()).await.map_or(prompt, |tokens| prompt.counted(by, tokens))
}

/// Tokens of these texts, at most. `None` where it can't be known in time.
async fn count(gateway: &Gateway, by: Tokenizer, texts: Vec<Text>) -> Option<u64> {
    tokio::time::timeout(WAIT, in_slices(gateway, by, texts)).await.ok().flatten()
}

async fn in_slices(gateway: &Gateway, by: Tokenizer, texts: Vec<Text>) -> Option<u64> {
    let inspector = &gateway.inspector;
    let _turn = inspector.counts.acquire().await.ok()?;
    let deadline = gateway.clock.now() + LONGEST;
    let mut count = Count::new(by, texts);
    loop {
        let slice = move || {
            let goes_on = count.go_on(SLICE);
            (count, goes_on)
        };
        let (counted, goes_on) = inspector.scanner.run_away(SLICE, slice).await.ok()?;
        if !goes_on || gateway.clock.now() >= deadline {
            return Some(counted.most());
        }
        count = counted;
    }
}

#[cfg(test)]
mod tests;
