//! GUID partition tables, with the copy at the end of the medium.
//!
//! Source: UEFI Specification 2.10, section 5.3.

use super::{Format, Layout, Partition, kinds, mbr};
use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Confidence, Error, Fields, ReadAt, Result, size};

const SIGNATURE: &[u8] = b"EFI PART";
const SECTORS: [u64; 2] = [512, 4096];
/// Most bytes of an entry array; the usual 128 entries take 16 KiB.
const MAX_ARRAY: u64 = 1 << 20;

/// The table of UEFI.
pub(super) struct Gpt;

/// A header whose checksum is right.
#[derive(Debug)]
struct Header {
    /// Its own place.
    at: u64,
    sector: u64,
    /// Sector of the other copy.
    alternate: u64,
    disk: [u8; 16],
    array_at: u64,
    count: u64,
    entry: u64,
    array_sum: u32,
}

/// A header with its entries.
struct Copy {
    header: Header,
    array: Vec<u8>,
    /// Whether the checksum of the entries is right.
    sound: bool,
}

impl Format for Gpt {
    fn name(&self) -> &'static str {
        "gpt"
    }

    fn description(&self) -> &'static str {
        "sectors of 512 and 4096 bytes; falls back to the copy at the end of the medium; a hybrid MBR is read too"
    }

    fn probe(&self, medium: &dyn ReadAt) -> Confidence {
        let found = SECTORS
            .iter()
            .any(|sector| header(medium, *sector, *sector).is_ok() || last(medium, *sector).is_some());
        // A table that nothing in sector 0 protects may be left over from before the medium was divided anew.
        match (found, front(medium)) {
            (false, _) => Confidence::No,
            (true, Front::OtherTable) => Confidence::Weak,
            (true, Front::Protective | Front::Nothing) => Confidence::Strong,
        }
    }

    fn read(&self, medium: &dyn ReadAt) -> Result<Layout> {
        let mut problems = Vec::new();
        let (primary, first) = primary(medium);
        let sector = primary.as_ref().map(|copy| copy.header.sector);
        let (backup, second) = backup(medium, primary.as_ref());
        problems.extend(first.filter(|_| primary.is_none()).map(|error| damage("primary", &error)));
        problems.extend(second.map(|error| damage("backup", &error)));
        for (name, copy) in [("primary", &primary), ("backup", &backup)] {
            if let Some(copy) = copy.as_ref().filter(|copy| !copy.sound) {
                let extent = copy.header.array();
                let detail =
                    format!("the checksum of the {name} GPT entries at byte {} is wrong", extent.offset);
                problems.push(Problem::new(ProblemKind::Corrupt, detail).at(extent));
            }
        }
        if let (Some(primary), Some(backup)) = (&primary, &backup)
            && primary.sound
            && backup.sound
            && (primary.header.disk != backup.header.disk || primary.array != backup.array)
        {
            let detail = "the two copies of the GPT differ: the first one is used";
            problems.push(Problem::new(ProblemKind::Ambiguous, detail).at(backup.header.array()));
        }
        let copies: Vec<&Copy> = primary.iter().chain(&backup).collect();
        let used = copies.iter().find(|copy| copy.sound).or(copies.first());
        let Some(used) = used else {
            return Err(Error::corrupt(
                "GPT",
                512,
                "a header with a right checksum",
                "none, nor a copy at the end",
            ));
        };
        if primary.as_ref().is_none_or(|primary| primary.header.at != used.header.at) {
            let detail = format!("the primary GPT is damaged: the copy at byte {} is used", used.header.at);
            problems.push(Problem::new(ProblemKind::Corrupt, detail).at(used.header.extent()));
        }
        let sector = sector.unwrap_or(used.header.sector);
        let mut metadata = vec![Extent::new(0, sector)];
        metadata.extend(copies.iter().flat_map(|copy| [copy.header.extent(), copy.header.array()]));
        metadata.sort_unstable();
        metadata.dedup();
        let mut layout = Layout { metadata, problems, ..Layout::default() };
        used.volumes(medium.size(), &mut layout);
        layout.finish(medium.size());
        hybrid(medium, sector, &mut layout);
        Ok(layout)
    }
}

impl Header {
    const fn extent(&self) -> Extent {
        Extent::new(self.at, self.sector)
    }

    const fn array(&self) -> Extent {
        Extent::new(self.array_at, self.count.saturating_mul(self.entry))
    }
}

impl Copy {
    fn read(medium: &dyn ReadAt, header: Header) -> Result<Self> {
        let array = header.array();
        let length = usize::try_from(array.length).unwrap_or(usize::MAX);
        let bytes = medium.read_vec(array.offset, length)?;
        let sound = crc32fast::hash(&bytes) == header.array_sum;
        Ok(Self { header, array: bytes, sound })
    }

    fn volumes(&self, medium: u64, layout: &mut Layout) {
        let entry = usize::try_from(self.header.entry).unwrap_or(128).max(1);
        for (index, bytes) in self.array.chunks_exact(entry).enumerate() {
            let fields = Fields(bytes);
            let kind: [u8; 16] = fields.array(0).unwrap_or_default();
            let (Some(first), Some(last)) = (fields.u64(32), fields.u64(40)) else {
                continue;
            };
            if kind == [0; 16] {
                continue;
            }
            let Some(number) = index.checked_add(1).and_then(|number| u16::try_from(number).ok()) else {
                break;
            };
            let start = first.saturating_mul(self.header.sector);
            let sectors = last.checked_sub(first).map_or(0, |span| span.saturating_add(1));
            let extent = Extent::new(start, sectors.saturating_mul(self.header.sector));
            let label = label(fields.bytes(56, 72).unwrap_or_default());
            layout.add(Partition { number, extent, kind: kinds::gpt(kind), label }, medium);
        }
    }
}

/// What stands in sector 0.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Front {
    /// An MBR that says there is a GPT.
    Protective,
    /// An MBR with volumes that says nothing of a GPT.
    OtherTable,
    /// Neither.
    Nothing,
}

fn front(medium: &dyn ReadAt) -> Front {
    match entries(medium) {
        Some(entries) if mbr::protects_gpt(&entries) => Front::Protective,
        Some(entries) if entries.iter().any(mbr::Entry::is_used) => Front::OtherTable,
        _ => Front::Nothing,
    }
}

fn entries(medium: &dyn ReadAt) -> Option<[mbr::Entry; 4]> {
    let mut sector = [0; 512];
    medium.read_exact_at(0, &mut sector).ok()?;
    mbr::entries(&sector)
}

/// Volumes in the MBR besides the one that protects the GPT are seen by some systems and not by others.
fn hybrid(medium: &dyn ReadAt, sector: u64, layout: &mut Layout) {
    let Some(entries) = entries(medium) else { return };
    let own = |entry: &mbr::Entry| entry.kind != 0xee;
    let others = entries.iter().filter(|entry| entry.is_used() && own(entry)).count();
    if others > 0 {
        let detail = format!(
            "the MBR in front of the GPT holds {others} volumes of its own: those that the GPT does not have are listed after its own"
        );
        layout.problems.push(Problem::new(ProblemKind::Ambiguous, detail).at(Extent::new(0, 512)));
        layout.also(mbr::divided(medium, &entries, sector, &own), "MBR in front of the GPT", medium.size());
    }
}

/// The header at that byte, if its checksum and its own place are right. `sector` is the size of a sector.
fn header(medium: &dyn ReadAt, at: u64, sector: u64) -> Result<Header> {
    let bytes = medium.read_vec(at, 512)?;
    let fields = Fields(&bytes);
    if !fields.has(0, SIGNATURE) {
        let found = hex::encode(fields.bytes(0, 8).unwrap_or_default());
        return Err(Error::corrupt("GPT header", at, "EFI PART", found));
    }
    let length = usize::try_from(fields.u32(12).unwrap_or(0)).unwrap_or(0);
    let Some(own) = fields.bytes(0, length).filter(|own| own.len() >= 92) else {
        return Err(Error::corrupt("GPT header", at, "a length from 92 to 512", length));
    };
    // The checksum is taken with its own field as zeros.
    let mut plain = own.to_vec();
    plain.get_mut(16..20).unwrap_or_default().fill(0);
    let sum = crc32fast::hash(&plain);
    if fields.u32(16) != Some(sum) {
        let found = format!("{:#010x}", fields.u32(16).unwrap_or(0));
        return Err(Error::corrupt("GPT header", at, format!("checksum {sum:#010x}"), found));
    }
    let number = |offset| fields.u64(offset).unwrap_or(0);
    if number(24).checked_mul(sector) != Some(at) {
        return Err(Error::corrupt("GPT header", at, "its own sector number", number(24)));
    }
    let count = u64::from(fields.u32(80).unwrap_or(0));
    let entry = u64::from(fields.u32(84).unwrap_or(0));
    if !(entry >= 128 && entry.is_multiple_of(8)) {
        return Err(Error::corrupt("GPT header", at, "entries of at least 128 bytes", entry));
    }
    if count.saturating_mul(entry) > MAX_ARRAY {
        return Err(Error::unsupported("GPT header", at, format!("{count} entries of {entry} bytes")));
    }
    Ok(Header {
        at,
        sector,
        alternate: number(32),
        disk: fields.array(56).unwrap_or_default(),
        array_at: number(72).saturating_mul(sector),
        count,
        entry,
        array_sum: fields.u32(88).unwrap_or(0),
    })
}

/// The header in the last sector of the medium.
fn last(medium: &dyn ReadAt, sector: u64) -> Option<Header> {
    let at = medium.size().checked_sub(sector)?;
    let at = at.saturating_sub(at.checked_rem(sector)?);
    header(medium, at, sector).ok()
}

fn primary(medium: &dyn ReadAt) -> (Option<Copy>, Option<Error>) {
    let mut why = None;
    for sector in SECTORS {
        match header(medium, sector, sector).and_then(|header| Copy::read(medium, header)) {
            Ok(copy) => return (Some(copy), None),
            Err(error) => {
                why.get_or_insert(error);
            }
        }
    }
    (None, why)
}

/// The copy where the primary header says, which on a medium that grew is not the end; else at the end.
fn backup(medium: &dyn ReadAt, primary: Option<&Copy>) -> (Option<Copy>, Option<Error>) {
    let Some(primary) = primary else {
        let found = SECTORS.iter().find_map(|sector| last(medium, *sector));
        return match found.map(|header| Copy::read(medium, header)) {
            Some(Ok(copy)) => (Some(copy), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
    };
    let sector = primary.header.sector;
    let at = primary.header.alternate.saturating_mul(sector);
    let result = header(medium, at, sector).and_then(|header| Copy::read(medium, header));
    match result {
        Ok(copy) => (Some(copy), None),
        Err(error) => match last(medium, sector).map(|header| Copy::read(medium, header)) {
            Some(Ok(copy)) => (Some(copy), None),
            _ => (None, Some(error)),
        },
    }
}

fn damage(name: &str, error: &Error) -> Problem {
    let extent = Extent::new(error.offset(), error.length());
    Problem::new(error.problem_kind(), format!("the {name} GPT cannot be used: {error}")).at(extent)
}

/// UTF-16 up to the first zero.
fn label(bytes: &[u8]) -> String {
    let mut units: Vec<u16> = bytes.chunks_exact(2).filter_map(|pair| Fields(pair).u16(0)).collect();
    let end = units.iter().position(|unit| *unit == 0).unwrap_or(units.len());
    units.truncate(end);
    debug_assert!(size(units.len()) <= 36);
    String::from_utf16_lossy(&units)
}
