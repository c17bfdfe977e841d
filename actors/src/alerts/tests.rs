//! Alerts against a small server that answers as it is told.

use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::testing::{WallClock, spawn, until};

/// Answers with these statuses in turn, the last for ever; 0 is no answer at all.
struct Server {
    url: String,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(statuses: &'static [u16]) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bodies);
        spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                spawn(serve(stream, Arc::clone(&kept), statuses));
            }
        });
        Server { url, bodies }
    }

    fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, bodies: Arc<Mutex<Vec<String>>>, statuses: &[u16]) {
    let mut got = Vec::new();
    let mut chunk = [0; 4_096];
    // One connection for each: the answer closes it.
    let body = loop {
        let read = stream.read(&mut chunk).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        got.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&got).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.to_lowercase().split_once("content-length: ").unwrap().1.lines().next().unwrap().to_owned();
        if body.len() >= length.parse().unwrap() {
            break body.to_owned();
        }
    };
    let before = {
        let mut bodies = bodies.lock().unwrap();
        bodies.push(body);
        bodies.len() - 1
    };
    let status = statuses[before.min(statuses.len() - 1)];
    let answer =
        format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nretry-after: 0\r\nconnection: close\r\n\r\n");
    if status == 0 {
        std::future::pending::<()>().await;
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
}

fn notice(percent: u8) -> Notice {
    let at = StoreTime::from_millis(1_795_512_600_000); // 2026-11-24T09:30:00Z
    Notice {
        team: TeamId::new("ops").unwrap(),
        alert: Alert {
            window: Window::Day(at.day()),
            percent,
            spent: NanoUsd(8_000_000_001),
            limit: NanoUsd(10_000_000_000),
        },
        replica: Named::cleaned("r1"),
        time: Time::from_unix_millis(1_795_512_600_000),
    }
}

fn on_system(test: impl Future<Output = ()> + 'static) {
    actix::System::new().block_on(test);
}

/// Alerts to `url`, and what became of them.
fn alerts(url: &str) -> (Alerts, Arc<Mutex<Vec<Fate>>>) {
    let fates: Arc<Mutex<Vec<Fate>>> = Arc::default();
    let kept = Arc::clone(&fates);
    let told: Told = Arc::new(move |fate| kept.lock().unwrap().push(fate));
    let arbiter = actix::Arbiter::current();
    crate::provider::install_crypto();
    (Alerts::start(url.to_owned(), &arbiter, Arc::new(WallClock), told).unwrap(), fates)
}

#[test]
fn a_webhook_gets_each_alert_until_it_takes_it() {
    for (case, statuses, sent, fate) in [
        ("taken", &[200][..], 1, Fate::Delivered),
        ("taken without an answer's body", &[204], 1, Fate::Delivered),
        ("busy, then taken", &[503, 429, 200], 3, Fate::Delivered),
        ("always busy", &[503], 4, Fate::Failed),
        ("not to its liking", &[400], 1, Fate::Failed),
        ("no longer there", &[404], 1, Fate::Failed),
        ("elsewhere: no redirect is followed", &[302], 1, Fate::Failed),
    ] {
        on_system(async move {
            let server = Server::start(statuses).await;
            let (alerts, fates) = alerts(&server.url);
            alerts.push(notice(80));
            alerts.drain(Duration::from_secs(10)).await.unwrap();
            assert_eq!((server.bodies().len(), &*fates.lock().unwrap()), (sent, &vec![fate]), "{case}");
        });
    }
}

#[test]
fn the_message_is_exact_and_says_what_people_need() {
    on_system(async {
        let server = Server::start(&[200]).await;
        let (alerts, _) = alerts(&server.url);
        alerts.push(notice(80));
        alerts.drain(Duration::from_secs(10)).await.unwrap();
        assert_eq!(
            server.bodies(),
            [concat!(
                r#"{"type":"budget_threshold","id":"ops/day/2026-11-24T00:00:00.000Z/80","team_id":"ops","window":"day","#,
                r#""window_start":"2026-11-24T00:00:00.000Z","resets_at":"2026-11-25T00:00:00.000Z","percent":80,"#,
                r#""spent_usd":8.000000001,"limit_usd":10.000000000,"replica":"r1","time":"2026-11-24T09:30:00.000Z","#,
                r#""text":"ops has used 80 % of its budget of this day: 8.000000001 of 10.000000000 USD. "#,
                r#"It begins anew at 2026-11-25T00:00:00.000Z."}"#
            )]
        );
    });
}

#[test]
fn a_webhook_that_hangs_holds_nobody_up() {
    on_system(async {
        let server = Server::start(&[0]).await;
        let (alerts, fates) = alerts(&server.url);
        // One is being sent, the queue is full, and the others are dropped at once.
        alerts.push(notice(50));
        until(|| !server.bodies().is_empty()).await;
        for _ in 0..QUEUE + 10 {
            alerts.push(notice(80));
        }
        assert_eq!(*fates.lock().unwrap(), [Fate::Dropped; 10]);
        assert_eq!(alerts.drain(Duration::from_millis(1)).await, Err(QUEUE + 1));
    });
}

#[test]
fn an_address_that_is_none_is_refused_and_not_repeated() {
    on_system(async {
        let told: Told = Arc::new(|_| {});
        let started =
            Alerts::start("secret".to_owned(), &actix::Arbiter::current(), Arc::new(WallClock), told);
        let error = started.err().expect("no URL").to_string();
        assert!(error.contains("budget_alerts") && !error.contains("secret"), "{error}");
    });
}
