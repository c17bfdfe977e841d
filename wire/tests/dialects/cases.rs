//! The recorded cases as they lie in a folder: `<folder>/<provider>/*.json`.

use bytes::Bytes;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// One exchange with a provider.
pub struct Case {
    /// `provider/file`.
    pub name: String,
    pub provider: &'static str,
    pub status: u16,
    pub headers: Value,
    pub body: Bytes,
    pub is_stream: bool,
    pub tags: Vec<String>,
    /// The request's body, where it was kept.
    pub request: Option<Value>,
}

/// Kinds of cases of other APIs of the same providers.
pub const SIDE: [&str; 2] = ["embeddings", "count_tokens"];
/// Likewise, and not served yet.
pub const NOT_YET: [&str; 1] = ["responses_"];

/// A provider's folder.
pub struct Folder {
    /// Chat cases in order of their names.
    pub chat: Vec<Case>,
    /// Cases of [`SIDE`].
    pub side: Vec<Case>,
    /// How many files are of each kind of [`NOT_YET`].
    pub not_yet: [usize; 1],
    /// All files.
    pub files: usize,
}

impl Folder {
    pub fn read(folder: &Path, provider: &'static str) -> Folder {
        let folder = folder.join(provider);
        let files =
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut paths: Vec<PathBuf> = files.map(|file| file.expect("readable").path()).collect();
        paths.sort();
        let files = paths.len();
        let not_yet = NOT_YET.map(|kind| paths.iter().filter(|path| name_of(path).starts_with(kind)).count());
        paths.retain(|path| !NOT_YET.iter().any(|kind| name_of(path).starts_with(kind)));
        let is_side = |path: &PathBuf| SIDE.iter().any(|kind| name_of(path).starts_with(kind));
        let (side, chat): (Vec<_>, Vec<_>) = paths.iter().partition(|path| is_side(path));
        let read_all = |paths: Vec<&PathBuf>| paths.iter().map(|path| read(path, provider)).collect();
        Folder { chat: read_all(chat), side: read_all(side), not_yet, files }
    }
}

/// The few cases that lie in the repository.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The recordings that `GATEWAY_SHARED_DATA` names, if it names any.
pub fn recordings() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a switch of this test, no setting of the gateway")]
    let folder = std::env::var("GATEWAY_SHARED_DATA").ok()?;
    Some(Path::new(&folder).join("wire"))
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).expect("a UTF-8 name")
}

fn read(path: &Path, provider: &'static str) -> Case {
    let file = std::fs::read(path).expect("readable");
    let case: Value = serde_json::from_slice(&file).expect("JSON");
    let response = &case["response"];
    let sse = response["sse"].as_array();
    let body: String = match (sse, &response["body"]) {
        (Some(events), _) => events.iter().map(|event| event.as_str().expect("a string")).collect(),
        (None, Value::String(text)) => text.clone(),
        (None, body) => body.to_string(),
    };
    let tags = case["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let request = &case["request"]["body"];
    Case {
        name: format!("{provider}/{}", name_of(path)),
        provider,
        status: response["status"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status"),
        headers: response["headers"].clone(),
        body: body.into(),
        is_stream: sse.is_some(),
        tags: tags.map(str::to_owned).collect(),
        request: request.is_object().then(|| request.clone()),
    }
}

impl Case {
    /// The JSON documents of the answer: one, or a stream's in order.
    pub fn documents(&self) -> Vec<Value> {
        if self.is_stream {
            super::reading::data_of(&self.body)
        } else {
            vec![serde_json::from_slice(&self.body).expect("JSON")]
        }
    }

    pub fn has(&self, tag: &str) -> bool {
        self.tags.iter().any(|known| known == tag)
    }
}
