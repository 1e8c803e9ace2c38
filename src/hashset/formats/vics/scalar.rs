//! Single values of VICS JSON, which writers give as text, number, boolean or null as they like.

use std::fmt::{self, Write};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Longest text of a field that is used, in bytes; all that are meant are shorter.
pub const MAX_TEXT: usize = 1024;
/// Longest series, tags or comments, in bytes.
pub const MAX_WORDS: usize = 64 << 10;

/// A text that is there.
pub fn given(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// Yes or no in the ways in which they are written; `None` for anything else.
pub fn says(value: &str) -> Option<bool> {
    let is_one_of = |words: [&str; 3]| words.iter().any(|word| value.eq_ignore_ascii_case(word));
    if is_one_of(["true", "yes", "1"]) {
        Some(true)
    } else if is_one_of(["false", "no", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// Writes a value as text, whatever its type; false for null, an empty text, arrays and objects.
///
/// The number is the most bytes that are kept.
pub struct Scalar<'a>(pub &'a mut String, pub usize);

impl<'de> DeserializeSeed<'de> for Scalar<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        self.0.clear();
        json.deserialize_any(self)
    }
}

impl Scalar<'_> {
    fn written<E>(self, value: impl fmt::Display) -> Result<bool, E> {
        // Writing to a string cannot fail.
        Ok(write!(self.0, "{value}").is_ok())
    }
}

impl<'de> Visitor<'de> for Scalar<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, value: &str) -> Result<bool, E> {
        let value = value.trim();
        let end = value.floor_char_boundary(self.1);
        self.0.push_str(value.get(..end).unwrap_or_default());
        Ok(!self.0.is_empty())
    }

    fn visit_bool<E>(self, value: bool) -> Result<bool, E> {
        self.written(value)
    }

    fn visit_u64<E>(self, value: u64) -> Result<bool, E> {
        self.written(value)
    }

    fn visit_i64<E>(self, value: i64) -> Result<bool, E> {
        self.written(value)
    }

    fn visit_f64<E>(self, value: f64) -> Result<bool, E> {
        self.written(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(false)
    }
}
