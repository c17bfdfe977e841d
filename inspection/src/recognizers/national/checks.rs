//! Check digits and ranges. Each takes letters in upper case and digits, without separators, in the form that the
//! table gives.

pub(super) use crate::recognizers::numbers::luhn;

fn digit(byte: u8) -> u32 {
    u32::from(byte.wrapping_sub(b'0'))
}

fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |sum, byte| sum.wrapping_mul(10).wrapping_add(digit(*byte)))
}

fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(byte, weight)| digit(*byte) * weight).sum()
}

pub(super) fn any(_: &[u8]) -> bool {
    true
}

/// Day and month of `DDMMYY…`.
fn day_month(digits: &[u8]) -> bool {
    let most = match number(&digits[2..4]) {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=most).contains(&number(&digits[..2]))
}

/// Month and day of `YYMMDD…`.
fn month_day(digits: &[u8]) -> bool {
    (1..=12).contains(&number(&digits[2..4])) && (1..=31).contains(&number(&digits[4..6]))
}

fn all_same(digits: &[u8]) -> bool {
    digits.iter().all(|byte| *byte == digits[0])
}

/// American Bankers Association: 3, 7, 1; the first two name a district.
pub(super) fn aba(d: &[u8]) -> bool {
    matches!(number(&d[..2]), 0..=12 | 21..=32 | 61..=72 | 80)
        && weighted(d, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
        && number(d) > 0
}

/// Australian Business Register: the first digit less one, modulo 89.
pub(super) fn au_abn(d: &[u8]) -> bool {
    let sum = weighted(d, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    d[0] != b'0' && (sum - 10).is_multiple_of(89)
}

/// ASIC: weights 8 to 1, modulo 10.
pub(super) fn au_acn(d: &[u8]) -> bool {
    (10 - weighted(d, &[8, 7, 6, 5, 4, 3, 2, 1]) % 10) % 10 == digit(d[8])
}

pub(super) fn au_medicare(d: &[u8]) -> bool {
    (b'2'..=b'6').contains(&d[0]) && weighted(d, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == digit(d[8])
}

pub(super) fn au_tfn(d: &[u8]) -> bool {
    weighted(d, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11)
}

pub(super) fn br_cpf(d: &[u8]) -> bool {
    let check = |length: usize| {
        let sum: u32 =
            (0..length).map(|at| digit(d[at]) * (u32::try_from(length - at).unwrap_or(0) + 1)).sum();
        sum * 10 % 11 % 10 == digit(d[length])
    };
    !all_same(d) && check(9) && check(10)
}

pub(super) fn br_cnpj(d: &[u8]) -> bool {
    let check = |length: usize| {
        let weights = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
        let rest = weighted(&d[..length], &weights[13 - length..]) % 11;
        (if rest < 2 { 0 } else { 11 - rest }) == digit(d[length])
    };
    !all_same(d) && check(12) && check(13)
}

pub(super) fn ca_sin(d: &[u8]) -> bool {
    !matches!(d[0], b'0' | b'8') && !all_same(d) && luhn(d)
}

/// ICAO 9303: weights 7, 3, 1; letters count from 10.
fn icao(d: &[u8], check: usize) -> bool {
    let value = |byte: u8| if byte.is_ascii_digit() { digit(byte) } else { u32::from(byte - b'A') + 10 };
    let sum: u32 = d[..check]
        .iter()
        .zip([7, 3, 1].into_iter().cycle())
        .map(|(byte, weight)| value(*byte) * weight)
        .sum();
    d[check].is_ascii_digit() && sum % 10 == digit(d[check])
}

const DE_LETTERS: &[u8] = b"CFGHJKLMNPRTVWXYZ0123456789";

pub(super) fn de_id_card(d: &[u8]) -> bool {
    matches!(d[0], b'L' | b'M' | b'N' | b'P' | b'R' | b'T' | b'V' | b'W' | b'X' | b'Y')
        && d.iter().all(|byte| DE_LETTERS.contains(byte))
        && (icao(d, 8) || d == b"T22000129" || number(&d[1..]).is_multiple_of(11_111_111))
}

pub(super) fn de_passport(d: &[u8]) -> bool {
    matches!(d[0], b'C' | b'F' | b'G' | b'H' | b'J' | b'K')
        && d.iter().all(|byte| DE_LETTERS.contains(byte))
        && icao(d, 8)
}

/// Rentenversicherungsnummer: area, date of birth, letter, serial, check.
pub(super) fn de_social_security(d: &[u8]) -> bool {
    let letter = u32::from(d[8] - b'A') + 1;
    let mut spread = [0u8; 12];
    spread[..8].copy_from_slice(&d[..8]);
    spread[8] = b'0' + u8::try_from(letter / 10).unwrap_or(0);
    spread[9] = b'0' + u8::try_from(letter % 10).unwrap_or(0);
    spread[10..].copy_from_slice(&d[9..11]);
    let sum: u32 = spread
        .iter()
        .zip([2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1])
        .map(|(byte, weight)| digit(*byte) * weight)
        .map(|product| product / 10 + product % 10)
        .sum();
    day_month(&d[2..]) && sum % 10 == digit(d[11])
}

/// ISO 7064, modulo 11, 10.
pub(super) fn de_tax_id(d: &[u8]) -> bool {
    let product = d[..10].iter().fold(10, |product, byte| {
        let sum = (digit(*byte) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    d[0] != b'0' && (11 - product) % 10 == digit(d[10])
}

/// Krankenversichertennummer: the letter as two digits, weights 1 and 2.
pub(super) fn de_health(d: &[u8]) -> bool {
    let letter = u32::from(d[0] - b'A') + 1;
    let digits = [letter / 10, letter % 10].into_iter().chain(d[1..9].iter().map(|byte| digit(*byte)));
    let sum: u32 = digits
        .zip([1, 2].into_iter().cycle())
        .map(|(digit, weight)| digit * weight)
        .map(|product| product / 10 + product % 10)
        .sum();
    sum % 10 == digit(d[9])
}

const NIF: &[u8] = b"TRWAGMYFPDXBNJZSQVHLCKE";

pub(super) fn es_nif(d: &[u8]) -> bool {
    let (letter, digits) = (d[d.len() - 1], &d[..d.len() - 1]);
    NIF[(number(digits) % 23) as usize] == letter
}

pub(super) fn es_nie(d: &[u8]) -> bool {
    let first = match d[0] {
        b'X' => 0,
        b'Y' => 1,
        b'Z' => 2,
        _ => return false,
    };
    NIF[((first * 10_000_000 + number(&d[1..8])) % 23) as usize] == d[8]
}

/// Henkilötunnus: date, sign of the century, serial, check of modulo 31.
pub(super) fn fi_hetu(d: &[u8]) -> bool {
    const CHECK: &[u8] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    let sign = b"ABCDEFUVWXY".contains(&d[6]);
    let rest = (number(&d[..6]) * 1_000 + number(&d[7..10])) % 31;
    sign && day_month(d) && CHECK[rest as usize] == d[10]
}

/// The same with `-` or `+` for the century, which is no part of what is read.
pub(super) fn fi_hetu_signed(d: &[u8]) -> bool {
    const CHECK: &[u8] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    let rest = (number(&d[..6]) * 1_000 + number(&d[6..9])) % 31;
    day_month(d) && CHECK[rest as usize] == d[9]
}

pub(super) fn fr_nir(d: &[u8]) -> bool {
    let body = d[..13].iter().fold(0u64, |sum, byte| sum * 10 + u64::from(digit(*byte)));
    matches!(d[0], b'1' | b'2') && 97 - body % 97 == u64::from(number(&d[13..]))
}

/// Verhoeff, with the dihedral group of ten.
pub(super) fn in_aadhaar(d: &[u8]) -> bool {
    const P: [[usize; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    let times = |a: usize, b: usize| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b) % 5,
        (false, true) => 5 + (a + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let check = d
        .iter()
        .rev()
        .enumerate()
        .fold(0, |check, (at, byte)| times(check, P[at % 8][digit(*byte) as usize % 10]));
    d[0] >= b'2' && check == 0
}

pub(super) fn in_gstin(d: &[u8]) -> bool {
    (1..=38).contains(&number(&d[..2])) && d[13] == b'Z'
}

pub(super) fn in_vehicle(d: &[u8]) -> bool {
    const STATES: &[u8] = b"ANAPARASBRCHCGDDDLGAGJHRHPJKJHKAKLLALDMHMLMNMPMZNLODPBPYRJSKTNTRTSUKUPWB";
    STATES.chunks(2).any(|state| state == &d[..2])
}

/// Codice fiscale: odd places by the decree's table, even ones by value.
pub(super) fn it_fiscal_code(d: &[u8]) -> bool {
    const ODD: [u32; 36] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12,
        14, 16, 10, 22, 25, 24, 23,
    ];
    let index = |byte: u8| if byte.is_ascii_digit() { digit(byte) } else { u32::from(byte - b'A') + 10 };
    let value = |byte: u8| if byte.is_ascii_digit() { digit(byte) } else { u32::from(byte - b'A') };
    let sum: u32 = d[..15]
        .iter()
        .enumerate()
        .map(|(at, byte)| if at % 2 == 0 { ODD[index(*byte) as usize % 36] } else { value(*byte) })
        .sum();
    sum % 26 == u32::from(d[15] - b'A')
}

pub(super) fn it_driver(d: &[u8]) -> bool {
    d.starts_with(b"U1")
        && d[9].is_ascii_uppercase()
        && !d[2..9].iter().any(|byte| matches!(byte, b'A' | b'E' | b'I' | b'O' | b'Q'))
}

pub(super) fn kr_brn(d: &[u8]) -> bool {
    let sum = weighted(d, &[1, 3, 7, 1, 3, 7, 1, 3]) + digit(d[8]) * 5 + digit(d[8]) * 5 / 10;
    (10 - sum % 10) % 10 == digit(d[9])
}

pub(super) fn kr_driver(d: &[u8]) -> bool {
    matches!(number(&d[..2]), 11..=26 | 28)
}

fn kr_sum(d: &[u8]) -> u32 {
    weighted(d, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11
}

pub(super) fn kr_rrn(d: &[u8]) -> bool {
    (b'1'..=b'4').contains(&d[6]) && month_day(d) && (11 - kr_sum(d)) % 10 == digit(d[12])
}

pub(super) fn kr_frn(d: &[u8]) -> bool {
    (b'5'..=b'8').contains(&d[6]) && month_day(d)
}

pub(super) fn kr_passport(d: &[u8]) -> bool {
    matches!(d[0], b'M' | b'S' | b'R' | b'O' | b'D' | b'G')
}

pub(super) fn nl_bsn(d: &[u8]) -> bool {
    let sum = weighted(d, &[9, 8, 7, 6, 5, 4, 3, 2]);
    sum >= digit(d[8]) && (sum - digit(d[8])).is_multiple_of(11) && !all_same(d)
}

pub(super) fn ph_mobile(d: &[u8]) -> bool {
    d.starts_with(b"09") || d.starts_with(b"639")
}

pub(super) fn ph_tin(d: &[u8]) -> bool {
    weighted(d, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == digit(d[8]) && number(&d[..9]) > 0
}

pub(super) fn pl_pesel(d: &[u8]) -> bool {
    let month = number(&d[2..4]) % 20;
    (1..=12).contains(&month)
        && (1..=31).contains(&number(&d[4..6]))
        && (10 - weighted(d, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10 == digit(d[10])
}

pub(super) fn se_person(d: &[u8]) -> bool {
    let short = &d[d.len() - 10..];
    let day = number(&short[4..6]);
    (1..=12).contains(&number(&short[2..4]))
        && ((1..=31).contains(&day) || (61..=91).contains(&day))
        && luhn(short)
}

pub(super) fn se_organisation(d: &[u8]) -> bool {
    d[2] >= b'2' && luhn(d) && d[0] != b'0'
}

pub(super) fn sg_nric(d: &[u8]) -> bool {
    let sum = weighted(&d[1..8], &[2, 7, 6, 5, 4, 3, 2]);
    let letters: &[u8] = match d[0] {
        b'S' | b'T' => b"JZIHGFEDCBA",
        b'F' | b'G' => b"XWUTRQPNMLK",
        b'M' => b"KLJNPQRTUWX",
        _ => return false,
    };
    let offset = match d[0] {
        b'T' | b'G' => 4,
        b'M' => 3,
        _ => 0,
    };
    let rest = ((sum + offset) % 11) as usize;
    letters[if d[0] == b'M' { 10 - rest } else { rest }] == d[8]
}

pub(super) fn sg_uen(d: &[u8]) -> bool {
    matches!(d[0], b'T' | b'S' | b'R')
}

pub(super) fn sg_uen_year(d: &[u8]) -> bool {
    (1800..=2100).contains(&number(&d[..4]))
}

pub(super) fn th_tnin(d: &[u8]) -> bool {
    let sum = weighted(d, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    let province = (10..=96).contains(&number(&d[1..3]));
    (b'1'..=b'8').contains(&d[0]) && province && !all_same(d) && (11 - sum % 11) % 10 == digit(d[12])
}

pub(super) fn tr_province(d: &[u8]) -> bool {
    (1..=81).contains(&number(&d[..2]))
}

pub(super) fn tr_national(d: &[u8]) -> bool {
    let at = |index: usize| digit(d[index]);
    let odd = at(0) + at(2) + at(4) + at(6) + at(8);
    let even = at(1) + at(3) + at(5) + at(7);
    let sum: u32 = (0..10).map(at).sum();
    d[0] != b'0' && (odd * 7 + 100 - even) % 10 == at(9) && sum % 10 == at(10)
}

pub(super) fn tr_mobile(d: &[u8]) -> bool {
    let national = d.strip_prefix(b"90").or_else(|| d.strip_prefix(b"0")).unwrap_or(d);
    national.len() == 10 && national[0] == b'5'
}

pub(super) fn tr_landline(d: &[u8]) -> bool {
    d[0] == b'0' && matches!(d[1], b'2'..=b'4')
}

/// Driver and Vehicle Licensing Agency: name, decade, month (+50), day, year, initials, check.
pub(super) fn uk_driving(d: &[u8]) -> bool {
    let name =
        d[..5].iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'9') && d[0].is_ascii_uppercase();
    let month = number(&d[6..8]) % 50;
    name && d[5..11].iter().all(u8::is_ascii_digit)
        && (1..=12).contains(&month)
        && (1..=31).contains(&number(&d[8..10]))
        && d[11].is_ascii_uppercase()
        && (d[12].is_ascii_uppercase() || d[12] == b'9')
}

pub(super) fn uk_nhs(d: &[u8]) -> bool {
    let check = 11 - weighted(d, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    check != 10 && check % 11 == digit(d[9]) && !all_same(d)
}

pub(super) fn uk_nino(d: &[u8]) -> bool {
    let prefix = &d[..2];
    let first = !matches!(d[0], b'D' | b'F' | b'I' | b'Q' | b'U' | b'V');
    let second = !matches!(d[1], b'D' | b'F' | b'I' | b'O' | b'Q' | b'U' | b'V');
    let issued = ![b"BG", b"GB", b"NK", b"KN", b"TN", b"NT", b"ZZ"].iter().any(|none| *none == prefix);
    first && second && issued && (b'A'..=b'D').contains(&d[8])
}

pub(super) fn uk_plate(d: &[u8]) -> bool {
    let age = number(&d[2..4]);
    ((2..=29).contains(&age) || (51..=79).contains(&age)) && !d.iter().any(|byte| matches!(byte, b'I' | b'Q'))
}

pub(super) fn uk_plate_old(d: &[u8]) -> bool {
    !d.iter().any(|byte| matches!(byte, b'I' | b'O' | b'Q' | b'Z'))
}

pub(super) fn us_itin(d: &[u8]) -> bool {
    d[0] == b'9' && matches!(number(&d[3..5]), 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// Medicare Beneficiary Identifier (CMS): no S, L, O, I, B, Z.
pub(super) fn us_mbi(d: &[u8]) -> bool {
    let letter = |byte: u8| byte.is_ascii_uppercase() && !b"SLOIBZ".contains(&byte);
    let either = |byte: u8| byte.is_ascii_digit() || letter(byte);
    let number = |byte: u8| byte.is_ascii_digit();
    (b'1'..=b'9').contains(&d[0])
        && letter(d[1])
        && either(d[2])
        && number(d[3])
        && letter(d[4])
        && either(d[5])
        && number(d[6])
        && letter(d[7])
        && letter(d[8])
        && number(d[9])
        && number(d[10])
}

/// National Provider Identifier (CMS): Luhn behind 80840.
pub(super) fn us_npi(d: &[u8]) -> bool {
    let mut whole = *b"808400000000000";
    whole[5..].copy_from_slice(d);
    matches!(d[0], b'1' | b'2') && !all_same(&d[1..9]) && luhn(&whole)
}

pub(super) fn za_id(d: &[u8]) -> bool {
    month_day(d) && matches!(d[10], b'0' | b'1' | b'2') && luhn(d)
}
