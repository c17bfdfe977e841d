//! The features of one sentence: its words alone, in pairs and in threes, runs of four characters, and which
//! families of words meet in it. Each is a place in the model's table, found by hashing.

use super::concepts::{Concepts, Seen};
use super::model::SLOT_BITS;

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
}

/// Characters of a word that tell it from others.
const LONGEST: usize = 24;

/// Characters of a word's stem.
const STEM: usize = 4;

const SEED: u64 = 0x9E37_79B9_7F4A_7C15;

fn mix(state: u64, value: u64) -> u64 {
    (state ^ value).wrapping_mul(SEED).rotate_left(29)
}

fn slot(hash: u64) -> u32 {
    let mixed = (hash ^ (hash >> 31)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    u32::try_from(mixed >> (64 - SLOT_BITS)).unwrap_or(0)
}

/// Calls `found` with the place of each feature of a sentence.
pub fn features(text: &str, setting: Setting, concepts: &Concepts, found: &mut impl FnMut(u32)) -> Seen {
    let lower = lower(text);
    let mut walk = Walk { found, words: [1, 1], stems: [1, 1], beside: beside(setting) };
    walk.text(&lower);
    walk.shapes(text);
    let seen = concepts.seen(&lower);
    let first = seen.0;
    let mut rest = first;
    while rest != 0 {
        let one = rest.trailing_zeros();
        rest &= rest - 1;
        let mut others = rest;
        walk.concept(u64::from(one), 99);
        while others != 0 {
            let other = others.trailing_zeros();
            others &= others - 1;
            walk.concept(u64::from(one), u64::from(other));
        }
    }
    seen
}

fn beside(setting: Setting) -> Option<u64> {
    match setting {
        Setting::Odd => Some(25),
        Setting::Told => Some(35),
        Setting::Plain | Setting::Data => None,
    }
}

fn lower(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.to_lowercase() }
}

struct Walk<'a, F: FnMut(u32)> {
    found: &'a mut F,
    /// The hashes of the last two words.
    words: [u64; 2],
    /// The stems of the last two words.
    stems: [u64; 2],
    /// Where the sentence stands, as far as its words weigh otherwise there.
    beside: Option<u64>,
}

impl<F: FnMut(u32)> Walk<'_, F> {
    fn text(&mut self, lower: &str) {
        let (mut word, mut length, mut stem) = (0_u64, 0_usize, 0_u64);
        let mut last = ' ';
        for character in lower.chars() {
            let kind = kind(character);
            if matches!(kind, Kind::Letter) {
                word = mix(word, u64::from(u32::from(character)));
                length += 1;
                if length <= STEM {
                    stem = word;
                }
                if length == LONGEST {
                    self.word(word);
                    (word, length) = (0, 0);
                }
                last = character;
                continue;
            }
            if length > 0 {
                self.stem(stem);
                self.word(word);
                (word, length) = (0, 0);
            }
            match kind {
                Kind::Digit => {
                    if !last.is_ascii_digit() {
                        self.word(mix(7, 0));
                    }
                    last = '0';
                }
                Kind::Blank => last = ' ',
                Kind::Sign => {
                    if last != character {
                        self.word(mix(11, u64::from(u32::from(character))));
                    }
                    last = character;
                }
                // A script without blanks: each character is a word.
                Kind::Ideograph | Kind::Letter => {
                    self.word(mix(13, u64::from(u32::from(character))));
                    last = character;
                }
            }
        }
        if length > 0 {
            self.word(word);
        }
        self.word(2);
    }

    /// Beginnings of words, for what differs in its ending only.
    fn stem(&mut self, stem: u64) {
        (self.found)(slot(mix(mix(self.stems[1], stem), 61)));
        (self.found)(slot(mix(mix(self.stems[0], stem), 62)));
        self.stems = [self.stems[1], stem];
    }

    /// Runs of three shapes: how words are spelled and what signs stand between them.
    fn shapes(&mut self, text: &str) {
        let mut run = [0_u64; 3];
        let mut shape = 0_u64;
        let mut last = 0_u8;
        for byte in text.bytes().chain(*b" ") {
            let class = match byte {
                b'a'..=b'z' | 0x80.. => 1,
                b'A'..=b'Z' => 2,
                b'0'..=b'9' => 3,
                b' ' | b'\n' | b'\t' | b'\r' => 4,
                sign => sign,
            };
            let sign = class > 4;
            let after_sign = last > 4;
            if class == last && !sign {
                continue;
            }
            if (class == 4 || sign || after_sign) && shape != 0 {
                run = [run[1], run[2], shape];
                (self.found)(slot(mix(mix(mix(run[0], run[1]), run[2]), 51)));
                shape = 0;
            }
            if class != 4 {
                shape = shape << 4 ^ u64::from(class);
            }
            if class == 4 {
                shape = 0;
            }
            last = class;
        }
    }

    fn word(&mut self, word: u64) {
        let [before, last] = self.words;
        (self.found)(slot(mix(word, 21)));
        (self.found)(slot(mix(mix(last, word), 22)));
        (self.found)(slot(mix(mix(mix(before, last), word), 23)));
        (self.found)(slot(mix(mix(before, word), 24)));
        if let Some(beside) = self.beside {
            (self.found)(slot(mix(word, beside)));
            (self.found)(slot(mix(mix(last, word), beside + 1)));
        }
        self.words = [last, word];
    }

    fn concept(&mut self, one: u64, other: u64) {
        (self.found)(slot(mix(one << 8 | other, 41)));
        if let Some(beside) = self.beside {
            (self.found)(slot(mix(one << 8 | other, beside + 2)));
        }
    }
}

enum Kind {
    Letter,
    Digit,
    Blank,
    Sign,
    Ideograph,
}

fn kind(character: char) -> Kind {
    match character {
        'a'..='z' | '\'' => Kind::Letter,
        '0'..='9' => Kind::Digit,
        ' ' | '\n' | '\t' | '\r' => Kind::Blank,
        '\0'..='\u{7f}' => Kind::Sign,
        '\u{e00}'..='\u{eff}'
        | '\u{3040}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' => Kind::Ideograph,
        // Marks of Indic scripts belong to their words.
        '\u{900}'..='\u{dff}' => Kind::Letter,
        _ if character.is_alphanumeric() => Kind::Letter,
        _ if character.is_whitespace() => Kind::Blank,
        _ => Kind::Sign,
    }
}
