//! Golden costs, from each provider's own usage to nano-dollars: the habit of counting (docs in each
//! codec), the price list and the rounding together. Worked by hand in the comments; USD per million
//! tokens are micro-USD per token, so the sums are in micro-USD.

use bytes::Bytes;
use gateway_core::catalog::{Catalog, Place, ServiceTier, cost};
use gateway_core::conversation::Event;
use gateway_core::ids::{ProviderKind, UpstreamName};
use gateway_core::usage::Usage;
use gateway_wire::Outbound;
use gateway_wire::anthropic_messages::AnthropicMessages;
use gateway_wire::azure::AzureOpenAi;
use gateway_wire::gemini::Gemini;
use gateway_wire::openai_chat::OpenAiChat;

struct Case {
    name: &'static str,
    kind: ProviderKind,
    model: &'static str,
    /// The provider's own usage object.
    usage: &'static str,
    nano_usd: i64,
}

/// A whole answer of the provider, around the usage.
fn answer(kind: ProviderKind, usage: &str) -> Bytes {
    let body = match kind {
        ProviderKind::Anthropic => format!(
            r#"{{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{{"type":"text","text":"x"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{usage}}}"#
        ),
        ProviderKind::Gemini => format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"x"}}],"role":"model"}},"finishReason":"STOP","index":0}}],"usageMetadata":{usage},"modelVersion":"m"}}"#
        ),
        _ => format!(
            r#"{{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"x"}},"finish_reason":"stop"}}],"usage":{usage}}}"#
        ),
    };
    Bytes::from(body)
}

fn codec(kind: ProviderKind) -> &'static dyn Outbound {
    match kind {
        ProviderKind::Anthropic => &AnthropicMessages,
        ProviderKind::AzureOpenAi => &AzureOpenAi,
        ProviderKind::Gemini => &Gemini,
        ProviderKind::OpenAi | ProviderKind::OpenAiCompatible => &OpenAiChat,
    }
}

#[test]
fn golden_costs_of_each_provider() {
    use ProviderKind::{Anthropic, AzureOpenAi, Gemini, OpenAi};
    let cases = [
        // 100 × 2.5 + 20 × 10 = 250 + 200
        Case {
            name: "plain",
            kind: OpenAi,
            model: "gpt-4o",
            usage: r#"{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120}"#,
            nano_usd: 450_000,
        },
        // Cached inside the prompt: (1,000 − 600) × 2.5 + 600 × 1.25 + 10 × 10 = 1,000 + 750 + 100
        Case {
            name: "cached reads",
            kind: OpenAi,
            model: "gpt-4o",
            usage: r#"{"prompt_tokens":1000,"completion_tokens":10,"total_tokens":1010,"prompt_tokens_details":{"cached_tokens":600}}"#,
            nano_usd: 1_850_000,
        },
        // Reasoning inside the completion, at output's price: 1,000 × 1.25 + 900 × 10 = 1,250 + 9,000
        Case {
            name: "reasoning",
            kind: OpenAi,
            model: "gpt-5",
            usage: r#"{"prompt_tokens":1000,"completion_tokens":900,"total_tokens":1900,"completion_tokens_details":{"reasoning_tokens":640}}"#,
            nano_usd: 10_250_000,
        },
        // 300,000 > 272,000, so the whole prompt is dear: gpt-5.4 5 in, 22.5 out:
        //   300,000 × 5 + 100 × 22.5 = 1,500,000 + 2,250
        Case {
            name: "a long prompt",
            kind: OpenAi,
            model: "gpt-5.4",
            usage: r#"{"prompt_tokens":300000,"completion_tokens":100,"total_tokens":300100}"#,
            nano_usd: 1_502_250_000,
        },
        // Azure's list has the same prices: (200 − 128) × 2.5 + 128 × 1.25 + 8 × 10 = 180 + 160 + 80
        Case {
            name: "cached reads",
            kind: AzureOpenAi,
            model: "gpt-4o",
            usage: r#"{"completion_tokens":8,"completion_tokens_details":{"reasoning_tokens":0},"prompt_tokens":200,"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":128},"total_tokens":208}"#,
            nano_usd: 420_000,
        },
        // 25 × 5 + 30 × 25 = 125 + 750
        Case {
            name: "tools",
            kind: Anthropic,
            model: "claude-opus-4-6",
            usage: r#"{"input_tokens":25,"output_tokens":30}"#,
            nano_usd: 875_000,
        },
        // Caches beside the input: 10 × 5 + 2,000 × 0.5 + 300 × 6.25 + 100 × 10 + 7 × 25
        //   = 50 + 1,000 + 1,875 + 1,000 + 175
        Case {
            name: "both caches",
            kind: Anthropic,
            model: "claude-opus-4-6",
            usage: r#"{"input_tokens":10,"cache_read_input_tokens":2000,"cache_creation_input_tokens":400,"cache_creation":{"ephemeral_5m_input_tokens":300,"ephemeral_1h_input_tokens":100},"output_tokens":7}"#,
            nano_usd: 4_100_000,
        },
        // Without the split, a write is one of 5 minutes: 10 × 5 + 400 × 6.25 + 7 × 25 = 50 + 2,500 + 175
        Case {
            name: "writes without a split",
            kind: Anthropic,
            model: "claude-opus-4-6",
            usage: r#"{"input_tokens":10,"cache_creation_input_tokens":400,"output_tokens":7}"#,
            nano_usd: 2_725_000,
        },
        // 2 searches at 0.01 USD: 20,000 + 10 × 5 + 4 × 25 = 20,000 + 50 + 100
        Case {
            name: "searches",
            kind: Anthropic,
            model: "claude-opus-4-6",
            usage: r#"{"input_tokens":10,"output_tokens":4,"server_tool_use":{"web_search_requests":2}}"#,
            nano_usd: 20_150_000,
        },
        // Cached inside the prompt, thoughts beside the candidates:
        //   (1,000 − 400) × 1.25 + 400 × 0.125 + (50 + 450) × 10 = 750 + 50 + 5,000
        Case {
            name: "cached reads and thoughts",
            kind: Gemini,
            model: "gemini-2.5-pro",
            usage: r#"{"promptTokenCount":1000,"cachedContentTokenCount":400,"candidatesTokenCount":50,"thoughtsTokenCount":450,"totalTokenCount":1500}"#,
            nano_usd: 5_800_000,
        },
        // The prompt that tools make stands beside the prompt: (100 + 60) × 1.25 + 10 × 10 = 200 + 100
        Case {
            name: "tools",
            kind: Gemini,
            model: "gemini-2.5-pro",
            usage: r#"{"promptTokenCount":100,"toolUsePromptTokenCount":60,"candidatesTokenCount":10,"totalTokenCount":170}"#,
            nano_usd: 300_000,
        },
        // 200,001 > 200,000: 200,001 × 2.5 + 10 × 15 = 500,002.5 + 150
        Case {
            name: "a long prompt",
            kind: Gemini,
            model: "gemini-2.5-pro",
            usage: r#"{"promptTokenCount":200001,"candidatesTokenCount":10,"totalTokenCount":200011}"#,
            nano_usd: 500_152_500,
        },
        // The tier stands beside OpenAI's usage. Priority: 1,000 × 4.25 + 10 × 17 = 4,250 + 170
        Case {
            name: "a tier with a price of its own",
            kind: OpenAi,
            model: "gpt-4o",
            usage: r#"{"prompt_tokens":1000,"completion_tokens":10,"total_tokens":1010},"service_tier":"priority""#,
            nano_usd: 4_420_000,
        },
        // The tier that was served counts, and `default` is the standard price: 1,000 × 2.5 + 10 × 10
        Case {
            name: "the standard tier, said",
            kind: OpenAi,
            model: "gpt-4o",
            usage: r#"{"prompt_tokens":1000,"completion_tokens":10,"total_tokens":1010},"service_tier":"default""#,
            nano_usd: 2_600_000,
        },
        // Zero is an answer, not a missing counter.
        Case {
            name: "nothing made",
            kind: OpenAi,
            model: "gpt-4o",
            usage: r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#,
            nano_usd: 0,
        },
    ];
    let catalog = Catalog::builtin();
    for Case { name, kind, model, usage, nano_usd } in cases {
        let case = format!("{}: {name}", kind.name());
        let upstream = UpstreamName::new(kind.name()).expect("a vendor's name is legal");
        let place = Place { upstream: &upstream, kind, region: None };
        let price = catalog.find(place, model).and_then(|model| model.price).expect("a priced model");
        let events = codec(kind).answer(&answer(kind, usage)).expect("a whole answer");
        let mut counted = Usage::default();
        for event in &events {
            if let Event::Usage(usage) = event {
                counted.replace_with(usage);
            }
        }
        assert!(counted.is_reported(), "{case}");
        let tier = counted.service_tier.unwrap_or(ServiceTier::Standard);
        assert_eq!(cost(&price, &counted, tier).0, nano_usd, "{case}");
    }
}
