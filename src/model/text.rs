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

/// Text that any terminal, page or sheet can show as it stands: what steers, reorders or hides becomes `\u{..}`.
///
/// Applying it twice changes nothing more. It is not reversible, since a name may hold such an escape as plain
/// letters: whoever needs the exact bytes keeps a [`RawText`].
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_hidden(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Whether a character does something else than show itself: controls (C0, DEL, C1), bidirectional controls,
/// zero-width and invisible ones, line and paragraph separators, tags, noncharacters.
///
/// Unicode Standard, sections 23.1 to 23.9, and UAX #9 section 2 for the bidirectional controls.
pub fn is_hidden(character: char) -> bool {
    match character {
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        // Soft hyphen, grapheme joiner, Arabic letter mark, Hangul fillers, Khmer and Mongolian invisibles.
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => true,
        '\u{180b}'..='\u{180f}' | '\u{3164}' | '\u{ffa0}' => true,
        // Zero width, marks, separators, embeddings, isolates, invisible operators.
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..='\u{e0fff}' => true,
        // The last two of each plane are no characters at all.
        _ => u32::from(character) & 0xfffe == 0xfffe,
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
    use proptest::prelude::*;

    #[test]
    fn what_steers_reorders_or_hides_is_shown_as_an_escape() {
        for (raw, shown) in [
            ("holiday \u{e9}t\u{e9} \u{1f600}.jpg", "holiday \u{e9}t\u{e9} \u{1f600}.jpg"),
            ("a\x1b[2J\n\t", "a\\u{1b}[2J\\u{a}\\u{9}"),
            ("\u{202e}gpj.exe", "\\u{202e}gpj.exe"),
            ("\u{200b}\u{feff}\u{ad}\u{e0041}\u{ffff}", "\\u{200b}\\u{feff}\\u{ad}\\u{e0041}\\u{ffff}"),
            ("\u{85}\u{2028}\u{2029}\u{61c}", "\\u{85}\\u{2028}\\u{2029}\\u{61c}"),
        ] {
            assert_eq!(visible(raw), shown);
        }
    }

    proptest! {
        #[test]
        fn visible_text_never_holds_what_hides_and_is_stable(
            text in prop::collection::vec(prop_oneof![
                any::<char>(),
                prop::char::range('\0', '\u{a0}'),
                prop::char::range('\u{2000}', '\u{2070}'),
                prop::char::range('\u{fdc0}', '\u{10000}'),
            ], 0..60)
        ) {
            let text: String = text.into_iter().collect();
            let shown = visible(&text);
            let hidden = |c: char| {
                c.is_control()
                    || ('\u{200b}'..='\u{200f}').contains(&c)
                    || ('\u{2028}'..='\u{202e}').contains(&c)
                    || ('\u{2066}'..='\u{2069}').contains(&c)
                    || ['\u{61c}', '\u{2060}', '\u{feff}', '\u{fffe}', '\u{ffff}', '\u{10ffff}'].contains(&c)
            };
            prop_assert!(!shown.chars().any(|c| hidden(c) || is_hidden(c)));
            prop_assert_eq!(visible(&shown), shown.as_ref());
            if !text.chars().any(hidden) && !text.chars().any(is_hidden) {
                prop_assert_eq!(shown.as_ref(), text.as_str());
            }
        }
    }

    #[test]
    fn any_bytes_survive_a_round_trip_and_only_invalid_utf8_is_shown_as_hex() {
        for bytes in [&b"plain.jpg"[..], b"", b"\xff\xfe", "\u{202e}gpj.exe".as_bytes(), b"a\x1b[2J\n"] {
            let json = serde_json::to_string(&RawText::new(bytes)).unwrap();
            assert_eq!(json.contains("path_hex"), std::str::from_utf8(bytes).is_err());
            assert_eq!(serde_json::from_str::<RawText>(&json).unwrap().as_bytes(), bytes);
        }
    }
}
