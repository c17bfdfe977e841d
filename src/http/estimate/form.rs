//! Of which endpoint a request is whose cost is asked for. `?endpoint=` says so; else what only one dialect writes
//! does.

use crate::http::query::wrong;
use crate::pipeline::{Dialect, Failure, Priced};
use actix_web::http::header::HeaderMap;
use gateway_core::routing::Tail;
use gateway_wire::Inbound;
use gateway_wire::anthropic_messages::AnthropicMessages;
use gateway_wire::native::Native;
use gateway_wire::openai_chat::OpenAiChat;
use serde::Deserialize;
use serde::de::{IgnoredAny, SeqAccess, Visitor};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Native,
    OpenAi,
    Anthropic,
    Embeddings,
}

/// What a body has in it that tells.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    input: Option<IgnoredAny>,
    messages: Option<Vec<Message>>,
    n: Option<IgnoredAny>,
    tools: Option<Vec<Tool>>,
    // Anthropic's alone.
    system: Option<IgnoredAny>,
    stop_sequences: Option<IgnoredAny>,
    thinking: Option<IgnoredAny>,
    cache_control: Option<IgnoredAny>,
    // The native dialect's alone.
    provider: Option<IgnoredAny>,
    capability: Option<IgnoredAny>,
    team_id: Option<IgnoredAny>,
    fallback: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Tool {
    input_schema: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    content: Content,
}

/// Whether a part of it is Anthropic's.
#[derive(Default)]
struct Content(bool);

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a str>,
    cache_control: Option<IgnoredAny>,
    source: Option<IgnoredAny>,
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Content, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = Content;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text, or parts")
            }

            fn visit_str<E>(self, _: &str) -> Result<Content, E> {
                Ok(Content::default())
            }

            fn visit_unit<E>(self) -> Result<Content, E> {
                Ok(Content::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Content, A::Error> {
                let mut is_anthropics = false;
                while let Some(part) = parts.next_element::<Part<'de>>()? {
                    is_anthropics |= part.cache_control.is_some()
                        || part.source.is_some()
                        || part.kind.is_some_and(|kind| KINDS.contains(&kind));
                }
                Ok(Content(is_anthropics))
            }
        }
        deserializer.deserialize_any(Parts)
    }
}

/// Parts of messages that only Anthropic's dialect has.
const KINDS: [&str; 4] = ["tool_use", "tool_result", "thinking", "redacted_thinking"];

/// # Errors
/// The query names no endpoint that has a price.
pub(super) fn of(words: &str, headers: &HeaderMap, body: &[u8]) -> Result<Priced, Failure> {
    let (codec, tail): (&'static dyn Inbound, _) = match form(words, headers, body)? {
        Form::Native => (&Native, Tail::Defaults),
        Form::OpenAi => (&OpenAiChat, Tail::NamedOnly),
        Form::Anthropic => (&AnthropicMessages, Tail::NamedOnly),
        Form::Embeddings => return Ok(Priced::Vectors),
    };
    Ok(Priced::Answer(Dialect { codec, tail }))
}

fn form(words: &str, headers: &HeaderMap, body: &[u8]) -> Result<Form, Failure> {
    if let Some(named) = named(words)? {
        return Ok(named);
    }
    // What is no request of any dialect is told by the native one.
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    Ok(if body.input.is_some() && body.messages.is_none() {
        Form::Embeddings
    } else if headers.contains_key("anthropic-version") || body.is_anthropics() {
        Form::Anthropic
    } else if body.n.is_some() && !body.is_native() {
        Form::OpenAi
    } else {
        Form::Native
    })
}

fn named(words: &str) -> Result<Option<Form>, Failure> {
    let mut named = None;
    for (name, value) in url::form_urlencoded::parse(words.as_bytes()) {
        if name != "endpoint" {
            return Err(wrong(&name, "is not known: known is endpoint"));
        }
        named = Some(match &*value {
            "/v1/complete" => Form::Native,
            "/v1/chat/completions" => Form::OpenAi,
            "/v1/messages" => Form::Anthropic,
            "/v1/embeddings" => Form::Embeddings,
            _ => return Err(wrong(&name, ENDPOINTS)),
        });
    }
    Ok(named)
}

const ENDPOINTS: &str = "must be one of /v1/complete, /v1/chat/completions, /v1/messages and /v1/embeddings";

impl Body {
    fn is_anthropics(&self) -> bool {
        let Body { system, stop_sequences, thinking, cache_control, .. } = self;
        [system, stop_sequences, thinking, cache_control].into_iter().any(Option::is_some)
            || self.tools.iter().flatten().any(|tool| tool.input_schema.is_some())
            || self.messages.iter().flatten().any(|message| message.content.0)
    }

    fn is_native(&self) -> bool {
        let Body { provider, capability, team_id, fallback, .. } = self;
        [provider, capability, team_id, fallback].into_iter().any(Option::is_some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn told(words: &str, header: bool, body: &str) -> Option<Form> {
        let mut headers = HeaderMap::new();
        if header {
            let name = HeaderName::from_static("anthropic-version");
            headers.insert(name, HeaderValue::from_static("2023-06-01"));
        }
        form(words, &headers, body.as_bytes()).ok()
    }

    #[test]
    fn a_request_is_read_as_the_endpoint_would_that_it_is_for() {
        use Form::{Anthropic, Embeddings, Native, OpenAi};
        let said = r#""messages":[{"role":"user","content":"a"}]"#;
        let with = |more: &str| format!("{{{said}{more}}}");
        let part = |part: &str| format!(r#"{{"messages":[{{"role":"user","content":[{part}]}}]}}"#);
        for (words, header, body, want) in [
            ("", false, with(""), Some(Native)),
            ("", false, with(r#","model":"gpt-4o","max_tokens":5"#), Some(Native)),
            ("", false, with(r#","model":"gpt-4o","n":2"#), Some(OpenAi)),
            ("", false, with(r#","n":1,"provider":"openai""#), Some(Native)),
            ("", true, with(""), Some(Anthropic)),
            ("", false, with(r#","system":"b""#), Some(Anthropic)),
            ("", false, with(r#","thinking":{"type":"enabled","budget_tokens":1024}"#), Some(Anthropic)),
            ("", false, with(r#","tools":[{"name":"t","input_schema":{}}]"#), Some(Anthropic)),
            ("", false, with(r#","tools":[{"type":"function","function":{"name":"t"}}]"#), Some(Native)),
            (
                "",
                false,
                part(r#"{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}"#),
                Some(Anthropic),
            ),
            ("", false, part(r#"{"type":"tool_result","tool_use_id":"a"}"#), Some(Anthropic)),
            (
                "",
                false,
                part(r#"{"type":"image","source":{"type":"url","url":"https://a.example"}}"#),
                Some(Anthropic),
            ),
            (
                "",
                false,
                part(r#"{"type":"image_url","image_url":{"url":"https://a.example"}}"#),
                Some(Native),
            ),
            ("", false, r#"{"model":"text-embedding-3-small","input":"a"}"#.to_owned(), Some(Embeddings)),
            ("", false, "{".to_owned(), Some(Native)),
            ("endpoint=/v1/messages", false, with(""), Some(Anthropic)),
            ("endpoint=%2Fv1%2Fchat%2Fcompletions", true, with(""), Some(OpenAi)),
            ("endpoint=/v1/complete", true, with(""), Some(Native)),
            ("endpoint=/v1/embeddings", false, with(""), Some(Embeddings)),
            ("endpoint=/v1/models", false, with(""), None),
            ("dialect=openai", false, with(""), None),
        ] {
            assert_eq!(told(words, header, &body), want, "{words} {header} {body}");
        }
    }
}
