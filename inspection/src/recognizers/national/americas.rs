//! The United States, Canada and Brazil.

use super::checks::{any, digit, luhn, luhn_sum, number, varied, weighted};
use super::context::Topics;
use super::form::{Form, Proof};
use gateway_core::finding::Kind;

pub const FORMS: &[Form] = &[
    Form {
        kind: Kind::ABA_ROUTING_NUMBER,
        layouts: &["9999-9999-9"],
        check: routing,
        proof: Proof::Form,
        topics: Topics::ROUTING,
    },
    Form {
        kind: Kind::ABA_ROUTING_NUMBER,
        layouts: &["999999999"],
        check: routing,
        proof: Proof::Whole,
        topics: Topics::ROUTING,
    },
    Form {
        kind: Kind::US_ITIN,
        layouts: &["999-99-9999", "999 99 9999"],
        check: itin,
        proof: Proof::Form,
        topics: Topics::ITIN.or(Topics::TAX),
    },
    Form {
        kind: Kind::US_ITIN,
        layouts: &["999-999999"],
        check: itin,
        proof: Proof::Whole,
        topics: Topics::ITIN,
    },
    // Written like a ZIP code with its four more digits.
    Form {
        kind: Kind::US_ITIN,
        layouts: &["999999999", "99999-9999"],
        check: itin,
        proof: Proof::Context,
        topics: Topics::ITIN,
    },
    Form {
        kind: Kind::US_MBI,
        layouts: &["9AX9AX9AA99", "9AX9-AX9-AA99"],
        check: mbi,
        proof: Proof::Form,
        topics: Topics::MBI,
    },
    Form {
        kind: Kind::US_NPI,
        layouts: &["9999999999", "9999-999-999", "9999 999 999"],
        check: npi,
        proof: Proof::Whole,
        topics: Topics::NPI,
    },
    Form {
        kind: Kind::US_PASSPORT,
        layouts: &["999999999", "A99999999"],
        check: any,
        proof: Proof::Context,
        topics: Topics::PASSPORT,
    },
    Form {
        kind: Kind::US_DRIVER_LICENSE,
        layouts: &["A99999999"],
        check: any,
        proof: Proof::Loose,
        topics: Topics::DRIVER,
    },
    // Each state has its own form (AAMVA): one letter or none, 6 to 14 digits, at most in three groups.
    Form {
        kind: Kind::US_DRIVER_LICENSE,
        layouts: &[
            "9999999",
            "99999999",
            "999999999",
            "9999999999",
            "99999999999",
            "999999999999",
            "A999999",
            "A9999999",
            "A999999999",
            "A999999999999",
            "A9999999999999",
            "A99999999999",
            "AA999999",
            "AA9999999",
            "AA99999999",
            "A999-999-9999",
            "A999-9999-9999",
            "A999-999-99-999-9",
            "999-999-999",
            "99-999-9999",
            "A99-99-9999",
            "AA-99-9999",
            "XXXX-XXXX-XXXX",
            "AA99-99AA-99AA",
            "A9999-99999-99999",
            "999AA9999",
        ],
        check: varied,
        proof: Proof::Nearest,
        topics: Topics::DRIVER,
    },
    Form {
        kind: Kind::CA_SIN,
        layouts: &["999 999 999", "999-999-999"],
        check: sin,
        proof: Proof::Whole,
        topics: Topics::SIN,
    },
    Form {
        kind: Kind::CA_SIN,
        layouts: &["999999999"],
        check: sin,
        proof: Proof::Context,
        topics: Topics::SIN,
    },
    Form {
        kind: Kind::BR_CPF,
        layouts: &["999.999.999-99"],
        check: cpf,
        proof: Proof::Form,
        topics: Topics::CPF.or(Topics::IDENTITY),
    },
    Form {
        kind: Kind::BR_CPF,
        layouts: &["99999999999"],
        check: cpf,
        proof: Proof::Whole,
        topics: Topics::CPF,
    },
    Form {
        kind: Kind::BR_CNPJ,
        layouts: &["99.999.999/9999-99"],
        check: cnpj,
        proof: Proof::Form,
        topics: Topics::CNPJ,
    },
    Form {
        kind: Kind::BR_CNPJ,
        layouts: &["99999999999999"],
        check: cnpj,
        proof: Proof::Whole,
        topics: Topics::CNPJ,
    },
];

/// American Bankers Association: weights 3, 7, 1; the first two digits name a Federal Reserve district.
fn routing(value: &[u8]) -> bool {
    let district = number(&value[..2]);
    weighted(value, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
        && matches!(district, 1..=12 | 21..=32 | 61..=72 | 80)
}

/// Internal Revenue Service, Publication 1915: 9 first, the group within the ranges that are given out.
fn itin(value: &[u8]) -> bool {
    value[0] == b'9' && matches!(number(&value[3..5]), 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// Centers for Medicare & Medicaid Services, "Understanding the MBI format": no S, L, O, I, B, Z.
fn mbi(value: &[u8]) -> bool {
    value[0] != b'0' && !value.iter().any(|byte| b"SLOIBZ".contains(byte))
}

/// 45 CFR 162.406: a Luhn number behind the prefix 80840, which adds 24; the first digit is 1 or 2.
fn npi(value: &[u8]) -> bool {
    matches!(value[0], b'1' | b'2') && (luhn_sum(value) + 24).is_multiple_of(10) && varied(&value[..9])
}

/// Employment and Social Development Canada: Luhn; nothing begins with 0 or 8.
fn sin(value: &[u8]) -> bool {
    !matches!(value[0], b'0' | b'8') && luhn(value) && varied(value)
}

/// Receita Federal: two check digits modulo 11.
fn cpf(value: &[u8]) -> bool {
    const WEIGHTS: [u32; 10] = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2];
    varied(value)
        && modulo_11(&value[..9], &WEIGHTS[1..]) == digit(value[9])
        && modulo_11(&value[..10], &WEIGHTS) == digit(value[10])
}

/// Receita Federal: two check digits modulo 11, weights 2 to 9 in turn from the right.
fn cnpj(value: &[u8]) -> bool {
    const WEIGHTS: [u32; 13] = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    varied(value)
        && modulo_11(&value[..12], &WEIGHTS[1..]) == digit(value[12])
        && modulo_11(&value[..13], &WEIGHTS) == digit(value[13])
}

fn modulo_11(value: &[u8], weights: &[u32]) -> u32 {
    match weighted(value, weights) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    }
}
