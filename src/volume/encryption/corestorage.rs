//! Core Storage of macOS: FileVault 2, Fusion drives, or neither.
//!
//! Source: libfvde documentation, "FileVault Drive Encryption (FVDE)", sections "Physical volume header" and "Metadata".

use super::{ADVICE, Encryption, Format, State, text};
use crate::model::{Extent, size_text};
use crate::read::{Confidence, Fields, ReadAt, size};

/// Most bytes of metadata in which the description of the group is looked for.
const MAX_METADATA: u64 = 8 << 20;

/// The volume manager of macOS before APFS.
pub(super) struct CoreStorage;

impl Format for CoreStorage {
    fn name(&self) -> &'static str {
        "corestorage"
    }

    fn description(&self) -> &'static str {
        "Core Storage of macOS (FileVault 2, Fusion drives): identifiers, disks of the group"
    }

    fn examine(&self, volume: &dyn ReadAt) -> Option<Encryption> {
        // The copy in the last sector stands in for a damaged first one.
        let places = [Some(0), volume.size().checked_sub(512)];
        let (at, header) = places.into_iter().flatten().find_map(|at| {
            let bytes = volume.read_vec(at, 512).ok()?;
            let fields = Fields(&bytes);
            (fields.has(8, b"\x01\0\x10\0") && fields.has(88, b"CS")).then_some((at, bytes))
        })?;
        let fields = Fields(&header);
        let mut facts = Vec::new();
        let mut metadata = vec![Extent::new(at, 512)];
        if at != 0 {
            facts.push("its first sector is damaged: the copy at the end was used".into());
        }
        facts.push(format!("physical volume {}, of {}", uuid(fields, 304)?, size_text(fields.u64(64)?)));
        facts.push(format!("group {}", uuid(fields, 320)?));
        if let Some((place, plist)) = description(volume, fields) {
            metadata.push(place);
            match plist.matches("com.apple.corestorage.physicalVolumeUUID").count().max(disks(&plist)) {
                0 | 1 => {}
                count => {
                    facts.push(format!("a group of {count} disks: a Fusion drive, or one that was joined"))
                }
            }
            if let Some(name) = value(&plist, "com.apple.corestorage.lvg.name") {
                facts.push(format!("group named \"{name}\""));
            }
        }
        // The families of volumes, which say whether they are encrypted, are themselves encrypted.
        facts.push(
            "FileVault 2, or a group that is not encrypted: only its encrypted metadata say which".into(),
        );
        Some(Encryption {
            name: "Core Storage".into(),
            // It may have been left in front of a file system that was made later.
            confidence: Confidence::Weak,
            state: State::Unknown,
            facts,
            advice: ADVICE.into(),
            metadata,
        })
    }
}

fn uuid(fields: Fields<'_>, at: usize) -> Option<String> {
    let [a, b, c, d, e, f, g, h, i, j, node @ ..]: [u8; 16] = fields.array(at)?;
    let parts = [hex::encode_upper([a, b, c, d]), hex::encode_upper([e, f]), hex::encode_upper([g, h])];
    Some(format!("{}-{}-{}", parts.join("-"), hex::encode_upper([i, j]), hex::encode_upper(node)))
}

/// The description of the group, which is not encrypted, from the first metadata that hold one.
fn description(volume: &dyn ReadAt, header: Fields<'_>) -> Option<(Extent, String)> {
    let block = u64::from(header.u32(96)?);
    let length = u64::from(header.u32(100)?).min(MAX_METADATA);
    for index in 0..4_usize {
        let number = header.u64(104_usize.checked_add(index.checked_mul(8)?)?)?;
        let at = number.checked_mul(block)?;
        let available = volume.size().saturating_sub(at).min(length);
        let Ok(bytes) = volume.read_vec(at, usize::try_from(available).ok()?) else { continue };
        let fields = Fields(&bytes);
        // A block of type 0x0011; behind its header of 64 bytes stand the place and the length of the text.
        if !fields.has(8, b"\x01\0\x11\0") {
            continue;
        }
        let start = usize::try_from(fields.u32(64 + 160)?).ok()?;
        let size_of = usize::try_from(fields.u32(64 + 164)?).ok()?;
        if let Some(plist) = fields.bytes(start, size_of) {
            return Some((Extent::new(at, size(bytes.len())), String::from_utf8_lossy(plist).into_owned()));
        }
    }
    None
}

/// Disks in the list of the group.
fn disks(plist: &str) -> usize {
    let list = plist
        .split_once("com.apple.corestorage.lvg.physicalVolumes")
        .and_then(|(_, rest)| rest.split_once("</array>"));
    list.map_or(0, |(list, _)| list.matches("<string").count())
}

/// The text that follows a key.
fn value(plist: &str, key: &str) -> Option<String> {
    let (_, rest) = plist.split_once(key)?;
    let (_, rest) = rest.split_once("<string")?;
    let (_, rest) = rest.split_once('>')?;
    let (value, _) = rest.split_once('<')?;
    Some(text(value.as_bytes(), 128))
}
