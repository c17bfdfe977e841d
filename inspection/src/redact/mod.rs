//! A request's personal data and secrets, taken out before it is sent (docs/personal-data.md).
//!
//! Each message is searched by itself, in the order in which a conversation grows, so that what went out for
//! a turn goes out again in the same bytes when the turn is resent with more behind it. Then each value that
//! became known is looked for wherever else it stands.
//!
//! | module | holds |
//! |---|---|
//! | [`policy`] | what becomes of a find |
//! | `view` | a message as one text, with the way back |
//! | `marks` | finds that overlap, joined |
//! | `write` | replacements put in place |
//! | `json` | what stands in a document |

pub(crate) mod json;
mod marks;
pub mod policy;
mod view;
mod write;

use crate::escape;
use crate::known::Known;
use crate::restore::Origins;
use crate::vault::{self, Full, Stood, Vault};
use gateway_core::conversation::{Leaf, MediaKind, Place};
use gateway_core::finding::{Action, Finding, Kind, Summary};
use marks::{Mark, groups};
use policy::Policy;
use std::ops::Range;
use view::{Edit, Piece, Role, View};

pub use view::BREAK;
pub use write::HashKey;

/// What decides over a text: who searches, the team's rules, and the key for hashes.
#[derive(Clone, Copy)]
pub struct Rules<'r> {
    /// Adds what it finds in a text.
    pub scan: &'r (dyn Fn(&str, &mut Vec<Finding>) + 'r),
    pub policy: &'r Policy,
    pub hash_key: &'r HashKey,
}

/// What was taken out.
#[derive(Debug, Default)]
pub struct Redacted {
    /// The way back for the answer.
    pub vault: Vault,
    /// Where the values and addresses stood, for what may come back into a URL.
    pub origins: Origins,
    pub summary: Summary,
}

/// Why a request does not go out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the request holds {}, which this team's policy does not let out: take it out", list(.kinds))]
    Blocked { kinds: Vec<Kind> },
    #[error("`{field}`: a name holds {}: rename it, since a name can't be replaced", list(.kinds))]
    Name { field: &'static str, kinds: Vec<Kind> },
    #[error(
        "`{}`: {} can't be searched for personal data, and this team's policy does not let it out unsearched: send \
         its text, or have the policy allow it",
        .media.field(),
        match .media {
            MediaKind::Tokens => "an array of tokens".to_owned(),
            media => format!("an attached {}", media_word(*media)),
        }
    )]
    Unscannable { media: MediaKind },
    #[error(transparent)]
    Full(#[from] Full),
    /// A string that is no UTF-8; decoders let none in.
    #[error("`messages`: a string is not UTF-8")]
    NotText,
}

pub fn media_word(media: MediaKind) -> &'static str {
    match media {
        MediaKind::Image => "image",
        MediaKind::Document => "document",
        MediaKind::Audio => "audio",
        MediaKind::Tokens => "tokens",
    }
}

fn list(kinds: &[Kind]) -> String {
    kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
}

/// The text of each message as it is searched, for an engine that is asked over the network. The order is
/// that of [`redact`]'s `external`.
///
/// # Errors
/// [`Refused::NotText`].
pub fn texts(leaves: &[Leaf<'_>]) -> Result<Vec<String>, Refused> {
    Ok(views(leaves)?.into_iter().map(|view| view.text.into_owned()).collect())
}

/// Takes out what the rules say, in place. `external` are finds of another engine, by message; it may be empty.
///
/// # Errors
/// See [`Refused`]; the leaves are then as they were.
pub fn redact(
    leaves: &mut [Leaf<'_>],
    rules: Rules<'_>,
    external: &[Vec<Finding>],
) -> Result<Redacted, Refused> {
    let views = views(leaves)?;
    let mut taking = Taking::new(rules);
    taking.unscanned(&views)?;
    let mut cuts = Vec::with_capacity(views.len());
    for (index, view) in views.iter().enumerate() {
        let others = external.get(index).map_or(&[][..], Vec::as_slice);
        cuts.push(taking.first_pass(view, others)?);
    }
    if let Some(refused) = taking.refused {
        return Err(refused);
    }
    for (view, (cuts, known)) in views.iter().zip(&mut cuts) {
        if *known < taking.known() {
            taking.second_pass(view, cuts)?;
        }
    }
    // A name may hold what a later message alone made known.
    if let Some(refused) = taking.refused {
        return Err(refused);
    }
    if !taking.redacted.vault.is_empty() {
        // A picture or a file has no text, and speaks all the same.
        let untrusted = leaves.iter().any(|leaf| leaf.place.is_untrusted());
        taking.remember(&views, &cuts, untrusted);
    }
    let edits: Vec<Edit> = views
        .iter()
        .zip(&cuts)
        .flat_map(|(view, (cuts, _))| cuts.iter().map(|cut| view.edit(cut.piece, &cut.span, &cut.with)))
        .collect();
    let redacted = taking.redacted;
    drop(views);
    write::apply(leaves, edits, rules.hash_key);
    Ok(redacted)
}

/// What a policy would take out of a text: overlapping finds joined, in order. Nothing is changed.
pub fn found(text: &str, rules: Rules<'_>) -> Vec<Finding> {
    let mut finds = Vec::new();
    (rules.scan)(text, &mut finds);
    let mut marks: Vec<Mark> = finds
        .iter()
        .filter(|find| rules.policy.action(find.kind) != Action::Allow)
        .map(|find| Mark::of(find, rules.policy.action(find.kind)))
        .collect();
    groups(&mut marks).into_iter().map(|mark| mark.find()).collect()
}

fn views<'a>(leaves: &'a [Leaf<'_>]) -> Result<Vec<View<'a>>, Refused> {
    let mut views = Vec::new();
    let mut first = 0;
    for message in leaves.chunk_by(|a, b| a.message == b.message) {
        views.push(View::new(message, first).ok_or(Refused::NotText)?);
        first += message.len();
    }
    Ok(views)
}

/// A replacement within one piece of a view.
struct Cut {
    piece: usize,
    /// In the view's text.
    span: Range<usize>,
    with: String,
}

struct Taking<'r> {
    rules: Rules<'r>,
    /// Values of the vault.
    returning: Known,
    redacted: Redacted,
    /// Values that are hashed or masked, and do not come back.
    gone: Known,
    gone_vault: Vault,
    /// The first reason not to let the request out. The search goes on for the kinds that it would name.
    refused: Option<Refused>,
}

impl<'r> Taking<'r> {
    fn new(rules: Rules<'r>) -> Taking<'r> {
        Taking {
            rules,
            returning: Known::default(),
            redacted: Redacted::default(),
            gone: Known::default(),
            gone_vault: Vault::default(),
            refused: None,
        }
    }

    /// How many values are known.
    fn known(&self) -> usize {
        self.redacted.vault.len() + self.gone_vault.len()
    }

    fn unscanned(&mut self, views: &[View<'_>]) -> Result<(), Refused> {
        for media in views.iter().flat_map(|view| &view.unscanned) {
            if !self.rules.policy.lets_out(*media) {
                return Err(Refused::Unscannable { media: *media });
            }
            *self.redacted.summary.unscanned.entry(media_word(*media)).or_default() += 1;
        }
        Ok(())
    }

    /// Searches a message, and replaces what was found in it and what is known so far. Tells how many values
    /// were known then.
    fn first_pass(&mut self, view: &View<'_>, others: &[Finding]) -> Result<(Vec<Cut>, usize), Refused> {
        let mut marks = self.search(view, others);
        if !marks.is_empty() {
            // Numbers are given in the order of the finds, before known values are looked for.
            for (span, mark) in self.pieces(view, groups(&mut marks)) {
                self.learn(view, &span, &mark)?;
            }
        }
        if self.known() > 0 {
            self.known_marks(&view.text, 0, &mut marks)?;
        }
        let mut cuts = Vec::new();
        for (span, mark) in self.pieces(view, groups(&mut marks)) {
            self.cut(view, span, &mark, &mut cuts)?;
        }
        Ok((cuts, self.known()))
    }

    /// Replaces values that later messages made known, in what is left.
    fn second_pass(&mut self, view: &View<'_>, cuts: &mut Vec<Cut>) -> Result<(), Refused> {
        let mut marks = Vec::new();
        let mut from = 0;
        for cut in cuts.iter() {
            self.known_marks(&view.text[from..cut.span.start], from, &mut marks)?;
            from = cut.span.end;
        }
        self.known_marks(&view.text[from..], from, &mut marks)?;
        for (span, mark) in self.pieces(view, groups(&mut marks)) {
            self.cut(view, span, &mark, cuts)?;
        }
        cuts.sort_by_key(|cut| cut.span.start);
        Ok(())
    }

    /// What the engines find, without what the policy lets out, and literals that look like placeholders.
    fn search(&self, view: &View<'_>, others: &[Finding]) -> Vec<Mark> {
        let mut finds = others.to_vec();
        (self.rules.scan)(&view.text, &mut finds);
        let mut marks: Vec<Mark> = finds
            .iter()
            .filter(|find| self.rules.policy.action(find.kind) != Action::Allow)
            .map(|find| Mark::of(find, self.rules.policy.action(find.kind)))
            .collect();
        let mut literals = Vec::new();
        vault::literals(&view.text, &mut literals);
        marks.extend(literals.into_iter().map(Mark::literal));
        marks
    }

    fn known_marks(&self, text: &str, offset: usize, marks: &mut Vec<Mark>) -> Result<(), Full> {
        let both = [(&self.returning, &self.redacted.vault), (&self.gone, &self.gone_vault)];
        for (known, vault) in both.into_iter().filter(|(_, vault)| !vault.is_empty()) {
            let mut found = Vec::new();
            known.find(vault, text, &mut found)?;
            marks.extend(found.into_iter().map(|(span, id)| {
                let kind = vault.kind(id);
                Mark::known(span.start + offset..span.end + offset, kind, self.rules.policy.action(kind))
            }));
        }
        Ok(())
    }

    /// Each mark, cut to the pieces that it touches. A number, once touched, is taken whole.
    fn pieces(&self, view: &View<'_>, groups: Vec<Mark>) -> Vec<(Range<usize>, Mark)> {
        let mut cut = Vec::with_capacity(groups.len());
        for mark in groups {
            for piece in &view.pieces[view.touched(&mark.span)] {
                let span = match piece.role {
                    Role::Number => piece.at.clone(),
                    _ => mark.span.start.max(piece.at.start)..mark.span.end.min(piece.at.end),
                };
                let again = cut.last().is_some_and(|(last, _): &(Range<usize>, _)| last.end > span.start);
                if !again {
                    cut.push((span, mark.clone()));
                }
            }
        }
        cut
    }

    /// What is done with a mark at that piece.
    fn action(role: Role, mark: &Mark) -> Action {
        match (role, mark.action) {
            (Role::Key | Role::Identifier, Action::Redact) => Action::Hash,
            (_, action) => action,
        }
    }

    /// Keeps a value to be looked for elsewhere. One that a placeholder would replace gets its number, be it a key
    /// here: numbers do not change when a conversation grows.
    fn learn(&mut self, view: &View<'_>, span: &Range<usize>, mark: &Mark) -> Result<(), Refused> {
        let piece = &view.pieces[view.touched(span).start];
        let value = &view.text[span.clone()];
        match mark.action {
            _ if piece.role == Role::Name => {}
            Action::Redact => {
                self.placeholder(value, mark.kind, piece)?;
            }
            Action::Hash | Action::Mask => {
                let before = self.gone_vault.len();
                let given = self.gone_vault.number(mark.kind, value, Stood::Text)?;
                if self.gone_vault.len() > before {
                    self.gone.add(value, given.id);
                }
            }
            Action::Allow | Action::Block => {}
        }
        Ok(())
    }

    fn placeholder(&mut self, value: &str, kind: Kind, piece: &Piece) -> Result<String, Refused> {
        let stood = match piece.role {
            Role::Number => Stood::Number,
            _ if piece.nested && escape::encode(value) != value => Stood::Nested,
            _ => Stood::Text,
        };
        let before = self.redacted.vault.len();
        let given = self.redacted.vault.number(kind, value, stood)?;
        if self.redacted.vault.len() > before {
            self.returning.add(value, given.id);
        }
        Ok(given.text)
    }

    fn cut(
        &mut self,
        view: &View<'_>,
        span: Range<usize>,
        mark: &Mark,
        cuts: &mut Vec<Cut>,
    ) -> Result<(), Refused> {
        let piece = view.touched(&span).start;
        let (role, place) = (view.pieces[piece].role, view.pieces[piece].place);
        let value = &view.text[span.clone()];
        let action = Self::action(role, mark);
        if role == Role::Name {
            // A literal in a name can't be mistaken: names are never restored.
            if !mark.is_literal() {
                self.refuse_name(place, mark);
            }
            return Ok(());
        }
        let with = match action {
            Action::Allow => return Ok(()),
            Action::Redact => self.placeholder(value, mark.kind, &view.pieces[piece])?,
            Action::Hash => self.rules.hash_key.hashed(mark.kind, value),
            Action::Mask => write::masked(value),
            Action::Block => {
                self.block(mark.kind);
                return Ok(());
            }
        };
        if !mark.is_literal() {
            *self.redacted.summary.by_type.entry(mark.kind).or_default() += 1;
            self.redacted.summary.action = self.redacted.summary.action.max(Some(action));
        }
        cuts.push(Cut { piece, span, with });
        Ok(())
    }

    fn block(&mut self, kind: Kind) {
        match &mut self.refused {
            Some(Refused::Blocked { kinds }) => {
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            _ => self.refused = Some(Refused::Blocked { kinds: vec![kind] }),
        }
    }

    fn refuse_name(&mut self, place: Place, mark: &Mark) {
        let field = match place {
            Place::Tool => "tools",
            Place::Beside => "response_format",
            _ => "messages",
        };
        if self.refused.is_none() {
            self.refused = Some(Refused::Name { field, kinds: vec![mark.kind] });
        }
    }

    /// Keeps what restoring has to know of the request.
    fn remember(&mut self, views: &[View<'_>], cuts: &[(Vec<Cut>, usize)], untrusted: bool) {
        let Redacted { vault, origins, .. } = &mut self.redacted;
        views.iter().for_each(|view| origins.bare_names(vault, &view.text));
        // Where the caller alone speaks, a value may come back into any address.
        if !untrusted {
            return;
        }
        origins.stranger();
        for (view, (cuts, _)) in views.iter().zip(cuts) {
            for piece in &view.pieces {
                origins.text(piece.place, &view.text[piece.at.clone()]);
            }
            for cuts in cuts.chunk_by(|a, b| a.piece == b.piece) {
                let piece = &view.pieces[cuts[0].piece];
                // What went out up to each cut, for that is what the model repeats.
                let (mut out, mut from) = (String::new(), piece.at.start);
                for cut in cuts {
                    out.push_str(&view.text[from..cut.span.start]);
                    origins.value(&out, &cut.with);
                    out.push_str(&cut.with);
                    from = cut.span.end;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
