//! Secrets that are known by how they begin. Forms are those that issuers document, and what secret scanners
//! commonly know.

use gateway_core::finding::{Finding, Kind};

/// Characters behind a beginning.
#[derive(Clone, Copy)]
enum Of {
    Alnum,
    Hex,
    Upper,
    /// Letters, digits, `_` and `-`.
    Word,
    /// The same, and `.`, `=`, `/`, `+`, `~`.
    Wide,
    /// The same, and `$`: hashes of passwords.
    Crypt,
}

/// Beginning, characters behind it, fewest and most of them.
const FORMS: &[(&str, Of, usize, usize)] = &[
    ("sk-", Of::Word, 20, 220),
    ("sk-ant-", Of::Word, 20, 220),
    ("sk-proj-", Of::Word, 20, 260),
    ("sk-gateway-", Of::Word, 3, 120),
    ("sk_live_", Of::Alnum, 10, 120),
    ("sk_test_", Of::Alnum, 10, 120),
    ("rk_live_", Of::Alnum, 10, 120),
    ("rk_test_", Of::Alnum, 10, 120),
    ("pk_live_", Of::Alnum, 10, 120),
    ("whsec_", Of::Alnum, 16, 80),
    ("AKIA", Of::Upper, 16, 16),
    ("ASIA", Of::Upper, 16, 16),
    ("ABIA", Of::Upper, 16, 16),
    ("ACCA", Of::Upper, 16, 16),
    ("A3T", Of::Upper, 17, 17),
    ("ghp_", Of::Alnum, 30, 255),
    ("gho_", Of::Alnum, 30, 255),
    ("ghu_", Of::Alnum, 30, 255),
    ("ghs_", Of::Alnum, 30, 255),
    ("ghr_", Of::Alnum, 30, 255),
    ("github_pat_", Of::Word, 22, 255),
    ("glpat-", Of::Wide, 20, 300),
    ("gldt-", Of::Word, 20, 64),
    ("glrt-", Of::Wide, 20, 64),
    ("glptt-", Of::Word, 20, 64),
    ("glcbt-", Of::Word, 20, 80),
    ("glft-", Of::Word, 20, 64),
    ("glsoat-", Of::Word, 20, 64),
    ("glimt-", Of::Word, 20, 64),
    ("glagent-", Of::Word, 20, 80),
    ("gloas-", Of::Word, 20, 80),
    ("GR1348941", Of::Word, 16, 40),
    ("xoxb-", Of::Word, 10, 120),
    ("xoxa-", Of::Word, 10, 120),
    ("xoxp-", Of::Word, 10, 120),
    ("xoxr-", Of::Word, 10, 120),
    ("xoxs-", Of::Word, 10, 120),
    ("xoxe-", Of::Word, 10, 220),
    ("xoxe.", Of::Wide, 10, 220),
    ("xapp-", Of::Word, 10, 140),
    ("AIza", Of::Word, 35, 35),
    ("ya29.", Of::Wide, 20, 400),
    ("GOCSPX-", Of::Word, 20, 40),
    ("npm_", Of::Alnum, 36, 36),
    ("pypi-AgE", Of::Word, 40, 400),
    ("SG.", Of::Wide, 40, 80),
    ("hf_", Of::Alnum, 30, 60),
    ("api_org_", Of::Alnum, 30, 60),
    ("dop_v1_", Of::Hex, 64, 64),
    ("doo_v1_", Of::Hex, 64, 64),
    ("dor_v1_", Of::Hex, 64, 64),
    ("shpat_", Of::Hex, 32, 32),
    ("shpss_", Of::Hex, 32, 32),
    ("shpca_", Of::Hex, 32, 32),
    ("shppa_", Of::Hex, 32, 32),
    ("dapi", Of::Hex, 32, 36),
    ("sq0atp-", Of::Word, 20, 60),
    ("sq0csp-", Of::Word, 20, 80),
    ("EAAAE", Of::Word, 40, 80),
    ("key-", Of::Hex, 32, 32),
    ("PMAK-", Of::Word, 50, 70),
    ("lin_api_", Of::Alnum, 30, 60),
    ("pul-", Of::Hex, 40, 40),
    ("rubygems_", Of::Hex, 48, 48),
    ("sgp_", Of::Word, 40, 80),
    ("sgp_local_", Of::Hex, 30, 64),
    ("slk_", Of::Hex, 64, 64),
    ("sgd_", Of::Hex, 64, 64),
    ("figd_", Of::Word, 30, 60),
    ("figo_", Of::Word, 30, 60),
    ("dckr_pat_", Of::Word, 20, 40),
    ("dckr_oat_", Of::Word, 20, 40),
    ("NRAK-", Of::Alnum, 20, 40),
    ("NRJS-", Of::Alnum, 15, 40),
    ("NRIQ-", Of::Word, 25, 45),
    ("NRII-", Of::Word, 25, 45),
    ("NRRA-", Of::Alnum, 30, 50),
    ("NRSP-", Of::Word, 20, 50),
    ("glsa_", Of::Word, 30, 60),
    ("glc_", Of::Wide, 32, 400),
    ("hvs.", Of::Word, 20, 300),
    ("hvb.", Of::Word, 20, 300),
    ("hvr.", Of::Word, 20, 300),
    ("AGE-SECRET-KEY-1", Of::Upper, 58, 58),
    ("ops_eyJ", Of::Wide, 100, 2_000),
    ("dt0c01.", Of::Wide, 60, 120),
    ("dt0s01.", Of::Wide, 60, 120),
    ("dt0s02.", Of::Wide, 60, 120),
    ("aio_", Of::Alnum, 24, 40),
    ("px-api-", Of::Word, 30, 60),
    ("oy2", Of::Alnum, 43, 43),
    ("sk.eyJ", Of::Wide, 40, 200),
    ("pk.eyJ", Of::Wide, 40, 200),
    ("CFPAT-", Of::Word, 40, 50),
    ("tskey-", Of::Word, 15, 80),
    ("tfp_", Of::Alnum, 40, 80),
    ("xkeysib-", Of::Word, 60, 100),
    ("xsmtpsib-", Of::Word, 60, 100),
    ("ATATT3", Of::Wide, 100, 260),
    ("ATCTT3", Of::Wide, 100, 260),
    ("ATBB", Of::Alnum, 28, 40),
    ("EZAK", Of::Alnum, 54, 54),
    ("EZTK", Of::Alnum, 54, 54),
    ("LTAI", Of::Alnum, 12, 28),
    ("AKCp", Of::Alnum, 60, 80),
    ("cmVmdGtu", Of::Alnum, 40, 80),
    ("FLWSECK", Of::Word, 12, 60),
    ("ntn_", Of::Alnum, 40, 60),
    ("secret_", Of::Alnum, 43, 43),
    ("r8_", Of::Alnum, 30, 45),
    ("gsk_", Of::Alnum, 40, 60),
    ("xai-", Of::Alnum, 60, 90),
    ("pplx-", Of::Alnum, 40, 60),
    ("nvapi-", Of::Word, 50, 80),
    ("dp.pt.", Of::Alnum, 40, 44),
    ("dp.st.", Of::Wide, 35, 60),
    ("dp.ct.", Of::Alnum, 40, 44),
    ("pscale_tkn_", Of::Word, 30, 64),
    ("pscale_pw_", Of::Word, 30, 64),
    ("pscale_oauth_", Of::Word, 30, 64),
    ("sbp_", Of::Hex, 40, 40),
    ("sntrys_eyJ", Of::Wide, 60, 400),
    ("sntryu_", Of::Hex, 64, 64),
    ("ghapp_", Of::Alnum, 30, 80),
    ("p8e-", Of::Alnum, 32, 32),
    ("fo1_", Of::Word, 43, 43),
    ("fm1r_", Of::Wide, 100, 600),
    ("fm2_", Of::Wide, 100, 600),
    ("shippo_live_", Of::Hex, 40, 40),
    ("shippo_test_", Of::Hex, 40, 40),
    ("duffel_live_", Of::Word, 43, 43),
    ("duffel_test_", Of::Word, 43, 43),
    ("live_", Of::Alnum, 35, 60),
    ("test_", Of::Alnum, 35, 60),
    ("prefect_", Of::Alnum, 36, 50),
    ("pnu_", Of::Alnum, 36, 36),
    ("rdme_", Of::Alnum, 70, 70),
    ("frp_", Of::Alnum, 30, 60),
    ("cio_", Of::Alnum, 30, 60),
    ("ddp_", Of::Alnum, 30, 60),
    ("dsec_", Of::Word, 20, 80),
    ("sl.", Of::Word, 60, 200),
    ("RGAPI-", Of::Word, 36, 36),
    ("CCIPAT_", Of::Wide, 40, 80),
    ("CCIPRJ_", Of::Wide, 40, 80),
    ("harness_", Of::Word, 40, 80),
    ("pat.", Of::Wide, 50, 90),
    ("sat.", Of::Wide, 50, 90),
    ("eyJ", Of::Wide, 40, 8_000),
    ("tvly-", Of::Word, 20, 60),
    ("SK0", Of::Hex, 31, 31),
    ("SK1", Of::Hex, 31, 31),
    ("SK2", Of::Hex, 31, 31),
    ("SK3", Of::Hex, 31, 31),
    ("SK4", Of::Hex, 31, 31),
    ("SK5", Of::Hex, 31, 31),
    ("SK6", Of::Hex, 31, 31),
    ("SK7", Of::Hex, 31, 31),
    ("SK8", Of::Hex, 31, 31),
    ("SK9", Of::Hex, 31, 31),
    ("SKa", Of::Hex, 31, 31),
    ("SKb", Of::Hex, 31, 31),
    ("SKc", Of::Hex, 31, 31),
    ("SKd", Of::Hex, 31, 31),
    ("SKe", Of::Hex, 31, 31),
    ("SKf", Of::Hex, 31, 31),
    ("EAA", Of::Alnum, 60, 400),
    ("s-s4t2", Of::Word, 60, 80),
    ("dp.scim.", Of::Alnum, 40, 44),
    ("LS0tLS1CRUdJTi", Of::Wide, 100, 16_000),
    ("NRAA-", Of::Hex, 27, 27),
    ("$2a$", Of::Crypt, 56, 56),
    ("$2b$", Of::Crypt, 56, 56),
    ("$2y$", Of::Crypt, 56, 56),
];

/// Addresses that are secrets: who knows one may write there.
const HOOKS: [&str; 6] = [
    "hooks.slack.com/services/",
    "hooks.slack.com/workflows/",
    "discord.com/api/webhooks/",
    "discordapp.com/api/webhooks/",
    "webhook.office.com/webhookb2/",
    "outlook.office.com/webhook/",
];

const BLOCK: &str = "-----BEGIN ";
/// Bytes of the longest block of a key.
const LONGEST_BLOCK: usize = 16 << 10;

/// What a beginning is of.
#[derive(Clone, Copy)]
pub(crate) enum Begins {
    Form(usize),
    Hook,
    Block,
    Telegram,
    Azure,
}

/// All beginnings.
pub(super) fn beginnings() -> Vec<(&'static str, Begins)> {
    let forms = FORMS.iter().enumerate().map(|(index, form)| (form.0, Begins::Form(index)));
    let hooks = HOOKS.map(|hook| (hook, Begins::Hook));
    let marks = [
        (BLOCK, Begins::Block),
        ("PuTTY-User-Key-File-", Begins::Block),
        (":AA", Begins::Telegram),
        ("JQQJ9", Begins::Azure),
        ("AZDO", Begins::Azure),
    ];
    forms.chain(hooks).chain(marks).collect()
}

/// The secret that begins there, if it is one.
pub(super) fn at(text: &str, begins: Begins, hit: std::ops::Range<usize>, found: &mut Vec<Finding>) {
    let span = match begins {
        Begins::Form(index) => form(text, hit.start, &FORMS[index]),
        Begins::Hook => hook_at(text, hit.start, hit.end),
        Begins::Block => block(text, hit.start),
        Begins::Telegram => telegram(text, hit.start),
        Begins::Azure => azure(text, hit.start),
    };
    if let Some(span) = span {
        found.push(Finding::new(Kind::SECRET, span, 97));
    }
}

fn fits(of: Of, byte: u8) -> bool {
    match of {
        Of::Alnum => byte.is_ascii_alphanumeric(),
        Of::Hex => byte.is_ascii_hexdigit(),
        Of::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        Of::Word => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
        Of::Wide => {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'=' | b'/' | b'+' | b'~')
        }
        Of::Crypt => byte == b'$' || fits(Of::Wide, byte),
    }
}

fn form(text: &str, start: usize, form: &(&str, Of, usize, usize)) -> Option<std::ops::Range<usize>> {
    let bytes = text.as_bytes();
    let before = start.checked_sub(1).map(|at| bytes[at]);
    if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
        return None;
    }
    let (beginning, of, least, most) = *form;
    let from = start + beginning.len();
    let mut length = bytes[from..].iter().take(most + 1).take_while(|byte| fits(of, **byte)).count();
    // A dot that ends a sentence.
    while length > least && matches!(bytes[from + length - 1], b'.' | b'-') {
        length -= 1;
    }
    let tail = &text[from..from + length];
    let count = |of: fn(&u8) -> bool| tail.bytes().filter(of).count();
    let mixed = count(u8::is_ascii_uppercase) >= 3 && count(u8::is_ascii_lowercase) >= 3;
    let random = (count(u8::is_ascii_digit) > 0 || mixed) && is_varied(tail) || beginning == "sk-gateway-";
    let token = beginning != "eyJ" || tail.contains('.') || tail.len() >= 80;
    ((least..=most).contains(&length) && random && token).then_some(start..from + length)
}

/// Whether a value is more than one thing said again and again, as stand-ins are.
fn is_varied(tail: &str) -> bool {
    let mut seen = [false; 256];
    tail.bytes().for_each(|byte| seen[usize::from(byte)] = true);
    seen.iter().filter(|seen| **seen).count() >= 7.min(tail.len() / 2)
}

/// `123456789:AA…`, a bot's token.
fn telegram(text: &str, colon: usize) -> Option<std::ops::Range<usize>> {
    let bytes = text.as_bytes();
    let digits = bytes[..colon].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let tail = bytes[colon + 1..].iter().take(60).take_while(|byte| fits(Of::Word, **byte)).count();
    ((7..=11).contains(&digits) && (30..=40).contains(&tail)).then_some(colon - digits..colon + 1 + tail)
}

/// Keys of Azure carry a mark in their middle.
fn azure(text: &str, mark: usize) -> Option<std::ops::Range<usize>> {
    let bytes = text.as_bytes();
    let alnum = |byte: &&u8| byte.is_ascii_alphanumeric();
    let start = mark - bytes[..mark].iter().rev().take(90).take_while(alnum).count();
    let end = mark + bytes[mark..].iter().take(90).take_while(alnum).count();
    matches!(end - start, 76..=88).then_some(start..end)
}

fn hook_at(text: &str, start: usize, end: usize) -> Option<std::ops::Range<usize>> {
    let tail =
        text.as_bytes()[end..].iter().take(400).take_while(|b| fits(Of::Wide, **b) || **b == b'@').count();
    (tail >= 16).then_some(start..end + tail)
}

/// A private key's block, to its end mark; without one, as far as it reads like a key.
fn block(text: &str, start: usize) -> Option<std::ops::Range<usize>> {
    let mut most = (start + LONGEST_BLOCK).min(text.len());
    while !text.is_char_boundary(most) {
        most -= 1;
    }
    let near = &text[start..most];
    let head = near.find('\n').map_or(near, |end| &near[..end]);
    let head = &head[..head.len().min(120)];
    if !(head.contains("PRIVATE KEY") || head.starts_with("PuTTY")) {
        return None;
    }
    let end = match near[BLOCK.len()..].find("-----END ") {
        Some(at) => {
            let from = BLOCK.len() + at;
            near[from + 9..].find("-----").map_or(near.len(), |close| from + 9 + close + 5)
        }
        None => near
            .bytes()
            .take_while(|b| {
                fits(Of::Wide, *b) || matches!(b, b' ' | b'\n' | b'\r' | b'\\' | b':' | b',' | b'"')
            })
            .count(),
    };
    // Marks with nothing between.
    (end > 80).then_some(start..start + end)
}
