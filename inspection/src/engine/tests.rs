use super::*;
use gateway_core::finding::Kind;
use proptest::prelude::*;
use std::sync::LazyLock;

static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| Engine::new(&Settings::default()).expect("the defaults are valid"));

/// What is found in a text, joined as the redactor joins it: kinds and texts.
fn told(text: &str) -> Vec<(Kind, &str)> {
    let mut found = Vec::new();
    ENGINE.scan(text, &mut found);
    found.sort_by(|a, b| a.start.cmp(&b.start).then(b.end.cmp(&a.end)));
    let mut joined: Vec<Finding> = Vec::new();
    for find in found {
        match joined.last_mut() {
            Some(last) if find.start < last.end => {
                last.end = last.end.max(find.end);
                if find.score > last.score {
                    (last.kind, last.score) = (find.kind, find.score);
                }
            }
            _ => joined.push(find),
        }
    }
    joined.into_iter().map(|find| (find.kind, &text[find.span()])).collect()
}

#[test]
fn each_kind_is_found_as_what_it_is() {
    for (kind, text, value) in [
        (Kind::EMAIL_ADDRESS, "to ann.b@mail.example.org now", "ann.b@mail.example.org"),
        (Kind::EMAIL_ADDRESS, "ann at example dot org", "ann at example dot org"),
        (Kind::PHONE_NUMBER, "+49 30 901820", "+49 30 901820"),
        (Kind::PHONE_NUMBER, "(202) 555-0143 x45", "(202) 555-0143 x45"),
        (Kind::PHONE_NUMBER, "call me at 6123 8378", "6123 8378"),
        (Kind::US_SSN, "SSN 536-90-4399", "536-90-4399"),
        (Kind::CREDIT_CARD, "4111 1111 1111 1111", "4111 1111 1111 1111"),
        (Kind::CREDIT_CARD, "5 5 5 5 5 5 5 5 5 5 5 5 4 4 4 4", "5 5 5 5 5 5 5 5 5 5 5 5 4 4 4 4"),
        (Kind::IP_ADDRESS, "from 203.0.113.77.", "203.0.113.77"),
        (Kind::IP_ADDRESS, "at 2001:db8::ff00:42:8329", "2001:db8::ff00:42:8329"),
        (Kind::IBAN_CODE, "DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 00"),
        (Kind::MAC_ADDRESS, "00:1A:2B:3C:4D:5E", "00:1A:2B:3C:4D:5E"),
        (Kind::DATE_OF_BIRTH, "born on 9 April 1970", "9 April 1970"),
        (Kind::US_PASSPORT, "passport 536904399", "536904399"),
        (Kind::US_BANK_NUMBER, "account number 9847362514", "9847362514"),
        (Kind::SECRET, "password=hunter22", "hunter22"),
        (Kind::US_SSN, "/form?ssn=536-90-4399&x=1", "536-90-4399"),
        (Kind::US_SSN, "SSN#536-90-4399", "536-90-4399"),
        (Kind::CREDIT_CARD, "card:4111111111111111,", "4111111111111111"),
        (Kind::PHONE_NUMBER, "phone=202-555-0143;", "202-555-0143"),
        (Kind::CRYPTO, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    ] {
        assert_eq!(told(text), [(kind, value)], "{text}");
    }
}

#[test]
fn each_disguise_is_seen_through() {
    for (text, value) in [
        ("a ａｎｎ＠ｘ．ｏｒｇ", "ａｎｎ＠ｘ．ｏｒｇ"),
        ("a ann\u{200b}@x.o\u{ad}rg", "ann\u{200b}@x.o\u{ad}rg"),
        ("a аnn@x.org", "аnn@x.org"),
        ("a ann%40x%2Eorg", "ann%40x%2Eorg"),
        ("a ann&#64;x&#46;org", "ann&#64;x&#46;org"),
        (r"a ann\u0040x.org", r"ann\u0040x.org"),
        ("a YW5uLmJAbWFpbC5vcmc=", "YW5uLmJAbWFpbC5vcmc="),
        (r#"{\"to\":\"ann@x.org\"}"#, "ann@x.org"),
        ("**ann@x.org**", "ann@x.org"),
        ("a ann [at] x [dot] org", "ann [at] x [dot] org"),
        ("a ann%2540x.org", "ann%2540x.org"),
        ("a msg-YW5uLmJAbWFpbC5vcmc=", "YW5uLmJAbWFpbC5vcmc="),
        ("a export_YW5uLmJAbWFpbC5vcmc=", "YW5uLmJAbWFpbC5vcmc="),
        ("a id-616e6e40782e6f7267", "616e6e40782e6f7267"),
        ("-enc YQBuAG4AQAB4AC4AbwByAGcA", "YQBuAG4AQAB4AC4AbwByAGcA"),
    ] {
        assert_eq!(told(text), [(Kind::EMAIL_ADDRESS, value)], "{text}");
    }
    for (text, value) in [
        ("ssn ５３６-９０-４３９９", "５３６-９０-４３９９"),
        ("ssn ٥٣٦-٩٠-٤٣٩٩", "٥٣٦-٩٠-٤٣٩٩"),
        ("ssn 536\u{2011}90\u{a0}\u{2011}4399", "536\u{2011}90\u{a0}\u{2011}4399"),
        ("ssn 536-\n90-4399", "536-\n90-4399"),
        ("ssn 5 3 6 9 0 4 3 9 9", "5 3 6 9 0 4 3 9 9"),
    ] {
        assert_eq!(told(text), [(Kind::US_SSN, value)], "{text}");
    }
}

#[test]
fn values_in_tags_are_seen_and_values_cut_by_tags_too() {
    let tags = |plain: &str| -> String {
        plain.chars().filter_map(|c| char::from_u32(u32::from(c) + 0xE0000)).collect()
    };
    let (mail, cut) = (tags("ann@x.org"), format!("536-{}90-4399", tags("nothing")));
    assert_eq!(told(&format!("hello {mail}")), [(Kind::EMAIL_ADDRESS, mail.as_str())]);
    assert_eq!(told(&format!("ssn {cut}")), [(Kind::US_SSN, cut.as_str())]);
}

#[test]
fn a_value_in_a_long_line_of_base64_is_found_in_its_piece() {
    use base64::Engine as _;
    let words = "nothing of it is anybody's business; ".repeat(20_000);
    // On both sides of where two pieces meet (24 KiB of text), and far from it.
    for at in [(24 << 10) - 8, 300 << 10] {
        let text = [&words[..at], " ann.b@mail.example.org ", &words[at..]].concat();
        let line = base64::engine::general_purpose::STANDARD.encode(text);
        let found = told(&line);
        let kinds: Vec<Kind> = found.iter().map(|(kind, _)| *kind).collect();
        let touched = if at < 30_000 { 2 } else { 1 };
        assert_eq!(kinds, vec![Kind::EMAIL_ADDRESS; touched], "{at}");
        assert!(found.iter().all(|(_, value)| value.len() <= 32 << 10), "{at}");
    }
}

#[test]
fn what_developers_send_all_day_is_left_alone() {
    for text in [
        "Chrome/128.0.6613.92 Safari/537.36",
        "version 1.2.3.4, released 2024-03-01 10:22:31",
        "\"left-pad@1.3.0\": \"sha512-XI5MPzVNApjAyhQzphX8BkmKsKUxD4LdyK24iZeQGinBN9yTQT3bFl==\"",
        "550e8400-e29b-41d4-a716-446655440000",
        "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "1709286151 1709286151123 0x7ffee4c0",
        "30/100 * 120 = 36, 1200-1000=200, 3.14159265",
        "std::vector<int> a::b::c",
        "@app.route(\"/x\") def f(self): return self.cf",
        "for (i = 0; i < 100_000; i++) x[i] = 12345678;",
        "ZIP 94304-1050",
        "ts=1709286151&offset=12345678 took:1709286151123 std::min::<u8> a::1234567890",
        "flags \u{1F3F4}\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F} here",
        "a_long_name_of_several_words, another-name-in-a-path/of-some-thing",
    ] {
        assert_eq!(told(text), [], "{text}");
    }
}

#[test]
fn what_is_allowed_is_never_found_and_own_patterns_are() {
    let pattern = |expression: Option<&str>, words: &[&str], context: &[&str]| Pattern {
        kind: Kind::learn("EMPLOYEE_ID").expect("it fits"),
        expression: expression.map(str::to_owned),
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        context: context.iter().map(|word| (*word).to_owned()).collect(),
        score: 90,
    };
    let engine = |patterns: Vec<Pattern>, allow: &[&str]| {
        let allow = allow.iter().map(|value| (*value).to_owned()).collect();
        Engine::new(&Settings { patterns, allow }).expect("it is valid")
    };
    for (patterns, allow, text, want) in [
        (vec![pattern(Some("EMP-[0-9]{5}"), &[], &[])], &[][..], "EMP-12345, EMP-1", &["EMP-12345"][..]),
        (vec![pattern(None, &["Aurora"], &[])], &[], "project aurora, auroras", &["aurora"]),
        (vec![pattern(Some("[0-9]{5}"), &[], &["badge"])], &[], "badge 12345", &["12345"]),
        (vec![pattern(Some("[0-9]{5}"), &[], &["badge"])], &[], "number 12345", &[]),
        (vec![], &["info@x.org"], "info@x.org, ann@x.org", &["ann@x.org"]),
    ] {
        let mut found = Vec::new();
        engine(patterns, allow).scan(text, &mut found);
        let told: Vec<&str> = found.iter().map(|find| &text[find.span()]).collect();
        assert_eq!(told, want, "{text}");
    }
    let wrong = |expression| pattern(Some(expression), &[], &[]).check().expect_err("it is none").to_string();
    assert!(wrong("a(b").contains("EMPLOYEE_ID"));
    assert!(wrong("a*").contains("empty"));
    assert!(wrong("(?=a)b").contains("look-around"), "{}", wrong("(?=a)b"));
    assert!(wrong("(a{1000}){1000}").contains("size"), "{}", wrong("(a{1000}){1000}"));
}

#[test]
fn hostile_texts_take_linear_time() {
    for unit in [
        "7",
        "@",
        "\u{301}",
        "A",
        "7 ",
        "a@",
        "%25",
        "&amp;",
        "\\\\",
        "1.",
        ":",
        "password ",
        "://a:",
        "YW5u",
        "[at",
        "é",
        "eyJ",
        "birth 1",
    ] {
        let text = unit.repeat((1 << 18) / unit.len());
        let mut found = Vec::new();
        // The bound is generous: what is not linear takes minutes.
        ENGINE.scan(&text, &mut found);
        assert!(found.iter().all(|find| text.get(find.span()).is_some()), "{unit}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn spans_are_whole_characters(
        parts in prop::collection::vec(
            prop_oneof![
                any::<String>(),
                "[0-9 .()/+-]{0,20}",
                Just("password: ".to_owned()),
                Just("born ".to_owned()),
                Just("ann@é.org".to_owned()),
                Just("%C3%A9\\u00e9&#233;".to_owned()),
                Just("٥٣٦\u{200b}".to_owned()),
                Just("DE89 3704 ".to_owned()),
                Just("::1".to_owned()),
            ],
            0..8,
        ),
    ) {
        let text = parts.concat();
        let mut found = Vec::new();
        ENGINE.scan(&text, &mut found);
        for find in found {
            prop_assert!(text.get(find.span()).is_some_and(|value| !value.is_empty()), "{find:?}");
        }
    }

    #[test]
    fn in_words_of_small_letters_nothing_is_found(words in prop::collection::vec("[b-m]{1,9}", 0..40)) {
        let text = words.join(" ");
        prop_assert_eq!(told(&text), []);
    }
}
