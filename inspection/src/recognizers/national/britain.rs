//! The United Kingdom.

use super::checks::{any, digit, number, weighted};
use super::context::Topics;
use super::form::{Form, Proof};
use gateway_core::finding::Kind;

pub const FORMS: &[Form] = &[
    Form {
        kind: Kind::UK_NINO,
        layouts: &["AA999999A", "AA 99 99 99 A", "AA 999999A", "AA 999999 A", "AA-99-99-99-A", "AA999999 A"],
        check: nino,
        proof: Proof::Capitals,
        topics: Topics::NINO,
    },
    Form {
        kind: Kind::UK_NHS,
        layouts: &["9999999999", "999 999 9999", "999-999-9999"],
        check: nhs,
        proof: Proof::Whole,
        topics: Topics::NHS,
    },
    Form {
        kind: Kind::UK_DRIVING_LICENCE,
        layouts: &["XXXXX999999XXXXX", "XXXXX 999999 XXXXX", "XXXXX999999XXXAA"],
        check: driving,
        proof: Proof::Capitals,
        topics: Topics::DRIVER,
    },
    Form {
        kind: Kind::UK_PASSPORT,
        layouts: &["AA9999999"],
        check: any,
        proof: Proof::Context,
        topics: Topics::PASSPORT,
    },
    Form {
        kind: Kind::UK_VEHICLE_REGISTRATION,
        layouts: &["AA99AAA", "AA99 AAA", "AA99-AAA"],
        check: current_plate,
        proof: Proof::Whole,
        topics: Topics::PLATE,
    },
    Form {
        kind: Kind::UK_VEHICLE_REGISTRATION,
        layouts: &["A999AAA", "A999 AAA", "A99AAA", "A99 AAA", "A9AAA", "A9 AAA", "A999-AAA"],
        check: prefix_plate,
        proof: Proof::Whole,
        topics: Topics::PLATE,
    },
    Form {
        kind: Kind::UK_VEHICLE_REGISTRATION,
        layouts: &["AAA999A", "AAA 999A", "AAA99A", "AAA 99A", "AAA-999A"],
        check: suffix_plate,
        proof: Proof::Whole,
        topics: Topics::PLATE,
    },
];

/// HM Revenue & Customs, NIM39110: letters and pairs that are never given out; the suffix is A to D.
fn nino(value: &[u8]) -> bool {
    let pair = [value[0], value[1]];
    !b"DFIQUV".contains(&pair[0])
        && !b"DFIOQUV".contains(&pair[1])
        && ![b"BG", b"GB", b"NK", b"KN", b"TN", b"NT", b"ZZ"].contains(&&pair)
        && matches!(value[8], b'A'..=b'D')
}

/// NHS Data Dictionary: modulo 11, weights 10 to 2; a check digit of 10 is not given out.
fn nhs(value: &[u8]) -> bool {
    let check = 11 - weighted(value, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    super::checks::varied(value) && check != 10 && check % 11 == digit(value[9])
}

/// DVLA: five letters of the name filled with 9, then decade, month (a woman's plus 50), day, year; initials, check.
fn driving(value: &[u8]) -> bool {
    let letters = value[..5].iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let filled = value[letters..5].iter().all(|byte| *byte == b'9');
    let month = number(&value[6..8]);
    let initials = value[11..13].iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'9');
    letters > 0
        && filled
        && matches!(month, 1..=12 | 51..=62)
        && matches!(number(&value[8..10]), 1..=31)
        && value[11].is_ascii_uppercase()
        && initials
        && value[14..].iter().all(u8::is_ascii_uppercase)
}

/// DVLA, INF104: from 2001 on two letters of the place, two digits of the half year, three letters.
fn current_plate(value: &[u8]) -> bool {
    let year = number(&value[2..4]);
    matches!(year, 2..=29 | 51..=79)
        && !value[..2].iter().any(|byte| b"IQZ".contains(byte))
        && !value[4..].iter().any(|byte| b"IQ".contains(byte))
}

/// 1983 to 2001: a letter of the year first.
fn prefix_plate(value: &[u8]) -> bool {
    !b"IOQUZ".contains(&value[0]) && value[1] != b'0' && no_i_or_q(&value[value.len() - 3..])
}

/// 1963 to 1982: a letter of the year last.
fn suffix_plate(value: &[u8]) -> bool {
    !b"IOQUZ".contains(&value[value.len() - 1]) && value[3] != b'0' && no_i_or_q(&value[..3])
}

fn no_i_or_q(letters: &[u8]) -> bool {
    !letters.iter().any(|byte| matches!(byte, b'I' | b'Q'))
}
