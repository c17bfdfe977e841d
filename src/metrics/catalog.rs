//! Every metric by name: what it is, its unit, its labels. docs/metrics.md is held to this list by a test, and
//! nothing is written that does not stand here.

/// What a family of samples is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises. Its samples end in `_total`.
    Counter,
    Gauge,
    /// Its samples end in `_bucket`, `_sum` and `_count`.
    Histogram,
    /// Always 1; its labels tell. Its sample ends in `_info`.
    Info,
}

/// One family.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Of the family: a counter's without `_total`.
    pub name: &'static str,
    pub kind: Kind,
    /// What its values count.
    pub unit: &'static str,
    /// In the order in which their values are handed over.
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

/// Units that stand at the end of a metric's name.
pub const BASE_UNITS: [&str; 4] = ["seconds", "bytes", "usd", "ratio"];

/// A metric, and how its value is read from something.
pub(super) type Row<T, V> = (&'static Metric, fn(&T) -> V);

impl Kind {
    /// The word in a `# TYPE` line.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Info => "info",
        }
    }

    /// What stands behind the family's name in a plain sample.
    pub fn suffix(self) -> &'static str {
        match self {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        }
    }
}

macro_rules! metrics {
    ($($id:ident = $name:literal, $kind:ident, $unit:literal, [$($label:literal),*], $help:literal;)*) => {
        $(pub const $id: Metric =
            Metric { name: $name, kind: Kind::$kind, unit: $unit, labels: &[$($label),*], help: $help };)*

        /// In the order in which they are written.
        pub const ALL: &[Metric] = &[$($id,)*];
    };
}

metrics! {
    BUILD = "gateway_build", Info, "", ["version", "replica"],
        "The version that runs, and the name of this process.";

    REQUESTS = "gateway_requests", Counter, "requests", ["team", "provider", "model", "outcome"],
        "Requests that ended, by who answered and how; one for each audit record.";
    ERRORS = "gateway_request_errors", Counter, "requests", ["team", "code"],
        "Requests that got an error, by its code.";
    FALLBACKS = "gateway_fallbacks", Counter, "requests", ["team", "provider", "model"],
        "Requests that another than the first candidate answered.";
    TOKENS = "gateway_tokens", Counter, "tokens", ["team", "provider", "model", "type"],
        "Tokens that were used; no token stands in two types.";
    COST = "gateway_cost_usd", Counter, "usd", ["team", "provider", "model"],
        "What requests cost, as it is settled.";
    REDACTIONS = "gateway_redactions", Counter, "places", ["team", "type"],
        "Places where personal data or a secret was found and acted on.";
    WITHHELD = "gateway_placeholders_withheld", Counter, "placeholders", ["team"],
        "Placeholders that answers were not given back.";
    UNSCANNED = "gateway_unscanned_parts", Counter, "parts", ["team"],
        "Parts of requests that could not be looked into.";
    INJECTION = "gateway_injection_verdicts", Counter, "requests", ["team", "verdict"],
        "What the guard against prompt injection said.";
    UNAUTHENTICATED = "gateway_unauthenticated_requests", Counter, "requests", [],
        "Requests without a valid key; they leave no audit record.";
    UNRECORDED = "gateway_unrecorded_requests", Counter, "requests", [],
        "Requests refused, and not recorded: the audit trail could not be written, or not in time.";
    ADMIN_ACTIONS = "gateway_admin_actions", Counter, "actions", ["action", "status"],
        "What administrators did, refused acts too.";
    DURATION = "gateway_request_duration_seconds", Histogram, "seconds", ["endpoint", "stream"],
        "From a request's head to the end of its answer.";
    OVERHEAD = "gateway_overhead_seconds", Histogram, "seconds", ["endpoint", "stream"],
        "The gateway's own part of that, waiting for upstreams excluded.";
    FIRST_TOKEN = "gen_ai_server_time_to_first_token_seconds", Histogram, "seconds",
        ["gen_ai_provider_name", "gen_ai_request_model", "provider"],
        "From a streamed request's head to the first content of its answer.";

    ATTEMPTS = "gateway_attempts", Counter, "attempts", ["provider", "model", "outcome"],
        "Candidates that were called or passed over, by what came of it.";
    OPERATION = "gen_ai_client_operation_duration_seconds", Histogram, "seconds",
        ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "error_type", "provider"],
        "Calls to upstreams; to the first content where the answer is a stream.";
    TOKEN_USAGE = "gen_ai_client_token_usage", Histogram, "tokens",
        ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_token_type", "provider"],
        "Tokens of one answer, as its provider reported them.";
    REQUEST_COST = "gateway_request_cost_usd", Histogram, "usd", ["provider", "model"],
        "What one answered request cost.";

    IN_FLIGHT = "gateway_in_flight_requests", Gauge, "requests", [],
        "Requests under way.";
    MAX_IN_FLIGHT = "gateway_max_in_flight_requests", Gauge, "requests", [],
        "Requests that may be under way at once.";
    UPSTREAM_STATE = "gateway_upstream_state", Gauge, "1 or 0", ["provider", "state"],
        "1 for the state that the upstream's breaker is in, 0 for the others.";
    UPSTREAM_SINCE = "gateway_upstream_state_since_timestamp_seconds", Gauge, "seconds", ["provider"],
        "When the upstream came into its state, Unix time.";
    UPSTREAM_IN_FLIGHT = "gateway_upstream_in_flight_calls", Gauge, "calls", ["provider"],
        "Calls to the upstream under way.";
    UPSTREAM_FAILURES = "gateway_upstream_consecutive_failures", Gauge, "calls", ["provider"],
        "Failed calls in a row.";

    BUDGET_LIMIT = "gateway_budget_limit_usd", Gauge, "usd", ["team", "window"],
        "What the team may spend in the window; absent where unlimited.";
    BUDGET_SPENT = "gateway_budget_spent_usd", Gauge, "usd", ["team", "window"],
        "What the team has spent in the window, of all replicas.";
    BUDGET_RESERVED = "gateway_budget_reserved_usd", Gauge, "usd", ["team", "window"],
        "What requests under way may still spend.";
    BUDGET_RATIO = "gateway_budget_used_ratio", Gauge, "ratio", ["team", "window"],
        "Spent by limit; absent where the limit is none or zero.";
    BUDGET_RESETS = "gateway_budget_resets_timestamp_seconds", Gauge, "seconds", ["team", "window"],
        "When the window ends, Unix time.";
    BUDGET_ALERTS = "gateway_budget_alerts", Counter, "alerts", ["team", "window", "percent"],
        "Thresholds of budgets that were crossed, told by this replica.";
    BUDGET_ALERT_DELIVERIES = "gateway_budget_alert_deliveries", Counter, "alerts", ["outcome"],
        "What became of alerts on their way to the webhook.";
    BUDGET_STORE_UP = "gateway_budget_store_up", Gauge, "1 or 0", [],
        "Whether the store of the budgets answers.";
    SETTLEMENTS = "gateway_settlements_waiting", Gauge, "settlements", [],
        "Costs on their way to the store of the budgets.";

    AUDIT_WRITABLE = "gateway_audit_writable", Gauge, "1 or 0", [],
        "Whether the audit trail can be written.";
    AUDIT_QUEUED = "gateway_audit_queued_records", Gauge, "records", [],
        "Records that wait to be written.";
    AUDIT_DROPPED = "gateway_audit_dropped_records", Counter, "records", [],
        "Records that a full queue turned away.";
    AUDIT_BYTES = "gateway_audit_bytes", Gauge, "bytes", [],
        "Size of all segments of the audit trail.";
    AUDIT_SEGMENTS = "gateway_audit_segments", Gauge, "segments", [],
        "Segments of the audit trail.";
    AUDIT_HEAD = "gateway_audit_head_sequence", Gauge, "number", [],
        "Number of the last record in the chain.";
    AUDIT_SYNCED = "gateway_audit_synced_sequence", Gauge, "number", [],
        "Number of the last record that the disk has.";
    AUDIT_LAST_SYNC = "gateway_audit_last_sync_timestamp_seconds", Gauge, "seconds", [],
        "When the disk last had all records, Unix time.";
    SINK_STATE = "gateway_audit_sink_state", Gauge, "1 or 0", ["sink", "kind", "state"],
        "1 for the state that the sink is in, 0 for the others.";
    SINK_LAG = "gateway_audit_sink_lag_records", Gauge, "records", ["sink", "kind"],
        "Durable records that the sink has not got yet.";
    SINK_DELIVERED_SEQ = "gateway_audit_sink_head_sequence", Gauge, "number", ["sink", "kind"],
        "Number of the last record that was delivered or set aside.";
    SINK_DELIVERED = "gateway_audit_sink_delivered_records", Counter, "records", ["sink", "kind"],
        "Records that the sink took.";
    SINK_SENT = "gateway_audit_sink_sent_bytes", Counter, "bytes", ["sink", "kind"],
        "Bytes sent to the sink.";
    SINK_DEAD = "gateway_audit_sink_dead_letters", Counter, "records", ["sink", "kind"],
        "Records that the sink would not take, set aside.";
    SINK_LOST = "gateway_audit_sink_lost_records", Counter, "records", ["sink", "kind"],
        "Records that were gone before the sink had them.";
    SINK_LAST = "gateway_audit_sink_last_delivery_timestamp_seconds", Gauge, "seconds", ["sink", "kind"],
        "When the sink last took a record, Unix time.";

    ACTOR_UP = "gateway_actor_up", Gauge, "1 or 0", ["actor"],
        "Whether the actor lives.";
    ACTOR_QUEUE = "gateway_actor_queue_messages", Gauge, "messages", ["actor"],
        "Messages in the actor's mailbox; searches that wait or run, for the scanner.";
    ACTOR_RESTARTS = "gateway_actor_restarts", Counter, "restarts", ["actor"],
        "How often the actor died and was started again; panicked searches, for the scanner.";

    PROCESS_START = "process_start_time_seconds", Gauge, "seconds", [],
        "When the process started, Unix time.";
    PROCESS_CPU = "process_cpu_seconds", Counter, "seconds", [],
        "Processor time that the process used.";
    PROCESS_MEMORY = "process_resident_memory_bytes", Gauge, "bytes", [],
        "Memory that the process holds.";
    PROCESS_FILES = "process_open_fds", Gauge, "files", [],
        "Files and sockets that the process has open.";
    PROCESS_MAX_FILES = "process_max_fds", Gauge, "files", [],
        "Files and sockets that it may have open.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    const DOC: &str = include_str!("../../docs/metrics.md");

    /// The table's rows: name, type, unit, labels, meaning.
    fn told() -> BTreeMap<&'static str, [&'static str; 3]> {
        let rows = DOC.lines().filter(|line| line.starts_with("| `"));
        rows.filter_map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [name, kind, unit, labels, _] = cells[..] else { return None };
            Some((name.trim_matches('`'), [kind, unit, labels]))
        })
        .collect()
    }

    #[test]
    fn the_document_lists_each_metric_as_it_is() {
        let told = told();
        let meant: BTreeSet<String> =
            ALL.iter().map(|metric| format!("{}{}", metric.name, metric.kind.suffix())).collect();
        let named: BTreeSet<String> = told.keys().map(ToString::to_string).collect();
        assert_eq!(named, meant, "docs/metrics.md");
        for metric in ALL {
            let name = format!("{}{}", metric.name, metric.kind.suffix());
            let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
            let unit = if metric.unit.is_empty() { "–" } else { metric.unit };
            assert_eq!(told[&*name], [metric.kind.word(), unit, &*labels], "{name}");
        }
    }

    #[test]
    fn names_keep_to_the_conventions() {
        let mut names = BTreeSet::new();
        for Metric { name, kind, unit, labels, help } in ALL {
            assert!(names.insert(name), "{name} stands twice");
            let plain =
                |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b"_0123456789".contains(&b));
            assert!(plain(name) && labels.iter().all(|label| plain(label)), "{name}");
            let ours = ["gateway_", "gen_ai_", "process_"].iter().any(|prefix| name.starts_with(prefix));
            assert!(ours, "{name}: whose is it?");
            // A unit of the base units stands in the name; gen_ai_client_token_usage is named by its convention.
            let based = BASE_UNITS.contains(unit);
            assert!(!based || name.ends_with(unit), "{name} is in {unit}");
            for reserved in ["_total", "_info", "_sum", "_count", "_bucket", "_created"] {
                assert!(!name.ends_with(reserved), "{name} ends as samples do");
            }
            assert!(help.ends_with('.') && !help.contains(['\\', '\n']), "{name}: {help}");
            assert!(*kind != Kind::Info || !labels.is_empty(), "{name} tells nothing");
        }
    }
}
