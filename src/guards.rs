//! Which guard covers which endpoint, part and way of delivery: told at the start and by `check`. What goes to a
//! model and is in none of these rows would go out unguarded, so a test holds the rows to the route table.

use crate::config::{Config, Engines};
use gateway_inspection::redact::policy::Policy;

/// An endpoint whose texts go to a provider.
#[derive(Clone, Copy, Debug)]
pub struct Covered {
    pub path: &'static str,
    pub deliveries: &'static [&'static str],
    /// What of a request is searched.
    pub searched: &'static str,
    /// Where the caller's own values come back.
    pub restored: &'static str,
}

const TALK: &str =
    "system, tools, turns of user and assistant, results of tools, documents, names and identifiers";
const BACK: &str = "text, refusals, thinking that nobody signed, arguments of tool calls";

/// All of them, in the order of the route table.
pub const COVERED: [Covered; 5] = [
    Covered { path: "/v1/chat/completions", deliveries: &["json", "stream"], searched: TALK, restored: BACK },
    Covered { path: "/v1/messages", deliveries: &["json", "stream"], searched: TALK, restored: BACK },
    Covered {
        path: "/v1/messages/count_tokens",
        deliveries: &["json"],
        searched: TALK,
        restored: "nothing: the answer is a number",
    },
    Covered {
        path: "/v1/embeddings",
        deliveries: &["json"],
        searched: "each input by itself, the end user's id",
        restored: "nothing: the answer is vectors",
    },
    Covered { path: "/v1/complete", deliveries: &["json", "stream"], searched: TALK, restored: BACK },
];

/// A line for each thing to be known.
pub fn lines(config: &Config) -> Vec<String> {
    let pii = &config.pii;
    if !pii.is_on() {
        return vec![
            "personal data: no request is searched (PII_REDACTION_ENABLED): texts go out as they are"
                .to_owned(),
        ];
    }
    let engine = match pii.engine {
        Engines::Builtin => "builtin",
        Engines::Presidio => "presidio",
        Engines::Both => "builtin and presidio",
    };
    let mut lines = vec![format!("personal data: searched by {engine}; {}", told(&pii.policy))];
    lines.extend(pii.teams.iter().map(|(team, policy)| format!("personal data of {team}: {}", told(policy))));
    lines.extend(COVERED.iter().map(|covered| {
        let Covered { path, deliveries, searched, restored } = covered;
        format!("POST {path} ({}): searched: {searched}; put back: {restored}", deliveries.join(", "))
    }));
    lines
}

fn told(policy: &Policy) -> String {
    if !policy.enabled {
        return "not searched".to_owned();
    }
    let word = |lets_out: bool| if lets_out { "allow" } else { "block" };
    let Policy { default, actions, images, audio, documents, tokens, .. } = policy;
    let own: Vec<String> =
        actions.iter().map(|(kind, action)| format!(", {} {}", kind.name(), action.word())).collect();
    format!(
        "finds: {}{}; unsearchable: images {}, audio {}, documents {}, tokens {}",
        default.word(),
        own.concat(),
        word(*images),
        word(*audio),
        word(*documents),
        word(*tokens)
    )
}
