//! A builder of HFS+ volumes, so that a test can say what is in them.

use super::tree::{by_attribute, by_block, by_name, key, tree};

pub(super) const BLOCK: usize = 1024;
const BLOCKS: usize = 4096;
pub(super) const CATALOG_NODE: usize = 4096;
const DATE: u32 = 3_700_000_000;

/// What the records of a volume are made of, until [`Image::finish`] builds its trees.
pub(super) struct Image {
    bytes: Vec<u8>,
    used: Vec<bool>,
    next: usize,
    number: u32,
    catalog: Vec<(Vec<u8>, Vec<u8>)>,
    overflow: Vec<(Vec<u8>, Vec<u8>)>,
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
    /// Pieces that the catalog file is cut into.
    pub(super) catalog_pieces: usize,
    /// Attributes of the volume, and the block of the journal info block.
    pub(super) flags: u32,
    pub(super) journal: u32,
    pub(super) extended: bool,
}

/// A file in the making.
#[derive(Clone, Default)]
pub(super) struct File<'a> {
    pub(super) data: &'a [u8],
    pub(super) resource: &'a [u8],
    /// Pieces that the data fork is cut into.
    pub(super) pieces: usize,
    pub(super) mode: u16,
    pub(super) finder: &'a [u8],
    pub(super) special: u32,
    pub(super) owner_flags: u8,
    pub(super) flags: u16,
}

pub(super) fn utf16(name: &str) -> Vec<u8> {
    let units: Vec<u16> = name.encode_utf16().collect();
    let length = (units.len() as u16).to_be_bytes();
    length.into_iter().chain(units.iter().flat_map(|unit| unit.to_be_bytes())).collect()
}

impl Image {
    pub(super) fn new() -> Self {
        let mut used = vec![false; BLOCKS];
        (0..2).chain(BLOCKS - 1..BLOCKS).for_each(|block| used[block] = true);
        let mut image = Self {
            bytes: vec![0; BLOCKS * BLOCK],
            used,
            next: 8,
            number: 16,
            catalog: Vec::new(),
            overflow: Vec::new(),
            attributes: Vec::new(),
            catalog_pieces: 1,
            flags: 1 << 8,
            journal: 0,
            extended: false,
        };
        image.folder_record(1, "Volume", 2);
        image
    }

    /// The number that the next file or folder gets.
    pub(super) fn next_number(&self) -> u32 {
        self.number
    }

    fn number(&mut self) -> u32 {
        self.number += 1;
        self.number - 1
    }

    pub(super) fn folder(&mut self, parent: u32, name: &str) -> u32 {
        let number = self.number();
        self.folder_record(parent, name, number);
        number
    }

    fn folder_record(&mut self, parent: u32, name: &str, number: u32) {
        let mut data = vec![0; 88];
        data[..2].copy_from_slice(&1_u16.to_be_bytes());
        common(&mut data, number, 0o40755);
        self.catalog.push((key(parent, name), data));
        self.thread(3, number, parent, name);
    }

    fn thread(&mut self, kind: u16, number: u32, parent: u32, name: &str) {
        let data = [&kind.to_be_bytes()[..], &[0; 2], &parent.to_be_bytes(), &utf16(name)].concat();
        self.catalog.push((key(number, ""), data));
    }

    /// Adds a plain file.
    pub(super) fn plain(&mut self, parent: u32, name: &str, data: &[u8]) -> u32 {
        self.file(parent, name, &File { data, pieces: 1, ..File::default() })
    }

    pub(super) fn file(&mut self, parent: u32, name: &str, file: &File<'_>) -> u32 {
        let number = self.number();
        let record = self.file_record(number, file);
        self.catalog.push((key(parent, name), record));
        self.thread(4, number, parent, name);
        number
    }

    /// A record with the forks of a file, which are written.
    pub(super) fn file_record(&mut self, number: u32, file: &File<'_>) -> Vec<u8> {
        let mut data = vec![0; 248];
        data[..2].copy_from_slice(&2_u16.to_be_bytes());
        data[2..4].copy_from_slice(&(2 | file.flags).to_be_bytes());
        common(&mut data, number, if file.mode == 0 { 0o100_644 } else { file.mode });
        data[41] = file.owner_flags;
        data[44..48].copy_from_slice(&file.special.to_be_bytes());
        data[48..48 + file.finder.len()].copy_from_slice(file.finder);
        data[88..168].copy_from_slice(&self.fork(number, 0, file.data, file.pieces));
        data[168..248].copy_from_slice(&self.fork(number, 0xff, file.resource, 1));
        data
    }

    /// Writes a fork in that many pieces; the ninth and later ones go to the extents overflow file.
    pub(super) fn fork(&mut self, number: u32, kind: u8, content: &[u8], pieces: usize) -> Vec<u8> {
        let blocks = content.len().div_ceil(BLOCK);
        let extents = self.place(content, blocks, pieces);
        let mut fork =
            [&(content.len() as u64).to_be_bytes()[..], &[0; 4], &(blocks as u32).to_be_bytes()].concat();
        let mut start = 0_u32;
        for (at, eight) in extents.chunks(8).enumerate() {
            let mut packed: Vec<u8> =
                eight.iter().flat_map(|(a, b)| [a.to_be_bytes(), b.to_be_bytes()].concat()).collect();
            packed.resize(64, 0);
            if at == 0 {
                fork.extend(packed);
            } else {
                let key = [&[0, 10, kind, 0][..], &number.to_be_bytes(), &start.to_be_bytes()].concat();
                self.overflow.push((key, packed));
            }
            start += eight.iter().map(|(_, count)| count).sum::<u32>();
        }
        fork.resize(80, 0);
        fork
    }

    fn place(&mut self, content: &[u8], blocks: usize, pieces: usize) -> Vec<(u32, u32)> {
        let each = blocks.div_ceil(pieces.max(1)).max(1);
        let mut extents = Vec::new();
        for piece in content.chunks(each * BLOCK) {
            let count = piece.len().div_ceil(BLOCK);
            let start = self.next;
            self.bytes[start * BLOCK..start * BLOCK + piece.len()].copy_from_slice(piece);
            self.used[start..start + count].fill(true);
            // A gap, so that pieces are no neighbours.
            self.next = start + count + usize::from(pieces > 1);
            extents.push((start as u32, count as u32));
        }
        extents
    }

    /// Marks the blocks of a fork as free again.
    pub(super) fn free(&mut self, fork: &[u8]) {
        let word = |at: usize| u32::from_be_bytes(fork[at..at + 4].try_into().unwrap()) as usize;
        for at in (16..80).step_by(8) {
            self.used[word(at)..word(at) + word(at + 4)].fill(false);
        }
    }

    pub(super) fn attribute(&mut self, number: u32, name: &str, value: &[u8]) {
        let data =
            [&0x10_u32.to_be_bytes()[..], &[0; 8], &(value.len() as u32).to_be_bytes(), value].concat();
        self.push_attribute(number, name, 0, data);
    }

    /// An attribute with a fork of more extents than its record holds.
    pub(super) fn large_attribute(&mut self, number: u32, name: &str, value: &[u8], pieces: usize) {
        let blocks = value.len().div_ceil(BLOCK);
        let extents = self.place(value, blocks, pieces);
        let mut start = 0_u32;
        for (at, eight) in extents.chunks(8).enumerate() {
            let mut packed: Vec<u8> =
                eight.iter().flat_map(|(a, b)| [a.to_be_bytes(), b.to_be_bytes()].concat()).collect();
            packed.resize(64, 0);
            let size = (value.len() as u64).to_be_bytes();
            let data = match at {
                0 => [
                    &[0, 0, 0, 0x20, 0, 0, 0, 0][..],
                    &size,
                    &[0; 4],
                    &(blocks as u32).to_be_bytes(),
                    &packed,
                ]
                .concat(),
                _ => [&[0, 0, 0, 0x30, 0, 0, 0, 0][..], &packed].concat(),
            };
            self.push_attribute(number, name, start, data);
            start += eight.iter().map(|(_, count)| count).sum::<u32>();
        }
    }

    fn push_attribute(&mut self, number: u32, name: &str, start: u32, mut data: Vec<u8>) {
        let name = utf16(name);
        let length = (10 + name.len()) as u16;
        let key =
            [&length.to_be_bytes()[..], &[0; 2], &number.to_be_bytes(), &start.to_be_bytes(), &name].concat();
        data.resize(data.len().next_multiple_of(2), 0);
        self.attributes.push((key, data));
    }

    /// Puts a journal on the volume, with changes in it or without.
    pub(super) fn journal(&mut self, dirty: bool) {
        self.flags |= 1 << 13;
        self.journal = self.next as u32;
        let start = ((self.next + 1) * BLOCK) as u64;
        let info =
            [&1_u32.to_be_bytes()[..], &[0; 32], &start.to_be_bytes(), &2048_u64.to_be_bytes()].concat();
        let end: u64 = if dirty { 1024 } else { 512 };
        let header =
            [&b"xLNJ"[..], &0x1234_5678_u32.to_le_bytes(), &512_u64.to_le_bytes(), &end.to_le_bytes()]
                .concat();
        let mut both = info;
        both.resize(BLOCK, 0);
        both.extend(header);
        let blocks = both.len().div_ceil(BLOCK);
        self.place(&both, blocks, 1);
    }

    /// Builds the trees and gives the volume.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let mut forks = Vec::new();
        let catalog = tree(CATALOG_NODE, std::mem::take(&mut self.catalog), by_name, (6, 516));
        let attributes = tree(8192, std::mem::take(&mut self.attributes), by_attribute, (6, 266));
        forks.push(self.fork(8, 0, &attributes, 1));
        let pieces = self.catalog_pieces;
        forks.push(self.fork(4, 0, &catalog, pieces));
        let overflow = tree(1024, std::mem::take(&mut self.overflow), by_block, (2, 10));
        forks.push(self.fork(3, 0, &overflow, 1));
        let startup = self.fork(7, 0, b"a loader", 1);
        let bitmap_at = self.next;
        let allocation = self.fork(6, 0, &[0xff; BLOCKS / 8], 1);
        for (block, _) in self.used.iter().enumerate().filter(|(_, used)| !**used) {
            self.bytes[bitmap_at * BLOCK + block / 8] &= !(0x80 >> (block % 8));
        }
        let mut header = vec![0; 512];
        header[..4].copy_from_slice(if self.extended { b"HX\0\x05" } else { b"H+\0\x04" });
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(4, &self.flags.to_be_bytes());
        put(8, b"10.0");
        put(12, &self.journal.to_be_bytes());
        [16, 20, 28].into_iter().for_each(|at| put(at, &DATE.to_be_bytes()));
        put(40, &(BLOCK as u32).to_be_bytes());
        put(44, &(BLOCKS as u32).to_be_bytes());
        put(64, &(self.number + 100).to_be_bytes());
        put(112, &allocation);
        put(192, &forks[2]);
        put(272, &forks[1]);
        put(352, &forks[0]);
        put(432, &startup);
        let end = self.bytes.len();
        self.bytes[1024..1536].copy_from_slice(&header);
        self.bytes[end - 1024..end - 512].copy_from_slice(&header);
        self.bytes
    }
}

fn common(data: &mut [u8], number: u32, mode: u16) {
    data[8..12].copy_from_slice(&number.to_be_bytes());
    for (at, date) in (12..28).step_by(4).zip(DATE..) {
        data[at..at + 4].copy_from_slice(&date.to_be_bytes());
    }
    data[42..44].copy_from_slice(&mode.to_be_bytes());
}

/// Puts a volume into a wrapper of HFS.
pub(super) fn wrap(volume: &[u8]) -> Vec<u8> {
    let mut master = vec![0; 162];
    master[..2].copy_from_slice(b"BD");
    master[20..24].copy_from_slice(&4096_u32.to_be_bytes());
    master[28..30].copy_from_slice(&16_u16.to_be_bytes());
    master[124..126].copy_from_slice(b"H+");
    master[126..128].copy_from_slice(&3_u16.to_be_bytes());
    master[128..130].copy_from_slice(&((volume.len() / 4096) as u16).to_be_bytes());
    let mut wrapper = vec![0; 16 * 512 + 3 * 4096];
    wrapper[1024..1186].copy_from_slice(&master);
    [&wrapper, volume, &[0; 4096]].concat()
}
