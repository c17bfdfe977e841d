//! A text as it is seen: what can't be seen taken out, compatibility forms and look-alike letters made plain.
//! What stood in characters that can't be seen is told apart, for it is a text of its own.

use crate::engine::fold::character_folds;
use std::borrow::Cow;

#[derive(Default)]
pub struct Normal<'a> {
    pub text: Cow<'a, str>,
    /// What tag characters (U+E0020 to U+E007E), bytes in variation selectors, or bits in blanks of no width say.
    pub unseen: String,
    /// From the first to the last of the words that were written in disguise, where they are several.
    pub disguised: String,
}

/// Fewer words than these in disguise are a slip, or an ornament.
const DISGUISED: usize = 3;

pub fn normal(text: &str) -> Normal<'_> {
    if text.is_ascii() {
        return Normal { text: Cow::Borrowed(text), ..Normal::default() };
    }
    let mut unseen = Unseen::default();
    let mixed = words(text).any(mixed);
    let mut out = String::with_capacity(text.len());
    let mut scratch = String::new();
    let (mut first, mut last, mut count) = (0, 0, 0_usize);
    for word in words(text) {
        if word.is_ascii() {
            out.push_str(word);
            continue;
        }
        let folds = mixed
            && word.chars().any(is_look_alike_script)
            && word.chars().all(|c| becomes_ascii(c, &mut scratch));
        let start = out.len();
        let mut tricks = usize::from(folds);
        for character in word.chars() {
            let code = u32::from(character);
            match code {
                0xE0020..=0xE007E => unseen.tags.extend(char::from_u32(code - 0xE0000)),
                0xFE00..=0xFE0F => unseen.selectors.extend(u8::try_from(code - 0xFE00)),
                0xE0100..=0xE01EF => unseen.selectors.extend(u8::try_from(code - 0xE0100 + 16)),
                0x300..=0x36F => unseen.marks += 1,
                0x200B..=0x200D | 0x2060..=0x2064 | 0xFEFF | 0xAD => {
                    unseen.blanks.push(character);
                    // Between letters of some scripts they have a meaning.
                    let within = out[start..].chars().next_back();
                    tricks += usize::from(
                        within.is_some_and(|c| c.is_alphabetic() && !('\u{590}'..='\u{2e80}').contains(&c)),
                    );
                }
                0x2018 | 0x2019 => out.push('\''),
                0x201C | 0x201D => out.push('"'),
                _ if character.is_ascii() => out.push(character),
                _ if is_look_alike_script(character) && !folds => out.push(character),
                _ => match drawn(character) {
                    Some(plain) => {
                        out.push(plain);
                        tricks += 1;
                    }
                    None => {
                        let before = out.len();
                        let folded = character_folds(character, &mut out);
                        let letter = out[before..].starts_with(|c: char| c.is_ascii_alphabetic());
                        tricks += usize::from(folded && letter && code > 0x2000);
                    }
                },
            }
        }
        tricks += usize::from(unseen.marks > 2 * (out.len() - start));
        unseen.marks = 0;
        if tricks > 0 {
            if count == 0 {
                first = start;
            }
            // A script without blanks is one long word.
            count += if tricks >= 8 { DISGUISED } else { 1 };
            last = out.len();
        }
    }
    let disguised = if count >= DISGUISED { out[first..last].to_owned() } else { String::new() };
    Normal { text: Cow::Owned(out), unseen: unseen.said(), disguised }
}

#[derive(Default)]
struct Unseen {
    tags: String,
    selectors: Vec<u8>,
    blanks: Vec<char>,
    /// Marks above and below the letters of a word.
    marks: usize,
}

impl Unseen {
    fn said(self) -> String {
        let mut said = self.tags;
        // One selector after a sign chooses its form; a run of them is bytes.
        if self.selectors.len() >= 8
            && let Ok(selected) = String::from_utf8(self.selectors)
        {
            said.push_str(&selected);
        }
        if let Some(spelled) = bits(&self.blanks) {
            said.push_str(&spelled);
        }
        said
    }
}

/// Two kinds of blanks are the bits of a text.
fn bits(blanks: &[char]) -> Option<String> {
    let zero = blanks.first().filter(|_| blanks.len() >= 64)?;
    let one = blanks.iter().find(|blank| *blank != zero)?;
    let said = |zero: &char, one: &char| {
        let bits: Vec<u8> = blanks
            .iter()
            .filter_map(|c| {
                if c == zero {
                    Some(0)
                } else if c == one {
                    Some(1)
                } else {
                    None
                }
            })
            .collect();
        let bytes = bits.chunks_exact(8).map(|bits| bits.iter().fold(0, |sum, bit| sum << 1 | bit));
        String::from_utf8(bytes.collect()).ok().filter(|said| said.chars().all(|c| !c.is_control()))
    };
    said(zero, one).or_else(|| said(one, zero))
}

/// The letter that a sign draws: small capitals, Braille, letters of flags.
fn drawn(character: char) -> Option<char> {
    const SMALL: &str = "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡᴢʏ";
    const SMALL_ARE: &[u8] = b"abcdefghijklmnopqrstuvwzy";
    const BRAILLE: &str = "⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵⠀";
    const BRAILLE_ARE: &[u8] = b"abcdefghijklmnopqrstuvwxyz ";
    let of = |signs: &str, are: &[u8]| {
        let at = signs.chars().position(|sign| sign == character)?;
        are.get(at).map(|letter| char::from(*letter))
    };
    match u32::from(character) {
        0x262..=0x29F | 0x1D00..=0x1D22 | 0xA730..=0xA7AF => of(SMALL, SMALL_ARE),
        0x2800..=0x28FF => of(BRAILLE, BRAILLE_ARE),
        code @ 0x1F1E6..=0x1F1FF => u8::try_from(code - 0x1F1E6).ok().map(|at| char::from(b'a' + at)),
        _ => None,
    }
}

/// The text in words, each with the blanks after it.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(|c: char| c.is_ascii_whitespace() || c.is_ascii_punctuation())
}

fn mixed(word: &str) -> bool {
    word.chars().any(|c| c.is_ascii_alphabetic()) && word.chars().any(is_look_alike_script)
}

fn is_look_alike_script(character: char) -> bool {
    matches!(u32::from(character), 0x370..=0x52F)
}

fn becomes_ascii(character: char, scratch: &mut String) -> bool {
    scratch.clear();
    character.is_ascii() || (character_folds(character, scratch) && scratch.is_ascii())
}
