use super::*;
use crate::money::{NanoUsd, PicoUsdPerToken};
use crate::usage::Usage;

fn find(catalog: &Catalog, kind: ProviderKind, region: Option<&str>, model: &str) -> Option<Model> {
    let upstream = UpstreamName::new(kind.name()).unwrap();
    catalog.find(Place { upstream: &upstream, kind, region }, model)
}

fn listed(kind: ProviderKind, region: Option<&str>, model: &str) -> Model {
    find(&Catalog::builtin(), kind, region, model).unwrap()
}

fn per_million(usd: &str) -> PicoUsdPerToken {
    PicoUsdPerToken::parse_per_million(usd).unwrap()
}

const ANTHROPIC: ProviderKind = ProviderKind::Anthropic;
const OPENAI: ProviderKind = ProviderKind::OpenAi;
const AZURE: ProviderKind = ProviderKind::AzureOpenAi;
const GEMINI: ProviderKind = ProviderKind::Gemini;
const STANDARD: ServiceTier = ServiceTier::Standard;
const NONE: Usage = Usage {
    input: None,
    cache_read: None,
    cache_write_5m: None,
    cache_write_1h: None,
    output: None,
    reasoning: None,
    audio_input: None,
    audio_output: None,
    web_searches: None,
    service_tier: None,
};

/// USD per million tokens are micro-USD per token; the sums are in micro-USD, the wanted in nano-USD.
#[test]
fn golden_costs() {
    for (case, (kind, region, model), tier, usage, want) in [
        ("nothing", (OPENAI, None, "gpt-4o"), STANDARD, NONE, 0),
        // 1,000 × 5 + 2,000 × 0.5 + 300 × 6.25 + 100 × 10 + 500 × 25
        //   = 5,000 + 1,000 + 1,875 + 1,000 + 12,500 = 21,375
        (
            "both caches",
            (ANTHROPIC, None, "claude-opus-4-6"),
            STANDARD,
            Usage {
                input: Some(1_000),
                cache_read: Some(2_000),
                cache_write_5m: Some(300),
                cache_write_1h: Some(100),
                output: Some(500),
                ..NONE
            },
            21_375_000,
        ),
        // The region's factor 1.1: 1,000 × 5.5 + 10 × 27.5 = 5,500 + 275 = 5,775
        (
            "a region's factor",
            (ANTHROPIC, Some("us"), "claude-opus-4-6"),
            STANDARD,
            Usage { input: Some(1_000), output: Some(10), ..NONE },
            5_775_000,
        ),
        // Fast is twice the price: 100 × 10 + 10 × 50 = 1,000 + 500 = 1,500
        (
            "fast",
            (ANTHROPIC, None, "claude-opus-4-8"),
            ServiceTier::Fast,
            Usage { input: Some(100), output: Some(10), ..NONE },
            1_500_000,
        ),
        // 3 × 0.01 USD + 10 × 5 = 30,000 + 50 = 30,050
        (
            "searches",
            (ANTHROPIC, None, "claude-opus-4-6"),
            STANDARD,
            Usage { input: Some(10), web_searches: Some(3), ..NONE },
            30_050_000,
        ),
        // 1,000 × 2.5 + 1 × 1.25 + 10 × 10 = 2,500 + 1.25 + 100 = 2,601.25
        (
            "a cached read",
            (OPENAI, None, "gpt-4o"),
            STANDARD,
            Usage { input: Some(1_000), cache_read: Some(1), output: Some(10), ..NONE },
            2_601_250,
        ),
        // No price for writes is listed, so input's: (1,000 + 1,000) × 2.5 = 5,000
        (
            "writes without a price of their own",
            (OPENAI, None, "gpt-4o"),
            STANDARD,
            Usage { cache_write_5m: Some(1_000), cache_write_1h: Some(1_000), ..NONE },
            5_000_000,
        ),
        // 1,000 × 4.25 + 10 × 17 = 4,250 + 170 = 4,420
        (
            "priority",
            (OPENAI, None, "gpt-4o"),
            ServiceTier::Priority,
            Usage { input: Some(1_000), output: Some(10), ..NONE },
            4_420_000,
        ),
        // Flex is not listed for it, so the standard price: 1,000 × 2.5 = 2,500
        (
            "a tier that is not listed",
            (OPENAI, None, "gpt-4o"),
            ServiceTier::Flex,
            Usage { input: Some(1_000), ..NONE },
            2_500_000,
        ),
        // Long input 5, priority input 5; long output 22.5, priority output 30:
        //   272,001 × 5 + 100 × 30 = 1,360,005 + 3,000 = 1,363,005
        (
            "a long prompt in a tier",
            (OPENAI, None, "gpt-5.4"),
            ServiceTier::Priority,
            Usage { input: Some(272_001), output: Some(100), ..NONE },
            1_363_005_000,
        ),
        // 100 × 2.5 + 50 × 32 + (30 − 20) × 10 + 20 × 64 = 250 + 1,600 + 100 + 1,280 = 3,230
        (
            "audio",
            (OPENAI, None, "gpt-audio"),
            STANDARD,
            Usage {
                input: Some(100),
                audio_input: Some(50),
                output: Some(30),
                audio_output: Some(20),
                ..NONE
            },
            3_230_000,
        ),
        // 1,000 × 2.75 (the eu list; the default list says 2.5) = 2,750
        (
            "a region's own list",
            (AZURE, Some("eu"), "gpt-4o"),
            STANDARD,
            Usage { input: Some(1_000), ..NONE },
            2_750_000,
        ),
        // Exactly at the threshold: 150,000 × 1.25 + 50,000 × 0.125 + 1,000 × 10
        //   = 187,500 + 6,250 + 10,000 = 203,750; reasoning is part of output and costs the same
        (
            "at the threshold",
            (GEMINI, None, "gemini-2.5-pro"),
            STANDARD,
            Usage {
                input: Some(150_000),
                cache_read: Some(50_000),
                output: Some(1_000),
                reasoning: Some(400),
                ..NONE
            },
            203_750_000,
        ),
        // One token over it, the whole request: 150,001 × 2.5 + 50,000 × 0.25 + 1,000 × 15
        //   = 375,002.5 + 12,500 + 15,000 = 402,502.5
        (
            "over the threshold",
            (GEMINI, None, "gemini-2.5-pro"),
            STANDARD,
            Usage { input: Some(150_001), cache_read: Some(50_000), output: Some(1_000), ..NONE },
            402_502_500,
        ),
    ] {
        let price = listed(kind, region, model).price.unwrap();
        assert_eq!(cost(&price, &usage, tier), NanoUsd(want), "{case}");
    }
}

#[test]
fn costs_round_up_once_and_never_wrap() {
    let rates = |pico| ListedRates {
        input: PicoUsdPerToken(pico),
        output: PicoUsdPerToken(pico),
        ..ListedRates::default()
    };
    let most = Some(u64::MAX);
    for (case, pico, usage, want) in [
        ("one pico is a nano", 1, Usage { input: Some(1), ..NONE }, 1),
        ("two pico from two counters still are one", 1, Usage { input: Some(1), output: Some(1), ..NONE }, 1),
        ("1,001 pico are two", 1, Usage { input: Some(1_000), output: Some(1), ..NONE }, 2),
        (
            "all of everything",
            u64::MAX,
            Usage { input: most, cache_read: most, output: most, ..NONE },
            i64::MAX,
        ),
        ("more reasoning than output", 1_000, Usage { output: Some(1), reasoning: Some(5), ..NONE }, 5),
    ] {
        let price = Price::flat(rates(pico).complete());
        assert_eq!(cost(&price, &usage, STANDARD), NanoUsd(want), "{case}");
    }
}

#[test]
fn a_gap_in_a_variant_is_never_cheaper_than_the_base() {
    let base = ListedRates {
        input: per_million("3"),
        output: per_million("15"),
        cache_read: Some(per_million("0.3")),
        cache_write_1h: Some(per_million("9")),
        ..ListedRates::default()
    };
    let long = ListedRates { input: per_million("6"), output: per_million("22.5"), ..ListedRates::default() };
    let rates = long.complete_beside(&base);
    assert_eq!(rates.cache_read, per_million("6"));
    assert_eq!(rates.cache_write_5m, per_million("6"));
    assert_eq!(rates.cache_write_1h, per_million("9"));
    assert_eq!(rates.reasoning, per_million("22.5"));
}

#[test]
fn models_are_found_with_their_limits() {
    let opus = listed(ANTHROPIC, None, "claude-opus-4-6");
    assert_eq!((opus.window, opus.max_output, opus.default_output_bound), (Some(1_000_000), 128_000, 16_384));
    assert_eq!(opus.abilities.known(Ability::Vision), Some(true));
    assert_eq!(opus.abilities.known(Ability::AssistantPrefill), Some(false));
    assert_eq!(opus.abilities.known(Ability::SystemMessages), None);
    assert_eq!(opus.efforts.known(Effort::Max), Some(true));
    for (case, model, want) in [
        ("default bound", listed(OPENAI, None, "gpt-4o"), (Some(128_000), 16_384, 8_192)),
        ("null window, null max", listed(OPENAI, None, "gpt-rosalind-research"), (None, 8_192, 8_192)),
        (
            "a region takes the default list's",
            listed(AZURE, Some("eu"), "gpt-5"),
            (Some(272_000), 128_000, 16_384),
        ),
        ("a region that lacks it", listed(AZURE, Some("us-gov"), "gpt-4o"), (Some(128_000), 16_384, 8_192)),
    ] {
        assert_eq!((model.window, model.max_output, model.default_output_bound), want, "{case}");
    }
    assert!(find(&Catalog::builtin(), ANTHROPIC, None, "gpt-4o").is_none());
    assert!(find(&Catalog::builtin(), ProviderKind::OpenAiCompatible, None, "gpt-4o").is_none());
}

#[test]
fn a_price_of_zero_is_none_and_the_dearer_row_wins() {
    assert_eq!(listed(GEMINI, None, "lyria-3.5").price, None);
    assert_eq!(listed(AZURE, None, "model-router").price, None);
    // Listed twice, once as free.
    let twice = listed(GEMINI, None, "gemini-exp-1206").price.unwrap();
    assert_eq!(twice.base.input, per_million("0.3"));
    for kind in ProviderKind::VENDORS {
        for region in Catalog::regions(kind).into_iter().map(Some).chain([None]) {
            for name in Catalog::builtin_names(kind) {
                let Some(model) = find(&Catalog::builtin(), kind, region, name) else { continue };
                let free = model.price.is_some_and(|price| price.base.input.0 == 0);
                assert!(!free, "{kind:?} {region:?} {name}");
                assert!(model.default_output_bound > 0, "{kind:?} {region:?} {name}");
            }
        }
    }
}

#[test]
fn the_modes_are_kept_apart() {
    for (kind, model, want) in [
        (OPENAI, "gpt-4o", Mode::Chat),
        (OPENAI, "o1-pro", Mode::Responses),
        (OPENAI, "computer-use-preview", Mode::Responses),
        (OPENAI, "text-embedding-3-small", Mode::Embedding),
        (GEMINI, "gemini-omni-1.1-flash", Mode::Other),
        (OPENAI, "gpt-4o-search-preview", Mode::Other),
    ] {
        assert_eq!(listed(kind, None, model).mode, want, "{model}");
    }
}

/// Each search is billed, none is reported, and nobody bounds how many there are.
#[test]
fn what_searches_by_itself_is_served_where_the_configuration_says_so() {
    let mut seen = 0;
    for kind in ProviderKind::VENDORS {
        for region in Catalog::regions(kind).into_iter().map(Some).chain([None]) {
            for name in Catalog::builtin_names(kind) {
                let searches = ["search-preview", "search-api", "deep-research"];
                let Some(model) = find(&Catalog::builtin(), kind, region, name) else { continue };
                if searches.iter().any(|word| name.contains(word)) {
                    assert_eq!(model.mode, Mode::Other, "{name}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen >= 13, "{seen} of them are listed");
    let opened = Override { mode: Some(Mode::Chat), ..Override::default() };
    let catalog = Catalog::builtin().with([("gpt-4o-search-preview".to_owned(), opened)]);
    assert_eq!(find(&catalog, OPENAI, None, "gpt-4o-search-preview").unwrap().mode, Mode::Chat);
}

#[test]
fn regions_are_named() {
    assert_eq!(Catalog::regions(AZURE), ["eu", "global", "global-standard", "us", "us-gov"]);
    assert_eq!(Catalog::regions(OPENAI), ["eu", "us"]);
    assert_eq!(Catalog::regions(ANTHROPIC), ["us"]);
    assert!(Catalog::regions(GEMINI).is_empty());
}

fn priced(input: &str, output: &str) -> Override {
    let price =
        ListedRates { input: per_million(input), output: per_million(output), ..ListedRates::default() };
    Override { price: Some(price), ..Override::default() }
}

#[test]
fn overrides_lie_on_top_and_the_most_specific_wins() {
    let catalog = Catalog::builtin().with([
        (
            "gpt-5.4".to_owned(),
            Override { window: Some(10_000), max_output: Some(1_000), ..priced("1", "2") },
        ),
        ("azure/gpt-5.4".to_owned(), priced("3", "4")),
        (
            "azure_openai/gpt-4o".to_owned(),
            Override { default_output_bound: Some(99), ..Override::default() },
        ),
        (
            "llama".to_owned(),
            Override { abilities: vec![(Ability::Reasoning, true)], ..priced("0.1", "0.2") },
        ),
    ]);
    let openai = find(&catalog, OPENAI, None, "gpt-5.4").unwrap();
    let price = openai.price.unwrap();
    assert_eq!(price.base.input, per_million("1"));
    assert_eq!(price.base.cache_read, per_million("1"), "no cache price given: input's");
    assert!(price.long.is_empty() && price.tiers.is_empty(), "one flat price");
    assert_eq!((openai.window, openai.max_output, openai.default_output_bound), (Some(10_000), 1_000, 1_000));
    assert_eq!(openai.abilities.known(Ability::Tools), Some(true), "what is not overridden stays");

    let azure = find(&catalog, AZURE, None, "gpt-5.4").unwrap();
    assert_eq!(azure.price.unwrap().base.input, per_million("3"));
    assert_eq!(azure.window, Some(10_000), "the bare one lies beneath");
    assert_eq!(find(&catalog, AZURE, None, "gpt-4o").unwrap().default_output_bound, 99);
    assert_eq!(find(&catalog, OPENAI, None, "gpt-4o").unwrap().default_output_bound, 8_192);

    let llama = find(&catalog, ProviderKind::OpenAiCompatible, None, "llama").unwrap();
    assert_eq!(llama.price.unwrap().base.output, per_million("0.2"));
    assert_eq!((llama.window, llama.max_output, llama.default_output_bound), (None, 8_192, 8_192));
}
