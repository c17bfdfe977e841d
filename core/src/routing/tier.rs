//! Under which terms a route is asked to serve, and what it may bill.

use super::Route;
use crate::catalog::ServiceTier;
use crate::ids::ProviderKind;

impl Route {
    /// The tier to ask this route for where its caller wishes for that one. None that has no price here, or that
    /// its provider can't be asked for: it would not be billed as it is reckoned.
    pub fn tier(&self, wish: Option<ServiceTier>) -> Option<ServiceTier> {
        use ProviderKind::{Anthropic, AzureOpenAi, OpenAi, OpenAiCompatible};
        use ServiceTier::{Batch, Fast, Flex, Priority, Standard};
        let is_taken = |tier| match (self.kind, tier) {
            // To others it is what goes without saying; Azure's older versions refuse the word.
            (OpenAi | Anthropic, Standard) => true,
            (OpenAi | AzureOpenAi | OpenAiCompatible, Flex | Priority) | (Anthropic, Fast) => {
                self.price.lists(tier)
            }
            (_, Standard | Flex | Priority | Fast | Batch) => false,
        };
        match wish.filter(|tier| is_taken(*tier)) {
            // Without a word OpenAI takes the project's own setting, which may be the dearer tier.
            None if self.kind == OpenAi && self.price.lists(Priority) => Some(Standard),
            asked => asked,
        }
    }

    /// The dearer tier that an operator's setting at the provider may choose, where none is asked for.
    pub fn unasked(&self, asked: Option<ServiceTier>) -> Option<ServiceTier> {
        let has_setting = matches!(self.kind, ProviderKind::AzureOpenAi | ProviderKind::OpenAiCompatible);
        let is_open = asked.is_none() && has_setting && self.price.lists(ServiceTier::Priority);
        is_open.then_some(ServiceTier::Priority)
    }
}
