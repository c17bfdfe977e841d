//! The providers as targets of any conversation: the planner says who can carry it, the codec writes it.

use gateway_core::catalog::{Catalog, ListedRates, Override};
use gateway_core::conversation::{Conversation, Need};
use gateway_core::ids::{ModelName, ProviderKind, UpstreamName};
use gateway_core::money::PicoUsdPerToken;
use gateway_core::routing::{
    Allowed, Ask, Candidate, Fallback, PlanError, Router, ServedModel, Tail, Upstream,
};
use gateway_wire::anthropic_messages::AnthropicMessages;
use gateway_wire::azure::AzureOpenAi;
use gateway_wire::gemini::Gemini;
use gateway_wire::openai_chat::OpenAiChat;
use gateway_wire::{Call, Outbound, Target};

/// Each provider, with an older or plain model and one that reasons.
pub const TARGETS: [(ProviderKind, &str); 9] = [
    (ProviderKind::Anthropic, "claude-sonnet-4-5"),
    (ProviderKind::Anthropic, "claude-opus-4-6"),
    (ProviderKind::OpenAi, "gpt-4o"),
    (ProviderKind::OpenAi, "gpt-5-mini"),
    (ProviderKind::AzureOpenAi, "gpt-4o"),
    (ProviderKind::Gemini, "gemini-2.5-flash"),
    (ProviderKind::Gemini, "gemini-2.5-pro"),
    (ProviderKind::Gemini, "gemini-3.1-pro-preview"),
    (ProviderKind::OpenAiCompatible, "some-model"),
];

pub fn codec_of(kind: ProviderKind) -> &'static dyn Outbound {
    match kind {
        ProviderKind::Anthropic => &AnthropicMessages,
        ProviderKind::Gemini => &Gemini,
        ProviderKind::AzureOpenAi => &AzureOpenAi,
        ProviderKind::OpenAi | ProviderKind::OpenAiCompatible => &OpenAiChat,
    }
}

/// All targets behind one planner.
pub struct Targets(Router);

impl Targets {
    pub fn new() -> Targets {
        let served = |name: &str| ServedModel { wire_name: name.to_owned(), model: ModelName::new(name) };
        let kinds = ProviderKind::VENDORS.into_iter().chain([ProviderKind::OpenAiCompatible]);
        let upstream = |kind: ProviderKind| Upstream {
            name: UpstreamName::new(kind.name()).expect("a legal name"),
            kind,
            default_model: None,
            models: match kind {
                ProviderKind::AzureOpenAi => vec![served("gpt-4o")],
                ProviderKind::OpenAiCompatible => vec![served("some-model")],
                _ => Vec::new(),
            },
            region: None,
        };
        let price = ListedRates { input: PicoUsdPerToken::default(), ..ListedRates::default() };
        let priced = Override { price: Some(price), ..Override::default() };
        let catalog = Catalog::builtin().with([("some-model".to_owned(), priced)]);
        let router = Router::new(kinds.map(upstream).collect(), catalog);
        Targets(router.unwrap_or_else(|mistakes| panic!("{mistakes:?}")))
    }

    /// The route, where it can carry the conversation.
    ///
    /// # Errors
    /// What it can't do.
    pub fn plan(&self, kind: ProviderKind, model: &str, asked: &Conversation) -> Result<Candidate, Need> {
        let ask = Ask {
            provider: Some(kind.name()),
            model: Some(model),
            fallback: Fallback::Off,
            tail: Tail::NamedOnly,
            prompt_bytes: 0,
            max_output: asked.sampling.max_output,
            needs: asked.needs(),
            capability: None,
            conversation: None,
            allowed: Allowed::default(),
            roll: 0,
        };
        match self.0.plan(&ask) {
            Ok(mut plan) => Ok(plan.candidates.remove(0)),
            Err(PlanError::Unable { need, .. }) => Err(need),
            Err(error) => panic!("{kind:?} {model}: {error}"),
        }
    }

    /// The call, where the provider can carry it.
    ///
    /// # Errors
    /// What it can't do.
    pub fn call(
        &self,
        kind: ProviderKind,
        model: &str,
        asked: &Conversation,
        stream: bool,
    ) -> Result<Call, Need> {
        let candidate = self.plan(kind, model, asked)?;
        let target = Target {
            model: &candidate.route.wire_model,
            output_bound: candidate.output_bound,
            kind,
            abilities: candidate.route.abilities,
            efforts: candidate.route.efforts,
            stream,
            stream_usage: true,
            api_version: "2024-10-21",
        };
        Ok(codec_of(kind).encode(asked, &target))
    }
}
