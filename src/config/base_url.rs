//! Addresses of upstreams. Hosts come from the configuration only, so what is wrong with one shows here.

use std::net::IpAddr;

use gateway_core::ids::ProviderKind;
use url::{Host, Url};

use super::mistakes::Mistake;
use super::settings::At;

/// Whether keys may travel unencrypted over the public network (`GATEWAY_ALLOW_PLAIN_HTTP`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PlainHttp {
    /// To this machine and to private networks, where compatible servers live.
    Private,
    Anywhere,
}

/// The address without a trailing slash. The text is never repeated: it may hold credentials.
pub(super) fn base_url(raw: &At<String>, kind: ProviderKind, plain: PlainHttp) -> Result<String, Mistake> {
    let wrong = |wrong: &str, mend: &str| Err(Mistake::new(raw.place.as_str(), wrong, mend));
    let url = server_url(raw, plain)?;
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("holds a query or a fragment", "end it before the `?` or `#`");
    }
    let path = url.path().trim_end_matches('/');
    if let Some(mend) = surplus_path(kind, url.host_str().unwrap_or_default(), path) {
        return wrong("has the wrong path for this upstream", mend);
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// A server's address, whatever its path and query. Likewise never repeated.
pub(super) fn server_url(raw: &At<String>, plain: PlainHttp) -> Result<Url, Mistake> {
    let wrong = |wrong: &str, mend: &str| Err(Mistake::new(raw.place.as_str(), wrong, mend));
    let Ok(url) = Url::parse(&raw.value) else {
        return wrong("is not a URL", "write https://HOST, with a port and a path where the server has them");
    };
    let (Some(host), "http" | "https") = (url.host(), url.scheme()) else {
        return wrong("is neither http nor https", "write https://HOST");
    };
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("holds credentials", "take them out: the key is a setting of its own");
    }
    if url.scheme() == "http" && plain == PlainHttp::Private && !is_private(&host) {
        return wrong(
            "would send the key unencrypted over a public network",
            "write https://, or set GATEWAY_ALLOW_PLAIN_HTTP=true where the way is safe",
        );
    }
    Ok(url)
}

/// The mend where the path is not where this vendor's paths begin; each vendor's SDK draws that line elsewhere.
fn surplus_path(kind: ProviderKind, host: &str, path: &str) -> Option<&'static str> {
    let ends = |end: &str| path.ends_with(end);
    match kind {
        ProviderKind::Anthropic if ends("/v1") || ends("/messages") => Some("end it before `/v1`"),
        ProviderKind::Gemini if ends("/v1") || ends("/v1beta") => Some("end it before the version"),
        ProviderKind::AzureOpenAi if host.ends_with(".azure.com") && !path.is_empty() => {
            Some("write the resource alone, https://NAME.openai.azure.com")
        }
        ProviderKind::OpenAi if host == "api.openai.com" && path.is_empty() => Some("end it with `/v1`"),
        ProviderKind::OpenAi | ProviderKind::OpenAiCompatible if ends("/completions") => {
            Some("end it before `/chat/completions`")
        }
        _ => None,
    }
}

/// This machine, a private network, or a name that public DNS does not serve.
fn is_private(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let inner = [".localhost", ".local", ".internal", ".lan", ".svc"];
            !name.contains('.') || inner.iter().any(|end| name.ends_with(end))
        }
        Host::Ipv4(ip) => IpAddr::from(*ip).is_loopback() || ip.is_private(),
        Host::Ipv6(ip) => ip.is_loopback() || ip.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "holds credentials";
    const NO_URL: &str = "is not a URL";
    const PATH: &str = "has the wrong path for this upstream";
    const PLAIN: &str = "would send the key unencrypted over a public network";
    const QUERY: &str = "holds a query or a fragment";
    const SCHEME: &str = "is neither http nor https";

    #[test]
    fn addresses() {
        use ProviderKind::{Anthropic, AzureOpenAi, Gemini, OpenAi, OpenAiCompatible};
        for (kind, text, want) in [
            (Anthropic, "https://api.anthropic.com", Ok("https://api.anthropic.com")),
            (Anthropic, "https://api.anthropic.com/", Ok("https://api.anthropic.com")),
            (Anthropic, "https://proxy.example/anthropic//", Ok("https://proxy.example/anthropic")),
            (Anthropic, "https://api.anthropic.com/v1/", Err(PATH)),
            (OpenAi, "https://api.openai.com/v1", Ok("https://api.openai.com/v1")),
            (OpenAi, "https://API.openai.com:443/\tv1", Ok("https://api.openai.com/v1")),
            (OpenAi, "https://api.openai.com", Err(PATH)),
            (OpenAi, "https://api.openai.com/v1/chat/completions", Err(PATH)),
            (OpenAi, "http://127.0.0.1:4010/v1", Ok("http://127.0.0.1:4010/v1")),
            (OpenAi, "http://[::1]:4010/v1", Ok("http://[::1]:4010/v1")),
            (OpenAi, "http://localhost:4010", Ok("http://localhost:4010")),
            (OpenAiCompatible, "http://vllm:8000/v1", Ok("http://vllm:8000/v1")),
            (OpenAiCompatible, "http://vllm.ai.svc:8000/v1", Ok("http://vllm.ai.svc:8000/v1")),
            (OpenAiCompatible, "http://10.1.2.3/v1", Ok("http://10.1.2.3/v1")),
            (OpenAiCompatible, "http://8.8.8.8/v1", Err(PLAIN)),
            (OpenAiCompatible, "http://169.254.169.254/v1", Err(PLAIN)),
            (OpenAiCompatible, "http://localhost.example.com/v1", Err(PLAIN)),
            (AzureOpenAi, "https://acme.openai.azure.com/", Ok("https://acme.openai.azure.com")),
            (AzureOpenAi, "https://acme.openai.azure.com/openai/deployments/x", Err(PATH)),
            (AzureOpenAi, "https://acme.openai.azure.com/?api-version=1", Err(QUERY)),
            (Gemini, "https://generativelanguage.googleapis.com/v1beta", Err(PATH)),
            (Gemini, "https://user:marker@host", Err(CREDENTIALS)),
            (Gemini, "https://marker@host", Err(CREDENTIALS)),
            (Gemini, "https://host/#marker", Err(QUERY)),
            (Gemini, "ftp://host", Err(SCHEME)),
            (Gemini, "file:///etc/passwd", Err(SCHEME)),
            (Gemini, "api.marker.com", Err(NO_URL)),
            (Gemini, "https://", Err(NO_URL)),
        ] {
            let raw = At { value: text.to_owned(), place: "X".to_owned() };
            let read = base_url(&raw, kind, PlainHttp::Private);
            assert!(!format!("{:?}", read.as_ref().err()).contains("marker"), "{text}");
            assert_eq!(read.as_deref().map_err(|mistake| mistake.wrong.as_str()), want, "{text}");
        }
        let raw = At { value: "http://8.8.8.8/v1".to_owned(), place: "X".to_owned() };
        assert!(base_url(&raw, OpenAi, PlainHttp::Anywhere).is_ok());
    }
}
