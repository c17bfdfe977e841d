//! Blocks of content: texts, images, documents, calls and their results, thoughts.

use super::messages::content;
use crate::body::{LEAVE_OUT, Object, Reading, is_image, unsupported, wrong};
use crate::dialect::Malformed;
use gateway_core::conversation::{
    Arguments, CacheTtl, Content, Media, Part, Role, Source, Text, Thinking, ToolCall, ToolResult,
};
use gateway_core::ids::ProviderKind;
use serde_json::value::RawValue;

/// Reads a block that stands in a turn of `role`; [`Role::Tool`] is the inside of a tool's result.
pub(super) fn read(
    raw: &RawValue,
    field: &str,
    path: &str,
    role: Role,
    reading: &mut Reading,
) -> Result<Part, Malformed> {
    let at = |name: &str| format!("{field}.{name}");
    let object = Object::read(raw, || field.to_owned())?;
    let mut block = Block { object, field, path, reading };
    let kind = block.object.take_word("type");
    let kind = kind.ok_or_else(|| wrong(at("type"), "is missing: send `text`"))?;
    let content = match (&*kind, role) {
        ("text", _) => Content::Text(block.text("text")?),
        ("image", Role::User | Role::Tool) => Content::Image(block.image()?),
        ("document", Role::User | Role::Tool) => Content::Document(block.document()?),
        ("tool_result", Role::User) => Content::ToolResult(block.result()?),
        ("tool_use", Role::Assistant) => Content::ToolCall(block.call()?),
        ("thinking" | "redacted_thinking", Role::Assistant) => Content::Thinking(block.thinking(&kind)?),
        ("image" | "document" | "tool_result" | "tool_use" | "thinking" | "redacted_thinking", _) => {
            return Err(wrong(at("type"), "is not allowed in a message of this role"));
        }
        _ => return Err(unsupported(at("type"), LEAVE_OUT)),
    };
    let cache = block.object.take("cache_control").map(|raw| cache(raw, || at("cache_control")));
    let cache = cache.transpose()?;
    block.reading.drop_rest(block.object, path);
    Ok(Part { content, cache })
}

/// `{"type":"ephemeral","ttl":"5m"}`
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

/// A block whose fields are being taken.
struct Block<'a, 'r, 'b> {
    object: Object<'a>,
    field: &'a str,
    path: &'a str,
    reading: &'r mut Reading<'b>,
}

impl Block<'_, '_, '_> {
    fn at(&self, name: &str) -> String {
        format!("{}.{name}", self.field)
    }

    fn text(&mut self, name: &str) -> Result<Text, Malformed> {
        self.optional(name)?.ok_or_else(|| wrong(self.at(name), "is missing"))
    }

    fn optional(&mut self, name: &str) -> Result<Option<Text>, Malformed> {
        let raw = self.object.take(name);
        raw.map(|raw| self.reading.text(raw, || self.at(name))).transpose()
    }

    fn opaque(&mut self, name: &str) -> Result<Option<Text>, Malformed> {
        let raw = self.object.take(name);
        raw.map(|raw| self.reading.opaque(raw, || self.at(name))).transpose()
    }

    fn image(&mut self) -> Result<Media, Malformed> {
        let source = self.source("image")?;
        Ok(Media { source, name: None, detail: None })
    }

    fn document(&mut self) -> Result<Media, Malformed> {
        if let Some(raw) = self.object.take("citations") {
            let mut citations = Object::read(raw, || self.at("citations"))?;
            if citations.take("enabled").is_some_and(|raw| raw.get() != "false") {
                return Err(unsupported(self.at("citations"), LEAVE_OUT));
            }
        }
        if self.object.take("context").is_some() {
            return Err(unsupported(self.at("context"), ": say it in a text block"));
        }
        let source = self.source("document")?;
        Ok(Media { source, name: self.optional("title")?, detail: None })
    }

    /// `{type: base64, media_type, data}`, `{type: url, url}` or, of a document, `{type: text, data}`.
    fn source(&mut self, kind: &str) -> Result<Source, Malformed> {
        let field = self.at("source");
        let raw = self.object.take("source").ok_or_else(|| wrong(field.as_str(), "is missing"))?;
        let object = Object::read(raw, || field.clone())?;
        let path = format!("{}.source", self.path);
        let mut inner = Block { object, field: &field, path: &path, reading: &mut *self.reading };
        let is_document = kind == "document";
        let source = match inner.object.take_word("type").as_deref() {
            Some("base64") => inner.base64(is_document)?,
            Some("url") => {
                let url = inner.text("url")?;
                if !["http://", "https://"].iter().any(|scheme| url.decoded().starts_with(scheme)) {
                    return Err(wrong(inner.at("url"), "must be an http or https URL"));
                }
                Source::Url { media_type: is_document.then(|| "application/pdf".to_owned()), url }
            }
            Some("text") if is_document => {
                inner.object.take("media_type");
                Source::Plain(inner.text("data")?)
            }
            Some("file") => return Err(unsupported(inner.at("type"), ": send the file itself as base64")),
            Some("content") if is_document => {
                return Err(unsupported(inner.at("type"), ": send the text as a `text` source"));
            }
            Some(_) => return Err(wrong(inner.at("type"), "must be base64 or url")),
            None => return Err(wrong(inner.at("type"), "is missing: base64 or url")),
        };
        inner.reading.drop_rest(inner.object, inner.path);
        Ok(source)
    }

    fn base64(&mut self, is_document: bool) -> Result<Source, Malformed> {
        let media_type = self.text("media_type")?.decoded().to_ascii_lowercase();
        let (is_known, rule) = match is_document {
            true => (media_type == "application/pdf", "must be application/pdf"),
            false => (is_image(&media_type), "must be an image's, like image/png"),
        };
        if !is_known {
            return Err(wrong(self.at("media_type"), rule));
        }
        let raw = self.object.take("data").ok_or_else(|| wrong(self.at("data"), "is missing"))?;
        let data = self.reading.base64(raw);
        let data = data.ok_or_else(|| wrong(self.at("data"), "must be base64, without line ends"))?;
        Ok(Source::Base64 { media_type, data })
    }

    fn call(&mut self) -> Result<ToolCall, Malformed> {
        // Whether the model or code that it ran called: the caller answers both alike.
        self.object.take("caller");
        let (id, name) = (self.text("id")?, self.text("name")?);
        if name.is_empty() {
            return Err(wrong(self.at("name"), "is empty: name the tool that was called"));
        }
        let input = self.object.take("input");
        let input = input.ok_or_else(|| wrong(self.at("input"), "is missing: send `{}` for no arguments"))?;
        let input = self.reading.json_object(input, || self.at("input"))?;
        Ok(ToolCall { id: Some(id), name, arguments: Arguments::Object(input), signature: None })
    }

    fn result(&mut self) -> Result<ToolResult, Malformed> {
        let call_id = self.text("tool_use_id")?;
        let is_error = self.object.take("is_error");
        let is_error = is_error.map(|raw| match raw.get() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(wrong(self.at("is_error"), "must be true or false")),
        });
        let is_error = is_error.transpose()?.unwrap_or(false);
        let content = match self.object.take("content") {
            Some(raw) => {
                let path = format!("{}.content", self.path);
                content(raw, &self.at("content"), &path, Role::Tool, self.reading)?
            }
            None => Vec::new(),
        };
        Ok(ToolResult { call_id, name: None, content, is_error })
    }

    fn thinking(&mut self, kind: &str) -> Result<Thinking, Malformed> {
        let origin = ProviderKind::Anthropic;
        if kind == "redacted_thinking" {
            let redacted = Some(self.opaque("data")?.ok_or_else(|| wrong(self.at("data"), "is missing"))?);
            return Ok(Thinking { origin, text: Text::new(""), signature: None, redacted });
        }
        let text = self.text("thinking")?;
        // Empty where another provider's thought was shown in this dialect.
        let signature = self.opaque("signature")?.filter(|signature| !signature.is_empty());
        Ok(Thinking { origin, text, signature, redacted: None })
    }
}
