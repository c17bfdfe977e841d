//! A sink that is away, slow, broken, picky or misconfigured: nothing is lost, nobody waits, all is visible.

use super::*;

/// A server that does each of these once, then takes everything.
async fn troubled(replies: Vec<Reply>, then: &'static str) -> Server {
    Server::start(move |_, n| replies.get(n).cloned().unwrap_or_else(|| ok(then))).await
}

#[actix::test]
async fn whatever_goes_wrong_every_record_arrives_in_order() {
    let status = |status: u16| Reply::Status(status, String::new());
    let said = |status: u16, body: &str| Reply::Status(status, body.to_owned());
    const HEC: &str = r#"{"text":"Success","code":0}"#;
    for (case, kind, replies, then) in [
        ("busy", SinkKind::Webhook, vec![status(503), status(500), status(502)], ""),
        ("too many", SinkKind::Datadog, vec![Reply::Wait(0), Reply::Wait(0)], ""),
        ("hangs", SinkKind::Webhook, vec![Reply::Hang], ""),
        ("closes half-way", SinkKind::Webhook, vec![Reply::Cut, Reply::Cut], ""),
        ("a wrong key for a while", SinkKind::Datadog, vec![status(403), status(401), status(404)], ""),
        ("too large", SinkKind::Webhook, vec![status(413), status(413)], ""),
        (
            "200 with an error",
            SinkKind::SplunkHec,
            vec![ok(r#"{"text":"busy","code":9}"#), ok("<html>")],
            HEC,
        ),
        ("the wrong index for a while", SinkKind::SplunkHec, vec![said(400, r#"{"code":7}"#)], HEC),
        ("200 that is no bulk answer", SinkKind::Elastic, vec![ok("{}"), ok("[]")], r#"{"errors":false}"#),
    ] {
        let server = troubled(replies.clone(), then).await;
        let kept = kept(SinkSettings { batch_records: 10, deadline: SOON, ..sink(kind, &server.url) });
        for n in 0..40 {
            kept.audit.record_detached(record(n), ());
        }
        kept.audit.record(record(40)).await.unwrap();
        kept.delivered().await;
        until(|| kept.status().state == SinkState::Idle).await;
        // What came before the sink mended itself may come again; the order stays.
        let mut first: Vec<u64> = Vec::new();
        server.numbers().into_iter().for_each(|n| {
            if !first.contains(&n) {
                first.push(n)
            }
        });
        assert_eq!(first, Vec::from_iter(0..=40), "{case}");
        let status = kept.status();
        assert_eq!((status.delivered, status.dead_letters, status.lost), (41, 0, 0), "{case}");
        assert_eq!(
            (status.state, status.failures_in_a_row, status.last_error),
            (SinkState::Idle, 0, None),
            "{case}"
        );
        assert_eq!(kept.audit.accepting(), Ok(()), "{case}");
        kept.audit.drain(WAIT).await.unwrap();
    }
}

#[actix::test]
async fn a_bad_record_is_set_aside_alone() {
    let poison = |got: &Got| got.numbers().iter().any(|n| [7, 8, 23].contains(n));
    const GOOD: &str = r#"{"code":0,"errors":false}"#;
    for (case, kind, script) in [
        (
            "by halves",
            SinkKind::Webhook,
            Box::new(
                move |got: &Got, _: usize| {
                    if poison(got) { Reply::Status(400, "no".to_owned()) } else { ok("") }
                },
            ) as Box<Script>,
        ),
        (
            "as Splunk names it",
            SinkKind::SplunkHec,
            Box::new(move |got: &Got, _: usize| {
                match got.numbers().iter().position(|n| [7, 8, 23].contains(n)) {
                    Some(at) => Reply::Status(400, format!(r#"{{"code":6,"invalid-event-number":{at}}}"#)),
                    None => ok(GOOD),
                }
            }),
        ),
        (
            "too large by itself",
            SinkKind::Webhook,
            Box::new(
                move |got: &Got, _: usize| {
                    if poison(got) { Reply::Status(413, String::new()) } else { ok("") }
                },
            ),
        ),
        (
            "as Elastic says of each",
            SinkKind::Elastic,
            Box::new(move |got: &Got, _: usize| {
                let items: Vec<String> = got
                    .numbers()
                    .iter()
                    .map(|n| {
                        format!(
                            r#"{{"index":{{"status":{}}}}}"#,
                            if [7, 8, 23].contains(n) { 400 } else { 201 }
                        )
                    })
                    .collect();
                ok(&format!(r#"{{"errors":true,"items":[{}]}}"#, items.join(",")))
            }),
        ),
    ] {
        let server = Server::start(script).await;
        let kept = kept(sink(kind, &server.url));
        for n in 0..40 {
            kept.audit.record_detached(record(n), ());
        }
        kept.delivered().await;
        let status = kept.status();
        assert_eq!((status.delivered, status.dead_letters), (37, 3), "{case}");
        let dead = kept.dead();
        let numbers: Vec<u64> = dead
            .iter()
            .map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                assert!(line["reason"].is_string());
                let id = line["record"]["request_id"].as_str().unwrap().to_owned();
                u64::from_str_radix(&id[24..], 16).unwrap()
            })
            .collect();
        assert_eq!(numbers, [7, 8, 23], "{case}");
        kept.audit.drain(WAIT).await.unwrap();
    }
}

#[actix::test]
async fn a_sink_that_takes_nothing_does_not_bury_the_trail() {
    let server = Server::start(|_, _| Reply::Status(400, String::new())).await;
    let kept = kept(sink(SinkKind::Webhook, &server.url));
    for n in 0..100 {
        kept.audit.record_detached(record(n), ());
    }
    until(|| kept.status().state == SinkState::Misconfigured).await;
    let status = kept.status();
    assert_eq!(status.dead_letters, 16);
    assert!(status.lag > 0);
    assert_eq!(status.last_error.as_deref(), Some("status 400"));
    kept.audit.drain(WAIT).await.unwrap();
}

#[actix::test]
async fn what_cannot_be_set_aside_is_kept() {
    let server = Server::start(|got, _| match got.numbers().contains(&2) {
        true => Reply::Status(400, String::new()),
        false => ok(""),
    })
    .await;
    let kept = kept(sink(SinkKind::Webhook, &server.url));
    // A folder where the file of the dead letters would be.
    let in_the_way = kept.settings.folder.join("siem.dead");
    std::fs::create_dir(&in_the_way).unwrap();
    for n in 0..5 {
        kept.audit.record_detached(record(n), ());
    }
    until(|| kept.status().last_error.as_deref() == Some("a record can't be set aside")).await;
    assert!(kept.status().lag > 0);
    std::fs::remove_dir(&in_the_way).unwrap();
    kept.delivered().await;
    assert_eq!((kept.dead().len(), kept.status().dead_letters), (1, 1));
    kept.audit.drain(WAIT).await.unwrap();
}

#[actix::test]
async fn what_is_part_taken_is_sent_again_in_part() {
    let server = Server::start(|got, n| {
        let items: Vec<String> = got
            .numbers()
            .iter()
            .map(|number| {
                format!(r#"{{"index":{{"status":{}}}}}"#, if n == 0 && number % 2 == 0 { 429 } else { 201 })
            })
            .collect();
        ok(&format!(r#"{{"errors":{},"items":[{}]}}"#, n == 0, items.join(",")))
    })
    .await;
    let kept =
        kept(SinkSettings { batch_wait: Duration::from_millis(500), ..sink(SinkKind::Elastic, &server.url) });
    for n in 0..6 {
        kept.audit.record_detached(record(n), ());
    }
    kept.delivered().await;
    let got: Vec<Vec<u64>> = server.got().iter().map(Got::numbers).collect();
    assert_eq!(got, [vec![0, 1, 2, 3, 4, 5], vec![0, 2, 4]]);
    kept.audit.drain(WAIT).await.unwrap();
}

#[actix::test]
async fn splunk_is_asked_until_it_has_stored_a_batch() {
    let server = Server::start(|got, n| {
        if got.path.starts_with("/services/collector/ack?channel=") {
            assert_eq!(got.body, r#"{"acks":[7]}"#);
            let stored = n >= 3;
            ok(&format!(r#"{{"acks":{{"7":{stored}}}}}"#))
        } else {
            ok(r#"{"text":"Success","code":0,"ackId":7}"#)
        }
    })
    .await;
    let kept = kept(sink(SinkKind::SplunkHec, &server.url));
    kept.audit.record(record(1)).await.unwrap();
    kept.delivered().await;
    assert_eq!(server.got().len(), 4, "the batch, and three questions");
    assert_eq!(kept.status().delivered, 1);
    kept.audit.drain(WAIT).await.unwrap();
}

#[actix::test]
async fn a_batch_that_is_never_acknowledged_is_sent_again() {
    let server = Server::start(|got, n| match got.path.contains("/ack") {
        true => ok(&format!(r#"{{"acks":{{"{}":{}}}}}"#, 7, n > 2)),
        false => ok(r#"{"code":0,"ackId":7}"#),
    })
    .await;
    let quick = Duration::from_millis(40);
    let kept = kept(SinkSettings { deadline: quick, ..sink(SinkKind::SplunkHec, &server.url) });
    kept.audit.record(record(1)).await.unwrap();
    kept.delivered().await;
    assert!(server.numbers().len() >= 2, "sent again: {:?}", server.numbers());
    kept.audit.drain(WAIT).await.unwrap();
}

#[actix::test]
async fn a_restart_goes_on_where_the_sink_was() {
    let server = Server::start(|_, _| ok("")).await;
    let Kept { audit, settings, scratch } = kept(sink(SinkKind::Webhook, &server.url));
    for n in 0..10 {
        audit.record_detached(record(n), ());
    }
    audit.record(record(10)).await.unwrap();
    audit.drain(WAIT).await.unwrap();
    assert_eq!(server.numbers(), Vec::from_iter(0..=10), "delivered on the way out");
    let audit = start(settings.clone());
    audit.record(record(11)).await.unwrap();
    audit.drain(WAIT).await.unwrap();
    assert_eq!(server.numbers(), Vec::from_iter(0..=11), "nothing twice");
    assert_eq!(ids(&settings.folder), Vec::from_iter(0..=11));
    drop(scratch);
}

#[actix::test]
async fn sinks_do_not_wait_for_each_other() {
    let (good, bad) = (Server::start(|_, _| ok("")).await, Server::start(|_, _| Reply::Hang).await);
    let scratch = Scratch::new();
    let named = |name: &str, url: &str| SinkSettings {
        name: Named::cleaned(name),
        deadline: SOON,
        ..sink(SinkKind::Webhook, url)
    };
    let sinks = vec![named("bad", &bad.url), named("good", &good.url)];
    let audit = start(Settings { sinks, ..settings(&scratch) });
    for n in 0..100 {
        audit.record(record(n)).await.unwrap();
    }
    until(|| audit.status().sinks[1].delivered == 100).await;
    let bad = &audit.status().sinks[0];
    assert!(bad.lag >= 100, "{bad:?}");
    until(|| audit.status().sinks[0].last_error.as_deref() == Some("no answer in time")).await;
    audit.drain(WAIT).await.unwrap();
}

/// No part of a request but its record's own fields gets here, so this is about secrets: the token and the
/// key of the signatures are in headers alone.
#[actix::test]
async fn no_secret_is_in_a_file() {
    let server = Server::start(|got, _| {
        if got.numbers().len() > 1 {
            Reply::Status(400, String::new())
        } else {
            Reply::Status(400, "marker".into())
        }
    })
    .await;
    let settings = SinkSettings {
        token: Some("marker-of-the-token".into()),
        hmac_key: Some("marker-of-the-key".into()),
        ..sink(SinkKind::Webhook, &server.url)
    };
    assert!(!format!("{settings:?}").contains("marker"));
    let kept = kept(settings);
    kept.audit.record(request(1).into()).await.unwrap();
    until(|| kept.status().dead_letters == 1).await;
    kept.audit.drain(WAIT).await.unwrap();
    for entry in std::fs::read_dir(&kept.settings.folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains("marker"), "{text}");
    }
    drop(kept.scratch);
}
