//! Aliases, capabilities, splits and lists of allowed models.

use std::collections::BTreeMap;

use super::*;

fn list(steps: &[&[(&str, u32)]]) -> List {
    let share = |(model, weight): &(&str, u32)| Share { model: (*model).to_owned(), weight: *weight };
    List(steps.iter().map(|step| Step(step.iter().map(share).collect())).collect())
}

fn choices() -> Choices {
    let alias = |name: &str, steps: &[&[(&str, u32)]]| (name.to_owned(), list(steps));
    Choices {
        aliases: vec![
            alias("smart", &[&[("claude-opus-4-6", 1)]]),
            alias("either", &[&[("gpt-4o-mini", 9), ("gemini-2.5-flash", 1)], &[("llama", 1)]]),
            alias("gpt-3.5-turbo", &[&[("gpt-4.1-nano", 1)]]),
            alias("vectors", &[&[("text-embedding-3-small", 1)]]),
        ],
        capabilities: vec![(
            Capability::Code,
            list(&[&[("llama", 1)], &[("azure/gpt-4o", 1)], &[("gpt-4o", 1)]]),
        )],
    }
}

fn with_choices() -> Router {
    five().with(&choices()).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

fn told(router: &Router, ask: &Ask<'_>) -> (Vec<String>, String) {
    let plan = router.plan(ask).unwrap_or_else(|error| panic!("{error}"));
    (order(router, ask).unwrap(), plan.reason.map(|reason| reason.to_string()).unwrap_or_default())
}

#[test]
fn words_in_the_models_place_find_their_lists() {
    let router = with_choices();
    const LLAMA: &str = "vllm:llama";
    const PROD: &str = "azure_openai:prod-4o";
    const SPARE: &str = "azure_openai:spare-4o";
    const GPT: &str = "openai:gpt-4o";
    let code = [LLAMA, PROD, GPT, SPARE];
    for (case, provider, model, want, reason) in [
        ("a capability", None, "auto:code", &code[..], "capability/code"),
        ("at a provider first", Some("azure"), "auto:code", &[PROD, SPARE, LLAMA, GPT], "capability/code"),
        (
            "an alias, with its model's equivalents",
            None,
            "smart",
            &["anthropic:claude-opus-4-6", GPT, PROD, SPARE, "gemini:gemini-2.5-pro"],
            "alias",
        ),
        ("an alias over a model", None, "gpt-3.5-turbo", &["openai:gpt-4.1-nano"], "alias"),
        ("the model itself, by its upstream", None, "openai/gpt-3.5-turbo", &["openai:gpt-3.5-turbo"], ""),
        (
            "a split",
            None,
            "either",
            &["openai:gpt-4o-mini", "azure_openai:mini", "gemini:gemini-2.5-flash", LLAMA],
            "alias/split",
        ),
    ] {
        let (routes, why) = told(&router, &ask(provider, Some(model)));
        assert_eq!(routes, want, "{case}");
        assert_eq!(why, reason, "{case}");
    }
    let native = Ask { capability: Some(Capability::Code), ..ask(None, None) };
    assert_eq!(told(&router, &native).0, code);
    assert_eq!(told(&router, &Ask { model: Some("auto"), ..native }).0, code);
    let alone = Ask { fallback: Fallback::Off, ..native };
    assert_eq!(told(&router, &alone).0, [LLAMA]);
}

#[test]
fn auto_goes_by_the_task_and_ends_with_the_defaults() {
    let router = with_choices();
    let (routes, why) = told(&router, &ask(None, Some("auto")));
    assert_eq!(why, "auto/fast/plain");
    let fast = ["anthropic:claude-haiku-4-5", "openai:gpt-4.1-mini", "gemini:gemini-2.5-flash"];
    assert_eq!(&routes[..3], fast);
    let defaults = ask(None, None);
    for one in order(&router, &defaults).unwrap() {
        assert!(routes.contains(&one), "{one} is not in {routes:?}");
    }
    // Where nothing is listed for the task, the defaults serve it.
    let lonely = Router::new(vec![compatible()], catalog()).map_err(|_| ()).unwrap();
    assert_eq!(told(&lonely, &ask(None, Some("auto"))).0, ["vllm:llama"]);
}

#[test]
fn what_cannot_serve_is_no_candidate_of_a_list() {
    let router = with_choices();
    // Of the list, llama's window is not known, and that of gpt-4o too small.
    let long = Ask { prompt_bytes: 200_000 * 8, ..ask(None, Some("auto:code")) };
    assert_eq!(told(&router, &long).0, ["vllm:llama"]);
    let heard = Ask { needs: Needs::NONE.with(Need::LooseArguments), ..ask(None, Some("auto:fast")) };
    assert!(told(&router, &heard).0.iter().all(|one| one.starts_with("openai") || one.starts_with("azure")));
    // The first that fits is the gateway's own choice, also without fallback.
    let off = Ask { fallback: Fallback::Off, ..heard };
    assert_eq!(told(&router, &off).0, ["openai:gpt-4.1-mini"]);
}

#[test]
fn cheap_is_by_price_and_knows_servers_of_ones_own() {
    let router = five();
    let (routes, _) = told(&router, &ask(None, Some("auto:cheap")));
    assert!(routes.contains(&"vllm:llama".to_owned()), "{routes:?}");
    let plan = router.plan(&ask(None, Some("auto:cheap"))).unwrap();
    let prices: Vec<_> = plan.candidates.iter().map(|one| &one.route.price.base).collect();
    assert!(prices.is_sorted_by_key(|rates| rates.input.0 * 3 + rates.output.0));
}

#[test]
fn every_capability_is_served_by_each_vendor_that_lists_models() {
    for kind in [ProviderKind::Anthropic, ProviderKind::OpenAi, ProviderKind::Gemini] {
        let router = Router::new(vec![vendor(kind)], Catalog::builtin()).map_err(|_| ()).unwrap();
        for capability in Capability::ALL {
            let ask = Ask { capability: Some(capability), ..ask(None, None) };
            assert!(router.plan(&ask).is_ok(), "{kind:?} {capability:?}");
        }
    }
    for name in Capability::ALL.iter().flat_map(|one| lists::rows(*one).concat()) {
        let known = ProviderKind::VENDORS.iter().any(|kind| Catalog::builtin_names(*kind).contains(&name));
        assert!(known, "{name} is not in the catalog");
    }
}

#[test]
fn refusals_of_choices() {
    let router = with_choices();
    let azure_alone = Router::new(vec![azure()], Catalog::builtin()).map_err(|_| ()).unwrap();
    for (case, router, ask, want) in [
        (
            "no such capability",
            &router,
            ask(None, Some("auto:magic")),
            "`model` auto:magic names no capability: write `auto` alone, or behind `auto:` one of code, reasoning, \
             vision, long_context, fast, cheap",
        ),
        (
            "both",
            &router,
            Ask { capability: Some(Capability::Code), ..ask(None, Some("gpt-4o")) },
            "`capability` stands beside a `model`: leave one of the two out, or write \"model\": \"auto\"",
        ),
        (
            "not at that provider",
            &router,
            ask(Some("gemini"), Some("auto:code")),
            "`provider` gemini serves none of the models for `model` auto:code: leave `provider` out",
        ),
        (
            "nothing listed",
            &azure_alone,
            Ask { capability: Some(Capability::Reasoning), ..ask(None, None) },
            "no model that is served here is listed for reasoning: set `reasoning` in [capabilities] of gateway.toml",
        ),
    ] {
        assert_eq!(order(router, &ask), Err(want.to_owned()), "{case}");
    }
}

#[test]
fn mistakes_in_choices_are_listed_together() {
    let wrong = Choices {
        aliases: vec![
            ("auto:mine".to_owned(), list(&[&[("gpt-4o", 1)]])),
            ("typo".to_owned(), list(&[&[("gpt-4p", 1), ("gpt-4o", 1)]])),
        ],
        capabilities: vec![(Capability::Fast, list(&[&[("claude-haiku-4-5", 1)]]))],
    };
    let openai = Router::new(vec![vendor(ProviderKind::OpenAi)], Catalog::builtin()).map_err(|_| ()).unwrap();
    let mistakes = openai.with(&wrong).map(|_| ()).unwrap_err();
    let told: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "`aliases.auto:mine` is a name of the gateway's own: choose another",
            "`aliases.typo` names gpt-4p, which is not known: mend the name or leave it out",
            "`capabilities.fast` names no model that is served here: name one, or leave the list out",
        ]
    );
}

#[test]
fn an_alias_may_stand_for_embeddings() {
    let upstreams = || vec![vendor(ProviderKind::OpenAi)];
    let choices = Choices {
        aliases: vec![(
            "vectors".to_owned(),
            list(&[&[("text-embedding-3-small", 1)], &[("text-embedding-3-large", 1)]]),
        )],
        capabilities: Vec::new(),
    };
    let chat = Router::new(upstreams(), Catalog::builtin()).and_then(|router| router.with(&choices));
    let chat = chat.unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let error = order(&chat, &ask(None, Some("vectors"))).unwrap_err();
    assert!(error.contains("is not served here"), "{error}");
    let vectors =
        Router::of_embeddings(upstreams(), Catalog::builtin()).and_then(|router| router.with(&choices));
    let vectors = vectors.unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    // Vectors of two models cannot be compared, so the second is no fallback.
    assert_eq!(told(&vectors, &ask(None, Some("vectors"))).0, ["openai:text-embedding-3-small"]);
    assert!(order(&vectors, &ask(None, Some("auto"))).is_err());
}

fn allow(patterns: &[&str]) -> AllowList {
    AllowList::new(patterns.iter().map(|pattern| (*pattern).to_owned()).collect())
}

#[test]
fn lists_of_allowed_models_hold() {
    let router = with_choices();
    const REFUSED: &str = "is not open to this key";
    const NONE: &str = "is open to this key";
    for (case, patterns, model, want) in [
        (
            "all",
            &["*"][..],
            Some("gpt-4o"),
            Ok(&["openai:gpt-4o", "azure_openai:prod-4o", "azure_openai:spare-4o"][..]),
        ),
        ("one upstream", &["openai/*"], Some("gpt-4o"), Ok(&["openai:gpt-4o"])),
        (
            "by alias",
            &["azure/gpt-4o"],
            Some("gpt-4o"),
            Ok(&["azure_openai:prod-4o", "azure_openai:spare-4o"]),
        ),
        ("the upstream that was named is closed", &["openai/*"], Some("azure/gpt-4o"), Err(REFUSED)),
        ("another model", &["gpt-4o-mini"], Some("gpt-4o"), Err(REFUSED)),
        ("no part of a name", &["gpt-4"], Some("gpt-4o"), Err(REFUSED)),
        (
            "the start of names",
            &["gpt-4o*"],
            Some("gpt-4o-mini"),
            Ok(&["openai:gpt-4o-mini", "azure_openai:mini"]),
        ),
        ("nothing", &[], Some("gpt-4o"), Err(REFUSED)),
        ("an equivalent is no way in", &["gemini-2.5-pro"], Some("claude-opus-4-6"), Err(REFUSED)),
        ("nor is it a way out", &["claude-*"], Some("claude-opus-4-6"), Ok(&["anthropic:claude-opus-4-6"])),
        ("a capability", &["llama"], Some("auto:code"), Ok(&["vllm:llama"])),
        ("none of a capability", &["claude-*"], Some("auto:code"), Err(NONE)),
        ("none of an alias", &["llama"], Some("smart"), Err(REFUSED)),
        ("a default", &["gemini/*"], None, Ok(&["gemini:gemini-2.5-pro"])),
        ("no default", &["gpt-4o-mini"], None, Err(NONE)),
    ] {
        let allowed = allow(patterns);
        let ask = Ask { allowed: Allowed { team: Some(&allowed), key: None }, ..ask(None, model) };
        match (order(&router, &ask), want) {
            (Ok(found), Ok(want)) => assert_eq!(found, want, "{case}"),
            (Err(error), Err(want)) => assert!(error.contains(want), "{case}: {error}"),
            (found, want) => panic!("{case}: {found:?}, wanted {want:?}"),
        }
    }
}

#[test]
fn patterns_that_fit_nothing_are_known() {
    let router = with_choices();
    for (pattern, want) in [
        ("gpt-4o", true),
        ("azure/gpt-4o", true),
        ("vllm/*", true),
        ("*", true),
        ("claude-*", true),
        ("gpt-4p", false),
        ("vllm/gpt*", false),
        ("nowhere/*", false),
    ] {
        assert_eq!(router.admits_something(pattern), want, "{pattern}");
    }
    let anthropic =
        Router::new(vec![vendor(ProviderKind::Anthropic)], Catalog::builtin()).map_err(|_| ()).unwrap();
    assert!(anthropic.admits_something("openai/gpt-4o"), "it waits for its key");
}

#[test]
fn a_split_is_by_weight() {
    let router = with_choices();
    let mut first: BTreeMap<String, u32> = BTreeMap::new();
    const ROLLS: u32 = 10_000;
    for roll in 0..ROLLS {
        let roll = u64::from(roll) * (u64::MAX / u64::from(ROLLS));
        let plan = router.plan(&Ask { roll, ..ask(None, Some("either")) }).unwrap();
        *first.entry(plan.candidates[0].route.model.to_string()).or_default() += 1;
        assert_eq!(plan.candidates.len(), 4, "the others stand in");
    }
    let share = |model: &str| {
        first[model].abs_diff(match model {
            "gpt-4o-mini" => ROLLS / 10 * 9,
            _ => ROLLS / 10,
        })
    };
    assert!(share("gpt-4o-mini") <= 10 && share("gemini-2.5-flash") <= 10, "{first:?}");
}

proptest! {
    #[test]
    fn a_choice_keeps_to_what_is_allowed_and_serves_whoever_may(
        model in proptest::option::of("auto|auto:code|auto:fast|auto:cheap|either|smart|gpt-4o|azure/gpt-4o"),
        team in proptest::collection::vec("gpt-4o|gpt-\\*|azure/\\*|vllm/llama|claude-\\*|gemini/\\*", 0..4),
        key in proptest::option::of(proptest::collection::vec("gpt-4o\\*|openai/\\*|\\*", 0..3)),
        (off, defaults) in any::<(bool, bool)>(),
        roll in any::<u64>(),
    ) {
        let router = with_choices();
        let (team, key) = (AllowList::new(team), key.map(AllowList::new));
        let allowed = Allowed { team: Some(&team), key: key.as_ref() };
        let ask = Ask {
            fallback: if off { Fallback::Off } else { Fallback::On },
            tail: if defaults { Tail::Defaults } else { Tail::NamedOnly },
            allowed,
            roll,
            ..ask(None, model.as_deref())
        };
        let open = router.plan(&Ask { allowed: Allowed::default(), fallback: Fallback::On, ..ask }).unwrap();
        match router.plan(&ask) {
            Ok(plan) => {
                let all: Vec<_> = open.candidates.iter().map(|one| &one.route).collect();
                for (at, one) in plan.candidates.iter().enumerate() {
                    prop_assert!(allowed.admits(&one.route));
                    prop_assert!(all.iter().any(|route| Arc::ptr_eq(route, &one.route)));
                    prop_assert!(!plan.candidates[..at].iter().any(|other| Arc::ptr_eq(&other.route, &one.route)));
                }
                prop_assert!(!plan.candidates.is_empty());
                prop_assert!(!off || plan.candidates.len() == 1);
            }
            Err(error) => {
                let is_refused = matches!(error, PlanError::NoneAllowed { .. })
                    || matches!(error, PlanError::ModelNotFound { why: NotServed::NotAllowed, .. });
                prop_assert!(is_refused, "{error}");
                // What was asked for is closed; what may only stand in does not open it.
                prop_assert!(!allowed.admits(&open.candidates[0].route));
            }
        }
    }
}
