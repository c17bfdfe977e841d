//! The description of the API as OpenAPI 3.1. Bodies of inference are read and written by hand in `wire`,
//! so the types here are there for the description alone; the tests hold them to what the codecs do.
//!
//! | module | describes |
//! |---|---|
//! | `native` | `POST /v1/complete` |
//! | `chat` | `POST /v1/chat/completions` |
//! | `messages` | `POST /v1/messages` |
//! | `embeddings` | `POST /v1/embeddings` |
//! | `operations` | models, status, health |
//! | `audit` | the newest audit records |
//! | `budgets` | budgets and usage |
//! | `keys` | keys that administrators make |
//! | `errors` | the envelopes, and which path answers with which codes |
//! | `headers` | what answers carry beside their bodies |

mod audit;
mod budgets;
mod chat;
mod embeddings;
mod errors;
mod guard;
mod headers;
mod keys;
mod messages;
mod native;
mod operations;
mod redact;

use errors::Errors;
use headers::Headers;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi, SecurityRequirement};
use utoipa::{Modify, OpenApi as _};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "AI gateway",
        description = "One door to many models, with keys of your own and fallback between providers. \
                       Speak the native dialect, or point a client of OpenAI's or Anthropic's here.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        native::complete,
        chat::chat_completions,
        messages::messages,
        messages::count_tokens,
        embeddings::embeddings,
        redact::redact,
        guard::guard,
        operations::models,
        operations::model,
        operations::providers_status,
        operations::events,
        audit::recent,
        audit::status,
        budgets::one,
        budgets::put,
        budgets::delete,
        budgets::all,
        budgets::usage,
        budgets::estimate,
        keys::make,
        keys::list,
        keys::revoke,
        operations::health,
        operations::live,
        operations::ready,
        operations::metrics,
    ),
    components(schemas(chat::ChatChunk, messages::MessagesEvent)),
    tags(
        (name = "inference", description = "Requests to models."),
        (name = "models", description = "What may be asked for, in OpenAI's shape."),
        (name = "budgets", description = "What teams may spend, and what they used."),
        (name = "keys", description = "Keys that administrators make."),
        (name = "operations", description = "How the gateway and its providers are."),
    ),
    modifiers(&Security, &Headers, &Errors)
)]
struct Description;

/// The whole document.
pub fn document() -> OpenApi {
    Description::openapi()
}

/// One key, in either header. Paths that answer without one are marked where they are described.
struct Security;

const X_API_KEY: &str = "X-API-Key";
const BEARER: &str = "Bearer";

impl Modify for Security {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let header = ApiKeyValue::with_description(X_API_KEY, "The gateway's key, it alone.");
        components.add_security_scheme(X_API_KEY, SecurityScheme::ApiKey(ApiKey::Header(header)));
        let bearer = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The same key, as OpenAI's SDKs send it."))
            .build();
        components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
        let either = [X_API_KEY, BEARER].map(|name| SecurityRequirement::new(name, Vec::<String>::new()));
        document.security = Some(either.to_vec());
    }
}

#[cfg(test)]
mod tests;
