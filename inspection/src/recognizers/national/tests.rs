//! Tests of the recognizer of national identifiers. All values are invented.

use super::Nationals;
use proptest::prelude::*;
use std::ops::Range;
use std::sync::LazyLock;

static NATIONALS: LazyLock<Nationals> = LazyLock::new(Nationals::new);

/// The runs of ASCII letters and digits that hold a digit.
fn groups(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut groups, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let end = at + bytes[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if bytes[at..end].iter().any(u8::is_ascii_digit) {
            groups.push(at..end);
        }
        at = end.max(at + 1);
    }
    groups
}

fn found(text: &str) -> Vec<(&'static str, &str)> {
    let mut finds = Vec::new();
    for group in groups(text) {
        NATIONALS.find(text, group, &mut finds);
    }
    finds.iter().map(|find| (find.kind.name(), &text[find.span()])).collect()
}

/// Text, and what of it is found as which kind.
type Case = (&'static str, &'static str, &'static str);

/// Values whose form and check digits prove them in any sentence.
const PROVEN: &[Case] = &[
    ("the file 123.456.789-09 is closed", "BR_CPF", "123.456.789-09"),
    ("the firm 11.222.333/0001-81 paid", "BR_CNPJ", "11.222.333/0001-81"),
    ("from AB123456C on", "UK_NINO", "AB123456C"),
    ("from AB 12 34 56 C on", "UK_NINO", "AB 12 34 56 C"),
    ("holder MORGA753116SM9IJ here", "UK_DRIVING_LICENCE", "MORGA753116SM9IJ"),
    ("see 87654321X there", "ES_NIF", "87654321X"),
    ("see X1234567L there", "ES_NIE", "X1234567L"),
    ("see 131052-308T there", "FI_PERSONAL_IDENTITY_CODE", "131052-308T"),
    ("see 2 55 08 14 168 025 38 there", "FR_NIR", "2 55 08 14 168 025 38"),
    ("see RSSMRA85T10A562S there", "IT_FISCAL_CODE", "RSSMRA85T10A562S"),
    ("see 811218-9876 there", "SE_PERSONNUMMER", "811218-9876"),
    ("see 53 004 085 616 there", "AU_ABN", "53 004 085 616"),
    ("see 2999 9999 9998 there", "", ""),
    ("see S1234567D there", "SG_NRIC_FIN", "S1234567D"),
    ("see 3AB4-CD5-EF67 there", "", ""),
    ("see 3AC4-CD5-EF67 there", "US_MBI", "3AC4-CD5-EF67"),
    ("see 27AAPFU0939F1ZV there", "IN_GSTIN", "27AAPFU0939F1ZV"),
    ("see MH12DE1433 there", "IN_VEHICLE_REGISTRATION", "MH12DE1433"),
    ("see 900101-1234567 there", "KR_RRN", "900101-1234567"),
    ("see 900101-5234567 there", "KR_FRN", "900101-5234567"),
];

/// Values that need a word of context, and the same without it.
const NAMED: &[Case] = &[
    ("routing number 011000015", "ABA_ROUTING_NUMBER", "011000015"),
    ("count 011000015 rows", "", ""),
    ("Passport: C03005988", "US_PASSPORT", "C03005988"),
    ("part C03005988 of it", "", ""),
    ("driver's license D6101-40706-60905", "US_DRIVER_LICENSE", "D6101-40706-60905"),
    ("driver's license: F2554921.", "US_DRIVER_LICENSE", "F2554921"),
    ("the build F2554921", "", ""),
    ("passport 533380006", "US_PASSPORT", "533380006"),
    ("her NHS number is 943 476 5919", "UK_NHS", "943 476 5919"),
    ("call 943 476 5919", "", ""),
    ("my SIN 046 454 286", "", ""),
    ("my SIN 130 692 544", "CA_SIN", "130 692 544"),
    ("BSN 111222333", "NL_BSN", "111222333"),
    ("row 111222333", "", ""),
    ("PESEL 92071314764", "PL_PESEL", "92071314764"),
    ("Steuer-ID 86095742719", "DE_TAX_ID", "86095742719"),
    ("TFN 123 456 782", "AU_TFN", "123 456 782"),
    ("Kimlik No 12345678950", "TR_NATIONAL_ID", "12345678950"),
    ("NPI 1234567893", "US_NPI", "1234567893"),
    ("at 1234567893 seconds", "", ""),
    ("my car is AB12 CDE", "UK_VEHICLE_REGISTRATION", "AB12 CDE"),
    ("type AB12 CDE", "", ""),
];

/// Texts that are nothing but a value, or values.
const WHOLE: &[Case] = &[
    ("1234567893", "US_NPI", "1234567893"),
    (" 1234567893.", "US_NPI", "1234567893"),
    ("1234567894", "", ""),
    ("KA 123 456", "", ""),
    ("34 TR 4321", "TR_LICENSE_PLATE", "34 TR 4321"),
    ("82 TR 4321", "", ""),
    ("L22DEF456", "", ""),
    ("T21345678", "DE_ID_CARD", "T21345678"),
    ("1101700207366", "TH_TNIN", "1101700207366"),
    ("1101700207367", "", ""),
    ("1709286151", "", ""),
    ("1709286151123", "", ""),
    ("1003000126 1245319599", "", ""),
    ("1003000126 and 7777777777", "US_NPI", "1003000126"),
];

/// What looks alike and is none.
const OTHERS: &[Case] = &[
    ("2024-11-24 10:20:30.123456", "", ""),
    ("sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0bca62", "", ""),
    ("version 1.2.3.4, 192.168.17.34:8080", "", ""),
    ("serde 1.0.219, tokio-1.44.2, x86_64-unknown-linux-gnu", "", ""),
    ("Date: Mon Nov 24 10:20:30 2025 +0100", "", ""),
    ("chunk-12345678Z-9.js, /users/12345678Z", "", ""),
    ("$123 456 789 and 1,234,567,893", "", ""),
    ("uuid 7d444840-9dc0-11d1-b245-5ffdce74fad2", "", ""),
    ("order 4539 1488 0343 6467 1234", "", ""),
    ("0x12345678L, 100000000L, 1e10, 16777216", "", ""),
];

#[test]
fn each_value_is_found_as_its_kind_and_others_are_left() {
    for (text, kind, value) in [PROVEN, NAMED, WHOLE, OTHERS].into_iter().flatten() {
        let want: Vec<(&str, &str)> = if kind.is_empty() { vec![] } else { vec![(*kind, *value)] };
        assert_eq!(found(text), want, "{text}");
    }
}

#[test]
fn one_wrong_digit_is_seen() {
    for (value, kind) in [
        ("53 004 085 616", "AU_ABN"),
        ("2 55 08 14 168 025 38", "FR_NIR"),
        ("0110-0001-5", "ABA_ROUTING_NUMBER"),
    ] {
        assert_eq!(found(value), [(kind, value)]);
        for (at, byte) in value.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
            let other = char::from(b'0' + (byte - b'0' + 1) % 10).to_string();
            let wrong = format!("{}{other}{}", &value[..at], &value[at + 1..]);
            assert!(!found(&wrong).iter().any(|(found, _)| *found == kind), "{wrong}");
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_searched_and_spans_stand_between_characters(text in "(\\PC|[A-Z0-9 ./()+-]){0,80}") {
        let mut finds = Vec::new();
        for group in groups(&text) {
            NATIONALS.find(&text, group, &mut finds);
        }
        for find in finds {
            prop_assert!(find.start < find.end);
            prop_assert!(text.is_char_boundary(find.start) && text.is_char_boundary(find.end));
        }
    }
}
