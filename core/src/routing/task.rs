//! What a conversation is about, for `model: "auto"`: rules over its form, in a fixed order (docs/routing.md).
//! No model is asked, and no language is read.

use super::capability::Capability;
use crate::catalog::Effort;
use crate::conversation::{Conversation, Need, Needs, Reasoning};

/// UTF-8 bytes of all texts from which on a conversation is long: about 65,000 tokens.
const LONG_BYTES: u64 = 256 << 10;
/// Bytes of what was said that are looked at, from the beginning: what a conversation is once, it stays, so that
/// its turns keep their model and the provider's cache.
const LOOKED_AT: usize = 64 << 10;
/// Different identifiers in one text that make it code.
const IDENTIFIERS: usize = 3;
/// Marks of a formula in one text that make it mathematics.
const MARKS: usize = 2;

/// Which rule decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Images,
    Length,
    /// The caller asked for thinking.
    Thinking,
    CodeFence,
    Identifiers,
    Formulas,
    Tools,
    /// None of the others.
    Plain,
}

impl Rule {
    pub const ALL: [Rule; 8] = [
        Rule::Images,
        Rule::Length,
        Rule::Thinking,
        Rule::CodeFence,
        Rule::Identifiers,
        Rule::Formulas,
        Rule::Tools,
        Rule::Plain,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Rule::Images => "images",
            Rule::Length => "length",
            Rule::Thinking => "thinking",
            Rule::CodeFence => "code_fence",
            Rule::Identifiers => "identifiers",
            Rule::Formulas => "formulas",
            Rule::Tools => "tools",
            Rule::Plain => "plain",
        }
    }

    /// What it decides for.
    pub fn capability(self) -> Capability {
        match self {
            Rule::Images => Capability::Vision,
            Rule::Length => Capability::LongContext,
            Rule::CodeFence | Rule::Identifiers => Capability::Code,
            Rule::Thinking | Rule::Formulas | Rule::Tools => Capability::Reasoning,
            Rule::Plain => Capability::Fast,
        }
    }
}

/// The first rule that holds. `needs` and `bytes` are the conversation's own, known already.
pub fn classify(conversation: &Conversation, needs: Needs, bytes: u64) -> Rule {
    if needs.has(Need::Vision) {
        return Rule::Images;
    }
    if bytes >= LONG_BYTES {
        return Rule::Length;
    }
    if thinks(conversation.reasoning) {
        return Rule::Thinking;
    }
    by_texts(conversation).unwrap_or(if needs.has(Need::Tools) { Rule::Tools } else { Rule::Plain })
}

fn thinks(asked: Option<Reasoning>) -> bool {
    match asked {
        Some(Reasoning::Effort(effort)) => !matches!(effort, Effort::None | Effort::Minimal | Effort::Low),
        Some(Reasoning::Budget(_) | Reasoning::Adaptive) => true,
        Some(Reasoning::Off) | None => false,
    }
}

/// What user and assistant said, each text once. Instructions and results of tools do not count: they are the
/// program's, and may be full of code whatever is asked.
fn by_texts(conversation: &Conversation) -> Option<Rule> {
    let mut left = LOOKED_AT;
    let mut found = [false; 3];
    let turns = conversation.talk().filter(|turn| turn.role != crate::conversation::Role::Tool);
    for text in turns.flat_map(|turn| &turn.parts).filter_map(|part| part.as_text()) {
        let decoded = text.decoded();
        let text = &decoded[..decoded.floor_char_boundary(left)];
        left -= text.len();
        found[0] |= text.lines().any(is_fence);
        found[1] |= names_at_least(text, IDENTIFIERS);
        found[2] |= has_formula(text);
        if found[0] || left == 0 {
            break;
        }
    }
    let rules = [Rule::CodeFence, Rule::Identifiers, Rule::Formulas];
    rules.into_iter().zip(found).find_map(|(rule, is_found)| is_found.then_some(rule))
}

/// CommonMark §4.5: three backticks or tildes, indented by at most three blanks.
fn is_fence(line: &str) -> bool {
    let inner = line.trim_start_matches(' ');
    line.len() - inner.len() <= 3 && (inner.starts_with("```") || inner.starts_with("~~~"))
}

/// Whether so many different identifiers stand in the text.
fn names_at_least(text: &str, wanted: usize) -> bool {
    let mut names: Vec<&str> = Vec::with_capacity(wanted);
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_:.()@/-".contains(c);
    for word in text.split(|c| !is_part(c)).map(|word| word.trim_end_matches(['.', ':', ','])) {
        if names.len() == wanted {
            break;
        }
        if is_identifier(word) && !names.contains(&word) {
            names.push(word);
        }
    }
    names.len() >= wanted
}

/// `read_line`, `getUserName`, `fs::read`, `main()`; no address of mail, web or network.
fn is_identifier(word: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'(' | b')');
    let bytes = word.as_bytes();
    let is_network = bytes.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'));
    if !bytes.iter().all(|b| plain(*b)) || is_network {
        return false;
    }
    let joined = |joint: &str, side: fn(u8) -> bool| {
        word.match_indices(joint).any(|(at, joint)| {
            let before = at.checked_sub(1).and_then(|at| bytes.get(at));
            let after = bytes.get(at + joint.len());
            before.is_some_and(|b| side(*b)) && after.is_some_and(|b| side(*b))
        })
    };
    let is_called = word.strip_suffix("()").is_some_and(|name| !name.is_empty() && !name.ends_with('('));
    is_called
        || joined("::", |b| b.is_ascii_alphabetic() || b == b'_')
        || joined("_", |b| b.is_ascii_lowercase() || b.is_ascii_digit())
        || is_camel(bytes)
}

/// Two small letters in front keep `iPhone` and `eBay` out.
fn is_camel(bytes: &[u8]) -> bool {
    let small = bytes.iter().take_while(|b| b.is_ascii_lowercase()).count();
    let hump = bytes.windows(3).any(|window| {
        window[0].is_ascii_lowercase() && window[1].is_ascii_uppercase() && window[2].is_ascii_lowercase()
    });
    small >= 2 && hump
}

/// Marks of LaTeX, or signs that hardly stand outside mathematics.
fn has_formula(text: &str) -> bool {
    let latex = ["$$", "\\frac", "\\sum", "\\int", "\\sqrt", "\\begin{"];
    let marks: usize = latex.iter().map(|mark| text.matches(mark).take(MARKS).count()).sum();
    let signs = text.chars().filter(|c| "∑∏∫√∂∀∃∞≤≥≠≈∈⊂∪∩".contains(*c)).take(MARKS).count();
    marks + signs >= MARKS
}
