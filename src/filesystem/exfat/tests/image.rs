//! A builder of tiny exFAT volumes, byte by byte, so that a test can say anything.

use crate::filesystem::exfat::boot::checksum;
use crate::filesystem::exfat::upcase::Upcase;

/// Bytes of a sector and of a cluster.
pub(super) const SECTOR: usize = 512;
/// The clusters that every volume has: a bitmap, room for another, the up-case table, the root directory.
pub(super) const ROOT: u32 = 5;
pub(super) const FREE: u32 = 6;
pub(super) const LAST: u32 = 241;
const FAT: usize = 24;
const HEAP: usize = 28;
const END: u32 = u32::MAX;

/// Two boot regions, two FATs of two sectors, of which one is used, 240 clusters of one sector.
pub(super) struct Builder(pub(super) Vec<u8>);

/// A file in the making.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) name: Vec<u16>,
    pub(super) attributes: u16,
    pub(super) first: u32,
    pub(super) bytes: u64,
    pub(super) valid: u64,
    pub(super) consecutive: bool,
    pub(super) in_use: bool,
    /// Further secondary entries.
    pub(super) more: Vec<[u8; 32]>,
}

/// A file whose clusters lie one after the other.
pub(super) fn file(name: &str, first: u32, bytes: u64) -> Entry {
    let name = name.encode_utf16().collect();
    Entry {
        name,
        attributes: 0x20,
        first,
        bytes,
        valid: bytes,
        consecutive: true,
        in_use: true,
        more: Vec::new(),
    }
}

/// A directory of so many clusters, one after the other.
pub(super) fn folder(name: &str, first: u32, clusters: u64) -> Entry {
    Entry { attributes: 0x10, ..file(name, first, clusters * SECTOR as u64) }
}

impl Entry {
    pub(super) fn deleted(self) -> Self {
        Self { in_use: false, ..self }
    }

    pub(super) fn chained(self) -> Self {
        Self { consecutive: false, ..self }
    }

    pub(super) fn slots(&self) -> Vec<[u8; 32]> {
        let mut first = [0; 32];
        let names = self.name.len().div_ceil(15);
        first[0] = 0x85;
        first[1] = (1 + names + self.more.len()) as u8;
        first[4..6].copy_from_slice(&self.attributes.to_le_bytes());
        // 2017-09-24 19:59:04, 1.5 s later for creation and change, one hour east of UTC; last access in no zone.
        for at in [8, 12, 16] {
            first[at..at + 4].copy_from_slice(&[0x62, 0x9f, 0x38, 0x4b]);
        }
        first[20..25].copy_from_slice(&[150, 150, 0x84, 0x84, 0]);
        let mut stream = [0; 32];
        stream[0] = 0xc0;
        stream[1] = if self.first == 0 { 1 } else { 1 | u8::from(self.consecutive) << 1 };
        stream[3] = self.name.len() as u8;
        stream[4..6].copy_from_slice(&Upcase::unpack(&upcase()).hash(&self.name).to_le_bytes());
        stream[8..16].copy_from_slice(&self.valid.to_le_bytes());
        stream[20..24].copy_from_slice(&self.first.to_le_bytes());
        stream[24..].copy_from_slice(&self.bytes.to_le_bytes());
        let mut slots = vec![first, stream];
        for part in self.name.chunks(15) {
            let mut slot = [0; 32];
            slot[0] = 0xc1;
            for (unit, place) in part.iter().zip(slot[2..].chunks_mut(2)) {
                place.copy_from_slice(&unit.to_le_bytes());
            }
            slots.push(slot);
        }
        slots.extend(&self.more);
        // Figure 2 of the specification, word for word.
        let mut sum = 0_u16;
        let bytes = slots.concat();
        let counted = bytes.iter().enumerate().filter(|(at, _)| !matches!(at, 2 | 3));
        for (_, byte) in counted {
            sum = (if sum & 1 == 1 { 0x8000_u16 } else { 0 })
                .wrapping_add(sum >> 1)
                .wrapping_add(u16::from(*byte));
        }
        slots[0][2..4].copy_from_slice(&sum.to_le_bytes());
        if !self.in_use {
            slots.iter_mut().for_each(|slot| slot[0] &= 0x7f);
        }
        slots
    }
}

/// Lower-case letters of ASCII.
fn upcase() -> Vec<u8> {
    let words = [0xffff_u16, 97].into_iter().chain(65..91).chain([0xffff, 0xff85]);
    words.flat_map(u16::to_le_bytes).collect()
}

impl Builder {
    pub(super) fn new() -> Self {
        let mut image = Self(vec![0; (HEAP + 240) * SECTOR]);
        let total = (HEAP + 240) as u64;
        image.raw(0, b"\xeb\x76\x90EXFAT   ").raw(72, &total.to_le_bytes());
        for (at, value) in [(80, FAT as u32), (84, 2), (88, HEAP as u32), (92, 240), (96, ROOT), (100, 7)] {
            image.raw(at, &value.to_le_bytes());
        }
        image.raw(104, &[0, 1, 0, 0, 9, 0, 1, 0x80, 0]).raw(510, &[0x55, 0xaa]);
        for sector in 1..9 {
            image.raw(sector * SECTOR + 510, &[0x55, 0xaa]);
        }
        image.link(0, 0xffff_fff8).link(1, END);
        let table = upcase();
        let sum = checksum(table.iter().copied());
        image.raw(place(4), &table);
        let mut bitmap = [0; 32];
        bitmap[0] = 0x81;
        bitmap[20] = 2;
        bitmap[24] = 30;
        let mut upcase = [0; 32];
        upcase[0] = 0x82;
        upcase[4..8].copy_from_slice(&sum.to_le_bytes());
        upcase[20] = 4;
        upcase[24] = table.len() as u8;
        let name = "MY STICK".encode_utf16().flat_map(u16::to_le_bytes);
        let label: Vec<u8> = [0x83, 8].into_iter().chain(name).collect();
        image.raw(place(ROOT), &label).raw(place(ROOT) + 32, &bitmap).raw(place(ROOT) + 64, &upcase);
        // Cluster 3 is for the second bitmap of TexFAT.
        for cluster in [2, 4, ROOT] {
            image.chain(&[cluster]);
        }
        image
    }

    /// Slots of the root directory that are taken.
    pub(super) const TAKEN: usize = 3;

    pub(super) fn raw(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Sets the entry of a cluster in the first FAT.
    pub(super) fn link(&mut self, cluster: u32, value: u32) -> &mut Self {
        self.raw(FAT * SECTOR + cluster as usize * 4, &value.to_le_bytes())
    }

    /// Marks a cluster in the first bitmap.
    pub(super) fn mark(&mut self, cluster: u32, used: bool) -> &mut Self {
        let bit = cluster as usize - 2;
        let byte = &mut self.0[place(2) + bit / 8];
        *byte = *byte & !(1 << (bit % 8)) | u8::from(used) << (bit % 8);
        self
    }

    /// Marks clusters as used.
    pub(super) fn used(&mut self, clusters: std::ops::RangeInclusive<u32>) -> &mut Self {
        for cluster in clusters {
            self.mark(cluster, true);
        }
        self
    }

    /// Links clusters to a chain and marks them as used.
    pub(super) fn chain(&mut self, clusters: &[u32]) -> &mut Self {
        for pair in clusters.windows(2) {
            self.link(pair[0], pair[1]);
        }
        for cluster in clusters {
            self.mark(*cluster, true);
        }
        self.link(*clusters.last().unwrap(), END)
    }

    /// Fills a cluster with a byte.
    pub(super) fn fill(&mut self, cluster: u32, byte: u8) -> &mut Self {
        self.raw(place(cluster), &[byte; SECTOR])
    }

    /// Puts a file into the directory at that cluster and slot; gives the slot behind it.
    pub(super) fn put(&mut self, cluster: u32, slot: usize, entry: &Entry) -> usize {
        let slots = entry.slots();
        self.raw(place(cluster) + slot * 32, &slots.concat());
        slot + slots.len()
    }

    /// Fills the unused slots of a cluster with deleted entries of no meaning, so that the directory goes on.
    pub(super) fn full(&mut self, cluster: u32) -> &mut Self {
        let slots = self.0[place(cluster)..][..SECTOR].chunks_mut(32);
        slots.filter(|slot| slot[0] == 0).for_each(|slot| slot[0] = 0x20);
        self
    }

    /// Puts files into the directory at that cluster.
    pub(super) fn directory(&mut self, cluster: u32, entries: &[Entry]) -> &mut Self {
        let start = if cluster == ROOT { Self::TAKEN } else { 0 };
        entries.iter().fold(start, |slot, entry| self.put(cluster, slot, entry));
        self
    }

    /// Closes the boot region with its checksum and copies it.
    pub(super) fn seal(&mut self) -> Vec<u8> {
        let counted = (0..11 * SECTOR).filter(|at| !matches!(at, 106 | 107 | 112)).map(|at| self.0[at]);
        let word = checksum(counted).to_le_bytes();
        self.0[11 * SECTOR..12 * SECTOR].chunks_mut(4).for_each(|place| place.copy_from_slice(&word));
        self.0.copy_within(..12 * SECTOR, 12 * SECTOR);
        self.0.clone()
    }
}

/// Place of a cluster in bytes.
pub(super) const fn place(cluster: u32) -> usize {
    (HEAP + cluster as usize - 2) * SECTOR
}
