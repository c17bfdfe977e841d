//! Characters that a reader takes for others: full-width and mathematical forms (NFKC, UAX #15), digits of
//! other scripts, look-alike letters of Cyrillic and Greek (UTS #39), blanks and dashes of every kind, and
//! what can't be seen at all.

use super::offsets::Map;
use super::regions::Regions;
use super::seek::seek;
use unicode_normalization::UnicodeNormalization;

/// A text as ASCII where it can be, and the way back.
pub(super) struct Folded {
    pub text: String,
    pub map: Map,
}

/// The parts of a text around what is folded.
pub(super) fn regions(text: &str) -> Regions {
    let mut regions = Regions::default();
    let mut scratch = String::new();
    let mut at = 0;
    let bytes = text.as_bytes();
    while let Some(step) = seek(&bytes[at..], |byte| !byte.is_ascii()) {
        at += step;
        let Some(character) = text[at..].chars().next() else { break };
        let end = at + character.len_utf8();
        scratch.clear();
        if character_folds(character, &mut scratch) {
            regions.add(text, at..end);
        }
        at = end;
    }
    regions
}

/// A text with everything folded.
pub(super) fn fold(text: &str) -> Folded {
    let mut folded = String::with_capacity(text.len());
    let mut map = Map::default();
    for (at, character) in text.char_indices() {
        if character.is_ascii() {
            folded.push(character);
        } else if character_folds(character, &mut folded) {
            map.changed(folded.len(), at + character.len_utf8());
        }
    }
    Folded { text: folded, map }
}

/// Characters of the shortest run of tags that is read: what spells a flag is shorter, or a region's name.
const TAGS: usize = 4;

/// A text with everything folded, where runs of tag characters (Unicode 23.9) read as the ASCII that they stand
/// for: no reader sees them, and a model reads them. `None` where there is none.
pub(super) fn tagged(text: &str) -> Option<Folded> {
    // All of them begin with these bytes.
    memchr::memmem::find(text.as_bytes(), b"\xF3\xA0")?;
    let (mut folded, mut map, mut any) = (String::with_capacity(text.len()), Map::default(), false);
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let at = text.len() - rest.len();
        let run = rest.chars().map_while(tag).count();
        if run >= TAGS {
            any = true;
            for (n, plain) in rest.chars().map_while(tag).enumerate() {
                folded.push(plain);
                map.changed(folded.len(), at + (n + 1) * character.len_utf8());
            }
            rest = &rest[run * character.len_utf8()..];
            continue;
        }
        if character.is_ascii() {
            folded.push(character);
        } else if character_folds(character, &mut folded) {
            map.changed(folded.len(), at + character.len_utf8());
        }
        rest = &rest[character.len_utf8()..];
    }
    any.then_some(Folded { text: folded, map })
}

/// What a tag character stands for.
fn tag(character: char) -> Option<char> {
    let code = u32::from(character).checked_sub(0xE0000)?;
    char::from_u32(code).filter(|plain| matches!(plain, ' '..='~'))
}

/// Appends what a character reads as. False where that is the character itself.
pub(crate) fn character_folds(character: char, out: &mut String) -> bool {
    if is_unseen(character) {
        return true;
    }
    if let Some(plain) = look_alike(character).or_else(|| digit(character)) {
        out.push(plain);
        return true;
    }
    // Letters with accents stay: they are no disguise.
    if !may_be_compatible(character) {
        out.push(character);
        return false;
    }
    let before = out.len();
    out.extend(std::iter::once(character).nfkc());
    let changed = out[before..].chars().ne([character]);
    let ascii = out[before..].is_ascii();
    if changed && !ascii {
        out.truncate(before);
        out.push(character);
    }
    changed && ascii
}

/// Blocks that hold compatibility forms of ASCII: the rest is not asked.
fn may_be_compatible(character: char) -> bool {
    matches!(u32::from(character),
        0xAA..=0xBE | 0x2000..=0x218F | 0x2460..=0x24FF | 0x3000..=0x33FF | 0xFB00..=0xFB06 | 0xFE10..=0xFE6F
        | 0xFF00..=0xFFEF | 0x1D400..=0x1D7FF | 0x1F100..=0x1F1FF)
}

/// Zero width, soft hyphens, direction marks, variation selectors, combining marks.
fn is_unseen(character: char) -> bool {
    matches!(u32::from(character),
        0xAD | 0x300..=0x36F | 0x61C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F
        | 0x202A..=0x202E | 0x2060..=0x206F | 0x20D0..=0x20FF | 0xFE00..=0xFE0F | 0xFEFF | 0x1BCA0..=0x1BCA3
        | 0xE0000..=0xE01EF)
}

/// The first of each ten digits of Unicode's class Nd, outside of what NFKC folds.
const ZEROES: [u32; 36] = [
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0,
    0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50,
    0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xAA50, 0xABF0, 0x104A0, 0x11066,
];

fn digit(character: char) -> Option<char> {
    let code = u32::from(character);
    let zero = ZEROES.partition_point(|zero| *zero <= code).checked_sub(1).map(|at| ZEROES[at])?;
    char::from_digit(code - zero, 10).filter(|_| code - zero < 10)
}

fn look_alike(character: char) -> Option<char> {
    Some(match character {
        'А' | 'Α' => 'A',
        'В' | 'Β' => 'B',
        'С' | 'Ϲ' => 'C',
        'Е' | 'Ε' => 'E',
        'Н' | 'Η' => 'H',
        'І' | 'Ι' | 'Ӏ' => 'I',
        'Ј' => 'J',
        'К' | 'Κ' => 'K',
        'М' | 'Μ' => 'M',
        'Ν' => 'N',
        'О' | 'Ο' => 'O',
        'Р' | 'Ρ' => 'P',
        'Ѕ' => 'S',
        'Т' | 'Τ' => 'T',
        'Х' | 'Χ' => 'X',
        'Υ' | 'Ү' => 'Y',
        'Ζ' => 'Z',
        'а' | 'α' => 'a',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' => 'e',
        'һ' => 'h',
        'і' | 'ι' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'ӏ' => 'l',
        'м' => 'm',
        'п' => 'n',
        'о' | 'ο' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'г' => 'r',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'υ' => 'u',
        'ν' => 'v',
        'ԝ' | 'ѡ' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '﹘' | '﹣' | '－' => '-',
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        '\u{2028}' | '\u{2029}' | '\u{85}' => '\n',
        '∙' | '·' | '．' | '。' | '｡' | '․' => '.',
        '∕' | '⁄' => '/',
        '：' | '∶' | '꞉' => ':',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_like_ascii_becomes_ascii_and_is_found_again() {
        for (case, text, want) in [
            ("full width", "ａｎｎ＠ｘ．ｏｒｇ １２３", "ann@x.org 123"),
            ("arabic-indic digits", "٤٥٦", "456"),
            ("cyrillic", "аnn", "ann"),
            ("nothing to see", "a\u{200b}n\u{ad}n\u{301}", "ann"),
            ("blanks and dashes", "1\u{a0}2–3", "1 2-3"),
            ("mathematical", "𝟏𝟐𝟑", "123"),
        ] {
            assert!(regions(text).iter().next().is_some(), "{case}");
            let folded = fold(text);
            assert_eq!(folded.text, want, "{case}");
            assert_eq!(folded.map.back(text, 0..folded.text.len()), 0..text.len(), "{case}");
        }
        for plain in ["plain", "Zoë Müller", "日本語"] {
            assert!(regions(plain).iter().next().is_none(), "{plain}");
        }
    }

    #[test]
    fn tags_are_read_where_they_spell_something() {
        let tags = |plain: &str| -> String {
            plain.chars().filter_map(|c| char::from_u32(u32::from(c) + 0xE0000)).collect()
        };
        for (case, text, want) in [
            ("a value in tags", format!("hi{}!", tags("ann@x.org")), Some("hiann@x.org!")),
            ("too few to spell", format!("ann{}@x.org", tags("abc")), None),
            ("beside other disguises", format!("ａ{}é", tags("nn@x.org")), Some("ann@x.orgé")),
            ("none", "plain é".to_owned(), None),
        ] {
            let folded = tagged(&text);
            assert_eq!(folded.as_ref().map(|folded| folded.text.as_str()), want, "{case}");
            if let Some(Folded { text: plain, map }) = folded {
                let end = plain.find('!').unwrap_or(plain.len() - "é".len());
                let span = map.back(&text, end - "x.org".len()..end);
                assert_eq!(text[span], tags("x.org"), "{case}");
            }
        }
    }

    #[test]
    fn a_span_is_cut_from_the_text_as_it_stood() {
        let text = "é: a\u{200b}n\u{200b}n, x";
        let folded = fold(text);
        let at = folded.text.find("ann").expect("it reads so");
        assert_eq!(&text[folded.map.back(text, at..at + 3)], "a\u{200b}n\u{200b}n");
    }
}
