//! India, Korea, the Philippines, Singapore, Thailand, Türkiye.

use super::checks::{any, digit, month_day, number, varied, verhoeff, weighted};
use super::context::Topics;
use super::form::{Form, Proof};
use gateway_core::finding::Kind;

pub const FORMS: &[Form] = &[
    Form {
        kind: Kind::IN_AADHAAR,
        layouts: &["9999 9999 9999", "9999-9999-9999"],
        check: aadhaar,
        proof: Proof::Form,
        topics: Topics::AADHAAR,
    },
    Form {
        kind: Kind::IN_AADHAAR,
        layouts: &["999999999999"],
        check: aadhaar,
        proof: Proof::Whole,
        topics: Topics::AADHAAR,
    },
    Form {
        kind: Kind::IN_GSTIN,
        layouts: &["99AAAAA9999AXAX"],
        check: gstin,
        proof: Proof::Capitals,
        topics: Topics::GSTIN,
    },
    Form {
        kind: Kind::IN_PAN,
        layouts: &["AAAAA9999A"],
        check: pan,
        proof: Proof::Capitals,
        topics: Topics::PAN,
    },
    Form {
        kind: Kind::IN_PAN,
        layouts: &["AAAAA9999A"],
        check: any,
        proof: Proof::Whole,
        topics: Topics::PAN,
    },
    Form {
        kind: Kind::IN_PASSPORT,
        layouts: &["A9999999"],
        check: any,
        proof: Proof::Loose,
        topics: Topics::PASSPORT,
    },
    Form {
        kind: Kind::IN_VOTER,
        layouts: &["AAA9999999"],
        check: any,
        proof: Proof::Whole,
        topics: Topics::VOTER,
    },
    Form {
        kind: Kind::IN_VEHICLE_REGISTRATION,
        layouts: &[
            "AA99AA9999",
            "AA99A9999",
            "AA 99 AA 9999",
            "AA-99-AA-9999",
            "AA 99 A 9999",
            "AA-99-A-9999",
            "AA99 AA 9999",
        ],
        check: indian_plate,
        proof: Proof::Capitals,
        topics: Topics::PLATE,
    },
    Form {
        kind: Kind::KR_RRN,
        layouts: &["999999-9999999"],
        check: resident,
        proof: Proof::Form,
        topics: Topics::RRN,
    },
    Form {
        kind: Kind::KR_RRN,
        layouts: &["9999999999999"],
        check: resident,
        proof: Proof::Whole,
        topics: Topics::RRN,
    },
    Form {
        kind: Kind::KR_FRN,
        layouts: &["999999-9999999"],
        check: foreigner,
        proof: Proof::Form,
        topics: Topics::FRN,
    },
    Form {
        kind: Kind::KR_FRN,
        layouts: &["9999999999999"],
        check: foreigner,
        proof: Proof::Whole,
        topics: Topics::FRN,
    },
    Form {
        kind: Kind::KR_BRN,
        layouts: &["999-99-99999", "9999999999"],
        check: business,
        proof: Proof::Whole,
        topics: Topics::BRN,
    },
    Form {
        kind: Kind::KR_DRIVER_LICENSE,
        layouts: &["99-99-999999-99", "99 99 999999 99"],
        check: korean_licence,
        proof: Proof::Form,
        topics: Topics::DRIVER_KR.or(Topics::DRIVER),
    },
    Form {
        kind: Kind::KR_DRIVER_LICENSE,
        layouts: &["999999999999"],
        check: korean_licence,
        proof: Proof::Whole,
        topics: Topics::DRIVER_KR,
    },
    Form {
        kind: Kind::KR_PASSPORT,
        layouts: &["A999A9999"],
        check: korean_passport,
        proof: Proof::Capitals,
        topics: Topics::PASSPORT_KR.or(Topics::PASSPORT),
    },
    Form {
        kind: Kind::KR_PASSPORT,
        layouts: &["A99999999"],
        check: korean_passport,
        proof: Proof::Whole,
        topics: Topics::PASSPORT_KR,
    },
    Form {
        kind: Kind::PH_TIN,
        layouts: &[
            "999-999-999",
            "999-999-999-999",
            "999-999-999-99999",
            "999999999",
            "999999999999",
            "99999999999999",
        ],
        check: philippine_tin,
        proof: Proof::Context,
        topics: Topics::PH_TAX,
    },
    Form {
        kind: Kind::PH_MOBILE_NUMBER,
        layouts: &["+999999999999", "+99 999 999 9999", "+99 (999) 999 9999", "+99-999-999-9999"],
        check: philippine_mobile,
        proof: Proof::Form,
        topics: Topics::PH_PHONE,
    },
    Form {
        kind: Kind::PH_MOBILE_NUMBER,
        layouts: &["99999999999", "9999 999 9999", "9999-999-9999", "9 (999) 999 9999"],
        check: philippine_mobile,
        proof: Proof::Whole,
        topics: Topics::PH_PHONE,
    },
    Form {
        kind: Kind::SG_NRIC_FIN,
        layouts: &["A9999999A"],
        check: nric,
        proof: Proof::Capitals,
        topics: Topics::NRIC,
    },
    Form {
        kind: Kind::SG_NRIC_FIN,
        layouts: &["A9999999A"],
        check: |value| b"STFGM".contains(&value[0]),
        proof: Proof::Loose,
        topics: Topics::NRIC,
    },
    Form {
        kind: Kind::SG_UEN,
        layouts: &["99999999A", "999999999A", "A99AA9999A"],
        check: uen,
        proof: Proof::Whole,
        topics: Topics::UEN,
    },
    Form {
        kind: Kind::TH_TNIN,
        layouts: &["9-9999-99999-99-9", "9 9999 99999 99 9"],
        check: thai,
        proof: Proof::Form,
        topics: Topics::THAI,
    },
    Form {
        kind: Kind::TH_TNIN,
        layouts: &["9999999999999"],
        check: thai,
        proof: Proof::Whole,
        topics: Topics::THAI,
    },
    Form {
        kind: Kind::TR_LICENSE_PLATE,
        layouts: &[
            "99A9999",
            "99A99999",
            "99AA999",
            "99AA9999",
            "99AAA99",
            "99AAA999",
            "99AAA9999",
            "99 A 9999",
            "99 A 999",
            "99 AA 999",
            "99 AA 9999",
            "99 AAA 99",
            "99 AAA 999",
            "99 AAA 9999",
        ],
        check: turkish_plate,
        proof: Proof::Whole,
        topics: Topics::PLAKA.or(Topics::PLATE),
    },
    Form {
        kind: Kind::TR_NATIONAL_ID,
        layouts: &["99999999999"],
        check: kimlik,
        proof: Proof::Whole,
        topics: Topics::KIMLIK,
    },
    Form {
        kind: Kind::TR_PHONE_NUMBER,
        layouts: &[
            "+999999999999",
            "+99 999 999 99 99",
            "+99 (999) 999 99 99",
            "9999 999 99 99",
            "9 (999) 999 99 99",
        ],
        check: turkish_phone,
        proof: Proof::Form,
        topics: Topics::TR_PHONE,
    },
    Form {
        kind: Kind::TR_PHONE_NUMBER,
        layouts: &["99999999999", "999 999 99 99", "9 (999) 9999999"],
        check: turkish_phone,
        proof: Proof::Whole,
        topics: Topics::TR_PHONE,
    },
];

/// UIDAI: Verhoeff; nothing begins with 0 or 1.
fn aadhaar(value: &[u8]) -> bool {
    value[0] >= b'2' && varied(value) && verhoeff(value)
}

/// CBIC: state, PAN, entity, Z, check sign. The check sign is not asked: forms in the wild copy it wrongly.
fn gstin(value: &[u8]) -> bool {
    matches!(number(&value[..2]), 1..=38 | 97 | 99) && value[13] == b'Z' && value[12] != b'0'
}

/// Income Tax Department: the fourth letter says what holds it.
fn pan(value: &[u8]) -> bool {
    b"ABCEFGHJKLPT".contains(&value[3])
}

/// Central Motor Vehicles Rules: state, district, series, number.
fn indian_plate(value: &[u8]) -> bool {
    const STATES: &[&[u8; 2]] = &[
        b"AN", b"AP", b"AR", b"AS", b"BR", b"CG", b"CH", b"DD", b"DL", b"DN", b"GA", b"GJ", b"HP", b"HR",
        b"JH", b"JK", b"KA", b"KL", b"LA", b"LD", b"MH", b"ML", b"MN", b"MP", b"MZ", b"NL", b"OD", b"OR",
        b"PB", b"PY", b"RJ", b"SK", b"TN", b"TR", b"TS", b"UK", b"UP", b"WB",
    ];
    STATES.contains(&&[value[0], value[1]]) && number(&value[2..4]) > 0
}

/// Birthday, sex and century, and a region up to 95 (numbers given out since October 2020 have no check digit).
fn resident(value: &[u8]) -> bool {
    month_day(&value[2..6]) && matches!(value[6], b'1'..=b'4') && number(&value[7..9]) <= 95
}

/// The same for foreigners, whose seventh digit is 5 to 8.
fn foreigner(value: &[u8]) -> bool {
    month_day(&value[2..6]) && matches!(value[6], b'5'..=b'8')
}

/// National Tax Service of Korea: weights 1, 3, 7, 1, 3, 7, 1, 3, 5; the tens of the last product count too.
fn business(value: &[u8]) -> bool {
    let sum = weighted(value, &[1, 3, 7, 1, 3, 7, 1, 3, 5]) + digit(value[8]) * 5 / 10;
    (10 - sum % 10) % 10 == digit(value[9]) && varied(value)
}

/// Korea Road Traffic Authority: region 11 to 28, year, serial, check.
fn korean_licence(value: &[u8]) -> bool {
    (11..=28).contains(&number(&value[..2])) && varied(value)
}

/// Ministry of Foreign Affairs of Korea: the letter is the kind of passport.
fn korean_passport(value: &[u8]) -> bool {
    b"MSROD".contains(&value[0])
}

/// Bureau of Internal Revenue: the ninth digit is the sum with weights 9 to 2 modulo 11; a branch follows.
fn philippine_tin(value: &[u8]) -> bool {
    weighted(value, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == digit(value[8]) && varied(&value[..9])
}

/// National Telecommunications Commission: 09 or +63 9, then nine digits.
fn philippine_mobile(value: &[u8]) -> bool {
    value.starts_with(b"639") && value.len() == 12 || value.starts_with(b"09") && value.len() == 11
}

/// Immigration & Checkpoints Authority: weights 2, 7, 6, 5, 4, 3, 2, an offset and a row of letters by the first.
fn nric(value: &[u8]) -> bool {
    let sum = weighted(&value[1..8], &[2, 7, 6, 5, 4, 3, 2]);
    let (offset, letters) = match value[0] {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        b'M' => (3, b"XWUTRQPNJLK"),
        _ => return false,
    };
    letters[((sum + offset) % 11) as usize] == value[8]
}

/// Accounting and Corporate Regulatory Authority: businesses, local companies, other entities.
fn uen(value: &[u8]) -> bool {
    let last = value[value.len() - 1];
    if value[0].is_ascii_alphabetic() {
        const SIGNS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWX0123456789";
        let place = |byte: u8| SIGNS.iter().position(|sign| *sign == byte).unwrap_or(0);
        let sum: usize = value[..9]
            .iter()
            .zip([4, 3, 5, 3, 10, 2, 2, 5, 7])
            .map(|(byte, weight)| place(*byte) * weight)
            .sum();
        return b"RST".contains(&value[0]) && SIGNS[(sum + 6) % 11] == last;
    }
    if value.len() == 9 {
        return b"XMKECAWLJDB"[(weighted(value, &[10, 4, 9, 3, 8, 2, 7, 1]) % 11) as usize] == last;
    }
    let year = number(&value[..4]);
    (1_900..=2_099).contains(&year)
        && b"ZKCMDNERGWH"[(weighted(value, &[10, 8, 6, 4, 9, 7, 5, 3, 1]) % 11) as usize] == last
}

/// Department of Provincial Administration: kind of person, province, number; weights 13 to 2 modulo 11.
fn thai(value: &[u8]) -> bool {
    let sum = weighted(value, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    let province = number(&value[1..3]);
    matches!(value[0], b'1'..=b'8')
        && matches!(province, 10..=27 | 30..=49 | 50..=58 | 60..=67 | 70..=77 | 80..=86 | 90..=96)
        && (11 - sum % 11) % 10 == digit(value[12])
}

/// Karayolları Trafik Yönetmeliği: province 01 to 81; no Q, W, X.
fn turkish_plate(value: &[u8]) -> bool {
    (1..=81).contains(&number(&value[..2])) && !value.iter().any(|byte| b"QWX".contains(byte))
}

/// Nüfus ve Vatandaşlık İşleri: two check digits over odd and even places.
fn kimlik(value: &[u8]) -> bool {
    let at = |nth: usize| digit(value[nth]);
    let odd = at(0) + at(2) + at(4) + at(6) + at(8);
    let even = at(1) + at(3) + at(5) + at(7);
    let all = odd + even + at(9);
    value[0] != b'0' && (odd * 7 + 100 - even) % 10 == at(9) && all % 10 == at(10)
}

/// BTK's numbering plan: a place or mobile code of 2 to 5, after 0 or +90.
fn turkish_phone(value: &[u8]) -> bool {
    let rest = match value.len() {
        12 => value.strip_prefix(b"90"),
        11 => value.strip_prefix(b"0"),
        _ => Some(value),
    };
    rest.is_some_and(|rest| matches!(rest[0], b'2'..=b'5'))
}
