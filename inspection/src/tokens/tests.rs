use super::*;
use proptest::prelude::*;

fn counted(texts: &[&str]) -> u64 {
    let mut count = Count::new(Tokenizer::O200kBase, texts.iter().map(|text| Text::new(text)).collect());
    while count.go_on(PIECE) {}
    count.most()
}

/// Of a text that stands alone.
fn exact(text: &str) -> u64 {
    tiktoken::get_encoding("o200k_base").unwrap().count(text) as u64
}

#[test]
fn a_text_is_its_tokens_and_the_bytes_of_its_ends() {
    for (case, text, tokens, want) in [
        ("nothing", "", 0, 0),
        ("one word", "Hello", 1, 5),
        // `Why` and `?` with their bytes.
        ("a question", "Why is the sky blue?", 6, 3 + 4 + 1),
        ("lines", "one two\nthree four\nfive", 7, 3 + 5 + 4),
        ("numbers", "1234567 is 7 digits", 7, 7 + 3 + 7),
        ("a document", r#"{"temperature":22,"unit":"C"}"#, 9, 13 + 6 + 2),
        ("Chinese", "今天天气很好，我们去公园散步吧。", 12, 18 + 7 + 3),
        ("no place", "zzzzzzzzzzzzzzzz", 8, 16),
        // Seven tokens, for the one that it spells.
        ("a special token", "say <|endoftext|> now", 9, 3 + 7 + 4),
    ] {
        assert_eq!((exact(text), counted(&[text])), (tokens, want), "{case}");
    }
    assert_eq!(counted(&["Why is it?", "", "Why is it?"]), 2 * counted(&["Why is it?"]));
}

#[test]
fn prose_is_about_a_fourth_of_its_bytes() {
    let prose = include_str!("../../benches/plain.txt");
    let (bytes, exact) = (prose.len() as u64, exact(prose));
    let most = counted(&[prose]);
    assert!((exact..exact + 40).contains(&most), "{most} of {exact}");
    assert!(most * 3 < bytes, "{most} of {bytes}");
}

#[test]
fn what_has_no_place_keeps_its_bytes_and_what_stands_beside_it_is_counted() {
    let (run, words) = ("ab".repeat(2 * PIECE), " and so on".repeat(100));
    let text = format!("so{words} {run}{words} it ended");
    let most = counted(&[&text]);
    // Two edges; blanks and letters that the run grows together with.
    let exact_words = 2 * exact(&words) + 2;
    let least = run.len() as u64 + exact_words;
    assert!((least..least + 40).contains(&most), "{most} of {least}");
    assert_eq!(counted(&[&run]), run.len() as u64);
}

#[test]
fn who_stops_on_the_way_holds_a_bound_that_shrinks() {
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(10_000);
    let mut count = Count::new(Tokenizer::O200kBase, vec![Text::new(&text), Text::new(&text)]);
    let (mut most, mut calls) = (count.most(), 0);
    assert_eq!(most, 2 * text.len() as u64);
    while count.go_on(10_000) {
        assert!(count.most() <= most);
        most = count.most();
        calls += 1;
    }
    assert!(calls > 10, "{calls}");
    assert!(count.most() < 2 * exact(&text) + 40);
}

/// Whatever the pattern treats by itself, thickly.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z']{1,8}",
        2 => "[0-9]{1,5}",
        3 => "[ \t\r\n\u{a0}\u{3000}]{1,4}",
        2 => "[-/'\"{}:;,.|<>=_+*#@!?\u{0}\u{7f}]{1,4}",
        2 => "[今天好、。，「」ひらがナ한글ー々]{1,6}",
        1 => "('s|'LL|'re|'ſ|’s|//|\r\n/|<\\|endoftext\\|>)",
        1 => "[éßΩǅʰا\u{301}\u{200d}😀½Ⅷ٣²]{1,3}",
        1 => "\\PC{1,4}",
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// At a place the tokens of the two parts are those of the whole, whatever is around.
    #[test]
    fn at_a_place_a_text_falls_into_two((text, around) in (any_text(), any_text())) {
        let whole = format!("{around}{text}{around}");
        for at in (0..whole.len()).filter(|at| whole.is_char_boundary(*at) && is_place(&whole, *at)) {
            let (left, right) = whole.split_at(at);
            prop_assert_eq!(exact(left) + exact(right), exact(&whole), "{:?} | {:?}", left, right);
        }
    }

    /// A prompt has no more tokens than its texts' count, and the bytes of what stands around and between them.
    #[test]
    fn no_surroundings_make_a_count_too_small(
        texts in proptest::collection::vec((any_text(), any_text()), 1..4),
        before in any_text(),
    ) {
        let mut prompt = before.clone();
        let mut around = before.len();
        for (text, after) in &texts {
            prompt.push_str(text);
            prompt.push_str(after);
            around += after.len();
        }
        let texts: Vec<&str> = texts.iter().map(|(text, _)| text.as_str()).collect();
        let (most, bytes) = (counted(&texts), texts.iter().map(|text| text.len() as u64).sum::<u64>());
        prop_assert!(exact(&prompt) <= most + around as u64);
        prop_assert!(most <= bytes);
        prop_assert!(texts.iter().map(|text| exact(text)).sum::<u64>() <= most);
    }

    #[test]
    fn slices_of_any_size_count_the_same(texts in proptest::collection::vec(any_text(), 0..4), slice in 1usize..40) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut count = Count::new(Tokenizer::O200kBase, texts.iter().map(|text| Text::new(text)).collect());
        while count.go_on(slice) {}
        prop_assert_eq!(count.most(), counted(&texts));
    }
}
