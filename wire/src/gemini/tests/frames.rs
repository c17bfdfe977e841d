//! Frames that are read by their form say what the parser would have read.

use super::*;
use crate::gemini::form::Form;
use crate::gemini::response::Tally;
use crate::sse::Frame;
use proptest::prelude::*;

/// Events of frames up to the first that is broken, each of them parsed.
fn parsed(frames: &[String]) -> (Vec<Event>, Result<(), Fault>) {
    let mut tally = Tally::default();
    let mut events = Vec::new();
    for frame in frames {
        if let Err(fault) = tally.read(&Bytes::copy_from_slice(frame.as_bytes()), &mut events) {
            return (events, Err(fault));
        }
    }
    let end = tally.finish(&mut events);
    (events, end)
}

/// The same, as a stream reads them.
fn read(frames: &[String]) -> (Vec<Event>, Result<(), Fault>) {
    let mut reader = Gemini.stream();
    let mut events = Vec::new();
    for frame in frames {
        let frame = Frame { event: None, data: Bytes::copy_from_slice(frame.as_bytes()) };
        if let Err(fault) = reader.frame(&frame, &mut events) {
            return (events, Err(fault));
        }
    }
    let end = reader.end(&mut events);
    (events, end)
}

fn frame(text: &str, made: &str, rest: &str) -> String {
    format!(
        r#"{{"candidates": [{{"content": {{"parts": [{{"text": "{text}"}}],"role": "model"}},"index": 0}}],"usageMetadata": {{"promptTokenCount": 95,"candidatesTokenCount": {made},"totalTokenCount": 1{made},"promptTokensDetails": [{{"modality": "TEXT","tokenCount": 95}}]{rest}}},"modelVersion": "m","responseId": "r"}}"#
    )
}

fn learned(frame: &str, text: &str) -> Option<Form> {
    let frame = Bytes::copy_from_slice(frame.as_bytes());
    let at = frame.windows(text.len()).position(|window| window == text.as_bytes())?;
    let text = Text::from_json(frame.slice(at..at + text.len()))?;
    let mut tally = Tally::default();
    tally.read(&frame, &mut Vec::new()).ok()?;
    Form::learn(&frame, &text, tally.plain_counters()?)
}

#[test]
fn a_frame_of_the_form_is_read_and_any_other_is_left_to_the_parser() {
    let form = learned(&frame("one", "7", ""), "\"one\"").expect("a text and counters");
    for (case, other, is_read) in [
        ("the same", frame("one", "7", ""), true),
        ("another text, more tokens", frame("zwölf Wörter", "1234", ""), true),
        ("escapes", frame(r#"a\n\"b\""#, "8", ""), true),
        ("an escape that needs a parser", frame(r"\u0041", "8", ""), false),
        ("no escape", frame(r"\x", "8", ""), false),
        ("no text", frame("", "8", ""), false),
        ("a line end within", frame("a\nb", "8", ""), false),
        ("no number", frame("a", "", ""), false),
        ("a number no parser takes", frame("a", "007", ""), false),
        ("a fraction", frame("a", "7.5", ""), false),
        ("a number too large", frame("a", "1234567890123456789", ""), false),
        ("another counter", frame("a", "7", r#","thoughtsTokenCount": 3"#), false),
        ("a reason", frame("a", "7", "").replace(r#""index""#, r#""finishReason": "STOP","index""#), false),
        ("cut", frame("a", "7", "")[..90].to_owned(), false),
        ("nothing", String::new(), false),
    ] {
        assert_eq!(form.read(&Bytes::from(other)).is_some(), is_read, "{case}");
    }
}

#[test]
fn a_frame_whose_numbers_may_mean_something_else_is_no_form() {
    let twice = r#","x": {"candidatesTokenCount": 7}"#;
    for (case, frame) in [
        ("audio", frame("one", "7", AUDIO)),
        ("the same name twice", frame("one", "7", twice)),
        ("a reason", frame("one", "7", "").replace(r#""index""#, r#""finishReason": "STOP","index""#)),
    ] {
        assert!(learned(&frame, "\"one\"").is_none(), "{case}");
    }
}

const AUDIO: &str = r#","candidatesTokensDetails": [{"modality": "AUDIO","tokenCount": 3}]"#;
const BEGUN: &str = r#""functionCall": {"name": "f", "willContinue": true},"#;
const CONTINUED: &str =
    r#""functionCall": {"partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}], "willContinue": true},"#;

/// A frame that is mostly of one form, and sometimes of another or broken.
fn any_frame() -> impl Strategy<Value = String> {
    let odd_text = prop::sample::select(&[r"\n\\", r"\u00e4", "\"", "", "\n", "\\", "ä"][..]);
    let text = prop_oneof![8 => "[a-z ]{1,6}", 2 => odd_text.prop_map(str::to_owned)];
    let odd_count = prop::sample::select(&["01", "null", "0", "", "1.5", "18446744073709551616"][..]);
    let count = prop_oneof![12 => "[1-9][0-9]{0,4}", 1 => odd_count.prop_map(str::to_owned)];
    let rest = prop_oneof![
        12 => Just(""),
        1 => Just(r#","thoughtsTokenCount": 3"#),
        1 => Just(r#","x": {"candidatesTokenCount": 7}"#),
        1 => Just(AUDIO),
    ];
    let part =
        prop_oneof![12 => Just(""), 1 => Just(r#""thought": true,"#), 1 => Just(BEGUN), 3 => Just(CONTINUED)];
    let reason = prop_oneof![20 => Just(""), 1 => Just(r#","finishReason": "STOP""#)];
    (text, count, rest, part, reason).prop_map(|(text, count, rest, part, reason)| {
        let frame = frame(&text, &count, rest);
        let frame = frame.replace(r#"[{"text""#, &format!(r#"[{{{part}"text""#));
        frame.replace(r#","index""#, &format!(r#"{reason},"index""#))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_reads_what_the_parser_reads(frames in prop::collection::vec(any_frame(), 1..12)) {
        prop_assert_eq!(read(&frames), parsed(&frames));
    }
}
