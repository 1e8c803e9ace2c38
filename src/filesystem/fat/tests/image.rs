//! A builder of tiny FAT12 volumes, byte by byte, so that a test can say anything.

use crate::filesystem::fat::name;

/// Bytes of a sector and of a cluster.
pub(super) const SECTOR: usize = 512;
pub(super) const END: u16 = 0xfff;
const TOTAL: usize = 200;
const ROOT: usize = 3 * SECTOR;
const DATA: usize = 7 * SECTOR;

/// One reserved sector, two FATs of one sector, a root directory of 64 slots, 193 clusters of one sector.
pub(super) struct Image(pub(super) Vec<u8>);

/// A directory entry in the making.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) name: [u8; 11],
    pub(super) attributes: u8,
    pub(super) first: u16,
    pub(super) size: u32,
}

pub(super) const fn file(name: &[u8; 11], first: u16, size: u32) -> Entry {
    Entry { name: *name, attributes: 0x20, first, size }
}

pub(super) const fn folder(name: &[u8; 11], first: u16) -> Entry {
    Entry { name: *name, attributes: 0x10, first, size: 0 }
}

impl Entry {
    pub(super) fn deleted(mut self) -> Self {
        self.name[0] = 0xe5;
        self
    }

    fn slot(self) -> [u8; 32] {
        let mut slot = [0; 32];
        slot[..11].copy_from_slice(&self.name);
        slot[11] = self.attributes;
        // 2017-09-24 19:59:04.
        slot[22..26].copy_from_slice(&[0x62, 0x9f, 0x38, 0x4b]);
        slot[26..28].copy_from_slice(&self.first.to_le_bytes());
        slot[28..].copy_from_slice(&self.size.to_le_bytes());
        slot
    }
}

impl Image {
    pub(super) fn new() -> Self {
        let mut bytes = vec![0; TOTAL * SECTOR];
        bytes[..3].copy_from_slice(&[0xeb, 0x3c, 0x90]);
        bytes[11..24].copy_from_slice(&[0, 2, 1, 1, 0, 2, 64, 0, 200, 0, 0xf8, 1, 0]);
        bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
        let mut image = Self(bytes);
        image.link(0, 0xff8).link(1, END);
        image
    }

    /// Sets the entry of a cluster in both FATs.
    pub(super) fn link(&mut self, cluster: u16, value: u16) -> &mut Self {
        self.link_in(0, cluster, value).link_in(1, cluster, value)
    }

    pub(super) fn link_in(&mut self, copy: usize, cluster: u16, value: u16) -> &mut Self {
        let at = SECTOR * (1 + copy) + usize::from(cluster) * 3 / 2;
        let old = u16::from_le_bytes([self.0[at], self.0[at + 1]]);
        let new = if cluster & 1 == 1 { (old & 0xf) | value << 4 } else { (old & 0xf000) | (value & 0xfff) };
        self.0[at..at + 2].copy_from_slice(&new.to_le_bytes());
        self
    }

    /// Links clusters to a chain.
    pub(super) fn chain(&mut self, clusters: &[u16]) -> &mut Self {
        for pair in clusters.windows(2) {
            self.link(pair[0], pair[1]);
        }
        self.link(*clusters.last().unwrap(), END)
    }

    /// Fills a cluster with a byte.
    pub(super) fn fill(&mut self, cluster: u16, byte: u8) -> &mut Self {
        let at = place(cluster);
        self.0[at..at + SECTOR].fill(byte);
        self
    }

    /// Puts an entry into a slot of the root directory.
    pub(super) fn root(&mut self, slot: usize, entry: Entry) -> &mut Self {
        self.raw(ROOT + slot * 32, &entry.slot())
    }

    /// Puts an entry into a slot of a cluster.
    pub(super) fn put(&mut self, cluster: u16, slot: usize, entry: Entry) -> &mut Self {
        self.raw(place(cluster) + slot * 32, &entry.slot())
    }

    /// Begins a directory in a cluster.
    pub(super) fn dots(&mut self, cluster: u16, parent: u16) -> &mut Self {
        self.put(cluster, 0, folder(b".          ", cluster)).put(cluster, 1, folder(b"..         ", parent))
    }

    /// Puts the slots of a long name into the root directory, the last part first, with the checksum of `short`.
    pub(super) fn long(&mut self, slot: usize, units: &[u16], short: &[u8; 11], deleted: bool) -> usize {
        let count = units.len().div_ceil(13);
        for number in (1..=count).rev() {
            let mut bytes = [0xff; 32];
            let part = units[(number - 1) * 13..].iter().copied().chain([0]);
            let padded: Vec<u16> = part.chain([0xffff; 13]).take(13).collect();
            let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain((28..32).step_by(2));
            for (unit, place) in padded.iter().zip(places) {
                bytes[place..place + 2].copy_from_slice(&unit.to_le_bytes());
            }
            let last = if number == count { 0x40 } else { 0 };
            bytes[0] = if deleted { 0xe5 } else { u8::try_from(number).unwrap() | last };
            bytes[11..14].copy_from_slice(&[0x0f, 0, name::checksum(short)]);
            bytes[26..28].fill(0);
            self.raw(ROOT + (slot + count - number) * 32, &bytes);
        }
        slot + count
    }

    pub(super) fn raw(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }
}

/// Place of a cluster in bytes.
pub(super) fn place(cluster: u16) -> usize {
    DATA + (usize::from(cluster) - 2) * SECTOR
}

pub(super) fn utf16(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}
