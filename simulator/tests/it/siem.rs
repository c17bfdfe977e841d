//! The fake SIEM: what each product takes, refuses, and how it fails.

use gateway_simulator::{Running, SiemFault};
use serde_json::{Value, json};

use crate::client::{End, Reply, SOON, open, read, send};
use crate::simulator;

const SPLUNK: [(&str, &str); 2] = [("authorization", "Splunk x"), ("x-splunk-request-channel", "c")];
const ELASTIC: [(&str, &str); 2] = [("authorization", "ApiKey x"), ("content-type", "application/x-ndjson")];
const DATADOG: [(&str, &str); 1] = [("dd-api-key", "x")];

/// A batch of records as each product wants it.
fn batch(product: &str, ids: &[&str]) -> String {
    let records = ids.iter().map(|id| json!({"request_id": id}));
    match product {
        "splunk" => records.map(|record| json!({"event": record}).to_string()).collect(),
        "elastic" => records
            .map(|record| {
                format!(
                    "{}\n{}\n",
                    json!({"index": {"_id": record["request_id"]}}),
                    json!({"ai_gateway": record})
                )
            })
            .collect(),
        "datadog" => Value::from_iter(records.map(|record| json!({"ai_gateway": record}))).to_string(),
        _ => Value::from_iter(records).to_string(),
    }
}

fn post(simulator: &Running, product: &str, ids: &[&str]) -> Reply {
    let body = batch(product, ids);
    match product {
        "splunk" => send(simulator, "POST", "/services/collector/event", &SPLUNK, &body),
        "elastic" => send(simulator, "POST", "/audit/_bulk", &ELASTIC, &body),
        "datadog" => send(simulator, "POST", "/api/v2/logs", &DATADOG, &body),
        _ => send(simulator, "POST", "/hook", &[], &body),
    }
}

fn taken(simulator: &Running) -> Vec<String> {
    let id = |record: &Value| record["request_id"].as_str().expect("an id").to_owned();
    simulator.siem().taken().iter().map(|taken| id(&taken.record)).collect()
}

#[test]
fn each_product_takes_its_own_form() {
    for (product, status) in [("splunk", 200), ("elastic", 200), ("datadog", 202), ("webhook", 200)] {
        let simulator = simulator();
        assert_eq!(post(&simulator, product, &["a", "b"]).status, status, "{product}");
        assert_eq!(taken(&simulator), ["a", "b"], "{product}");
    }
    let simulator = simulator();
    let lines = "{\"request_id\":\"a\"}\n{\"request_id\":\"b\"}\n";
    assert_eq!(send(&simulator, "POST", "/hook", &[], lines).status, 200);
    assert_eq!(taken(&simulator), ["a", "b"], "lines");
}

#[test]
fn what_a_product_would_refuse_is_refused() {
    let simulator = simulator();
    for (case, path, headers, body, status) in [
        ("splunk, no token", "/services/collector", &[][..], batch("splunk", &["a"]), 401),
        ("splunk, no event", "/services/collector", &SPLUNK[..], "{}".to_owned(), 400),
        ("splunk, no JSON", "/services/collector", &SPLUNK, "{".to_owned(), 400),
        ("elastic, no key", "/_bulk", &ELASTIC[1..], batch("elastic", &["a"]), 401),
        ("elastic, another type", "/_bulk", &ELASTIC[..1], batch("elastic", &["a"]), 406),
        ("elastic, no last line end", "/_bulk", &ELASTIC, "{\"index\":{}}\n{}".to_owned(), 400),
        ("datadog, no key", "/api/v2/logs", &[], batch("datadog", &["a"]), 403),
        ("datadog, too many", "/api/v2/logs", &DATADOG, batch("datadog", &["a"; 1_001]), 413),
        ("a webhook, no JSON", "/hook", &[], "x".to_owned(), 400),
    ] {
        assert_eq!(send(&simulator, "POST", path, headers, &body).status, status, "{case}");
    }
    assert!(taken(&simulator).is_empty());
}

#[test]
fn it_fails_as_it_is_told() {
    for product in ["splunk", "elastic", "datadog", "webhook"] {
        let simulator = simulator();
        let siem = simulator.siem();
        siem.fail_next(1, SiemFault::Status { code: 429, retry_after_s: Some(3) });
        let reply = post(&simulator, product, &["a"]);
        assert_eq!((reply.status, reply.header("retry-after")), (429, Some("3")), "{product}");
        siem.fail_next(1, SiemFault::Cut);
        assert_eq!(post(&simulator, product, &["a"]).end, End::Cut, "{product}");
        siem.fail(SiemFault::MoreRecordsThan(1));
        assert_eq!(post(&simulator, product, &["a", "b"]).status, 413, "{product}");
        siem.fail(SiemFault::RefuseContaining("\"b\"".to_owned()));
        let refused = post(&simulator, product, &["a", "b"]);
        assert_eq!(refused.status, if product == "elastic" { 200 } else { 400 }, "{product}");
        siem.mend();
        post(&simulator, product, &["c"]);
        let want: &[&str] = if product == "elastic" { &["a", "c"] } else { &["c"] };
        assert_eq!(taken(&simulator), want, "{product}");
        assert_eq!(siem.stats().refused_batches, 4, "{product}");
    }
}

#[test]
fn a_hanging_one_says_nothing() {
    let simulator = simulator();
    assert_eq!(send(&simulator, "POST", "/__siem", &[], "\"hang\"").status, 204);
    let mut stream = open(simulator.address(), "POST", "/hook", &[], "[]");
    assert_eq!(read(&mut stream, SOON).end, End::Silent);
    assert_eq!(send(&simulator, "POST", "/__siem", &[], "null").status, 204);
    assert_eq!(send(&simulator, "POST", "/hook", &[], "[]").status, 200);
    assert_eq!(send(&simulator, "POST", "/__siem", &[], "\"sulk\"").status, 400);
    let stats = send(&simulator, "GET", "/__siem", &[], "").json();
    assert_eq!(stats, json!({"batches": 2, "refused_batches": 1, "records": 0}));
}

#[test]
fn errors_come_in_a_200_too() {
    let simulator = simulator();
    simulator.siem().fail(SiemFault::ErrorBody);
    assert_eq!(post(&simulator, "splunk", &["a"]).json()["code"], 9);
    let bulk = post(&simulator, "elastic", &["a"]).json();
    assert_eq!((&bulk["errors"], &bulk["items"][0]["index"]["status"]), (&json!(true), &json!(429)));
    assert!(taken(&simulator).is_empty());
}

#[test]
fn splunk_acknowledges_where_it_is_asked_to() {
    let simulator = simulator();
    simulator.siem().acknowledge();
    let receipt = post(&simulator, "splunk", &["a"]).json()["ackId"].clone();
    let ask = |receipt: &Value| {
        let body = json!({"acks": [receipt]}).to_string();
        send(&simulator, "POST", "/services/collector/ack?channel=c", &SPLUNK, &body).json()
    };
    assert_eq!(ask(&receipt), json!({"acks": {receipt.to_string(): true}}));
    simulator.siem().fail(SiemFault::NeverAcknowledged);
    let receipt = post(&simulator, "splunk", &["b"]).json()["ackId"].clone();
    assert_eq!(ask(&receipt)["acks"][receipt.to_string()], false);
}

#[test]
fn elastic_keeps_one_document_for_an_id() {
    let simulator = simulator();
    post(&simulator, "elastic", &["a"]);
    let later = format!(
        "{}\n{}\n",
        json!({"create": {"_id": "a"}}),
        json!({"ai_gateway": {"request_id": "a", "late": 1}})
    );
    let reply = send(&simulator, "POST", "/_bulk", &ELASTIC, &later).json();
    assert_eq!((&reply["errors"], &reply["items"][0]["create"]["status"]), (&json!(true), &json!(409)));
    assert_eq!(simulator.siem().documents()["a"]["ai_gateway"], json!({"request_id": "a"}));
}
