//! Australia, Nigeria, South Africa.

use super::checks::{any, digit, luhn, month_day, number, weighted};
use super::context::Topics;
use super::form::{Form, Proof};
use gateway_core::finding::Kind;

pub const FORMS: &[Form] = &[
    Form {
        kind: Kind::AU_ABN,
        layouts: &["99 999 999 999"],
        check: abn,
        proof: Proof::Form,
        topics: Topics::ABN,
    },
    Form {
        kind: Kind::AU_ABN,
        layouts: &["99999999999"],
        check: abn,
        proof: Proof::Whole,
        topics: Topics::ABN,
    },
    Form {
        kind: Kind::AU_ACN,
        layouts: &["999 999 999", "999999999"],
        check: acn,
        proof: Proof::Whole,
        topics: Topics::ACN,
    },
    Form {
        kind: Kind::AU_TFN,
        layouts: &["999 999 999", "999999999"],
        check: tfn,
        proof: Proof::Whole,
        topics: Topics::TFN,
    },
    Form {
        kind: Kind::AU_MEDICARE,
        layouts: &["9999 99999 9"],
        check: medicare,
        proof: Proof::Form,
        topics: Topics::MEDICARE_AU,
    },
    Form {
        kind: Kind::AU_MEDICARE,
        layouts: &["9999999999"],
        check: medicare,
        proof: Proof::Whole,
        topics: Topics::MEDICARE_AU,
    },
    Form {
        kind: Kind::NG_VEHICLE_REGISTRATION,
        layouts: &["AAA-999AA", "AAA999AA", "AAA 999AA", "AAA 999 AA"],
        check: any,
        proof: Proof::Whole,
        topics: Topics::PLATE,
    },
    Form {
        kind: Kind::ZA_ID_NUMBER,
        layouts: &["9999999999999", "999999 9999 999", "999999 9999 99 9"],
        check: south_african,
        proof: Proof::Whole,
        topics: Topics::ZA,
    },
];

/// Australian Business Register: 1 off the first digit, then weights 10, 1, 3, 5 … 19 modulo 89.
fn abn(value: &[u8]) -> bool {
    let sum = weighted(value, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    value[0] != b'0' && (sum - 10).is_multiple_of(89)
}

/// Australian Securities & Investments Commission: weights 8 to 1, modulo 10.
fn acn(value: &[u8]) -> bool {
    let sum = weighted(value, &[8, 7, 6, 5, 4, 3, 2, 1]);
    (10 - sum % 10) % 10 == digit(value[8]) && number(value) > 0
}

/// Australian Taxation Office: weights 1, 4, 3, 7, 5, 8, 6, 9, 10 modulo 11.
fn tfn(value: &[u8]) -> bool {
    weighted(value, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11) && number(value) > 0
}

/// Services Australia: 2 to 6 first; weights 1, 3, 7, 9 modulo 10; the issue last.
fn medicare(value: &[u8]) -> bool {
    matches!(value[0], b'2'..=b'6')
        && weighted(&value[..8], &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == digit(value[8])
        && value[9] != b'0'
}

/// Department of Home Affairs: birthday, serial, citizen (0), resident (1) or refugee (2), 8 or 9, Luhn.
fn south_african(value: &[u8]) -> bool {
    month_day(&value[2..6])
        && matches!(value[10], b'0'..=b'2')
        && matches!(value[11], b'8' | b'9')
        && luhn(value)
}
