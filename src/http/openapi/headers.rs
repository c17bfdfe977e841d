//! Response headers. `respond` writes them; a test holds this list to its names.

use utoipa::Modify;
use utoipa::openapi::header::Header;
use utoipa::openapi::{Object, OpenApi, RefOr, Response, Type};

/// Name, type, and what it says; for answers of models.
const OF_ANSWERS: [(&str, Type, &str); 19] = [
    ("x-request-id", Type::String, "The gateway's id of this request, a UUIDv7."),
    ("x-gateway-provider", Type::String, "Who answered."),
    ("x-gateway-model", Type::String, "The catalog's name of the model that answered."),
    (
        "x-gateway-route-reason",
        Type::String,
        "Why it was routed there, where the request names no model of its own: `auto/code/code_fence`.",
    ),
    ("x-gateway-fallback", Type::Boolean, "Whether another than the first candidate answered."),
    ("x-gateway-attempts", Type::Integer, "How many candidates were tried or passed over."),
    (
        "x-gateway-cost-usd",
        Type::Number,
        "US dollars, nine decimals. Not on streams, whose last events tell it.",
    ),
    (
        "x-gateway-budget-remaining-usd",
        Type::Number,
        "What is left of the team's tighter budget, nine decimals; streams: with their worst case taken off. Absent \
         where it is unlimited.",
    ),
    (
        "x-ratelimit-limit-requests",
        Type::Integer,
        "Requests a minute, the tighter of the team's and the key's.",
    ),
    ("x-ratelimit-remaining-requests", Type::Integer, "What is left of them."),
    ("x-ratelimit-reset-requests", Type::String, "Until all of them are there again: `1.5s`."),
    ("x-ratelimit-limit-tokens", Type::Integer, "Tokens a minute, likewise."),
    ("x-ratelimit-remaining-tokens", Type::Integer, "What is left of them."),
    ("x-ratelimit-reset-tokens", Type::String, "Until all of them are there again."),
    (
        "x-gateway-max-output-tokens",
        Type::Integer,
        "The bound that was sent to the provider, where the request named none that holds.",
    ),
    (
        "x-gateway-dropped-params",
        Type::String,
        "Fields of the request that were not passed on: JSON paths without indices, commas between, 1 KB at most.",
    ),
    (
        "x-gateway-pii-redacted",
        Type::Integer,
        "Places that were replaced before the request went out; absent where the team's requests are not searched.",
    ),
    (
        "x-gateway-overhead-us",
        Type::Integer,
        "The gateway's own time in microseconds, waiting for the provider excluded; streams: up to the first byte.",
    ),
    (
        "x-gateway-stream",
        Type::String,
        "`held`: a stream that was opened before its candidate was known. Of the other headers it has \
         `x-request-id` alone; the closing event tells the rest.",
    ),
];

/// Describes the headers of answers of models.
pub(super) struct Headers;

impl Modify for Headers {
    fn modify(&self, document: &mut OpenApi) {
        let models = document
            .paths
            .paths
            .iter_mut()
            .filter(|(path, _)| !matches!(path.as_str(), "/v1/redact" | "/v1/estimate"));
        let posts = models.filter_map(|(_, item)| item.post.as_mut());
        for operation in posts {
            if let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200") {
                for (name, kind, says) in OF_ANSWERS {
                    put(response, name, kind, says);
                }
            }
        }
    }
}

/// Those of an error.
pub(super) fn describe_error(status: u16, response: &mut Response) {
    put(response, "x-request-id", Type::String, "The gateway's id of this request, a UUIDv7.");
    if status == 402 {
        put(response, "x-should-retry", Type::String, "`false`: only an operator, or midnight, mends it.");
    }
    if status == 429 {
        put(response, "retry-after", Type::Integer, "Seconds to wait, where waiting helps.");
    }
    if status >= 502 {
        put(response, "x-gateway-attempts", Type::Integer, "How many candidates were tried or passed over.");
        put(response, "retry-after", Type::Integer, "Seconds to wait, where a time is known.");
    }
}

fn put(response: &mut Response, name: &str, kind: Type, says: &str) {
    let mut header = Header::new(Object::with_type(kind));
    header.description = Some(says.to_owned());
    response.headers.insert(name.to_owned(), header.into());
}
