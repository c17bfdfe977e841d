use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::catalog::{Catalog, Place, cost};
use crate::conversation::{
    Arguments, RawJson, Role, Sampling, Text, Thinking, Tool, ToolCall, ToolResult, Turn,
};
use crate::embedding::{Inputs, Tokens};
use crate::ids::{ModelName, UpstreamName};
use crate::routing::Route;
use crate::usage::Usage;
use std::sync::Arc;

const TEXT: &str = "Why is the sky blue, and since when do we know?";

fn candidate(kind: ProviderKind, model: &str, output: u64) -> Candidate {
    let upstream = UpstreamName::new(kind.name()).unwrap();
    let found = Catalog::builtin().find(Place { upstream: &upstream, kind, region: None }, model).unwrap();
    let route = Route {
        upstream,
        kind,
        model: ModelName::new(model),
        wire_model: model.to_owned(),
        price: found.price.unwrap(),
        window: found.window,
        max_output: found.max_output,
        default_output_bound: found.default_output_bound,
        abilities: found.abilities,
        efforts: found.efforts,
    };
    Candidate { upstream: 0, route: Arc::new(route), output_bound: output, output_was_bounded: false }
}

fn opus() -> Candidate {
    candidate(ProviderKind::Anthropic, "claude-opus-4-6", 100)
}

fn turn(content: Content) -> Turn {
    Turn { role: Role::User, parts: vec![Part::new(content)], name: None }
}

fn asking(contents: Vec<Content>) -> Conversation {
    Conversation { turns: contents.into_iter().map(turn).collect(), ..Conversation::default() }
}

fn text(plain: &str) -> Content {
    Content::Text(Text::new(plain))
}

fn media(source: Source) -> Media {
    Media { source, name: None, detail: None }
}

fn thinking(text: &str, signature: Option<&str>, redacted: Option<&str>) -> Content {
    Content::Thinking(Thinking {
        origin: ProviderKind::Anthropic,
        text: Text::new(text),
        signature: signature.map(Text::new),
        redacted: redacted.map(Text::new),
    })
}

/// Of a tool with four letters, without arguments.
fn call(signature: Option<&str>) -> Content {
    let arguments = Arguments::Object(RawJson::new(Bytes::from_static(b"{}")));
    Content::ToolCall(ToolCall {
        id: None,
        name: Text::new("time"),
        arguments,
        signature: signature.map(Text::new),
    })
}

fn base64(bytes: usize) -> Source {
    Source::Base64 { media_type: "any/kind".to_owned(), data: Bytes::from(vec![b'A'; bytes]) }
}

fn url() -> Source {
    Source::Url { media_type: None, url: Text::new("https://example.com/file") }
}

#[test]
fn each_kind_of_content_counts() {
    let window = opus().route.window.unwrap();
    let around = PER_MESSAGE + PER_MESSAGE + PER_PART;
    for (case, content, want) in [
        ("text", text(TEXT), around + TEXT.len() as u64),
        ("an image", Content::Image(media(base64(400))), around + IMAGE),
        ("an image by address", Content::Image(media(url())), around + IMAGE),
        ("audio", Content::Audio(media(base64(1_600))), around + 101),
        ("a plain document", Content::Document(media(Source::Plain(Text::new(TEXT)))), around + 47),
        ("a PDF", Content::Document(media(base64(400))), window),
        ("thinking, by its signature", thinking("", Some(&"s".repeat(4_000)), None), around + 4_000),
        ("thinking that is shown", thinking(TEXT, Some("sig"), None), around + 47 + 3),
        ("thinking that is encrypted", thinking("", None, Some(&"r".repeat(4_000))), around + 4_000),
        ("a signed call", call(Some(&"s".repeat(4_000))), around + 4 + 2 + 4_000),
        ("a call", call(None), around + 4 + 2),
        ("a document by address", Content::Document(media(url())), window),
        ("more than the window", text(&"x".repeat(2_000_000)), window),
    ] {
        let bound = bound(&opus(), &Prompt::of(&asking(vec![content])), None);
        assert_eq!((bound.input, bound.output), (want, 100), "{case}");
    }
}

#[test]
fn the_dearest_price_that_can_be_reached_is_taken() {
    let plain = asking(vec![text(TEXT)]);
    let tokens = i64::try_from(TEXT.len()).unwrap() + 96;
    let marked = |ttl| {
        let mut asked = asking(vec![text(TEXT)]);
        asked.turns[0].parts[0].cache = Some(ttl);
        asked
    };
    let several = Conversation {
        sampling: Sampling { choices: Some(3), ..Sampling::default() },
        ..asking(vec![text(TEXT)])
    };
    let gpt = || candidate(ProviderKind::OpenAi, "gpt-4o", 100);
    let gemini = || candidate(ProviderKind::Gemini, "gemini-2.5-pro", 100);
    // Micro-USD a token are USD per million tokens.
    for (case, candidate, asked, want) in [
        ("5 in, 25 out", opus(), &plain, tokens * 5_000 + 100 * 25_000),
        ("cached for 5 minutes, 6.25", opus(), &marked(CacheTtl::FiveMinutes), tokens * 6_250 + 100 * 25_000),
        ("cached for an hour, 10", opus(), &marked(CacheTtl::OneHour), tokens * 10_000 + 100 * 25_000),
        ("three choices", gpt(), &several, tokens * 2_500 + 300 * 10_000),
        ("below the step, 1.25 and 10", gemini(), &plain, tokens * 1_250 + 100 * 10_000),
    ] {
        let bound = bound(&candidate, &Prompt::of(asked), None);
        assert_eq!(bound.cost, NanoUsd(want), "{case}");
    }
    let long = asking(vec![text(&"x".repeat(300_000))]);
    let above = bound(&gemini(), &Prompt::of(&long), None);
    assert_eq!(above.cost, NanoUsd(300_096 * 2_500 + 100 * 15_000), "above 200,000 tokens: 2.50 and 15");
}

/// What the caller wishes, what the route is asked for, and USD per million tokens of the answer that are held.
#[test]
fn a_tier_is_asked_for_where_its_price_is_known_and_the_dearest_that_may_be_billed_is_held() {
    use ServiceTier::{Batch, Fast, Flex, Priority, Standard};
    let (openai, azure) = (ProviderKind::OpenAi, ProviderKind::AzureOpenAi);
    let (anthropic, gemini) = (ProviderKind::Anthropic, ProviderKind::Gemini);
    for (kind, model, wish, asked, output) in [
        (openai, "gpt-5", None, Some(Standard), 10),
        (openai, "gpt-5", Some(Standard), Some(Standard), 10),
        (openai, "gpt-5", Some(Flex), Some(Flex), 10),
        (openai, "gpt-5", Some(Priority), Some(Priority), 20),
        (openai, "gpt-5", Some(Batch), Some(Standard), 10),
        (openai, "gpt-4o", Some(Flex), Some(Standard), 10),
        (openai, "gpt-4", None, None, 60),
        (azure, "gpt-5", None, None, 20),
        (azure, "gpt-5", Some(Standard), None, 20),
        (azure, "gpt-5", Some(Priority), Some(Priority), 20),
        (azure, "gpt-4o", None, None, 10),
        (anthropic, "claude-opus-4-8", None, None, 25),
        (anthropic, "claude-opus-4-8", Some(Standard), Some(Standard), 25),
        (anthropic, "claude-opus-4-8", Some(Fast), Some(Fast), 50),
        (anthropic, "claude-opus-4-6", Some(Fast), None, 25),
        (gemini, "gemini-2.5-pro", None, None, 10),
        (gemini, "gemini-2.5-pro", Some(Standard), None, 10),
        (gemini, "gemini-2.5-pro", Some(Flex), None, 10),
        (gemini, "gemini-2.5-pro", Some(Priority), None, 10),
    ] {
        let case = format!("{model} at {kind:?}, {wish:?}");
        let candidate = candidate(kind, model, 100);
        let tier = candidate.route.tier(wish);
        assert_eq!(tier, asked, "{case}");
        let bound = bound(&candidate, &Prompt::of(&asking(vec![text(TEXT)])), tier);
        assert_eq!(bound.cost.0 - bound.input_cost.0, 100 * output * 1_000, "{case}");
    }
}

#[test]
fn who_thinks_unseen() {
    let asked = asking(vec![text(TEXT)]);
    let thinking = Conversation { reasoning: Some(Reasoning::Adaptive), ..asked.clone() };
    for (case, candidate, asked, want) in [
        ("told to", opus(), &thinking, true),
        ("not told to", opus(), &asked, false),
        ("by itself", candidate(ProviderKind::Gemini, "gemini-2.5-pro", 9), &asked, true),
        ("cannot", candidate(ProviderKind::OpenAi, "gpt-4o", 9), &asked, false),
    ] {
        assert_eq!(bound(&candidate, &Prompt::of(asked), None).thinks_unseen, want, "{case}");
    }
}

#[test]
fn a_picture_is_the_dearest_that_its_model_may_make_of_it() {
    let openai = ProviderKind::OpenAi;
    let around = PER_MESSAGE + PER_MESSAGE + PER_PART;
    for (kind, model, detail, want) in [
        (openai, "gpt-5.4", None, IMAGE_UNSCALED),
        (openai, "gpt-5.4", Some("auto"), IMAGE_UNSCALED),
        (openai, "gpt-5.4", Some("original"), IMAGE_UNSCALED),
        (openai, "gpt-5.4", Some("high"), IMAGE),
        (openai, "gpt-5.4", Some("low"), IMAGE),
        (ProviderKind::AzureOpenAi, "gpt-5.4", Some("original"), IMAGE_UNSCALED),
        (openai, "gpt-4o", None, IMAGE),
        (openai, "gpt-4o-mini", Some("high"), IMAGE_OF_4O_MINI),
        (ProviderKind::Anthropic, "claude-opus-4-6", None, IMAGE),
        (ProviderKind::Gemini, "gemini-2.5-pro", None, IMAGE),
    ] {
        let image = Media { detail: detail.map(Text::new), ..media(base64(400)) };
        let asked = asking(vec![text(TEXT), Content::Image(image)]);
        let bound = bound(&candidate(kind, model, 9), &Prompt::of(&asked), None);
        let texts = TEXT.len() as u64 + around + PER_MESSAGE + PER_PART;
        assert_eq!(bound.input, texts + want, "{model}, {detail:?}");
    }
    // As a router of others' models calls it.
    let mut route = Route::clone(&candidate(openai, "gpt-4o-mini", 9).route);
    route.kind = ProviderKind::OpenAiCompatible;
    route.model = ModelName::new("openai/gpt-4o-mini");
    let candidate =
        Candidate { upstream: 0, route: Arc::new(route), output_bound: 9, output_was_bounded: false };
    let bound = bound(&candidate, &Prompt::of(&asking(vec![Content::Image(media(url()))])), None);
    assert_eq!(bound.input, around + IMAGE_OF_4O_MINI);
}

#[test]
fn counted_texts_make_the_bound_smaller_where_their_tokenizer_is_the_models() {
    let (openai, azure) = (ProviderKind::OpenAi, ProviderKind::AzureOpenAi);
    let around = PER_MESSAGE + PER_MESSAGE + PER_PART;
    let result = Content::ToolResult(ToolResult {
        call_id: Text::new("call_1"),
        name: None,
        content: vec![Part::new(text(TEXT)), Part::new(Content::Image(media(url())))],
        is_error: false,
    });
    let in_result = around + PER_PART + PER_PART + IMAGE;
    let bytes = TEXT.len() as u64;
    let document = Content::Document(media(Source::Plain(Text::new(TEXT))));
    for (case, kind, model, content, plain, counted) in [
        ("a text", openai, "gpt-4o", text(TEXT), around + bytes, around + 12),
        ("a text, at Azure", azure, "gpt-4o", text(TEXT), around + bytes, around + 12),
        ("what a tool answered", openai, "gpt-4o", result, in_result + bytes, in_result + 12),
        ("a document", openai, "gpt-4o", document, around + bytes, around + bytes),
        ("a call", openai, "gpt-4o", call(None), around + 6, around + 6),
        ("a thought", openai, "gpt-4o", thinking(TEXT, None, None), around + bytes, around + bytes),
        ("a refusal", openai, "gpt-4o", Content::Refusal(Text::new(TEXT)), around + bytes, around + bytes),
        ("another tokenizer", openai, "gpt-4", text(TEXT), around + bytes, around + bytes),
        (
            "another vendor",
            ProviderKind::Anthropic,
            "claude-opus-4-6",
            text(TEXT),
            around + bytes,
            around + bytes,
        ),
        ("a file by its address", openai, "gpt-4o", Content::Document(media(url())), 128_000, 128_000),
    ] {
        let (candidate, asked) = (candidate(kind, model, 100), asking(vec![content]));
        let prompt = Prompt::of(&asked);
        let most = |prompt: &Prompt| bound(&candidate, prompt, None).input;
        assert_eq!(most(&prompt), plain, "{case}");
        assert_eq!(most(&prompt.counted(Tokenizer::O200kBase, 12)), counted, "{case}");
        let countable = prompt.countable(&candidate.route);
        assert_eq!(countable.is_some(), counted < plain, "{case}");
        let counted = prompt.counted(Tokenizer::O200kBase, 12);
        assert_eq!(counted.countable(&candidate.route), None, "{case}: once");
        let more = most(&prompt.counted(Tokenizer::O200kBase, u64::MAX));
        assert_eq!(more, plain, "{case}: never more than its bytes");
    }
}

/// Prompts like the examples of the vendors' documents, and the usage that is told there: the bound holds, and
/// its cost with it.
#[test]
fn documented_usages_are_within_their_bounds() {
    let weather = Tool {
        name: Text::new("get_weather"),
        description: Some(Text::new("Get the current weather in a given location")),
        parameters: Some(RawJson::new(Bytes::from_static(
            br#"{"type":"object","properties":{"location":{"type":"string","description":"The city and state, e.g. San Francisco, CA"}},"required":["location"]}"#,
        ))),
        strict: None,
        cache: None,
    };
    let tools = Conversation {
        tools: vec![weather],
        ..asking(vec![text("What is the weather like in San Francisco?")])
    };
    let gpt = || candidate(ProviderKind::OpenAi, "gpt-4o", 1_024);
    for (case, candidate, asked, input, output) in [
        // platform.openai.com, chat completions: "You are a helpful assistant." and "Hello!" are 19 tokens.
        ("a greeting", gpt(), asking(vec![text("You are a helpful assistant."), text("Hello!")]), 19, 10),
        // The same page, functions: 82 tokens.
        ("one function", gpt(), tools.clone(), 82, 17),
        // docs.anthropic.com, token counting: 14 tokens; with that tool 403; an image of 1092 by 1092 1,590.
        (
            "a greeting, Anthropic",
            opus(),
            asking(vec![text("You are a scientist"), text("Hello, Claude")]),
            14,
            100,
        ),
        ("one tool, Anthropic", opus(), tools, 403, 100),
        ("an image, Anthropic", opus(), asking(vec![Content::Image(media(base64(9)))]), 1_590, 100),
    ] {
        let bound = bound(&candidate, &Prompt::of(&asked), None);
        assert!(input <= bound.input, "{case}: {input} > {}", bound.input);
        let usage = Usage { input: Some(input), output: Some(output), ..Usage::NONE };
        let cost = cost(&candidate.route.price, &usage, ServiceTier::Standard);
        assert!(cost <= bound.cost, "{case}: {cost} > {}", bound.cost);
    }
}

#[test]
fn inputs_of_embeddings_are_bounded_each_by_the_window() {
    let texts = |count: usize, bytes: usize| Embedding {
        inputs: Inputs::Texts(vec![Text::new(&"x".repeat(bytes)); count]),
        ..Embedding::default()
    };
    let tokens = Inputs::Tokens(vec![Tokens { json: Bytes::from_static(b"[1,2,3]"), count: 3 }; 2]);
    let small = candidate(ProviderKind::OpenAi, "text-embedding-3-small", 0);
    for (case, embedding, input) in [
        ("bytes, and marks around each", texts(2, 100), 216),
        ("no more than each window", texts(3, 100_000), 3 * 8_191),
        ("tokens as they are", Embedding { inputs: tokens, ..Embedding::default() }, 22),
    ] {
        let bound = bound(&small, &Prompt::of_inputs(&embedding), None);
        // 20 nano-USD a token.
        let cost = NanoUsd(i64::try_from(input * 20).unwrap());
        let got = (bound.input, bound.output, bound.cost, bound.input_cost, bound.thinks_unseen);
        assert_eq!(got, (input, 0, cost, cost, false), "{case}");
    }
}

fn any_model() -> impl Strategy<Value = (ProviderKind, &'static str)> {
    let kinds = [ProviderKind::Anthropic, ProviderKind::OpenAi, ProviderKind::Gemini];
    let upstream = |kind: ProviderKind| UpstreamName::new(kind.name()).unwrap();
    let chat = move |kind: ProviderKind, name: &&str| {
        let place = Place { upstream: &upstream(kind), kind, region: None };
        Catalog::builtin().find(place, name).is_some_and(|model| model.price.is_some())
    };
    let all: Vec<_> = kinds
        .into_iter()
        .flat_map(|kind| {
            Catalog::builtin_names(kind)
                .iter()
                .copied()
                .filter(move |name| chat(kind, name))
                .map(move |name| (kind, name))
        })
        .collect();
    proptest::sample::select(all)
}

proptest! {
    /// No usage that keeps to the bound's tokens costs more than the bound, whichever counters hold them.
    #[test]
    fn no_usage_within_the_tokens_costs_more(
        (kind, model) in any_model(),
        bytes in 1usize..400_000,
        output in 1u64..20_000,
        shares in proptest::array::uniform4(0u64..1_000),
        made in 0u64..=1_000,
        reasoned in 0u64..=1_000,
        tier in proptest::sample::select(ServiceTier::ALL.to_vec()),
        served in any::<bool>(),
    ) {
        let candidate = candidate(kind, model, output);
        let mut asked = asking(vec![text(&"x".repeat(bytes))]);
        asked.turns[0].parts[0].cache = Some(CacheTtl::OneHour);
        asked.tools.push(Tool {
            name: Text::new("t"), description: None, parameters: None, strict: None,
            cache: Some(CacheTtl::FiveMinutes),
        });
        let bound = bound(&candidate, &Prompt::of(&asked), Some(tier));
        let whole = shares.iter().sum::<u64>().max(1);
        let part = |share: u64| Some(bound.input * share / whole);
        let made = bound.output * made / 1_000;
        let usage = Usage {
            input: part(shares[0]),
            cache_read: part(shares[1]),
            cache_write_5m: part(shares[2]),
            cache_write_1h: part(shares[3]),
            output: Some(made),
            reasoning: Some(made * reasoned / 1_000),
            ..Usage::NONE
        };
        let tier = if served { tier } else { ServiceTier::Standard };
        let cost = cost(&candidate.route.price, &usage, tier);
        prop_assert!(cost <= bound.cost, "{} > {}", cost, bound.cost);
        prop_assert!(bound.input_cost <= bound.cost);
    }
}
