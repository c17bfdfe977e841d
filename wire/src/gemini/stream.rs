//! Reads the frames of a stream: each is an answer's next part, and the end of the body is the only end.

use super::response::Tally;
use crate::dialect::Decode;
use crate::sse::Frame;
use gateway_core::conversation::Event;
use gateway_core::fault::Fault;

/// Where one streamed answer stands.
#[derive(Debug, Default)]
pub(super) struct Reader {
    tally: Tally,
}

impl Decode for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), Fault> {
        self.tally.read(&frame.data, out)
    }

    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Fault> {
        self.tally.finish(out)
    }
}
