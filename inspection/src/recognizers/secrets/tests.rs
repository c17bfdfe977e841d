use super::*;
use crate::engine::triggers::Triggers;
use std::sync::LazyLock;

fn find(text: &str) -> Vec<Finding> {
    static TRIGGERS: LazyLock<Triggers<Begins>> = LazyLock::new(|| Triggers::new(words()));
    let mut found = Vec::new();
    TRIGGERS.find(text, |word, hit| at(text, word.begins, hit, &mut found));
    found
}

fn told(text: &str) -> Vec<&str> {
    find(text).iter().map(|find| &text[find.span()]).collect()
}

#[test]
fn secrets_are_found_by_form_name_and_place() {
    for (text, want) in [
        ("key sk-gateway-finance-001 here", "sk-gateway-finance-001"),
        ("AKIAQ3EGRZ7XN2VBTPLM", "AKIAQ3EGRZ7XN2VBTPLM"),
        ("password = \"hunter22\"", "hunter22"),
        ("DB_PASSWORD=s3cr3tValue", "s3cr3tValue"),
        ("\"client_secret\": \"k9Xw2LmQ8vT4\"", "k9Xw2LmQ8vT4"),
        ("curl -H 'Authorization: Bearer q8Zt5Lw0Xy7Rk2Vb9Nm3'", "q8Zt5Lw0Xy7Rk2Vb9Nm3"),
        ("run --token q8Zt5Lw0Xy7Rk2Vb9Nm3 now", "q8Zt5Lw0Xy7Rk2Vb9Nm3"),
        ("postgres://app:Xk29mzQ@db/x", "app:Xk29mzQ"),
        ("curl --user bob:wq83nd", "bob:wq83nd"),
        ("the password is Qr7!dke#39.", "Qr7!dke#39"),
        ("<add key=\"Password\" value=\"mzQ29x\"/>", "mzQ29x"),
    ] {
        assert!(told(text).contains(&want), "{text}: {:?}", told(text));
    }
}

#[test]
fn what_is_no_secret_is_left() {
    for text in [
        "password = os.environ['DB_PASSWORD']",
        "password: ${DB_PASSWORD}",
        "def check(password: str, token: Optional[str]) -> bool:",
        "the key to success is work",
        "\"integrity\": \"sha512-9XwQ2LmQ8vT4k9Xw2LmQ8vT4k9Xw2LmQ8vT4==\"",
        "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "monkey = primary_key(id)",
        "tokenizer.tokens[0]",
        "https://example.org/a@b",
        "for key, value in items:",
    ] {
        assert_eq!(told(text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn a_private_key_is_found_to_its_end() {
    let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAq8Zt5Lw0Xy7Rk2Vb9Nm3\n-----END RSA PRIVATE KEY-----";
    assert!(told(&format!("a {key} b")).contains(&key));
    assert_eq!(told("-----BEGIN CERTIFICATE-----\nMIIEow==\n-----END CERTIFICATE-----"), Vec::<&str>::new());
}

proptest::proptest! {
    #[test]
    fn spans_are_whole_characters(text in "(password|key|token|://|--user |sk-|eyJ|[ -~é😀\"':=@]){0,12}") {
        for find in find(&text) {
            proptest::prop_assert!(text.get(find.span()).is_some());
        }
    }
}
