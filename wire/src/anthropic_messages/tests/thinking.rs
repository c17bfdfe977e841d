//! How much the model may think, and thoughts of earlier turns.

use super::*;

/// Thinks on a budget.
fn older() -> Target<'static> {
    let mut target = target("claude-sonnet-4-5");
    target.abilities.learn(Ability::Reasoning, true);
    target
}

/// Thinks by effort; the newest take no budget.
fn newer(model: &'static str, efforts: &[Effort]) -> Target<'static> {
    let mut target = target(model);
    target.abilities.learn(Ability::Reasoning, true);
    efforts.iter().for_each(|effort| target.efforts.learn(*effort, true));
    target
}

fn caller(fields: Value) -> Conversation {
    let mut body = json!({"messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
    Inbound::decode(&AnthropicMessages, &body.to_string().into()).expect("a request").conversation
}

const LOST: &[&str] = &["reasoning_effort"];

#[test]
fn a_model_is_told_as_it_takes_it() {
    let opus = newer("claude-opus-4-6", &[Effort::Max]);
    let newest = newer("claude-opus-5", &[Effort::Max, Effort::ExtraHigh]);
    let always = newer("claude-fable-5", &[Effort::Max, Effort::ExtraHigh]);
    let small = Target { output_bound: 1_000, ..older() };
    let narrow = Target { output_bound: 2_000, ..older() };
    let mut dull = target("claude-3-haiku");
    dull.abilities.learn(Ability::Reasoning, false);
    let effort = |level: &str| {
        openai(json!({"messages": [{"role": "user", "content": "hi"}], "reasoning_effort": level}))
    };
    let budget = |tokens: u64| caller(json!({"thinking": {"type": "enabled", "budget_tokens": tokens}}));
    let adaptive = caller(json!({"thinking": {"type": "adaptive"}}));
    let enabled = |tokens: u64| json!({"type": "enabled", "budget_tokens": tokens});
    let free = json!({"type": "adaptive"});
    let shown = json!({"type": "adaptive", "display": "summarized"});
    let off = json!({"type": "disabled"});
    let null = Value::Null;
    for (case, asked, target, thinking, level, dropped) in [
        ("no wish", caller(json!({})), opus, null.clone(), null.clone(), &[][..]),
        ("low on a budget", effort("low"), older(), enabled(2_048), null.clone(), &[]),
        ("high within the bound", effort("high"), older(), enabled(6_144), null.clone(), &[]),
        ("a bound near the least budget", effort("high"), narrow, enabled(1_500), null.clone(), &[]),
        ("a bound under the least budget", effort("high"), small, null.clone(), null.clone(), LOST),
        ("none on a budget", effort("none"), older(), null.clone(), null.clone(), &[]),
        ("a budget", budget(4_096), older(), enabled(4_096), null.clone(), &[]),
        ("a budget over the bound", budget(9_000), older(), enabled(8_191), null.clone(), LOST),
        ("adaptive on a budget", adaptive.clone(), older(), enabled(6_144), null.clone(), LOST),
        ("minimal", effort("minimal"), opus, free.clone(), json!("low"), LOST),
        ("medium", effort("medium"), opus, free.clone(), json!("medium"), &[]),
        ("a level that it lacks", effort("xhigh"), opus, free.clone(), json!("high"), LOST),
        ("a budget, which it still takes", budget(4_096), opus, enabled(4_096), null.clone(), &[]),
        ("none, told", effort("none"), opus, off.clone(), null.clone(), &[]),
        ("the newest", effort("xhigh"), newest, shown.clone(), json!("xhigh"), &[]),
        ("the newest with a budget", budget(4_096), newest, shown.clone(), null.clone(), LOST),
        ("adaptive", adaptive, newest, shown, null.clone(), &[]),
        ("one that cannot be kept from it", effort("none"), always, null.clone(), null.clone(), LOST),
        ("one that does not think", effort("high"), dull, null.clone(), null.clone(), LOST),
        ("one that does not think anyway", effort("none"), dull, null.clone(), null.clone(), &[]),
    ] {
        let (body, names) = encoded(&asked, &target);
        assert_eq!(body["thinking"], thinking, "{case}");
        assert_eq!(body["output_config"]["effort"], level, "{case}");
        assert_eq!(names, dropped, "{case}");
    }
}

#[test]
fn what_clashes_with_thinking_gives_way_and_is_named() {
    let opus = newer("claude-opus-4-6", &[Effort::Max]);
    let user = json!([{"role": "user", "content": "hi"}]);
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let calls = json!([{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
    let resumed = |more: Value| {
        let mut assistant = json!({"role": "assistant", "content": "so", "tool_calls": calls});
        assistant.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json!([user[0], assistant, {"role": "tool", "tool_call_id": "a", "content": "1"}])
    };
    let signed = json!({"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}]});
    let (on, off, none) = (json!("enabled"), json!("disabled"), Value::Null);
    for (case, target, fields, kind, dropped) in [
        (
            "a forced tool",
            older(),
            json!({"tool_choice": "required"}),
            none.clone(),
            vec!["reasoning_effort"],
        ),
        (
            "a forced tool of a newer model",
            opus,
            json!({"tool_choice": "required"}),
            off,
            vec!["reasoning_effort"],
        ),
        ("a free choice", older(), json!({"tool_choice": "auto"}), on.clone(), vec![]),
        ("temperature", older(), json!({"temperature": 0.5}), on.clone(), vec!["temperature"]),
        ("temperature of 1", older(), json!({"temperature": 1}), on.clone(), vec![]),
        ("top_p", older(), json!({"top_p": 0.9}), on.clone(), vec!["top_p"]),
        ("a high top_p and top_k", older(), json!({"top_p": 0.97, "top_k": 3}), on.clone(), vec!["top_k"]),
        (
            "results without the thought",
            older(),
            json!({"messages": resumed(json!({}))}),
            none,
            vec!["reasoning_effort"],
        ),
        ("results with it", older(), json!({"messages": resumed(signed)}), on, vec![]),
        // "When using adaptive thinking, previous assistant turns don't need to start with thinking blocks."
        ("a newer model's", opus, json!({"messages": resumed(json!({}))}), json!("adaptive"), vec![]),
    ] {
        let mut request = json!({"messages": user, "tools": tools, "reasoning_effort": "high"});
        request.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        let (body, names) = encoded(&openai(request), &target);
        assert_eq!(body["thinking"]["type"], kind, "{case}");
        assert_eq!(names, dropped, "{case}");
    }
}

#[test]
fn thoughts_of_its_own_go_back_byte_for_byte_and_no_others() {
    let body = r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[
        {"type":"thinking","thinking":"h\u006d \/","signature":"s\/="},
        {"type":"redacted_thinking","data":"x\/y"},
        {"type":"thinking","thinking":"another's","signature":""},
        {"type":"text","text":"b"}]},{"role":"user","content":"c"}]}"#;
    let asked = Inbound::decode(&AnthropicMessages, &Bytes::from_static(body.as_bytes())).expect("a request");
    let call = AnthropicMessages.encode(&asked.conversation, &older());
    let sent = String::from_utf8(call.body).expect("UTF-8");
    for block in [
        r#"{"type":"thinking","thinking":"h\u006d \/","signature":"s\/="}"#,
        r#"{"type":"redacted_thinking","data":"x\/y"}"#,
    ] {
        assert!(sent.contains(block), "{sent}");
    }
    assert!(!sent.contains("another's"));
    assert_eq!(call.dropped, ["messages.thinking_blocks"]);
}
