//! JSON objects that are objects: a derived `Deserialize` would take a list of a struct's fields too, so
//! that `[1]` in an object's place would read as its first field.

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

/// A struct that is read from a JSON object and from nothing else.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Braced<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Braced<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(MapOnly(deserializer)).map(Braced)
    }
}

struct MapOnly<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for MapOnly<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Point {
        #[serde(default)]
        x: u32,
    }

    #[test]
    fn a_list_is_no_object() {
        let read = |json: &str| serde_json::from_str::<Braced<Point>>(json).ok().map(|point| point.0);
        assert_eq!(read(r#"{"x":3,"y":[1]}"#), Some(Point { x: 3 }));
        assert_eq!(read("{}"), Some(Point { x: 0 }));
        for json in ["[3]", "[]", "3", "null", "\"x\""] {
            assert_eq!(read(json), None, "{json}");
        }
    }
}
