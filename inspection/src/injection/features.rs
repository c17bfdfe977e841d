//! The features of one sentence: its words alone, in pairs and in threes, what they are spelled with, and which
//! families of words meet in it. Each is a place in the model's table, found by hashing.

use super::concepts::{Concepts, Matching, Seen};
use super::model::SLOT_BITS;
use super::tokens::{Sink, Token, tokens};

/// Where a sentence stands: what a plain sentence says weighs otherwise amid rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Amid its like.
    Plain,
    /// A sentence amid tables, data or code.
    Odd,
    /// A row of data, a line of code.
    Data,
    /// In a longer text about prompts and attacks, which quotes them.
    Told,
    /// What was hidden: it only reads so once decoded.
    Hidden,
}

impl Setting {
    /// Where a setting's own features begin: what it says weighs otherwise there.
    fn own(self) -> Option<u64> {
        match self {
            Setting::Odd => Some(0x19),
            Setting::Told => Some(0x23),
            Setting::Hidden => Some(0x2D),
            Setting::Plain | Setting::Data => None,
        }
    }
}

/// A place in the first half of the table.
fn slot(hash: u64) -> u32 {
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (mixed >> (65 - SLOT_BITS)) as u32
}

/// A place in the second half, where words in pairs have theirs.
fn pair(hash: u64) -> u32 {
    slot(hash) | 1 << (SLOT_BITS - 1)
}

/// Calls `found` with the place of each feature of a sentence.
#[inline]
pub fn features(text: &str, setting: Setting, concepts: &Concepts, found: &mut impl FnMut(u32)) -> Seen {
    let own = setting.own();
    let mut walk = Walk {
        found,
        concepts,
        matching: concepts.matching(),
        word: 1,
        shapes: [0, 0],
        own,
        families: [0, 0],
        since: 0,
    };
    tokens(text, &mut walk);
    let seen = walk.matching.seen();
    walk.meet(seen);
    seen
}

struct Walk<'a, F: FnMut(u32)> {
    found: &'a mut F,
    concepts: &'a Concepts,
    matching: Matching,
    /// The last word, and the last two shapes.
    word: u64,
    shapes: [u64; 2],
    own: Option<u64>,
    /// The last two families, or sets of them, and how many tokens ago the last one was.
    families: [u32; 2],
    since: u32,
}

impl<F: FnMut(u32)> Sink for Walk<'_, F> {
    #[inline]
    fn wants(&self, beginning: u64) -> bool {
        Matching::wants(self.concepts, beginning)
    }

    fn begins(&mut self, so_far: u64) {
        self.matching.begins(self.concepts, so_far);
    }

    #[inline]
    fn token(&mut self, token: Token) {
        let here = self.matching.token(self.concepts, token.hash);
        let [before, last] = self.shapes;
        let shapes = before.wrapping_mul(0x1_0000_01B3) ^ last << 20 ^ token.shape;
        (self.found)(slot(shapes.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x33));
        self.shapes = [last, token.shape];
        self.word(token.hash);
        self.since += 1;
        if here != 0 {
            self.families(here);
        }
    }
}

/// Tokens between families that are near each other.
const NEAR: u32 = 12;

impl<F: FnMut(u32)> Walk<'_, F> {
    #[inline]
    fn word(&mut self, word: u64) {
        let two = self.word.rotate_left(17).wrapping_add(word);
        (self.found)(slot(word ^ 0x15 << 40));
        (self.found)(pair(two ^ 0x16 << 40));
        if let Some(own) = self.own {
            (self.found)(slot(word ^ own << 40));
        }
        self.word = word;
    }

    /// Families in the order in which they stand.
    #[inline(never)]
    fn families(&mut self, here: u32) {
        let [before, last] = self.families;
        if self.since < NEAR {
            each(last, |first| {
                each(here, |second| {
                    (self.found)(slot(
                        u64::from(first << 8 | second).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x2B,
                    ));
                })
            });
            let three = u64::from(before).wrapping_mul(0xD6E8_FEB8_6659_FD93)
                ^ u64::from(last) << 32
                ^ u64::from(here);
            (self.found)(slot(three.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x2C));
        }
        self.families = [last, here];
        self.since = 0;
    }

    /// Families alone and in pairs.
    fn meet(&mut self, seen: Seen) {
        let mut rest = seen.0;
        while rest != 0 {
            let one = rest.trailing_zeros();
            rest &= rest - 1;
            let mut others = rest;
            self.concept(u64::from(one), 99);
            while others != 0 {
                let other = others.trailing_zeros();
                others &= others - 1;
                self.concept(u64::from(one), u64::from(other));
            }
        }
        if let Some(own) = self.own {
            self.concept(own, 100);
        }
    }

    fn concept(&mut self, one: u64, other: u64) {
        let both = (one << 8 | other).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        // In two places, so that it weighs more, and what shares one of them by chance less.
        (self.found)(slot(both ^ 0x29));
        (self.found)(slot(both ^ 0x5529));
        if let Some(own) = self.own {
            (self.found)(slot(both ^ own << 32 ^ 0x2A));
        }
    }
}

/// Calls `found` with the number of each bit.
fn each(mut bits: u32, mut found: impl FnMut(u32)) {
    while bits != 0 {
        found(bits.trailing_zeros());
        bits &= bits - 1;
    }
}
