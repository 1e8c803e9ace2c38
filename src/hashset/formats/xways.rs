//! The text that X-Ways Forensics exports and imports: the hash type alone in the first line, then one value a line.

use super::text::Flaw;
use super::values::{PdqQuality, Value};
use super::{Format, Input, Sink, text};
use crate::hashset::error::excerpt;
use crate::hashset::{Error, Place, Result};
use crate::model::Algorithm;
use crate::read::Confidence;

/// `MD5`, `SHA-1`, `SHA-256` or `PDQ`, then hexadecimal digits of that kind. Native databases are not read.
pub struct XWays;

/// What the first line says of all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Digest(Algorithm),
    Pdq,
}

impl Format for XWays {
    fn name(&self) -> &'static str {
        "xways"
    }

    fn description(&self) -> &'static str {
        "X-Ways text: MD5, SHA-1, SHA-256 or PDQ alone in the first line, then hexadecimal digits; base32 and .xhd are not \
         read"
    }

    /// Quoted values below such a line are those of a table with one column.
    fn probe(&self, head: &[u8]) -> Confidence {
        let mut lines = text::significant(head);
        let named = text::is_text(head) && lines.next().and_then(kind).is_some();
        if named && !lines.next().is_some_and(|line| line.starts_with(b"\"")) {
            Confidence::Strong
        } else {
            Confidence::No
        }
    }

    fn read(&self, input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut stated = None;
        let mut other = None;
        let mut quality = PdqQuality::default();
        text::read(input.bytes, sink, |line, at| {
            let Some(wanted) = stated else {
                stated = kind(line);
                if stated.is_none() && other.is_none() {
                    other = Some((Place::Line(at.number), excerpt(line)));
                }
                return Err(Flaw::NoEntry);
            };
            let value = value(line, wanted)?;
            if let Value::Pdq(pdq) = &value {
                quality.count(pdq, None);
            }
            Ok(value)
        })?;
        if let Some((place, found)) = other {
            let reason =
                format!("expected MD5, SHA-1, SHA-256 or PDQ alone in the first line, found {found}");
            return Err(Error::malformed(sink.name(), place, reason));
        }
        quality.remark(sink);
        Ok(())
    }
}

/// The hash type that a line names and nothing else, in the spellings in use.
fn kind(line: &[u8]) -> Option<Kind> {
    if line.eq_ignore_ascii_case(b"pdq") {
        return Some(Kind::Pdq);
    }
    let name = std::str::from_utf8(line).ok()?;
    let bare = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    Algorithm::named(name).filter(|_| bare).map(Kind::Digest)
}

fn value(line: &[u8], wanted: Kind) -> std::result::Result<Value, Flaw> {
    let value = match wanted {
        Kind::Pdq => Value::pdq(line),
        Kind::Digest(kind) => {
            text::digest(line).filter(|digest| digest.algorithm() == kind).map(Value::Digest)
        }
    };
    value.ok_or(Flaw::Rejected(if is_base32(line) {
        "base32 digits, which are not read: export the list in hexadecimal"
    } else {
        "not the hexadecimal digits of the type that the first line names"
    }))
}

/// Whether the digits are those of RFC 4648 for 16, 20 or 32 bytes.
fn is_base32(line: &[u8]) -> bool {
    let end = line.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last.saturating_add(1));
    let digits = line.get(..end).unwrap_or_default();
    let is_digit = |byte: &u8| byte.is_ascii_alphabetic() || (b'2'..=b'7').contains(byte);
    matches!(digits.len(), 26 | 32 | 52) && digits.iter().all(is_digit)
}
