//! Spain, Finland, France, Italy, the Netherlands, Poland, Sweden.

use super::checks::{any, day_month, digit, luhn, month_day, number, varied, weighted};
use super::context::Topics;
use super::form::{Form, Proof};
use gateway_core::finding::Kind;

pub const FORMS: &[Form] = &[
    Form {
        kind: Kind::ES_NIF,
        layouts: &["99999999A", "99999999-A"],
        check: nif,
        proof: Proof::Capitals,
        topics: Topics::NIF,
    },
    Form {
        kind: Kind::ES_NIF,
        layouts: &["9999999A", "9999999-A", "99.999.999-A"],
        check: nif,
        proof: Proof::Whole,
        topics: Topics::NIF,
    },
    Form {
        kind: Kind::ES_NIE,
        layouts: &["A9999999A", "A9999999-A", "A-9999999-A"],
        check: nie,
        proof: Proof::Capitals,
        topics: Topics::NIE,
    },
    Form {
        kind: Kind::ES_PASSPORT,
        layouts: &["AAA999999"],
        check: any,
        proof: Proof::Whole,
        topics: Topics::PASSPORT_ES.or(Topics::PASSPORT),
    },
    Form {
        kind: Kind::FI_PERSONAL_IDENTITY_CODE,
        layouts: &["999999-999X", "999999A999X"],
        check: hetu,
        proof: Proof::Capitals,
        topics: Topics::HETU,
    },
    Form {
        kind: Kind::FR_NIR,
        layouts: &[
            "9999999999999 99",
            "9 99 99 99 999 999 99",
            "9 99 99 9A 999 999 99",
            "99999 9A 999 999 99",
        ],
        check: nir,
        proof: Proof::Form,
        topics: Topics::NIR,
    },
    Form {
        kind: Kind::FR_NIR,
        layouts: &["99999XX99999999"],
        check: nir,
        proof: Proof::Whole,
        topics: Topics::NIR,
    },
    Form {
        kind: Kind::IT_FISCAL_CODE,
        layouts: &["AAAAAAXXAXXAXXXA", "AAA AAA XXAXX AXXXA"],
        check: fiscal_code,
        proof: Proof::Form,
        topics: Topics::FISCALE.or(Topics::IDENTITY),
    },
    // With a wrong check sign it is still somebody's, mistyped.
    Form {
        kind: Kind::IT_FISCAL_CODE,
        layouts: &["AAAAAA99A99A999A"],
        check: |value| b"ABCDEHLMPRST".contains(&value[8]),
        proof: Proof::Loose,
        topics: Topics::FISCALE.or(Topics::IDENTITY),
    },
    Form {
        kind: Kind::IT_VAT_CODE,
        layouts: &["99999999999"],
        check: vat_code,
        proof: Proof::Whole,
        topics: Topics::IVA,
    },
    Form {
        kind: Kind::IT_DRIVER_LICENSE,
        layouts: &["AA9999999A", "A9XXXXXXXA"],
        check: italian_licence,
        proof: Proof::Whole,
        topics: Topics::DRIVER_IT,
    },
    Form {
        kind: Kind::IT_IDENTITY_CARD,
        layouts: &["AA99999AA"],
        check: any,
        proof: Proof::Whole,
        topics: Topics::CARTA,
    },
    Form {
        kind: Kind::IT_IDENTITY_CARD,
        layouts: &["AA9999999", "AA 9999999"],
        check: any,
        proof: Proof::Context,
        topics: Topics::CARTA,
    },
    Form {
        kind: Kind::IT_PASSPORT,
        layouts: &["AA9999999"],
        check: any,
        proof: Proof::Context,
        topics: Topics::PASSPORT_IT,
    },
    Form {
        kind: Kind::NL_BSN,
        layouts: &["999999999", "9999.99.999", "9999 99 999"],
        check: bsn,
        proof: Proof::Context,
        topics: Topics::BSN,
    },
    Form {
        kind: Kind::PL_PESEL,
        layouts: &["99999999999"],
        check: pesel,
        proof: Proof::Whole,
        topics: Topics::PESEL.or(Topics::IDENTITY),
    },
    Form {
        kind: Kind::SE_PERSONNUMMER,
        layouts: &["99999999-9999", "999999-9999"],
        check: personnummer,
        proof: Proof::Form,
        topics: Topics::PERSONNUMMER,
    },
    Form {
        kind: Kind::SE_PERSONNUMMER,
        layouts: &["999999999999", "9999999999"],
        check: personnummer,
        proof: Proof::Whole,
        topics: Topics::PERSONNUMMER,
    },
    Form {
        kind: Kind::SE_ORGANISATIONSNUMMER,
        layouts: &["999999-9999"],
        check: organisationsnummer,
        proof: Proof::Form,
        topics: Topics::ORGNUMMER,
    },
    Form {
        kind: Kind::SE_ORGANISATIONSNUMMER,
        layouts: &["9999999999"],
        check: organisationsnummer,
        proof: Proof::Whole,
        topics: Topics::ORGNUMMER,
    },
];

const NIF_LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";

/// Real Decreto 1553/2005: the letter of the number modulo 23.
fn nif(value: &[u8]) -> bool {
    let (last, body) = (value[value.len() - 1], &value[..value.len() - 1]);
    NIF_LETTERS[(number(body) % 23) as usize] == last && number(body) > 0
}

/// The same for foreigners, where X, Y, Z stand for 0, 1, 2.
fn nie(value: &[u8]) -> bool {
    let first = match value[0] {
        b'X' => b'0',
        b'Y' => b'1',
        b'Z' => b'2',
        _ => return false,
    };
    let mut whole = [first; 8];
    whole[1..].copy_from_slice(&value[1..8]);
    NIF_LETTERS[(number(&whole) % 23) as usize] == value[8]
}

/// Digital and Population Data Services Agency: birthday, sign of the century, number, check sign modulo 31.
fn hetu(value: &[u8]) -> bool {
    // Without its hyphen ("the 1900s") the value is a byte shorter.
    let (century, rest) = if value.len() == 10 { (b'A', &value[6..]) } else { (value[6], &value[7..]) };
    let all = number(&value[..6]) * 1_000 + number(&rest[..3]);
    matches!(century, b'A'..=b'F' | b'U'..=b'Y')
        && day_month(&value[..4])
        && number(&rest[..3]) >= 2
        && b"0123456789ABCDEFHJKLMNPRSTUVWXY"[(all % 31) as usize] == rest[3]
}

/// INSEE: sex, year, month, place, number, key (97 less the number modulo 97); Corsica's 2A and 2B count as 19, 18.
fn nir(value: &[u8]) -> bool {
    let mut body = [0; 13];
    body.copy_from_slice(&value[..13]);
    match (value[5], value[6]) {
        (b'0'..=b'9', b'0'..=b'9') => {}
        (b'2', b'A') => body[5..7].copy_from_slice(b"19"),
        (b'2', b'B') => body[5..7].copy_from_slice(b"18"),
        _ => return false,
    }
    matches!(value[0], b'1' | b'2')
        && matches!(number(&value[3..5]), 1..=12 | 20 | 30..=42 | 50..=99)
        && 97 - number(&body) % 97 == number(&value[13..15])
}

/// Decreto ministeriale 23 dicembre 1976: odd and even places count apart; in case of a clash of names digits are
/// written as letters of LMNPQRSTUV.
fn fiscal_code(value: &[u8]) -> bool {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let place = |byte: u8| u32::from(if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' });
    let counted =
        |(nth, byte): (usize, &u8)| if nth % 2 == 0 { ODD[place(*byte) as usize] } else { place(*byte) };
    let digits = [6, 7, 9, 10, 12, 13, 14].iter().map(|at| value[*at]);
    let written = digits.into_iter().all(|byte| byte.is_ascii_digit() || b"LMNPQRSTUV".contains(&byte));
    let sum: u32 = value[..15].iter().enumerate().map(counted).sum();
    written && b"ABCDEHLMPRST".contains(&value[8]) && sum % 26 == u32::from(value[15] - b'A')
}

/// Agenzia delle Entrate: Luhn; the eighth to tenth digits name a province's office.
fn vat_code(value: &[u8]) -> bool {
    luhn(value) && number(&value[..7]) > 0 && matches!(number(&value[7..10]), 1..=121 | 888 | 999)
}

/// Two letters of the province, or U1 and a code without I, O, and the like.
fn italian_licence(value: &[u8]) -> bool {
    value[..2] == *b"U1" || value[1].is_ascii_uppercase()
}

/// Rijksdienst voor Identiteitsgegevens: the "eleven test".
fn bsn(value: &[u8]) -> bool {
    let sum = weighted(value, &[9, 8, 7, 6, 5, 4, 3, 2]);
    varied(value) && sum % 11 == digit(value[8])
}

/// PESEL (Ustawa o ewidencji ludności): birthday with the century in the month; weights 1, 3, 7, 9.
fn pesel(value: &[u8]) -> bool {
    let month = number(&value[2..4]) % 20;
    let day = number(&value[4..6]);
    let sum = weighted(value, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]);
    (1..=12).contains(&month) && (1..=31).contains(&day) && (10 - sum % 10) % 10 == digit(value[10])
}

/// Skatteverket, SKV 704: birthday (a coordination number's day plus 60), number, Luhn over the last ten.
fn personnummer(value: &[u8]) -> bool {
    let ten = &value[value.len() - 10..];
    let day =
        if ten[4] >= b'6' { [ten[2], ten[3], ten[4] - 6, ten[5]] } else { [ten[2], ten[3], ten[4], ten[5]] };
    let century = value.len() == 10 || matches!(number(&value[..2]), 18..=20);
    century && month_day(&day) && luhn(ten)
}

/// Skatteverket, SKV 709: the third digit is 2 or more, so it is no birthday; Luhn.
fn organisationsnummer(value: &[u8]) -> bool {
    varied(value) && !matches!(value[0], b'0' | b'4') && value[2] >= b'2' && luhn(value)
}
