//! What only its provider can read goes back as it came.

use super::asked;
use serde_json::{Value, json};

#[test]
fn what_is_opaque_is_no_words() {
    let said = |message: Value| {
        let mut body = json!({"messages": [{"role": "assistant", "content": "b"}]});
        body["messages"][0]
            .as_object_mut()
            .expect("it is one")
            .extend(message.as_object().cloned().unwrap_or_default());
        body
    };
    let signed = |text: &str| {
        said(json!({"thinking_blocks": [{"type": "thinking", "thinking": "a", "signature": text}]}))
    };
    let redacted =
        |text: &str| said(json!({"thinking_blocks": [{"type": "redacted_thinking", "data": text}]}));
    let thought = |text: &str| {
        said(json!({"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": text}}}]}))
    };
    for (field, body) in [
        ("thinking_blocks[0].signature", &signed as &dyn Fn(&str) -> Value),
        ("thinking_blocks[0].data", &redacted),
        ("tool_calls[0].extra_content.google.thought_signature", &thought),
    ] {
        for code in ["EqQBCgIYAhIM/+==", "a-b_c", "skip_thought_signature_validator", ""] {
            assert!(asked(&body(code).to_string()).is_ok(), "{field} {code}");
        }
        for words in ["my SSN is 536-90-4399", "ann@example.org", "a\u{200b}b"] {
            assert_eq!(
                asked(&body(words).to_string()).expect_err("words").to_string(),
                format!("`messages[0].{field}`: is not as its provider gave it: send the block as it came")
            );
        }
    }
}
