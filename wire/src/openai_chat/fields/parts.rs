//! What a message's `content` is made of: texts, images, files, audio, refusals.

use crate::body::{LEAVE_OUT, Object, Reading, is_base64, is_image, list, unsupported, word, wrong};
use crate::dialect::Malformed;
use bytes::Bytes;
use gateway_core::conversation::{CacheTtl, Content, Media, Part, Role, Source};
use serde_json::value::RawValue;

const SHAPE: &str = "must be a string or a list of parts, each an object with a `type`";

/// A `content` that is no plain string.
pub(super) fn parts(
    raw: &RawValue,
    message: usize,
    role: Role,
    reading: &mut Reading,
) -> Result<Vec<Part>, Malformed> {
    let field = format!("messages[{message}].content");
    let items = list(raw, String::new).map_err(|_| wrong(field.as_str(), SHAPE))?;
    if items.is_empty() {
        return Err(wrong(field, "is empty: send a string or at least one part"));
    }
    let mut parts = Vec::with_capacity(items.len());
    for (n, item) in items.into_iter().enumerate() {
        if !item.get().starts_with('{') {
            return Err(wrong(field, SHAPE));
        }
        parts.push(part(item, &format!("{field}[{n}]"), role, reading)?);
    }
    Ok(parts)
}

fn part(raw: &RawValue, field: &str, role: Role, reading: &mut Reading) -> Result<Part, Malformed> {
    let at = |name: &str| format!("{field}.{name}");
    let mut object = Object::read(raw, || field.to_owned())?;
    let kind = object.take_word("type");
    let kind = kind.ok_or_else(|| wrong(at("type"), "is missing: send `text`"))?;
    let content = match (&*kind, role) {
        ("text", _) => {
            let text = object
                .take("text")
                .ok_or_else(|| wrong(at("text"), "is missing: a text part has a string `text`"))?;
            Content::Text(reading.text(text, || at("text"))?)
        }
        ("refusal", Role::Assistant) => {
            let text = object.take("refusal");
            let text = text.ok_or_else(|| wrong(at("refusal"), "is missing: it holds the model's words"))?;
            Content::Refusal(reading.text(text, || at("refusal"))?)
        }
        ("image_url", Role::User | Role::Tool) => {
            let inner = object.take("image_url");
            let inner = inner.ok_or_else(|| wrong(at("image_url"), "is missing: it holds `url`"))?;
            Content::Image(image(inner, &at("image_url"), reading)?)
        }
        ("file", Role::User | Role::Tool) => {
            let inner = object.take("file");
            let inner =
                inner.ok_or_else(|| wrong(at("file"), "is missing: it holds `file_data` and `filename`"))?;
            Content::Document(file(inner, &at("file"), reading)?)
        }
        ("input_audio", Role::User) => {
            let inner = object.take("input_audio");
            let inner =
                inner.ok_or_else(|| wrong(at("input_audio"), "is missing: it holds `data` and `format`"))?;
            Content::Audio(audio(inner, &at("input_audio"), reading)?)
        }
        ("image_url" | "file" | "input_audio" | "refusal", _) => {
            return Err(wrong(at("type"), "is not allowed in a message of this role"));
        }
        _ => return Err(unsupported(at("type"), LEAVE_OUT)),
    };
    let cache = object.take("cache_control").map(|raw| cache(raw, || at("cache_control"))).transpose()?;
    reading.drop_rest(object, "messages.content");
    Ok(Part { content, cache })
}

/// Anthropic's mark, as OpenRouter and LiteLLM take it in this dialect: `{"type":"ephemeral","ttl":"5m"}`.
pub(super) fn cache(raw: &RawValue, field: impl Fn() -> String) -> Result<CacheTtl, Malformed> {
    let mut object = Object::read(raw, &field)?;
    if object.take_word("type").as_deref() != Some("ephemeral") {
        return Err(wrong(format!("{}.type", field()), "must be ephemeral"));
    }
    match object.take_word("ttl").as_deref() {
        None | Some("5m") => Ok(CacheTtl::FiveMinutes),
        Some("1h") => Ok(CacheTtl::OneHour),
        Some(_) => Err(wrong(format!("{}.ttl", field()), "must be 5m or 1h")),
    }
}

/// `{url, detail}`; Mistral's clients send the URL by itself.
fn image(raw: &RawValue, field: &str, reading: &mut Reading) -> Result<Media, Malformed> {
    let rule = "must be an http, https or base64 data URL of an image";
    let (url, detail, at) = if raw.get().starts_with('"') {
        (raw, None, field.to_owned())
    } else {
        let mut object = Object::read(raw, || field.to_owned())?;
        let at = format!("{field}.url");
        let url = object.take("url").ok_or_else(|| wrong(at.as_str(), "is missing"))?;
        let detail = object.take("detail");
        let detail = detail.map(|raw| reading.text(raw, || format!("{field}.detail"))).transpose()?;
        reading.drop_rest(object, "messages.content.image_url");
        (url, detail, at)
    };
    let text = reading.text(url, || at.clone())?;
    let plain = text.decoded();
    if ["http://", "https://"].iter().any(|scheme| plain.starts_with(scheme)) {
        return Ok(Media { source: Source::Url { media_type: None, url: text }, name: None, detail });
    }
    let Some((media_type, data)) = data_url(url, reading) else { return Err(wrong(at, rule)) };
    if !is_image(&media_type) {
        return Err(wrong(at, rule));
    }
    Ok(Media { source: Source::Base64 { media_type, data }, name: None, detail })
}

/// `{file_data, filename}`; what the provider would have to keep (`file_id`) is not served.
fn file(raw: &RawValue, field: &str, reading: &mut Reading) -> Result<Media, Malformed> {
    let at = |name: &str| format!("{field}.{name}");
    let mut object = Object::read(raw, || field.to_owned())?;
    if object.take("file_id").is_some() {
        return Err(unsupported(at("file_id"), ": send the file itself in `file_data`"));
    }
    let Some(data) = object.take("file_data") else {
        return Err(wrong(at("file_data"), "is missing: send the file as a base64 data URL"));
    };
    let name = object.take("filename").map(|raw| reading.text(raw, || at("filename"))).transpose()?;
    reading.drop_rest(object, "messages.content.file");
    let Some((media_type, data)) = data_url(data, reading) else {
        return Err(wrong(at("file_data"), "must be a base64 data URL, `data:application/pdf;base64,…`"));
    };
    if media_type != "application/pdf" {
        let mend = " but for PDF: send text as a text part, an image as `image_url`";
        return Err(unsupported(at("file_data"), mend));
    }
    Ok(Media { source: Source::Base64 { media_type, data }, name, detail: None })
}

fn audio(raw: &RawValue, field: &str, reading: &mut Reading) -> Result<Media, Malformed> {
    let at = |name: &str| format!("{field}.{name}");
    let mut object = Object::read(raw, || field.to_owned())?;
    let media_type = match object.take_word("format").as_deref() {
        Some("wav") => "audio/wav",
        Some("mp3") => "audio/mp3",
        _ => return Err(wrong(at("format"), "must be wav or mp3")),
    };
    let data = object.take("data").ok_or_else(|| wrong(at("data"), "is missing: it is base64"))?;
    let data = reading.base64(data).ok_or_else(|| wrong(at("data"), "must be base64, without line ends"))?;
    reading.drop_rest(object, "messages.content.input_audio");
    let source = Source::Base64 { media_type: media_type.to_owned(), data };
    Ok(Media { source, name: None, detail: None })
}

/// The media type, in lower case, and the base64 of a `data:` URL.
fn data_url(raw: &RawValue, reading: &Reading) -> Option<(String, Bytes)> {
    let url = content(raw, reading)?;
    let comma = memchr::memchr(b',', &url)?;
    let head = std::str::from_utf8(&url[..comma]).ok()?.to_ascii_lowercase();
    let media_type = head.strip_prefix("data:")?.strip_suffix(";base64")?;
    // Parameters (`;charset=utf-8`) say nothing about these kinds.
    let media_type = media_type.split(';').next()?;
    let data = url.slice(comma + 1..);
    is_base64(&data).then(|| (media_type.to_owned(), data))
}

/// A string's content: a slice of the body, or decoded where the caller escaped slashes.
fn content(raw: &RawValue, reading: &Reading) -> Option<Bytes> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_some() {
        return Some(word(raw).into_owned().into());
    }
    Some(reading.body.slice_ref(inner.as_bytes()))
}
