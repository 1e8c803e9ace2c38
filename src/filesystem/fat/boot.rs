//! The boot sector: where the FATs, the root directory and the clusters of a volume lie.
//!
//! Microsoft, "FAT32 File System Specification" (fatgen103), sections "Boot Sector and BPB" and "FAT Type
//! Determination".

use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Error, Fields, Result, size};

/// Bytes of a boot sector that hold fields, for any sector size.
pub(in crate::filesystem) const BOOT_BYTES: usize = 512;
/// Place of the name of the system that wrote the boot sector, by which other file systems are known.
pub(in crate::filesystem) const NAME: u64 = 3;
/// Clusters from which on a volume is no longer FAT12, FAT16.
const FAT16_FROM: u64 = 4085;
const FAT32_FROM: u64 = 65525;
/// Cluster numbers of FAT32 have 28 bits, and the highest mean "bad" and "end".
const LAST_FAT32: u64 = 0x0fff_fff6;

/// Width of an entry of the allocation table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::filesystem) enum Variant {
    Fat12,
    Fat16,
    Fat32,
    /// What an exFAT volume has: entries of 32 bits that all count, and no meaning of "free".
    ExFat,
}

impl Variant {
    pub(in crate::filesystem) const fn name(self) -> &'static str {
        match self {
            Self::Fat12 => "FAT12",
            Self::Fat16 => "FAT16",
            Self::Fat32 => "FAT32",
            Self::ExFat => "exFAT",
        }
    }

    /// Bits of an entry as it is stored.
    pub(in crate::filesystem) const fn bits(self) -> u64 {
        match self {
            Self::Fat12 => 12,
            Self::Fat16 => 16,
            Self::Fat32 | Self::ExFat => 32,
        }
    }

    /// The bits of an entry that count.
    pub(in crate::filesystem) const fn mask(self) -> u32 {
        match self {
            Self::Fat12 => 0x0fff,
            Self::Fat16 => 0xffff,
            Self::Fat32 => 0x0fff_ffff,
            Self::ExFat => u32::MAX,
        }
    }
}

/// Where the root directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::filesystem) enum Root {
    /// A region of its own, in bytes from the start of the volume: FAT12 and FAT16.
    Region(Extent),
    /// A cluster chain: FAT32 and exFAT.
    Cluster(u32),
}

/// The layout of a volume. Offsets and lengths are in bytes, offsets from the start of the volume.
#[derive(Clone, Debug)]
pub(in crate::filesystem) struct Geometry {
    pub(in crate::filesystem) variant: Variant,
    pub(in crate::filesystem) sector: u64,
    pub(in crate::filesystem) cluster: u64,
    pub(in crate::filesystem) fat: u64,
    /// Length of one copy of the FAT.
    pub(in crate::filesystem) fat_length: u64,
    pub(in crate::filesystem) copies: u64,
    /// The only copy that is kept up to date, where mirroring is off.
    pub(in crate::filesystem) only_copy: Option<u64>,
    pub(in crate::filesystem) root: Root,
    /// Place of cluster 2.
    pub(in crate::filesystem) data: u64,
    /// The highest cluster number; clusters begin at 2.
    pub(in crate::filesystem) last_cluster: u32,
    pub(in crate::filesystem) total: u64,
    pub(in crate::filesystem) media: u8,
    /// The label in the boot sector, raw.
    pub(in crate::filesystem) label: Option<[u8; 11]>,
    /// Place of the copy of the boot sector: FAT32.
    pub(in crate::filesystem) backup: Option<u64>,
    /// Whether the number of clusters and the layout disagree about the variant.
    pub(in crate::filesystem) disputed: bool,
    /// What contradicts the specification and does not prevent reading.
    pub(in crate::filesystem) flaws: Vec<Problem>,
}

impl Geometry {
    /// Reads the first 512 bytes of a boot sector that stands `at` bytes into the volume.
    pub(in crate::filesystem) fn parse(block: &[u8], at: u64) -> Result<Self> {
        let raw = Raw::parse(block, at)?;
        let corrupt = |field: u64, expected: &str, found: u64| {
            Error::corrupt("FAT boot sector", at.saturating_add(field), expected, found)
        };
        if !matches!(raw.sector, 512 | 1024 | 2048 | 4096) {
            return Err(corrupt(11, "a sector size of 512, 1024, 2048 or 4096", raw.sector));
        }
        if !raw.per_cluster.is_power_of_two() {
            return Err(corrupt(13, "a power of two of sectors in a cluster", raw.per_cluster));
        }
        if raw.reserved == 0 {
            return Err(corrupt(14, "reserved sectors", 0));
        }
        if raw.copies == 0 {
            return Err(corrupt(16, "at least one FAT", 0));
        }
        if raw.media != 0xf0 && raw.media < 0xf8 {
            return Err(corrupt(21, "a media byte 0xf0 or 0xf8 to 0xff", raw.media.into()));
        }
        let wide = raw.fat_sectors16 == 0;
        let fat_sectors = if wide { raw.fat_sectors32 } else { raw.fat_sectors16 };
        if fat_sectors == 0 {
            return Err(corrupt(22, "sectors in a FAT", 0));
        }
        if wide != (raw.root_entries == 0) {
            return Err(corrupt(
                17,
                "entries in the root directory exactly where there is no FAT32 layout",
                raw.root_entries,
            ));
        }
        if raw.total == 0 {
            return Err(corrupt(19, "a number of sectors", 0));
        }
        let root_length = raw.root_entries.saturating_mul(32).next_multiple_of(raw.sector);
        let fat = raw.reserved.saturating_mul(raw.sector);
        let fat_length = fat_sectors.saturating_mul(raw.sector);
        let root = fat.saturating_add(fat_length.saturating_mul(raw.copies));
        let data = root.saturating_add(root_length);
        let total = raw.total.saturating_mul(raw.sector);
        let cluster = raw.per_cluster.saturating_mul(raw.sector);
        let clusters = total.saturating_sub(data).checked_div(cluster).unwrap_or(0);
        if clusters == 0 {
            return Err(corrupt(19, "a volume with room for a cluster after its FATs", raw.total));
        }
        let by_count = if clusters < FAT16_FROM {
            Variant::Fat12
        } else if clusters < FAT32_FROM {
            Variant::Fat16
        } else {
            Variant::Fat32
        };
        // What formats and drivers go by in practice: FAT32 is the layout without a 16-bit FAT size.
        let variant = match (wide, by_count) {
            (true, _) => Variant::Fat32,
            (false, Variant::Fat32) => Variant::Fat16,
            (false, narrow) => narrow,
        };
        let held = fat_length.saturating_mul(8).checked_div(variant.bits()).unwrap_or(0);
        let possible = held.saturating_sub(2).min(LAST_FAT32.saturating_sub(1));
        let last = clusters.min(possible).saturating_add(1);
        let mut geometry = Self {
            variant,
            sector: raw.sector,
            cluster,
            fat,
            fat_length,
            copies: raw.copies,
            only_copy: (wide && raw.flags & 0x80 != 0).then_some(u64::from(raw.flags & 0xf)),
            root: match variant {
                Variant::Fat32 | Variant::ExFat => Root::Cluster(raw.root_cluster),
                Variant::Fat12 | Variant::Fat16 => Root::Region(Extent::new(root, root_length)),
            },
            data,
            last_cluster: u32::try_from(last).unwrap_or(0),
            total,
            media: raw.media,
            label: if wide { raw.label32 } else { raw.label16 },
            backup: (wide && raw.backup != 0 && raw.backup != 0xffff)
                .then(|| raw.backup.saturating_mul(raw.sector)),
            disputed: variant != by_count,
            flaws: Vec::new(),
        };
        geometry.note_flaws(&raw, at, clusters, possible);
        Ok(geometry)
    }

    fn note_flaws(&mut self, raw: &Raw, at: u64, clusters: u64, possible: u64) {
        let mut flaw = |field: u64, length: u64, detail: String| {
            let place = Extent::new(at.saturating_add(field), length);
            let detail = format!("FAT boot sector at byte {at}: {detail}");
            self.flaws.push(Problem::new(ProblemKind::Corrupt, detail).at(place));
        };
        if !raw.jump {
            flaw(0, 3, "expected a jump instruction at its start (eb xx 90 or e9 xx xx), found none".into());
        }
        if !raw.signed {
            flaw(510, 2, "expected the signature 55 aa at its byte 510, found none".into());
        }
        if clusters > possible {
            flaw(
                22,
                2,
                format!("{clusters} clusters, but the FAT has room for {possible}: the rest is not read"),
            );
        }
        if self.variant != Variant::Fat32 && self.disputed {
            flaw(32, 4, format!("{clusters} clusters, more than FAT16 can have, in a FAT16 layout"));
        }
        if self.only_copy.is_some_and(|copy| copy >= self.copies) {
            flaw(40, 2, format!("the active FAT is number {:?} of {}", self.only_copy, self.copies));
            self.only_copy = None;
        }
    }

    /// Cuts the number of clusters to what a volume of `available` bytes can describe, so that nothing is
    /// allocated by the boot sector's word alone; notes a volume that ends early.
    pub(in crate::filesystem) fn fit(&mut self, available: u64) {
        if available < self.total {
            let missing = Extent::new(available, self.total.saturating_sub(available));
            let detail =
                format!("the file system has {} bytes, but the volume ends after {available}", self.total);
            self.flaws.push(Problem::new(ProblemKind::Corrupt, detail).at(missing));
        }
        let table = available.saturating_sub(self.fat).min(self.fat_length);
        let entries = table.saturating_mul(8).checked_div(self.variant.bits()).unwrap_or(0);
        let last = u32::try_from(entries.saturating_sub(1)).unwrap_or(u32::MAX);
        self.last_cluster = self.last_cluster.min(last);
    }

    /// Whether a number is that of a cluster of this volume.
    pub(in crate::filesystem) const fn has(&self, cluster: u32) -> bool {
        cluster >= 2 && cluster <= self.last_cluster
    }

    /// Place of a cluster.
    pub(in crate::filesystem) fn place(&self, cluster: u32) -> u64 {
        let before = u64::from(cluster).saturating_sub(2);
        self.data.saturating_add(before.saturating_mul(self.cluster))
    }

    /// Place of a cluster's entry in a copy of the FAT; for FAT12 the first byte that holds a part of it.
    pub(in crate::filesystem) fn entry(&self, copy: u64, cluster: u32) -> u64 {
        let within = u64::from(cluster).saturating_mul(self.variant.bits()) / 8;
        self.fat.saturating_add(copy.saturating_mul(self.fat_length)).saturating_add(within)
    }

    /// Bytes of a FAT copy that hold entries of clusters, from its start.
    pub(in crate::filesystem) fn used_fat(&self) -> u64 {
        u64::from(self.last_cluster)
            .saturating_add(1)
            .saturating_mul(self.variant.bits())
            .div_ceil(8)
            .min(self.fat_length)
    }

    /// Clusters that hold `bytes` bytes.
    pub(in crate::filesystem) fn clusters_for(&self, bytes: u64) -> u64 {
        bytes
            .checked_div(self.cluster)
            .map_or(0, |whole| whole.saturating_add(u64::from(whole.saturating_mul(self.cluster) < bytes)))
    }
}

/// The fields as stored, lengths in sectors.
struct Raw {
    jump: bool,
    signed: bool,
    sector: u64,
    per_cluster: u64,
    reserved: u64,
    copies: u64,
    root_entries: u64,
    total: u64,
    media: u8,
    fat_sectors16: u64,
    fat_sectors32: u64,
    flags: u16,
    root_cluster: u32,
    backup: u64,
    label16: Option<[u8; 11]>,
    label32: Option<[u8; 11]>,
}

impl Raw {
    fn parse(block: &[u8], at: u64) -> Result<Self> {
        let fields = Fields(block);
        for (name, other) in [(b"NTFS    ", "NTFS"), (b"EXFAT   ", "exFAT"), (b"-FVE-FS-", "BitLocker")] {
            if fields.has(3, name) {
                return Err(Error::corrupt(
                    "FAT boot sector",
                    at.saturating_add(NAME),
                    "no other file system's name",
                    other,
                ));
            }
        }
        Self::fields(fields)
            .ok_or_else(|| Error::corrupt("FAT boot sector", at, "512 bytes", size(block.len())))
    }

    fn fields(fields: Fields<'_>) -> Option<Self> {
        let short = |offset| fields.u16(offset).map(u64::from);
        let long = |offset| fields.u32(offset).map(u64::from);
        // An extended boot signature says that serial number and label follow.
        let label = |signature: usize, place: usize| {
            (fields.u8(signature) == Some(0x29)).then(|| fields.array(place)).flatten()
        };
        Some(Self {
            jump: (fields.has(0, &[0xeb]) && fields.has(2, &[0x90])) || fields.has(0, &[0xe9]),
            signed: fields.u16(510)? == 0xaa55,
            sector: short(11)?,
            per_cluster: fields.u8(13)?.into(),
            reserved: short(14)?,
            copies: fields.u8(16)?.into(),
            root_entries: short(17)?,
            total: match short(19)? {
                0 => long(32)?,
                sectors => sectors,
            },
            media: fields.u8(21)?,
            fat_sectors16: short(22)?,
            fat_sectors32: long(36)?,
            flags: fields.u16(40)?,
            root_cluster: fields.u32(44)?,
            backup: short(50)?,
            label16: label(38, 43),
            label32: label(66, 71),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The boot sector of a 1.44 MB floppy disk.
    fn floppy() -> Vec<u8> {
        let mut block = vec![0; BOOT_BYTES];
        block[..3].copy_from_slice(&[0xeb, 0x3c, 0x90]);
        block[11..24].copy_from_slice(&[0, 2, 1, 1, 0, 2, 224, 0, 0x40, 0x0b, 0xf0, 9, 0]);
        block[510..].copy_from_slice(&[0x55, 0xaa]);
        block
    }

    #[test]
    fn a_floppy_disk_has_the_layout_that_the_specification_computes() {
        let geometry = Geometry::parse(&floppy(), 0).unwrap();
        assert_eq!(
            (geometry.variant, geometry.last_cluster, geometry.data),
            (Variant::Fat12, 2848, 33 * 512)
        );
        assert_eq!(geometry.root, Root::Region(Extent::new(19 * 512, 224 * 32)));
        assert!(geometry.flaws.is_empty());
    }

    #[test]
    fn what_the_specification_forbids_is_refused_or_noted() {
        for (offset, value) in
            [(11, 7), (13, 3), (13, 0), (14, 0), (16, 0), (21, 0x17), (22, 0), (17, 0), (22, 255)]
        {
            let mut block = floppy();
            block[offset] = value;
            let refused = match Geometry::parse(&block, 0) {
                Err(error) => error.offset() >= 11,
                Ok(geometry) => !geometry.flaws.is_empty(),
            };
            assert!(refused || (offset, value) == (22, 255), "{offset} {value}");
        }
        let mut block = floppy();
        block[3..11].copy_from_slice(b"NTFS    ");
        assert!(Geometry::parse(&block, 0).is_err());
    }

    #[test]
    fn a_truncated_volume_describes_no_more_clusters_than_its_fat_holds() {
        let mut geometry = Geometry::parse(&floppy(), 0).unwrap();
        geometry.fit(512 + 30);
        assert_eq!((geometry.last_cluster, geometry.flaws.len()), (19, 1));
    }
}
