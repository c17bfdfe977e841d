//! Damaged answers: a fault, or the same meaning; never a panic, and never less than the provider said
//! told as the whole.

use crate::answers::{said, streamed};
use crate::cases::{self, Case, Folder};
use crate::reading::Choice;
use crate::{PROVIDERS, codec};
use bytes::Bytes;
use gateway_core::conversation::{Event, StopReason};
use gateway_core::fault::FaultClass;
use gateway_wire::Outbound;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What a reader makes of an answer.
#[derive(Debug, PartialEq)]
enum Outcome {
    Whole(Vec<Choice>),
    /// A fault, an error event or a missing end: the caller is told.
    Failed,
}

fn outcome(codec: &dyn Outbound, is_stream: bool, body: &Bytes) -> Outcome {
    let (events, end) = if is_stream {
        streamed(codec, body, &[])
    } else {
        match codec.answer(body) {
            Ok(events) => (events, Ok(())),
            Err(fault) => (Vec::new(), Err(fault)),
        }
    };
    let failed = events.iter().any(|event| matches!(event, Event::Failed(_)));
    if failed || end.is_err() || events.last() != Some(&Event::End) {
        return Outcome::Failed;
    }
    Outcome::Whole(said(&events))
}

/// Good answers of a provider: whole ones and streams.
fn good(provider: &'static str) -> Vec<Case> {
    let folder = cases::recordings().unwrap_or_else(cases::fixtures);
    let codec = codec(provider);
    let mut found = Folder::read(&folder, provider).chat;
    found.retain(|case| case.status == 200 && outcome(codec, case.is_stream, &case.body) != Outcome::Failed);
    found
}

/// Whether `less` has lost something of `more`, while it says that it ended well.
fn lost(less: &[Choice], more: &[Choice]) -> bool {
    let ended = |choice: &Choice| !matches!(choice.stop, None | Some(StopReason::Other));
    less.len() < more.len()
        || less.iter().zip(more).any(|(less, more)| {
            ended(less) && (less.text.len() < more.text.len() || less.calls.len() < more.calls.len())
        })
}

#[test]
fn a_cut_stream_is_never_whole() {
    for (provider, codec) in PROVIDERS {
        let streams = good(provider).into_iter().filter(|case| case.is_stream);
        for case in streams.take(8) {
            let Outcome::Whole(all) = outcome(codec, true, &case.body) else { unreachable!("it is good") };
            let step = (case.body.len() / 400).max(1);
            for cut in (0..case.body.len()).step_by(step) {
                if let Outcome::Whole(got) = outcome(codec, true, &case.body.slice(..cut)) {
                    // Where only usage and end marks were lost.
                    assert!(!lost(&got, &all), "{}, cut at {cut}: {got:?}", case.name);
                }
            }
        }
    }
}

#[test]
fn doubled_and_swapped_events_are_told_or_harmless() {
    for (provider, codec) in PROVIDERS {
        let streams = good(provider).into_iter().filter(|case| case.is_stream);
        for case in streams.take(8) {
            let documents: Vec<String> = frames(&case.body);
            let Outcome::Whole(all) = outcome(codec, true, &case.body) else { unreachable!("it is good") };
            for at in 0..documents.len().min(60) {
                let mut doubled = documents.clone();
                doubled.insert(at, documents[at].clone());
                let mut swapped = documents.clone();
                swapped.swap(at, (at + 1) % documents.len());
                let mut spliced = documents.clone();
                spliced.splice(at..at, documents.iter().take(2).cloned());
                for (how, frames) in [("doubled", doubled), ("swapped", swapped), ("spliced", spliced)] {
                    if let Outcome::Whole(got) = outcome(codec, true, &frames.concat().into()) {
                        assert!(!lost(&got, &all), "{}, {how} at {at}: {got:?}", case.name);
                    }
                }
            }
        }
    }
}

/// The events of a stream, each with its end.
fn frames(body: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(body).expect("UTF-8").replace("\r\n", "\n");
    text.split("\n\n").filter(|block| !block.is_empty()).map(|block| format!("{block}\n\n")).collect()
}

#[test]
fn every_value_of_a_wrong_type_is_told_or_harmless() {
    let wrong =
        [json!(null), json!(true), json!(-1), json!(1.5), json!("x"), json!([]), json!({}), json!([[1]])];
    for (provider, codec) in PROVIDERS {
        for case in good(provider).iter().filter(|case| case.body.len() < 6_000).take(12) {
            let Outcome::Whole(all) = outcome(codec, case.is_stream, &case.body) else {
                unreachable!("it is good")
            };
            let documents = case.documents();
            for (place, document) in documents.iter().enumerate() {
                for nth in 0..count(document) {
                    for value in &wrong {
                        let mut changed = documents.clone();
                        replace(&mut changed[place], &mut { nth }, value);
                        let body = written(case.is_stream, &changed, provider);
                        check_changed(codec, case, &body, &all, (place, nth, value));
                    }
                }
            }
        }
    }
}

fn check_changed(
    codec: &dyn Outbound,
    case: &Case,
    body: &Bytes,
    all: &[Choice],
    at: (usize, usize, &Value),
) {
    let Outcome::Whole(got) = outcome(codec, case.is_stream, body) else { return };
    // A field that is null or absent says nothing; one that says something else is another answer.
    let (_, _, value) = at;
    let says_nothing = value.is_null() || *value == json!([]) || *value == json!({}) || value.is_string();
    assert!(says_nothing || !lost(&got, all), "{}, {at:?}: {got:?}\ninstead of {all:?}", case.name);
}

fn written(is_stream: bool, documents: &[Value], provider: &str) -> Bytes {
    if !is_stream {
        return documents[0].to_string().into();
    }
    let frame = |document: &Value| match document["type"].as_str().filter(|_| provider == "anthropic") {
        Some(name) => format!("event: {name}\ndata: {document}\n\n"),
        None => format!("data: {document}\n\n"),
    };
    let mut body: String = documents.iter().map(frame).collect();
    if !["anthropic", "gemini"].contains(&provider) {
        body += "data: [DONE]\n\n";
    }
    body.into()
}

/// How many values a document has.
fn count(document: &Value) -> usize {
    1 + match document {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

/// Puts `value` in the place of the `nth` value of a document, counted in reading order.
fn replace(document: &mut Value, nth: &mut usize, value: &Value) {
    if *nth == 0 {
        *document = value.clone();
    }
    *nth = nth.wrapping_sub(1);
    match document {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, nth, value)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace(field, nth, value)),
        _ => {}
    }
}

#[test]
fn broken_bytes_are_told() {
    let long = "x".repeat(3 << 20);
    for (provider, codec) in PROVIDERS {
        for (case, body) in [
            ("a character cut short", b"data: {\"a\":\"\xc3\"}\n\n".to_vec()),
            ("a stray byte", b"data: \xff\n\n".to_vec()),
            ("an endless line", format!("data: {{\"a\":\"{long}").into_bytes()),
            ("no JSON", b"data: hello\n\n".to_vec()),
            ("an HTML page", b"<html><body>502</body></html>".to_vec()),
            ("nothing", Vec::new()),
        ] {
            let body = Bytes::from(body);
            assert_eq!(outcome(codec, true, &body), Outcome::Failed, "{provider}: {case}");
            assert_eq!(outcome(codec, false, &body), Outcome::Failed, "{provider}: {case}");
        }
        let fault = codec.answer(&Bytes::from_static(b"{")).expect_err("it is cut");
        assert_eq!(fault.class, FaultClass::Broken, "{provider}");
    }
}

/// Decodes in every way; what comes out does not matter, only that it comes out.
fn survive(codec: &dyn Outbound, body: &Bytes) {
    let _ = codec.answer(body);
    let _ = streamed(codec, body, &[]);
    let _ = codec.fault(400, &|_| Some(String::from_utf8_lossy(body).into_owned()), body);
}

proptest! {
    // A failure prints its input; as a test of its own it is worth more than in a file of seeds.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_survived(
        provider in 0..PROVIDERS.len(),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        is_framed in any::<bool>(),
    ) {
        let body = if is_framed { [b"data: ", &bytes[..], b"\n\n"].concat() } else { bytes };
        survive(PROVIDERS[provider].1, &body.into());
    }

    #[test]
    fn changed_bytes_are_survived(
        provider in 0..PROVIDERS.len(),
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let (provider, codec) = PROVIDERS[provider];
        let cases = Folder::read(&cases::fixtures(), provider).chat;
        let mut body = cases[which.index(cases.len())].body.to_vec();
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        survive(codec, &body.into());
    }
}
