//! Errors: the envelopes, and for each path the statuses and codes that it answers with.
#![expect(dead_code, reason = "described here, made by hand in wire")]

use super::headers;
use super::native::Attempt;
use crate::http::{self, error::Code};
use gateway_wire::ErrorBody;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response};
use utoipa::{Modify, PartialSchema, ToSchema};

/// The native envelope.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"error": {
    "code": "invalid_field",
    "message": "`temperature`: must be a number from 0 to 2",
    "field": "temperature",
    "request_id": "01a20c47-1499-7a32-b819-049508b0db36"
}}))]
pub(super) struct NativeError {
    error: NativeErrorBody,
}

#[derive(Serialize, ToSchema)]
struct NativeErrorBody {
    code: ErrorCode,
    /// Names the field and the mend; the wording may change.
    message: String,
    /// The path of the field at fault.
    #[schema(nullable = false)]
    field: Option<String>,
    /// Seconds, as in `retry-after`.
    #[schema(nullable = false)]
    retry_after_s: Option<u64>,
    request_id: String,
    /// What each candidate did, where one was tried or passed over.
    #[schema(nullable = false)]
    attempts: Option<Vec<Attempt>>,
}

/// OpenAI's envelope.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"error": {
    "message": "`temperature`: must be a number from 0 to 2",
    "type": "invalid_request_error",
    "param": "temperature",
    "code": "invalid_field",
    "request_id": "01a20c47-1499-7a32-b819-049508b0db36"
}}))]
pub(super) struct OpenAiError {
    error: OpenAiErrorBody,
}

#[derive(Serialize, ToSchema)]
struct OpenAiErrorBody {
    /// Names the field and the mend; the wording may change.
    message: String,
    r#type: OpenAiErrorType,
    /// The path of the field at fault.
    #[schema(required = true)]
    param: Option<String>,
    code: ErrorCode,
    /// Seconds, as in `retry-after`.
    #[schema(nullable = false)]
    retry_after_s: Option<u64>,
    request_id: String,
}

#[derive(Serialize, ToSchema)]
enum OpenAiErrorType {
    #[serde(rename = "invalid_request_error")]
    InvalidRequest,
    #[serde(rename = "authentication_error")]
    Authentication,
    #[serde(rename = "permission_error")]
    Permission,
    #[serde(rename = "insufficient_quota")]
    Quota,
    #[serde(rename = "rate_limit_error")]
    RateLimit,
    #[serde(rename = "server_error")]
    Server,
}

/// Anthropic's envelope.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "type": "error",
    "error": {
        "type": "invalid_request_error",
        "message": "`temperature`: must be a number from 0 to 1",
        "code": "invalid_field",
        "field": "temperature"
    },
    "request_id": "01a20c47-1499-7a32-b819-049508b0db36"
}))]
pub(super) struct AnthropicError {
    #[schema(example = "error")]
    r#type: String,
    error: AnthropicErrorBody,
    request_id: String,
}

#[derive(Serialize, ToSchema)]
struct AnthropicErrorBody {
    r#type: AnthropicErrorType,
    /// Names the field and the mend; the wording may change.
    message: String,
    code: ErrorCode,
    /// The path of the field at fault.
    #[schema(nullable = false)]
    field: Option<String>,
    /// Seconds, as in `retry-after`.
    #[schema(nullable = false)]
    retry_after_s: Option<u64>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AnthropicErrorType {
    InvalidRequestError,
    AuthenticationError,
    BillingError,
    PermissionError,
    NotFoundError,
    RequestTooLarge,
    RateLimitError,
    ApiError,
    OverloadedError,
    TimeoutError,
}

/// What a program acts on: the words of [`Code`].
#[derive(Serialize)]
struct ErrorCode;

impl PartialSchema for ErrorCode {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("What a program acts on: a word, once given, keeps its meaning."))
            .enum_values(Some(Code::ALL.map(Code::word)))
            .into()
    }
}

impl ToSchema for ErrorCode {
    fn name() -> Cow<'static, str> {
        "ErrorCode".into()
    }
}

/// Adds to each operation the answers that are not a 200.
pub(super) struct Errors;

impl Modify for Errors {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let mut schemas = Vec::new();
        <NativeError as ToSchema>::schemas(&mut schemas);
        <OpenAiError as ToSchema>::schemas(&mut schemas);
        <AnthropicError as ToSchema>::schemas(&mut schemas);
        schemas.push((NativeError::name().into(), NativeError::schema()));
        schemas.push((OpenAiError::name().into(), OpenAiError::schema()));
        schemas.push((AnthropicError::name().into(), AnthropicError::schema()));
        components.schemas.extend(schemas);
        for (path, item) in &mut document.paths.paths {
            let envelope = match path.as_str() {
                path if is_openai(path) => OpenAiError::name(),
                path if path.starts_with("/v1/messages") => AnthropicError::name(),
                _ => NativeError::name(),
            };
            let methods = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
            for operation in methods.into_iter().flatten() {
                add_errors(operation, path, &envelope);
            }
        }
    }
}

fn is_openai(path: &str) -> bool {
    path.starts_with("/v1/chat/") || path.starts_with("/v1/models") || path == "/v1/embeddings"
}

fn is_budget(path: &str) -> bool {
    path.starts_with("/v1/budget") || path == "/v1/usage"
}

fn is_keys(path: &str) -> bool {
    path.starts_with("/v1/keys")
}

fn add_errors(operation: &mut Operation, path: &str, envelope: &str) {
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in Code::ALL.into_iter().filter(|code| answers(path, operation, *code)) {
        by_status.entry(code.status()).or_default().push(code.word());
    }
    for (status, words) in by_status {
        let mut response = Response::new(format!("`{}`", words.join("`, `")));
        let mut content = Content::new(Some(Ref::from_schema_name(envelope)));
        content.example = words.first().and_then(|code| example(path, status, code));
        response.content.insert("application/json".to_owned(), content.into());
        headers::describe_error(status, &mut response);
        operation.responses.responses.insert(status.to_string(), response.into());
    }
}

/// As this path's codec writes it.
fn example(path: &str, status: u16, code: &'static str) -> Option<serde_json::Value> {
    let error = ErrorBody {
        status,
        code,
        message: "what is wrong, and what mends it".to_owned(),
        field: None,
        retry_after_s: (status == 503).then_some(12),
        request_id: "01a20c47-1499-7a32-b819-049508b0db36".to_owned(),
        attempts: Vec::new(),
    };
    serde_json::from_slice(&http::envelope(path).error(&error)).ok()
}

/// Whether this operation can answer with this code.
fn answers(path: &str, operation: &Operation, code: Code) -> bool {
    let is_open = operation.security.is_some();
    match code {
        // Health answers without a key, but not to a foreign `Host` while the built-in keys are on.
        Code::Forbidden => true,
        Code::InvalidApiKey | Code::KeysUnavailable => !is_open,
        Code::NotFound => path.contains('{'),
        code if is_keys(path) => match code {
            Code::Overloaded => true,
            Code::InvalidField => !path.contains('{'),
            Code::AuditUnavailable => operation.request_body.is_some() || path.contains('{'),
            Code::InvalidJson | Code::BodyTooLarge | Code::UnsupportedMediaType => {
                operation.request_body.is_some()
            }
            _ => false,
        },
        Code::InvalidField | Code::Overloaded if path == "/v1/audit/recent" => true,
        Code::Overloaded if path == "/v1/audit/status" || path == "/v1/events" => true,
        Code::BudgetUnavailable | Code::InvalidField | Code::Overloaded if is_budget(path) => true,
        Code::BodyTooLarge | Code::InvalidJson if is_budget(path) => operation.request_body.is_some(),
        code if path == "/v1/redact" => matches!(
            code,
            Code::InvalidJson
                | Code::InvalidField
                | Code::ContentBlocked
                | Code::BodyTooLarge
                | Code::UnsupportedMediaType
                | Code::Overloaded
                | Code::InspectionUnavailable
        ),
        // It costs nothing.
        Code::BudgetExceeded if path == "/v1/messages/count_tokens" => false,
        // Nothing is spent or sent there.
        Code::BudgetExceeded | Code::RateLimited | Code::NoProviderAvailable if path == "/v1/estimate" => {
            false
        }
        Code::UpstreamFailed | Code::UpstreamMisconfigured | Code::UpstreamTimeout
            if path == "/v1/estimate" =>
        {
            false
        }
        _ => operation.request_body.is_some() && !is_budget(path),
    }
}
