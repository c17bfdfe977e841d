mod choices;
mod tasks;

use proptest::prelude::*;

use super::*;
use crate::catalog::{Catalog, ListedRates, Mode, Override};
use crate::conversation::{Need, Needs};
use crate::money::PicoUsdPerToken;

const NOTHING: Ask<'static> = Ask {
    provider: None,
    model: None,
    capability: None,
    fallback: Fallback::On,
    tail: Tail::NamedOnly,
    prompt_bytes: 0,
    max_output: None,
    needs: Needs::NONE,
    conversation: None,
    allowed: Allowed { team: None, key: None },
    roll: 0,
};

fn upstream(name: &str, kind: ProviderKind) -> Upstream {
    Upstream {
        name: UpstreamName::new(name).unwrap(),
        kind,
        default_model: None,
        models: Vec::new(),
        region: None,
    }
}

fn vendor(kind: ProviderKind) -> Upstream {
    upstream(kind.name(), kind)
}

fn serving(mut upstream: Upstream, models: &[(&str, &str)]) -> Upstream {
    let served = |(wire, model): &(&str, &str)| ServedModel {
        wire_name: (*wire).to_owned(),
        model: ModelName::new(model),
    };
    upstream.models = models.iter().map(served).collect();
    upstream
}

fn azure() -> Upstream {
    serving(
        vendor(ProviderKind::AzureOpenAi),
        &[("prod-4o", "gpt-4o"), ("spare-4o", "gpt-4o"), ("mini", "gpt-4o-mini")],
    )
}

fn compatible() -> Upstream {
    let models =
        [("llama", "llama"), ("anthropic/claude-opus-4-6", "anthropic/claude-opus-4-6"), ("x/y", "x/y")];
    serving(upstream("vllm", ProviderKind::OpenAiCompatible), &models)
}

fn four() -> Vec<Upstream> {
    vec![vendor(ProviderKind::Anthropic), vendor(ProviderKind::OpenAi), azure(), vendor(ProviderKind::Gemini)]
}

fn priced() -> Override {
    let rate = PicoUsdPerToken::parse_per_million("1").unwrap();
    Override {
        price: Some(ListedRates { input: rate, output: rate, ..ListedRates::default() }),
        ..Override::default()
    }
}

fn equivalents(names: &[&str]) -> Override {
    Override {
        equivalents: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        ..Override::default()
    }
}

fn catalog() -> Catalog {
    Catalog::builtin().with([
        ("claude-opus-4-6".to_owned(), equivalents(&["gemini-2.5-pro", "azure/gpt-4o", "gpt-4o"])),
        ("vllm/llama".to_owned(), priced()),
        ("vllm/x/y".to_owned(), priced()),
        ("vllm/anthropic/claude-opus-4-6".to_owned(), priced()),
        ("openai/gpt-next".to_owned(), priced()),
        ("nobodys".to_owned(), priced()),
    ])
}

fn five() -> Router {
    Router::new([four(), vec![compatible()]].concat(), catalog())
        .unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

fn ask<'a>(provider: Option<&'a str>, model: Option<&'a str>) -> Ask<'a> {
    Ask {
        provider,
        model,
        fallback: Fallback::On,
        tail: Tail::NamedOnly,
        prompt_bytes: 100,
        max_output: None,
        needs: crate::conversation::Needs::NONE,
        ..NOTHING
    }
}

/// `upstream:wire_model` of each candidate.
fn order(router: &Router, ask: &Ask<'_>) -> Result<Vec<String>, String> {
    let plan = router.plan(ask).map_err(|error| error.to_string())?;
    Ok(plan.candidates.iter().map(|one| format!("{}:{}", one.route.upstream, one.route.wire_model)).collect())
}

#[test]
fn candidates_in_their_order() {
    let router = five();
    const OPUS: &str = "anthropic:claude-opus-4-6";
    const GPT: &str = "openai:gpt-4o";
    const PROD: &str = "azure_openai:prod-4o";
    const SPARE: &str = "azure_openai:spare-4o";
    const PRO: &str = "gemini:gemini-2.5-pro";
    const LLAMA: &str = "vllm:llama";
    for (case, provider, model, want) in [
        ("bare", None, Some("gpt-4o"), &[GPT, PROD, SPARE][..]),
        ("prefixed", None, Some("azure_openai/gpt-4o"), &[PROD, SPARE, GPT]),
        ("prefixed by alias", None, Some("azure/gpt-4o"), &[PROD, SPARE, GPT]),
        ("provider", Some("azure_openai"), Some("gpt-4o"), &[PROD, SPARE, GPT]),
        ("provider and prefix agree", Some("azure"), Some("azure_openai/gpt-4o"), &[PROD, SPARE, GPT]),
        ("a deployment", Some("azure"), Some("spare-4o"), &[SPARE, PROD, GPT]),
        ("a deployment, bare", None, Some("spare-4o"), &[SPARE]),
        ("equivalents by priority", None, Some("claude-opus-4-6"), &[OPUS, GPT, PROD, SPARE, PRO]),
        (
            "a dated alias is its own",
            None,
            Some("claude-opus-4-6-20260205"),
            &["anthropic:claude-opus-4-6-20260205"],
        ),
        (
            "the configured prefix goes first",
            None,
            Some("anthropic/claude-opus-4-6"),
            &[OPUS, GPT, PROD, SPARE, PRO],
        ),
        ("a slash in the name", None, Some("x/y"), &["vllm:x/y"]),
        ("a slash in the name behind a prefix", None, Some("vllm/x/y"), &["vllm:x/y"]),
        (
            "another vendor's name at the server named",
            Some("vllm"),
            Some("anthropic/claude-opus-4-6"),
            &["vllm:anthropic/claude-opus-4-6"],
        ),
        ("priced with a prefix", None, Some("gpt-next"), &["openai:gpt-next"]),
        ("priced bare, upstream named", None, Some("gemini/nobodys"), &["gemini:nobodys"]),
        ("no model", None, None, &[OPUS, GPT, PROD, PRO, LLAMA]),
        ("no model, provider", Some("google"), None, &[PRO, OPUS, GPT, PROD, LLAMA]),
    ] {
        let want: Vec<_> = want.iter().map(|one| (*one).to_owned()).collect();
        assert_eq!(order(&router, &ask(provider, model)), Ok(want), "{case}");
    }
    let native = Ask { tail: Tail::Defaults, ..ask(None, Some("gpt-4o-mini")) };
    let want = ["openai:gpt-4o-mini", "azure_openai:mini", OPUS, GPT, PROD, PRO, LLAMA];
    assert_eq!(order(&router, &native).unwrap(), want, "the native tail");
    let off = Ask { fallback: Fallback::Off, ..native };
    assert_eq!(order(&router, &off).unwrap(), ["openai:gpt-4o-mini"], "no fallback");
}

#[test]
fn refusals_name_field_and_mend() {
    let router = five();
    let long = "x".repeat(65);
    let hidden = "`model` (not shown) is not served here: `GET /v1/models` lists the names";
    for (provider, model, want) in [
        (
            Some("mistral"),
            None,
            "`provider` mistral is not configured here: use one of anthropic, openai, azure_openai, gemini, vllm",
        ),
        (
            Some("openai"),
            Some("anthropic/claude-opus-4-6"),
            "`provider` says openai and `model` says anthropic: drop one of the two",
        ),
        (None, Some("gpt-99"), "`model` gpt-99 is not served here: `GET /v1/models` lists the names"),
        (None, Some("nobodys"), "`model` nobodys is listed by no upstream: ask for it as `UPSTREAM/MODEL`"),
        (
            Some("azure"),
            Some("gpt-4.1"),
            "`model` gpt-4.1 is not served here: `GET /v1/models` lists the names",
        ),
        (
            None,
            Some("text-embedding-3-small"),
            "`model` text-embedding-3-small makes embeddings: use `POST /v1/embeddings`",
        ),
        (
            None,
            Some("openai/o1-pro"),
            "`model` o1-pro does not answer chat requests: `GET /v1/models` lists those that do",
        ),
        (
            None,
            Some("openai/gpt-99"),
            "`model` gpt-99 has no price at openai: add `[models.\"openai/gpt-99\"]` with `input = \"…\"` and \
             `output = \"…\"` (USD per million tokens) to gateway.toml",
        ),
        (
            None,
            Some("lyria-3.5"),
            "`model` lyria-3.5 has no price at gemini: add `[models.\"gemini/lyria-3.5\"]` with `input = \"…\"` and \
             `output = \"…\"` (USD per million tokens) to gateway.toml",
        ),
        (None, Some(long.as_str()), hidden),
        (None, Some("gpt\n\u{202e}"), hidden),
        (None, Some("ann@example.org"), hidden),
        (None, Some(""), hidden),
    ] {
        assert_eq!(order(&router, &ask(provider, model)), Err(want.to_owned()), "{provider:?} {model:?}");
    }
    let openai_alone = Router::new(vec![vendor(ProviderKind::OpenAi)], catalog()).map_err(|_| ()).unwrap();
    let unconfigured = ask(None, Some("anthropic/claude-opus-4-6"));
    assert!(matches!(openai_alone.plan(&unconfigured), Err(PlanError::ProviderNotFound { .. })));
    let nothing = Router::new(Vec::new(), catalog()).map_err(|_| ()).unwrap();
    assert_eq!(nothing.plan(&ask(None, None)).unwrap_err(), PlanError::NoDefault);
}

#[test]
fn an_unconfigured_vendors_prefix_may_belong_to_a_servers_own_name() {
    let router =
        Router::new(vec![vendor(ProviderKind::OpenAi), compatible()], catalog()).map_err(|_| ()).unwrap();
    let order = order(&router, &ask(None, Some("anthropic/claude-opus-4-6")));
    assert_eq!(order.unwrap(), ["vllm:anthropic/claude-opus-4-6"]);
}

#[test]
fn a_prompt_that_is_surely_too_long_has_no_candidate() {
    let router = five();
    let window = 128_000;
    for (case, bytes, fallback, want) in [
        ("at the window", window * 8 + 7, Fallback::On, Ok(3)),
        ("over it", (window + 1) * 8, Fallback::On, Err((window + 1, window))),
        ("over it, alone", (window + 1) * 8, Fallback::Off, Err((window + 1, window))),
    ] {
        let ask = Ask { prompt_bytes: bytes, fallback, ..ask(None, Some("gpt-4o")) };
        match (router.plan(&ask), want) {
            (Ok(plan), Ok(candidates)) => assert_eq!(plan.candidates.len(), candidates, "{case}"),
            (Err(PlanError::TooLong { need, window, .. }), Err(want)) => {
                assert_eq!((need, window), want, "{case}")
            }
            (plan, want) => panic!("{case}: {plan:?}, wanted {want:?}"),
        }
    }
    // Where other models may answer, those that fit do.
    let native = Ask { prompt_bytes: 200_000 * 8, tail: Tail::Defaults, ..ask(None, Some("gpt-4o")) };
    let want = ["anthropic:claude-opus-4-6", "gemini:gemini-2.5-pro", "vllm:llama"];
    assert_eq!(order(&router, &native).unwrap(), want);
}

#[test]
fn the_output_is_bounded() {
    let router = five();
    for (case, model, asked, want) in [
        ("nothing asked", "gpt-4o", None, (8_192, true)),
        ("nothing asked of a reasoning model", "claude-opus-4-6", None, (16_384, true)),
        ("what is asked", "gpt-4o", Some(100), (100, false)),
        ("just the most", "gpt-4o", Some(16_384), (16_384, false)),
        ("more than it can", "gpt-4o", Some(16_385), (16_384, true)),
    ] {
        let ask = Ask { max_output: asked, ..ask(None, Some(model)) };
        let first = router.plan(&ask).unwrap().candidates.remove(0);
        assert_eq!((first.output_bound, first.output_was_bounded), want, "{case}");
    }
}

#[test]
fn mistakes_are_listed_together() {
    let mut openai = vendor(ProviderKind::OpenAi);
    openai.default_model = Some(ModelName::new("claude-opus-4-6"));
    openai.region = Some("mars".to_owned());
    let unpriced = serving(upstream("vllm", ProviderKind::OpenAiCompatible), &[("qwen", "qwen")]);
    let upstreams = vec![openai.clone(), openai, vendor(ProviderKind::AzureOpenAi), unpriced];
    let catalog =
        Catalog::builtin().with([("gpt-4o".to_owned(), equivalents(&["gpt-4p", "claude-opus-4-6"]))]);
    let mistakes = Router::new(upstreams, catalog).map(|_| ()).unwrap_err();
    let mistakes: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(
        mistakes,
        [
            "`region` mars of upstream openai has no prices of its own: use one of [eu, us] or none",
            "`default_model` claude-opus-4-6 is no chat model of upstream openai: name one that it serves",
            "upstream openai is there twice: give each its own name",
            "`models` of upstream azure_openai is empty: list its deployments or models",
            "upstream vllm serves qwen, which has no price: add `[models.\"vllm/qwen\"]` with `input = \"…\"` and \
             `output = \"…\"` (USD per million tokens)",
            "`equivalents` of gpt-4o name gpt-4p, which is not known: mend the name or leave it out",
        ]
    );
}

#[test]
fn an_embedding_deployment_is_no_mistake_and_no_chat_route() {
    let azure = serving(
        vendor(ProviderKind::AzureOpenAi),
        &[("embed", "text-embedding-3-small"), ("prod", "gpt-4o")],
    );
    let router = Router::new(vec![azure], Catalog::builtin()).map_err(|_| ()).unwrap();
    let models: Vec<_> = router.models().map(|route| route.wire_model.as_str()).collect();
    assert_eq!(models, ["prod"]);
}

#[test]
fn embeddings_have_a_router_of_their_own() {
    let azure = serving(
        vendor(ProviderKind::AzureOpenAi),
        &[("embed", "text-embedding-3-small"), ("prod", "gpt-4o")],
    );
    let local =
        serving(upstream("vllm", ProviderKind::OpenAiCompatible), &[("nomic", "nomic"), ("qwen", "qwen")]);
    let upstreams =
        || vec![vendor(ProviderKind::Anthropic), vendor(ProviderKind::OpenAi), azure.clone(), local.clone()];
    let makes = Override { mode: Some(Mode::Embedding), ..priced() };
    let alike = Override { equivalents: Some(vec!["nomic".to_owned()]), ..Override::default() };
    let catalog = Catalog::builtin().with([
        ("nomic".to_owned(), makes.clone()),
        ("qwen".to_owned(), priced()),
        ("anthropic/claude-vectors".to_owned(), makes),
        ("text-embedding-3-small".to_owned(), alike),
    ]);
    let router = Router::of_embeddings(upstreams(), catalog.clone()).map_err(|_| ()).unwrap();
    let plan = |model: &str, needs: Needs| {
        let ask = Ask {
            provider: None,
            model: Some(model),
            fallback: Fallback::On,
            tail: Tail::NamedOnly,
            prompt_bytes: 0,
            max_output: Some(0),
            needs: needs.with(Need::Vectors),
            ..NOTHING
        };
        let plan = router.plan(&ask).map_err(|error| error.to_string())?.candidates;
        assert!(plan.iter().all(|one| (one.output_bound, one.output_was_bounded) == (0, false)));
        Ok(plan
            .iter()
            .map(|one| format!("{}/{}", one.route.upstream, one.route.wire_model))
            .collect::<Vec<_>>())
    };
    let none = Needs::NONE;
    let there = |names: &[&str]| Ok::<_, String>(names.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(
        plan("text-embedding-3-small", none),
        there(&["openai/text-embedding-3-small", "azure_openai/embed"])
    );
    assert_eq!(plan("azure/embed", none), there(&["azure_openai/embed", "openai/text-embedding-3-small"]));
    assert_eq!(plan("nomic", none), there(&["vllm/nomic"]));
    for (model, want) in [
        ("gpt-4o", "makes no embeddings"),
        ("qwen", "makes no embeddings"),
        ("anthropic/claude-vectors", "cannot take requests for embeddings"),
        ("no-such", "is not served here"),
    ] {
        let error = plan(model, none).unwrap_err();
        assert!(error.contains(want), "{model}: {error}");
    }
    let many =
        Router::of_embeddings(vec![vendor(ProviderKind::Gemini)], catalog.clone()).map_err(|_| ()).unwrap();
    for need in [Need::ManyInputs, Need::TokenInputs] {
        let ask = Ask {
            provider: None,
            model: Some("gemini-embedding-001"),
            fallback: Fallback::On,
            tail: Tail::NamedOnly,
            prompt_bytes: 0,
            max_output: Some(0),
            needs: none.with(need),
            ..NOTHING
        };
        assert!(matches!(many.plan(&ask), Err(PlanError::Unable { need: told, .. }) if told == need));
    }
    // Those of chat know none of them.
    let chat = Router::new(upstreams(), catalog).map_err(|mistakes| format!("{mistakes:?}")).unwrap();
    assert!(chat.models().all(|route| route.model.as_str() != "nomic"));
}

proptest! {
    #[test]
    fn a_plan_keeps_its_promises(
        present in proptest::collection::vec(any::<bool>(), 5),
        provider in proptest::option::of("openai|azure|vllm|gemini|[a-z]{0,3}"),
        model in proptest::option::of("gpt-4o|claude-opus-4-6|azure/gpt-4o|x/y|prod-4o|llama|.{0,6}"),
        (off, defaults) in any::<(bool, bool)>(),
        prompt_bytes in 0u64..20_000_000,
        max_output in proptest::option::of(1u64..1_000_000),
    ) {
        let all = [four(), vec![compatible()]].concat();
        let upstreams: Vec<_> = all.into_iter().zip(&present).filter(|(_, is)| **is).map(|(one, _)| one).collect();
        let names: Vec<_> = upstreams.iter().map(|one| one.name.clone()).collect();
        let router = Router::new(upstreams, catalog()).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let ask = Ask {
            provider: provider.as_deref(),
            model: model.as_deref(),
            fallback: if off { Fallback::Off } else { Fallback::On },
            tail: if defaults { Tail::Defaults } else { Tail::NamedOnly },
            prompt_bytes,
            max_output,
            ..NOTHING
        };
        let Ok(Plan { candidates: plan, .. }) = router.plan(&ask) else { return Ok(()) };
        prop_assert!(!plan.is_empty());
        prop_assert!(!off || plan.len() == 1);
        for (at, one) in plan.iter().enumerate() {
            prop_assert_eq!(names.get(one.upstream), Some(&one.route.upstream));
            prop_assert!(!plan[..at].iter().any(|before| Arc::ptr_eq(&before.route, &one.route)));
            prop_assert!(one.output_bound <= one.route.max_output);
            prop_assert!(max_output.is_none_or(|asked| one.output_bound <= asked));
            prop_assert!(one.route.window.is_none_or(|window| prompt_bytes / 8 <= window));
        }
    }
}
