//! The typed text of ThreatExchange: `<signal type> <signal>` a line.

use std::collections::BTreeSet;

use super::text::Flaw;
use super::values::{PdqQuality, Value};
use super::{Format, Input, Sink, text};
use crate::hashset::Result;
use crate::model::Algorithm;
use crate::read::Confidence;

/// What python-threatexchange and its hash exchanges write: `pdq <digits>`, `video_md5 <digits>`.
pub struct ThreatExchange;

/// Longest name of a signal type.
const MAX_TYPE: usize = 40;
/// Types that are named when they are passed over; any other word may be free text.
const OTHERS: [&str; 10] = [
    "clip",
    "pdq_index",
    "pdq_ocr",
    "photodna",
    "raw_text",
    "tmk",
    "trend_query",
    "url",
    "video_tmk_pdqf",
    "vpdq",
];

impl Format for ThreatExchange {
    fn name(&self) -> &'static str {
        "threatexchange"
    }

    fn description(&self) -> &'static str {
        "ThreatExchange text: signal type, blank, signal; pdq, md5, sha1 and sha256 are read, other types counted"
    }

    fn probe(&self, head: &[u8]) -> Confidence {
        text::probe(head, |line| signal(line).is_some_and(|(kind, text)| value(kind, text).is_some()))
    }

    fn read(&self, input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut quality = PdqQuality::default();
        let (mut passed, mut types) = (0_u64, BTreeSet::new());
        text::read(input.bytes, sink, |line, _| {
            let (kind, text) =
                signal(line).ok_or(Flaw::Unshown("not a signal type, a blank and a signal"))?;
            if Kind::named(kind).is_none() {
                passed = passed.saturating_add(1);
                let other = OTHERS.into_iter().find(|other| other.eq_ignore_ascii_case(kind));
                types.insert(other.unwrap_or("unknown ones"));
                return Err(Flaw::NotCompared);
            }
            let value = value(kind, text)
                .ok_or(Flaw::Unshown("the signal is not the hexadecimal digits that its type has"))?;
            if let Value::Pdq(pdq) = &value {
                quality.count(pdq, None);
            }
            Ok(value)
        })?;
        if passed > 0 {
            let types = types.into_iter().collect::<Vec<_>>().join(", ");
            sink.remark(format!("{passed} signals of other types are not compared: {types}"));
        }
        quality.remark(sink);
        Ok(())
    }
}

/// What a signal is.
enum Kind {
    Digest(Algorithm),
    Pdq,
}

impl Kind {
    /// The same kinds have several names: `md5`, `hash_md5`, `video_md5`, `HASH_VIDEO_MD5`.
    fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let name = ["hash_", "video_", "photo_", "image_"]
            .iter()
            .fold(name.as_str(), |name, front| name.strip_prefix(front).unwrap_or(name));
        if name == "pdq" { Some(Self::Pdq) } else { Algorithm::named(name).map(Self::Digest) }
    }
}

/// The type and the signal of a line.
fn signal(line: &[u8]) -> Option<(&str, &[u8])> {
    let end = line.iter().position(u8::is_ascii_whitespace)?;
    let (kind, signal) = line.split_at_checked(end)?;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let named = kind.len() <= MAX_TYPE && kind.first()?.is_ascii_alphabetic() && kind.iter().all(is_name);
    let kind = std::str::from_utf8(kind).ok().filter(|_| named)?;
    Some((kind, signal.trim_ascii()))
}

fn value(kind: &str, signal: &[u8]) -> Option<Value> {
    match Kind::named(kind)? {
        Kind::Pdq => Value::pdq(signal),
        Kind::Digest(kind) => {
            text::digest(signal).filter(|digest| digest.algorithm() == kind).map(Value::Digest)
        }
    }
}
