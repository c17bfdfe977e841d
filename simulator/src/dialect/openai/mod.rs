//! OpenAI's chat completions: answers, frames, headers and errors. Requests are checked in `request`.
//! Azure speaks the same with annotations of its content filter.

mod request;

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{CREATED, Frame, Refusal, id, quoted, seconds};
use crate::answer::{Answer, Stop, pieces};
use crate::ask::{Ask, Delivery};

pub(crate) use request::{check_key, conversation, object, read};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    OpenAi,
    Azure,
}

pub(crate) const SAFE: &str = r#"{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}"#;

/// Characters of a tool call's arguments in one delta.
const ARGUMENT_PIECE: usize = 8;

pub(crate) fn whole(ask: &Ask, answer: &Answer, serial: u64) -> Value {
    let calls: Vec<Value> = answer
        .calls
        .iter()
        .enumerate()
        .map(|(n, call)| {
            json!({"id": call_id(serial, n), "type": "function",
                "function": {"name": call.name, "arguments": call.arguments.to_string()}})
        })
        .collect();
    let mut message =
        json!({"role": "assistant", "content": answer.text, "refusal": null, "annotations": []});
    if !calls.is_empty() {
        message["content"] = Value::Null;
        message["tool_calls"] = calls.into();
    }
    let choices: Vec<Value> = (0..ask.choices())
        .map(|index| {
            json!({"index": index, "message": message, "logprobs": null, "finish_reason": finish(&answer.stop)})
        })
        .collect();
    json!({
        "id": id("chatcmpl-", serial, 29), "object": "chat.completion", "created": CREATED,
        "model": dated(&ask.model), "choices": choices, "usage": usage(ask, answer),
        "service_tier": "default", "system_fingerprint": "fp_44709d6fcb",
    })
}

pub(crate) fn frames(ask: &Ask, answer: &Answer, serial: u64, flavour: Flavour) -> Vec<Frame> {
    let usage_wanted = ask.delivery == Delivery::Sse { usage: true };
    let writer = Writer {
        head: format!(
            r#""id":"{}","object":"chat.completion.chunk","created":{CREATED},"model":{},"service_tier":"default","system_fingerprint":"fp_44709d6fcb""#,
            id("chatcmpl-", serial, 29),
            quoted(dated(&ask.model)),
        ),
        usage_null: if usage_wanted { r#","usage":null"# } else { "" },
        flavour,
    };
    let mut frames = Vec::new();
    if flavour == Flavour::Azure {
        frames.push(Frame::around(format!(
            r#"data: {{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{{"prompt_index":0,"content_filter_results":{SAFE}}}]}}{END}"#
        )));
    }
    for index in 0..ask.choices() {
        writer.choice(&mut frames, index, answer, serial);
    }
    if usage_wanted {
        let usage = usage(ask, answer);
        frames.push(Frame::around(format!(
            r#"data: {{{},"choices":[],"usage":{usage},"obfuscation":"j5kV7n99"}}{END}"#,
            writer.head
        )));
    }
    frames.push(Frame::around(format!("data: [DONE]{END}")));
    frames
}

const END: &str = "\n\n";

struct Writer {
    head: String,
    usage_null: &'static str,
    flavour: Flavour,
}

impl Writer {
    fn choice(&self, frames: &mut Vec<Frame>, index: usize, answer: &Answer, serial: u64) {
        if answer.calls.is_empty() {
            let opening = r#"{"role":"assistant","content":"","refusal":null}"#;
            frames.push(Frame::around(self.chunk(index, opening, None, "{}")));
            for piece in pieces(&answer.text, 1) {
                let delta = format!(r#"{{"content":{}}}"#, quoted(piece));
                frames.push(Frame::content(self.chunk(index, &delta, None, SAFE)));
            }
        } else {
            self.calls(frames, index, answer, serial);
        }
        frames.push(Frame::around(self.chunk(index, "{}", Some(finish(&answer.stop)), "{}")));
    }

    fn calls(&self, frames: &mut Vec<Frame>, index: usize, answer: &Answer, serial: u64) {
        for (n, call) in answer.calls.iter().enumerate() {
            let role = if n == 0 { r#""role":"assistant","content":null,"# } else { "" };
            let refusal = if n == 0 { r#","refusal":null"# } else { "" };
            let opening = format!(
                r#"{{{role}"tool_calls":[{{"index":{n},"id":"{}","type":"function","function":{{"name":{},"arguments":""}}}}]{refusal}}}"#,
                call_id(serial, n),
                quoted(&call.name),
            );
            frames.push(Frame::content(self.chunk(index, &opening, None, "{}")));
            for piece in by_chars(&call.arguments.to_string(), ARGUMENT_PIECE) {
                let delta = format!(
                    r#"{{"tool_calls":[{{"index":{n},"function":{{"arguments":{}}}}}]}}"#,
                    quoted(piece)
                );
                frames.push(Frame::content(self.chunk(index, &delta, None, "{}")));
            }
        }
    }

    fn chunk(&self, index: usize, delta: &str, finish: Option<&str>, filter: &str) -> String {
        // Padding against guessing a token from its packet's length, as OpenAI sends it.
        const PADDING: &str = "LcdzdJdMMgDHt6x";
        let padding = &PADDING[delta.len() % PADDING.len()..];
        let finish = finish.map_or_else(|| "null".to_owned(), quoted);
        let Self { head, usage_null, .. } = self;
        match self.flavour {
            Flavour::OpenAi => format!(
                r#"data: {{{head},"choices":[{{"index":{index},"delta":{delta},"logprobs":null,"finish_reason":{finish}}}]{usage_null},"obfuscation":"{padding}"}}{END}"#
            ),
            Flavour::Azure => format!(
                r#"data: {{"choices":[{{"content_filter_results":{filter},"delta":{delta},"finish_reason":{finish},"index":{index},"logprobs":null}}],{head}{usage_null}}}{END}"#
            ),
        }
    }
}

fn usage(ask: &Ask, answer: &Answer) -> Value {
    let completion = answer.reasoning_tokens + answer.visible_tokens * ask.choices() as u64;
    json!({
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": completion,
        "total_tokens": answer.input_tokens + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": answer.reasoning_tokens, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
    })
}

fn finish(stop: &Stop) -> &'static str {
    match stop {
        Stop::End | Stop::Sequence(_) => "stop",
        Stop::Length => "length",
        Stop::Tools => "tool_calls",
    }
}

fn call_id(serial: u64, n: usize) -> String {
    id("call_", serial.wrapping_mul(64) + n as u64, 24)
}

/// Pieces of at most `most` characters.
pub(crate) fn by_chars(text: &str, most: usize) -> Vec<&str> {
    let cuts = text.char_indices().map(|(at, _)| at).step_by(most);
    let ends = cuts.clone().skip(1).chain([text.len()]);
    cuts.zip(ends).map(|(from, to)| &text[from..to]).collect()
}

/// The dated name that an alias is answered with.
fn dated(model: &str) -> &str {
    match model {
        "gpt-4o" => "gpt-4o-2024-08-06",
        "gpt-4o-mini" => "gpt-4o-mini-2024-07-18",
        "gpt-4.1" => "gpt-4.1-2025-04-14",
        "gpt-4.1-mini" => "gpt-4.1-mini-2025-04-14",
        "gpt-5" => "gpt-5-2025-08-07",
        "gpt-5-mini" => "gpt-5-mini-2025-08-07",
        "gpt-5-nano" => "gpt-5-nano-2025-08-07",
        "o3-mini" => "o3-mini-2025-01-31",
        "o4-mini" => "o4-mini-2025-04-16",
        other => other,
    }
}

pub(crate) fn headers(serial: u64) -> Vec<(&'static str, String)> {
    vec![
        ("openai-organization", "org-simulated".into()),
        ("openai-processing-ms", "12".into()),
        ("openai-version", "2020-10-01".into()),
        ("set-cookie", "__cf_bm=simulated; path=/; HttpOnly".into()),
        ("x-ratelimit-limit-requests", "500".into()),
        ("x-ratelimit-limit-tokens", "200000".into()),
        ("x-ratelimit-remaining-requests", "499".into()),
        ("x-ratelimit-remaining-tokens", "199965".into()),
        ("x-ratelimit-reset-requests", "120ms".into()),
        ("x-ratelimit-reset-tokens", "10ms".into()),
        ("x-request-id", format!("req_{serial:032x}")),
    ]
}

/// OpenAI's envelope.
pub(crate) fn error(
    status: u16,
    kind: &str,
    param: Option<&str>,
    code: Option<&str>,
    message: &str,
) -> Refusal {
    Refusal {
        status,
        body: json!({"error": {"message": message, "type": kind, "param": param, "code": code}}),
        headers: Vec::new(),
    }
}

pub(crate) fn failure(status: u16, retry_after: Option<Duration>, model: &str) -> Refusal {
    let invalid = "invalid_request_error";
    let mut refusal = match status {
        401 => wrong_key("sk-proj-simulated-0000"),
        403 => error(
            403,
            invalid,
            None,
            Some("unsupported_country_region_territory"),
            "Country, region, or territory not supported",
        ),
        404 => no_such_model(model),
        429 => error(
            429,
            "tokens",
            None,
            Some("rate_limit_exceeded"),
            &format!(
                "Rate limit reached for {model} in organization org-simulated on tokens per min (TPM): Limit 200000, Used 162960, Requested 42288. Please try again in 1.574s. Visit https://platform.openai.com/account/rate-limits to learn more."
            ),
        ),
        503 => error(
            503,
            "server_error",
            None,
            None,
            "The engine is currently overloaded, please try again later",
        ),
        500..=599 => error(
            status,
            "server_error",
            None,
            None,
            "The server had an error while processing your request. Sorry about that!",
        ),
        _ => error(status, invalid, None, None, "Your request was refused."),
    };
    refusal.headers.extend(retry_after.map(|wait| ("retry-after", seconds(wait).to_string())));
    refusal
}

pub(crate) fn error_frame() -> Bytes {
    Bytes::from_static(b"data: {\"error\":{\"message\":\"The server had an error while processing your request. Sorry about that!\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n")
}

fn wrong_key(key: &str) -> Refusal {
    // As the real one does: the first eight and the last four characters come back.
    let head: String = key.chars().take(8).collect();
    let tail: String = key.chars().skip(key.chars().count().saturating_sub(4)).collect();
    let message = format!(
        "Incorrect API key provided: {head}*****{tail}. You can find your API key at https://platform.openai.com/account/api-keys."
    );
    error(401, "invalid_request_error", None, Some("invalid_api_key"), &message)
}

pub(crate) fn no_such_model(model: &str) -> Refusal {
    let message = format!("The model `{model}` does not exist or you do not have access to it.");
    error(404, "invalid_request_error", None, Some("model_not_found"), &message)
}
