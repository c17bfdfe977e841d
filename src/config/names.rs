//! Every environment name that the gateway knows. `docs/configuration.md` explains each; a test holds the
//! two lists together.

/// What setting a name does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Now,
    /// Not yet; `off` is the value that asks for nothing, and so is honoured as it is.
    Later {
        off: Option<&'static str>,
    },
    /// The HTTP client reads it from the process's own environment.
    Proxy,
}

const LATER: Effect = Effect::Later { off: None };

pub(super) const NAMES: &[(&str, Effect)] = &[
    ("PROVIDER_PRIORITY", Effect::Now),
    ("GATEWAY_BIND", Effect::Now),
    ("GATEWAY_MAX_BODY_BYTES", Effect::Now),
    ("GATEWAY_STATE_DIR", Effect::Now),
    ("GATEWAY_CONFIG", Effect::Now),
    ("GATEWAY_API_KEYS", Effect::Now),
    ("GATEWAY_ADMIN_KEY", Effect::Now),
    ("GATEWAY_DEMO_KEYS", Effect::Now),
    ("GATEWAY_KEYS_ANY_TEAM", Effect::Now),
    ("GATEWAY_ALLOW_PLAIN_HTTP", Effect::Now),
    ("GATEWAY_WORKERS", Effect::Now),
    ("GATEWAY_MAX_IN_FLIGHT", Effect::Now),
    ("GATEWAY_MAX_IN_FLIGHT_BYTES", Effect::Now),
    ("GATEWAY_BODY_TIMEOUT_S", Effect::Now),
    ("GATEWAY_WRITE_TIMEOUT_S", Effect::Now),
    ("GATEWAY_SHUTDOWN_GRACE_S", Effect::Now),
    ("GATEWAY_TLS_CERT", Effect::Now),
    ("GATEWAY_TLS_KEY", Effect::Now),
    ("METRICS_OPEN", Effect::Now),
    ("LOG_FORMAT", Effect::Now),
    ("RUST_LOG", Effect::Now),
    ("ANTHROPIC_API_KEY", Effect::Now),
    ("ANTHROPIC_BASE_URL", Effect::Now),
    ("ANTHROPIC_DEFAULT_MODEL", Effect::Now),
    ("OPENAI_API_KEY", Effect::Now),
    ("OPENAI_BASE_URL", Effect::Now),
    ("OPENAI_DEFAULT_MODEL", Effect::Now),
    ("AZURE_OPENAI_API_KEY", Effect::Now),
    ("AZURE_OPENAI_ENDPOINT", Effect::Now),
    ("AZURE_OPENAI_DEPLOYMENT", Effect::Now),
    ("AZURE_OPENAI_BASE_MODEL", Effect::Now),
    ("AZURE_OPENAI_API_VERSION", Effect::Now),
    ("AZURE_OPENAI_DEFAULT_MODEL", Effect::Now),
    ("GEMINI_API_KEY", Effect::Now),
    ("GEMINI_BASE_URL", Effect::Now),
    ("GEMINI_DEFAULT_MODEL", Effect::Now),
    ("CIRCUIT_BREAKER_FAILURES", Effect::Now),
    ("CIRCUIT_BREAKER_COOLDOWN_S", Effect::Now),
    ("UPSTREAM_CONNECT_TIMEOUT_S", Effect::Now),
    ("UPSTREAM_FIRST_BYTE_TIMEOUT_S", Effect::Now),
    ("UPSTREAM_TOTAL_TIMEOUT_S", Effect::Now),
    ("REQUEST_TOTAL_TIMEOUT_S", Effect::Now),
    ("UPSTREAM_MAX_BODY_BYTES", Effect::Now),
    ("UPSTREAM_MAX_IN_FLIGHT", Effect::Now),
    ("UPSTREAM_CA_FILE", Effect::Now),
    ("AUDIT_DIR", Effect::Now),
    ("AUDIT_SYNC", Effect::Now),
    ("AUDIT_FAILURE", Effect::Now),
    ("AUDIT_HMAC_KEY", Effect::Now),
    ("SIEM_WEBHOOK_URL", Effect::Now),
    ("SIEM_TOKEN", Effect::Now),
    ("HTTPS_PROXY", Effect::Proxy),
    ("HTTP_PROXY", Effect::Proxy),
    ("NO_PROXY", Effect::Proxy),
    ("PII_REDACTION_ENABLED", Effect::Now),
    ("PII_ENGINE", Effect::Now),
    ("PII_HASH_KEY", Effect::Now),
    ("PRESIDIO_URL", Effect::Now),
    ("INJECTION_ACTION", Effect::Now),
    ("DEFAULT_TEAM_DAILY_BUDGET_USD", Effect::Now),
    ("DEFAULT_TEAM_MONTHLY_BUDGET_USD", Effect::Now),
    ("DEFAULT_TEAM_REQUESTS_PER_MINUTE", Effect::Now),
    ("DEFAULT_TEAM_TOKENS_PER_MINUTE", Effect::Now),
    ("DEFAULT_TEAM_MAX_PARALLEL", Effect::Now),
    ("REDIS_URL", Effect::Now),
    ("BUDGET_STORE_FAILURE", Effect::Now),
    ("BUDGET_STORE_WAIT_REPLICAS", Effect::Now),
    ("BUDGET_ALERT_WEBHOOK_URL", Effect::Now),
    ("LEDGER_SYNC", Effect::Now),
    ("OIDC_ISSUER", LATER),
    ("OIDC_AUDIENCE", LATER),
    ("OIDC_TEAM_CLAIM", LATER),
    ("OIDC_ADMIN_ROLE", LATER),
];

/// Kubernetes and Docker put these beside every container whose neighbour is a service named
/// `gateway…`: `GATEWAY_PORT=tcp://…`, `GATEWAY_SERVICE_HOST`, `GATEWAY_API_PORT_80_TCP_ADDR`. Nobody wrote
/// them, so they are no typing errors.
pub(super) fn is_service_link(name: &str, value: &str) -> bool {
    let words: Vec<&str> = name.split('_').collect();
    let address = value.starts_with("tcp://") || value.starts_with("udp://");
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT") && address
        || words
            .windows(3)
            .any(|w| w[0] == "PORT" && w[1].parse::<u16>().is_ok() && matches!(w[2], "TCP" | "UDP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_links_are_told_from_typing_errors() {
        for (name, value, want) in [
            ("GATEWAY_SERVICE_HOST", "10.0.0.7", true),
            ("GATEWAY_SERVICE_PORT", "80", true),
            ("GATEWAY_SERVICE_PORT_HTTP", "80", true),
            ("GATEWAY_PORT", "tcp://10.0.0.7:80", true),
            ("GATEWAY_PORT_8000_TCP", "tcp://10.0.0.7:8000", true),
            ("GATEWAY_API_PORT_80_TCP_ADDR", "10.0.0.7", true),
            ("GATEWAY_API_PORT_53_UDP_PROTO", "udp", true),
            ("GATEWAY_PORT", "9000", false),
            ("GATEWAY_DEMO_KEY", "true", false),
            ("GATEWAY_TCP", "1", false),
        ] {
            assert_eq!(is_service_link(name, value), want, "{name}={value}");
        }
    }
}
