//! The answer to an [`Ask`], before any dialect: texts, tool calls, stop reason and token counts, all
//! decided by the request alone, so that the same request gets the same answer.

use serde_json::{Value, json};

use crate::ask::{Ask, Calls, Format, Thinking, Tool, ToolChoice};
use crate::schema;

/// What the model "said".
#[derive(Debug)]
pub(crate) struct Answer {
    pub text: String,
    pub calls: Vec<Call>,
    pub stop: Stop,
    pub input_tokens: u64,
    /// Of text and tool calls, thoughts excluded.
    pub visible_tokens: u64,
    pub reasoning_tokens: u64,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub name: String,
    pub arguments: Value,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    End,
    Length,
    Sequence(String),
    Tools,
}

/// Thoughts of a model that thinks, unless `think: N` in the prompt says otherwise.
const USUAL_REASONING_TOKENS: u64 = 64;
/// `words: N` gives at most this many words.
const MOST_WORDS: usize = 200_000;
const CHARS_PER_TOKEN: usize = 4;
const TOKENS_PER_IMAGE: u64 = 85;
const ANSWERS: &str = include_str!("../recorded/answers.txt");

pub(crate) fn answer(ask: &Ask) -> Answer {
    let input_tokens = tokens(ask.prompt_chars) + TOKENS_PER_IMAGE * ask.images as u64 + 7;
    let reasoning_tokens = reasoning(ask);
    let calls = calls(ask);
    if !calls.is_empty() {
        let chars: usize = calls.iter().map(|c| c.name.len() + c.arguments.to_string().len()).sum();
        let visible_tokens = tokens(chars);
        let text = String::new();
        return Answer { text, calls, stop: Stop::Tools, input_tokens, visible_tokens, reasoning_tokens };
    }
    let room = ask.max_tokens.map(|most| most.saturating_sub(reasoning_tokens));
    let (text, stop) = ended(text(ask), &ask.stops, room);
    let visible_tokens = tokens(text.chars().count());
    Answer { text, calls, stop, input_tokens, visible_tokens, reasoning_tokens }
}

fn reasoning(ask: &Ask) -> u64 {
    if ask.thinking == Thinking::Off {
        return 0;
    }
    // A real model may spend all of `max_tokens` on thoughts; here half is left for text, so that a small
    // limit still shows some, unless the prompt asks for more.
    let most = ask.max_tokens.unwrap_or(u64::MAX);
    match directive(&ask.prompt, "think: ").and_then(|n| n.parse::<u64>().ok()) {
        Some(wanted) => wanted.min(most),
        None => USUAL_REASONING_TOKENS.min(most / 2),
    }
}

fn calls(ask: &Ask) -> Vec<Call> {
    let prompt = ask.prompt.to_lowercase();
    let wanted: Vec<&Tool> = match &ask.choice {
        ToolChoice::Never => Vec::new(),
        ToolChoice::Named(name) => ask.tools.iter().filter(|tool| &tool.name == name).collect(),
        ToolChoice::Auto if ask.after_tool || !prompt.contains("weather") => Vec::new(),
        ToolChoice::Auto | ToolChoice::Required => {
            let parallel = prompt.contains("both") && ask.calls == Calls::Parallel;
            ask.tools.iter().take(if parallel { 2 } else { 1 }).collect()
        }
    };
    let said = directive(&ask.prompt, "say: ");
    wanted
        .into_iter()
        .map(|tool| Call { name: tool.name.clone(), arguments: schema::arguments(&tool.schema, said) })
        .collect()
}

fn text(ask: &Ask) -> String {
    let said = directive(&ask.prompt, "say: ");
    match &ask.format {
        Format::Schema(schema) => return schema::example(schema, said).to_string(),
        Format::Object => return json!({ "answer": said.unwrap_or("yes"), "sure": true }).to_string(),
        Format::Text => {}
    }
    if let Some(said) = said {
        return said.to_owned();
    }
    if let Some(count) = directive(&ask.prompt, "words: ").and_then(|n| n.parse::<usize>().ok()) {
        return ANSWERS.split_whitespace().cycle().take(count.min(MOST_WORDS)).collect::<Vec<_>>().join(" ");
    }
    let paragraphs = ANSWERS.split("\n\n").count() as u64;
    let chosen = (fnv(ask.prompt.as_bytes()) % paragraphs) as usize;
    ANSWERS.split("\n\n").nth(chosen).unwrap_or(ANSWERS).trim().to_owned()
}

/// What follows `name` in the prompt, up to the end of that line.
fn directive<'a>(prompt: &'a str, name: &str) -> Option<&'a str> {
    let rest = &prompt[prompt.find(name)? + name.len()..];
    rest.lines().next()
}

fn ended(mut text: String, stops: &[String], room: Option<u64>) -> (String, Stop) {
    let first = stops.iter().filter_map(|stop| Some((text.find(stop.as_str())?, stop))).min();
    let mut why = Stop::End;
    if let Some((at, stop)) = first {
        text.truncate(at);
        why = Stop::Sequence(stop.clone());
    }
    let most = room.map_or(usize::MAX, |tokens| usize::try_from(tokens).unwrap_or(usize::MAX));
    if let Some((at, _)) = text.char_indices().nth(most.saturating_mul(CHARS_PER_TOKEN)) {
        text.truncate(at);
        why = Stop::Length;
    }
    (text, why)
}

fn tokens(chars: usize) -> u64 {
    chars.div_ceil(CHARS_PER_TOKEN) as u64
}

/// FNV-1a: the same on every machine and in every version, which `std`'s hasher does not promise.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Cuts a text into pieces of `words` words, or of 16 characters where there are no blanks, as deltas of
/// a stream carry it; joined they are the text again.
pub(crate) fn pieces(text: &str, words: usize) -> Vec<&str> {
    let mut pieces = Vec::with_capacity(text.len() / 6 + 1);
    let (mut from, mut seen, mut since) = (0, 0, 0);
    for (at, char) in text.char_indices() {
        since += 1;
        seen += usize::from(char == ' ' && at > from);
        if seen == words || since > 16 * words {
            pieces.push(&text[from..at]);
            (from, seen, since) = (at, 0, 0);
        }
    }
    if from < text.len() {
        pieces.push(&text[from..]);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(prompt: &str) -> Ask {
        Ask { prompt: prompt.into(), prompt_chars: prompt.len(), ..Ask::default() }
    }

    #[test]
    fn prompts_decide_the_text() {
        for (case, prompt, want) in [
            ("exact", "say: hello", "hello"),
            ("to the end of the line", "please\nsay: a \"b\" \\n é 😀 \r\nand more", "a \"b\" \\n é 😀 "),
            ("counted words", "words: 3", "A good way"),
        ] {
            assert_eq!(answer(&asked(prompt)).text, want, "{case}");
        }
        assert_eq!(answer(&asked("why?")).text, answer(&asked("why?")).text);
        assert!(answer(&asked("my mail is a@b.de")).text.len() > 100);
    }

    #[test]
    fn limits_and_stops_end_it() {
        for (case, stops, max, text, stop) in [
            ("limit", &[][..], Some(2), "one two ", Stop::Length),
            ("stop", &["two"][..], None, "one ", Stop::Sequence("two".into())),
            ("the earlier stop", &["three", "two"][..], None, "one ", Stop::Sequence("two".into())),
            ("limit before stop", &["three"][..], Some(1), "one ", Stop::Length),
            ("just fits", &[][..], Some(4), "one two three é", Stop::End),
        ] {
            let stops = stops.iter().map(|s| (*s).to_owned()).collect();
            let ask = Ask { stops, max_tokens: max, ..asked("say: one two three é") };
            let got = answer(&ask);
            assert_eq!((got.text.as_str(), got.stop), (text, stop), "{case}");
        }
    }

    #[test]
    fn thinking_counts_within_the_limit() {
        for (case, prompt, max, want) in [
            ("usual", "hi", None, (64, true)),
            ("half of a small limit", "hi", Some(10), (5, true)),
            ("as asked", "think: 900", Some(1000), (900, true)),
            ("all of the limit", "think: 900", Some(100), (100, false)),
        ] {
            let got = answer(&Ask { thinking: Thinking::Hidden, max_tokens: max, ..asked(prompt) });
            assert_eq!((got.reasoning_tokens, !got.text.is_empty()), want, "{case}");
        }
    }

    #[test]
    fn pieces_join_to_the_text() {
        for text in ["", "a", "one two  three ", " lead", &"é".repeat(100), ANSWERS] {
            for words in [1, 3, 12] {
                let pieces = pieces(text, words);
                assert_eq!(pieces.concat(), text);
                assert!(pieces.iter().all(|piece| !piece.is_empty()));
            }
        }
        assert_eq!(pieces("one two three", 1), ["one", " two", " three"]);
    }
}
