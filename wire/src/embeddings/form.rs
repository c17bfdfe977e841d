//! Vectors as numbers and as base64 of 32-bit floats, little end first, the one made from the other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use gateway_core::conversation::Text;
use gateway_core::embedding::{Vector, VectorFormat};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Bytes of a float.
const FLOAT: usize = 4;

/// A vector of an answer, a slice of `body`. `None` where it is neither numbers nor a string.
pub(super) fn read(raw: &RawValue, body: &Bytes) -> Option<Vector> {
    let json = body.slice_ref(raw.get().as_bytes());
    if json.first() == Some(&b'"') {
        return Text::from_json(json).map(Vector::Base64);
    }
    let number = |b: &u8| b.is_ascii_digit() || b"-+.eE, \n\r\t".contains(b);
    let inner = json.strip_prefix(b"[")?.strip_suffix(b"]")?;
    inner.iter().all(number).then(|| Vector::Floats(json.clone()))
}

/// The vector in the form that is wanted, as JSON; as it came, where none is. What does not turn into it (base64 of
/// something else than floats) stays as it came, too.
pub(super) fn written(vector: &Vector, format: Option<VectorFormat>) -> Cow<'_, [u8]> {
    let turned = match (vector, format) {
        (Vector::Floats(json), Some(VectorFormat::Base64)) => to_base64(json),
        (Vector::Base64(text), Some(VectorFormat::Floats)) => to_floats(&text.decoded()),
        _ => None,
    };
    match (turned, vector) {
        (Some(json), _) => Cow::Owned(json),
        (None, Vector::Floats(json)) => Cow::Borrowed(json),
        (None, Vector::Base64(text)) => Cow::Borrowed(text.json()),
    }
}

fn to_base64(json: &[u8]) -> Option<Vec<u8>> {
    let floats: Vec<f32> = serde_json::from_slice(json).ok()?;
    let bytes: Vec<u8> = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
    Some(format!("\"{}\"", STANDARD.encode(bytes)).into_bytes())
}

fn to_floats(text: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(text).ok()?;
    let chunks = bytes.chunks_exact(FLOAT);
    if !chunks.remainder().is_empty() {
        return None;
    }
    let floats = chunks.map(|chunk| f32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]));
    let floats: Vec<f32> = floats.collect();
    // JSON has no other numbers.
    if floats.iter().any(|float| !float.is_finite()) {
        return None;
    }
    serde_json::to_vec(&floats).ok()
}
