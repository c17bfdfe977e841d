//! Log lines: text for people, JSON for machines. Never a body: what may be logged is a matter of the
//! types that are handed in (docs/architecture.md).

use crate::config::{Log, LogFormat};
use log::kv::{Error, Key, Value, VisitSource};
use std::io::Write;

/// Installs the logger. A second call changes nothing.
pub fn start(settings: &Log) {
    let mut builder = env_logger::Builder::new();
    builder.parse_filters(&settings.filter);
    if settings.format == LogFormat::Json {
        builder.format(|out, record| {
            let mut fields = Fields(serde_json::Map::new());
            fields.put("time", out.timestamp_millis().to_string());
            fields.put("level", record.level().to_string());
            fields.put("target", record.target().to_owned());
            fields.put("message", record.args().to_string());
            record.key_values().visit(&mut fields).map_err(std::io::Error::other)?;
            writeln!(out, "{}", serde_json::Value::Object(fields.0))
        });
    }
    // An error means that a logger is there already, which tests in one process may have set.
    builder.try_init().ok();
    quiet_panics();
}

/// Tells of panics by their place alone: what they say may repeat a piece of a request.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        log::error!(place; "a part of the gateway panicked");
    }));
}

struct Fields(serde_json::Map<String, serde_json::Value>);

impl Fields {
    fn put(&mut self, name: &str, value: String) {
        self.0.insert(name.to_owned(), value.into());
    }
}

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let json = match (value.to_u64(), value.to_i64(), value.to_bool()) {
            (Some(number), _, _) => number.into(),
            (None, Some(number), _) => number.into(),
            (None, None, Some(truth)) => truth.into(),
            (None, None, None) => value.to_string().into(),
        };
        self.0.insert(key.as_str().to_owned(), json);
        Ok(())
    }
}
