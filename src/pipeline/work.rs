//! What a request asks of a model: an answer, vectors, or a count of its own tokens.

use gateway_core::catalog::{Prompt, ServiceTier};
use gateway_core::conversation::{Conversation, Text};
use gateway_core::embedding::Embedding;
use gateway_wire::embeddings::Embeds;
use gateway_wire::{Asked, Call, Counts, Inbound, Outbound, Target};
use std::borrow::Cow;

/// The work, as it goes to whichever candidate is tried.
pub(super) enum Work {
    Converse(Conversation),
    /// `by` holds how each candidate is asked, in the plan's order.
    Embed {
        embedding: Embedding,
        by: Vec<&'static dyn Embeds>,
    },
    /// Likewise. It costs nothing.
    Count {
        conversation: Conversation,
        by: Vec<&'static dyn Counts>,
    },
}

/// The work, and what its caller wants of the way there.
pub(super) struct Wanted {
    pub work: Work,
    pub stream: bool,
    pub shows_thinking: bool,
    pub dropped: Vec<Cow<'static, str>>,
    pub warnings: Vec<String>,
}

impl Wanted {
    /// An answer to a conversation.
    pub(super) fn of(asked: Asked, codec: &dyn Inbound) -> Wanted {
        let Asked { conversation, stream, dropped, warnings, .. } = asked;
        let work = Work::Converse(conversation);
        Wanted { work, stream, shows_thinking: codec.shows_thinking(), dropped, warnings }
    }

    /// Something in one piece.
    pub(super) fn whole(work: Work, dropped: Vec<Cow<'static, str>>) -> Wanted {
        Wanted { work, stream: false, shows_thinking: false, dropped, warnings: Vec::new() }
    }
}

impl Work {
    /// The service tier that the caller asked for.
    pub(super) fn tier(&self) -> Option<ServiceTier> {
        match self {
            Work::Converse(conversation) => conversation.sampling.service_tier,
            Work::Embed { .. } | Work::Count { .. } => None,
        }
    }

    /// The tier that a candidate is asked for.
    pub(super) fn set_tier(&mut self, tier: Option<ServiceTier>) {
        if let Work::Converse(conversation) = self {
            conversation.sampling.service_tier = tier;
        }
    }

    pub(super) fn prompt(&self) -> Prompt {
        match self {
            Work::Converse(conversation) => Prompt::of(conversation),
            Work::Embed { embedding, .. } => Prompt::of_inputs(embedding),
            Work::Count { .. } => Prompt::default(),
        }
    }

    /// What a tokenizer can count of it.
    pub(super) fn plain_texts(&self) -> Vec<Text> {
        match self {
            Work::Converse(conversation) => conversation.plain_texts().cloned().collect(),
            Work::Embed { .. } | Work::Count { .. } => Vec::new(),
        }
    }

    /// Whether no provider bills it.
    pub(super) fn is_free(&self) -> bool {
        matches!(self, Work::Count { .. })
    }

    /// The call to one candidate.
    pub(super) fn call(&self, index: usize, codec: &dyn Outbound, target: &Target<'_>) -> Call {
        match self {
            Work::Converse(conversation) => codec.encode(conversation, target),
            Work::Embed { embedding, by } => by[index].encode(embedding, target),
            Work::Count { conversation, by } => by[index].encode(conversation, target),
        }
    }
}
