//! What is known of a model: each fact is true, false or unknown.

use std::fmt;
use std::marker::PhantomData;

/// A closed list of facts, each with its word in the catalog and in config.
pub trait Fact: Copy + fmt::Debug + 'static {
    /// At most 32, in the order of their [`Fact::index`].
    const ALL: &'static [(Self, &'static str)];
    fn index(self) -> u32;

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(fact, _)| *fact)
    }

    fn word(self) -> &'static str {
        Self::ALL[self.index() as usize].1
    }
}

/// True, false or unknown for each of `T`'s facts; all unknown by default.
pub struct Facts<T> {
    yes: u32,
    no: u32,
    of: PhantomData<T>,
}

/// What a model can do.
pub type Abilities = Facts<Ability>;
/// Which levels of reasoning effort a model takes.
pub type Efforts = Facts<Effort>;

impl<T> Facts<T> {
    /// Nothing is known.
    pub const NONE: Facts<T> = Facts { yes: 0, no: 0, of: PhantomData };
}

impl<T: Fact> Facts<T> {
    /// `None`: the source is silent.
    pub fn known(&self, fact: T) -> Option<bool> {
        let bit = 1 << fact.index();
        if self.yes & bit != 0 {
            Some(true)
        } else if self.no & bit != 0 {
            Some(false)
        } else {
            None
        }
    }

    /// The later word replaces the earlier one.
    pub fn learn(&mut self, fact: T, truth: bool) {
        let bit = 1 << fact.index();
        self.yes &= !bit;
        self.no &= !bit;
        if truth {
            self.yes |= bit;
        } else {
            self.no |= bit;
        }
    }
}

// By hand, since a derive would ask the same of `T`.
impl<T> Clone for Facts<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Facts<T> {}
impl<T> Default for Facts<T> {
    fn default() -> Self {
        Facts { yes: 0, no: 0, of: PhantomData }
    }
}
impl<T> PartialEq for Facts<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.yes, self.no) == (other.yes, other.no)
    }
}
impl<T> Eq for Facts<T> {}
impl<T: Fact> fmt::Debug for Facts<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = T::ALL.iter().filter_map(|(fact, word)| Some((word, self.known(*fact)?)));
        f.debug_map().entries(known).finish()
    }
}

/// One list for the variants, their words and their order, so that none can be forgotten.
macro_rules! facts {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl Fact for $name {
            const ALL: &'static [(Self, &'static str)] = &[$(($name::$variant, $word),)*];

            fn index(self) -> u32 {
                self as u32
            }
        }
    };
}

facts! {
    /// Something that a model can do, or that a request to it may hold.
    Ability {
        Vision = "vision",
        Tools = "tools",
        ParallelTools = "parallel_tools",
        ToolChoice = "tool_choice",
        JsonSchema = "json_schema",
        Reasoning = "reasoning",
        /// Listed for few models: unknown means yes.
        Streaming = "streaming",
        Pdf = "pdf",
        AudioInput = "audio_input",
        AudioOutput = "audio_output",
        SystemMessages = "system_messages",
        PromptCaching = "prompt_caching",
        WebSearch = "web_search",
        /// The last turn may be the assistant's own beginning.
        AssistantPrefill = "assistant_prefill",
        /// `temperature`, `top_p` and the like.
        SamplingParams = "sampling_params",
        ForcedToolUse = "forced_tool_use",
        /// System turns after the first user turn.
        MidConversationSystem = "mid_conversation_system",
    }
}

facts! {
    /// A level of reasoning effort.
    Effort {
        None = "none",
        Minimal = "minimal",
        Low = "low",
        Medium = "medium",
        High = "high",
        ExtraHigh = "xhigh",
        Max = "max",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_unknown_until_learnt_and_can_be_unlearnt() {
        let mut abilities = Abilities::default();
        assert_eq!(abilities.known(Ability::Vision), None);
        abilities.learn(Ability::Vision, true);
        abilities.learn(Ability::MidConversationSystem, false);
        assert_eq!(abilities.known(Ability::Vision), Some(true));
        assert_eq!(abilities.known(Ability::MidConversationSystem), Some(false));
        abilities.learn(Ability::Vision, false);
        assert_eq!(abilities.known(Ability::Vision), Some(false));
        assert_eq!(abilities.known(Ability::Tools), None);
    }

    #[test]
    fn words_and_facts_are_one_to_one() {
        for (fact, word) in Ability::ALL {
            assert_eq!(Ability::parse(word), Some(*fact));
            assert_eq!(fact.word(), *word);
        }
        for (effort, word) in Effort::ALL {
            assert_eq!(Effort::parse(word), Some(*effort));
        }
        assert_eq!(Ability::parse("teleport"), None);
    }
}
