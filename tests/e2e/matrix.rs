//! Every dialect, delivery and provider, one table: what is personal stays inside and comes back, what is settled
//! is what the provider bills, and one record says so.

use crate::client::{Delivery, WAYS};
use crate::gateway::{Gateway, Setup};
use crate::records::record;
use gateway_simulator::Provider;
use serde_json::{Value, json};

const MAIL: &str = "zora.quill@example.org";

/// Provider, model, nano-USD a token of input and of output, tokens that the simulator spends on thoughts.
const BILLS: [(Provider, &str, i64, i64, i64); 4] = [
    (Provider::Anthropic, "anthropic/claude-opus-4-6", 5_000, 25_000, 0),
    (Provider::OpenAi, "openai/gpt-4o", 2_500, 10_000, 0),
    (Provider::AzureOpenAi, "azure_openai/gpt-4o", 2_500, 10_000, 0),
    (Provider::Gemini, "gemini/gemini-2.5-pro", 1_250, 10_000, 64),
];

/// The simulator counts four characters a token, and 7 more around the prompt.
const SENT: &str = "say: [EMAIL_ADDRESS_1]";
const SAID: &str = "[EMAIL_ADDRESS_1]";

fn tokens(text: &str) -> i64 {
    i64::try_from(text.chars().count().div_ceil(4)).expect("small")
}

fn nano(usd: &Value) -> i64 {
    let digits = usd.to_string();
    // No float enters: nine decimals are an integer.
    let (whole, part) = digits.split_once('.').unwrap_or((&digits, ""));
    if let Some((mantissa, exponent)) = digits.split_once('e') {
        let places: i32 = exponent.parse().expect("an exponent");
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let scaled: i64 = format!("{whole}{part}").parse().expect("digits");
        let shift = 9 + places - i32::try_from(part.len()).expect("short");
        return scaled * 10i64.pow(u32::try_from(shift).expect("a nano-dollar at least"));
    }
    format!("{whole}{part:0<9}").parse().expect("digits")
}

async fn one(gateway: &Gateway, spent: &mut i64, bill: (Provider, &str, i64, i64, i64)) {
    let (provider, model, input, output, thoughts) = bill;
    for (dialect, delivery) in WAYS {
        let case = format!("{provider:?} {dialect:?} {delivery:?}");
        let reply =
            gateway.post(dialect.path(), &dialect.ask(model, &format!("say: {MAIL}"), delivery)).await;
        assert_eq!((reply.status, dialect.text(&reply).as_str()), (200, MAIL), "{case}: {}", reply.text());
        let sent = gateway.faults().requests().pop().expect("a request came in").body;
        assert!(sent.contains(SENT) && !sent.contains(MAIL), "{case}: {sent}");
        let cost = (tokens(SENT) + 7) * input + (tokens(SAID) + thoughts) * output;
        *spent += cost;
        assert_eq!(gateway.spent().await, *spent, "{case}: settled as billed");
        let told = record(gateway, reply.header("x-request-id")).await;
        assert_eq!(nano(&told["cost_usd"]), cost, "{case}: {told}");
        assert_eq!(
            (&told["endpoint"], &told["stream"], &told["outcome"], &told["provider_used"]),
            (
                &json!(dialect.path()),
                &json!(delivery == Delivery::Stream),
                &json!("answered"),
                &json!(provider.name())
            ),
            "{case}"
        );
        assert_eq!(told["pii"]["by_type"], json!({"EMAIL_ADDRESS": 1}), "{case}: {told}");
        assert!(!told.to_string().contains(MAIL), "{case}: {told}");
    }
}

#[tokio::test]
async fn every_way_to_every_provider_leaks_nothing_costs_what_is_billed_and_is_recorded_once() {
    let gateway = Setup::new().start().await;
    let mut spent = 0;
    for bill in BILLS {
        one(&gateway, &mut spent, bill).await;
    }
    let ended = gateway.stop().await;
    assert!(!ended.log.contains(MAIL), "it is in the log");
    for path in ["/v1/complete", "/v1/chat/completions", "/v1/messages", "/v1/embeddings"] {
        assert!(ended.log.contains(&format!("POST {path} (json")), "what covers {path} is told at the start");
    }
}
