//! The four vendors: what the environment says of each, and what holds without it.

use gateway_core::ids::ProviderKind;

use super::file::UpstreamTable;
use super::settings::{At, Settings};

/// Names of the environment for one vendor, and what holds without them.
pub(super) struct Vendor {
    pub kind: ProviderKind,
    pub key: &'static str,
    pub address: &'static str,
    default_address: Option<&'static str>,
    model: &'static str,
    default_model: Option<&'static str>,
}

/// In the default `PROVIDER_PRIORITY`.
pub(super) const VENDORS: [Vendor; 4] = [
    Vendor {
        kind: ProviderKind::Anthropic,
        key: "ANTHROPIC_API_KEY",
        address: "ANTHROPIC_BASE_URL",
        default_address: Some("https://api.anthropic.com"),
        model: "ANTHROPIC_DEFAULT_MODEL",
        default_model: Some("claude-opus-4-6"),
    },
    Vendor {
        kind: ProviderKind::OpenAi,
        key: "OPENAI_API_KEY",
        address: "OPENAI_BASE_URL",
        default_address: Some("https://api.openai.com/v1"),
        model: "OPENAI_DEFAULT_MODEL",
        default_model: Some("gpt-4o"),
    },
    Vendor {
        kind: ProviderKind::AzureOpenAi,
        key: "AZURE_OPENAI_API_KEY",
        address: "AZURE_OPENAI_ENDPOINT",
        default_address: None,
        model: "AZURE_OPENAI_DEFAULT_MODEL",
        default_model: None,
    },
    Vendor {
        kind: ProviderKind::Gemini,
        key: "GEMINI_API_KEY",
        address: "GEMINI_BASE_URL",
        default_address: Some("https://generativelanguage.googleapis.com"),
        model: "GEMINI_DEFAULT_MODEL",
        default_model: Some("gemini-2.5-pro"),
    },
];

impl Vendor {
    /// The file's table with the environment below it, key by key.
    pub(super) fn under(&self, settings: &Settings<'_>, table: Option<UpstreamTable>) -> UpstreamTable {
        let name = At { value: self.kind.name().to_owned(), place: self.key.to_owned() };
        let table = table.unwrap_or_else(|| UpstreamTable::empty(name));
        let azure = self.kind == ProviderKind::AzureOpenAi;
        let of_azure = |name| azure.then(|| settings.at(name)).flatten();
        UpstreamTable {
            api_key: table.api_key.or_else(|| settings.at(self.key)),
            base_url: table.base_url.or_else(|| settings.at(self.address)),
            default_model: table.default_model.or_else(|| settings.at(self.model)),
            api_version: table.api_version.or_else(|| of_azure("AZURE_OPENAI_API_VERSION")),
            models: table.models.or_else(|| azure.then(|| azure_deployment(settings)).flatten()),
            ..table
        }
    }

    /// The table with what holds for this vendor where nothing else was written.
    pub(super) fn beneath(&self, table: UpstreamTable) -> UpstreamTable {
        let given = |value: &str| At { value: value.to_owned(), place: table.name.place.clone() };
        UpstreamTable {
            base_url: table.base_url.or_else(|| self.default_address.map(given)),
            default_model: table.default_model.or_else(|| self.default_model.map(given)),
            ..table
        }
    }
}

/// `AZURE_OPENAI_DEPLOYMENT` over `AZURE_OPENAI_BASE_MODEL`, or over a model of the deployment's own name.
fn azure_deployment(settings: &Settings<'_>) -> Option<At<Vec<(String, String)>>> {
    let At { value: deployment, place } = settings.at("AZURE_OPENAI_DEPLOYMENT")?;
    let (base_model, place) = match settings.at("AZURE_OPENAI_BASE_MODEL") {
        Some(base_model) => (base_model.value, base_model.place),
        None => (deployment.clone(), place),
    };
    Some(At { value: vec![(deployment, base_model)], place })
}

impl UpstreamTable {
    fn empty(name: At<String>) -> UpstreamTable {
        UpstreamTable {
            name,
            sound: true,
            kind: None,
            base_url: None,
            api_key: None,
            models: None,
            max_in_flight: None,
            default_model: None,
            region: None,
            api_version: None,
            include_usage: None,
        }
    }
}
