//! The boot region and its backup: where the FATs, the cluster heap and the root directory of a volume lie.
//!
//! Microsoft, "exFAT file system specification", revision 1.00, section 3 "Main and Backup Boot Regions".

use crate::filesystem::fat::boot::{Geometry, Root, Variant};
use crate::filesystem::signatures;
use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Error, Fields, ReadAt, Result, Unreadable};

/// Bytes of a boot sector that hold fields, for any sector size.
const BOOT_BYTES: usize = 512;
/// Sectors of a boot region; the backup follows the main one directly.
const REGION: u64 = 12;
/// Sectors of a region that its checksum covers; it stands in the one after them.
const COVERED: usize = 11;
/// Media byte of every volume: the first entry of the FAT begins with it.
const MEDIA: u8 = 0xf8;
/// Cluster numbers go up to this (section 3.1.9, "ClusterCount Field").
const LAST: u64 = 0xffff_fff6;

/// A boot region that was found.
pub(super) struct Boot {
    pub(super) geometry: Geometry,
    /// Place of the region that is used.
    pub(super) at: u64,
    /// Whether the region has the checksum that it says.
    pub(super) verified: bool,
}

/// The main boot region, or its backup where only that one has its checksum or can be parsed.
///
/// The backup of a volume whose main region is gone is only used when nothing else says that it is here.
pub(super) fn find(volume: &dyn ReadAt) -> Result<Boot> {
    let main = match parse(volume, 0) {
        Ok(boot) if boot.verified => return Ok(boot),
        main => main,
    };
    let head = volume.read_vec(0, BOOT_BYTES).unwrap_or_default();
    let named = Fields(&head).has(3, b"EXFAT   ");
    let other = !named && (Geometry::parse(&head, 0).is_ok() || signatures::recognise(volume).is_some());
    let backup = if other { None } else { backup(volume) };
    let (mut boot, reason) = match (main, backup) {
        (Ok(boot), None) => (boot, "it was used nevertheless"),
        (Err(error), None) => return Err(error),
        (_, Some(backup)) => (backup, "its backup was used"),
    };
    let place = Extent::new(0, boot.geometry.sector.saturating_mul(REGION));
    let detail = format!(
        "the main boot region does not have the checksum that it says, or cannot be read: {reason} (byte {})",
        boot.at
    );
    boot.geometry.flaws.push(Problem::new(ProblemKind::Corrupt, detail).at(place));
    Ok(boot)
}

/// The backup for any sector size: the right one says itself that it has that size.
fn backup(volume: &dyn ReadAt) -> Option<Boot> {
    [512, 1024, 2048, 4096].into_iter().find_map(|sector: u64| {
        let boot = parse(volume, sector.saturating_mul(REGION)).ok()?;
        (boot.geometry.sector == sector && boot.verified).then_some(boot)
    })
}

/// Compares main and backup region, of which the main one is used.
pub(super) fn compare_backup(volume: &dyn ReadAt, sector: u64) -> Option<Problem> {
    let at = sector.saturating_mul(REGION);
    let layout = |at: u64| {
        let mut fields = volume.read_vec(at.saturating_add(64), 48)?;
        // Flags (byte 106) change with every mount and are not kept up to date there.
        fields.drain(42..44);
        Ok::<_, Unreadable>(fields)
    };
    let place = Extent::new(at, sector.saturating_mul(REGION));
    let verified = parse(volume, at).is_ok_and(|boot| boot.verified);
    match (layout(0), layout(at)) {
        (Ok(first), Ok(second)) if first == second && verified => None,
        (Ok(first), Ok(second)) => {
            let what = if first == second { "is damaged" } else { "describes another layout" };
            let detail =
                format!("the backup of the boot region at byte {at} {what}; the main one was followed");
            Some(Problem::new(ProblemKind::Ambiguous, detail).at(place))
        }
        (Err(error), _) | (_, Err(error)) => Some(Error::from(error).into_problem()),
    }
}

fn parse(volume: &dyn ReadAt, at: u64) -> Result<Boot> {
    let geometry = geometry(&volume.read_vec(at, BOOT_BYTES)?, at)?;
    let verified = is_verified(volume, at, geometry.sector);
    Ok(Boot { geometry, at, verified })
}

fn geometry(block: &[u8], at: u64) -> Result<Geometry> {
    let corrupt = |field: u64, expected: &str, found: u64| {
        Error::corrupt("exFAT boot sector", at.saturating_add(field), expected, found)
    };
    let raw = Raw::parse(Fields(block)).filter(|raw| raw.named);
    let Some(raw) = raw else {
        return Err(Error::corrupt("exFAT boot sector", at.saturating_add(3), "the name EXFAT", "none"));
    };
    if raw.revision >> 8 != 1 {
        let found = format!("{}.{:02}", raw.revision >> 8, raw.revision & 0xff);
        return Err(Error::unsupported("exFAT revision", at.saturating_add(104), found));
    }
    if !(9..=12).contains(&raw.sector_shift) {
        return Err(corrupt(108, "a sector size from 2^9 to 2^12", raw.sector_shift.into()));
    }
    if raw.cluster_shift > 25_u32.saturating_sub(raw.sector_shift) {
        return Err(corrupt(109, "a cluster of at most 2^25 bytes", raw.cluster_shift.into()));
    }
    if !matches!(raw.fats, 1 | 2) {
        return Err(corrupt(110, "one or two FATs", raw.fats));
    }
    let sector = 1_u64.checked_shl(raw.sector_shift).unwrap_or(512);
    let cluster = sector.checked_shl(raw.cluster_shift).unwrap_or(sector);
    if raw.fat < REGION.saturating_mul(2) {
        return Err(corrupt(80, "a FAT behind the boot regions", raw.fat));
    }
    let fat_end = raw.fat.saturating_add(raw.fat_sectors.saturating_mul(raw.fats));
    if raw.fat_sectors == 0 || raw.heap < fat_end {
        return Err(corrupt(88, "a cluster heap behind the FATs", raw.heap));
    }
    let held = raw.fat_sectors.saturating_mul(sector).checked_div(4).unwrap_or(0);
    let last = raw.clusters.saturating_add(1).min(LAST).min(held.saturating_sub(1));
    let total = raw.sectors.saturating_mul(sector);
    if raw.clusters == 0 || last < 2 {
        return Err(corrupt(92, "clusters for which the FAT has room", raw.clusters));
    }
    let active = u64::from(raw.flags & 1);
    let mut geometry = Geometry {
        variant: Variant::ExFat,
        sector,
        cluster,
        fat: raw.fat.saturating_mul(sector),
        fat_length: raw.fat_sectors.saturating_mul(sector),
        copies: raw.fats,
        only_copy: Some(if raw.fats == 2 { active } else { 0 }),
        root: Root::Cluster(raw.root),
        data: raw.heap.saturating_mul(sector),
        last_cluster: u32::try_from(last).unwrap_or(0),
        total,
        media: MEDIA,
        label: None,
        backup: Some(sector.saturating_mul(REGION)),
        disputed: false,
        flaws: Vec::new(),
    };
    note_flaws(&mut geometry, &raw, at);
    Ok(geometry)
}

fn note_flaws(geometry: &mut Geometry, raw: &Raw, at: u64) {
    let heap = geometry.cluster.saturating_mul(raw.clusters);
    let heap_end = geometry.data.saturating_add(heap);
    let mut flaw = |field: u64, length: u64, detail: String| {
        let place = Extent::new(at.saturating_add(field), length);
        let detail = format!("exFAT boot sector at byte {at}: {detail}");
        geometry.flaws.push(Problem::new(ProblemKind::Corrupt, detail).at(place));
    };
    if !raw.signed {
        flaw(510, 2, "expected the signature 55 aa at its byte 510, found none".into());
    }
    if raw.clusters.saturating_add(1) > u64::from(geometry.last_cluster) {
        let detail =
            format!("{} clusters, but the FAT has room for less: the rest is not read", raw.clusters);
        flaw(92, 4, detail);
    }
    if heap_end > geometry.total {
        let total = geometry.total;
        flaw(72, 8, format!("expected a volume of at least {heap_end} bytes, found {total}"));
    }
    if raw.fats == 1 && raw.flags & 1 != 0 {
        flaw(106, 2, "the second FAT is the active one, but there is only one".into());
    }
}

/// Whether each word of the twelfth sector is the checksum of the eleven before it (section 3.4).
fn is_verified(volume: &dyn ReadAt, at: u64, sector: u64) -> bool {
    let sector = usize::try_from(sector).unwrap_or(0);
    let covered = sector.saturating_mul(COVERED);
    let Ok(bytes) = volume.read_vec(at, covered.saturating_add(sector)) else { return false };
    let Some((covered, stored)) = bytes.split_at_checked(covered) else { return false };
    let flags = |at: &usize| matches!(at, 106 | 107 | 112);
    let counted = covered.iter().enumerate().filter(|(at, _)| !flags(at)).map(|(_, byte)| *byte);
    let sum = checksum(counted);
    stored.as_chunks::<4>().0.iter().all(|word| u32::from_le_bytes(*word) == sum)
}

/// The 32-bit checksum of boot regions and up-case tables (figures 1 and 3 of the specification).
pub(super) fn checksum(bytes: impl Iterator<Item = u8>) -> u32 {
    bytes.fold(0_u32, |sum, byte| sum.rotate_right(1).wrapping_add(byte.into()))
}

/// The fields as stored, lengths in sectors.
struct Raw {
    named: bool,
    signed: bool,
    sectors: u64,
    fat: u64,
    fat_sectors: u64,
    heap: u64,
    clusters: u64,
    root: u32,
    revision: u16,
    flags: u16,
    sector_shift: u32,
    cluster_shift: u32,
    fats: u64,
}

impl Raw {
    fn parse(fields: Fields<'_>) -> Option<Self> {
        let long = |offset| fields.u32(offset).map(u64::from);
        Some(Self {
            named: fields.has(3, b"EXFAT   "),
            signed: fields.u16(510)? == 0xaa55,
            sectors: fields.u64(72)?,
            fat: long(80)?,
            fat_sectors: long(84)?,
            heap: long(88)?,
            clusters: long(92)?,
            root: fields.u32(96)?,
            revision: fields.u16(104)?,
            flags: fields.u16(106)?,
            sector_shift: fields.u8(108)?.into(),
            cluster_shift: fields.u8(109)?.into(),
            fats: fields.u8(110)?.into(),
        })
    }
}
