//! One sink's loop. Batches go one after the other, so records arrive in order; the cursor moves when a batch
//! is done with: delivered, or set aside event by event.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::ArbiterHandle;
use gateway_core::audit::Time;
use gateway_core::clock::Clock;
use gateway_core::dice::Dice;
use tokio::sync::{mpsc, watch};
use tokio::time::error::Elapsed;

use super::datadog::Datadog;
use super::elastic::Elastic;
use super::splunk::Splunk;
use super::transport::{SinkError, Transport};
use super::verdict::Verdict;
use super::webhook::Webhook;
use super::work::{Wait, Work};
use super::{Dialect, Event, LONGEST_PAUSE, SinkKind, SinkSettings, SinkState, SinkStatus, dead};
use crate::audit::cursor::{Cursor, Cursors, Position};
use crate::audit::disk::Disk;
use crate::audit::journal::Mark;
use crate::audit::reader::{self, Most};
use crate::audit::shared::held;

/// How long a receipt is asked about before the batch is sent again.
const RECEIPT: Duration = Duration::from_secs(60);
const FIRST_QUESTION: Duration = Duration::from_millis(100);
const LAST_QUESTION: Duration = Duration::from_secs(2);
/// After a loop that died, or a trail that could not be read.
const BREATH: Duration = Duration::from_secs(1);

const NOT_SET_ASIDE: &str = "a record can't be set aside";

/// What every sink is given.
#[derive(Clone)]
pub(in crate::audit) struct Tools {
    pub folder: PathBuf,
    pub disk: Arc<dyn Disk>,
    pub cursors: Cursors,
    pub clock: Arc<dyn Clock>,
    pub dice: Arc<dyn Dice>,
    pub synced: watch::Receiver<Mark>,
}

/// All sinks of a gateway, on one thread of their own.
pub(in crate::audit) struct Sinks {
    sinks: Vec<Arc<Sink>>,
    stop: watch::Sender<bool>,
    /// Closed once every loop has ended, those too that had not begun.
    ended: Mutex<mpsc::Receiver<()>>,
}

impl Sinks {
    pub(in crate::audit) fn start(
        settings: &[SinkSettings],
        tools: &Tools,
        arbiter: &ArbiterHandle,
    ) -> Result<Sinks, SinkError> {
        let sinks = settings
            .iter()
            .map(|settings| Sink::new(settings.clone(), tools.clone()).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let (stop, stopping) = watch::channel(false);
        let (alive, ended) = mpsc::channel(1);
        for sink in &sinks {
            let (sink, stopping, alive) = (sink.clone(), stopping.clone(), alive.clone());
            arbiter.spawn(async move {
                sink.live(stopping).await;
                drop(alive);
            });
        }
        Ok(Sinks { sinks, stop, ended: Mutex::new(ended) })
    }

    pub(in crate::audit) fn status(&self) -> Vec<SinkStatus> {
        self.sinks.iter().map(|sink| sink.status()).collect()
    }

    /// Each tries once more to deliver what is durable; what then is left waits for the next start.
    ///
    /// # Errors
    /// Some had not ended after `wait`.
    pub(in crate::audit) async fn drain(&self, wait: Duration) -> Result<(), Elapsed> {
        self.stop.send_replace(true);
        // Nothing is ever sent: an answer means that all senders are gone.
        let ended = std::future::poll_fn(|cx| held(&self.ended).poll_recv(cx));
        tokio::time::timeout(wait, ended).await.map(drop)
    }
}

struct Sink {
    settings: SinkSettings,
    tools: Tools,
    transport: Transport,
    dialect: Box<dyn Dialect>,
    status: Mutex<SinkStatus>,
}

/// A batch of which nothing is left to do was ended; else the sink is left alone for a while.
enum Progress {
    Done,
    /// The gateway stops, and the sink did not take it at once.
    Stopped,
}

impl Sink {
    fn new(settings: SinkSettings, tools: Tools) -> Result<Sink, SinkError> {
        let transport = Transport::new(&settings)?;
        // Until its cursor is read, all may be needed.
        tools.cursors.moved(settings.name.as_str(), 0);
        let (url, token) = (settings.url.as_str(), settings.token.clone());
        if token.as_ref().is_some_and(|token| !is_header(token)) {
            return Err(SinkError::Token { name: settings.name.to_string() });
        }
        let dialect: Box<dyn Dialect> = match settings.kind {
            SinkKind::SplunkHec => {
                Box::new(Splunk::new(url, token, settings.index.clone(), channel(&*tools.dice)))
            }
            SinkKind::Elastic => Box::new(Elastic::new(url, token, settings.index.clone())),
            SinkKind::Datadog => Box::new(Datadog::new(url, token)),
            SinkKind::Webhook => {
                Box::new(Webhook::new(url, token, settings.hmac_key.as_ref(), settings.batches))
            }
        };
        let status = Mutex::new(SinkStatus {
            name: settings.name.clone(),
            kind: settings.kind,
            state: SinkState::Idle,
            lag: 0,
            seq: 0,
            delivered: 0,
            bytes: 0,
            dead_letters: 0,
            lost: 0,
            failures_in_a_row: 0,
            last_error: None,
            last_delivered: None,
            restarts: 0,
        });
        Ok(Sink { settings, tools, transport, dialect, status })
    }

    fn status(&self) -> SinkStatus {
        let synced = self.tools.synced.borrow().last.seq;
        let mut status = held(&self.status).clone();
        status.lag = synced.saturating_sub(status.seq);
        status
    }

    fn note(&self, change: impl FnOnce(&mut SinkStatus)) {
        change(&mut held(&self.status));
    }

    /// Runs the loop, again where it died of a panic.
    async fn live(self: Arc<Self>, stopping: watch::Receiver<bool>) {
        loop {
            let (sink, stop) = (self.clone(), stopping.clone());
            #[expect(clippy::disallowed_methods, reason = "awaited at once: a panic ends this task alone")]
            let run = actix::spawn(async move { sink.run(stop).await });
            if run.await.is_ok() {
                return;
            }
            log::error!(sink:% = self.settings.name; "the delivery to a sink died and is begun again");
            self.note(|status| status.restarts += 1);
            tokio::time::sleep(BREATH).await;
        }
    }

    async fn run(&self, mut stopping: watch::Receiver<bool>) {
        let Some(mut cursor) = self.cursor(&mut stopping).await else { return };
        let mut synced = self.tools.synced.clone();
        let mut dead_in_a_row = 0;
        loop {
            // In this order: the stop comes after the last sync.
            let stop = stops(&stopping);
            let until = *synced.borrow_and_update();
            if cursor.position().seq >= until.last.seq {
                self.note(|status| status.state = SinkState::Idle);
                if stop {
                    return;
                }
                tokio::select! {
                    changed = synced.changed() => if changed.is_err() { return },
                    changed = stopping.changed() => if changed.is_err() { return },
                }
                // A small batch waits for more.
                self.pause(self.settings.batch_wait, &mut stopping).await;
                continue;
            }
            let most = Most { records: self.settings.batch_records, bytes: self.settings.batch_bytes };
            let batch = match reader::read(&self.tools.folder, cursor.position(), until, most) {
                Ok(batch) => batch,
                Err(error) => {
                    log::warn!(sink:% = self.settings.name; "the audit trail can't be read: {error}");
                    self.failed(SinkState::Failing, "the trail can't be read");
                    if stop {
                        return;
                    }
                    self.pause(BREATH, &mut stopping).await;
                    continue;
                }
            };
            if batch.lost > 0 {
                log::error!(sink:% = self.settings.name, lost = batch.lost; "records were taken from the audit trail before they were delivered");
                self.note(|status| status.lost += batch.lost);
            }
            let Some(events) = self.events(batch.entries) else {
                self.failed(SinkState::Failing, NOT_SET_ASIDE);
                if stop {
                    return;
                }
                self.pause(BREATH, &mut stopping).await;
                continue;
            };
            let mut work = Work::new(events, dead_in_a_row);
            let progress = self.deliver(&mut work, &mut cursor, &mut stopping).await;
            dead_in_a_row = work.dead_in_a_row;
            if matches!(progress, Progress::Stopped) {
                return;
            }
            self.commit(&mut cursor, batch.end);
        }
    }

    /// Where it was last. A cursor behind another trail's end is of that one.
    async fn cursor(&self, stopping: &mut watch::Receiver<bool>) -> Option<Cursor> {
        loop {
            let Tools { folder, disk, cursors, .. } = &self.tools;
            let opened = Cursor::open(folder, self.settings.name.as_str(), disk.clone(), cursors.clone());
            match opened {
                Ok(mut cursor) => {
                    let end = self.tools.synced.borrow().last.seq;
                    if cursor.position().seq > end {
                        log::warn!(sink:% = self.settings.name; "its cursor is further on than the audit trail: all is delivered again");
                        self.commit(&mut cursor, Position::default());
                    }
                    self.note(|status| status.seq = cursor.position().seq);
                    return Some(cursor);
                }
                Err(error) => {
                    log::warn!(sink:% = self.settings.name; "its cursor can't be read: {error}");
                    self.failed(SinkState::Failing, "the cursor can't be read");
                    if stops(stopping) {
                        return None;
                    }
                    self.pause(BREATH, stopping).await;
                }
            }
        }
    }

    /// Lines that can't be read are set aside; a person may know what they were. `None` where that failed.
    fn events(&self, entries: Vec<reader::Entry>) -> Option<Vec<Event>> {
        let mut events = Vec::with_capacity(entries.len());
        for entry in entries {
            match entry.read().map(|line| line.record()) {
                Ok(Some(record)) => events.push(Event { record, line: entry.line, end: entry.end }),
                Ok(None) => {}
                Err(error) => {
                    log::error!(sink:% = self.settings.name, seq = entry.seq; "a line of the audit trail can't be delivered: {error}");
                    self.set_aside("it can't be read", &entry.line).then_some(())?;
                }
            }
        }
        Some(events)
    }

    /// Until every chunk is done with, in their order.
    async fn deliver(
        &self,
        work: &mut Work,
        cursor: &mut Cursor,
        stopping: &mut watch::Receiver<bool>,
    ) -> Progress {
        while let Some(chunk) = work.chunks.pop_front() {
            let Some(end) = chunk.last().map(|last| last.end) else { continue };
            self.note(|status| status.state = SinkState::Delivering);
            let verdict = self.send(&chunk).await;
            let mut step = work.judge(chunk, verdict);
            let kept: Vec<Event> = step
                .refused
                .into_iter()
                .filter_map(|(event, why)| (!self.set_aside(&why, &event.line)).then_some(event))
                .collect();
            if !kept.is_empty() {
                work.put_back(kept);
                let why = NOT_SET_ASIDE.to_owned();
                step.wait = Some(Wait { after: None, state: SinkState::Failing, why });
            }
            if step.delivered > 0 {
                self.well(step.delivered);
            }
            let all_before_are_done = work.chunks.front().is_none_or(|next| next[0].end.seq > end.seq);
            if all_before_are_done {
                self.commit(cursor, end);
            }
            let Some(Wait { after, state, why }) = step.wait else { continue };
            let failures = self.failed(state, &why);
            if stops(stopping) {
                return Progress::Stopped;
            }
            let pause = after.unwrap_or_else(|| pause(self.settings.pause, failures, &*self.tools.dice));
            self.pause(pause.min(LONGEST_PAUSE), stopping).await;
        }
        Progress::Done
    }

    async fn send(&self, chunk: &[Event]) -> Verdict {
        let unix = self.tools.clock.unix();
        let outgoing = self.dialect.batch(chunk, unix);
        let (answer, bytes) = match self.transport.send(outgoing, &*self.dialect, unix).await {
            Ok(answered) => answered,
            Err(why) => return Verdict::Again { after: None, why: why.to_owned() },
        };
        self.note(|status| status.bytes += bytes);
        let verdict = match answer.status {
            200..=299 => self.dialect.accepted(&answer, chunk.len()),
            _ => self.dialect.refused(&answer, chunk.len()),
        };
        match verdict {
            Verdict::Taken(receipt) => self.wait_for(receipt).await,
            verdict => verdict,
        }
    }

    /// Asks about a receipt until the batch is stored.
    async fn wait_for(&self, receipt: u64) -> Verdict {
        let asking = async {
            let mut pause = FIRST_QUESTION;
            loop {
                let Some(question) = self.dialect.ask(receipt) else { return };
                let unix = self.tools.clock.unix();
                if let Ok((answer, _)) = self.transport.send(question, &*self.dialect, unix).await
                    && self.dialect.stored(&answer, receipt)
                {
                    return;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LAST_QUESTION);
            }
        };
        match tokio::time::timeout(RECEIPT.min(self.settings.deadline * 2), asking).await {
            Ok(()) => Verdict::Delivered,
            Err(_elapsed) => {
                Verdict::Again { after: None, why: "the batch was taken and never acknowledged".to_owned() }
            }
        }
    }

    fn set_aside(&self, why: &str, line: &[u8]) -> bool {
        match dead::set_aside(&self.tools.folder, self.settings.name.as_str(), why, line) {
            Ok(()) => {
                log::warn!(sink:% = self.settings.name; "a record is set aside: {why}");
                self.note(|status| status.dead_letters += 1);
                true
            }
            Err(error) => {
                log::error!(sink:% = self.settings.name; "a record can't be set aside: {error}");
                false
            }
        }
    }

    /// A cursor that can't be written is only a repeat after a restart.
    fn commit(&self, cursor: &mut Cursor, position: Position) {
        if let Err(error) = cursor.commit(position) {
            log::warn!(sink:% = self.settings.name; "its cursor can't be written: {error}");
            cursor.move_to(position);
        }
        self.note(|status| status.seq = position.seq);
    }

    fn well(&self, delivered: u64) {
        let now = Time::from(self.tools.clock.unix());
        let mut status = held(&self.status);
        if status.failures_in_a_row > 0 {
            log::info!(sink:% = self.settings.name; "the sink takes records again");
        }
        status.failures_in_a_row = 0;
        status.last_error = None;
        status.delivered += delivered;
        status.last_delivered = Some(now);
    }

    fn failed(&self, state: SinkState, why: &str) -> u32 {
        let mut status = held(&self.status);
        if status.failures_in_a_row == 0 {
            log::warn!(sink:% = self.settings.name, state = state.word(); "the sink takes no records: {why}");
        }
        status.state = state;
        status.failures_in_a_row = status.failures_in_a_row.saturating_add(1);
        status.last_error = Some(why.to_owned());
        status.failures_in_a_row
    }

    async fn pause(&self, time: Duration, stopping: &mut watch::Receiver<bool>) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            _ = stopping.wait_for(|stop| *stop) => {}
        }
    }
}

/// The gateway stops, or nobody is left who could stop it.
fn stops(stopping: &watch::Receiver<bool>) -> bool {
    *stopping.borrow() || stopping.has_changed().is_err()
}

/// Doubled with each failure, a half of it by chance.
fn pause(first: Duration, failures: u32, dice: &dyn Dice) -> Duration {
    let whole = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_PAUSE);
    let half = whole / 2;
    half + Duration::from_micros(dice.below(u64::try_from(half.as_micros()).unwrap_or(u64::MAX)))
}

fn is_header(token: &secrecy::SecretString) -> bool {
    use secrecy::ExposeSecret;
    token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic())
}

/// A UUID by chance.
fn channel(dice: &dyn Dice) -> String {
    let (high, low) = (dice.roll(), dice.roll());
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xFFFF,
        high & 0xFFF,
        low >> 48 & 0xFFF,
        low & 0xFFFF_FFFF_FFFF
    )
}
