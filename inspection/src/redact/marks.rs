//! Spans that were found, and spans that overlap made one.

use gateway_core::finding::{Action, Finding, Kind};
use std::ops::Range;

/// A span of a view, what it is, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub span: Range<usize>,
    /// Of the surest find in it.
    pub kind: Kind,
    /// The strictest of all finds in it.
    pub action: Action,
    score: u8,
}

impl Mark {
    pub(super) fn of(find: &Finding, action: Action) -> Mark {
        Mark { span: find.span(), kind: find.kind, action, score: find.score.max(2) }
    }

    /// A value that is known from elsewhere.
    pub(super) fn known(span: Range<usize>, kind: Kind, action: Action) -> Mark {
        Mark { span, kind, action, score: 1 }
    }

    /// A text of the caller's that reads like a placeholder.
    pub(super) fn literal(span: Range<usize>) -> Mark {
        Mark { span, kind: Kind::TEXT, action: Action::Redact, score: 0 }
    }

    /// Without what becomes of it.
    pub(super) fn find(&self) -> Finding {
        Finding::new(self.kind, self.span.clone(), self.score)
    }

    pub(super) fn is_literal(&self) -> bool {
        self.kind == Kind::TEXT
    }
}

/// Joins what overlaps: one span that covers all, named by the surest, handled as the strictest. In order.
pub(super) fn groups(marks: &mut [Mark]) -> Vec<Mark> {
    marks.sort_by(|a, b| a.span.start.cmp(&b.span.start).then(b.span.end.cmp(&a.span.end)));
    let mut joined: Vec<Mark> = Vec::with_capacity(marks.len());
    for mark in marks.iter() {
        match joined.last_mut() {
            Some(last) if mark.span.start < last.span.end => {
                last.span.end = last.span.end.max(mark.span.end);
                last.action = last.action.max(mark.action);
                if mark.score > last.score {
                    (last.kind, last.score) = (mark.kind, mark.score);
                }
            }
            _ => joined.push(mark.clone()),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_finds_become_one_that_covers_all() {
        let find = |kind, span, score, action| Mark::of(&Finding::new(kind, span, score), action);
        let mut marks = vec![
            find(Kind::PHONE_NUMBER, 5..12, 40, Action::Mask),
            find(Kind::IBAN_CODE, 0..10, 95, Action::Redact),
            find(Kind::US_SSN, 12..20, 80, Action::Redact),
            Mark::known(21..25, Kind::SECRET, Action::Redact),
            Mark::literal(21..25),
        ];
        let joined = groups(&mut marks);
        let told: Vec<_> = joined.iter().map(|mark| (mark.span.clone(), mark.kind, mark.action)).collect();
        assert_eq!(
            told,
            [
                (0..12, Kind::IBAN_CODE, Action::Mask),
                (12..20, Kind::US_SSN, Action::Redact),
                (21..25, Kind::SECRET, Action::Redact),
            ]
        );
    }
}
