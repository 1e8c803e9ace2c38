//! A writer for tests: puts files into an image that `mkudffs` made empty.

use std::sync::Arc;

use super::*;
use crate::filesystem::udf::partition::Map;
use crate::filesystem::udf::tag::{Address, crc};
use crate::filesystem::udf::volume::Logical;
use crate::read::Fields;

/// An image in the making.
pub(super) struct Builder {
    pub(super) image: Vec<u8>,
    pub(super) logical: Logical,
    pub(super) block: usize,
    /// Index of the map that entries and directories are put in, and that of content.
    pub(super) meta: u16,
    pub(super) data: u16,
    next: [u32; 2],
    /// Names of the root directory.
    names: Vec<(String, u8, Address)>,
}

/// How a test file is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    Embedded,
    Short,
    Long,
    Extended,
    /// Short descriptors that go on in an extent of their own, one block each.
    Continued,
    /// Every other block is not recorded.
    Holes,
}

pub(super) fn seal(bytes: &mut [u8], id: u16, location: u32, length: usize) {
    let sum = crc(&bytes[16..length]);
    bytes[..16].fill(0);
    bytes[..2].copy_from_slice(&id.to_le_bytes());
    bytes[2] = 2;
    bytes[8..10].copy_from_slice(&sum.to_le_bytes());
    bytes[10..12].copy_from_slice(&(length as u16 - 16).to_le_bytes());
    bytes[12..16].copy_from_slice(&location.to_le_bytes());
    bytes[4] = bytes[..16].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
}

pub(super) fn long(length: usize, at: Address) -> Vec<u8> {
    let mut bytes = (length as u32).to_le_bytes().to_vec();
    bytes.extend(at.block.to_le_bytes());
    bytes.extend(at.partition.to_le_bytes());
    bytes.resize(16, 0);
    bytes
}

fn short(length: usize, block: u32) -> Vec<u8> {
    [(length as u32).to_le_bytes(), block.to_le_bytes()].concat()
}

/// A file identifier: 2 is a directory, 4 deleted, 8 the parent.
pub(super) fn identifier(name: &str, characteristics: u8, icb: Vec<u8>, location: u32) -> Vec<u8> {
    let mut bytes = vec![0; 38];
    bytes[16] = 1;
    bytes[18] = characteristics;
    bytes[20..36].copy_from_slice(&icb);
    let stored: Vec<u8> = match name {
        "" => Vec::new(),
        _ if name.chars().all(|c| (c as u32) < 256) => {
            [8].into_iter().chain(name.chars().map(|c| c as u8)).collect()
        }
        _ => [16].into_iter().chain(name.encode_utf16().flat_map(u16::to_be_bytes)).collect(),
    };
    bytes[19] = stored.len() as u8;
    bytes.extend(stored);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    let length = bytes.len();
    seal(&mut bytes, 257, location, length);
    bytes
}

impl Builder {
    pub(super) fn new(image: Vec<u8>) -> Self {
        let logical = Logical::open(Arc::new(Memory(image.clone()))).unwrap();
        let last = logical.partitions.len() as u16 - 1;
        let meta = if matches!(logical.partitions[last as usize].map, Map::Plain) { 0 } else { last };
        let data = if matches!(logical.partitions[last as usize].map, Map::Metadata(_)) { 0 } else { meta };
        let block = logical.block as usize;
        Self { image, logical, block, meta, data, next: [100, 300], names: Vec::new() }
    }

    pub(super) fn offset(&self, at: Address) -> usize {
        self.logical.offset(at).unwrap() as usize
    }

    /// The next free blocks for entries (0) or content (1).
    pub(super) fn allocate(&mut self, which: usize, count: usize) -> Address {
        let block = self.next[which];
        self.next[which] += count as u32;
        Address { partition: [self.meta, self.data][which], block }
    }

    pub(super) fn put(&mut self, at: Address, bytes: &[u8]) {
        for (number, part) in (0..).zip(bytes.chunks(self.block)) {
            let at = self.offset(Address { block: at.block + number, ..at });
            self.image[at..at + part.len()].copy_from_slice(part);
        }
    }

    /// An entry with its descriptors or content.
    pub(super) fn entry(
        &mut self,
        kind: u8,
        form: u16,
        size: usize,
        area: &[u8],
        streams: Option<Address>,
    ) -> Address {
        let at = self.allocate(0, 1);
        self.entry_at(at, kind, form, size, area, streams);
        at
    }

    pub(super) fn entry_at(
        &mut self,
        at: Address,
        kind: u8,
        form: u16,
        size: usize,
        area: &[u8],
        streams: Option<Address>,
    ) {
        let extended = streams.is_some();
        let fixed = if extended { 216 } else { 176 };
        let mut bytes = vec![0; fixed];
        bytes[20] = 4;
        bytes[24] = 1;
        bytes[27] = kind;
        bytes[34..36].copy_from_slice(&form.to_le_bytes());
        bytes[48] = 1;
        bytes[56..64].copy_from_slice(&(size as u64).to_le_bytes());
        let modified = if extended { 92 } else { 84 };
        // 2021-02-03 04:05:06 at an hour east of Greenwich.
        bytes[modified..modified + 12].copy_from_slice(&[60, 0x10, 0xe5, 7, 2, 3, 4, 5, 6, 0, 0, 0]);
        if let Some(streams) = streams {
            bytes[152..168].copy_from_slice(&long(self.block, streams));
        }
        bytes[fixed - 4..].copy_from_slice(&(area.len() as u32).to_le_bytes());
        bytes.extend(area);
        let length = bytes.len();
        assert!(length <= self.block);
        seal(&mut bytes, if extended { 266 } else { 261 }, at.block, length);
        bytes.resize(self.block, 0);
        self.put(at, &bytes);
    }

    /// A file with that content.
    pub(super) fn file(&mut self, content: &[u8], stored: Stored, streams: Option<Address>) -> Address {
        if stored == Stored::Embedded {
            return self.entry(5, 3, content.len(), content, streams);
        }
        let count = content.len().div_ceil(self.block);
        let mut parts: Vec<(usize, Address)> = Vec::new();
        let mut at = self.allocate(1, count * 2 + 2);
        for (number, part) in content.chunks(self.block).enumerate() {
            if stored != Stored::Holes || number % 2 == 0 {
                self.put(at, part);
            }
            parts.push((part.len(), at));
            // A gap, so that no two pieces are neighbours.
            at.block += 2;
        }
        let unrecorded = |number: usize| if stored == Stored::Holes && number % 2 == 1 { 2 << 30 } else { 0 };
        // Short descriptors mean the partition of the entry.
        let wide = stored == Stored::Long || self.meta != self.data;
        let area: Vec<u8> = parts
            .iter()
            .enumerate()
            .flat_map(|(number, (length, at))| match stored {
                Stored::Extended => {
                    let lengths =
                        [*length as u32; 3].iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>();
                    [lengths, long(0, *at)[4..].to_vec()].concat()[..20].to_vec()
                }
                _ if wide => long(*length | unrecorded(number), *at),
                _ => short(*length | unrecorded(number), at.block),
            })
            .collect();
        let form = match stored {
            Stored::Extended => 2,
            _ => u16::from(wide),
        };
        if stored == Stored::Continued {
            let (front, rest) = area.split_at(if wide { 16 } else { 8 });
            let more = self.allocate(0, 1);
            let mut bytes = vec![0; 24];
            bytes[20..24].copy_from_slice(&(rest.len() as u32).to_le_bytes());
            bytes.extend(rest);
            let length = bytes.len();
            seal(&mut bytes, 258, more.block, length);
            self.put(more, &bytes);
            let length = self.block | 3 << 30;
            let next = if wide { long(length, more) } else { short(length, more.block) };
            return self.entry(5, form, content.len(), &[front, &next].concat(), streams);
        }
        self.entry(5, form, content.len(), &area, streams)
    }

    /// A directory whose content stands in its entry.
    pub(super) fn directory(&mut self, kind: u8, parent: Address, names: &[(&str, u8, Address)]) -> Address {
        let at = self.allocate(0, 1);
        let area = self.identifiers(at.block, parent, names);
        self.entry_at(at, kind, 3, area.len(), &area, None);
        at
    }

    fn identifiers(&self, location: u32, parent: Address, names: &[(&str, u8, Address)]) -> Vec<u8> {
        let mut area = identifier("", 10, long(self.block, parent), location);
        for (name, characteristics, icb) in names {
            area.extend(identifier(name, *characteristics, long(self.block, *icb), location));
        }
        area
    }

    /// Puts a name into the root directory.
    pub(super) fn name(&mut self, name: &str, characteristics: u8, icb: Address) {
        self.names.push((name.into(), characteristics, icb));
    }

    /// Writes the root directory and marks the blocks as used; those of `free` stay free.
    pub(super) fn finish(mut self, free: &[Address]) -> Vec<u8> {
        let root = self.logical.file_sets(&mut Vec::new())[0].root;
        let names: Vec<(&str, u8, Address)> =
            self.names.iter().map(|(name, c, at)| (name.as_str(), *c, *at)).collect();
        let area = self.identifiers(0, root, &names);
        let at = self.allocate(0, area.len().div_ceil(self.block));
        self.put(at, &area);
        self.entry_at(root, 4, 0, area.len(), &short(area.len(), at.block), None);
        for (which, first) in [(0, 100), (1, 300)] {
            let partition = [self.meta, self.data][which];
            for block in first..self.next[which] {
                if !free.contains(&Address { partition, block }) {
                    self.mark(partition, block);
                }
            }
        }
        self.image
    }

    fn mark(&mut self, partition: u16, block: u32) {
        let part = &self.logical.partitions[partition as usize];
        let blocks = match &part.map {
            Map::Metadata(runs) => runs.iter().map(|run| run.length).sum::<u64>(),
            _ => part.length,
        } / self.logical.block;
        let at = (0..self.image.len()).step_by(self.block).find(|at| {
            let fields = Fields(&self.image[*at..]);
            fields.u16(0) == Some(264) && fields.u32(16).map(u64::from) == Some(blocks)
        });
        if let Some(at) = at {
            self.image[at + 24 + block as usize / 8] &= !(1 << (block % 8));
        }
    }
}
