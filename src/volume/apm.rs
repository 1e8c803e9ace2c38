//! Apple partition maps, also on optical discs that carry one beside an ISO 9660 file system.
//!
//! Source: Inside Macintosh: Devices, chapter 3, "The Driver Descriptor Record" and "The Partition Map".

use super::{Format, Layout, Partition};
use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Confidence, Error, Fields, ReadAt, Result};

/// Most entries that are looked at; a usual map has below ten, and room for 63.
const MAX_ENTRIES: u32 = 4096;
const BLOCKS: [u64; 4] = [512, 2048, 1024, 4096];
/// Entries from which the size of a block is told.
const TRIED: u32 = 32;
const FREE: &str = "Apple_Free";
const MAP: &str = "Apple_partition_map";

/// The map of Macintosh computers before 2006, and of discs made for them.
pub(super) struct Apm;

/// One entry of the map.
struct Entry {
    /// Entries of the whole map, as each of them says.
    count: u32,
    extent: Extent,
    name: String,
    kind: String,
}

impl Format for Apm {
    fn name(&self) -> &'static str {
        "apm"
    }

    fn description(&self) -> &'static str {
        "Apple partition map, blocks of 512 to 4096 bytes, also beside another table or an ISO 9660 file system"
    }

    fn probe(&self, medium: &dyn ReadAt) -> Confidence {
        let Some((_, found)) = block_size(medium) else {
            return Confidence::No;
        };
        // An MBR in the same block was written by one who knew of both.
        let other = super::mbr::Mbr.probe(medium) != Confidence::No
            || super::gpt::Gpt.probe(medium) != Confidence::No;
        if found.has_map && found.signed && !other { Confidence::Strong } else { Confidence::Weak }
    }

    fn read(&self, medium: &dyn ReadAt) -> Result<Layout> {
        let Some((block, found)) = block_size(medium) else {
            return Err(Error::corrupt("Apple partition map", 512, "an entry with the bytes PM", "none"));
        };
        let mut layout = Layout::default();
        if found.signed {
            layout.metadata.push(Extent::new(0, 512));
        } else {
            let detail = "the driver descriptor in front of the Apple partition map is missing or damaged";
            layout.problems.push(Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(0, 512)));
        }
        let entries = if found.count > MAX_ENTRIES {
            let detail = format!(
                "the Apple partition map states {} entries: {MAX_ENTRIES} are looked at",
                found.count
            );
            layout.problems.push(Problem::new(ProblemKind::Limit, detail).at(Extent::new(block, block)));
            MAX_ENTRIES
        } else {
            found.count
        };
        for number in 1..=entries {
            let at = u64::from(number).saturating_mul(block);
            let entry = match entry(medium, number, block) {
                Ok(entry) => entry,
                Err(error) => {
                    let detail = format!("entry {number} of the Apple partition map: {error}");
                    layout.problems.push(Problem::new(error.problem_kind(), detail).at(Extent::new(at, 512)));
                    continue;
                }
            };
            layout.metadata.push(Extent::new(at, 512));
            if entry.count != found.count {
                let detail = format!(
                    "entry {number} of the Apple partition map says there are {} entries, others say {}",
                    entry.count, found.count
                );
                layout.problems.push(Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(at, 512)));
            }
            let Ok(number) = u16::try_from(number) else { break };
            if entry.kind == MAP {
                // The room of the map itself: only what was read of it is known.
                continue;
            }
            if entry.kind == FREE || entry.extent.length == 0 {
                continue;
            }
            let partition =
                Partition { number, extent: entry.extent, kind: words(&entry.kind), label: entry.name };
            layout.add(partition, medium.size());
        }
        layout.finish(medium.size());
        Ok(layout)
    }
}

/// What the front of a map says.
struct Found {
    /// Entries, as most of the first ones say.
    count: u32,
    /// Whether one of them is the map's own.
    has_map: bool,
    /// Whether there is a driver descriptor.
    signed: bool,
}

/// The size of a block with which most entries are found, the stated one first among equals.
///
/// Discs that start on several computers have one map in steps of 512 bytes and one in blocks of 2048.
fn block_size(medium: &dyn ReadAt) -> Option<(u64, Found)> {
    let front = medium.read_vec(0, 512).ok()?;
    let fields = Fields(&front);
    let signed = fields.has(0, b"ER");
    let stated = fields.u16_be(2).map(u64::from).filter(|block| signed && BLOCKS.contains(block));
    let mut best: Option<(u64, usize, Found)> = None;
    for block in stated.into_iter().chain(BLOCKS) {
        let entries: Vec<(u32, Entry)> =
            (1..=TRIED).filter_map(|number| Some((number, entry(medium, number, block).ok()?))).collect();
        let Some(count) = usual(entries.iter().map(|(_, entry)| entry.count)) else {
            continue;
        };
        // With steps that are too short some entries are met all the same, with numbers that the map does not have.
        let good = entries.iter().filter(|(number, entry)| entry.count == count && *number <= count).count();
        let has_map = entries.iter().any(|(_, entry)| entry.kind == MAP);
        // A lone entry by itself is no map, unless it is the map's own.
        if (good > 1 || has_map) && best.as_ref().is_none_or(|(_, most, _)| good > *most) {
            best = Some((block, good, Found { count, has_map, signed }));
        }
    }
    best.map(|(block, _, found)| (block, found))
}

/// The number that occurs most, the smallest of those.
fn usual(counts: impl Iterator<Item = u32>) -> Option<u32> {
    let mut seen = std::collections::BTreeMap::<u32, u32>::new();
    for count in counts {
        let times = seen.entry(count).or_default();
        *times = times.saturating_add(1);
    }
    seen.into_iter()
        .max_by_key(|(count, times)| (*times, u32::MAX.saturating_sub(*count)))
        .map(|(count, _)| count)
}

fn entry(medium: &dyn ReadAt, number: u32, block: u64) -> Result<Entry> {
    let at = u64::from(number).saturating_mul(block);
    let bytes = medium.read_vec(at, 136)?;
    let fields = Fields(&bytes);
    if !fields.has(0, b"PM") {
        let found = hex::encode(fields.bytes(0, 2).unwrap_or_default());
        return Err(Error::corrupt("partition map entry", at, "the bytes PM", found));
    }
    let number = |offset| u64::from(fields.u32_be(offset).unwrap_or(0));
    let count = fields.u32_be(4).unwrap_or(0);
    if count == 0 {
        return Err(Error::corrupt("partition map entry", at, "a map of at least one entry", 0));
    }
    Ok(Entry {
        count,
        extent: Extent::new(number(8).saturating_mul(block), number(12).saturating_mul(block)),
        name: text(fields.bytes(16, 32).unwrap_or_default()),
        kind: text(fields.bytes(48, 32).unwrap_or_default()),
    })
}

/// Text up to the first zero; bytes beyond ASCII are those of Mac OS Roman, which are not told apart here.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// A part of the ISO 9660 file system that the disc is as a whole; libisofs writes such entries.
pub(super) const ISO_DATA: &str = "data of the ISO 9660 file system";

/// Inside Macintosh: Devices, table 3-1, and Apple Technical Note 1189.
const KINDS: &[(&str, &str)] = &[
    ("Apple_APFS", "Apple APFS"),
    ("Apple_Boot", "Apple boot"),
    ("Apple_CoreStorage", "Apple Core Storage (FileVault)"),
    ("Apple_Driver", "Apple driver"),
    ("Apple_Driver43", "Apple driver"),
    ("Apple_Driver_ATA", "Apple driver (ATA)"),
    ("Apple_Driver_ATAPI", "Apple driver (ATAPI)"),
    ("Apple_HFS", "Apple HFS or HFS+"),
    ("Apple_HFSX", "Apple HFSX"),
    ("Apple_MFS", "Apple MFS"),
    ("Apple_PRODOS", "Apple ProDOS"),
    ("Apple_Patches", "Apple patches"),
    ("Apple_RAID", "Apple RAID"),
    ("Apple_UFS", "macOS UFS"),
    ("Apple_UNIX_SVR2", "Unix or Linux"),
    ("DOS_FAT_12", "FAT12"),
    ("DOS_FAT_16", "FAT16"),
    ("DOS_FAT_32", "FAT32"),
    ("ISO9660_data", ISO_DATA),
    ("Windows_FAT_16", "FAT16"),
    ("Windows_FAT_32", "FAT32"),
    ("Windows_NTFS", "NTFS"),
];

fn words(kind: &str) -> String {
    KINDS
        .iter()
        .find(|(known, _)| *known == kind)
        .map_or_else(|| format!("type {kind}"), |(_, words)| (*words).into())
}
