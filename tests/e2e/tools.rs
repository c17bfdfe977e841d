//! Tools, images, schemas and thinking through the whole gateway, to each provider, in each dialect and
//! delivery. The simulator checks every request as the provider would, so a wrong pairing is a 400 here.

use crate::client::{CHAT_WAYS, Delivery, Dialect, Reply};
use crate::gateway::{Gateway, Setup};
use gateway_simulator::Provider;
use reqwest::Method;
use serde_json::{Value, json};

/// A model of each provider that can do all of it, named so that this provider is asked.
const ROUTES: [(Provider, &str); 4] = [
    (Provider::OpenAi, "openai/gpt-4o"),
    (Provider::AzureOpenAi, "azure_openai/gpt-4o"),
    (Provider::Anthropic, "anthropic/claude-opus-4-6"),
    (Provider::Gemini, "gemini/gemini-2.5-pro"),
];

/// One pixel.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn tools() -> Value {
    let tool = |name: &str| {
        json!({"type": "function", "function": {"name": name, "description": "The weather of a city.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}})
    };
    json!([tool("get_weather"), tool("get_forecast")])
}

async fn ask(gateway: &Gateway, dialect: Dialect, delivery: Delivery, mut body: Value) -> Reply {
    body["stream"] = (delivery == Delivery::Stream).into();
    if dialect == Dialect::Native {
        body["fallback"] = false.into();
    }
    let request = gateway.request(Method::POST, dialect.path()).header("x-gateway-fallback", "off");
    Reply::of(request.json(&body)).await
}

/// The calls of an answer as OpenAI's messages carry them, however it was delivered, and its finish reason.
fn calls(dialect: Dialect, reply: &Reply) -> (Vec<Value>, String) {
    assert_eq!(reply.status, 200, "{}", reply.text());
    if !reply.is_stream() {
        let body = reply.json();
        let (holder, reason) = if dialect == Dialect::OpenAi {
            (&body["choices"][0]["message"], &body["choices"][0]["finish_reason"])
        } else {
            (&body, &body["finish_reason"])
        };
        let calls = holder["tool_calls"].as_array().cloned().unwrap_or_default();
        return (calls, reason.as_str().expect("a reason").to_owned());
    }
    let (mut calls, mut reason) = (Vec::<Value>::new(), String::new());
    for event in reply.events() {
        let Ok(data) = serde_json::from_str::<Value>(&event.data) else { continue };
        match dialect {
            Dialect::Native if event.name == "tool_call" => {
                assert_eq!(data["index"], calls.len());
                let function = json!({"name": data["name"], "arguments": data["arguments"]});
                calls.push(json!({"id": data["id"], "type": "function", "function": function}));
            }
            Dialect::Native if event.name == "done" => {
                reason = data["finish_reason"].as_str().expect("a reason").to_owned();
            }
            Dialect::Native | Dialect::Anthropic => {}
            Dialect::OpenAi => {
                let choice = &data["choices"][0];
                reason.push_str(choice["finish_reason"].as_str().unwrap_or(""));
                for piece in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
                    join(&mut calls, piece);
                }
            }
        }
    }
    (calls, reason)
}

/// Joins a piece to its call, as OpenAI's SDKs do.
fn join(calls: &mut Vec<Value>, piece: &Value) {
    let index = usize::try_from(piece["index"].as_u64().expect("an index")).expect("small");
    if index == calls.len() {
        let mut begun = piece.clone();
        begun.as_object_mut().expect("an object").remove("index");
        calls.push(begun);
        return;
    }
    let arguments = &mut calls[index]["function"]["arguments"];
    let joined = format!(
        "{}{}",
        arguments.as_str().expect("text"),
        piece["function"]["arguments"].as_str().expect("text")
    );
    *arguments = joined.into();
}

/// A call's arguments: a string of JSON in OpenAI's dialect, an object in the native one.
fn arguments(dialect: Dialect, call: &Value) -> Value {
    let arguments = &call["function"]["arguments"];
    if dialect == Dialect::OpenAi {
        return serde_json::from_str(arguments.as_str().expect("a string")).expect("JSON");
    }
    arguments.clone()
}

#[tokio::test]
async fn a_tool_is_called_answered_and_spoken_of() {
    let gateway = Gateway::start().await;
    for (provider, model) in ROUTES {
        for (dialect, delivery) in CHAT_WAYS {
            for (text, names) in [
                ("What is the weather? say: Rome \"é\"", &["get_weather"][..]),
                ("The weather and both, say: Rome \"é\"", &["get_weather", "get_forecast"]),
            ] {
                let case = format!("{provider:?} {dialect:?} {delivery:?} {text}");
                let mut messages = vec![
                    json!({"role": "system", "content": "Be brief."}),
                    json!({"role": "user", "content": text}),
                ];
                let body = json!({"model": model, "messages": messages, "tools": tools()});
                let (made, reason) = calls(dialect, &ask(&gateway, dialect, delivery, body).await);
                let named: Vec<_> =
                    made.iter().map(|call| call["function"]["name"].as_str().expect("a name")).collect();
                assert_eq!((&named[..], reason.as_str()), (names, "tool_calls"), "{case}");
                for call in &made {
                    assert_eq!(arguments(dialect, call), json!({"city": "Rome \"é\""}), "{case}");
                    assert!(call["id"].as_str().is_some_and(|id| !id.is_empty()), "{case}: {call}");
                }
                messages.push(json!({"role": "assistant", "content": null, "tool_calls": made}));
                // In any order.
                for call in made.iter().rev() {
                    messages.push(
                        json!({"role": "tool", "tool_call_id": call["id"], "content": "{\"degrees\": 21}"}),
                    );
                }
                messages.push(json!({"role": "user", "content": "say: It is 21 degrees."}));
                let body = json!({"model": model, "messages": messages, "tools": tools()});
                let reply = ask(&gateway, dialect, delivery, body).await;
                assert_eq!(reply.status, 200, "{case}: {}", reply.text());
                assert_eq!(dialect.text(&reply), "It is 21 degrees.", "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_tool_may_be_forced_or_forbidden() {
    let gateway = Gateway::start().await;
    let named = json!({"type": "function", "function": {"name": "get_forecast"}});
    for (provider, model) in ROUTES {
        for (dialect, delivery) in CHAT_WAYS {
            for (choice, want) in [
                (json!("required"), Some("get_weather")),
                (named.clone(), Some("get_forecast")),
                (json!("none"), None),
                (json!("auto"), None),
            ] {
                let case = format!("{provider:?} {dialect:?} {delivery:?} {choice}");
                let body = json!({"model": model, "tools": tools(), "tool_choice": choice, "parallel_tool_calls": false,
                    "messages": [{"role": "user", "content": "say: hello"}]});
                let (made, _) = calls(dialect, &ask(&gateway, dialect, delivery, body).await);
                let made = made.first().map(|call| call["function"]["name"].as_str().expect("a name"));
                assert_eq!(made, want, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn an_answer_keeps_to_its_schema() {
    let gateway = Gateway::start().await;
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": false});
    for (provider, model) in ROUTES {
        for (dialect, delivery) in CHAT_WAYS {
            let case = format!("{provider:?} {dialect:?} {delivery:?}");
            let format = json!({"type": "json_schema", "json_schema": {"name": "city", "strict": true, "schema": schema}});
            let body = json!({"model": model, "response_format": format,
                "messages": [{"role": "user", "content": "Which city? say: Rome"}]});
            let reply = ask(&gateway, dialect, delivery, body).await;
            assert_eq!(reply.status, 200, "{case}: {}", reply.text());
            let read: Value = serde_json::from_str(&dialect.text(&reply)).expect("JSON");
            assert_eq!(read, json!({"city": "Rome"}), "{case}");
        }
    }
}

#[tokio::test]
async fn an_image_arrives_in_each_providers_own_form() {
    for (provider, model) in ROUTES {
        for (dialect, delivery) in CHAT_WAYS {
            let gateway = Gateway::start().await;
            let case = format!("{provider:?} {dialect:?} {delivery:?}");
            let url = format!("data:image/png;base64,{PNG}");
            let content = json!([{"type": "text", "text": "say: a pixel"}, {"type": "image_url", "image_url": {"url": url}}]);
            let body = json!({"model": model, "messages": [{"role": "user", "content": content}]});
            let reply = ask(&gateway, dialect, delivery, body).await;
            assert_eq!(reply.status, 200, "{case}: {}", reply.text());
            assert_eq!(dialect.text(&reply), "a pixel", "{case}");
            let sent = gateway.faults().requests().pop().expect("one request").body;
            let sent: Value = serde_json::from_str(&sent).expect("JSON");
            let image = match provider {
                Provider::OpenAi | Provider::AzureOpenAi => {
                    assert_eq!(sent["messages"][0]["content"][1]["image_url"]["url"], url, "{case}");
                    continue;
                }
                Provider::Anthropic => sent["messages"][0]["content"][1]["source"].clone(),
                Provider::Gemini => sent["contents"][0]["parts"][1]["inlineData"].clone(),
            };
            assert_eq!(image["data"], PNG, "{case}: {sent}");
        }
    }
}

#[tokio::test]
async fn a_candidate_that_cannot_is_none_and_the_last_one_names_the_field() {
    let gateway = Gateway::start().await;
    let hi = json!([{"role": "user", "content": "say: hi"}]);
    let audio = json!([{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]}]);
    for (fields, field) in [
        (json!({"messages": hi, "response_format": {"type": "json_object"}}), "response_format"),
        (json!({"messages": audio}), "messages"),
    ] {
        for (dialect, delivery) in CHAT_WAYS {
            let mut body = fields.clone();
            body["model"] = "anthropic/claude-opus-4-6".into();
            let reply = ask(&gateway, dialect, delivery, body).await;
            assert_eq!((reply.status, dialect.code(&reply.json())), (400, "unsupported"), "{fields}");
            let error = &reply.json()["error"];
            let named = if dialect == Dialect::OpenAi { &error["param"] } else { &error["field"] };
            assert_eq!(named, field, "{fields}");
        }
    }
    // Where another may answer, the first that can does.
    let body =
        json!({"messages": hi, "model": "claude-opus-4-6", "response_format": {"type": "json_object"}});
    let reply = gateway.post("/v1/complete", &body).await;
    assert_eq!(
        (reply.status, reply.json()["provider_used"].as_str()),
        (200, Some("openai")),
        "{}",
        reply.text()
    );
}

#[tokio::test]
async fn a_tier_without_a_price_is_not_asked_for() {
    // The last column: a project's own setting may be dearer, so that OpenAI is asked for what was reserved.
    for (model, tier, dropped, asked) in [
        ("openai/gpt-4o", "priority", "", Some("priority")),
        ("openai/gpt-4o", "flex", "service_tier", Some("default")),
        ("openai/gpt-4o", "default", "", Some("default")),
        ("openai/gpt-4o", "auto", "", Some("default")),
        ("openai/gpt-4", "auto", "", None),
        ("azure_openai/gpt-4o", "default", "", None),
        ("gemini/gemini-2.5-pro", "flex", "service_tier", None),
        ("gemini/gemini-2.5-pro", "auto", "", None),
    ] {
        let gateway = Gateway::start().await;
        let body = json!({"model": model, "service_tier": tier, "messages": [{"role": "user", "content": "say: hi"}]});
        let reply = ask(&gateway, Dialect::OpenAi, Delivery::Json, body).await;
        assert_eq!(
            (reply.status, reply.header("x-gateway-dropped-params")),
            (200, dropped),
            "{model}, {tier}: {}",
            reply.text()
        );
        let sent = gateway.faults().requests().pop().expect("one request").body;
        let sent: Value = serde_json::from_str(&sent).expect("JSON");
        assert_eq!(sent["service_tier"].as_str(), asked, "{model}, {tier}: {sent}");
    }
}

#[tokio::test]
async fn a_tier_that_was_not_asked_of_the_provider_makes_nothing_cheaper() {
    let gateway = Gateway::start().await;
    let mut told = Vec::new();
    for tier in ["auto", "flex"] {
        let body = json!({"model": "gemini/gemini-2.5-pro", "service_tier": tier, "max_tokens": 100,
            "messages": [{"role": "user", "content": "say: as much as ever"}]});
        let estimate = gateway.request(Method::POST, "/v1/estimate").json(&body);
        let bound = Reply::of(estimate).await.json()["bound_usd"].clone();
        let reply = ask(&gateway, Dialect::OpenAi, Delivery::Json, body).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        told.push((reply.header("x-gateway-cost-usd").to_owned(), bound));
    }
    assert_eq!(told[0], told[1], "flex is half the price, and Gemini was not asked for it");
}

#[tokio::test]
async fn what_a_model_thinks_is_shown_and_comes_back_signed() {
    let gateway = Setup::new().start().await;
    for delivery in [Delivery::Json, Delivery::Stream] {
        let mut messages = vec![json!({"role": "user", "content": "What is the weather? say: Rome"})];
        let body = json!({"model": "claude-sonnet-4-5", "messages": messages, "tools": tools(), "reasoning_effort": "low"});
        let reply = ask(&gateway, Dialect::OpenAi, delivery, body).await;
        let (made, _) = calls(Dialect::OpenAi, &reply);
        let (mut thought, mut blocks) = (String::new(), Vec::new());
        let pieces: Vec<Value> = if reply.is_stream() {
            let read = |data: &str| serde_json::from_str::<Value>(data).ok();
            reply
                .events()
                .iter()
                .filter_map(|event| read(&event.data))
                .map(|data| data["choices"][0]["delta"].clone())
                .collect()
        } else {
            vec![reply.json()["choices"][0]["message"].clone()]
        };
        for piece in &pieces {
            thought.push_str(piece["reasoning_content"].as_str().unwrap_or(""));
            blocks.extend(piece["thinking_blocks"].as_array().cloned().unwrap_or_default());
        }
        assert!(!thought.is_empty(), "{delivery:?}: {}", reply.text());
        assert_eq!(blocks.len(), 1, "{delivery:?}: {blocks:?}");
        assert_eq!(blocks[0]["thinking"], thought, "{delivery:?}");
        assert!(blocks[0]["signature"].as_str().is_some_and(|s| !s.is_empty()), "{delivery:?}");
        messages.push(
            json!({"role": "assistant", "content": null, "thinking_blocks": blocks, "tool_calls": made}),
        );
        messages.push(json!({"role": "tool", "tool_call_id": made[0]["id"], "content": "21"}));
        let body = json!({"model": "claude-sonnet-4-5", "messages": messages, "tools": tools(), "reasoning_effort": "low"});
        let reply = ask(&gateway, Dialect::OpenAi, delivery, body).await;
        assert_eq!(
            (reply.status, reply.header("x-gateway-dropped-params")),
            (200, ""),
            "{delivery:?}: {}",
            reply.text()
        );
        // Without its thought the loop goes on, without thinking, and says so.
        messages[1].as_object_mut().expect("an object").remove("thinking_blocks");
        let body = json!({"model": "claude-sonnet-4-5", "messages": messages, "tools": tools(), "reasoning_effort": "low"});
        let reply = ask(&gateway, Dialect::OpenAi, delivery, body).await;
        assert_eq!(
            (reply.status, reply.header("x-gateway-dropped-params")),
            (200, "reasoning_effort"),
            "{}",
            reply.text()
        );
    }
}
