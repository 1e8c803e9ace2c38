//! The records of a volume.

use std::collections::BTreeMap;
use std::io::Write;

use super::BLOCK;
use super::tree::Pair;

/// The number of the root directory.
pub const ROOT: u64 = 2;
/// A moment, in nanoseconds since 1970: 2021-01-01.
const MOMENT: u64 = 1_609_459_200_000_000_000;

/// A key in the order of the tree: object, type, and what follows in that order.
type Key = (u64, u8, Vec<u64>, Vec<u8>);

/// A volume on its way into a container.
pub struct Volume {
    pub name: String,
    /// `apfs_fs_flags`.
    pub flags: u64,
    /// `apfs_incompatible_features`: 1 for names without case, whose keys have a hash.
    pub features: u64,
    pub records: BTreeMap<Key, Pair>,
    /// Extents in use: first block, number of blocks, owner.
    pub extents: BTreeMap<u64, (u64, u64)>,
    /// Extents that live in a tree of their own, in a sealed volume.
    pub sealed: Vec<Pair>,
    pub next: u64,
    /// Bytes of a leaf that are used, to have many of them.
    pub room: usize,
    pub files: u64,
}

impl Volume {
    pub fn new(name: &str, flags: u64, features: u64) -> Self {
        let mut volume = Self {
            name: name.into(),
            flags,
            features,
            records: BTreeMap::new(),
            extents: BTreeMap::new(),
            sealed: Vec::new(),
            next: 16,
            room: 3000,
            files: 0,
        };
        volume.inode(ROOT, 1, "root", 0o040_755, 0, None, 0);
        volume.inode(3, 1, "private-dir", 0o040_755, 0, None, 0);
        volume.link(1, "root", ROOT, 4);
        volume.link(1, "private-dir", 3, 4);
        volume
    }

    fn record(&mut self, id: u64, kind: u8, order: Vec<u64>, text: Vec<u8>, rest: &[u8], value: Vec<u8>) {
        let mut key = (id | u64::from(kind) << 60).to_le_bytes().to_vec();
        key.extend(rest);
        self.records.insert((id, kind, order, text), (key, value));
    }

    #[allow(clippy::too_many_arguments)]
    fn inode(
        &mut self,
        id: u64,
        parent: u64,
        name: &str,
        mode: u16,
        bsd: u32,
        size: Option<u64>,
        unpacked: u64,
    ) {
        let mut value = Vec::new();
        for number in [parent, id, MOMENT, MOMENT + id % 1_000_000 * 1_000_000_000, MOMENT + 2, MOMENT + 3] {
            value.extend(number.to_le_bytes());
        }
        let flags: u64 = if unpacked > 0 { 0x0004_8000 } else { 0x8000 };
        value.extend(flags.to_le_bytes());
        value.extend(1_u32.to_le_bytes());
        value.extend([0; 8]);
        value.extend(bsd.to_le_bytes());
        value.extend([0; 8]);
        value.extend(mode.to_le_bytes());
        value.extend([0; 2]);
        value.extend(unpacked.to_le_bytes());
        let mut fields = vec![(4_u8, 2_u8, [name.as_bytes(), b"\0"].concat())];
        if let Some(size) = size {
            let allocated = size.checked_next_multiple_of(BLOCK as u64).unwrap_or(size);
            let stream = [size, allocated, 0, size, 0].map(u64::to_le_bytes).concat();
            fields.push((8, 0x20, stream));
        }
        value.extend((fields.len() as u16).to_le_bytes());
        let used: usize = fields.iter().map(|(_, _, data)| data.len().next_multiple_of(8)).sum();
        value.extend((used as u16).to_le_bytes());
        for (kind, flags, data) in &fields {
            value.extend([*kind, *flags]);
            value.extend((data.len() as u16).to_le_bytes());
        }
        for (_, _, data) in &fields {
            value.extend(data);
            value.resize(value.len().next_multiple_of(4), 0);
            value.extend(vec![0; data.len().next_multiple_of(8) - data.len().next_multiple_of(4)]);
        }
        self.record(id, 3, vec![], vec![], &[], value);
    }

    /// Adds another name.
    pub fn link(&mut self, directory: u64, name: &str, target: u64, kind: u16) {
        let mut value = target.to_le_bytes().to_vec();
        value.extend(MOMENT.to_le_bytes());
        value.extend(kind.to_le_bytes());
        let text = [name.as_bytes(), b"\0"].concat();
        let (order, rest) = match self.features & 9 {
            0 => (vec![], [(text.len() as u16).to_le_bytes().as_slice(), &text].concat()),
            _ => {
                let head = hash(name) << 10 | text.len() as u32;
                (vec![u64::from(head)], [head.to_le_bytes().as_slice(), &text].concat())
            }
        };
        self.record(directory, 9, order, text, &rest, value);
    }

    /// Takes a name away, and the file when it was its last.
    pub fn remove(&mut self, directory: u64, name: &str) {
        let text = [name.as_bytes(), b"\0"].concat();
        let named = self.records.iter().find(|(key, _)| (key.0, key.1) == (directory, 9) && key.3 == text);
        let (key, target) = named
            .map(|(key, pair)| (key.clone(), u64::from_le_bytes(pair.1[..8].try_into().unwrap())))
            .unwrap();
        self.records.remove(&key);
        let is_name = |key: &Key, pair: &Pair| key.1 == 9 && pair.1[..8] == target.to_le_bytes();
        if !self.records.iter().any(|(key, pair)| is_name(key, pair)) {
            self.records.retain(|key, _| key.0 != target);
            self.extents.retain(|_, (_, owner)| *owner != target);
        }
    }

    pub fn directory(&mut self, parent: u64, name: &str) -> u64 {
        let id = self.number();
        self.inode(id, parent, name, 0o040_755, 0, None, 0);
        self.link(parent, name, id, 4);
        id
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Adds a file whose pieces, in blocks, lie at those places; 0 is a hole, `None` a gap without a record.
    pub fn file(&mut self, parent: u64, name: &str, size: u64, pieces: &[(Option<u64>, u64)]) -> u64 {
        let id = self.number();
        self.files += 1;
        self.inode(id, parent, name, 0o100_644, 0, Some(size), 0);
        self.link(parent, name, id, 8);
        self.stream(id, pieces);
        id
    }

    /// Adds the extents of a stream.
    pub fn stream(&mut self, id: u64, pieces: &[(Option<u64>, u64)]) {
        let mut start = 0;
        self.record(id, 6, vec![], vec![], &[], 1_u32.to_le_bytes().to_vec());
        for (block, count) in pieces {
            let length = count * BLOCK as u64;
            if let Some(block) = block {
                let value = [length, *block, 0].map(u64::to_le_bytes).concat();
                if self.features & 0x20 != 0 {
                    let key = [id, start].map(u64::to_le_bytes).concat();
                    self.sealed.push((key, value[..16].to_vec()));
                } else {
                    self.record(id, 8, vec![start], vec![], &u64::to_le_bytes(start), value);
                }
                if *block != 0 {
                    self.extents.insert(*block, (*count, id));
                }
            }
            start += length;
        }
    }

    /// Adds one extent; `turn` tells extents at the same place apart.
    pub fn extent(&mut self, id: u64, start: u64, turn: u64, (block, count): (u64, u64)) {
        let value = [count * BLOCK as u64, block, 0].map(u64::to_le_bytes).concat();
        self.record(id, 8, vec![start, turn], vec![], &u64::to_le_bytes(start), value);
        self.extents.insert(block, (count, id));
    }

    /// Writes a record of that kind once more, with another last byte.
    pub fn again(&mut self, id: u64, kind: u8) {
        let found = self.records.iter().find(|(key, _)| (key.0, key.1) == (id, kind));
        let (mut key, mut pair) = found.map(|(key, pair)| (key.clone(), pair.clone())).unwrap();
        *pair.1.last_mut().unwrap() ^= 1;
        key.2.push(1);
        self.records.insert(key, pair);
    }

    /// Adds an attribute whose value stands in its record.
    pub fn attribute(&mut self, id: u64, name: &str, data: &[u8]) {
        let mut value = [2_u16.to_le_bytes(), (data.len() as u16).to_le_bytes()].concat();
        value.extend(data);
        self.put_attribute(id, name, value);
    }

    /// Adds an attribute whose value is a data stream.
    pub fn streamed(&mut self, id: u64, name: &str, size: u64, pieces: &[(Option<u64>, u64)]) {
        let stream = self.number();
        let mut value = [1_u16.to_le_bytes(), 48_u16.to_le_bytes()].concat();
        let allocated = size.next_multiple_of(BLOCK as u64);
        value.extend([stream, size, allocated, 0, size, 0].map(u64::to_le_bytes).concat());
        self.put_attribute(id, name, value);
        self.stream(stream, pieces);
    }

    fn put_attribute(&mut self, id: u64, name: &str, value: Vec<u8>) {
        let text = [name.as_bytes(), b"\0"].concat();
        let rest = [(text.len() as u16).to_le_bytes().as_slice(), &text].concat();
        self.record(id, 4, vec![], text, &rest, value);
    }

    pub fn symlink(&mut self, parent: u64, name: &str, target: &str) -> u64 {
        let id = self.number();
        self.inode(id, parent, name, 0o120_755, 0, None, 0);
        self.link(parent, name, id, 10);
        self.attribute(id, "com.apple.fs.symlink", &[target.as_bytes(), b"\0"].concat());
        id
    }

    /// Adds a compressed file whose compressed form is in its attribute, or, with places for it, in its resource fork.
    pub fn compressed(
        &mut self,
        parent: u64,
        name: &str,
        kind: u32,
        content: &[u8],
        fork: Option<Fork<'_>>,
    ) -> u64 {
        let id = self.number();
        self.files += 1;
        self.inode(id, parent, name, 0o100_644, 0x20, None, content.len() as u64);
        self.link(parent, name, id, 8);
        let mut header = b"fpmc".to_vec();
        header.extend(kind.to_le_bytes());
        header.extend((content.len() as u64).to_le_bytes());
        match fork {
            None if kind == 1 => header.extend(content),
            None => header.extend(zlib(content)),
            Some(take) => {
                let fork = resource_fork(content);
                let pieces = take(&fork);
                self.streamed(id, "com.apple.ResourceFork", fork.len() as u64, &pieces);
            }
        }
        self.attribute(id, "com.apple.decmpfs", &header);
        id
    }
}

/// Takes the bytes of a resource fork and says where they are now.
pub type Fork<'a> = &'a mut dyn FnMut(&[u8]) -> Vec<(Option<u64>, u64)>;

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Pieces of 64 KiB behind a table.
fn resource_fork(content: &[u8]) -> Vec<u8> {
    // What does not get shorter stands as it is behind a marker.
    let pack = |piece: &[u8]| match zlib(piece) {
        packed if packed.len() <= piece.len() => packed,
        _ => [b"\xff", piece].concat(),
    };
    let pieces: Vec<Vec<u8>> = content.chunks(1 << 16).map(pack).collect();
    let mut table = (pieces.len() as u32).to_le_bytes().to_vec();
    let mut place = 4 + 8 * pieces.len();
    for piece in &pieces {
        table.extend((place as u32).to_le_bytes());
        table.extend((piece.len() as u32).to_le_bytes());
        place += piece.len();
    }
    let data = [table, pieces.concat()].concat();
    let mut fork = vec![0; 0x100];
    let length = data.len() as u32 + 4;
    for (at, number) in [0x100, 0x100 + length, length, 50].into_iter().enumerate() {
        fork[at * 4..][..4].copy_from_slice(&number.to_be_bytes());
    }
    fork.extend((data.len() as u32).to_be_bytes());
    fork.extend(data);
    fork.extend([0; 50]);
    fork
}

/// The hash of a name: CRC-32C over its letters without case, in four bytes each.
fn hash(name: &str) -> u32 {
    let mut crc = u32::MAX;
    for byte in name.to_lowercase().chars().flat_map(|letter| u32::from(letter).to_le_bytes()) {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    crc & 0x003f_ffff
}
