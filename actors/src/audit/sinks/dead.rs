//! What a sink would not take, one by one: kept in a file for a person to look at, with the reason. Metadata
//! alone, like all of the trail.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Appends `{"reason":"…","record":{…}}`.
pub(super) fn set_aside(folder: &Path, sink: &str, reason: &str, line: &[u8]) -> io::Result<()> {
    let path = folder.join(format!("{sink}.dead"));
    let mut file = OpenOptions::new().create(true).append(true).mode(0o640).open(path)?;
    let reason = serde_json::Value::from(reason).to_string();
    // What can't be read as a line may not be JSON either.
    let record = if serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok() {
        String::from_utf8_lossy(line).into_owned()
    } else {
        serde_json::Value::from(String::from_utf8_lossy(line)).to_string()
    };
    file.write_all(format!("{{\"reason\":{reason},\"record\":{record}}}\n").as_bytes())
}
