//! Server-sent events: an incremental parser for what providers send, and a writer for what we send.
//!
//! Follows the WHATWG event stream format, with one liberty that providers need: a body that ends
//! without the blank line still yields its last event. Lines may end in LF, CRLF or CR; comments and
//! unknown fields are skipped; bytes may arrive split anywhere.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr2;

/// One event: its name, where it has one, and its data lines joined by LF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub event: Option<Bytes>,
    pub data: Bytes,
}

/// An event is longer than the bound; the stream cannot be read further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {limit} bytes")]
pub struct TooLong {
    pub limit: usize,
}

/// Bytes that one event may have: images come base64-encoded in a single line.
pub const EVENT_LIMIT: usize = 16 << 20;

/// Holds what has arrived of the event at hand. Whole lines are slices of the chunk that brought them;
/// only a line split over chunks is copied.
#[derive(Debug)]
pub struct Parser {
    chunk: Bytes,
    line: BytesMut,
    /// The last line ended in CR: an LF that follows belongs to it.
    skip_lf: bool,
    at_start: bool,
    event: Option<Bytes>,
    data: Option<Bytes>,
    limit: usize,
}

impl Default for Parser {
    fn default() -> Parser {
        Parser::with_limit(EVENT_LIMIT)
    }
}

impl Parser {
    pub fn with_limit(limit: usize) -> Parser {
        Parser {
            chunk: Bytes::new(),
            line: BytesMut::new(),
            skip_lf: false,
            at_start: true,
            event: None,
            data: None,
            limit,
        }
    }

    /// Takes the next bytes of the body. Call [`Parser::next_frame`] until it has no more.
    pub fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            let mut joined = BytesMut::with_capacity(self.chunk.len() + chunk.len());
            joined.extend_from_slice(&self.chunk);
            joined.extend_from_slice(&chunk);
            self.chunk = joined.freeze();
        }
    }

    /// The next whole event that has arrived.
    pub fn next_frame(&mut self) -> Option<Result<Frame, TooLong>> {
        loop {
            if self.skip_lf && !self.chunk.is_empty() {
                if self.chunk[0] == b'\n' {
                    self.chunk.advance(1);
                }
                self.skip_lf = false;
            }
            let Some(end) = memchr2(b'\n', b'\r', &self.chunk) else {
                self.line.extend_from_slice(&self.chunk);
                self.chunk.clear();
                return self.over_limit().then_some(Err(TooLong { limit: self.limit }));
            };
            let line = self.take_line(end);
            if line.is_empty() {
                if let Some(frame) = self.dispatch() {
                    return Some(Ok(frame));
                }
                continue;
            }
            self.field(line);
            if self.over_limit() {
                return Some(Err(TooLong { limit: self.limit }));
            }
        }
    }

    /// The body is over: what stands there without its blank line is an event too.
    pub fn finish(&mut self) -> Option<Frame> {
        if !self.line.is_empty() {
            let line = self.line.split().freeze();
            self.field(line);
        }
        self.dispatch()
    }

    fn take_line(&mut self, end: usize) -> Bytes {
        let is_cr = self.chunk[end] == b'\r';
        let mut line = self.chunk.split_to(end);
        self.chunk.advance(1);
        self.skip_lf = is_cr;
        if !self.line.is_empty() {
            self.line.extend_from_slice(&line);
            line = self.line.split().freeze();
        }
        if self.at_start {
            self.at_start = false;
            if line.starts_with(b"\xEF\xBB\xBF") {
                line.advance(3);
            }
        }
        line
    }

    fn field(&mut self, mut line: Bytes) {
        let is_data = match memchr::memchr(b':', &line) {
            Some(colon) if &line[..colon] == b"data" => true,
            Some(colon) if &line[..colon] == b"event" => false,
            None if &line[..] == b"data" => true,
            // Comments (an empty name), `id`, `retry` and unknown fields mean nothing to us.
            _ => return,
        };
        line.advance((if is_data { "data:" } else { "event:" }).len().min(line.len()));
        if line.first() == Some(&b' ') {
            line.advance(1);
        }
        if !is_data {
            self.event = Some(line);
            return;
        }
        self.data = Some(match self.data.take() {
            None => line,
            Some(before) => {
                let mut joined = BytesMut::with_capacity(before.len() + 1 + line.len());
                joined.extend_from_slice(&before);
                joined.extend_from_slice(b"\n");
                joined.extend_from_slice(&line);
                joined.freeze()
            }
        });
    }

    fn dispatch(&mut self) -> Option<Frame> {
        let event = self.event.take();
        self.data.take().map(|data| Frame { event, data })
    }

    fn over_limit(&self) -> bool {
        self.line.len() + self.data.as_ref().map_or(0, Bytes::len) > self.limit
    }
}

/// The comment that keeps an idle stream open; every SSE reader skips it.
pub const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

/// Writes one event whose data is a single line.
pub fn write(event: Option<&str>, data: &[u8], out: &mut BytesMut) {
    if let Some(event) = event {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(event.as_bytes());
        out.extend_from_slice(b"\n");
    }
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(data);
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames(body: &[u8], cuts: &[usize]) -> Vec<(Option<String>, String)> {
        let mut parser = Parser::default();
        let mut found = Vec::new();
        let mut from = 0;
        let text = |b: Bytes| String::from_utf8_lossy(&b).into_owned();
        for cut in cuts.iter().copied().chain([body.len()]) {
            parser.push(Bytes::copy_from_slice(&body[from..cut]));
            from = cut;
            while let Some(frame) = parser.next_frame() {
                let frame = frame.expect("under the limit");
                found.push((frame.event.map(text), text(frame.data)));
            }
        }
        found.extend(parser.finish().map(|f| (f.event.map(text), text(f.data))));
        found
    }

    #[test]
    fn reads_what_providers_send() {
        for (case, body, want) in [
            ("LF", "data: a\n\ndata: b\n\n", vec![(None, "a"), (None, "b")]),
            ("CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", vec![(None, "a"), (None, "b")]),
            ("CR", "data: a\r\rdata: b\r\r", vec![(None, "a"), (None, "b")]),
            ("named", "event: ping\ndata: {}\n\n", vec![(Some("ping"), "{}")]),
            ("comment", ": OPENROUTER PROCESSING\n\ndata: a\n\n", vec![(None, "a")]),
            ("no blank after the colon", "data:a\n\n", vec![(None, "a")]),
            ("two data lines", "data: a\ndata: b\n\n", vec![(None, "a\nb")]),
            ("no final blank line", "data: a\n\ndata: b", vec![(None, "a"), (None, "b")]),
            ("byte order mark", "\u{feff}data: a\n\n", vec![(None, "a")]),
            ("unknown field", "id: 7\nretry: 3\ndata: a\n\n", vec![(None, "a")]),
            ("a name without data is no event", "event: x\n\ndata: a\n\n", vec![(None, "a")]),
        ] {
            let want: Vec<_> = want.into_iter().map(|(e, d)| (e.map(str::to_owned), d.to_owned())).collect();
            assert_eq!(frames(body.as_bytes(), &[]), want, "{case}");
            let every: Vec<usize> = (1..body.len()).collect();
            assert_eq!(frames(body.as_bytes(), &every), want, "{case}, byte by byte");
        }
    }

    #[test]
    fn an_endless_line_is_an_error_not_a_heap() {
        let mut parser = Parser::with_limit(1000);
        let mut refused = false;
        for _ in 0..20 {
            parser.push(Bytes::from(vec![b'x'; 100]));
            refused |= matches!(parser.next_frame(), Some(Err(TooLong { limit: 1000 })));
        }
        assert!(refused);
    }

    proptest! {
        #[test]
        fn any_bytes_split_anywhere_give_the_same_frames(
            body in prop::collection::vec(prop_oneof![
                Just(b'\n'), Just(b'\r'), Just(b':'), Just(b' '), Just(b'd'), Just(b'a'), Just(b't'), any::<u8>()
            ], 0..200),
            cuts in prop::collection::vec(0usize..200, 0..10),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(body.len())).collect();
            cuts.sort_unstable();
            prop_assert_eq!(frames(&body, &cuts), frames(&body, &[]));
        }
    }
}
