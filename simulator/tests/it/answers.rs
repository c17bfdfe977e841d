//! What each provider answers, whole and streamed.

use gateway_simulator::Provider::{self, Anthropic, AzureOpenAi, Gemini, OpenAi};
use serde_json::{Value, json};

use crate::asks::{self, ask, call, stop, streamed_text, text};
use crate::client::{End, send};
use crate::simulator;

const HARD: &str = "say: quote \" slash \\ tab \t é 😀 漢字 [EMAIL_ADDRESS_1] </script>";

#[test]
fn text_comes_back_exactly_whole_and_streamed() {
    let simulator = simulator();
    let want = HARD.strip_prefix("say: ").unwrap();
    for provider in Provider::ALL {
        let whole = ask(&simulator, provider, HARD, false, &Value::Null);
        assert_eq!((whole.status, whole.end), (200, End::Whole), "{provider:?} {}", whole.text());
        assert_eq!(text(provider, &whole.json()), want, "{provider:?}");
        let streamed = ask(&simulator, provider, HARD, true, &Value::Null);
        assert!(streamed.header("content-type").unwrap().starts_with("text/event-stream"));
        assert_eq!(streamed_text(provider, &streamed.data()), want, "{provider:?}");
        assert_eq!(stop(provider, &streamed.data()), stop(provider, &[whole.json()]), "{provider:?}");
    }
}

#[test]
fn answers_look_like_answers_and_differ() {
    let simulator = simulator();
    for provider in Provider::ALL {
        let of =
            |question: &str| text(provider, &ask(&simulator, provider, question, false, &Value::Null).json());
        let first = of("How do I write a plan?");
        assert!(first.len() > 100 && !first.contains("plan?"), "{provider:?}: {first}");
        assert_eq!(first, of("How do I write a plan?"));
        assert!((0..20).any(|n| of(&format!("question {n}")) != first));
    }
}

#[test]
fn streams_are_framed_as_the_provider_frames_them() {
    let simulator = simulator();
    let raw =
        |provider, extra: Value| ask(&simulator, provider, "say: one two", true, &extra).text().to_owned();
    let openai = raw(OpenAi, json!({"stream_options": {"include_usage": true}}));
    assert!(openai.starts_with("data: {\"id\":\"chatcmpl-") && openai.ends_with("\n\ndata: [DONE]\n\n"));
    assert!(!openai.contains('\r'));
    let usage =
        openai.lines().rfind(|line| line.contains("\"choices\":[],\"usage\":{")).expect("a usage chunk");
    assert!(usage.contains("\"prompt_tokens\":"), "{usage}");
    assert_eq!(openai.matches("\"usage\":null").count(), 4, "role, two words, finish");
    assert!(!raw(OpenAi, Value::Null).contains("usage"), "only where asked for");

    let azure = raw(AzureOpenAi, Value::Null);
    let first = azure.lines().next().unwrap();
    assert!(first.contains("\"choices\":[]") && first.contains("prompt_filter_results"), "{first}");
    assert_eq!(azure.matches("\"content_filter_results\"").count(), 1 + 4);

    let anthropic = raw(Anthropic, Value::Null);
    let names: Vec<&str> = anthropic.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let want = [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(names, want);

    let gemini = raw(Gemini, Value::Null);
    assert!(gemini.ends_with("}\r\n\r\n") && !gemini.contains("[DONE]"));
    assert_eq!(gemini.matches('\n').count(), gemini.matches("\r\n").count());
    assert!(gemini.contains("\"usageMetadata\": {"));
}

#[test]
fn gemini_streams_an_array_without_alt_sse() {
    let simulator = simulator();
    let path = "/v1beta/models/gemini-2.0-flash:streamGenerateContent";
    let body = asks::body(Gemini, "words: 40", false, &Value::Null).to_string();
    let reply = send(&simulator, "POST", path, &[("x-goog-api-key", "k")], &body);
    assert!(reply.json().as_array().is_some_and(|events| events.len() > 2), "{}", reply.text());
}

#[test]
fn limits_and_stop_sequences_hold() {
    let simulator = simulator();
    let config = |config: Value| json!({"generationConfig": config});
    for (provider, extra, want_text, want_stop) in [
        (OpenAi, json!({"max_tokens": 1}), "abcd", "length"),
        (OpenAi, json!({"stop": "f"}), "abcde", "stop"),
        (AzureOpenAi, json!({"max_completion_tokens": 1}), "abcd", "length"),
        (Anthropic, json!({"max_tokens": 1}), "abcd", "max_tokens"),
        (Anthropic, json!({"stop_sequences": ["f"]}), "abcde", "stop_sequence"),
        (Gemini, config(json!({"maxOutputTokens": 1})), "abcd", "MAX_TOKENS"),
        (Gemini, config(json!({"stop_sequences": ["f"]})), "abcde", "STOP"),
    ] {
        let answer = ask(&simulator, provider, "say: abcdefgh", false, &extra).json();
        assert_eq!(text(provider, &answer), want_text, "{provider:?} {extra}");
        assert_eq!(stop(provider, std::slice::from_ref(&answer)), want_stop, "{provider:?} {extra}");
        let events = ask(&simulator, provider, "say: abcdefgh", true, &extra).data();
        assert_eq!(streamed_text(provider, &events), want_text, "{provider:?} {extra}");
        assert_eq!(stop(provider, &events), want_stop, "{provider:?} {extra}");
    }
}

#[test]
fn usage_counts_four_characters_a_token() {
    let simulator = simulator();
    let usage = |provider, extra: &Value| {
        let answer = ask(&simulator, provider, "say: 12345678", false, extra).json();
        [&answer["usage"], &answer["usageMetadata"]]
            .into_iter()
            .find(|usage| usage.is_object())
            .cloned()
            .unwrap()
    };
    let openai = usage(OpenAi, &Value::Null);
    assert_eq!(
        (&openai["prompt_tokens"], &openai["completion_tokens"], &openai["total_tokens"]),
        (&json!(11), &json!(2), &json!(13))
    );
    assert_eq!(usage(Anthropic, &Value::Null)["output_tokens"], 2);
    assert_eq!(usage(Gemini, &Value::Null)["candidatesTokenCount"], 2);
    let thinking = usage(OpenAi, &json!({"model": "o4-mini"}));
    assert_eq!(thinking["completion_tokens"], 66, "thoughts are inside");
    assert_eq!(thinking["completion_tokens_details"]["reasoning_tokens"], 64);
}

#[test]
fn gemini_counts_thoughts_outside_and_drops_parts_without_text() {
    let simulator = simulator();
    let ask = |text: &str, config: Value| {
        let body = asks::body(Gemini, text, false, &json!({"generationConfig": config})).to_string();
        let path = "/v1beta/models/gemini-2.5-pro:generateContent";
        send(&simulator, "POST", path, &[("x-goog-api-key", "k")], &body).json()
    };
    let usage = ask("say: 12345678", json!({}))["usageMetadata"].clone();
    assert_eq!((&usage["candidatesTokenCount"], &usage["thoughtsTokenCount"]), (&json!(2), &json!(64)));
    let spent = ask("think: 99\nsay: hi", json!({"maxOutputTokens": 20}));
    assert_eq!(spent["candidates"][0]["content"], json!({"role": "model"}));
    assert_eq!(spent["usageMetadata"]["candidatesTokenCount"], Value::Null);
    assert_eq!(spent["usageMetadata"]["thoughtsTokenCount"], 20);
    let shown = ask("say: hi", json!({"thinkingConfig": {"includeThoughts": true}}));
    assert_eq!(shown["candidates"][0]["content"]["parts"][0]["thought"], true);
}

/// The tools `weather` and `time`, chosen freely or by force, in the provider's own words.
fn tools(provider: Provider, forced: bool) -> Value {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    match provider {
        OpenAi | AzureOpenAi => {
            let tool = |name| json!({"type": "function", "function": {"name": name, "parameters": schema}});
            json!({"tools": [tool("weather"), tool("time")], "tool_choice": if forced { "required" } else { "auto" }})
        }
        Anthropic => {
            let tool = |name| json!({"name": name, "input_schema": schema});
            let choice = if forced { "any" } else { "auto" };
            json!({"tools": [tool("weather"), tool("time")], "tool_choice": {"type": choice}})
        }
        Gemini => {
            let tool = |name| json!({"name": name, "parameters": schema});
            let mode = if forced { "ANY" } else { "AUTO" };
            json!({"tools": [{"functionDeclarations": [tool("weather"), tool("time")]}],
                "toolConfig": {"functionCallingConfig": {"mode": mode}}})
        }
    }
}

#[test]
fn tools_are_called_whole_and_streamed() {
    let simulator = simulator();
    for provider in Provider::ALL {
        for (case, text, forced, city) in [
            ("by the word", "What is the weather?", false, "Berlin"),
            ("by force", "Hello", true, "Berlin"),
            ("with the prompt's words", "weather for\nsay: [CITY_1] \"x\"", false, "[CITY_1] \"x\""),
        ] {
            let want = ("weather".to_owned(), json!({"city": city}));
            let whole = ask(&simulator, provider, text, false, &tools(provider, forced));
            assert_eq!(call(provider, &[whole.json()]), want, "{provider:?} {case}");
            let events = ask(&simulator, provider, text, true, &tools(provider, forced)).data();
            assert_eq!(call(provider, &events), want, "{provider:?} {case}, streamed");
        }
        let plain = ask(&simulator, provider, "Hello", false, &tools(provider, false)).json();
        assert!(!text(provider, &plain).is_empty(), "{provider:?}: merely offered");
    }
}

#[test]
fn schemas_are_met() {
    let simulator = simulator();
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": false});
    let openai = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": schema}}});
    for (provider, extra) in [
        (OpenAi, openai.clone()),
        (AzureOpenAi, openai),
        (Anthropic, json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}})),
        (
            Gemini,
            json!({"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": schema}}),
        ),
    ] {
        let answer = ask(&simulator, provider, "A number, please", false, &extra).json();
        assert_eq!(text(provider, &answer), r#"{"n":7}"#, "{provider:?}");
    }
}

#[test]
fn images_are_accepted() {
    let simulator = simulator();
    let pixel = "iVBORw0KGgo=";
    let openai = json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "say: seen"},
        {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{pixel}")}}]}]});
    for (provider, extra) in [
        (OpenAi, openai.clone()),
        (AzureOpenAi, openai),
        (
            Anthropic,
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "say: seen"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": pixel}}]}]}),
        ),
        (
            Gemini,
            json!({"contents": [{"parts": [{"text": "say: seen"},
            {"inlineData": {"mimeType": "image/png", "data": pixel}}]}]}),
        ),
    ] {
        let answer = ask(&simulator, provider, "", false, &extra).json();
        assert_eq!(text(provider, &answer), "seen", "{provider:?} {answer}");
    }
}

#[test]
fn anthropic_thinks_aloud_and_knows_its_own_signature() {
    let simulator = simulator();
    let extra = json!({"thinking": {"type": "adaptive"}});
    let content = ask(&simulator, Anthropic, "say: hi", false, &extra).json()["content"].clone();
    assert_eq!((&content[0]["type"], &content[1]["text"]), (&json!("thinking"), &json!("hi")));
    let events = ask(&simulator, Anthropic, "say: hi", true, &extra).data();
    assert!(events.iter().any(|event| event["delta"]["signature"] == content[0]["signature"]));
    let again = |content: &Value| {
        let messages = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": content}, {"role": "user", "content": "say: b"}]);
        ask(&simulator, Anthropic, "", false, &json!({"messages": messages})).status
    };
    assert_eq!(again(&content), 200);
    let mut changed = content;
    changed[0]["thinking"] = json!("something else");
    assert_eq!(again(&changed), 400);
}

#[test]
fn models_are_listed() {
    let reply = send(&simulator(), "GET", "/v1/models", &[("authorization", "Bearer k")], "");
    assert_eq!(reply.json()["data"][0]["id"], "gpt-4o");
}
