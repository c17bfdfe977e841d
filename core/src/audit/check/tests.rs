use proptest::prelude::*;

use super::super::line::{Repair, SegmentHead};
use super::super::named::Named;
use super::super::samples;
use super::*;

type File = (String, Vec<Vec<u8>>);

/// Three segments: heads at 1, 7 and 13, five records in each.
fn trail(key: Option<&SigningKey>) -> (Vec<File>, HeadFile) {
    let mut link = Link::START;
    let mut files = Vec::new();
    for segment in 1..=3 {
        let name = format!("audit-{:012}.jsonl", link.seq + 1);
        let mut out = Vec::new();
        let head = SegmentHead { segment, replica: Named::cleaned("r"), time: samples::TIME };
        link.append_signed(&head.body(), key, &mut out);
        for n in 0..5 {
            link.append(&samples::request(segment * 10 + n).body(), &mut out);
        }
        files.push((name, lines(&out)));
    }
    (files, HeadFile { first_seq: 1, last: link })
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

fn check(files: &[File], key: Option<&SigningKey>, head: Option<HeadFile>) -> Report {
    let mut checker = Checker::new(key, head);
    for (name, lines) in files {
        checker.segment(name);
        lines.iter().for_each(|line| checker.line(line));
    }
    checker.finish()
}

/// The chain from this place on, made anew by somebody who has no key.
fn forge(files: &mut [File], from_file: usize) {
    let mut link = Link::START;
    for (number, (_, lines)) in files.iter_mut().enumerate() {
        for line in lines.iter_mut() {
            if number >= from_file {
                let (_, rest) = Opening::read(line).unwrap();
                let start = format!(r#"{{"v":1,"seq":{},"prev":"{}","#, link.seq + 1, link.hash);
                *line = [start.as_bytes(), rest].concat();
            }
            link = Link { seq: link.seq + 1, hash: Hash::of(line) };
        }
    }
}

fn replace(line: &mut Vec<u8>, old: &str, new: &str) {
    let text = String::from_utf8(line.clone()).unwrap();
    assert!(text.contains(old), "{text}");
    *line = text.replacen(old, new, 1).into_bytes();
}

#[test]
fn a_whole_trail_is_found_whole() {
    let key = SigningKey::new(b"key");
    for key in [None, Some(&key)] {
        let (files, head) = trail(key);
        let report = check(&files, key, Some(head));
        assert_eq!(report.finds, []);
        assert_eq!((report.segments, report.records, report.wrong), (3, 15, 0));
        assert_eq!((report.first_seq, report.last), (Some(1), Some(head.last)));
        assert_eq!(report.signed_segments, if key.is_some() { 3 } else { 0 });
        // Retention took the first segment.
        let late = HeadFile { first_seq: 7, ..head };
        assert_eq!(check(&files[1..], key, Some(late)).finds, []);
    }
}

#[test]
fn each_way_of_tampering_is_found_with_its_place() {
    type Deed = fn(&mut Vec<File>);
    let cases: [(&str, Deed, &str); 15] = [
        (
            "a changed record",
            |files| replace(&mut files[1].1[2], ":200", ":500"),
            "audit-000000000007.jsonl:3 (seq 9): the line was changed: its hash is not the one that the next line holds",
        ),
        (
            "one that is no line any more",
            |files| files[1].1[2] = b"{}".to_vec(),
            "audit-000000000007.jsonl:3: the line was changed: it is none that the gateway writes",
        ),
        (
            "a removed record",
            |files| drop(files[1].1.remove(2)),
            "audit-000000000007.jsonl:3 (seq 10): before it, lines 9 to 9 are missing: they were removed",
        ),
        (
            "two removed records",
            |files| drop(files[1].1.drain(2..4)),
            "audit-000000000007.jsonl:3 (seq 11): before it, lines 9 to 10 are missing: they were removed",
        ),
        (
            "a copy inserted",
            |files| {
                let copy = files[0].1[3].clone();
                files[1].1.insert(3, copy);
            },
            "audit-000000000007.jsonl:4 (seq 4): its number is there already: a line was inserted",
        ),
        (
            "a new record inserted, well linked",
            |files| {
                let (before, _) = Opening::read(&files[1].1[2]).unwrap();
                let mut out = Vec::new();
                let mut link = Link { seq: before.seq, hash: Hash::of(&files[1].1[2]) };
                link.append(&samples::request(99).body(), &mut out);
                files[1].1.insert(3, lines(&out).remove(0));
            },
            "audit-000000000007.jsonl:5 (seq 10): its number is there already: a line was inserted",
        ),
        (
            "two records swapped",
            |files| files[1].1.swap(2, 3),
            "audit-000000000007.jsonl:4 (seq 9): the line stands out of order: it was moved or swapped",
        ),
        (
            "a record moved far down",
            |files| {
                let line = files[0].1.remove(2);
                files[0].1.insert(4, line);
            },
            "audit-000000000001.jsonl:5 (seq 3): the line stands out of order: it was moved or swapped",
        ),
        (
            "a removed segment",
            |files| drop(files.remove(1)),
            "audit-000000000013.jsonl:1 (seq 13): before it, 1 segment(s) with lines 7 to 12 are missing: they were removed",
        ),
        (
            "a truncated segment",
            |files| files[1].1.truncate(4),
            "audit-000000000007.jsonl:4 (seq 10): the segment was cut behind this line: lines up to 12 are missing",
        ),
        (
            "a head removed",
            |files| drop(files[1].1.remove(0)),
            "audit-000000000007.jsonl:1 (seq 8): the segment does not begin with its head: its first lines were removed",
        ),
        (
            "the end cut off",
            |files| files[2].1.truncate(4),
            "audit-000000000013.jsonl:4 (seq 16): the trail ends here, though it went up to line 18 once: its end was cut off",
        ),
        (
            "the last segment removed",
            |files| drop(files.pop()),
            "audit-000000000007.jsonl:6 (seq 12): the trail ends here, though it went up to line 18 once: its end was cut off",
        ),
        (
            "the first segment removed",
            |files| drop(files.remove(0)),
            "audit-000000000007.jsonl:1 (seq 7): the trail begins here, though it should from line 1 on: older segments were removed",
        ),
        (
            "changed, and all that follows made anew",
            |files| {
                replace(&mut files[1].1[2], ":200", ":500");
                forge(files, 0);
            },
            "audit-000000000013.jsonl:6 (seq 18): this line is another than the one that was remembered as the chain's head",
        ),
    ];
    for (case, deed, want) in cases {
        let (mut files, head) = trail(None);
        deed(&mut files);
        let report = check(&files, None, Some(head));
        let told: Vec<String> =
            report.finds.iter().map(|find| format!("{}: {}", find.place, find.what)).collect();
        assert!(told.first().is_some_and(|first| first == want), "{case}: {told:#?}");
        assert!(told.len() <= 2, "{case}: one deed, not many finds: {told:#?}");
    }
}

#[test]
fn without_a_key_nobody_makes_a_chain_anew() {
    let key = SigningKey::new(b"key");
    let (whole, _) = trail(Some(&key));
    let mut forged = whole.clone();
    replace(&mut forged[1].1[2], ":200", ":500");
    forge(&mut forged, 0);
    let report = check(&forged, Some(&key), None);
    assert_eq!(report.finds[0].what, Wrong::WrongSignature);
    assert_eq!(report.finds[0].place.to_string(), "audit-000000000013.jsonl:1 (seq 13)");
    let (mut unsigned, _) = trail(None);
    unsigned[0] = whole[0].clone();
    forge(&mut unsigned, 1);
    assert_eq!(check(&unsigned, Some(&key), None).finds[0].what, Wrong::NotSigned);
    assert_eq!(check(&whole, Some(&SigningKey::new(b"other")), None).wrong, 3);
}

#[test]
fn mended_ends_are_told_apart_from_lost_lines() {
    let (mut files, head) = trail(None);
    let mut link = head.last;
    let mut out = Vec::new();
    let repair = Repair { time: samples::TIME, reason: RepairReason::TornLine, bytes: 7, missing_to: None };
    link.append(&repair.body(), &mut out);
    files[2].1.extend(lines(&out));
    let report = check(&files, None, Some(head));
    assert_eq!((report.wrong, report.repairs), (0, 1));

    let lost = Repair { reason: RepairReason::LinesMissing, missing_to: Some(24), bytes: 0, ..repair };
    let mut out = Vec::new();
    Link { seq: 19, hash: link.hash }.append(&lost.body(), &mut out);
    files[2].1.extend(lines(&out));
    assert!(check(&files, None, None).finds.iter().any(|find| find.what == Wrong::WasMissing { to: 24 }));
}

#[test]
fn finds_are_bounded() {
    let (mut files, _) = trail(None);
    files[0].1.extend(std::iter::repeat_n(b"garbage".to_vec(), 10_000));
    let report = check(&files, None, None);
    assert_eq!((report.finds.len(), report.wrong >= 10_000), (MOST_FINDS, true));
}

proptest! {
    /// Whatever is done to any one line is found.
    #[test]
    fn no_single_deed_goes_unseen(
        file in 0usize..3, line in 0usize..6, deed in 0..4, at in any::<prop::sample::Index>(), flip in 1u8..=255,
    ) {
        let (mut files, head) = trail(None);
        let lines = &mut files[file].1;
        match deed {
            0 => {
                let line = &mut lines[line];
                let at = at.index(line.len());
                line[at] ^= flip;
            }
            1 => drop(lines.remove(line)),
            2 => {
                let copy = lines[line].clone();
                lines.insert(at.index(6), copy);
            }
            _ => {
                prop_assume!(line != at.index(6));
                lines.swap(line, at.index(6));
            }
        }
        let report = check(&files, None, Some(head));
        prop_assert!(report.wrong > 0);
    }
}
