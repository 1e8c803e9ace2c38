//! Master boot records, with the chains of logical volumes in extended partitions.
//!
//! Source: A. Brouwer, "Partition types" (properties of partition tables); UEFI Specification 2.10, section 5.2.

use super::{Format, Layout, Partition, kinds};
use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Confidence, Error, Fields, ReadAt, Result};

/// Logical volumes that are followed; Windows and Linux stop at far fewer.
const MAX_LOGICAL: u16 = 1024;
const TABLE: usize = 446;
const FIRST_LOGICAL: u16 = 5;

/// The table of DOS and its successors.
pub(super) struct Mbr;

/// One of the four entries of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    status: u8,
    /// The type byte.
    pub kind: u8,
    /// First sector.
    pub start: u32,
    /// Number of sectors.
    pub count: u32,
}

impl Entry {
    /// Whether it describes anything.
    pub(super) const fn is_used(&self) -> bool {
        self.kind != 0 && self.count != 0
    }

    const fn is_extended(&self) -> bool {
        matches!(self.kind, 0x05 | 0x0f | 0x85)
    }

    fn extent(&self, from: u64, sector: u64) -> Extent {
        let start = u64::from(self.start).saturating_mul(sector);
        Extent::new(from.saturating_add(start), u64::from(self.count).saturating_mul(sector))
    }
}

impl Format for Mbr {
    fn name(&self) -> &'static str {
        "mbr"
    }

    fn description(&self) -> &'static str {
        "primary, extended and logical partitions, sectors of 512 and 4096 bytes"
    }

    fn probe(&self, medium: &dyn ReadAt) -> Confidence {
        let mut sector = [0; 512];
        if medium.read_exact_at(0, &mut sector).is_err() {
            return Confidence::No;
        }
        let Some(entries) = entries(&sector) else {
            return Confidence::No;
        };
        let used: Vec<&Entry> = entries.iter().filter(|entry| entry.is_used()).collect();
        let boot_sector = is_boot_sector(&sector);
        if used.is_empty() {
            // An empty table says nothing; a disk signature at least says that there is one.
            let signed = Fields(&sector).u32(440).is_some_and(|signature| signature != 0);
            let empty =
                entries.iter().all(|entry| *entry == Entry { status: 0, kind: 0, start: 0, count: 0 });
            return if signed && empty && !boot_sector { Confidence::Weak } else { Confidence::No };
        }
        let sound = |entry: &&&Entry| {
            let extent = entry.extent(0, 512);
            // Images of optical discs have a partition that begins with the table itself.
            let starts = extent.offset > 0 || (!boot_sector && extent.end() <= medium.size());
            matches!(entry.status, 0 | 0x80) && starts && extent.offset < medium.size()
        };
        let good = used.iter().filter(sound).count();
        match good {
            0 => Confidence::No,
            // Boot code can look like entries: all of them must be sound to be believed there.
            _ if boot_sector && good < used.len() => Confidence::No,
            _ if boot_sector || good < used.len() || protects_gpt(&entries) => Confidence::Weak,
            _ => Confidence::Strong,
        }
    }

    fn read(&self, medium: &dyn ReadAt) -> Result<Layout> {
        let mut first = [0; 512];
        medium.read_exact_at(0, &mut first)?;
        let Some(primary) = entries(&first) else {
            return Err(Error::corrupt(
                "MBR",
                510,
                "the bytes 55 AA",
                hex::encode(first.get(510..).unwrap_or(&[])),
            ));
        };
        Ok(divided(medium, &primary, sector_size(medium, &primary), &|_| true))
    }
}

/// The partitions of the entries that are wanted, with the logical ones in them.
pub(super) fn divided(
    medium: &dyn ReadAt,
    primary: &[Entry; 4],
    sector: u64,
    wanted: &dyn Fn(&Entry) -> bool,
) -> Layout {
    let mut layout = Layout { metadata: vec![Extent::new(0, sector)], ..Layout::default() };
    let mut next = FIRST_LOGICAL;
    for (number, entry) in (1_u16..).zip(primary).filter(|(_, entry)| entry.is_used() && wanted(entry)) {
        let extent = entry.extent(0, sector);
        if !matches!(entry.status, 0 | 0x80) {
            let detail =
                format!("entry {number} of the MBR has status {:#04x}, 0x00 or 0x80 expected", entry.status);
            layout.problems.push(Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(0, 512)));
        }
        if entry.is_extended() {
            next = chain(medium, extent, sector, next, &mut layout);
            continue;
        }
        if extent.offset == 0 {
            // Images of optical discs do this on purpose: the volume holds its own table.
            let detail = format!("volume {number} begins at byte 0, where the table itself stands");
            layout.problems.push(Problem::new(ProblemKind::Ambiguous, detail).at(Extent::new(0, 512)));
        }
        let kind = kinds::mbr(entry.kind);
        layout.add(Partition { number, extent, kind, label: String::new() }, medium.size());
    }
    layout.finish(medium.size());
    layout
}

/// The four entries of a sector that ends as a boot record does.
pub(super) fn entries(sector: &[u8; 512]) -> Option<[Entry; 4]> {
    let fields = Fields(sector);
    if !fields.has(510, &[0x55, 0xaa]) {
        return None;
    }
    let entry = |index: usize| {
        let at = TABLE.saturating_add(index.saturating_mul(16));
        Some(Entry {
            status: fields.u8(at)?,
            kind: fields.u8(at.checked_add(4)?)?,
            start: fields.u32(at.checked_add(8)?)?,
            count: fields.u32(at.checked_add(12)?)?,
        })
    };
    Some([entry(0)?, entry(1)?, entry(2)?, entry(3)?])
}

/// Whether the table is there to keep programs that know only it away from a GPT.
pub(super) fn protects_gpt(entries: &[Entry; 4]) -> bool {
    entries.iter().any(|entry| entry.kind == 0xee)
}

/// Follows the chain of an extended partition; returns the number that the next logical volume gets.
fn chain(medium: &dyn ReadAt, whole: Extent, sector: u64, first: u16, layout: &mut Layout) -> u16 {
    let mut number = first;
    let mut at = whole.offset;
    let mut visited = std::collections::BTreeSet::new();
    let damaged = |at, what: String| {
        let detail = format!("the chain of logical volumes is broken at byte {at}: {what}");
        Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(at, sector))
    };
    loop {
        if !visited.insert(at) {
            layout.problems.push(damaged(at, "it comes back to where it was".into()));
            return number;
        }
        if visited.len() > usize::from(MAX_LOGICAL) {
            let detail = format!("more than {MAX_LOGICAL} logical volumes: the rest are not listed");
            layout.problems.push(Problem::new(ProblemKind::Limit, detail).at(Extent::new(at, sector)));
            return number;
        }
        let mut bytes = [0; 512];
        if let Err(unreadable) = medium.read_exact_at(at, &mut bytes) {
            let mut problem = damaged(at, unreadable.to_string());
            problem.kind = ProblemKind::Unreadable;
            layout.problems.push(problem);
            return number;
        }
        let Some(entries) = entries(&bytes) else {
            layout.problems.push(damaged(at, "it does not end in 55 AA".into()));
            return number;
        };
        layout.metadata.push(Extent::new(at, sector));
        for entry in entries.iter().filter(|entry| entry.is_used() && !entry.is_extended()) {
            let kind = kinds::mbr(entry.kind);
            let extent = entry.extent(at, sector);
            if extent.offset < whole.offset || extent.end() > whole.end() {
                let detail = format!("logical volume {number} reaches out of its extended partition");
                layout.problems.push(Problem::new(ProblemKind::Corrupt, detail).at(extent));
            }
            layout.add(Partition { number, extent, kind, label: String::new() }, medium.size());
            number = number.saturating_add(1);
        }
        // The first volume counts from its own record, the next record from the extended partition.
        let mut links = entries.iter().filter(|entry| entry.is_used() && entry.is_extended());
        let Some(link) = links.next() else {
            return number;
        };
        if links.next().is_some() {
            layout.problems.push(damaged(at, "it goes on in two places, the second is not followed".into()));
        }
        at = link.extent(whole.offset, sector).offset;
    }
}

/// 4096 when volumes begin where the table then says and none begins where it says with 512.
fn sector_size(medium: &dyn ReadAt, entries: &[Entry; 4]) -> u64 {
    let begins = |sector| {
        let used = entries.iter().filter(|entry| entry.is_used() && entry.start != 0);
        used.filter(|entry| volume_begins(medium, entry.extent(0, sector).offset)).count()
    };
    let fits = entries
        .iter()
        .filter(|entry| entry.is_used())
        .all(|entry| entry.extent(0, 4096).offset < medium.size());
    if fits && begins(512) == 0 && begins(4096) > 0 { 4096 } else { 512 }
}

/// Whether a boot record or the superblock of a usual file system stands there.
fn volume_begins(medium: &dyn ReadAt, at: u64) -> bool {
    let Ok(bytes) = medium.read_vec(at, 2048) else {
        return false;
    };
    let fields = Fields(&bytes);
    let signs: [(usize, &[u8]); 7] = [
        (510, &[0x55, 0xaa]),
        (1080, &[0x53, 0xef]),
        (1024, b"H+\0\x04"),
        (32, b"NXSB"),
        (0, b"XFSB"),
        (0, b"LUKS\xba\xbe"),
        (3, b"-FVE-FS-"),
    ];
    signs.iter().any(|(offset, sign)| fields.has(*offset, sign))
}

/// Whether the sector is the boot sector of a file system, which ends in 55 AA as well.
///
/// Source: Microsoft, FAT specification, "Boot sector and BPB"; exFAT specification, section 3.1.
fn is_boot_sector(sector: &[u8; 512]) -> bool {
    let fields = Fields(sector);
    let jump = matches!((fields.u8(0), fields.u8(2)), (Some(0xeb), Some(0x90)) | (Some(0xe9), _));
    let named: [&[u8]; 4] = [b"NTFS    ", b"EXFAT   ", b"-FVE-FS-", b"ReFS\0\0\0\0"];
    if named.iter().any(|name| fields.has(3, name)) {
        return true;
    }
    let bytes = fields.u16(11).unwrap_or(0);
    let cluster = fields.u8(13).unwrap_or(0);
    let copies = fields.u8(16).unwrap_or(0);
    let media = fields.u8(21).unwrap_or(0);
    jump && matches!(bytes, 512 | 1024 | 2048 | 4096)
        && cluster.is_power_of_two()
        && (1..=2).contains(&copies)
        && media >= 0xf0
}
