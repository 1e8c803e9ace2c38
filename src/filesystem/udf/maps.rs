//! Partition maps of a logical volume (ECMA-167, part 3, section 10.7; OSTA UDF 2.60, sections 2.2.8 to 2.2.14).

use super::icb::file_type;
use super::locate::{Descriptors, Found};
use super::partition::{Map, Partition};
use super::space::Space;
use super::tag::{Address, Tag, Trust};
use super::volume::{Logical, bitmaps, partition};
use crate::model::{Extent, Problem, ProblemKind, Run};
use crate::read::{Fields, ReadAt};

/// Most maps: more are not in any profile.
const MAX_MAPS: u32 = 16;
/// Blocks from the end that may hold the entry of a virtual allocation table: an image may be longer than what was written.
const MAX_TAIL: u64 = 1 << 14;
/// Most bytes of a table of sparing, of a virtual table, or of a bitmap that are kept.
const MAX_TABLE: u64 = 256 << 20;

/// A map of the second type, to be finished when those of the first are known.
struct Second {
    index: usize,
    /// Index of the map that its bytes lie in.
    below: u16,
    raw: Vec<u8>,
}

/// Reads the maps of the logical volume.
pub(super) fn read(logical: &mut Logical, found: &Found, descriptors: &Descriptors) {
    let fields = Fields(&found.bytes);
    let count = fields.u32(268).unwrap_or(0).min(MAX_MAPS);
    let mut rest = found.bytes.get(440..).unwrap_or_default();
    let mut numbers: Vec<u16> = Vec::new();
    let mut raws: Vec<Vec<u8>> = Vec::new();
    for _ in 0..count {
        let Some(raw) =
            rest.get(1).and_then(|length| rest.get(..usize::from(*length))).filter(|raw| raw.len() >= 6)
        else {
            break;
        };
        let fields = Fields(raw);
        let number = if raw.first() == Some(&1) { fields.u16(4) } else { fields.u16(38) };
        numbers.push(number.unwrap_or(0));
        raws.push(raw.to_vec());
        rest = rest.get(raw.len()..).unwrap_or_default();
    }
    if raws.is_empty() {
        // Damaged, and nearly always this.
        numbers.extend(descriptors.partitions.first().map(|(number, _)| *number));
        raws.push(vec![1, 6, 1, 0, 0, 0]);
        flaw(logical, found, "no partition map can be read: one that is plain is assumed".into());
    }
    let mut second = Vec::new();
    for (index, (number, raw)) in numbers.iter().zip(&raws).enumerate() {
        let descriptor = descriptors.partitions.iter().find(|(known, _)| known == number);
        let known = descriptor
            .or_else(|| descriptors.partitions.first().filter(|_| descriptors.partitions.len() == 1));
        let Some((_, descriptor)) = known else {
            flaw(
                logical,
                found,
                format!("partition {number} has no descriptor: it may be on another medium"),
            );
            logical.partitions.push(Partition {
                map: Map::Unknown,
                start: 0,
                length: 0,
                block: logical.block,
                space: None,
                write_once: false,
            });
            continue;
        };
        let mut part = partition(descriptor, descriptors.sector, logical.block);
        let held = logical.source.size();
        if part.start.saturating_add(part.length) > held {
            let detail = format!("partition {number} reaches beyond the end of the volume at byte {held}");
            flaw(logical, descriptor, detail);
        }
        if raw.first() != Some(&1) {
            part.map = Map::Unknown;
            let below = numbers.iter().zip(&raws).position(|(other, raw)| {
                other == number
                    && (raw.first() == Some(&1) || has_identifier(raw, b"*UDF Sparable Partition"))
            });
            if has_identifier(raw, b"*UDF Sparable Partition") {
                part.map = sparable(&logical.source, raw, descriptors.sector);
            } else {
                let below = u16::try_from(below.unwrap_or(0)).unwrap_or(0);
                second.push(Second { index, below, raw: raw.clone() });
            }
        }
        logical.partitions.push(part);
        space(logical, index, descriptor);
    }
    for part in second {
        finish(logical, found, &part);
    }
}

fn has_identifier(raw: &[u8], identifier: &[u8]) -> bool {
    Fields(raw).has(5, identifier)
}

fn flaw(logical: &mut Logical, found: &Found, detail: String) {
    let place = Extent::new(found.at, 512);
    logical.flaws.push(Problem::new(ProblemKind::Corrupt, detail).at(place));
}

/// Reads the bitmap of free blocks, where there is one.
fn space(logical: &mut Logical, index: usize, descriptor: &Found) {
    let Ok(partition) = u16::try_from(index) else { return };
    let known =
        bitmaps(descriptor).into_iter().filter(|(length, _)| *length > 0).find_map(|(length, block)| {
            let mut places = Vec::new();
            let bytes =
                logical.read(Address { partition, block }, u64::from(length).min(MAX_TABLE), &mut places)?;
            Space::parse(&bytes).map(|space| (space, places))
        });
    let Some((space, places)) = known else { return };
    logical.places.extend(places.iter().map(|run| Extent::new(run.offset, run.length)));
    if let Some(part) = logical.partitions.get_mut(index) {
        part.space = Some(space);
    }
}

/// Section 2.2.9 and 2.2.12: the first table that is sound says which packets are elsewhere.
fn sparable(source: &dyn ReadAt, raw: &[u8], sector: u64) -> Map {
    let fields = Fields(raw);
    let packet = u32::from(fields.u16(40).unwrap_or(32)).max(1);
    let tables = usize::from(fields.u8(42).unwrap_or(0)).min(4);
    let length = u64::from(fields.u32(44).unwrap_or(0)).min(1 << 20);
    let mut best: Option<(Trust, u32)> = None;
    let mut chosen = Vec::new();
    for number in 0..tables {
        let Some(place) = fields.u32(48_usize.saturating_add(number.saturating_mul(4))) else { break };
        let at = u64::from(place).saturating_mul(sector);
        let Ok(bytes) = source.read_vec(at, usize::try_from(length).unwrap_or(0)) else { continue };
        let fields = Fields(&bytes);
        let trust = Tag::read(&bytes).map_or(Trust::Tag, |tag| tag.trust);
        if !fields.has(17, b"*UDF Sparing Table") {
            continue;
        }
        let count = usize::from(fields.u16(48).unwrap_or(0));
        let entries = bytes.get(56..).unwrap_or_default().chunks_exact(8).take(count);
        let mut moved: Vec<(u32, u32)> = entries
            .filter_map(|entry| Some((Fields(entry).u32(0)?, Fields(entry).u32(4)?)))
            // The highest numbers stand for spare packets that are free or defective.
            .filter(|(original, _)| *original < 0xffff_fff0)
            .collect();
        moved.sort_unstable();
        let sequence = fields.u32(52).unwrap_or(0);
        if best.is_none_or(|known| (trust, sequence) > known) {
            best = Some((trust, sequence));
            chosen = moved;
        }
    }
    Map::Sparable { packet, moved: chosen }
}

/// Finishes a map that needs a file of another partition.
fn finish(logical: &mut Logical, found: &Found, part: &Second) {
    let fields = Fields(&part.raw);
    let block = |at| Address { partition: part.below, block: fields.u32(at).unwrap_or(u32::MAX) };
    if has_identifier(&part.raw, b"*UDF Virtual Partition") {
        match virtual_table(logical, part.below) {
            Some(table) => set(logical, part.index, Map::Virtual(table), None, true),
            None => flaw(
                logical,
                found,
                "the virtual allocation table was not found: the disc is open or damaged".into(),
            ),
        }
    } else if has_identifier(&part.raw, b"*UDF Metadata Partition") {
        let mut places = Vec::new();
        let main = file(logical, block(40), &mut places);
        let mirror = file(logical, block(44), &mut places);
        let (runs, sound) = match (main, mirror) {
            (Some((runs, true)), _) => (runs, true),
            (_, Some((runs, true))) | (Some((runs, false)), _) | (None, Some((runs, _))) => (runs, false),
            (None, None) => {
                return flaw(logical, found, "neither the metadata file nor its mirror can be read".into());
            }
        };
        if !sound {
            flaw(logical, found, "the metadata file is damaged: its mirror is used where it is sound".into());
        }
        let bitmap = file(logical, block(48), &mut places).and_then(|(runs, _)| {
            let length = runs.iter().map(|run| run.length).fold(0, u64::saturating_add);
            (length <= MAX_TABLE).then(|| logical.read_runs(&runs)).flatten()
        });
        let space = bitmap.as_deref().and_then(Space::parse);
        logical.places.extend(places.iter().map(|run| Extent::new(run.offset, run.length)));
        set(logical, part.index, Map::Metadata(runs), space, false);
    } else {
        let name = fields.bytes(5, 23).unwrap_or_default().escape_ascii().to_string();
        let detail = format!("a partition map of an unknown kind: {name}");
        let place = Extent::new(found.at, 512);
        logical.flaws.push(Problem::new(ProblemKind::Unsupported, detail).at(place));
    }
}

fn set(logical: &mut Logical, index: usize, map: Map, space: Option<Space>, write_once: bool) {
    if let Some(partition) = logical.partitions.get_mut(index) {
        // The blocks of such a partition are not those that the bitmap below counts.
        *partition = Partition { map, space, write_once, block: partition.block, ..*partition };
    }
}

/// Extents of the file whose entry is at that block, and whether the entry is sound.
fn file(logical: &Logical, at: Address, places: &mut Vec<Run>) -> Option<(Vec<Run>, bool)> {
    let found = logical.entry(at, places)?;
    let sound = found.0.trust == Trust::Sound && found.0.location == at.block;
    let pieces = logical.pieces(&found, at.partition, places);
    (!pieces.runs.is_empty()).then_some((pieces.runs, sound && pieces.fault.is_none()))
}

/// The table of the virtual partition: its entry is the last block that was written (section 2.2.11).
fn virtual_table(logical: &mut Logical, below: u16) -> Option<Vec<u32>> {
    let (start, block) = logical.partitions.get(usize::from(below)).map(|part| (part.start, part.block))?;
    let last = logical.source.size().checked_sub(start)?.checked_div(block)?;
    let mut left = MAX_TABLE.saturating_mul(2);
    for number in (last.saturating_sub(MAX_TAIL)..last).rev() {
        let at = Address { partition: below, block: u32::try_from(number).ok()? };
        let mut places = Vec::new();
        let Some(found) = logical.entry(at, &mut places) else { continue };
        let usual = matches!(found.0.file_type, file_type::VIRTUAL_TABLE | file_type::UNSPECIFIED);
        if !usual || found.0.location != at.block || found.0.size > MAX_TABLE {
            continue;
        }
        let pieces = logical.pieces(&found, below, &mut places);
        left = left.checked_sub(pieces.covered)?;
        let Some(bytes) = logical.read_runs(&pieces.runs) else { continue };
        let Some(table) = table(&bytes, found.0.file_type) else { continue };
        places.extend(pieces.runs);
        logical.places.extend(
            places.iter().filter(|run| !run.is_hole()).map(|run| Extent::new(run.offset, run.length)),
        );
        return Some(table);
    }
    None
}

/// The numbers of a table: from UDF 2.00 on behind a head that gives its length, before that with an identifier behind.
fn table(bytes: &[u8], kind: u8) -> Option<Vec<u32>> {
    let fields = Fields(bytes);
    let numbers = if kind == file_type::VIRTUAL_TABLE {
        bytes.get(usize::from(fields.u16(0)?)..)?
    } else {
        let end = bytes.len().checked_sub(36)?;
        fields.has(end.checked_add(1)?, b"*UDF Virtual Alloc Tbl").then(|| bytes.get(..end)).flatten()?
    };
    Some(numbers.chunks_exact(4).filter_map(|number| Fields(number).u32(0)).collect())
}
