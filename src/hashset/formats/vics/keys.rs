//! The keys of VICS JSON that bear on the result, in any case.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Visitor};

use crate::model::Algorithm;

/// What a key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Context,
    Value,
    Media,
    Category,
    Size,
    Digest(Algorithm),
    Alternatives,
    HashName,
    HashValue,
    Victim,
    Distributed,
    Date,
    /// Free text: series 0, tags 1, comments 2.
    Words(usize),
    Other,
}

impl Key {
    fn of(name: &str) -> Self {
        const KEYS: [(&str, Key); 18] = [
            ("odata.metadata", Key::Context),
            ("@odata.context", Key::Context),
            ("value", Key::Value),
            ("Media", Key::Media),
            ("Category", Key::Category),
            ("MediaSize", Key::Size),
            ("MD5", Key::Digest(Algorithm::Md5)),
            ("SHA1", Key::Digest(Algorithm::Sha1)),
            ("SHA256", Key::Digest(Algorithm::Sha256)),
            ("AlternativeHashes", Key::Alternatives),
            ("HashName", Key::HashName),
            ("HashValue", Key::HashValue),
            ("VictimIdentified", Key::Victim),
            ("IsDistributed", Key::Distributed),
            ("DateUpdated", Key::Date),
            ("Series", Key::Words(0)),
            ("Tags", Key::Words(1)),
            ("Comments", Key::Words(2)),
        ];
        let known = KEYS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map_or(Self::Other, |(_, key)| *key)
    }
}

/// Reads a key without keeping its text.
pub struct KeySeed;

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
