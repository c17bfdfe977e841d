//! What each kind is sent, and how its answers are read.

use secrecy::SecretString;
use serde_json::{Value, json};

use super::super::verdict::{Answer, Fate, Verdict, by_status};
use super::super::{elastic::Elastic, splunk::Splunk};
use super::*;

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, retry_after: None, body: body.as_bytes().to_vec() }
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Delivered => "delivered",
        Verdict::Taken(_) => "taken",
        Verdict::Each(_) => "each",
        Verdict::Again { .. } => "again",
        Verdict::TooLarge => "smaller",
        Verdict::Refused { at: None, .. } => "refused",
        Verdict::Refused { .. } => "one refused",
        Verdict::Misconfigured { .. } => "misconfigured",
    }
}

#[test]
fn the_kind_is_guessed_by_the_path() {
    for (path, want) in [
        ("/services/collector", SinkKind::SplunkHec),
        ("/services/collector/event", SinkKind::SplunkHec),
        ("/_bulk", SinkKind::Elastic),
        ("/logs-audit/_bulk/", SinkKind::Elastic),
        ("/api/v2/logs", SinkKind::Datadog),
        ("/", SinkKind::Webhook),
        ("/hooks/_bulkhead", SinkKind::Webhook),
    ] {
        assert_eq!(SinkKind::guess(path), want, "{path}");
    }
    for kind in SinkKind::ALL {
        assert_eq!(SinkKind::parse(kind.word()), Some(kind));
    }
}

#[test]
fn statuses_mean_the_same_everywhere() {
    for (status, want) in [
        (202, "delivered"),
        (301, "misconfigured"),
        (400, "refused"),
        (401, "misconfigured"),
        (403, "misconfigured"),
        (404, "misconfigured"),
        (408, "again"),
        (413, "smaller"),
        (422, "refused"),
        (429, "again"),
        (500, "again"),
        (503, "again"),
    ] {
        assert_eq!(word(&by_status(&answer(status, ""))), want, "{status}");
    }
}

#[test]
fn splunk_says_more_in_its_code() {
    let splunk = Splunk::new("https://splunk:8088", None, None, "c".to_owned());
    let read = |status: u16, body: &str| {
        let answer = answer(status, body);
        let verdict = if status < 300 { splunk.accepted(&answer, 3) } else { splunk.refused(&answer, 3) };
        word(&verdict)
    };
    for (status, body, want) in [
        (200, r#"{"text":"Success","code":0}"#, "delivered"),
        (200, r#"{"text":"Success","code":0,"ackId":7}"#, "taken"),
        (200, r#"{"text":"Server is busy","code":9}"#, "again"),
        (200, "<html>a proxy's page</html>", "again"),
        (200, "", "again"),
        (400, r#"{"text":"Invalid data format","code":6,"invalid-event-number":2}"#, "one refused"),
        (400, r#"{"text":"Invalid data format","code":6,"invalid-event-number":9}"#, "refused"),
        (400, r#"{"text":"Event field is required","code":12}"#, "refused"),
        (400, r#"{"text":"Incorrect index","code":7}"#, "misconfigured"),
        (400, r#"{"text":"Data channel is missing","code":10}"#, "misconfigured"),
        (400, "no json", "refused"),
        (403, r#"{"text":"Invalid token","code":4}"#, "misconfigured"),
        (503, r#"{"text":"Server is busy","code":9}"#, "again"),
        (413, "", "smaller"),
    ] {
        assert_eq!(read(status, body), want, "{status} {body}");
    }
    for (body, stored) in [(r#"{"acks":{"7":true}}"#, true), (r#"{"acks":{"7":false}}"#, false), ("", false)]
    {
        assert_eq!(splunk.stored(&answer(200, body), 7), stored, "{body}");
    }
}

#[test]
fn elastic_answers_for_each_document() {
    let elastic = Elastic::new("https://es:9200/_bulk", None, None);
    let read = |body: &str| elastic.accepted(&answer(200, body), 2);
    use Fate::{Again, Delivered, Refused};
    for (case, body, want) in [
        ("all", json!({"errors": false}), Verdict::Delivered),
        (
            "one is malformed",
            json!({"errors": true, "items": [{"index": {"status": 201}}, {"index": {"status": 400}}]}),
            Verdict::Each(vec![Delivered, Refused]),
        ),
        (
            "one was there, one was too much",
            json!({"errors": true, "items": [{"create": {"status": 409}}, {"index": {"status": 429}}]}),
            Verdict::Each(vec![Delivered, Again]),
        ),
        (
            "an owner's can't be there",
            json!({"errors": true, "items": [{"index": {"status": 409}}, {"index": {"status": 503}}]}),
            Verdict::Each(vec![Refused, Again]),
        ),
    ] {
        assert_eq!(read(&body.to_string()), want, "{case}");
    }
    for body in ["", "{}", r#"{"errors":true,"items":[{"index":{"status":201}}]}"#, r#"{"errors":true}"#] {
        assert_eq!(word(&read(body)), "again", "{body}");
    }
}

/// Sends three records to a server of this kind, and gives back what it got.
async fn sent(settings: impl FnOnce(&str) -> SinkSettings, reply: &'static str) -> Got {
    let server = Server::start(move |_, _| ok(reply)).await;
    let kept = kept(SinkSettings { batch_wait: Duration::from_millis(500), ..settings(&server.url) });
    kept.audit.record_detached(record(1), ());
    kept.audit.record_detached(reaped(2), ());
    kept.audit.record(record(3)).await.unwrap();
    kept.delivered().await;
    kept.audit.drain(WAIT).await.unwrap();
    assert_eq!(server.numbers().into_iter().collect::<std::collections::BTreeSet<_>>(), [1, 2, 3].into());
    let got = server.got();
    assert_eq!(got.len(), 1, "one batch");
    got[0].clone()
}

fn values(text: &str) -> Vec<Value> {
    serde_json::Deserializer::from_str(text).into_iter().map(Result::unwrap).collect()
}

#[actix::test]
async fn splunk_gets_events() {
    let settings =
        |url: &str| SinkSettings { index: Some(Named::cleaned("main")), ..sink(SinkKind::SplunkHec, url) };
    let got = sent(settings, r#"{"text":"Success","code":0}"#).await;
    assert_eq!(got.path, "/services/collector/event");
    assert_eq!(got.header("authorization"), Some("Splunk Token-1"));
    assert_eq!(got.header("content-encoding"), Some("gzip"));
    assert_eq!(got.header("x-splunk-request-channel").unwrap().len(), 36);
    let events = values(&got.body);
    assert_eq!(events.len(), 3);
    assert_eq!(events[0]["time"].to_string(), "1000000.001");
    assert_eq!(events[0]["host"], "r1");
    assert_eq!(events[0]["index"], "main");
    assert_eq!(events[0]["event"]["type"], "request");
}

#[actix::test]
async fn elastic_gets_documents_in_the_common_schema() {
    let settings = |url: &str| SinkSettings {
        token: Some(SecretString::from("elastic:secret")),
        ..sink(SinkKind::Elastic, &format!("{url}/_bulk"))
    };
    let got = sent(settings, r#"{"errors":false}"#).await;
    assert_eq!(got.path, "/_bulk?filter_path=errors,items.*.status");
    // printf elastic:secret | base64
    assert_eq!(got.header("authorization"), Some("Basic ZWxhc3RpYzpzZWNyZXQ="));
    assert_eq!(got.header("content-type"), Some("application/x-ndjson"));
    let lines = values(&got.body);
    assert_eq!(lines.len(), 6);
    let id = "01a20c47-0000-7000-8000-000000000001";
    assert_eq!(lines[0], json!({"index": {"_index": "ai-gateway-audit", "_id": id}}));
    assert!(lines[2]["create"]["_id"].is_string(), "a reaper's does not replace an owner's");
    assert_eq!(lines[1]["@timestamp"], "1970-01-12T13:46:40.001Z");
    assert_eq!(lines[1]["event"]["outcome"], "success");
    assert_eq!(lines[1]["user"], json!({"group": {"id": "odd"}}));
    assert_eq!(lines[1]["http"], json!({"response": {"status_code": 200}}));
    assert_eq!(lines[1]["ai_gateway"]["request_id"], id);
    assert_eq!(lines[3]["event"]["outcome"], "unknown");
}

#[test]
fn elastic_is_asked_where_the_address_says() {
    const FILTER: &str = "?filter_path=errors,items.*.status";
    for (url, want, index) in [
        ("https://es:9200", "https://es:9200/_bulk", Some("ai-gateway-audit")),
        ("https://es:9200/_bulk", "https://es:9200/_bulk", Some("ai-gateway-audit")),
        ("https://es/logs-x/_bulk/", "https://es/logs-x/_bulk", None),
        ("https://es/_bulk?pipeline=p", "https://es/_bulk", Some("ai-gateway-audit")),
    ] {
        let event = Event { record: record(1), line: b"{}".to_vec(), end: Position::default() };
        let outgoing = Elastic::new(url, Some(SecretString::from("x")), None).batch(&[event], Duration::ZERO);
        let query = if url.contains('?') { "&pipeline=p" } else { "" };
        assert_eq!(outgoing.url, format!("{want}{FILTER}{query}"));
        let body = String::from_utf8(outgoing.body).unwrap();
        assert_eq!(values(&body)[0]["index"]["_index"].as_str(), index, "{url}");
        assert!(outgoing.headers.contains(&("authorization", "ApiKey x".to_owned())));
    }
}

#[actix::test]
async fn datadog_gets_logs() {
    let got = sent(|url| sink(SinkKind::Datadog, &format!("{url}/api/v2/logs")), "{}").await;
    assert_eq!(got.path, "/api/v2/logs");
    assert_eq!(got.header("dd-api-key"), Some("Token-1"));
    let logs: Vec<Value> = serde_json::from_str(&got.body).unwrap();
    assert_eq!(logs[0]["ddsource"], "ai-gateway");
    assert_eq!(logs[0]["ddtags"], "team:odd");
    assert_eq!(logs[0]["message"], "/v1/complete answered (200)");
    assert_eq!(logs[1]["status"], "warn");
    assert_eq!(logs[0]["ai_gateway"]["cost_usd"].to_string(), "0.0");
}

#[actix::test]
async fn a_webhook_gets_a_signed_array_or_lines() {
    let key = SecretString::from("hmac-key");
    let settings = |url: &str| SinkSettings {
        hmac_key: Some(key.clone()),
        gzip: true,
        ..sink(SinkKind::Webhook, &format!("{url}/hook?x=1"))
    };
    let got = sent(settings, "").await;
    assert_eq!(got.path, "/hook?x=1");
    assert_eq!(got.header("authorization"), Some("Bearer Token-1"));
    assert_eq!(got.header("x-gateway-batch"), Some("2-4"));
    let (time, signature) =
        got.header("x-gateway-signature").unwrap().strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let signed = [time.as_bytes(), b".", got.raw.as_slice()].concat();
    let key = gateway_core::audit::SigningKey::new(b"hmac-key");
    assert_eq!(signature, key.sign(&signed), "over the body as it was sent");
    assert_eq!(serde_json::from_str::<Vec<Value>>(&got.body).unwrap().len(), 3);

    let lines = |url: &str| SinkSettings { batches: Batches::Ndjson, ..sink(SinkKind::Webhook, url) };
    let got = sent(lines, "").await;
    assert_eq!(got.header("x-gateway-signature"), None);
    assert_eq!(got.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(got.body.lines().count(), 3);
    assert!(got.body.ends_with('\n'));
}

#[test]
fn a_sink_that_cannot_be_reached_is_told_at_once() {
    crate::provider::install_crypto();
    let settings = |url: &str| sink(SinkKind::Webhook, url);
    for (case, settings) in [
        ("no URL", settings("siem")),
        ("another scheme", settings("ftp://siem/")),
        ("a password in it", settings("https://user:marker@siem/")),
        ("no certificate", SinkSettings { ca_pem: Some(b"marker".to_vec()), ..settings("https://siem/") }),
    ] {
        let error = super::super::transport::Transport::new(&settings).err().unwrap().to_string();
        assert!(error.contains("of sink siem") && !error.contains("marker"), "{case}: {error}");
    }
}
