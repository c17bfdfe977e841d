//! The actor that owns the pen. It writes all that waits in one go, answers once the bytes are the system's
//! (or the disk's), and tries again for as long as it can't.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use gateway_core::audit::Time;

use super::SyncMode;
use super::journal::Journal;
use super::retention;
use super::shared::{Shared, Waiting};
use crate::supervision::Counted;

/// How often what was written is made durable, and what failed is tried again.
const TICK: Duration = Duration::from_millis(200);
/// Lines of one write: a queue that grew over an outage is written in pieces.
const MOST_LINES: usize = 1_024;
/// Writes in a row; then the thread looks after what else is due, however much is queued.
const MOST_WRITES: usize = 8;
/// Ticks between two looks at what retention may take: half a minute.
const RETENTION_TICKS: u32 = 150;
/// What must fit on the disk before requests are taken again: a good number of records.
static ROOM: [u8; 256 << 10] = [0; 256 << 10];

/// There is something in the queue.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Wake;

/// Write and make durable what is queued, then end.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Drain;

pub(super) struct AuditActor {
    shared: Arc<Shared>,
    journal: Option<Journal>,
    ticks: u32,
}

/// How a look at the queue ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Queue {
    Empty,
    More,
    /// It can't be written: the next tick tries again.
    Stuck,
}

impl AuditActor {
    /// The first one finds the journal that was opened at the start; one that replaces a dead actor opens it
    /// anew.
    pub(super) fn resume(shared: Arc<Shared>) -> AuditActor {
        let journal = shared.take_opened();
        AuditActor { shared, journal, ticks: 0 }
    }

    /// Writes what is queued, a few batches of it.
    fn write(&mut self) -> Queue {
        let shared = self.shared.clone();
        shared.asleep();
        let mut batch = shared.in_hand();
        for _ in 0..MOST_WRITES {
            shared.take_into(&mut batch, MOST_LINES);
            if batch.is_empty() {
                return Queue::Empty;
            }
            match self.append(&batch) {
                Ok(first_seq) => {
                    shared.well();
                    shared.answer(&mut batch, first_seq);
                }
                Err(error) => {
                    shared.stuck(&mut batch, &error);
                    return Queue::Stuck;
                }
            }
        }
        Queue::More
    }

    /// Writes, and goes on once this thread's timers and messages had their turn.
    fn write_on(&mut self, ctx: &mut Context<Self>) {
        if self.write() == Queue::More {
            let turn = tokio::task::yield_now().into_actor(self);
            ctx.spawn(turn.map(|(), actor, ctx| actor.write_on(ctx)));
        }
    }

    /// The number of the first of them.
    fn append(&mut self, batch: &[Waiting]) -> io::Result<u64> {
        let now = self.shared.now();
        let shared = self.shared.clone();
        let journal = self.pen(now)?;
        let before = journal.mark();
        let mut written = journal.append(batch);
        if written.is_ok() && shared.settings.sync == SyncMode::Always {
            written = shared.durable.sync_now(journal);
            if written.is_err() {
                shared.durable.fail();
                journal.take_back(before);
            }
        }
        if journal.is_uncertain() {
            self.journal = None;
        } else if written.is_ok() {
            shared.durable.written(journal.mark());
        }
        written.map(|()| before.last.seq + 1)
    }

    /// The journal, open and on a segment that takes lines.
    fn pen(&mut self, now: Time) -> io::Result<&mut Journal> {
        if self.journal.is_none() {
            self.journal = Some(self.shared.open_journal(now)?);
        }
        let journal = self.journal.as_mut().expect("opened above");
        let durable = &self.shared.durable;
        if durable.take_failure() {
            // What the disk keeps of this segment is not known: lines go into another one.
            journal.rotate(now).inspect_err(|_| durable.fail())?;
        } else if journal.is_full(now) {
            durable.sync_left(journal);
            journal.rotate(now)?;
        }
        Ok(journal)
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        self.write_on(ctx);
        if self.shared.trouble_now().is_some() && self.shared.queued() == 0 {
            self.probe();
        }
        if let Some(journal) = &self.journal {
            self.shared.durable.sync_later(journal);
        }
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(RETENTION_TICKS) {
            retention::apply(&self.shared);
        }
    }

    /// While requests are refused no record comes that could show that there is room again.
    fn probe(&mut self) {
        let path = self.shared.settings.folder.join("room");
        let fits = self.shared.disk.replace(&path, &ROOM);
        std::fs::remove_file(&path).ok();
        match fits.and_then(|()| self.pen(self.shared.now()).map(drop)) {
            Ok(()) => self.shared.well(),
            Err(error) => self.shared.trouble(&error),
        }
    }
}

impl Actor for AuditActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.write_on(ctx);
        ctx.run_interval(TICK, Self::tick);
    }
}

impl Handler<Counted<Wake>> for AuditActor {
    type Result = ();

    fn handle(&mut self, wake: Counted<Wake>, ctx: &mut Self::Context) {
        wake.open();
        self.write_on(ctx);
    }
}

impl Handler<Counted<Drain>> for AuditActor {
    type Result = ();

    fn handle(&mut self, drain: Counted<Drain>, ctx: &mut Self::Context) {
        drain.open();
        // No exchange is open: nothing more comes.
        while self.write() == Queue::More {}
        match self.journal.as_ref().map(|journal| self.shared.durable.sync_now(journal)) {
            Some(Err(error)) => self.shared.trouble(&error),
            _ => self.shared.durable.remember(),
        }
        ctx.stop();
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Dies.
    #[derive(Message)]
    #[rtype(result = "()")]
    pub(in crate::audit) struct Crash;

    impl Handler<Counted<Crash>> for AuditActor {
        type Result = ();

        fn handle(&mut self, _: Counted<Crash>, _: &mut Self::Context) {
            panic!("as the test asked");
        }
    }
}
