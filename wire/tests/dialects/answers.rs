//! Answers decode and say what the plain reading says, however a stream is cut and its lines end.

use crate::cases::Case;
use crate::reading::{self, Call, Choice, Reading};
use bytes::Bytes;
use gateway_core::conversation::{Event, StopReason, Text};
use gateway_core::fault::{Fault, FaultClass};
use gateway_core::usage::Usage;
use gateway_wire::sse::Parser;
use gateway_wire::{Outbound, Whole};

/// Streams up to this many bytes are cut at every byte.
const SHORT: usize = 4 << 10;
/// Where a longer one is cut, besides once between all bytes.
const PLACES: usize = 200;

/// What kind of case it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    Answer,
    Stream,
    Error,
}

/// Decodes a case in every way, and compares.
pub fn check(codec: &dyn Outbound, case: &Case) -> Passed {
    if case.status != 200 {
        check_error(codec, case);
        return Passed::Error;
    }
    if case.is_stream {
        check_stream(codec, case);
        check_cuts(codec, case);
        return Passed::Stream;
    }
    check_answer(codec, case);
    Passed::Answer
}

/// Events up to the first failure, and whether the stream was whole; `cuts` are where its bytes are parted.
pub fn streamed(codec: &dyn Outbound, body: &Bytes, cuts: &[usize]) -> (Vec<Event>, Result<(), Fault>) {
    let mut parser = Parser::default();
    let mut reader = codec.stream();
    let mut events = Vec::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([body.len()]) {
        parser.push(body.slice(from..to));
        from = to;
        while let Some(frame) = parser.next_frame() {
            let Ok(frame) = frame else {
                return (events, Err(Fault::new(FaultClass::Broken, None)));
            };
            if let Err(fault) = reader.frame(&frame, &mut events) {
                return (events, Err(fault));
            }
        }
    }
    if let Some(frame) = parser.finish()
        && let Err(fault) = reader.frame(&frame, &mut events)
    {
        return (events, Err(fault));
    }
    let end = reader.end(&mut events);
    (events, end)
}

/// What events say in all.
pub fn whole_of(events: &[Event]) -> Whole {
    let mut whole = Whole::default();
    events.iter().cloned().for_each(|event| whole.add(event));
    whole
}

/// The same as a plain reading has it.
pub fn said(events: &[Event]) -> Vec<Choice> {
    let joined = |texts: &[Text]| texts.iter().map(Text::decoded).collect::<String>();
    let plain = |text: &Option<Text>| text.as_ref().map(|text| text.decoded().into_owned());
    let choice = |choice: &gateway_wire::dialect::Choice| Choice {
        text: joined(&choice.texts),
        refusal: joined(&choice.refusals),
        thinking: choice.thinking.iter().map(|thought| joined(&thought.texts)).collect(),
        signatures: choice.thinking.iter().filter_map(|thought| plain(&thought.signature)).collect(),
        redacted: choice.thinking.iter().filter_map(|thought| plain(&thought.redacted)).collect(),
        calls: choice
            .calls
            .iter()
            .map(|call| Call {
                id: plain(&call.id),
                name: call.name.decoded().into_owned(),
                arguments: reading::arguments_of(&joined(&call.arguments)),
                signature: plain(&call.signature),
            })
            .collect(),
        stop: choice.stop,
    };
    whole_of(events).choices.iter().map(choice).collect()
}

/// An error is sorted by what it means.
pub fn check_error(codec: &dyn Outbound, case: &Case) {
    let header = |name: &str| case.headers[name].as_str().map(str::to_owned);
    let fault = codec.fault(case.status, &header, &case.body);
    let body = String::from_utf8_lossy(&case.body);
    let says = |words: &[&str]| words.iter().any(|word| body.contains(word));
    let is_sensible = match (case.status, &fault.class) {
        (401, class) => *class == FaultClass::Misconfigured,
        (404, class) => *class == FaultClass::ModelNotFound,
        (429, FaultClass::RateLimited { retry_after }) => {
            let tells = says(&["retryDelay"]) || !case.headers["retry-after"].is_null();
            retry_after.is_some() == tells
        }
        (400, class) if says(&["API_KEY_INVALID"]) => *class == FaultClass::Misconfigured,
        (400, class) if says(&["content_filter"]) => *class == FaultClass::ContentFiltered,
        (400, class) if says(&["too long", "maximum context", "exceeds the maximum"]) => {
            *class == FaultClass::ContextTooLong
        }
        (400, class) => matches!(class, FaultClass::Refused { .. }),
        (500.., class) => *class == FaultClass::Unavailable,
        _ => false,
    };
    assert!(is_sensible, "{}: {fault:?}", case.name);
    assert_eq!(fault.status, Some(case.status), "{}", case.name);
}

fn check_answer(codec: &dyn Outbound, case: &Case) {
    let want = reading::of(case.provider, &case.documents());
    match codec.answer(&case.body) {
        Ok(events) => compare(&case.name, case, &events, want),
        Err(fault) if want.is_blocked => {
            assert_eq!(fault.class, FaultClass::ContentFiltered, "{}", case.name);
        }
        Err(fault) => panic!("{}: {fault:?}", case.name),
    }
}

fn check_stream(codec: &dyn Outbound, case: &Case) {
    let (events, end) = streamed(codec, &case.body, &[]);
    let want = reading::of(case.provider, &case.documents());
    if want.is_spliced {
        let class = end.expect_err(&case.name).class;
        assert_eq!(class, FaultClass::Broken, "{}", case.name);
        return;
    }
    let failed = events.iter().any(|event| matches!(event, Event::Failed(_)));
    assert_eq!(failed, want.has_error, "{}", case.name);
    assert!(failed || end == Ok(()), "{}: {end:?}", case.name);
    if !failed {
        compare(&case.name, case, &events, want);
    }
}

fn compare(name: &str, case: &Case, events: &[Event], mut want: Reading) {
    assert_eq!(events.last(), Some(&Event::End), "{name}");
    let mut got = said(events);
    assert_eq!(got.len(), want.choices.len(), "{name}: choices");
    for (got, want) in got.iter_mut().zip(&mut want.choices) {
        // A call that was not declared: the provider has a reason of its own, the caller sees a call.
        if want.stop == Some(StopReason::Other) && !want.calls.is_empty() {
            assert!(got.stop.is_some(), "{name}");
            want.stop = got.stop;
        }
        assert_eq!(got, want, "{name}");
        assert!(got.stop.is_some(), "{name}: a choice without its reason");
        let cut = got.stop == Some(StopReason::Length);
        assert!(cut || got.calls.iter().all(|call| call.arguments.is_object()), "{name}: arguments");
    }
    check_tags(name, case, &got);
    if want.usage == Usage::default() {
        return;
    }
    let usage = whole_of(events).usage;
    // Zero and absent cost the same.
    let billed = |usage: &Usage| {
        [usage.input, usage.cache_read, usage.cache_write_5m, usage.cache_write_1h, usage.output]
            .map(Option::unwrap_or_default)
    };
    assert_eq!(billed(&usage), billed(&want.usage), "{name}");
    assert_eq!(usage.audio_input.unwrap_or(0), want.usage.audio_input.unwrap_or(0), "{name}");
    assert!(usage.is_reported(), "{name}");
}

/// What the recordings' own tags say, found neither by the codec nor by the reading.
fn check_tags(name: &str, case: &Case, got: &[Choice]) {
    let calls = got.iter().map(|choice| choice.calls.len()).max().unwrap_or(0);
    for (tag, holds) in [
        ("tool_call", calls >= 1),
        ("parallel_tool_calls", calls >= 2),
        ("fin_length", got.iter().any(|choice| choice.stop == Some(StopReason::Length))),
        ("fin_max_tokens", got.iter().any(|choice| choice.stop == Some(StopReason::Length))),
        ("fin_tool_calls", got.iter().any(|choice| choice.stop == Some(StopReason::ToolCalls))),
        ("fin_tool_use", got.iter().any(|choice| choice.stop == Some(StopReason::ToolCalls))),
        ("blk_redacted_thinking", got.iter().any(|choice| !choice.redacted.is_empty())),
        ("d_thinking_delta", got.iter().any(|choice| !choice.thinking.is_empty())),
        ("d_signature_delta", got.iter().any(|choice| !choice.signatures.is_empty())),
    ] {
        assert!(holds || !case.has(tag), "{name}: {tag}");
    }
}

fn check_cuts(codec: &dyn Outbound, case: &Case) {
    let (name, body) = (&case.name, &case.body);
    let whole = streamed(codec, body, &[]);
    let every: Vec<usize> = (1..body.len()).collect();
    assert_eq!(streamed(codec, body, &every), whole, "{name}, byte by byte");
    let places = if body.len() <= SHORT { every } else { seeded(body.len()).collect() };
    for cut in places {
        assert_eq!(streamed(codec, body, &[cut]), whole, "{name}, cut at {cut}");
    }
    let text = std::str::from_utf8(body).expect("UTF-8").replace("\r\n", "\n");
    for (ends, other) in
        [("LF", text.clone()), ("CRLF", text.replace('\n', "\r\n")), ("CR", text.replace('\n', "\r"))]
    {
        assert_eq!(streamed(codec, &other.into(), &[]), whole, "{name}, lines ending in {ends}");
    }
}

/// The same places in every run.
fn seeded(len: usize) -> impl Iterator<Item = usize> {
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    (0..PLACES).map(move |_| {
        // Knuth's MMIX constants; the high bits are the better ones.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).expect("31 bits fit") % len
    })
}
