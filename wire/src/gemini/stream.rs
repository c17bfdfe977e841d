//! Reads the frames of a stream: each is an answer's next part, and the end of the body is the only end.

use super::form::Form;
use super::response::Tally;
use crate::dialect::Decode;
use crate::sse::Frame;
use gateway_core::conversation::Event;
use gateway_core::fault::Fault;

/// Where one streamed answer stands.
#[derive(Debug, Default)]
pub(super) struct Reader {
    tally: Tally,
    /// Of the latest frame that was parsed, where it was a text amid an answer: what it changed is done,
    /// so that frames of its form mean their text and counters alone.
    form: Option<Form>,
    /// Forms learnt in a row that no frame was of.
    unused: u8,
}

/// From here on the frames of a stream are taken to differ too much for it to pay.
const MAX_UNUSED: u8 = 8;

impl Decode for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), Fault> {
        if let Some(form) = &self.form
            && let Some((text, counters)) = form.read(&frame.data)
        {
            self.unused = 0;
            self.tally.text(text, &counters, out);
            return Ok(());
        }
        let before = out.len();
        self.form = None;
        self.tally.read(&frame.data, out)?;
        if self.unused < MAX_UNUSED
            && let [Event::Text { choice: 0, text }] | [Event::Text { choice: 0, text }, Event::Usage(_)] =
                &out[before..]
            && let Some(counters) = self.tally.plain_counters()
        {
            self.form = Form::learn(&frame.data, text, counters);
            self.unused += 1;
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Fault> {
        self.tally.finish(out)
    }
}
