//! Tokens that carry their maker's mark: a fixed prefix, then a run of known letters and length. The forms are
//! those that the makers document, or print into every token.

use super::tokens::{self, Scan};
use super::values::LONGEST;
use super::{Finds, blocks, urls};
use std::ops::Range;

/// A mark, and what must follow it.
pub struct Form {
    pub prefix: &'static str,
    pub check: Check,
}

/// How to tell a token from words that begin alike.
pub enum Check {
    /// A run of this many bytes of the set, drawn at random.
    Run(Set, usize, usize),
    /// Something that a run does not describe.
    Call(fn(&mut Finds<'_>, &mut Scan, Range<usize>) -> Option<usize>),
}

/// The bytes of a run.
#[derive(Clone, Copy)]
pub enum Set {
    Hex,
    Alnum,
    /// Letters, digits, `-`, `_`.
    Word,
    /// A word or several, joined by dots.
    Dotted,
    /// Base64 of either alphabet, padding included.
    Base64,
}

use Check::{Call, Run};
use Set::{Alnum, Base64, Dotted, Hex, Word};

const fn run(prefix: &'static str, set: Set, min: usize, max: usize) -> Form {
    Form { prefix, check: Run(set, min, max) }
}

const fn call(
    prefix: &'static str,
    check: fn(&mut Finds<'_>, &mut Scan, Range<usize>) -> Option<usize>,
) -> Form {
    Form { prefix, check: Call(check) }
}

/// Where one prefix is the start of another of its length class, the longer stands first.
pub static FORMS: &[Form] = &[
    // Not of one maker.
    call("://", urls::check),
    call("-----BEGIN ", blocks::pem),
    call("PuTTY-User-Key-File-", blocks::putty),
    call("LS0tLS1CRUdJTi", blocks::encoded_pem),
    call("eyJ", blocks::jwt),
    call("$2a$", blocks::hash),
    call("$2b$", blocks::hash),
    call("$2y$", blocks::hash),
    call("$argon2", blocks::hash),
    call("$6$", blocks::hash),
    // Model providers.
    call("sk-", tokens::dashed),
    run("gsk_", Alnum, 40, 60),
    run("hf_", Alnum, 30, 40),
    run("api_org_", Alnum, 30, 40),
    run("r8_", Alnum, 35, 45),
    run("xai-", Alnum, 60, 100),
    run("pplx-", Alnum, 40, 64),
    run("nvapi-", Word, 50, 90),
    run("tvly-", Word, 28, 60),
    run("lsv2_", Word, 40, 60),
    run("csk-", Alnum, 40, 60),
    run("fw_", Alnum, 20, 32),
    run("sk_", Hex, 48, 48),
    run("pcsk_", Word, 60, 90),
    run("tgp_v1_", Word, 40, 50),
    run("jina_", Alnum, 50, 64),
    run("rpa_", Alnum, 40, 60),
    run("pa-", Word, 43, 43),
    run("apify_api_", Alnum, 30, 44),
    run("phx_", Alnum, 40, 60),
    run("ABSK", Base64, 60, 200),
    run("bedrock-api-key-", Base64, 40, LONGEST),
    run("AIza", Word, 35, 35),
    run("GOCSPX-", Word, 28, 28),
    run("ya29.", Word, 40, LONGEST),
    // Clouds.
    run("AKIA", Alnum, 16, 16),
    run("ASIA", Alnum, 16, 16),
    run("ABIA", Alnum, 16, 16),
    run("ACCA", Alnum, 16, 16),
    run("amzn.mws.", Word, 36, 36),
    run("da2-", Alnum, 26, 26),
    run("LTAI", Alnum, 16, 26),
    run("AKID", Alnum, 32, 32),
    call("JQQJ9", tokens::azure_devops),
    call("AZDO", tokens::azure_devops),
    call("8Q~", tokens::azure_client),
    call("7Q~", tokens::azure_client),
    run("dop_v1_", Hex, 64, 64),
    run("doo_v1_", Hex, 64, 64),
    run("dor_v1_", Hex, 64, 64),
    run("HRKU-", Word, 36, 70),
    run("dapi", Word, 32, 34),
    run("dt0", Dotted, 80, 110),
    run("pul-", Hex, 40, 40),
    run("tskey-", Word, 20, 80),
    run("v1.0-", Word, 171, 171),
    run("nfp_", Alnum, 30, 50),
    run("napi_", Alnum, 50, 80),
    run("vcp_", Alnum, 40, 64),
    run("fo1_", Word, 43, 43),
    run("fm1r_", Base64, 80, 1_000),
    run("fm2_", Base64, 80, 1_000),
    run("sha256~", Word, 43, 43),
    run("AQVN", Word, 35, 38),
    run("YCAJ", Word, 21, 21),
    run("YCM", Word, 37, 37),
    run("tk-us-", Word, 48, 48),
    run("dnkey-", Word, 79, 79),
    run("ico-", Alnum, 32, 32),
    // Code and its delivery.
    run("ghp_", Alnum, 36, 255),
    run("gho_", Alnum, 36, 255),
    run("ghu_", Alnum, 36, 255),
    run("ghs_", Dotted, 36, 1_024),
    run("ghr_", Alnum, 36, 255),
    run("github_pat_", Word, 60, 120),
    run("glpat-", Dotted, 20, 64),
    run("gldt-", Word, 20, 64),
    run("glrt-", Dotted, 20, 64),
    run("glptt-", Word, 40, 64),
    run("glcbt-", Word, 20, 70),
    run("glagent-", Word, 40, 64),
    run("gloas-", Word, 40, 80),
    run("glsoat-", Word, 20, 64),
    run("glft-", Word, 20, 64),
    run("glimt-", Word, 25, 64),
    run("glffct-", Word, 20, 64),
    run("ATBB", Alnum, 32, 32),
    run("CLOJARS_", Alnum, 60, 60),
    run("cio", Alnum, 32, 32),
    run("squ_", Hex, 40, 40),
    run("sqp_", Hex, 40, 40),
    run("sqa_", Hex, 40, 40),
    run("pnu_", Alnum, 36, 36),
    run("dckr_oat_", Word, 27, 36),
    run("CFPAT-", Word, 43, 43),
    run("ATTA", Alnum, 72, 72),
    run("pat-na1-", Word, 36, 36),
    run("pat-eu1-", Word, 36, 36),
    run("secret_", Alnum, 43, 43),
    run("waka_", Word, 36, 36),
    run("fio-u-", Word, 64, 64),
    run("sm_aat_", Alnum, 16, 16),
    run("GR1348941", Word, 20, 20),
    run("npm_", Alnum, 36, 36),
    run("pypi-", Word, 85, 300),
    run("rubygems_", Hex, 48, 48),
    run("oy2", Alnum, 43, 43),
    run("dckr_pat_", Word, 27, 36),
    run("ATATT3", Base64, 100, 300),
    run("ATCTT3", Base64, 100, 300),
    run("CCIPAT_", Word, 40, 90),
    run("bkua_", Alnum, 40, 40),
    run("sgp_", Word, 40, 70),
    run("slk_", Hex, 64, 64),
    run("sntrys_", Base64, 60, 300),
    run("sntryu_", Hex, 64, 64),
    run("glsa_", Word, 41, 41),
    run("glc_", Base64, 40, 400),
    run("figd_", Word, 38, 60),
    run("lin_api_", Alnum, 40, 40),
    run("lin_oauth_", Alnum, 40, 64),
    run("ntn_", Alnum, 40, 50),
    run("PMAK-", Word, 59, 59),
    run("API-", Alnum, 25, 30),
    run("rdme_", Alnum, 70, 70),
    run("NRA", Word, 24, 50),
    run("NRI", Word, 24, 50),
    run("NRR", Word, 24, 50),
    run("AKCp", Alnum, 60, 80),
    run("pscale_", Dotted, 32, 80),
    run("sbp_", Hex, 40, 40),
    run("sb_secret_", Word, 30, 50),
    run("aio_", Alnum, 28, 28),
    // Vaults.
    run("hvs.", Word, 24, 300),
    run("hvb.", Word, 24, 400),
    run("hvr.", Word, 24, 300),
    run("ops_eyJ", Base64, 100, 1_500),
    run("dp.", Dotted, 40, 80),
    run("AGE-SECRET-KEY-1", Alnum, 58, 58),
    call(".atlasv1.", tokens::terraform),
    // Messages and mail.
    call("xox", tokens::slack),
    run("xapp-", Word, 40, 200),
    run("xwfp-", Word, 30, 200),
    call("hooks.slack.com/", urls::webhook),
    call("/api/webhooks/", urls::webhook),
    call("webhook.office.com/", urls::webhook),
    call("hooks.zapier.com/", urls::webhook),
    run("SG.", Dotted, 60, 80),
    run("key-", Hex, 32, 32),
    run("xkeysib-", Word, 64, 90),
    run("xsmtpsib-", Word, 64, 90),
    call(":AA", tokens::telegram),
    call("-us", tokens::mailchimp),
    call("/api/v1/", tokens::device),
    run("EAA", Alnum, 80, 300),
    run("tfp_", Word, 40, 64),
    // Trade and money.
    run("sk_live_", Alnum, 16, 250),
    run("sk_test_", Alnum, 16, 250),
    run("rk_live_", Alnum, 16, 250),
    run("rk_test_", Alnum, 16, 250),
    run("whsec_", Base64, 24, 64),
    run("shpat_", Hex, 32, 32),
    run("shpca_", Hex, 32, 32),
    run("shppa_", Hex, 32, 32),
    run("shpss_", Hex, 32, 32),
    run("sq0atp-", Word, 22, 22),
    run("sq0csp-", Word, 43, 43),
    run("EAAA", Word, 60, 64),
    run("FLWSECK", Word, 20, 60),
    run("EZAK", Alnum, 54, 54),
    run("EZTK", Alnum, 54, 54),
    run("duffel_live_", Word, 43, 43),
    run("duffel_test_", Word, 43, 43),
    run("live_", Word, 40, 40),
    run("shippo_", Word, 40, 60),
    run("access-", Word, 40, 60),
    run("sl.", Word, 60, LONGEST),
    run("s-s4t2", Word, 60, 80),
    run("px-", Word, 36, 50),
    run("sk.eyJ", Dotted, 60, 200),
    call(".azconfig.io;Id=", tokens::app_configuration),
    run("SK", Hex, 32, 32),
    run("AC", Hex, 32, 32),
];
