use super::*;
use gateway_core::finding::Kind;

fn told(text: &str) -> Vec<(Kind, &str)> {
    let nationals = Nationals::new();
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(step) = bytes[at..].iter().position(u8::is_ascii_digit) {
        let alnum = |byte: &&u8| byte.is_ascii_alphanumeric();
        let start = at + step - bytes[at..at + step].iter().rev().take_while(alnum).count();
        let end = at + step + bytes[at + step..].iter().take_while(alnum).count();
        nationals.find(text, start..end, &mut found);
        at = end;
    }
    found.iter().map(|find| (find.kind, &text[find.span()])).collect()
}

#[test]
fn ids_are_found_by_form_and_check() {
    for (kind, text, value) in [
        (Kind::BR_CPF, "her CPF 529.982.247-25 was sent", "529.982.247-25"),
        (Kind::UK_NINO, "she wrote AB 12 34 56 C on it", "AB 12 34 56 C"),
        (Kind::ES_NIF, "el titular 12345678Z firma aquí", "12345678Z"),
        (Kind::SG_NRIC_FIN, "bearer of S1234567D was seen", "S1234567D"),
        (Kind::US_MBI, "the card says 1EG4-TE5-MK73 below", "1EG4-TE5-MK73"),
        (Kind::IT_FISCAL_CODE, "il codice RSSMRA85T10A562S è suo", "RSSMRA85T10A562S"),
        (Kind::UK_NHS, "the NHS number 943 476 5919 of hers", "943 476 5919"),
        (Kind::US_DRIVER_LICENSE, "driver's license: D1234567 of hers", "D1234567"),
        (Kind::PL_PESEL, "44051401458", "44051401458"),
    ] {
        assert!(told(text).contains(&(kind, value)), "{text}: {:?}", told(text));
    }
}

#[test]
fn numbers_without_proof_or_words_are_left() {
    for text in [
        "the build 123456789 ran for 1234567890 milliseconds in all",
        "her CPF 529.982.247-26 was sent and nobody saw that it is wrong",
        "it was AB 12 34 56 Z and not another one that they wrote",
        "commit 44051401458 is a number of eleven digits in a longer text",
        "x86_64 utf8 sha256 v1beta1 2024 AB12",
    ] {
        assert_eq!(told(text), [], "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn spans_are_whole_characters(text in "([A-Z]{1,4}|[0-9]{1,6}|[ .é/-]){0,16}") {
        for (_, value) in told(&text) {
            proptest::prop_assert!(value.is_ascii());
        }
    }
}
