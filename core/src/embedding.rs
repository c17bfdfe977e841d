//! Texts that are to become vectors ([`Embedding`]), and what comes back ([`Vectors`]), in no dialect.

use crate::conversation::{Leaf, Need, Needs, Place, Text, Value};
use crate::ids::TagName;
use crate::usage::Usage;
use bytes::Bytes;
use std::fmt;

/// A request for vectors.
#[derive(Clone, Debug, Default)]
pub struct Embedding {
    pub inputs: Inputs,
    /// The length that a vector is to have; `None`: the model's own.
    pub dimensions: Option<u64>,
    /// How the vectors are to be written; `None`: as numbers, where they can be.
    pub format: Option<VectorFormat>,
    /// The caller's end-user id, a hint.
    pub user: Option<Text>,
    /// What the caller counts it under. No provider is told.
    pub tags: Vec<(TagName, Text)>,
}

/// What is to be read; never empty once decoded.
#[derive(Clone)]
pub enum Inputs {
    Texts(Vec<Text>),
    /// Each a JSON array of token numbers, as it stood.
    Tokens(Vec<Tokens>),
}

/// A text as the numbers of its tokens.
#[derive(Clone)]
pub struct Tokens {
    pub json: Bytes,
    /// How many.
    pub count: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorFormat {
    Floats,
    /// Base64 of 32-bit floats, little end first.
    Base64,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Vectors {
    /// One for each input, in their order.
    pub vectors: Vec<Vector>,
    pub usage: Usage,
    /// The name of the model that the provider answered with.
    pub model: Option<Text>,
}

/// A vector as its provider wrote it.
#[derive(Clone, PartialEq)]
pub enum Vector {
    /// A JSON array of numbers.
    Floats(Bytes),
    /// A JSON string.
    Base64(Text),
}

/// The most inputs that Gemini takes in one call.
const GEMINI_BATCH: u64 = 100;

impl Default for Inputs {
    /// None yet.
    fn default() -> Inputs {
        Inputs::Texts(Vec::new())
    }
}

impl Inputs {
    pub fn len(&self) -> u64 {
        let inputs = match self {
            Inputs::Texts(texts) => texts.len(),
            Inputs::Tokens(tokens) => tokens.len(),
        };
        inputs as u64
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Embedding {
    /// Tokens, at most: no byte-level tokenizer makes more of them than there are bytes.
    pub fn most_tokens(&self) -> u64 {
        match &self.inputs {
            Inputs::Texts(texts) => texts.iter().map(|text| text.json_len() as u64).sum(),
            Inputs::Tokens(tokens) => tokens.iter().map(|tokens| tokens.count).fold(0, u64::saturating_add),
        }
    }

    /// Every string that a provider would read, an input each, and what stands beside them. Inputs are no
    /// conversation: each is to be searched by itself, so that a text's vector does not depend on its neighbours.
    pub fn leaves(&mut self) -> Vec<Leaf<'_>> {
        let leaf = |place, message, value| Leaf { place, message, joined: false, value };
        let mut leaves = match &mut self.inputs {
            Inputs::Texts(texts) => {
                let texts = texts.iter_mut().enumerate();
                texts.map(|(at, text)| leaf(Place::User, at, Value::Text(text))).collect()
            }
            Inputs::Tokens(tokens) => {
                (0..tokens.len()).map(|at| leaf(Place::User, at, Value::Tokens)).collect::<Vec<_>>()
            }
        };
        let beside = leaves.len();
        leaves.extend(self.user.iter_mut().map(|user| leaf(Place::Beside, beside, Value::Identifier(user))));
        let tags = self.tags.iter_mut().enumerate();
        leaves.extend(
            tags.map(|(at, (_, value))| leaf(Place::Beside, beside + 1 + at, Value::Identifier(value))),
        );
        leaves
    }

    /// What a provider must be able to do for it.
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::NONE.with(Need::Vectors);
        if self.inputs.len() > GEMINI_BATCH {
            needs = needs.with(Need::ManyInputs);
        }
        if matches!(self.inputs, Inputs::Tokens(_)) {
            needs = needs.with(Need::TokenInputs);
        }
        needs
    }
}

// Neither prints what was asked or answered.
impl fmt::Debug for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Inputs::Texts(texts) => write!(f, "Texts(*** {})", texts.len()),
            Inputs::Tokens(tokens) => write!(f, "Tokens(*** {})", tokens.len()),
        }
    }
}

impl fmt::Debug for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Vector::Floats(json) => write!(f, "Floats(*** {} bytes)", json.len()),
            Vector::Base64(text) => write!(f, "Base64(*** {} bytes)", text.json_len()),
        }
    }
}
