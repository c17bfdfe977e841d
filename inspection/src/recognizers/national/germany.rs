//! Germany.

use super::checks::{across, day_month, digit, icao, mod_11_10, number, varied, weighted};
use super::context::Topics;
use super::form::{Form, Proof};
use gateway_core::finding::Kind;

pub const FORMS: &[Form] = &[
    Form {
        kind: Kind::DE_ID_CARD,
        layouts: &["AXXXXXXXX"],
        check: id_card,
        proof: Proof::Whole,
        topics: Topics::AUSWEIS.or(Topics::IDENTITY),
    },
    Form {
        kind: Kind::DE_ID_CARD,
        layouts: &["AXXXXXXXX9"],
        check: id_card_with_check,
        proof: Proof::Whole,
        topics: Topics::AUSWEIS.or(Topics::IDENTITY),
    },
    Form {
        kind: Kind::DE_PASSPORT,
        layouts: &["AXXXXXXX9"],
        check: passport,
        proof: Proof::Whole,
        topics: Topics::PASSPORT_DE.or(Topics::PASSPORT),
    },
    Form {
        kind: Kind::DE_TAX_ID,
        layouts: &["99999999999", "99 999 999 999"],
        check: tax_id,
        proof: Proof::Context,
        topics: Topics::STEUER.or(Topics::TAX),
    },
    Form {
        kind: Kind::DE_SOCIAL_SECURITY,
        layouts: &["99999999A999", "99 999999 A 999", "99 999999 A 99 9"],
        check: social_security,
        proof: Proof::Form,
        topics: Topics::RENTE,
    },
    Form {
        kind: Kind::DE_HEALTH_INSURANCE,
        layouts: &["A999999999"],
        check: health_insurance,
        proof: Proof::Whole,
        topics: Topics::KRANKEN,
    },
    Form {
        kind: Kind::DE_LANR,
        layouts: &["999999999"],
        check: lanr,
        proof: Proof::Context,
        topics: Topics::LANR,
    },
    Form {
        kind: Kind::DE_BSNR,
        layouts: &["999999999"],
        check: varied,
        proof: Proof::Context,
        topics: Topics::BSNR,
    },
];

/// Letters that serials of documents use (no vowels, nothing that looks like a digit).
fn serial(value: &[u8]) -> bool {
    value.iter().all(|byte| byte.is_ascii_digit() || b"CFGHJKLMNPRTVWXYZ".contains(byte))
}

/// Personalausweisverordnung: nine places of which the last may be read as the check digit of ICAO 9303; the cards
/// before 2010 had a T and eight digits.
fn id_card(value: &[u8]) -> bool {
    let old = value[0] == b'T' && value[1..].iter().all(u8::is_ascii_digit);
    let new = b"GLMNPRTVWXYZ".contains(&value[0]) && serial(value) && checked(value);
    old || new
}

/// The same with the check digit of the machine-readable zone behind it.
fn id_card_with_check(value: &[u8]) -> bool {
    b"LMNPRTVWXYZ".contains(&value[0]) && serial(value) && checked(value)
}

/// Passverordnung: the letter names the authority; the last is the check digit of ICAO 9303.
fn passport(value: &[u8]) -> bool {
    b"CFGHJK".contains(&value[0]) && serial(value) && checked(value)
}

fn checked(value: &[u8]) -> bool {
    let (last, body) = (value[value.len() - 1], &value[..value.len() - 1]);
    last.is_ascii_digit() && icao(body) == digit(last)
}

/// Section 139b of the Abgabenordnung: ISO/IEC 7064 MOD 11,10; not 0 first.
fn tax_id(value: &[u8]) -> bool {
    value[0] != b'0' && mod_11_10(value)
}

/// Deutsche Rentenversicherung (VKVV section 4): area, birthday, letter, serial, check digit of cross sums.
fn social_security(value: &[u8]) -> bool {
    let letter = u32::from(value[8] - b'A') + 1;
    let body = value[..8].iter().map(|byte| digit(*byte)).chain([
        letter / 10,
        letter % 10,
        digit(value[9]),
        digit(value[10]),
    ]);
    let weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
    let sum: u32 = body.zip(weights).map(|(digit, weight)| across(digit * weight)).sum();
    day_month(&value[2..6]) && sum % 10 == digit(value[11])
}

/// GKV-Spitzenverband (KVNR): letter, eight digits, check digit of cross sums with weights 1, 2.
fn health_insurance(value: &[u8]) -> bool {
    let letter = u32::from(value[0] - b'A') + 1;
    let body = [letter / 10, letter % 10].into_iter().chain(value[1..9].iter().map(|byte| digit(*byte)));
    let sum: u32 = body.enumerate().map(|(nth, digit)| across(digit * (1 + nth as u32 % 2))).sum();
    sum % 10 == digit(value[9])
}

/// KBV, "Richtlinie nach § 75 Absatz 7 SGB V": weights 4, 9; two digits of the speciality last.
fn lanr(value: &[u8]) -> bool {
    let sum = weighted(&value[..6], &[4, 9, 4, 9, 4, 9]);
    (10 - sum % 10) % 10 == digit(value[6]) && number(&value[..6]) > 0
}
