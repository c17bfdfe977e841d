//! Streams whose caller does not take them. The server polls a body when there is room for it, and a stream looks at
//! its clocks when it is polled: where HTTP/2 has no room for one stream, or its caller reads a little now and then,
//! nobody would. So each worker looks at its open streams, and ends those whose time is over.

use super::stream::Answering;
use crate::gateway::{Gateway, Worker};
use bytes::Bytes;
use futures_util::Stream;
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// How often it is looked. Of many streams each costs a comparison.
const LOOK: Duration = Duration::from_secs(1);

/// The open streams of one worker.
#[derive(Default)]
pub struct Watch {
    streams: RefCell<Vec<Weak<RefCell<Answering>>>>,
    awake: Cell<bool>,
}

/// A stream that the server polls, under watch until it is dropped.
pub struct Watched(Rc<RefCell<Answering>>);

impl Watched {
    pub(super) fn new(gateway: &Arc<Gateway>, worker: &Worker, answering: Answering) -> Watched {
        let watched = Rc::new(RefCell::new(answering));
        let watch = &worker.watch;
        watch.streams.borrow_mut().push(Rc::downgrade(&watched));
        if !watch.awake.replace(true) {
            worker.tasks.spawn(look(Awake(Rc::clone(watch)), Arc::clone(gateway)));
        }
        Watched(watched)
    }
}

impl Stream for Watched {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(cx)
    }
}

/// Whichever way the looking ends, the next stream begins it again.
struct Awake(Rc<Watch>);

impl Drop for Awake {
    fn drop(&mut self) {
        self.0.awake.set(false);
    }
}

/// Looks for as long as there are streams. At a shutdown's end they end by themselves.
async fn look(awake: Awake, gateway: Arc<Gateway>) {
    let mut stopping = std::pin::pin!(gateway.shutdown.grace_over());
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = &mut stopping => return,
        }
        if awake.0.sweep(gateway.clock.now()) == 0 {
            return;
        }
    }
}

impl Watch {
    /// How many are left.
    fn sweep(&self, now: Instant) -> usize {
        // Taken out: what is dropped with a stream is free to come back here.
        let mut streams = self.streams.take();
        streams.retain(|stream| stream.upgrade().is_some_and(|stream| !stream.borrow_mut().is_over_at(now)));
        let mut own = self.streams.borrow_mut();
        own.append(&mut streams);
        own.len()
    }
}
