//! Names as the evidence holds them: bytes first, text second.

use std::borrow::Cow;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A name or path written by the suspect: any bytes at all, separators are `/`.
///
/// Serialised as two fields, `path` (lossy text) and, only when the bytes are not UTF-8, `path_hex`
/// (the exact bytes in lower-case hexadecimal). Meant to be flattened into the structure that holds it.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RawText(Vec<u8>);

impl RawText {
    /// Keeps the bytes as they are.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The exact bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Text for people; invalid sequences become U+FFFD. Not escaped for any output.
    pub fn lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// Whether `lossy` lost nothing.
    pub fn is_utf8(&self) -> bool {
        std::str::from_utf8(&self.0).is_ok()
    }
}

impl fmt::Debug for RawText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.lossy())
    }
}

impl From<&str> for RawText {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

#[derive(Serialize, Deserialize)]
struct Fields<'a> {
    path: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path_hex: Option<Cow<'a, str>>,
}

impl Serialize for RawText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let path_hex = (!self.is_utf8()).then(|| hex::encode(&self.0).into());
        Fields { path: self.lossy(), path_hex }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Fields::deserialize(deserializer)?;
        match fields.path_hex {
            Some(digits) => hex::decode(digits.as_bytes()).map(Self).map_err(D::Error::custom),
            None => Ok(Self(fields.path.into_owned().into_bytes())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_survive_a_round_trip_and_only_invalid_utf8_is_shown_as_hex() {
        for bytes in [&b"plain.jpg"[..], b"", b"\xff\xfe", "\u{202e}gpj.exe".as_bytes(), b"a\x1b[2J\n"] {
            let json = serde_json::to_string(&RawText::new(bytes)).unwrap();
            assert_eq!(json.contains("path_hex"), std::str::from_utf8(bytes).is_err());
            assert_eq!(serde_json::from_str::<RawText>(&json).unwrap().as_bytes(), bytes);
        }
    }
}
