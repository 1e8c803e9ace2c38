//! The records of VICS JSON as they stream past: nothing of one is kept when the next begins.

use std::fmt::{self, Write};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::super::{Record, Sink, text};
use crate::hashset::Place;
use crate::model::{Algorithm, Digests};

/// Longest text of a field that is kept; every field that is used is shorter.
const MAX_TEXT: usize = 1024;

/// What is known while a list is read; its buffers serve all records.
pub struct Reading<'s> {
    sink: &'s mut dyn Sink,
    /// Media records so far.
    number: u64,
    text: String,
    category: String,
    pub found_value: bool,
}

impl<'s> Reading<'s> {
    pub fn new(sink: &'s mut dyn Sink) -> Self {
        Self { sink, number: 0, text: String::new(), category: String::new(), found_value: false }
    }
}

/// Keys that bear on the result, in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Context,
    Value,
    Media,
    Category,
    Size,
    Digest(Algorithm),
    Other,
}

impl Key {
    fn of(name: &str) -> Self {
        const KEYS: [(&str, Key); 9] = [
            ("odata.metadata", Key::Context),
            ("@odata.context", Key::Context),
            ("value", Key::Value),
            ("Media", Key::Media),
            ("Category", Key::Category),
            ("MediaSize", Key::Size),
            ("MD5", Key::Digest(Algorithm::Md5)),
            ("SHA1", Key::Digest(Algorithm::Sha1)),
            ("SHA256", Key::Digest(Algorithm::Sha256)),
        ];
        let known = KEYS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map_or(Self::Other, |(_, key)| *key)
    }
}

struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Key, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, name: &str) -> Result<Key, E> {
        Ok(Key::of(name))
    }
}

/// The whole file.
pub struct Root<'a, 's>(pub &'a mut Reading<'s>);

impl<'de> DeserializeSeed<'de> for Root<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Root<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the records under \"value\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(reading) = self;
        while let Some(key) = map.next_key_seed(KeySeed)? {
            match key {
                Key::Context => {
                    if map.next_value_seed(Scalar(&mut reading.text))? {
                        reading.sink.variant(&reading.text);
                    }
                }
                Key::Value => {
                    reading.found_value = true;
                    map.next_value_seed(Records { reading: &mut *reading, cases: true })?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// `value[]`, whose elements may be cases, or the `Media[]` of a case.
struct Records<'a, 's> {
    reading: &'a mut Reading<'s>,
    cases: bool,
}

impl<'de> DeserializeSeed<'de> for Records<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Records<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of Media records or cases")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Element { reading: &mut *self.reading, case: self.cases })?.is_some() {}
        Ok(())
    }
}

/// A Media record, or a case where `case` allows one.
struct Element<'a, 's> {
    reading: &'a mut Reading<'s>,
    case: bool,
}

impl<'de> DeserializeSeed<'de> for Element<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Media record or a case")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.reading.number = self.reading.number.saturating_add(1);
        self.reading.sink.reject(Place::Record(self.reading.number), "null instead of a record", b"");
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { reading, case } = self;
        let mut digests = Digests::default();
        let (mut size, mut categorised, mut unreadable, mut is_case) = (None, false, false, false);
        while let Some(key) = map.next_key_seed(KeySeed)? {
            match key {
                Key::Media if case => {
                    is_case = true;
                    map.next_value_seed(Records { reading: &mut *reading, cases: false })?;
                }
                Key::Category => categorised = map.next_value_seed(Scalar(&mut reading.category))?,
                Key::Size => {
                    let given = map.next_value_seed(Scalar(&mut reading.text))?;
                    size = given.then(|| reading.text.parse().ok()).flatten();
                }
                Key::Digest(kind) if map.next_value_seed(Scalar(&mut reading.text))? => {
                    match text::digest(reading.text.as_bytes()).filter(|digest| digest.algorithm() == kind) {
                        Some(digest) => digests.set(digest),
                        None => {
                            unreadable = true;
                            let place = Place::Record(reading.number.saturating_add(1));
                            let reason = format!("not the hexadecimal digits of {kind}");
                            reading.sink.reject(place, &reason, reading.text.as_bytes());
                        }
                    }
                }
                // The guard above has taken the value of an absent digest.
                Key::Digest(_) => {}
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if is_case && digests == Digests::default() && !unreadable {
            return Ok(());
        }
        reading.number = reading.number.saturating_add(1);
        if digests != Digests::default() || !unreadable {
            let category = categorised.then_some(reading.category.as_str());
            reading.sink.record(Record { digests, category, size });
        }
        Ok(())
    }
}

/// Writes a value as text, whatever its type; false for null, an empty text, arrays and objects.
struct Scalar<'a>(&'a mut String);

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
        let end = value.floor_char_boundary(MAX_TEXT);
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
