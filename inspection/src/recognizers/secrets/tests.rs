//! Tests of the recognizer of secrets. All values are invented.

use super::Secrets;
use proptest::prelude::*;
use std::sync::LazyLock;

static SECRETS: LazyLock<Secrets> = LazyLock::new(Secrets::new);

/// What is found in `text`, in order; overlapping finds are joined.
fn found(text: &str) -> Vec<&str> {
    let mut finds = Vec::new();
    SECRETS.find(text, &mut finds);
    let mut spans: Vec<_> = finds.iter().map(|find| find.span()).collect();
    spans.sort_by_key(|span| (span.start, span.end));
    let mut joined: Vec<std::ops::Range<usize>> = Vec::new();
    for span in spans {
        match joined.last_mut().filter(|last| span.start < last.end) {
            Some(last) => last.end = last.end.max(span.end),
            None => joined.push(span),
        }
    }
    joined.into_iter().map(|span| &text[span]).collect()
}

/// A run that looks drawn: letters of both cases and digits.
fn drawn(len: usize) -> String {
    "q7RtZ2mKx9WbL4vNc8PyH3sJd6FgT1uA5eEoXi0BrYwVk".chars().cycle().take(len).collect()
}

fn hex(len: usize) -> String {
    "7f3a9c1e5b2d804f6ea7c3195bd0284e".chars().cycle().take(len).collect()
}

#[test]
fn a_maker_s_mark_and_the_right_run_are_found_whole() {
    for (mark, run) in [
        ("sk-", drawn(48)),
        ("sk-proj-", drawn(90)),
        ("sk-ant-api03-", drawn(93)),
        ("sk-or-v1-", hex(64)),
        ("sk-gateway-", drawn(43)),
        ("gsk_", drawn(52)),
        ("hf_", drawn(34)),
        ("AIza", drawn(35)),
        ("ya29.", drawn(90)),
        ("AKIA", "Q3RTZ7MKX2WBL4VN".to_owned()),
        ("ASIA", "Q3RTZ7MKX2WBL4VN".to_owned()),
        ("ghp_", drawn(36)),
        ("gho_", drawn(36)),
        ("ghs_", drawn(36)),
        ("github_pat_", drawn(82)),
        ("glpat-", drawn(20)),
        ("npm_", drawn(36)),
        ("pypi-", drawn(120)),
        ("dckr_pat_", drawn(27)),
        ("xoxb-204871936450-", drawn(24)),
        ("SG.", format!("{}.{}", drawn(22), drawn(43))),
        ("sk_live_", drawn(24)),
        ("rk_live_", drawn(24)),
        ("whsec_", drawn(32)),
        ("SK", hex(32)),
        ("AC", hex(32)),
        ("dop_v1_", hex(64)),
        ("shpat_", hex(32)),
        ("dapi", hex(32)),
        ("hvs.", drawn(90)),
        ("AGE-SECRET-KEY-1", drawn(58).to_ascii_uppercase()),
        ("abc8Q~", drawn(34)),
        ("q7RtZ2mKx9WbL4.atlasv1.", drawn(67)),
        ("8412093756:AA", format!("H{}", drawn(32))),
        ("$2b$", format!("12${}", drawn(53))),
    ] {
        let token = format!("{mark}{run}");
        for text in [
            token.clone(),
            format!("use {token}, please"),
            format!("x=\"{token}\""),
            format!("日本{token}語"),
        ] {
            assert_eq!(found(&text), [token.as_str()], "{text}");
        }
    }
}

#[test]
fn a_mark_without_its_run_is_not_a_secret() {
    for text in [
        "a risk-adjusted-return and sk-learn-compatible-estimators",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk-proj-... and sk-ant-<your key>",
        "AKIAXXXXXXXXXXXXXXXX",
        "ghp_short",
        "hf_hub_download(repo_id)",
        "npm_config_registry and npm_lifecycle_event",
        "SG.example",
        "eyJ is how a JSON web token begins",
        "ACCEPTANCE and SKELETON",
        "EAADDRESS AKIAlike",
        "live_streaming_of_the_opening_ceremony_now",
    ] {
        assert_eq!(found(text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn a_mark_that_announced_nothing_hides_no_other() {
    let key = format!("sk-proj-{}", drawn(60));
    for text in
        [format!("-eyJ-eyJ-{key}"), format!("sk-learn {key}"), format!("xoxb-{} {key}", "a".repeat(90))]
    {
        assert_eq!(found(&text), [key.as_str()], "{text}");
    }
}

#[test]
fn named_values_are_found_where_they_stand() {
    let aws = drawn(40);
    let azure = format!("{}==", drawn(86));
    let of_aws = format!("aws_secret_access_key = {aws}");
    let of_azure = format!("AccountName=a;AccountKey={azure};");
    for (case, text, want) in [
        ("python", r#"password = "Tr0ub4dor&3x""#, "Tr0ub4dor&3x"),
        ("a word in quotes", "db_password = 'sunflower'", "sunflower"),
        ("json", r#"{"client_secret": "q7RtZ2mKx9WbL4vNc8"}"#, "q7RtZ2mKx9WbL4vNc8"),
        ("json in json", r#"{\"password\": \"Fj0rd!2041\"}"#, "Fj0rd!2041"),
        ("yaml", "api_key: q7RtZ2mKx9WbL4vNc8Py\nport: 80", "q7RtZ2mKx9WbL4vNc8Py"),
        ("environment", "export DB_PASSWORD=sunflower77\n", "sunflower77"),
        ("typed", r#"api_token: str = "q7RtZ2mKx9WbL4vNc8""#, "q7RtZ2mKx9WbL4vNc8"),
        ("typed, borrowed", r#"const API_TOKEN: &'static str = "q7RtZ2mKx9WbL4vNc8";"#, "q7RtZ2mKx9WbL4vNc8"),
        ("element", "<password>Fj0rd!2041</password>", "Fj0rd!2041"),
        ("attribute", r#"<add key="DbPassword" value="Fj0rd!2041"/>"#, "Fj0rd!2041"),
        ("flag", "mysql --user root --password Fj0rd!2041 db", "Fj0rd!2041"),
        ("flag with =", "redis-cli --pass=Fj0rd!2041 ping", "Fj0rd!2041"),
        ("aws", of_aws.as_str(), aws.as_str()),
        ("azure", of_azure.as_str(), azure.as_str()),
        ("sql server", "Server=db;User Id=sa;Password=Fj0rd!2041;", "Fj0rd!2041"),
        ("bearer", "Authorization: Bearer q7RtZ2mKx9WbL4vNc8Py", "q7RtZ2mKx9WbL4vNc8Py"),
        ("basic", "authorization: Basic cm9vdDpGajByZCEyMDQx", "cm9vdDpGajByZCEyMDQx"),
        ("header", "X-Api-Key: q7RtZ2mKx9WbL4vNc8Py", "q7RtZ2mKx9WbL4vNc8Py"),
        ("query", "GET /v1?api_key=q7RtZ2mKx9WbL4vNc8Py&page=2", "q7RtZ2mKx9WbL4vNc8Py"),
        ("curl", "curl -u admin:Fj0rd!2041 https://h.example/", "admin:Fj0rd!2041"),
        ("prose", "The password is Fj0rd!2041.", "Fj0rd!2041"),
        ("prose, for whom", "the password for the router is 'sunflower'", "sunflower"),
        ("german", "Das Kennwort lautet Fj0rd!2041", "Fj0rd!2041"),
        ("spanish", "contraseña: Fj0rd!2041", "Fj0rd!2041"),
        ("french", "Mot de passe : Fj0rd!2041", "Fj0rd!2041"),
        ("chinese", "密码：Fj0rd!2041", "Fj0rd!2041"),
    ] {
        assert_eq!(found(text), [want], "{case}");
    }
}

#[test]
fn what_holds_the_place_of_a_secret_is_not_one() {
    for text in [
        r#"password = os.environ["DB_PASSWORD"]"#,
        r#"password = getpass.getpass("Password: ")"#,
        "api_key: ${API_KEY}",
        "token: {{ vault_token }}",
        "password: $DB_PASSWORD",
        r#"api_key = "<your-key>""#,
        r#"secret: "xxxxxxxxxxxxxxxx""#,
        r#"password = "changeme""#,
        r#"token = "YOUR_TOKEN_HERE""#,
        "password: ********",
        "def login(user: str, password: str) -> bool:",
        "password = request.form.password",
        "self.token = token",
        "let key = map.get(&token)?;",
        r#"{"type": "password", "required": true}"#,
        "The password must be at least 12 characters long.",
        "Reset your password or ask for a new token.",
        "max_tokens: 4096, total_tokens=1532",
        "the primary key is customer_id",
        r#"public_key = "q7RtZ2mKx9WbL4vNc8PyH3sJd6FgT1uA""#,
        r#"next_page_token: "q7RtZ2mKx9WbL4vNc8""#,
        "the monkey and the keyboard",
        "pass the salt, compass: north42west",
        "Authorization: Bearer <token>",
        "https://user:password@host/ and https://$USER:$PASS@host/",
    ] {
        assert_eq!(found(text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn random_runs_that_open_nothing_stay() {
    for text in [
        format!("commit {}", hex(40)),
        format!("\"integrity\": \"sha512-{}==\"", drawn(86)),
        format!("checksum = \"{}\"", hex(64)),
        format!("image@sha256:{}", hex(64)),
        "id: 7f3a9c1e-5b2d-404f-8ea7-c3195bd0284e".to_owned(),
        "key: 7f3a9c1e-5b2d-404f-8ea7-c3195bd0284e".to_owned(),
        format!("cache-key: {}", hex(32)),
        format!("<img src=\"data:image/png;base64,{}\">", drawn(400)),
        "https://shop.example:8443/a@b?c=d:e@f".to_owned(),
        "ssh://git@code.example/team/repo.git".to_owned(),
        "AbstractSingletonProxyFactoryBean2KeyProvider".to_owned(),
    ] {
        assert_eq!(found(&text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn addresses_show_their_password() {
    let slack = format!("https://hooks.slack.com/services/T0Q7RTZ2M/B0WBL4VNC/{}", drawn(24));
    let signature = format!("{}%3D", drawn(43));
    let signed = format!("https://x.blob.example/c?sp=r&sig={signature}&sv=1");
    for (case, text, want) in [
        ("database", "postgres://app:Fj0rd2041@db:5432/x", "Fj0rd2041"),
        ("no user", "redis://:Fj0rd2041@cache:6379", "Fj0rd2041"),
        ("an @ within", "amqp://a:Fj0rd@2041@mq/", "Fj0rd@2041"),
        ("web", "https://ana:Fj0rd2041@h.example/p", "ana:Fj0rd2041"),
        ("webhook", slack.as_str(), slack.as_str()),
        ("signature", signed.as_str(), signature.as_str()),
    ] {
        assert_eq!(found(text), [want], "{case}");
    }
}

#[test]
fn blocks_are_found_whole() {
    let body = format!("{}\n{}\n", drawn(64), drawn(64));
    let block = |title: &str| format!("-----BEGIN {title}-----\n{body}-----END {title}-----");
    let jwt = format!("eyJhbGciOiJIUzI1NiJ9.{}.{}", drawn(60), drawn(43));
    let putty = format!(
        "PuTTY-User-Key-File-3: ssh-ed25519\nPublic-Lines: 1\n{body}Private-Lines: 1\n{body}Private-MAC: {}",
        hex(64)
    );
    for whole in [
        block("PRIVATE KEY"),
        block("RSA PRIVATE KEY"),
        block("OPENSSH PRIVATE KEY"),
        block("PGP PRIVATE KEY BLOCK"),
        jwt,
        putty,
    ] {
        assert_eq!(found(&format!("see:\n{whole}\nbye")), [whole.as_str()]);
    }
    let cut = format!("-----BEGIN PRIVATE KEY-----\n{body}");
    assert_eq!(found(&cut), [cut.as_str()], "cut off");
    for text in [
        block("CERTIFICATE"),
        block("PUBLIC KEY"),
        "starts with -----BEGIN PRIVATE KEY----- and ends with -----END PRIVATE KEY-----".to_owned(),
        format!("-----BEGIN PRIVATE KEY----- is its mark.\n{}", block("CERTIFICATE")),
    ] {
        assert_eq!(found(&text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn a_long_value_is_found_to_its_end() {
    let value = drawn(1_500);
    assert_eq!(found(&format!("api_key={value} x")), [value.as_str()]);
    assert_eq!(found(&format!("api_key=\"{value}\"")), [value.as_str()]);
}

/// Pieces that make the checks start, fail and meet the ends of the text in the middle of something.
fn any_piece() -> impl Strategy<Value = String> {
    const JOINTS: &[&str] = &[
        "=",
        ": ",
        "\"",
        "'",
        "`",
        "\\\"",
        "\\",
        " is ",
        "@",
        "&",
        "(",
        ", ",
        "\n",
        "=\"",
        "-----",
        "PRIVATE KEY",
        "curl ",
        "-----END ",
        "Private-Lines:",
        "value",
        "é",
        "密",
        "🔑",
        "$",
        "${",
        "<",
        ">",
        ".",
        "/",
        "aB3xY9kQ2mZ7",
    ];
    let forms: Vec<&'static str> = super::providers::FORMS.iter().map(|form| form.prefix).collect();
    prop_oneof![
        proptest::sample::select(super::names::TRIGGERS).prop_map(|word| (*word).to_owned()),
        proptest::sample::select(forms).prop_map(str::to_owned),
        proptest::sample::select(JOINTS).prop_map(|joint| (*joint).to_owned()),
        "\\PC{0,12}",
        (0_usize..400).prop_map(drawn),
        (0_usize..400).prop_map(|len| "é".repeat(len)),
    ]
}

proptest! {
    #[test]
    fn finds_are_whole_characters_of_the_text(pieces in proptest::collection::vec(any_piece(), 0..24)) {
        let text = pieces.concat();
        let mut finds = Vec::new();
        SECRETS.find(&text, &mut finds);
        for find in &finds {
            prop_assert!(find.start < find.end && text.get(find.span()).is_some(), "{find:?} of {text:?}");
        }
    }
}
