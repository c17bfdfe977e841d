//! Lists of lines that stand for each other: `grammar.txt`.

use crate::generate::Dice;
use std::collections::BTreeMap;
use std::io;

/// Names within names that are filled in.
const DEPTH: u32 = 12;

pub struct Grammar<'t> {
    lists: BTreeMap<&'t str, Vec<&'t str>>,
    /// What rows are drawn from: the list, whether it makes attacks, and how many rows.
    pub draws: Vec<(&'t str, bool, usize)>,
}

impl<'t> Grammar<'t> {
    pub fn read(text: &'t str) -> io::Result<Grammar<'t>> {
        let mut grammar = Grammar { lists: BTreeMap::new(), draws: Vec::new() };
        let mut now = None;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if let Some(head) = head(line) {
                now = Some(match head.strip_prefix(['+', '-']) {
                    None => head,
                    Some(draw) => {
                        let (name, count) = draw.split_once(' ').ok_or_else(|| wrong(line))?;
                        let count = count.parse().map_err(|_| wrong(line))?;
                        grammar.draws.push((name, head.starts_with('+'), count));
                        name
                    }
                });
            } else if let Some(now) = now {
                grammar.lists.entry(now).or_default().push(line);
            }
        }
        Ok(grammar)
    }

    /// A line of a list, filled in.
    pub fn draw(&self, list: &str, dice: &mut Dice) -> String {
        self.expand(list, dice, DEPTH).replace("\\n", "\n")
    }

    fn expand(&self, list: &str, dice: &mut Dice, depth: u32) -> String {
        let Some(lines) = self.lists.get(list) else { return String::new() };
        let mut rest = *dice.pick(lines);
        let mut filled = String::new();
        while let Some(at) = rest.find('{') {
            filled.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let name = after.split('}').next().unwrap_or_default();
            let lower = name.to_lowercase();
            let closed = after.len() > name.len() && depth > 0;
            if closed && self.lists.contains_key(name) {
                filled.push_str(&self.expand(name, dice, depth - 1));
                rest = &after[name.len() + 1..];
            } else if closed && self.lists.contains_key(lower.as_str()) {
                filled.push_str(&capital(&self.expand(&lower, dice, depth - 1)));
                rest = &after[name.len() + 1..];
            } else {
                filled.push('{');
                rest = after;
            }
        }
        filled + rest
    }
}

/// The name in brackets that opens a list. Lines that only look alike begin with a capital or a sign.
fn head(line: &str) -> Option<&str> {
    let name = line.strip_prefix('[')?.strip_suffix(']')?;
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ' ' | '+' | '-'));
    let known = plain && (name.starts_with(['+', '-']) || !name.contains(' '));
    (known && !name.starts_with(|c: char| c.is_ascii_uppercase()) || KEPT.contains(&name)).then_some(name)
}

/// Lists whose lines are written with a capital.
const KEPT: [&str; 5] = ["Stop", "Then", "Trickset", "Alterv", "Goal"];

pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn wrong(line: &str) -> io::Error {
    io::Error::other(format!("a line of the grammar can't be read: {line}"))
}
