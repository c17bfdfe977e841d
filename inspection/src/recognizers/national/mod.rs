//! Identifiers that states and their registers give: national and tax ids, passports, driving licences, plates,
//! bank routing numbers. Each by its written form, its check digits where its standard has some, and words of
//! context where the form alone is no proof.

mod africa_oceania;
mod americas;
mod asia;
mod britain;
mod checks;
mod context;
mod europe;
mod form;
mod germany;
mod walk;

#[cfg(test)]
mod tests;

use context::{Context, Near};
use form::{Form, Layout, Proof};
use gateway_core::finding::{Finding, Kind};
use std::ops::Range;
use walk::{Tree, Written};

/// Certainty: a form that is proof, one that words of context confirm, one that words alone announce, and one
/// that is all of its text.
const BY_FORM: u8 = 85;
const BY_BOTH: u8 = 95;
const BY_WORDS: u8 = 80;
const BY_TEXT: u8 = 72;
const BY_LOOSE_TEXT: u8 = 62;
/// At most, where a recognizer of all phone numbers may know better.
const BY_COUNTRY: u8 = 60;
/// More for the kind that the nearest word speaks of.
const NEAREST: u8 = 4;
/// Bytes beside a value in a text that holds nothing else.
const MOST_AROUND: usize = 8;
/// Bytes of the longest text that may be a list of values, and of the shortest other value in it.
const LONGEST_LIST: usize = 64;
const SHORTEST_OTHER: usize = 6;

/// The recognizer of national identifiers. Built once, shared by all.
pub(crate) struct Nationals {
    forms: Vec<Form>,
    tree: Tree,
    context: Context,
}

impl Default for Nationals {
    fn default() -> Nationals {
        Nationals::new()
    }
}

impl Nationals {
    pub(crate) fn new() -> Nationals {
        let forms: Vec<Form> = [
            americas::FORMS,
            britain::FORMS,
            germany::FORMS,
            europe::FORMS,
            asia::FORMS,
            africa_oceania::FORMS,
        ]
        .into_iter()
        .flat_map(|forms| forms.iter().copied())
        .collect();
        let layouts = forms.iter().enumerate();
        let layouts =
            layouts.flat_map(|(nth, form)| form.layouts.iter().map(move |written| Layout::new(nth, written)));
        Nationals { tree: Tree::new(layouts), forms, context: Context::new() }
    }

    /// Adds to `out` the identifier that begins with `group`, if one does: a maximal run of ASCII letters and
    /// digits that holds a digit. Called for each such run of `text`, in order. At most one find a call.
    pub(crate) fn find(&self, text: &str, group: Range<usize>, out: &mut Vec<Finding>) {
        let mut pick = Pick::default();
        self.tree.walk(text, &group, |written| self.judge(text, written, &mut pick));
        let Some(best) = pick.best else { return };
        // A later group of a value that is found already.
        if !out.last().is_some_and(|last| last.start < best.end && best.start < last.end && self.owns(last)) {
            out.push(best);
        }
    }

    fn owns(&self, finding: &Finding) -> bool {
        self.forms.iter().any(|form| form.kind == finding.kind)
    }

    /// Keeps `written` as the best so far, if it is one of its form's values and nothing better was.
    fn judge(&self, text: &str, written: &Written<'_>, pick: &mut Pick) {
        let form = &self.forms[written.layout.form];
        if !(form.check)(written.value) || !written.stands_alone(text) {
            return;
        }
        let near = match &pick.near {
            Some((span, near)) if *span == written.span => *near,
            _ => pick.near.insert((written.span.clone(), self.context.near(text, &written.span))).1,
        };
        let Some(score) = score(text, form, written, near) else { return };
        let better = |known: &Finding| (score, written.span.len()) > (known.score, known.span().len());
        if pick.best.as_ref().is_none_or(better) {
            pick.best = Some(Finding::new(form.kind, written.span.clone(), score));
        }
    }
}

/// The best find so far, and the words around the span that was judged last.
#[derive(Default)]
struct Pick {
    best: Option<Finding>,
    near: Option<(Range<usize>, Near)>,
}

/// How sure it is that `written` is what its form says; `None` where it is not.
fn score(text: &str, form: &Form, written: &Written<'_>, near: Near) -> Option<u8> {
    let nearest = near.nearest.meets(form.topics);
    let named = near.all.meets(form.topics);
    let capitals = || !text.as_bytes()[written.span.clone()].iter().any(u8::is_ascii_lowercase);
    let bonus = if nearest { NEAREST } else { 0 };
    let score = match form.proof {
        Proof::Form if named => Some(BY_BOTH + bonus),
        Proof::Form => Some(BY_FORM),
        Proof::Capitals if named => Some(BY_BOTH + bonus),
        Proof::Capitals if capitals() => Some(BY_FORM),
        Proof::Nearest => nearest.then_some(BY_WORDS),
        _ if named => Some(BY_WORDS + bonus),
        Proof::Context => None,
        Proof::Capitals | Proof::Whole => only_values(text, &written.span).then_some(BY_TEXT),
        Proof::Loose => only_values(text, &written.span).then_some(BY_LOOSE_TEXT),
    };
    let phone = matches!(form.kind, Kind::TR_PHONE_NUMBER | Kind::PH_MOBILE_NUMBER);
    score.map(|score| if phone { score.min(BY_COUNTRY) } else { score })
}

/// Whether the text holds nothing but the value at `span` and, if it is short, others like it.
fn only_values(text: &str, span: &Range<usize>) -> bool {
    const JOINTS: &[&str] = &["and", "or", "und", "et", "y", "e", "ve", "&"];
    if is_time(&text[span.clone()]) {
        return false;
    }
    let around = text.len() - span.len();
    let mark = |byte: &u8| byte.is_ascii_whitespace() || byte.is_ascii_punctuation();
    let (before, after) = (&text[..span.start], &text[span.end..]);
    if around <= MOST_AROUND && before.bytes().chain(after.bytes()).all(|byte| mark(&byte)) {
        return true;
    }
    // Rows of bare numbers are sizes and times.
    let letters = text[span.clone()].bytes().any(|byte| byte.is_ascii_alphabetic());
    let value = |word: &str| word.len() >= SHORTEST_OTHER && word.bytes().any(|byte| byte.is_ascii_digit());
    let mut words = before.split_whitespace().chain(after.split_whitespace());
    text.len() <= LONGEST_LIST
        && (letters || words.clone().any(|word| JOINTS.contains(&word)))
        && words.all(|word| JOINTS.contains(&word) || value(word))
}

/// Whether a number is the Unix time, in seconds or milliseconds, of a day from September 2020 to October 2031.
fn is_time(value: &str) -> bool {
    matches!(value.len(), 10 | 13)
        && value.bytes().all(|byte| byte.is_ascii_digit())
        && (&b"160"[..]..&b"195"[..]).contains(&&value.as_bytes()[..3])
}
