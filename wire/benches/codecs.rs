//! What a codec adds to an answer, in CPU time of one core. Run with `cargo bench -p gateway-wire`; a name
//! after `--` picks some, `--quick` is enough for a look.
//!
//! - `event/…`: one frame of a stream as it comes from the socket: parsed, decoded, and written in the
//!   caller's dialect. A budget of 1 µs each. Frames are like recorded ones: a word or two of text (every
//!   eighth with an escape), counters that grow where the provider sends them in each frame.
//! - `answer/…`: one whole answer of 1 KB of text, decoded, collected and written. A budget of 3 µs each.
//!
//! The names are `provider → caller`. `parsed` marks the frames that differ in more than their text, so that
//! each is parsed in full.

use bytes::{Bytes, BytesMut};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use gateway_core::money::NanoUsd;
use gateway_core::usage::Usage;
use gateway_wire::anthropic_messages::AnthropicMessages;
use gateway_wire::gemini::Gemini;
use gateway_wire::openai_chat::OpenAiChat;
use gateway_wire::sse::Parser;
use gateway_wire::{Facts, Inbound, Opening, Outbound, Whole};
use std::hint::black_box;

/// Frames after which a stream's bytes repeat.
const FRAMES: usize = 64;

const REQUEST_ID: &str = "0197a3f2-7c1e-7d3a-9b7e-0c5d1f2a3b4c";
/// Unix seconds.
const CREATED: u64 = 1_750_000_000;

fn facts(usage: &Usage) -> Facts<'_> {
    Facts {
        request_id: REQUEST_ID,
        created: CREATED,
        provider: "gemini",
        model: "gemini-2.5-pro",
        route_reason: None,
        fallback: false,
        attempts: &[],
        usage,
        cost: NanoUsd::ZERO,
        cost_is_estimate: false,
        max_output: None,
        dropped: &[],
        warnings: &[],
        pii: None,
        budget: None,
        latency_ms: 100,
        overhead_us: 30,
    }
}

/// Some words, as JSON writes them.
fn words(nth: usize) -> &'static str {
    ["The weather", " in", " Zürich", " is", " fair today", ",", " 21 degrees", r".\n\n"][nth % 8]
}

fn openai(nth: usize) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-8wqYgcoi7v0PAruU2NbMFbNj9yilc\",\"object\":\"chat.completion.chunk\",\"created\":1709035750,\"model\":\"gpt-4o-2024-08-06\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_3bc1b5746b\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{}\"}},\"logprobs\":null,\"finish_reason\":null}}],\"usage\":null}}\n\n",
        words(nth)
    )
}

/// Padding that differs in each frame, as OpenAI adds it.
fn openai_padded(nth: usize) -> String {
    let padding = &"XcQECb2PBT6O"[..4 + nth % 8];
    openai(nth).replace("\"usage\":null", &format!("\"usage\":null,\"obfuscation\":\"{padding}{nth}\""))
}

fn anthropic(nth: usize) -> String {
    format!(
        "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{}\"}}}}\n\n",
        words(nth)
    )
}

fn gemini(nth: usize) -> String {
    let made = 23 + nth * 7;
    let total = 163 + made;
    format!(
        "data: {{\"candidates\": [{{\"content\": {{\"parts\": [{{\"text\": \"{}\"}}],\"role\": \"model\"}},\"index\": 0}}],\"usageMetadata\": {{\"promptTokenCount\": 95,\"candidatesTokenCount\": {made},\"totalTokenCount\": {total},\"promptTokensDetails\": [{{\"modality\": \"TEXT\",\"tokenCount\": 95}}],\"thoughtsTokenCount\": 68}},\"modelVersion\": \"gemini-2.5-pro\",\"responseId\": \"ywCzae2oL5ODz7IP29qJmQw\"}}\r\n\r\n",
        words(nth)
    )
}

/// A time that differs in each frame.
fn gemini_dated(nth: usize) -> String {
    gemini(nth).replace("\"modelVersion\"", &format!("\"createTime\": \"{nth}\",\"modelVersion\""))
}

/// What each stream begins with.
fn opening(provider: &str) -> &'static str {
    match provider {
        "anthropic" => {
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-opus-4-6\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":10,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
        }
        _ => "",
    }
}

fn stream(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    codec: &dyn Outbound,
    caller: &dyn Inbound,
    frame: fn(usize) -> String,
) {
    let frames: Vec<Bytes> = (0..FRAMES).map(|nth| frame(nth).into()).collect();
    let provider = name.split(' ').next().unwrap_or_default();
    let mut parser = Parser::default();
    let mut reader = codec.stream();
    let mut writer =
        caller.stream(Opening { request_id: REQUEST_ID.to_owned(), created: CREATED, include_usage: true });
    let mut out = BytesMut::with_capacity(64 << 10);
    let mut events = Vec::new();
    writer.open(&facts(&Usage::default()), &mut out);
    let mut pass = |chunk: Bytes| {
        out.clear();
        parser.push(chunk);
        while let Some(frame) = parser.next_frame() {
            let frame = frame.expect("a short frame");
            events.clear();
            reader.frame(&frame, &mut events).expect("a good frame");
            events.iter().for_each(|event| writer.event(event, &mut out));
        }
        black_box(out.len())
    };
    pass(Bytes::from_static(opening(provider).as_bytes()));
    let written: usize = frames.iter().map(|frame| pass(frame.clone())).sum();
    assert!(written > FRAMES * 100, "{name}: nothing is written");
    let mut nth = 0;
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            nth = (nth + 1) % FRAMES;
            pass(frames[nth].clone())
        });
    });
}

/// Texts of 1 KB.
fn kilobyte() -> String {
    (0..)
        .map(words)
        .scan(0, |length, word| {
            *length += word.len();
            (*length <= 1024).then_some(word)
        })
        .collect()
}

fn whole(provider: &str) -> Bytes {
    let text = kilobyte();
    match provider {
        "openai" => format!(
            r#"{{"id":"chatcmpl-1","object":"chat.completion","created":1709035750,"model":"gpt-4o-2024-08-06","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":95,"completion_tokens":230,"total_tokens":325,"prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}},"service_tier":"default","system_fingerprint":"fp_3bc1b5746b"}}"#
        ),
        "anthropic" => format!(
            r#"{{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-4-6","content":[{{"type":"text","text":"{text}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":95,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0}},"output_tokens":230,"service_tier":"standard"}}}}"#
        ),
        _ => format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{text}"}}],"role":"model"}},"finishReason":"STOP","index":0}}],"usageMetadata":{{"promptTokenCount":95,"candidatesTokenCount":230,"totalTokenCount":393,"promptTokensDetails":[{{"modality":"TEXT","tokenCount":95}}],"thoughtsTokenCount":68}},"modelVersion":"gemini-2.5-pro","responseId":"ywCzae2oL5ODz7IP29qJmQw"}}"#
        ),
    }
    .into()
}

fn answer(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, codec: &dyn Outbound, caller: &dyn Inbound) {
    let body = whole(name.split(' ').next().unwrap_or_default());
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let mut whole = Whole::default();
            codec.answer(&body).expect("a good answer").into_iter().for_each(|event| whole.add(event));
            black_box(caller.answer(&whole, &facts(&whole.usage)))
        });
    });
}

fn events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("event");
    stream(&mut group, "openai → openai", &OpenAiChat, &OpenAiChat, openai);
    stream(&mut group, "openai → openai, parsed", &OpenAiChat, &OpenAiChat, openai_padded);
    stream(&mut group, "anthropic → openai", &AnthropicMessages, &OpenAiChat, anthropic);
    stream(&mut group, "gemini → openai", &Gemini, &OpenAiChat, gemini);
    stream(&mut group, "gemini → openai, parsed", &Gemini, &OpenAiChat, gemini_dated);
    group.finish();
}

fn answers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("answer");
    answer(&mut group, "openai → openai", &OpenAiChat, &OpenAiChat);
    answer(&mut group, "anthropic → openai", &AnthropicMessages, &OpenAiChat);
    answer(&mut group, "gemini → openai", &Gemini, &OpenAiChat);
    group.finish();
}

criterion_group!(benches, events, answers);
criterion_main!(benches);
