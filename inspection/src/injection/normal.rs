//! A text as it is seen: what can't be seen taken out, compatibility forms and look-alike letters made plain.
//! What stood in characters that can't be seen is told apart, for it is a text of its own.

use crate::engine::fold::character_folds;
use std::borrow::Cow;

pub struct Normal<'a> {
    pub text: Cow<'a, str>,
    /// What tag characters (U+E0020 to U+E007E) or bytes in variation selectors say.
    pub unseen: String,
}

pub fn normal(text: &str) -> Normal<'_> {
    if text.is_ascii() {
        return Normal { text: Cow::Borrowed(text), unseen: String::new() };
    }
    let (mut unseen, mut selectors) = (String::new(), Vec::new());
    let mixed = words(text).any(mixed);
    let mut out = String::with_capacity(text.len());
    let mut scratch = String::new();
    for word in words(text) {
        let folds = mixed
            && word.chars().any(is_look_alike_script)
            && word.chars().all(|c| becomes_ascii(c, &mut scratch));
        for character in word.chars() {
            match u32::from(character) {
                code @ 0xE0020..=0xE007E => unseen.extend(char::from_u32(code - 0xE0000)),
                code @ 0xFE00..=0xFE0F => selectors.extend(u8::try_from(code - 0xFE00)),
                code @ 0xE0100..=0xE01EF => selectors.extend(u8::try_from(code - 0xE0100 + 16)),
                _ if character.is_ascii() => out.push(character),
                _ if is_look_alike_script(character) && !folds => out.push(character),
                _ => {
                    character_folds(character, &mut out);
                }
            }
        }
    }
    // One selector after a sign chooses its form; a run of them is bytes.
    if selectors.len() >= 8
        && let Ok(said) = String::from_utf8(selectors)
    {
        unseen.push_str(&said);
    }
    Normal { text: Cow::Owned(out), unseen }
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
