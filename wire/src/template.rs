//! The frames of one stream differ in their text alone. So a frame that was read in full, and held one
//! text and nothing else, becomes a template: a later frame that has the same bytes around a plain text
//! means the same, and need not be parsed.

use bytes::Bytes;
use gateway_core::conversation::Text;

/// A frame's bytes before and after its text literal, quotes included on both sides.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    frame: Bytes,
    /// Where the text's content begins and ends in it.
    from: usize,
    to: usize,
}

impl Template {
    /// Learns from a frame whose whole meaning is `text`, which is a slice of it.
    /// `None` where it is not, or where the text is so long that keeping the frame is not worth it.
    pub(crate) fn learn(frame: &Bytes, text: &Text) -> Option<Template> {
        let from = (text.json().as_ptr() as usize).checked_sub(frame.as_ptr() as usize)? + 1;
        let to = from + text.json_len();
        let is_slice = frame.get(from - 1..to + 1)? == text.json();
        (is_slice && frame.len() <= 4096).then(|| Template { frame: frame.clone(), from, to })
    }

    /// The text of a frame of the same form; `None` where it has to be parsed.
    pub(crate) fn read(&self, frame: &Bytes) -> Option<Text> {
        let (before, after) = (&self.frame[..self.from], &self.frame[self.to..]);
        let to = frame.len().checked_sub(after.len())?;
        let content = frame.get(self.from..to)?;
        let same = frame.starts_with(before) && frame.ends_with(after);
        // Without quote, backslash and control characters these bytes are a literal's content, if they
        // are UTF-8; any other goes to the parser.
        let plain = content.iter().all(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1F));
        if !same || !plain || std::str::from_utf8(content).is_err() {
            return None;
        }
        Text::from_json(frame.slice(self.from - 1..to + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn learned(json: &str, text: &str) -> Option<Template> {
        let frame = Bytes::copy_from_slice(json.as_bytes());
        let at = json.find(text)?;
        Template::learn(&frame, &Text::from_json(frame.slice(at..at + text.len()))?)
    }

    #[test]
    fn only_a_plain_text_in_the_same_frame_is_read() {
        let template = learned(r#"{"t":"one","n":1}"#, r#""one""#).expect("a slice of the frame");
        for (case, frame, want) in [
            ("the same", r#"{"t":"one","n":1}"#, Some("one")),
            ("another text", r#"{"t":"längeres","n":1}"#, Some("längeres")),
            ("no text", r#"{"t":"","n":1}"#, Some("")),
            ("another number", r#"{"t":"one","n":2}"#, None),
            ("an escape", r#"{"t":"a\nb","n":1}"#, None),
            ("a quote that ends it", r#"{"t":"a","x":"b","n":1}"#, None),
            ("shorter than its frame", r#"{"t":","n":1}"#, None),
            ("cut", r#"{"t":"one","n":"#, None),
            ("nothing", "", None),
        ] {
            let read = template.read(&Bytes::copy_from_slice(frame.as_bytes()));
            assert_eq!(read.as_ref().map(|text| text.decoded().into_owned()).as_deref(), want, "{case}");
        }
        let text = Text::new("not a slice of it");
        assert!(Template::learn(&Bytes::from_static(b"{}"), &text).is_none());
    }

    proptest! {
        #[test]
        fn what_it_reads_the_parser_reads_too(content in prop::collection::vec(any::<u8>(), 0..40)) {
            let template = learned(r#"{"t":"one","n":1}"#, r#""one""#).expect("a slice of the frame");
            let frame = Bytes::from([&b"{\"t\":\""[..], &content, b"\",\"n\":1}"].concat());
            if let Some(text) = template.read(&frame) {
                let parsed: serde_json::Value = serde_json::from_slice(&frame).expect("valid JSON");
                prop_assert_eq!(parsed, serde_json::json!({ "t": text.decoded(), "n": 1 }));
            }
        }
    }
}
