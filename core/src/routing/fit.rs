//! Whether a route can do what is asked: by its dialect, and by what the catalog knows of the model. Where
//! the catalog is silent the model is tried, for a provider's own refusal costs nothing.

use super::Route;
use crate::catalog::Ability;
use crate::conversation::{Need, Needs};
use crate::ids::ProviderKind;

/// The first of `needs` that the route cannot meet.
pub(super) fn lacks(route: &Route, needs: Needs) -> Option<Need> {
    if needs.is_empty() {
        return None;
    }
    needs.iter().find(|need| !meets(route, *need))
}

fn meets(route: &Route, need: Need) -> bool {
    let able = |ability| route.abilities.known(ability) != Some(false);
    let dialect = dialect_carries(route.kind, need);
    dialect
        && match need {
            Need::Tools => able(Ability::Tools),
            Need::ForcedTool => able(Ability::ToolChoice) && able(Ability::ForcedToolUse),
            Need::Vision | Need::ImageUrls => able(Ability::Vision),
            Need::Pdf | Need::DocumentUrls => able(Ability::Pdf),
            Need::Audio => able(Ability::AudioInput),
            // Anthropic's older models know it through a forced tool alone, so silence is a no there.
            Need::JsonSchema if route.kind == ProviderKind::Anthropic => {
                route.abilities.known(Ability::JsonSchema) == Some(true)
            }
            Need::JsonSchema => able(Ability::JsonSchema),
            Need::MediaInResults
            | Need::JsonObject
            | Need::Choices
            | Need::LooseArguments
            | Need::Vectors
            | Need::ManyInputs
            | Need::TokenInputs => true,
        }
}

/// What the provider's API has a place for, whatever the model.
fn dialect_carries(kind: ProviderKind, need: Need) -> bool {
    use ProviderKind::{Anthropic, AzureOpenAi, Gemini, OpenAi, OpenAiCompatible};
    match need {
        Need::JsonObject => kind != Anthropic,
        Need::Choices => kind != Anthropic,
        Need::Audio => kind != Anthropic,
        Need::LooseArguments => matches!(kind, OpenAi | AzureOpenAi | OpenAiCompatible),
        Need::DocumentUrls => matches!(kind, Anthropic | Gemini),
        // OpenAI: "Content blocks are expected to be either text or image_url type".
        Need::MediaInResults => kind == Anthropic,
        Need::Vectors => kind != Anthropic,
        // "at most 100 requests can be in one batch"; its tokens are its own.
        Need::ManyInputs | Need::TokenInputs => kind != Gemini,
        _ => true,
    }
}
