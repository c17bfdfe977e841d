//! Function calls of an answer: whole ones, and those that newer models stream argument by argument.

use super::response::{broken, text};
use crate::dialect::MAX_CALLS;
use bytes::Bytes;
use gateway_core::conversation::{Event, Text};
use gateway_core::fault::Fault;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};
use std::borrow::Cow;

/// Steps that the path of a piece may have.
const MAX_DEPTH: usize = 64;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FunctionCall<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
    #[serde(borrow)]
    partial_args: Option<Vec<Piece<'a>>>,
    will_continue: Option<bool>,
}

/// A value, or more of a string, for one place in the arguments. No value at all is `nullValue`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Piece<'a> {
    #[serde(borrow)]
    json_path: Cow<'a, str>,
    string_value: Option<String>,
    number_value: Option<Number>,
    bool_value: Option<bool>,
}

/// The calls of one choice.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// How many have gone out.
    made: u32,
    open: Option<Open>,
}

/// A call whose arguments have not all come. It goes out when they have, and not at all if they never do.
struct Open {
    id: Option<Text>,
    name: Text,
    signature: Option<Text>,
    arguments: Value,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Open({:?} ***)", self.name)
    }
}

impl Calls {
    pub(super) fn any(&self) -> bool {
        self.made > 0
    }

    /// Takes the call of one part. One with a name begins; one without continues or ends what is open.
    pub(super) fn take(
        &mut self,
        call: FunctionCall,
        signature: Option<&RawValue>,
        choice: u32,
        data: &Bytes,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let continues = call.will_continue == Some(true);
        if let Some(name) = call.name {
            self.finish(choice, out);
            let name = text(name, data)?;
            let id = call.id.map(|id| text(id, data)).transpose()?;
            let signature = signature.map(|signature| text(signature, data)).transpose()?;
            if name.is_empty() || self.made >= MAX_CALLS {
                return Err(broken());
            }
            let arguments = arguments(call.args)?;
            if !continues && call.partial_args.is_none() {
                self.send(choice, id, name, signature, Text::new(arguments), out);
                return Ok(());
            }
            let arguments = serde_json::from_str(arguments).map_err(|_| broken())?;
            self.open = Some(Open { id, name, signature, arguments });
        } else if call.args.is_some() {
            return Err(broken());
        }
        match &mut self.open {
            Some(open) => {
                for piece in call.partial_args.into_iter().flatten() {
                    put(&mut open.arguments, piece)?;
                }
            }
            // The end of a call may come twice, but not a piece of none.
            None if call.partial_args.is_some_and(|pieces| !pieces.is_empty()) => return Err(broken()),
            None => {}
        }
        if !continues {
            self.finish(choice, out);
        }
        Ok(())
    }

    /// Sends the call that is open: all of its arguments have come.
    pub(super) fn finish(&mut self, choice: u32, out: &mut Vec<Event>) {
        if let Some(Open { id, name, signature, arguments }) = self.open.take() {
            self.send(choice, id, name, signature, Text::new(&arguments.to_string()), out);
        }
    }

    fn send(
        &mut self,
        choice: u32,
        id: Option<Text>,
        name: Text,
        signature: Option<Text>,
        piece: Text,
        out: &mut Vec<Event>,
    ) {
        let index = self.made;
        self.made += 1;
        out.push(Event::ToolCall { choice, index, id, name, signature });
        out.push(Event::Arguments { choice, index, piece });
    }
}

/// Whole arguments, an object; a call without any has none.
fn arguments(raw: Option<&RawValue>) -> Result<&str, Fault> {
    let json = raw.map_or("{}", RawValue::get);
    if json.starts_with('{') { Ok(json) } else { Err(broken()) }
}

/// Puts a piece where its path says. A string that is there already goes on.
fn put(arguments: &mut Value, piece: Piece) -> Result<(), Fault> {
    let mut path = piece.json_path.strip_prefix('$').ok_or_else(broken)?;
    let mut place = arguments;
    let mut depth = 0;
    while !path.is_empty() {
        let (step, rest) = step(path).ok_or_else(broken)?;
        place = enter(place, step).ok_or_else(broken)?;
        path = rest;
        depth += 1;
        if depth > MAX_DEPTH {
            return Err(broken());
        }
    }
    if depth == 0 {
        return Err(broken());
    }
    match (&mut *place, piece.string_value) {
        (Value::String(so_far), Some(more)) => so_far.push_str(&more),
        (_, Some(string)) => *place = Value::String(string),
        _ => {
            *place = match (piece.number_value, piece.bool_value) {
                (Some(number), _) => Value::Number(number),
                (None, Some(bool)) => Value::Bool(bool),
                (None, None) => Value::Null,
            }
        }
    }
    Ok(())
}

enum Step<'a> {
    Key(Cow<'a, str>),
    Item(usize),
}

/// The first step of a JSONPath, and what follows: `.key`, `[3]`, `['key']` or `["key"]` (RFC 9535).
fn step(path: &str) -> Option<(Step<'_>, &str)> {
    if let Some(key) = path.strip_prefix('.') {
        let end = key.find(['.', '[']).unwrap_or(key.len());
        return (end > 0).then(|| (Step::Key(Cow::Borrowed(&key[..end])), &key[end..]));
    }
    let inner = path.strip_prefix('[')?;
    let quote = inner.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let Some(quote) = quote else {
        let (digits, rest) = inner.split_once(']')?;
        return Some((Step::Item(digits.parse().ok()?), rest));
    };
    let mut key = String::new();
    let mut chars = inner.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => key.push(chars.next()?.1),
            c if c == quote => return Some((Step::Key(Cow::Owned(key)), inner[at + 1..].strip_prefix(']')?)),
            c => key.push(c),
        }
    }
    None
}

/// Goes into an object or array, which is made where nothing stood. Items come in order, so an index
/// beyond the next one is no path.
fn enter<'v>(place: &'v mut Value, step: Step) -> Option<&'v mut Value> {
    match step {
        Step::Key(key) => {
            if place.is_null() {
                *place = Value::Object(Map::new());
            }
            Some(place.as_object_mut()?.entry(key).or_insert(Value::Null))
        }
        Step::Item(index) => {
            if place.is_null() {
                *place = Value::Array(Vec::new());
            }
            let items = place.as_array_mut()?;
            if index == items.len() {
                items.push(Value::Null);
            }
            items.get_mut(index)
        }
    }
}
