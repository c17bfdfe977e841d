//! `POST /v1/redact`, as `http::redact` reads and writes it.
#![expect(dead_code, reason = "described here, made in http::redact")]

use serde::Serialize;
use utoipa::ToSchema;

/// Try what would be taken out
///
/// Of a `text`, or of `messages`, by the rules of the key's team. Nothing is sent, and nothing is kept.
#[utoipa::path(
    post,
    path = "/v1/redact",
    tag = "operations",
    request_body = RedactRequest,
    responses((status = 200, description = "As it would go out, and what was found.", body = RedactAnswer)),
)]
pub(super) fn redact() {}

#[derive(Serialize, ToSchema)]
#[schema(example = json!({"text": "write to ann@example.org"}))]
struct RedactRequest {
    #[schema(nullable = false)]
    text: Option<String>,
    /// As in a request to a model; in place of `text`.
    #[schema(nullable = false)]
    messages: Option<Vec<serde_json::Value>>,
}

#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "text": "write to [EMAIL_ADDRESS_1]",
    "entities": [{"type": "EMAIL_ADDRESS", "start": 9, "end": 24, "score": 0.95}],
}))]
struct RedactAnswer {
    #[schema(nullable = false)]
    text: Option<String>,
    #[schema(nullable = false)]
    messages: Option<Vec<serde_json::Value>>,
    entities: Vec<Entity>,
}

#[derive(Serialize, ToSchema)]
struct Entity {
    r#type: String,
    /// Code points, from 0; of the message's text where `messages` were asked for.
    start: usize,
    end: usize,
    /// Certainty, 0 to 1.
    score: f64,
    /// The number of the message, from 0.
    #[schema(nullable = false)]
    message: Option<usize>,
}
