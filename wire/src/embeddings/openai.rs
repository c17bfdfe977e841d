//! OpenAI's embeddings, outbound; Azure's are the same under a deployment's path.

use super::{Embeds, form};
use crate::dialect::{Call, Target};
use crate::json;
use crate::path::push_encoded;
use crate::write::{Json, array};
use bytes::Bytes;
use gateway_core::conversation::Text;
use gateway_core::embedding::{Embedding, Inputs, VectorFormat, Vectors};
use gateway_core::fault::{Fault, FaultClass};
use gateway_core::ids::ProviderKind;
use gateway_core::usage::Usage;
use serde::Deserialize;
use serde_json::value::RawValue;

/// OpenAI and compatible servers; the base URL carries the version path.
pub(crate) struct OpenAi;

/// Azure; the base URL is the resource's.
pub(crate) struct Azure;

impl Embeds for OpenAi {
    fn encode(&self, embedding: &Embedding, target: &Target) -> Call {
        call("/embeddings".to_owned(), embedding, target)
    }

    fn read(&self, body: &Bytes, inputs: u64) -> Result<Vectors, Fault> {
        read(body, inputs).ok_or_else(|| Fault::new(FaultClass::Broken, Some(200)))
    }
}

impl Embeds for Azure {
    fn encode(&self, embedding: &Embedding, target: &Target) -> Call {
        let mut path = "/openai/deployments/".to_owned();
        push_encoded(target.model, &mut path);
        path.push_str("/embeddings?api-version=");
        push_encoded(target.api_version, &mut path);
        call(path, embedding, target)
    }

    fn read(&self, body: &Bytes, inputs: u64) -> Result<Vectors, Fault> {
        OpenAi.read(body, inputs)
    }
}

fn call(path: String, embedding: &Embedding, target: &Target) -> Call {
    let mut body = Vec::new();
    let mut json = Json::object(&mut body);
    json.string("model", target.model);
    let input = json.field("input");
    match &embedding.inputs {
        Inputs::Texts(texts) => array(texts, input, |text, out| out.extend_from_slice(text.json())),
        Inputs::Tokens(tokens) => array(tokens, input, |tokens, out| out.extend_from_slice(&tokens.json)),
    }
    if let Some(dimensions) = embedding.dimensions {
        json.integer("dimensions", dimensions);
    }
    if let Some(format) = asked_format(embedding, target.kind) {
        json.raw(
            "encoding_format",
            match format {
                VectorFormat::Floats => b"\"float\"",
                VectorFormat::Base64 => b"\"base64\"",
            },
        );
    }
    if let Some(user) = &embedding.user {
        json.text("user", user);
    }
    json.end();
    Call { path, headers: &[], body, dropped: Vec::new(), renamed: Vec::new() }
}

/// Base64 wherever it is known to be understood: as numbers the vectors of the largest request that is allowed would
/// be 80 to 120 MB. The caller gets the form that it asked for ([`told_format`]).
fn asked_format(embedding: &Embedding, kind: ProviderKind) -> Option<VectorFormat> {
    if takes_base64(kind) { Some(VectorFormat::Base64) } else { embedding.format }
}

/// The form in which a caller that asked for `format` gets what that provider said: OpenAI's default is numbers, other
/// servers have defaults of their own.
pub fn told_format(format: Option<VectorFormat>, kind: ProviderKind) -> Option<VectorFormat> {
    if takes_base64(kind) { Some(format.unwrap_or(VectorFormat::Floats)) } else { format }
}

fn takes_base64(kind: ProviderKind) -> bool {
    match kind {
        ProviderKind::OpenAi | ProviderKind::AzureOpenAi => true,
        ProviderKind::OpenAiCompatible | ProviderKind::Anthropic | ProviderKind::Gemini => false,
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Vec<Item<'a>>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    usage: Option<Counted>,
}

#[derive(Deserialize)]
struct Item<'a> {
    /// Absent with servers that keep the order.
    index: Option<usize>,
    #[serde(borrow)]
    embedding: &'a RawValue,
}

#[derive(Deserialize)]
struct Counted {
    prompt_tokens: Option<u64>,
}

fn read(body: &Bytes, inputs: u64) -> Option<Vectors> {
    let answer: Answer = json::read(body)?;
    if answer.data.len() as u64 != inputs {
        return None;
    }
    let mut vectors = vec![None; answer.data.len()];
    for (at, item) in answer.data.iter().enumerate() {
        let slot = vectors.get_mut(item.index.unwrap_or(at))?;
        if slot.replace(form::read(item.embedding, body)?).is_some() {
            return None;
        }
    }
    let input = answer.usage.and_then(|usage| usage.prompt_tokens);
    let usage = Usage { input, output: input.map(|_| 0), ..Usage::NONE };
    let model = answer.model.and_then(|raw| Text::from_json(body.slice_ref(raw.get().as_bytes())));
    Some(Vectors { vectors: vectors.into_iter().collect::<Option<_>>()?, usage, model })
}
