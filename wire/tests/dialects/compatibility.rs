//! `docs/compatibility.md`: what becomes of each feature on its way from a caller's dialect to a provider,
//! found out by decoding, planning and encoding it.

use crate::features::{self, DIALECTS, Feature};
use crate::rules;
use crate::targets::{TARGETS, Targets};
use bytes::Bytes;
use gateway_core::ids::ProviderKind;
use gateway_wire::{Asked, Call, Malformed};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compatibility.md");
const RENEW: &str = "RENEW_COMPATIBILITY=1 cargo test -p gateway-wire compatibility";

const INTRODUCTION: &str = "# Compatibility

What becomes of each feature of a request, by the dialect that the caller speaks and the provider that \
answers. This page is written by a test, which decodes, plans and encodes each of them; it is renewed by
`RENEW_COMPATIBILITY=1 cargo test -p gateway-wire compatibility`.

| in a cell | means |
|---|---|
| yes | the provider gets it |
| renamed | the same, under a name that the provider takes; the caller sees its own |
| less … | the provider gets it without that part, which `x-gateway-dropped-params` names |
| dropped | the provider has no such thing; the request is served without it, and `x-gateway-dropped-params` names it |
| no | a provider that can't is no candidate; where none is left, the caller gets a 400 `unsupported` that names the field |
| default | it says what the provider does anyway, so nothing is sent |
| refused | a 400 `unsupported`, whatever the provider: the gateway does not serve it |
";

fn decode(dialect: usize, fields: &Value) -> Result<Asked, Malformed> {
    let mut request = features::plainest(dialect);
    for (name, value) in fields.as_object().into_iter().flatten() {
        request[name] = value.clone();
    }
    DIALECTS[dialect].2.decode(&Bytes::from(request.to_string()))
}

/// A cell for one target.
fn cell(
    routes: &Targets,
    dialect: usize,
    feature: &Feature,
    asked: &Asked,
    target: (ProviderKind, &str),
) -> String {
    let (kind, model) = target;
    let plain = decode(dialect, &Value::Null).expect("the plainest request");
    let call = |asked: &Asked| routes.call(kind, model, &asked.conversation, asked.stream);
    let plain = call(&plain).expect("everyone can do it");
    let Ok(call) = call(asked) else { return "no".to_owned() };
    let name = format!("{} of {} to {model}", feature.name, DIALECTS[dialect].0);
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_else(|error| panic!("{name}: {error}"));
    let broken = rules::broken(kind, model, &body);
    assert!(broken.is_empty(), "{name}: {broken:#?}\n{body:#}");
    let Call { path, headers, dropped, .. } = &call;
    let is_same = (&call.body, path, headers) == (&plain.body, &plain.path, &plain.headers);
    let lost: Vec<&str> = asked.dropped.iter().map(AsRef::as_ref).chain(dropped.iter().copied()).collect();
    if !lost.is_empty() {
        return if is_same { "dropped".to_owned() } else { format!("less `{}`", lost.join("`, `")) };
    }
    if !call.renamed.is_empty() {
        return "renamed".to_owned();
    }
    if is_same { "default".to_owned() } else { "yes".to_owned() }
}

fn document() -> String {
    let routes = Targets::new();
    let features = features::all();
    let mut out = INTRODUCTION.to_owned();
    for (dialect, (name, endpoint, _)) in DIALECTS.iter().enumerate() {
        let heads: Vec<String> =
            TARGETS.iter().map(|(kind, model)| format!("{} `{model}`", kind.name())).collect();
        let rule = "|---".repeat(TARGETS.len() + 1);
        write!(out, "\n## {name}, `{endpoint}`\n\n| feature | {} |\n{rule}|\n", heads.join(" | "))
            .expect("a string");
        for feature in features.iter().filter(|feature| !feature.fields[dialect].is_null()) {
            let cells: Vec<String> = match decode(dialect, &feature.fields[dialect]) {
                Ok(asked) => {
                    TARGETS.iter().map(|target| cell(&routes, dialect, feature, &asked, *target)).collect()
                }
                Err(Malformed::Unsupported { .. }) => TARGETS.iter().map(|_| "refused".to_owned()).collect(),
                Err(error) => panic!("{} of {name}: {error}", feature.name),
            };
            writeln!(out, "| {} | {} |", feature.name, cells.join(" | ")).expect("a string");
        }
    }
    out
}

#[test]
fn the_document_says_what_happens() {
    let made = document();
    let path = Path::new(DOCUMENT);
    if std::env::var_os("RENEW_COMPATIBILITY").is_some() {
        std::fs::write(path, &made).expect("the document can be written");
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        made == kept,
        "docs/compatibility.md is out of date: renew it with\n    {RENEW}\nit would be\n{made}"
    );
}
