//! Writing JSON by hand where a value is copied raw: numbers, money, and commas between fields.

use gateway_core::conversation::Text;

/// Appends JSON to a buffer. The caller keeps the document well-formed; the field methods set commas.
pub(crate) struct Json<'a> {
    out: &'a mut Vec<u8>,
    comma: bool,
}

impl<'a> Json<'a> {
    /// Opens an object.
    pub(crate) fn object(out: &'a mut Vec<u8>) -> Json<'a> {
        out.push(b'{');
        Json { out, comma: false }
    }

    /// Writes a field's name and hands out the buffer for its value.
    pub(crate) fn field(&mut self, name: &str) -> &mut Vec<u8> {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    pub(crate) fn raw(&mut self, name: &str, json: &[u8]) {
        self.field(name).extend_from_slice(json);
    }

    pub(crate) fn text(&mut self, name: &str, text: &Text) {
        self.raw(name, text.json());
    }

    pub(crate) fn string(&mut self, name: &str, plain: &str) {
        string(plain, self.field(name));
    }

    pub(crate) fn integer(&mut self, name: &str, value: u64) {
        integer(value, self.field(name));
    }

    /// A number that came from JSON, so it is finite.
    pub(crate) fn number(&mut self, name: &str, value: f64) {
        let printed = serde_json::Number::from_f64(value).map_or("null".to_owned(), |n| n.to_string());
        self.raw(name, printed.as_bytes());
    }

    pub(crate) fn bool(&mut self, name: &str, value: bool) {
        self.raw(name, if value { b"true" } else { b"false" });
    }

    /// Closes the object.
    pub(crate) fn end(self) {
        self.out.push(b'}');
    }
}

/// A JSON string literal of a plain string.
pub(crate) fn string(plain: &str, out: &mut Vec<u8>) {
    let needs_escape = plain.bytes().any(|b| b < 0x20 || b == b'"' || b == b'\\');
    if needs_escape {
        out.extend_from_slice(Text::new(plain).json());
    } else {
        out.push(b'"');
        out.extend_from_slice(plain.as_bytes());
        out.push(b'"');
    }
}

pub(crate) fn integer(value: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value;
    loop {
        at -= 1;
        // A digit is below 10, so it fits a byte.
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Writes items with commas between, in brackets.
pub(crate) fn array<T>(
    items: impl IntoIterator<Item = T>,
    out: &mut Vec<u8>,
    mut each: impl FnMut(T, &mut Vec<u8>),
) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        each(item, out);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_parses(key_value in any::<u64>(), plain in ".*", number in -1e9f64..1e9) {
            let mut out = Vec::new();
            let mut json = Json::object(&mut out);
            json.integer("i", key_value);
            json.string("s", &plain);
            json.number("n", number);
            json.bool("b", true);
            array([1u64, 2], json.field("a"), integer);
            json.end();
            let read: serde_json::Value = serde_json::from_slice(&out).expect("valid JSON");
            prop_assert_eq!(&read["i"], &serde_json::json!(key_value));
            prop_assert_eq!(&read["s"], &serde_json::json!(plain));
            // Compared as text: serde_json reads a long float with the last digit off (no `float_roundtrip`).
            let printed = String::from_utf8_lossy(&out);
            let printed = printed.rsplit_once("\"n\":").and_then(|(_, rest)| rest.split([',', '}']).next());
            prop_assert_eq!(printed.and_then(|text| text.parse::<f64>().ok()), Some(number));
            prop_assert_eq!(&read["a"], &serde_json::json!([1, 2]));
        }
    }
}
