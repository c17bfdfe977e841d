//! How an answer goes out: the steps that send, wait, stall or break a body, as a failure asks for.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use socket2::Socket;

use crate::dialect::{Frame, FrameKind};
use crate::faults::{Failure, Point, Verdict};
use crate::traffic::Visit;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Send(Bytes),
    Wait(Duration),
    /// Lets what was sent so far leave before the next step.
    Flush,
    /// Nothing more, and no end.
    Stall,
    Break(Ending),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// FIN without the end of the body.
    Cut,
    Reset,
}

/// The steps of a stream.
pub(crate) fn stream_steps(frames: Vec<Frame>, verdict: &Verdict, error_frame: Bytes) -> Vec<Step> {
    let mut events: Vec<Bytes> = frames.iter().map(|frame| frame.bytes.clone()).collect();
    let mut tail = Vec::new();
    match &verdict.failure {
        Some(Failure::StreamError(point)) => {
            events.truncate(position(*point, &frames));
            events.push(error_frame);
        }
        Some(Failure::GarbageJson) => {
            let garbage = Bytes::from_static(b"data: {\"choices\": [{\"delta\": <not json at all\n\n");
            events.insert(position(Point::AfterContent, &frames), garbage);
        }
        Some(Failure::HugeLine(bytes)) => {
            events.insert(position(Point::BeforeContent, &frames), huge("data: ", *bytes, "\n\n"));
        }
        Some(failure) => {
            if let Some((point, steps)) = broken(failure) {
                events.truncate(position(point, &frames));
                tail = steps;
            }
        }
        None => {}
    }
    let mut steps = paced(events, verdict);
    steps.extend(tail);
    steps
}

/// The steps of a body in one piece that breaks; None where the failure leaves it whole.
pub(crate) fn broken_body(body: &Bytes, failure: &Failure) -> Option<Vec<Step>> {
    let (point, tail) = broken(failure)?;
    let sent = if point == Point::Headers { 0 } else { body.len() / 2 };
    let start = (sent > 0).then(|| Step::Send(body.slice(..sent)));
    Some(start.into_iter().chain(tail).collect())
}

fn broken(failure: &Failure) -> Option<(Point, Vec<Step>)> {
    match failure {
        // Broken before its first byte, a body takes the unsent head with it.
        Failure::Reset(Point::Headers) => Some((Point::Headers, vec![Step::Break(Ending::Reset)])),
        Failure::Reset(point) => Some((*point, vec![Step::Flush, Step::Break(Ending::Reset)])),
        Failure::Cut(point) => Some((*point, vec![Step::Flush, Step::Break(Ending::Cut)])),
        Failure::Stall(point) => Some((*point, vec![Step::Stall])),
        Failure::End(point) => Some((*point, Vec::new())),
        _ => None,
    }
}

/// How many events come before this point.
fn position(point: Point, frames: &[Frame]) -> usize {
    let mut content = frames.iter().enumerate().filter(|(_, frame)| frame.kind == FrameKind::Content);
    match point {
        Point::Headers => 0,
        Point::Events(count) => count.min(frames.len()),
        Point::BeforeContent => content.next().map_or(frames.len(), |(at, _)| at),
        Point::AfterContent => {
            let half = content.clone().count().div_ceil(2);
            content.nth(half.saturating_sub(1)).map_or(frames.len(), |(at, _)| at + 1)
        }
    }
}

fn paced(events: Vec<Bytes>, verdict: &Verdict) -> Vec<Step> {
    let between = if verdict.gap.is_zero() { Step::Flush } else { Step::Wait(verdict.gap) };
    if verdict.split_bytes > 0 {
        let joined = Bytes::from(events.concat());
        let pieces = (0..joined.len()).step_by(verdict.split_bytes);
        let piece = |from: usize| joined.slice(from..joined.len().min(from + verdict.split_bytes));
        return pieces.flat_map(|from| [Step::Send(piece(from)), between.clone()]).collect();
    }
    if verdict.gap.is_zero() {
        return events.into_iter().map(Step::Send).collect();
    }
    let mut steps: Vec<Step> =
        events.into_iter().flat_map(|event| [between.clone(), Step::Send(event)]).collect();
    if !steps.is_empty() {
        steps.remove(0);
    }
    steps
}

/// A JSON object of this many bytes between `before` and `after`.
pub(crate) fn huge(before: &str, bytes: usize, after: &str) -> Bytes {
    const AROUND: (&str, &str) = (r#"{"padding":""#, r#""}"#);
    let padding = bytes.saturating_sub(AROUND.0.len() + AROUND.1.len());
    [before, AROUND.0, &"x".repeat(padding), AROUND.1, after].concat().into()
}

/// The body that takes these steps. `visit` ends with the last of them, or when we break the connection.
pub(crate) fn body(
    steps: Vec<Step>,
    visit: Visit,
    socket: Option<Rc<Socket>>,
) -> impl Stream<Item = io::Result<Bytes>> + 'static {
    stream::unfold((steps.into_iter(), visit, socket), |(mut steps, mut visit, socket)| async move {
        for step in steps.by_ref() {
            match step {
                Step::Send(bytes) => {
                    visit.sends(bytes.len());
                    return Some((Ok(bytes), (steps, visit, socket)));
                }
                Step::Wait(time) => tokio::time::sleep(time).await,
                Step::Flush => tokio::task::yield_now().await,
                Step::Stall => std::future::pending().await,
                Step::Break(ending) => {
                    visit.end();
                    let error = broken_by(ending, socket.as_deref());
                    return Some((Err(error), (Vec::new().into_iter(), visit, socket)));
                }
            }
        }
        visit.end();
        None
    })
}

/// The error that makes the server drop the connection; for a reset the socket is told to send RST then.
fn broken_by(ending: Ending, socket: Option<&Socket>) -> io::Error {
    if let (Ending::Reset, Some(socket)) = (ending, socket)
        && let Err(error) = socket.set_linger(Some(Duration::ZERO))
    {
        return error;
    }
    io::Error::other("broken on demand")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `s` around, `c` content.
    fn frames(kinds: &str) -> Vec<Frame> {
        let kind = |c| if c == 'c' { FrameKind::Content } else { FrameKind::Around };
        kinds.chars().map(|c| Frame { bytes: c.to_string().into(), kind: kind(c) }).collect()
    }

    #[test]
    fn points_are_found() {
        for (kinds, point, want) in [
            ("sscccs", Point::Headers, 0),
            ("sscccs", Point::BeforeContent, 2),
            ("sscccs", Point::AfterContent, 4),
            ("scs", Point::AfterContent, 2),
            ("sscccs", Point::Events(3), 3),
            ("sscccs", Point::Events(99), 6),
            ("ss", Point::BeforeContent, 2),
            ("ss", Point::AfterContent, 2),
        ] {
            assert_eq!(position(point, &frames(kinds)), want, "{kinds} {point:?}");
        }
    }

    #[test]
    fn steps_follow_the_verdict() {
        let send = |text: &'static str| Step::Send(Bytes::from_static(text.as_bytes()));
        let gap = Duration::from_millis(5);
        let steps = |failure, gap, split_bytes| {
            let verdict = Verdict { failure, gap, split_bytes, ..Verdict::default() };
            stream_steps(frames("scc"), &verdict, Bytes::from_static(b"E"))
        };
        let zero = Duration::ZERO;
        assert_eq!(steps(None, zero, 0), [send("s"), send("c"), send("c")]);
        assert_eq!(steps(None, gap, 0), [send("s"), Step::Wait(gap), send("c"), Step::Wait(gap), send("c")]);
        assert_eq!(steps(None, zero, 2), [send("sc"), Step::Flush, send("c"), Step::Flush]);
        assert_eq!(steps(Some(Failure::StreamError(Point::BeforeContent)), zero, 0), [send("s"), send("E")]);
        assert_eq!(steps(Some(Failure::End(Point::AfterContent)), zero, 0), [send("s"), send("c")]);
        assert_eq!(steps(Some(Failure::Stall(Point::Events(1))), zero, 0), [send("s"), Step::Stall]);
        assert_eq!(
            steps(Some(Failure::Cut(Point::Headers)), zero, 0),
            [Step::Flush, Step::Break(Ending::Cut)]
        );
        assert_eq!(huge("data: ", 100, "\n\n").len(), 108);
    }
}
