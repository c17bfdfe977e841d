//! A text's score: the worst sentence of any of its readings.

use super::concepts::{Concepts, Seen};
use super::features::{Setting, features};
use super::model::{HIDDEN, Model};
use super::sentences::sentences;
use super::views::{View, views};
use super::vocabulary::Common;

/// Who wrote a text, as far as orders to a model go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The caller's own words: tasks and questions are what they are for, data may stand beside them.
    User,
    /// What a tool answered, a document, a tool's description: a sentence that stands amid data is strange.
    Untrusted,
}

/// What was read out of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// Per cent. At 50, one in a hundred harmless texts is taken for an attack.
    pub score: u8,
    /// The score before it is rounded, for scorers that rank: 0 to 1.
    pub share: f32,
    /// The families of words that meet in the worst sentence.
    pub seen: Seen,
    /// It only showed once something was decoded.
    pub decoded: bool,
    /// The worst sentence stands amid data.
    pub odd: bool,
}

/// All that reads. Immutable, and shared by all threads.
pub struct Guard {
    concepts: Concepts,
    common: Common,
    model: Model<'static>,
}

/// Bytes that are read at once. What is decoded is bounded by it, so time is linear in a text's length.
const CHUNK: usize = 32 << 10;
/// Bytes of a chunk that are read again with the next: no sentence is longer.
const OVERLAP: usize = 256;

impl Guard {
    /// # Errors
    /// Where the built-in list of words can't be read, which a test rules out.
    pub fn built_in() -> Result<Guard, String> {
        Ok(Guard { concepts: Concepts::built_in()?, common: Common::default(), model: Model::built_in() })
    }

    /// Reads a text of any length.
    pub fn read(&self, text: &str, trust: Trust) -> Reading {
        let mut worst = Worst { measure: f32::MIN, seen: Seen::default(), decoded: false, odd: false };
        let mut rest = text;
        while !rest.is_empty() {
            let (now, next) = chunk(rest);
            views(now, &self.common, &mut |plain, view| self.view(plain, view, trust, &mut worst));
            rest = next;
        }
        if worst.measure == f32::MIN {
            return Reading::default();
        }
        Reading {
            score: self.model.certainty(worst.measure),
            share: self.model.share(worst.measure),
            seen: worst.seen,
            decoded: worst.decoded,
            odd: worst.odd,
        }
    }

    /// Words that say why, in a fixed order.
    pub fn reasons(&self, reading: &Reading) -> Vec<&'static str> {
        let marks = [("decoded", reading.decoded), ("amid_data", reading.odd)];
        let marks = marks.into_iter().filter_map(|(word, is)| is.then_some(word));
        marks.chain(self.concepts.names(reading.seen)).collect()
    }

    fn view(&self, plain: &str, view: View, trust: Trust, worst: &mut Worst) {
        for sentence in sentences(plain) {
            let setting = match (view, sentence.setting, trust) {
                (View::Hidden, ..) => Setting::Hidden,
                (_, Setting::Odd, Trust::User) => Setting::Plain,
                (_, setting, _) => setting,
            };
            let text = &plain[sentence.span];
            let (mut measure, seen) = self.measure(text, setting);
            if setting == Setting::Odd {
                // What would be an attack anywhere is one here too.
                measure = measure.max(self.measure(text, Setting::Plain).0);
            }
            if measure > worst.measure {
                let decoded = view != View::Seen;
                *worst = Worst { measure, seen, decoded, odd: setting == Setting::Odd };
            }
        }
    }

    /// What a sentence comes to, and the families in it.
    fn measure(&self, text: &str, setting: Setting) -> (f32, Seen) {
        let (mut sum, mut count) = (0_i32, 0_u32);
        let seen = features(text, setting, &self.concepts, &mut |slot| {
            sum += self.model.weight(slot);
            count += 1;
        });
        let lead = if setting == Setting::Hidden { HIDDEN } else { 0.0 };
        (self.model.measure(sum, count) + lead, seen)
    }
}

struct Worst {
    measure: f32,
    seen: Seen,
    decoded: bool,
    odd: bool,
}

/// A chunk, and where the next one begins: a little before the end of this one.
fn chunk(text: &str) -> (&str, &str) {
    if text.len() <= CHUNK {
        return (text, "");
    }
    let bytes = text.as_bytes();
    let blank = bytes[CHUNK / 2..CHUNK].iter().rposition(u8::is_ascii_whitespace);
    let mut end = blank.map_or(CHUNK, |at| CHUNK / 2 + at + 1);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut next = end - OVERLAP;
    while !text.is_char_boundary(next) {
        next -= 1;
    }
    (&text[..end], &text[next..])
}
