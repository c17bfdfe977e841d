//! The checks behind the makers' marks: runs of letters drawn at random, and forms that a run does not describe.

use super::providers::Check::{Call, Run};
use super::providers::Form;
use super::providers::Set::{self, Alnum, Base64, Dotted, Hex, Word};
use super::values::{LONGEST, Shape};
use super::{Finds, PROVEN, blocks};
use std::ops::Range;

/// What a scan of one text remembers from candidate to candidate.
#[derive(Default)]
pub struct Scan {
    /// Up to where the text is already part of a find.
    done: usize,
    /// For each form up to where a long run was read in vain: the same mark within it announces nothing either.
    /// Empty until that happens.
    vain: Vec<usize>,
    /// The form that is being checked.
    form: usize,
    pub blocks: blocks::Ends,
    pub putty: blocks::Ends,
}

impl Scan {
    /// Checks what the mark at `mark` announces; `index` is the form's place in its search.
    pub fn check(&mut self, finds: &mut Finds<'_>, index: usize, form: &Form, mark: Range<usize>) {
        if mark.start < self.done || self.vain.get(index).is_some_and(|end| mark.start < *end) {
            return;
        }
        self.form = index;
        let end = match form.check {
            Run(set, min, max) => token(finds, self, set, min..=max, mark),
            Call(check) => check(finds, self, mark),
        };
        self.done = end.unwrap_or(self.done);
    }

    /// Remembers that the run up to `end` was read for the mark being checked, and is nothing. Keeps a text of
    /// nothing but marks from being read once for each of them.
    pub fn read_in_vain(&mut self, end: usize) {
        if self.vain.len() <= self.form {
            self.vain.resize(self.form + 1, 0);
        }
        self.vain[self.form] = end;
    }
}

/// Bytes of a run that are not worth remembering.
const SHORT: usize = 64;

fn token(
    finds: &mut Finds<'_>,
    scan: &mut Scan,
    set: Set,
    length: std::ops::RangeInclusive<usize>,
    mark: Range<usize>,
) -> Option<usize> {
    let bytes = finds.bytes();
    if !starts_here(bytes, mark.start) {
        return None;
    }
    let end = run_end(bytes, mark.end, set, *length.end());
    let body = &bytes[mark.end..end];
    if !length.contains(&body.len()) || !drawn(body, set) {
        if body.len() > SHORT {
            scan.read_in_vain(end);
        }
        return None;
    }
    Some(finds.add(mark.start..end, PROVEN))
}

fn drawn(body: &[u8], set: Set) -> bool {
    let shape = Shape::of(body);
    match set {
        Hex => shape.distinct >= 6 && shape.run * 4 <= shape.len,
        _ => shape.random_or_mixed(),
    }
}

/// Whether no letter, digit or `_` stands right before `at`.
pub fn starts_here(bytes: &[u8], at: usize) -> bool {
    at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

/// Where the run of `set` from `at` ends: at most one byte past `longest`, without a sentence's closing marks.
fn run_end(bytes: &[u8], at: usize, set: Set, longest: usize) -> usize {
    let within = |byte: u8| match set {
        Hex => byte.is_ascii_hexdigit(),
        Alnum => byte.is_ascii_alphanumeric(),
        Word => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
        Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'),
        Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'/' | b'='),
    };
    let run = bytes[at..].iter().take(longest + 1).take_while(|byte| within(**byte)).count();
    // A run of letters and digits that goes on with more of a word is something else.
    let goes_on = matches!(set, Hex) && bytes.get(at + run).is_some_and(u8::is_ascii_alphanumeric);
    if goes_on {
        return at;
    }
    let tail = bytes[at..at + run].iter().rev().take_while(|byte| **byte == b'.').count();
    at + run - tail
}

/// `sk-…`, used by several makers, and `sk-gateway-…`: one part of the dashed row is a long random run.
pub fn dashed(finds: &mut Finds<'_>, scan: &mut Scan, mark: Range<usize>) -> Option<usize> {
    let bytes = finds.bytes();
    if !starts_here(bytes, mark.start) {
        return None;
    }
    let end = run_end(bytes, mark.end, Word, LONGEST);
    let drawn = |part: &[u8]| part.len() >= 16 && Shape::of(part).random_or_mixed();
    if !bytes[mark.end..end].split(|byte| *byte == b'-').any(drawn) {
        scan.read_in_vain(end);
        return None;
    }
    Some(finds.add(mark.start..end, PROVEN))
}

/// `xoxb-1…-2…-abc`: Slack's tokens end in a random part after numbers.
pub fn slack(finds: &mut Finds<'_>, scan: &mut Scan, mark: Range<usize>) -> Option<usize> {
    let bytes = finds.bytes();
    let kind = bytes.get(mark.end).is_some_and(|byte| b"abcdeoprs".contains(byte));
    if !starts_here(bytes, mark.start) || !kind {
        return None;
    }
    let end = run_end(bytes, mark.end, Word, 400);
    let body = &bytes[mark.end..end];
    let last = body.rsplit(|byte| *byte == b'-').next().unwrap_or_default();
    let long = body.len() >= 20 && last.len() >= 10 && Shape::of(last).random_or_mixed();
    if !long {
        scan.read_in_vain(end);
        return None;
    }
    Some(finds.add(mark.start..end, PROVEN))
}

/// Azure DevOps writes its mark into the last part of a token of 76 to 84 letters and digits.
pub fn azure_devops(finds: &mut Finds<'_>, _: &mut Scan, mark: Range<usize>) -> Option<usize> {
    let bytes = finds.bytes();
    let alnum = |byte: &&u8| byte.is_ascii_alphanumeric();
    let start = mark.start - bytes[..mark.start].iter().rev().take(90).take_while(alnum).count();
    let end = mark.end + bytes[mark.end..].iter().take(90).take_while(alnum).count();
    ((74..=88).contains(&(end - start)) && Shape::of(&bytes[start..end]).random())
        .then(|| finds.add(start..end, PROVEN))
}

/// `1234567890:AA…`: a Telegram bot's number, then 35 letters of which the first two are always `AA`.
pub fn telegram(finds: &mut Finds<'_>, _: &mut Scan, mark: Range<usize>) -> Option<usize> {
    let bytes = finds.bytes();
    let number = bytes[..mark.start].iter().rev().take(12).take_while(|byte| byte.is_ascii_digit()).count();
    let start = mark.start - number;
    let end = run_end(bytes, mark.end, Word, 40);
    let fits =
        (8..=10).contains(&number) && (31..=34).contains(&(end - mark.end)) && starts_here(bytes, start);
    (fits && Shape::of(&bytes[mark.end..end]).random()).then(|| finds.add(start..end, PROVEN))
}

/// `0123…cdef-us12`: Mailchimp's keys are 32 hex digits and the name of a data centre.
pub fn mailchimp(finds: &mut Finds<'_>, _: &mut Scan, mark: Range<usize>) -> Option<usize> {
    let bytes = finds.bytes();
    let hex = bytes[..mark.start].iter().rev().take(33).take_while(|byte| byte.is_ascii_hexdigit()).count();
    let digits = bytes[mark.end..].iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
    let start = mark.start - hex;
    let fits = hex == 32
        && (1..=2).contains(&digits)
        && starts_here(bytes, start)
        && drawn(&bytes[start..mark.start], Hex);
    fits.then(|| finds.add(start..mark.end + digits, PROVEN))
}

/// `/api/v1/<token>/telemetry`: ThingsBoard's devices show their token in the path.
pub fn device(finds: &mut Finds<'_>, _: &mut Scan, mark: Range<usize>) -> Option<usize> {
    let bytes = finds.bytes();
    let end = run_end(bytes, mark.end, Alnum, 40);
    let rest = &bytes[end..];
    let paths = [&b"/telemetry"[..], b"/attributes", b"/rpc", b"/claim"];
    let fits = (16..=32).contains(&(end - mark.end)) && paths.iter().any(|path| rest.starts_with(path));
    (fits && Shape::of(&bytes[mark.end..end]).random()).then(|| finds.add(mark.end..end, PROVEN))
}

/// The id in a connection string of Azure App Configuration; its secret is found by its name.
pub fn app_configuration(finds: &mut Finds<'_>, _: &mut Scan, mark: Range<usize>) -> Option<usize> {
    let bytes = finds.bytes();
    let run = bytes[mark.end..]
        .iter()
        .take(80)
        .take_while(|byte| !matches!(byte, b';' | b'"' | b'\'') && byte.is_ascii_graphic());
    let end = mark.end + run.count();
    (bytes[end..].starts_with(b";Secret=") && end - mark.end >= 12).then(|| finds.add(mark.end..end, PROVEN))
}

/// `abc8Q~…`: secrets of Microsoft Entra's clients, three letters before their mark.
pub fn azure_client(finds: &mut Finds<'_>, _: &mut Scan, mark: Range<usize>) -> Option<usize> {
    let bytes = finds.bytes();
    let within = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'~' | b'.' | b'_' | b'-');
    let start = mark.start.checked_sub(3).filter(|start| bytes[*start..mark.start].iter().all(within))?;
    let run = bytes[mark.end..].iter().take(35).take_while(|byte| within(byte)).count();
    let end = mark.end + run;
    let body = &bytes[mark.end..end];
    let fits = starts_here(bytes, start) && (31..=34).contains(&run) && Shape::of(body).random_or_mixed();
    fits.then(|| finds.add(start..end, PROVEN))
}

/// `14 letters.atlasv1.60 letters and more`: Terraform Cloud.
pub fn terraform(finds: &mut Finds<'_>, _: &mut Scan, mark: Range<usize>) -> Option<usize> {
    let bytes = finds.bytes();
    let id =
        bytes[..mark.start].iter().rev().take(15).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let end = run_end(bytes, mark.end, Word, 80);
    let fits = id == 14 && (60..=80).contains(&(end - mark.end)) && Shape::of(&bytes[mark.end..end]).random();
    fits.then(|| finds.add(mark.start - id..end, PROVEN))
}
