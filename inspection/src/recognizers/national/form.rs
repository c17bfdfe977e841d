//! How an identifier is written: its groups of letters and digits, what separates them, and what must hold of it.

use super::context::Topics;
use gateway_core::finding::Kind;

/// What makes a value of the right form and checksum a find.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// The form alone.
    Form,
    /// The form alone where all its letters are capitals, else as `Whole`.
    Capitals,
    /// A word of context, or that the text is nothing but the value.
    Whole,
    /// The same, but a kind that has a checksum goes before.
    Loose,
    /// A word of context.
    Context,
    /// A word of context that is nearer than any other.
    Nearest,
}

/// One kind's way to be written.
///
/// A layout's letters: `A` a letter, `9` a digit, `X` either; ` `, `-`, `.`, `/` themselves; `~` one of ` `, `-`
/// and `.`, the same in all places; ` (` and `) ` as in phone numbers; a leading `+`.
#[derive(Clone, Copy)]
pub struct Form {
    pub kind: Kind,
    pub layouts: &'static [&'static str],
    /// Sees the letters and digits alone, in upper case.
    pub check: fn(&[u8]) -> bool,
    pub proof: Proof,
    pub topics: Topics,
}

/// Letters and digits of the longest value.
pub const LONGEST: usize = 20;
/// Groups of the most divided value.
pub const MOST_GROUPS: usize = 7;

/// A layout, made ready to compare.
pub struct Layout {
    /// Its form's place in the list of all.
    pub form: usize,
    pub groups: Vec<usize>,
    separators: Vec<u8>,
    digits: u32,
    letters: u32,
    pub plus: bool,
}

impl Layout {
    pub fn new(form: usize, written: &str) -> Layout {
        let mut layout =
            Layout { form, groups: vec![0], separators: vec![], digits: 0, letters: 0, plus: false };
        let mut at = 0;
        for mark in written.bytes() {
            match mark {
                b'+' => layout.plus = true,
                b'A' | b'9' | b'X' => {
                    layout.letters |= u32::from(mark == b'A') << at;
                    layout.digits |= u32::from(mark == b'9') << at;
                    *layout.groups.last_mut().expect("made with one") += 1;
                    at += 1;
                }
                // The space beside a bracket belongs to it.
                b'(' => *layout.separators.last_mut().expect("a space stands before a bracket") = b'(',
                b' ' if layout.separators.last() == Some(&b')') && layout.groups.last() == Some(&0) => {}
                mark => {
                    layout.separators.push(mark);
                    layout.groups.push(0);
                }
            }
        }
        layout
    }

    /// Whether a value of these digits (one bit each) and separators is written so; the groups' lengths fit already.
    pub fn fits(&self, digits: u32, separators: &[u8]) -> bool {
        let any = |found: &u8| matches!(found, b' ' | b'-' | b'.') && *found == separators[0];
        digits & self.digits == self.digits
            && digits & self.letters == 0
            && self
                .separators
                .iter()
                .zip(separators)
                .all(|(want, found)| want == found || (*want == b'~' && any(found)))
    }
}
