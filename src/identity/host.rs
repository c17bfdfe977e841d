//! DNS rebinding: a page of some site whose name suddenly resolves to this machine could use the built-in
//! keys, which everybody knows. Its requests carry that site's name in `Host`.

/// Whether a request with this `Host` (or `:authority`) may pass. Always, while the built-in keys are off.
pub fn host_allowed(host: Option<&str>, demo_keys_on: bool) -> bool {
    !demo_keys_on || host.is_some_and(is_this_machine)
}

fn is_this_machine(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ => (host, "0"),
    };
    let names_us = name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]";
    names_us && port.parse::<u16>().is_ok() && port.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_this_machine_only() {
        for (host, want) in [
            ("localhost", true),
            ("LocalHost:8000", true),
            ("127.0.0.1", true),
            ("127.0.0.1:65535", true),
            ("[::1]", true),
            ("[::1]:8000", true),
            ("", false),
            ("::1", false),
            ("evil.example", false),
            ("evil.example:8000", false),
            ("localhost.evil.example", false),
            ("localhost:80@evil.example", false),
            ("127.0.0.1.evil.example:8000", false),
            ("localhost:", false),
            ("localhost:+80", false),
            ("localhost:99999", false),
            ("localhost:8000:80", false),
            ("0.0.0.0:8000", false),
        ] {
            assert_eq!(host_allowed(Some(host), true), want, "{host}");
            assert!(host_allowed(Some(host), false), "{host}, built-in keys off");
        }
        assert!(!host_allowed(None, true), "no Host");
        assert!(host_allowed(None, false), "no Host, built-in keys off");
    }
}
