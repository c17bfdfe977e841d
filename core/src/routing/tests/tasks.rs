//! What the classifier of `auto` makes of conversations.

use crate::catalog::Effort;
use crate::conversation::{
    Content, Conversation, Media, Part, Reasoning, Role, Source, Text, Tool, ToolResult, Turn,
};
use crate::routing::Rule;
use crate::routing::task::classify;

fn turn(role: Role, text: &str) -> Turn {
    Turn { role, parts: vec![Part::text(Text::new(text))], name: None }
}

fn rule(conversation: &Conversation) -> Rule {
    classify(conversation, conversation.needs(), conversation.text_bytes())
}

fn said(text: &str) -> Conversation {
    Conversation { turns: vec![turn(Role::User, text)], ..Conversation::default() }
}

#[test]
fn texts_are_told_apart_by_their_form() {
    let filler = "word ".repeat(20_000);
    let long = "word ".repeat(60_000);
    let late = format!("{filler}```");
    for (case, text, want) in [
        ("a greeting", "Hello! How are you?", Rule::Plain),
        ("nothing", "", Rule::Plain),
        ("a fence", "What does this do?\n```rust\nfn main() {}\n```", Rule::CodeFence),
        ("a fence of tildes, indented", "see\n   ~~~\nx\n~~~", Rule::CodeFence),
        ("indented by four is no fence", "see\n    ``` no", Rule::Plain),
        ("backticks within a line", "the ``` mark", Rule::Plain),
        ("identifiers", "Rename read_line to next_line and drop getUserName.", Rule::Identifiers),
        ("paths and calls", "std::fs::read fails, so does main() and user.save()", Rule::Identifiers),
        ("the same one thrice", "read_line, read_line and read_line", Rule::Plain),
        ("brands", "My iPhone, YouTube, GitHub, eBay and McDonald are fine.", Rule::Plain),
        (
            "addresses",
            "a_b@c_d.de x_y@z_a.de q_r@s_t.de https://x.de/a_b /c_d/e_f fe80::1 2001:db8::ff",
            Rule::Plain,
        ),
        ("times", "from 10:30 to 11:30, or 12:00", Rule::Plain),
        ("masked names", "[EMAIL_ADDRESS_1] and [US_SSN_2] and [IBAN_CODE_3]", Rule::Plain),
        ("formulas", "Show that $$x^2 \\geq 0$$ holds", Rule::Formulas),
        ("signs", "Is ∀x ∃y true?", Rule::Formulas),
        ("one sign", "temperature ≥ 20", Rule::Plain),
        ("code before formulas", "∀ ∃\n```\nx\n```", Rule::CodeFence),
        ("long", &long, Rule::Length),
        ("a fence beyond what is looked at", &late, Rule::Plain),
    ] {
        assert_eq!(rule(&said(text)), want, "{case}");
    }
}

#[test]
fn what_is_not_said_by_the_talkers_does_not_count() {
    let code = "```\nfn a() {}\n```";
    for (case, turns, want) in [
        ("instructions", vec![turn(Role::System, code), turn(Role::User, "hi")], Rule::Plain),
        (
            "a tool's result",
            vec![Turn {
                role: Role::Tool,
                parts: vec![Part::new(Content::ToolResult(ToolResult {
                    call_id: Text::new("1"),
                    name: None,
                    content: vec![Part::text(Text::new(code))],
                    is_error: false,
                }))],
                name: None,
            }],
            Rule::Plain,
        ),
        (
            "an earlier answer",
            vec![turn(Role::User, "hi"), turn(Role::Assistant, code), turn(Role::User, "thanks")],
            Rule::CodeFence,
        ),
    ] {
        assert_eq!(rule(&Conversation { turns, ..Conversation::default() }), want, "{case}");
    }
}

#[test]
fn images_length_and_thinking_go_before_texts_and_tools_behind() {
    let code = said("```\nx\n```");
    let image = Part::new(Content::Image(Media {
        source: Source::Url { media_type: None, url: Text::new("https://x.de/a.png") },
        name: None,
        detail: None,
    }));
    let mut seen = code.clone();
    seen.turns[0].parts.push(image);
    assert_eq!(rule(&seen), Rule::Images);
    for (case, reasoning, want) in [
        ("off", Reasoning::Off, Rule::CodeFence),
        ("low", Reasoning::Effort(Effort::Low), Rule::CodeFence),
        ("medium", Reasoning::Effort(Effort::Medium), Rule::Thinking),
        ("a budget", Reasoning::Budget(1_024), Rule::Thinking),
        ("as it likes", Reasoning::Adaptive, Rule::Thinking),
    ] {
        let talk = Conversation { reasoning: Some(reasoning), ..code.clone() };
        assert_eq!(rule(&talk), want, "{case}");
    }
    let tool =
        Tool { name: Text::new("look"), description: None, parameters: None, strict: None, cache: None };
    assert_eq!(rule(&Conversation { tools: vec![tool.clone()], ..said("hi") }), Rule::Tools);
    assert_eq!(rule(&Conversation { tools: vec![tool], ..code }), Rule::CodeFence);
}
