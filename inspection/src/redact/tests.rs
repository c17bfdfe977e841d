use super::*;
use crate::restore::{Mode, Restorer};
use gateway_core::conversation::{
    Arguments, Content, Conversation, Hint, Part, RawJson, Role, Text, Thinking, Tool, ToolCall, ToolResult,
    Turn,
};
use gateway_core::ids::ProviderKind;
use proptest::prelude::*;
use regex::Regex;
use std::sync::{Arc, LazyLock};

mod addresses;

/// A detector that is easily foreseen: addresses, long runs of digits, and what is called a key.
fn scan(text: &str, found: &mut Vec<Finding>) {
    static KINDS: LazyLock<[(Kind, Regex); 3]> = LazyLock::new(|| {
        [
            (Kind::EMAIL_ADDRESS, r"[a-z.]+@[a-z.]+[a-z]"),
            (Kind::US_SSN, r"[0-9]{7,}"),
            (Kind::SECRET, "key=[^ ,\u{1e}]+"),
        ]
        .map(|(kind, pattern)| (kind, Regex::new(pattern).expect("it is a pattern")))
    });
    for (kind, pattern) in KINDS.iter() {
        found.extend(pattern.find_iter(text).map(|hit| Finding::new(*kind, hit.range(), 80)));
    }
}

fn with_policy(conversation: &mut Conversation, policy: &Policy) -> Result<Redacted, Refused> {
    let rules = Rules { scan: &scan, policy, hash_key: &HashKey::new(vec![7; 32]) };
    redact(&mut conversation.leaves(), rules, &[])
}

fn redacted(conversation: &mut Conversation) -> Redacted {
    with_policy(conversation, &Policy::default()).expect("nothing in it is refused")
}

fn turn(role: Role, contents: Vec<Content>) -> Turn {
    Turn { role, parts: contents.into_iter().map(Part::new).collect(), name: None }
}

fn text(plain: &str) -> Content {
    Content::Text(Text::new(plain))
}

fn said(role: Role, plain: &str) -> Turn {
    turn(role, vec![text(plain)])
}

fn talk(turns: Vec<Turn>) -> Conversation {
    Conversation { turns, ..Conversation::default() }
}

/// What a turn's texts say.
fn words(conversation: &Conversation, turn: usize) -> String {
    let parts = conversation.turns[turn].parts.iter();
    parts.filter_map(Part::as_text).map(|text| text.decoded().into_owned()).collect::<Vec<_>>().join("|")
}

fn call(arguments: Arguments) -> Content {
    Content::ToolCall(ToolCall {
        id: Some(Text::new("c1")),
        name: Text::new("send"),
        arguments,
        signature: None,
    })
}

fn arguments(conversation: &Conversation, turn: usize) -> String {
    match &conversation.turns[turn].parts[0].content {
        Content::ToolCall(ToolCall { arguments: Arguments::Object(json), .. }) => {
            String::from_utf8_lossy(json.json()).into_owned()
        }
        Content::ToolCall(ToolCall { arguments: Arguments::Encoded(text), .. }) => {
            text.decoded().into_owned()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_are_numbered_in_the_order_of_system_tools_and_turns() {
    let mut conversation = talk(vec![
        said(Role::System, "write to sys@x.org"),
        said(Role::User, "I am ann@x.org, not tool@x.org; 1234567"),
        said(Role::Assistant, "hello ann@x.org"),
    ]);
    conversation.tools = vec![Tool {
        name: Text::new("send"),
        description: Some(Text::new("as tool@x.org")),
        parameters: None,
        strict: None,
        cache: None,
    }];
    let found = redacted(&mut conversation);
    assert_eq!(words(&conversation, 0), "write to [EMAIL_ADDRESS_1]");
    assert_eq!(words(&conversation, 1), "I am [EMAIL_ADDRESS_3], not [EMAIL_ADDRESS_2]; [US_SSN_1]");
    assert_eq!(words(&conversation, 2), "hello [EMAIL_ADDRESS_3]");
    assert_eq!(found.summary.by_type, [(Kind::EMAIL_ADDRESS, 5), (Kind::US_SSN, 1)].into());
    assert_eq!(found.summary.action, Some(Action::Redact));
}

#[test]
fn what_one_turn_shows_to_be_a_value_is_replaced_in_all() {
    let mut conversation = talk(vec![
        said(Role::User, "hunter22 and xhunter22x"),
        said(Role::User, "key=hunter22"),
        said(Role::User, "the rest"),
    ]);
    let mut secret = talk(vec![said(Role::User, "hunter22")]);
    redacted(&mut secret);
    redacted(&mut conversation);
    assert_eq!(words(&secret, 0), "hunter22", "by itself it is nothing");
    assert_eq!(words(&conversation, 1), "[SECRET_1]");
    assert_eq!(words(&conversation, 0), "hunter22 and xhunter22x", "the value is `key=hunter22`");
}

#[test]
fn a_conversation_that_grows_keeps_its_bytes_and_numbers() {
    let first = || {
        vec![
            said(Role::User, "I am ann@x.org [EMAIL_ADDRESS_1]"),
            turn(Role::Assistant, vec![call(Arguments::Object(RawJson::new(r#"{"n":1234567}"#.into())))]),
            said(Role::User, "and bob@x.org"),
        ]
    };
    let mut short = talk(first());
    redacted(&mut short);
    let mut turns = first();
    turns.push(said(Role::Developer, "cy@x.org, ann@x.org"));
    turns.push(said(Role::User, "[SECRET_4] key=abc"));
    let mut long = talk(turns);
    redacted(&mut long);
    for index in [0, 2] {
        assert_eq!(words(&short, index), words(&long, index));
    }
    assert_eq!(arguments(&short, 1), arguments(&long, 1));
    assert_eq!(words(&short, 0), "I am [EMAIL_ADDRESS_1] [TEXT_1]");
    assert_eq!(words(&long, 3), "[EMAIL_ADDRESS_3], [EMAIL_ADDRESS_1]");
}

#[test]
fn a_value_cut_by_two_parts_is_cut_there() {
    let mut conversation = talk(vec![turn(Role::User, vec![text("to ann@x"), text(".org now")])]);
    redacted(&mut conversation);
    assert_eq!(words(&conversation, 0), "to [EMAIL_ADDRESS_1]|[EMAIL_ADDRESS_2] now");
}

#[test]
fn documents_stay_documents() {
    for (case, json, want) in [
        ("strings", r#"{ "to" : ["ann@x.org"] }"#, r#"{ "to" : ["[EMAIL_ADDRESS_1]"] }"#),
        ("a number", r#"{"n":-12345678, "m":1}"#, r#"{"n":"[US_SSN_1]", "m":1}"#),
        ("an escape", r#"{"to":"a\u006e\u006e@x.org","b":"\/"}"#, r#"{"to":"[EMAIL_ADDRESS_1]","b":"\/"}"#),
        (
            "a document within",
            r#"{"body":"{\"to\":\"ann@x.org\",\"n\":12345678}"}"#,
            r#"{"body":"{\"to\":\"[EMAIL_ADDRESS_1]\",\"n\":\"[US_SSN_1]\"}"}"#,
        ),
    ] {
        for encoded in [false, true] {
            let arguments_of = |json: &str| match encoded {
                true => Arguments::Encoded(Text::new(json)),
                false => Arguments::Object(RawJson::new(json.to_owned().into())),
            };
            let mut conversation = talk(vec![turn(Role::Assistant, vec![call(arguments_of(json))])]);
            redacted(&mut conversation);
            let out = arguments(&conversation, 0);
            assert_eq!(out, want, "{case}");
            serde_json::from_str::<serde_json::Value>(&out).expect("it is still JSON");
        }
    }
}

#[test]
fn keys_and_identifiers_are_hashed_and_names_refused() {
    let mut conversation = talk(vec![turn(
        Role::Assistant,
        vec![call(Arguments::Object(RawJson::new(r#"{"ann@x.org":"ann@x.org"}"#.into())))],
    )]);
    conversation.sampling.user = Some(Text::new("ann@x.org"));
    conversation.sampling.hints =
        vec![Hint { name: "prompt_cache_key", json: bytes::Bytes::from_static(b"\"ann@x.org\"") }];
    redacted(&mut conversation);
    let out = arguments(&conversation, 0);
    assert!(out.starts_with("{\"[EMAIL_ADDRESS:") && out.ends_with("]\":\"[EMAIL_ADDRESS_1]\"}"), "{out}");
    let user = conversation.sampling.user.expect("it is there").decoded().into_owned();
    assert!(user.starts_with("[EMAIL_ADDRESS:"), "{user}");
    assert!(conversation.sampling.hints[0].json.starts_with(b"\"[EMAIL_ADDRESS:"));

    let schema = |json: &'static str| Tool {
        name: Text::new("send"),
        description: None,
        parameters: Some(RawJson::new(json.into())),
        strict: None,
        cache: None,
    };
    let mut named = talk(vec![said(Role::User, "hello")]);
    named.tools = vec![schema(r#"{"properties":{"ann@x.org":{"type":"string"}}}"#)];
    let refused = with_policy(&mut named, &Policy::default()).expect_err("a name can't be replaced");
    assert_eq!(refused, Refused::Name { field: "tools", kinds: vec![Kind::EMAIL_ADDRESS] });
    named.tools = vec![schema(r#"{"properties":{"to":{"description":"as ann@x.org"}}}"#)];
    redacted(&mut named);
    let schema = named.tools[0].parameters.as_ref().expect("it is there");
    assert_eq!(schema.json(), br#"{"properties":{"to":{"description":"as [EMAIL_ADDRESS_1]"}}}"#);
}

/// A number is one where it is said to be, and nowhere else.
fn scan_said(text: &str, found: &mut Vec<Finding>) {
    const WORD: &str = "my number is ";
    found.extend(text.match_indices(WORD).map(|(at, _)| {
        let start = at + WORD.len();
        let length = text[start..].bytes().take_while(u8::is_ascii_digit).count();
        Finding::new(Kind::US_SSN, start..start + length, 80)
    }));
}

#[test]
fn a_name_is_refused_for_what_a_later_message_alone_makes_known() {
    let offered = |name: &str, property: &str| {
        let schema = format!(r#"{{"properties":{{"{property}":{{}}}}}}"#);
        let mut conversation = talk(vec![]);
        conversation.tools = vec![Tool {
            name: Text::new(name),
            description: None,
            parameters: Some(RawJson::new(schema.into())),
            strict: None,
            cache: None,
        }];
        conversation
    };
    let called = talk(vec![turn(
        Role::Assistant,
        vec![Content::ToolCall(ToolCall {
            id: Some(Text::new("c1")),
            name: Text::new("lookup_536904399"),
            arguments: Arguments::Encoded(Text::new("{}")),
            signature: None,
        })],
    )]);
    for (case, mut conversation, field) in [
        ("a tool's name", offered("lookup_536904399", "id"), Some("tools")),
        ("a property", offered("lookup", "acct_536904399"), Some("tools")),
        ("an older call", called, Some("messages")),
        ("none of them", offered("lookup", "id"), None),
    ] {
        conversation.turns.push(said(Role::User, "my number is 536904399"));
        let rules =
            Rules { scan: &scan_said, policy: &Policy::default(), hash_key: &HashKey::new(vec![7; 32]) };
        let result = redact(&mut conversation.leaves(), rules, &[]);
        let want = field.map(|field| Refused::Name { field, kinds: vec![Kind::US_SSN] });
        assert_eq!(result.err(), want, "{case}");
        let last = conversation.turns.len() - 1;
        let left = if field.is_some() { "my number is 536904399" } else { "my number is [US_SSN_1]" };
        assert_eq!(words(&conversation, last), left, "{case}");
    }
}

#[test]
fn what_is_hashed_or_masked_is_so_wherever_else_it_stands() {
    for (action, want) in
        [(Action::Mask, "*******99"), (Action::Hash, "[US_SSN:"), (Action::Redact, "[US_SSN_1]")]
    {
        let policy = Policy { actions: [(Kind::US_SSN, action)].into(), ..Policy::default() };
        let rules = Rules { scan: &scan_said, policy: &policy, hash_key: &HashKey::new(vec![7; 32]) };
        let mut conversation = talk(vec![
            said(Role::User, "look up 536904399"),
            said(Role::User, "my number is 536904399, 536904399"),
        ]);
        let found = redact(&mut conversation.leaves(), rules, &[]).expect("nothing is refused");
        assert_eq!(found.summary.by_type, [(Kind::US_SSN, 3)].into(), "{action:?}");
        let all = [words(&conversation, 0), words(&conversation, 1)].concat();
        assert!(!all.contains("536904399") && all.matches(want).count() == 3, "{all}");
    }
    // A key is hashed whatever the policy says; the same value elsewhere is replaced as it says.
    let mut keyed = talk(vec![
        said(Role::User, "look up 536904399"),
        turn(
            Role::Assistant,
            vec![call(Arguments::Object(RawJson::new(r#"{"my number is 536904399":1}"#.into())))],
        ),
    ]);
    let rules = Rules { scan: &scan_said, policy: &Policy::default(), hash_key: &HashKey::new(vec![7; 32]) };
    redact(&mut keyed.leaves(), rules, &[]).expect("nothing is refused");
    assert_eq!(words(&keyed, 0), "look up [US_SSN_1]");
    assert!(arguments(&keyed, 1).starts_with(r#"{"my number is [US_SSN:"#), "{}", arguments(&keyed, 1));
}

#[test]
fn each_action_does_what_it_says() {
    let policy = |action| Policy { actions: [(Kind::US_SSN, action)].into(), ..Policy::default() };
    for (action, want) in [
        (Action::Redact, "no [US_SSN_1] of [EMAIL_ADDRESS_1]"),
        (Action::Allow, "no 123456789 of [EMAIL_ADDRESS_1]"),
        (Action::Mask, "no *******89 of [EMAIL_ADDRESS_1]"),
    ] {
        let mut conversation = talk(vec![said(Role::User, "no 123456789 of ann@x.org")]);
        with_policy(&mut conversation, &policy(action)).expect("nothing is refused");
        assert_eq!(words(&conversation, 0), want);
    }
    let mut conversation = talk(vec![said(Role::User, "no 123456789")]);
    let found = with_policy(&mut conversation, &policy(Action::Hash)).expect("nothing is refused");
    assert!(words(&conversation, 0).starts_with("no [US_SSN:"));
    assert!(found.vault.is_empty(), "a hash does not come back");
    let mut conversation = talk(vec![said(Role::User, "no 123456789 of ann@x.org")]);
    let refused = with_policy(&mut conversation, &policy(Action::Block)).expect_err("it is blocked");
    assert_eq!(refused, Refused::Blocked { kinds: vec![Kind::US_SSN] });
    assert!(!refused.to_string().contains("123456789"));
    assert_eq!(words(&conversation, 0), "no 123456789 of ann@x.org", "it stays as it was");
}

#[test]
fn signed_thinking_is_opaque_and_unsigned_is_not() {
    let thought = |signature: Option<&str>| {
        Content::Thinking(Thinking {
            origin: ProviderKind::Anthropic,
            text: Text::new("ann@x.org"),
            signature: signature.map(Text::new),
            redacted: None,
        })
    };
    let mut conversation = talk(vec![turn(Role::Assistant, vec![thought(Some("s")), thought(None)])]);
    redacted(&mut conversation);
    let texts: Vec<String> = conversation.turns[0]
        .parts
        .iter()
        .map(|part| match &part.content {
            Content::Thinking(thinking) => thinking.text.decoded().into_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts, ["ann@x.org", "[EMAIL_ADDRESS_1]"]);
}

#[test]
fn an_attached_file_is_searched_or_told() {
    use gateway_core::conversation::{Media, Source};
    let file = |media_type: &str, data: &[u8]| {
        use base64::Engine as _;
        let data = base64::engine::general_purpose::STANDARD.encode(data).into();
        Media { source: Source::Base64 { media_type: media_type.to_owned(), data }, name: None, detail: None }
    };
    let mut conversation =
        talk(vec![turn(Role::User, vec![Content::Document(file("text/plain", b"to ann@x.org"))])]);
    redacted(&mut conversation);
    let want = file("text/plain", b"to [EMAIL_ADDRESS_1]");
    match (&conversation.turns[0].parts[0].content, want.source) {
        (
            Content::Document(Media { source: Source::Base64 { data, .. }, .. }),
            Source::Base64 { data: want, .. },
        ) => {
            assert_eq!(*data, want);
        }
        other => panic!("{other:?}"),
    }
    let mut pdf = talk(vec![turn(Role::User, vec![Content::Document(file("application/pdf", b"%PDF"))])]);
    let refused = with_policy(&mut pdf, &Policy::default()).expect_err("it can't be searched");
    assert_eq!(refused, Refused::Unscannable { media: MediaKind::Document });
    let mut image = talk(vec![turn(Role::User, vec![Content::Image(file("image/png", b"\x89PNG"))])]);
    assert_eq!(redacted(&mut image).summary.unscanned, [("image", 1)].into());
}

/// A text with values, placeholders and escapes in it.
fn noise() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[a-c]{1,3}@[a-c]{1,3}",
        "[0-9]{6,9}",
        Just("[EMAIL_ADDRESS_1]".to_owned()),
        Just(r"\[us\_ssn\_1\]".to_owned()),
        Just("key=a\"b\\c".to_owned()),
        Just("{\"n\": 12345678, \"t\": \"a@b\"}".to_owned()),
        Just(" ".to_owned()),
        any::<String>().prop_map(|any| any.chars().take(4).collect()),
    ];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        // What begins like a document and is none would be taken for one when it is restored.
        noise()
            .prop_filter("no half document", |text| {
                !text.trim_start().starts_with(['{', '[']) || json::is_document(text)
            })
            .prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec(("[a-z]{1,4}", inner.clone()), 0..4)
                .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
            inner.prop_map(|inner| serde_json::Value::String(inner.to_string())),
        ]
    })
}

fn cut(text: &str, every: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(every.max(1)).map(|piece| piece.iter().collect()).collect()
}

fn restored(taken: Redacted, mode: Mode, text: &str, every: usize) -> String {
    let (vault, origins) = (Arc::new(taken.vault.seal()), Arc::new(taken.origins));
    let mut restorer = Restorer::new(&vault, &origins, mode);
    let mut out = String::new();
    for piece in cut(text, every) {
        restorer.push(&piece, &mut out).expect("it is small");
    }
    restorer.finish(&mut out).expect("it is small");
    out
}

/// No value that was found stands in a text any more.
fn holds_none(text: &str, original: &str) {
    let mut found = Vec::new();
    scan(original, &mut found);
    for find in found {
        let value = &original[find.span()];
        assert!(value.chars().count() < 6 || !text.contains(value), "{value} is left in {text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn restoring_undoes_redacting_of_any_text(plain in noise(), every in 1usize..9) {
        // A text that is a document by itself has its numbers quoted, and comes back as one.
        prop_assume!(!json::is_document(&plain));
        let mut conversation = talk(vec![said(Role::User, &plain)]);
        let taken = redacted(&mut conversation);
        let out = words(&conversation, 0);
        holds_none(&out, &plain);
        prop_assert_eq!(restored(taken, Mode::Text, &out, every), plain);
    }

    #[test]
    fn restoring_undoes_redacting_of_any_document(
        document in prop::collection::vec(json(), 1..4),
        every in 1usize..9,
        encoded in any::<bool>(),
    ) {
        let text = serde_json::Value::Array(document).to_string();
        let given = match encoded {
            true => Arguments::Encoded(Text::new(&text)),
            false => Arguments::Object(RawJson::new(text.clone().into())),
        };
        let mut conversation = talk(vec![turn(Role::Assistant, vec![call(given)])]);
        let taken = redacted(&mut conversation);
        let out = arguments(&conversation, 0);
        serde_json::from_str::<serde_json::Value>(&out).expect("it is still JSON");
        prop_assert_eq!(restored(taken, Mode::Json, &out, every), text);
    }

    #[test]
    fn turns_that_are_resent_keep_their_bytes(turns in prop::collection::vec(noise(), 1..5), more in noise()) {
        let all = |turns: &[String]| talk(turns.iter().map(|plain| said(Role::User, plain)).collect());
        let mut short = all(&turns);
        redacted(&mut short);
        let mut long = all(&[turns.clone(), vec![more.clone()]].concat());
        let taken = redacted(&mut long);
        let mut fresh = Vec::new();
        scan(&more, &mut fresh);
        for index in 0..turns.len() {
            let (before, after) = (words(&short, index), words(&long, index));
            // Only what the added turn showed to be a value may have changed.
            if before != after {
                prop_assert!(!fresh.is_empty() && !taken.vault.is_empty());
            }
        }
    }
}
