//! LUKS2, with the second copy of its header.
//!
//! Source: LUKS2 On-Disk Format Specification 1.1.1, sections 2 and 3.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::{ADVICE, Encryption, Format, State, shown, text};
use super::MAGIC;
use crate::model::Extent;
use crate::read::{Confidence, Fields, ReadAt, size};

const SECOND: &[u8] = b"SKUL\xba\xbe";
const BINARY: usize = 4096;
/// Most bytes of a header with its description; the specification allows no more.
const MAX_HEADER: u64 = 4 << 20;
/// Where the second header may stand: behind the first, of any length that is allowed.
const PLACES: [u64; 9] =
    [0x4000, 0x8000, 0x1_0000, 0x2_0000, 0x4_0000, 0x8_0000, 0x10_0000, 0x20_0000, 0x40_0000];

/// Version 2.
pub struct Luks2;

/// One of the two headers.
struct Header {
    at: u64,
    length: u64,
    number: u64,
    label: String,
    subsystem: String,
    uuid: String,
    /// The description, if it can be read.
    json: Option<Value>,
    /// Whether the checksum is right.
    sound: bool,
}

impl Format for Luks2 {
    fn name(&self) -> &'static str {
        "luks2"
    }

    fn description(&self) -> &'static str {
        "LUKS2: identifier, label, ciphers, integrity, key slots, tokens, re-encryption; also by its second header"
    }

    fn examine(&self, volume: &dyn ReadAt) -> Option<Encryption> {
        let first = Header::read(volume, 0, MAGIC);
        let second = || PLACES.into_iter().find_map(|at| Header::read(volume, at, SECOND));
        let at_front = first.is_some();
        let mut headers: Vec<Header> = first.into_iter().chain(second()).collect();
        let both = headers.len() == 2;
        let metadata = headers.iter().map(|header| Extent::new(header.at, header.length)).collect();
        // The sound one counts, and of two the newer.
        headers
            .sort_by_key(|header| std::cmp::Reverse((header.sound && header.json.is_some(), header.number)));
        let used = headers.first()?;
        let mut facts = used.facts(volume);
        if !at_front {
            facts.push(format!("its first header is gone, the second one at byte {} is there", used.at));
        } else if !both {
            facts.push("its second header is gone".into());
        }
        let damaged = headers.iter().filter(|header| !header.sound).count();
        if damaged > 0 {
            facts.push(format!("{damaged} of {} headers are damaged", headers.len()));
        }
        let reencrypting = used.json.as_ref().is_some_and(is_reencrypting);
        Some(Encryption {
            name: "LUKS2".into(),
            confidence: if at_front { Confidence::Strong } else { Confidence::Weak },
            state: if reencrypting { State::Reencrypting } else { State::On },
            facts,
            advice: ADVICE.into(),
            metadata,
        })
    }
}

impl Header {
    fn read(volume: &dyn ReadAt, at: u64, magic: &[u8]) -> Option<Self> {
        let head = volume.read_vec(at, BINARY).ok()?;
        let fields = Fields(&head);
        if !fields.has(0, magic) || fields.u16_be(6)? != 2 {
            return None;
        }
        let words = |at, length| text(fields.bytes(at, length).unwrap_or_default(), 64);
        let length = fields.u64_be(8)?.clamp(size(BINARY), MAX_HEADER).min(volume.size().checked_sub(at)?);
        let mut bytes = volume.read_vec(at, usize::try_from(length).ok()?).unwrap_or_default();
        let json = bytes.get(BINARY..).unwrap_or_default();
        let end = json.iter().position(|byte| *byte == 0).unwrap_or(json.len());
        let json = serde_json::from_slice(json.get(..end).unwrap_or_default()).ok();
        // The checksum is taken with its own field as zeros.
        let stated: [u8; 32] = fields.array(448)?;
        bytes.get_mut(448..512).unwrap_or_default().fill(0);
        let sha256 = words(72, 32) == "sha256";
        Some(Self {
            at,
            length,
            number: fields.u64_be(16)?,
            label: words(24, 48),
            subsystem: words(208, 48),
            uuid: words(168, 40),
            sound: json.is_some() && (!sha256 || Sha256::digest(&bytes).as_slice() == stated),
            json,
        })
    }

    fn facts(&self, volume: &dyn ReadAt) -> Vec<String> {
        let mut facts = vec![format!("UUID {}", self.uuid)];
        for (name, value) in [("label", &self.label), ("subsystem", &self.subsystem)] {
            if !value.is_empty() {
                facts.push(format!("{name} \"{value}\""));
            }
        }
        let Some(json) = &self.json else {
            facts.push("its description cannot be read".into());
            return facts;
        };
        let ciphers = values(json, "segments").filter_map(|segment| segment.get("encryption")?.as_str());
        facts.extend(list(ciphers));
        let integrity =
            values(json, "segments").filter_map(|segment| segment.pointer("/integrity/type")?.as_str());
        facts.extend(list(integrity).map(|kinds| format!("with integrity {kinds}")));
        let slots = values(json, "keyslots").filter(|slot| !is_working(slot)).count();
        facts.push(match slots {
            0 => "no key slot is in use: no password opens it any more".into(),
            1 => "1 key slot in use".into(),
            slots => format!("{slots} key slots in use"),
        });
        let tokens = list(values(json, "tokens").filter_map(|token| token.get("type")?.as_str()));
        facts.extend(tokens.map(|kinds| format!("can also be opened by: {kinds}")));
        let starts = values(json, "segments")
            .filter_map(|segment| segment.get("offset")?.as_str()?.parse::<u64>().ok());
        if starts.min().is_some_and(|start| start == 0 || start >= volume.size()) {
            facts.push("a header by itself: its data are on another device".into());
        }
        facts
    }
}

/// The members of a map in the description.
fn values<'a>(json: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    json.get(name).and_then(Value::as_object).into_iter().flat_map(|map| map.values())
}

/// Different words in their order, at most eight; `None` when there are none.
fn list<'a>(words: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut seen: Vec<String> = Vec::new();
    for word in words {
        let word = shown(word, 64);
        if seen.len() < 8 && !seen.contains(&word) {
            seen.push(word);
        }
    }
    (!seen.is_empty()).then(|| seen.join(", "))
}

fn is_reencrypting(json: &Value) -> bool {
    let required =
        json.pointer("/config/requirements/mandatory").and_then(Value::as_array).into_iter().flatten();
    required.filter_map(Value::as_str).any(|name| name.contains("reencrypt"))
        || values(json, "keyslots").any(is_working)
}

/// Whether a slot holds no key but the state of a re-encryption.
fn is_working(slot: &Value) -> bool {
    slot.get("type").and_then(Value::as_str) == Some("reencrypt")
}
