//! Most frames of a stream differ in their text and their counters alone. So a frame that was parsed, and
//! held one text and nothing else, becomes a form: a later frame with the same bytes around a text and
//! other digits in the counters means the same, and need not be parsed.

use super::usage::Counters;
use bytes::Bytes;
use gateway_core::conversation::Text;
use memchr::memmem;

/// A frame to compare with is kept up to this size, in bytes.
const MAX_FRAME: usize = 4096;
/// Digits that surely fit a counter.
const MAX_DIGITS: usize = 18;

/// A frame's bytes, and what may differ in them.
#[derive(Debug)]
pub(super) struct Form {
    frame: Bytes,
    /// Where the text's content begins and ends.
    from: usize,
    to: usize,
    /// The numbers after it, in order.
    numbers: Vec<Number>,
}

#[derive(Clone, Copy, Debug)]
struct Number {
    from: usize,
    to: usize,
    counter: Counter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counter {
    Prompt,
    Cached,
    ToolUse,
    Candidates,
    Thoughts,
    /// Sums, and details of other modalities than audio.
    Unread,
}

impl Counter {
    fn of(key: &[u8]) -> Option<Counter> {
        Some(match key {
            b"promptTokenCount" => Counter::Prompt,
            b"cachedContentTokenCount" => Counter::Cached,
            b"toolUsePromptTokenCount" => Counter::ToolUse,
            b"candidatesTokenCount" => Counter::Candidates,
            b"thoughtsTokenCount" => Counter::Thoughts,
            b"totalTokenCount" | b"tokenCount" => Counter::Unread,
            _ => return None,
        })
    }

    fn place(self, counters: &mut Counters) -> Option<&mut Option<u64>> {
        Some(match self {
            Counter::Prompt => &mut counters.prompt_token_count,
            Counter::Cached => &mut counters.cached_content_token_count,
            Counter::ToolUse => &mut counters.tool_use_prompt_token_count,
            Counter::Candidates => &mut counters.candidates_token_count,
            Counter::Thoughts => &mut counters.thoughts_token_count,
            Counter::Unread => return None,
        })
    }
}

impl Form {
    /// Learns from a frame whose whole meaning is `text`, a slice of it, and `counters`.
    /// `None` where it is not, or where audio is counted.
    pub(super) fn learn(frame: &Bytes, text: &Text, counters: Counters) -> Option<Form> {
        let from = (text.json().as_ptr() as usize).checked_sub(frame.as_ptr() as usize)? + 1;
        let to = from + text.json_len();
        let is_slice = frame.get(from - 1..to + 1)? == text.json();
        let after = frame.get(to..)?;
        if !is_slice || frame.len() > MAX_FRAME || memmem::find(after, b"AUDIO").is_some() {
            return None;
        }
        let mut numbers = Vec::with_capacity(8);
        let mut unclaimed = counters;
        for found in memmem::find_iter(after, b"okenCount\"") {
            let Some(number) = number(frame, to, to + found) else { continue };
            // The parser found this number under this name, and there is no second one of that name.
            if let Some(claimed) = number.counter.place(&mut unclaimed) {
                let (value, _) = digits(frame, number.from)?;
                if claimed.take() != Some(value) {
                    return None;
                }
            }
            numbers.push(number);
        }
        Some(Form { frame: frame.clone(), from, to, numbers })
    }

    /// The text and the counters of a frame of this form; `None` where it has to be parsed.
    pub(super) fn read(&self, frame: &Bytes) -> Option<(Text, Counters)> {
        if !frame.starts_with(&self.frame[..self.from]) {
            return None;
        }
        let end = literal_end(frame, self.from)?;
        let mut counters = Counters::default();
        let (mut mine, mut theirs) = (self.to, end);
        for number in &self.numbers {
            let same = &self.frame[mine..number.from];
            if !frame[theirs..].starts_with(same) {
                return None;
            }
            let (value, after) = digits(frame, theirs + same.len())?;
            if let Some(place) = number.counter.place(&mut counters) {
                *place = Some(value);
            }
            (mine, theirs) = (number.to, after);
        }
        if frame[theirs..] != self.frame[mine..] {
            return None;
        }
        Some((Text::from_json(frame.slice(self.from - 1..end + 1))?, counters))
    }
}

/// The number under a key; `within` stands in the key, which begins after `from`.
fn number(frame: &[u8], from: usize, within: usize) -> Option<Number> {
    let quote = memchr::memrchr(b'"', frame.get(from..within)?)? + from;
    let key_end = within + "okenCount".len();
    let counter = Counter::of(&frame[quote + 1..key_end])?;
    let colon = key_end + 1;
    let gap = frame.get(colon..)?.strip_prefix(b":")?;
    let blanks = gap.iter().take_while(|byte| **byte == b' ').count();
    let from = colon + 1 + blanks;
    let (_, to) = digits(frame, from)?;
    Some(Number { from, to, counter })
}

/// The number that begins at `from`, and where it ends; as JSON writes it.
fn digits(frame: &[u8], from: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    let mut at = from;
    while let Some(digit) = frame.get(at).filter(|byte| byte.is_ascii_digit()) {
        value = value * 10 + u64::from(digit - b'0');
        at += 1;
        if at - from > MAX_DIGITS {
            return None;
        }
    }
    let is_number = at > from && (frame[from] != b'0' || at == from + 1);
    is_number.then_some((value, at))
}

/// Where the string that begins at `from` ends, its closing quote. `None` for one that has to be parsed, and
/// for the empty one, which means nothing.
fn literal_end(frame: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        match frame.get(at)? {
            b'"' => break,
            b'\\' => match frame.get(at + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                _ => return None,
            },
            0..=0x1F => return None,
            _ => at += 1,
        }
    }
    (at > from && std::str::from_utf8(&frame[from..at]).is_ok()).then_some(at)
}
