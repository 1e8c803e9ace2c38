//! The container: blocks, states and their checkpoints, space.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{Pair, Spec, tree};
use super::{BLOCK, Volume, put, seal};

/// Blocks of the descriptor area, from block 1 on, and of the data area behind it.
const DESCRIPTORS: u64 = 16;
const DATA: u64 = 32;
const PHYSICAL: u32 = 0x4000_0000;
const EPHEMERAL: u32 = 0x8000_0000;
const MANAGER: u64 = 1024;
const REAPER: u64 = 1025;
const QUEUE: u64 = 1026;
/// Identifiers of volumes begin here.
const FIRST_VOLUME: u64 = 1030;

/// A container in memory.
pub struct Builder {
    pub image: Vec<u8>,
    pub transaction: u64,
    pub volumes: Vec<Volume>,
    kept: Vec<Kept>,
    next: u64,
    slot: u64,
    /// Blocks that nothing may take: those of the newest state, and of snapshots.
    used: BTreeSet<u64>,
    queued: Vec<(u64, u64)>,
    /// Written into the bitmap as used although nothing does.
    pub extra: BTreeSet<u64>,
}

/// What a volume has beside its present state.
#[derive(Default)]
struct Kept {
    /// Identifier and transaction to block and flags.
    map: BTreeMap<(u64, u64), (u64, u32)>,
    /// Transaction, block of the superblock, name.
    snapshots: Vec<(u64, u64, String)>,
    superblock: Option<Vec<u8>>,
    /// Blocks of the past that snapshots keep.
    blocks: BTreeSet<u64>,
    written: BTreeSet<u64>,
}

const fn spec(holds: u32, fixed: Option<(usize, usize)>) -> Spec {
    Spec { holds, storage: PHYSICAL, fixed, sealed: false, room: 3900 }
}

impl Builder {
    pub fn new(blocks: usize, volumes: Vec<Volume>) -> Self {
        let kept = volumes.iter().map(|_| Kept::default()).collect();
        Self {
            image: vec![0; blocks * BLOCK],
            transaction: 1,
            volumes,
            kept,
            next: 1 + DESCRIPTORS + DATA,
            slot: 0,
            used: BTreeSet::new(),
            queued: Vec::new(),
            extra: BTreeSet::new(),
        }
    }

    /// Writes content into new blocks and returns the first.
    pub fn content(&mut self, bytes: &[u8]) -> u64 {
        let first = self.next;
        for piece in bytes.chunks(BLOCK) {
            let block = self.take();
            self.image[block as usize * BLOCK..][..piece.len()].copy_from_slice(piece);
        }
        first
    }

    /// Takes a block that was never used.
    pub fn take(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    fn write(&mut self, block: u64, bytes: &[u8]) {
        self.image[block as usize * BLOCK..][..BLOCK].copy_from_slice(bytes);
        self.used.insert(block);
    }

    /// Writes a tree of physical nodes.
    fn physical(&mut self, spec: Spec, pairs: &[Pair]) -> u64 {
        let transaction = self.transaction;
        let mut next = self.next;
        let mut written = Vec::new();
        let mut place = || {
            next += 1;
            next - 1
        };
        let root = tree(spec, transaction, pairs, &mut place, &mut |id, bytes| written.push((id, bytes)));
        self.next = next;
        written.iter().for_each(|(block, bytes)| self.write(*block, bytes));
        root
    }

    /// Takes a snapshot of the last state of a volume, to be written with the next.
    pub fn snapshot(&mut self, volume: usize, name: &str) {
        let block = self.take();
        let mut superblock = self.kept[volume].superblock.clone().unwrap();
        seal(&mut superblock, block, self.transaction - 1, 0xd | PHYSICAL, 0);
        self.image[block as usize * BLOCK..][..BLOCK].copy_from_slice(&superblock);
        let kept = &mut self.kept[volume];
        kept.snapshots.push((self.transaction - 1, block, name.into()));
        kept.blocks.insert(block);
        kept.blocks.extend(kept.written.iter().copied());
        let extents = self.volumes[volume].extents.iter();
        kept.blocks.extend(extents.flat_map(|(first, (count, _))| *first..first + count));
    }

    /// Writes the state as it is now, with its checkpoint.
    pub fn commit(&mut self) {
        let before = std::mem::take(&mut self.used);
        let mut rows = Vec::new();
        for at in 0..self.volumes.len() {
            let block = self.volume(at);
            rows.push((FIRST_VOLUME + at as u64, block));
        }
        let transaction = self.transaction;
        let key = |id: u64| [id, transaction].map(u64::to_le_bytes).concat();
        let value = |block: u64, flags: u32| {
            [flags.to_le_bytes(), (BLOCK as u32).to_le_bytes()]
                .concat()
                .into_iter()
                .chain(block.to_le_bytes())
                .collect()
        };
        let pairs: Vec<Pair> = rows.iter().map(|(id, block)| (key(*id), value(*block, 0))).collect();
        let map = self.map(&pairs, None);
        for kept in &self.kept {
            self.used.extend(&kept.blocks);
        }
        let files = self.volumes.iter().flat_map(|volume| &volume.extents);
        let files: Vec<u64> = files.flat_map(|(first, (count, _))| *first..first + count).collect();
        self.used.extend(files);
        let freed: Vec<u64> = before.difference(&self.used).copied().collect();
        self.checkpoint(map, &freed);
        self.transaction += 1;
    }

    /// Blocks that are put into the queue of free blocks with the next state instead of being free at once.
    pub fn queue(&mut self, first: u64, count: u64) {
        self.queued.push((first, count));
    }

    fn map(&mut self, pairs: &[Pair], latest: Option<u64>) -> u64 {
        let root = self.physical(spec(0xb, Some((16, 16))), pairs);
        let mut bytes = vec![0; BLOCK];
        put(&mut bytes, 32, 1_u32.to_le_bytes());
        put(&mut bytes, 40, (2 | PHYSICAL).to_le_bytes());
        put(&mut bytes, 44, (2 | PHYSICAL).to_le_bytes());
        put(&mut bytes, 48, root.to_le_bytes());
        put(&mut bytes, 64, latest.unwrap_or(0).to_le_bytes());
        let block = self.take();
        seal(&mut bytes, block, self.transaction, 0xb | PHYSICAL, 0);
        self.write(block, &bytes);
        block
    }

    fn volume(&mut self, at: usize) -> u64 {
        let transaction = self.transaction;
        let own = FIRST_VOLUME + at as u64;
        let (records, sealed, is_encrypted, room): (Vec<Pair>, _, _, _) = {
            let volume = &self.volumes[at];
            let records = volume.records.values().cloned().collect();
            (records, volume.features & 0x20 != 0, volume.flags & 1 == 0, volume.room)
        };
        // Nodes: identifiers from a range of the volume, blocks from the container.
        let mut id = 10_000 * (at as u64 + 1);
        let mut nodes = Vec::new();
        let files = Spec { holds: 0xe, storage: 0, fixed: None, sealed, room };
        let mut place = || {
            id += 1;
            id - 1
        };
        let root = tree(files, transaction, &records, &mut place, &mut |id, bytes| nodes.push((id, bytes)));
        let latest = self.kept[at].snapshots.last().map(|(transaction, ..)| *transaction);
        self.kept[at].map.retain(|(_, written), _| latest.is_some_and(|latest| *written <= latest));
        self.kept[at].written.clear();
        let gone: Vec<u64> = self.kept[at].map.keys().map(|(id, _)| *id).collect();
        for id in gone.into_iter().filter(|id| !nodes.iter().any(|(node, _)| node == id)) {
            self.kept[at].map.insert((id, transaction), (0, 1));
        }
        // A tree whose neighbours are not its neighbours on the medium.
        for (id, mut bytes) in nodes.into_iter().rev() {
            let block = self.take();
            let mut flags = if sealed { 8 } else { 0 };
            if is_encrypted {
                flags |= 4;
                bytes = crate::filesystem::trial::bytes(block, BLOCK);
            }
            self.write(block, &bytes);
            self.kept[at].map.insert((id, transaction), (block, flags));
            self.kept[at].written.insert(block);
        }
        let row = |((id, written), (block, flags)): (&(u64, u64), &(u64, u32))| {
            let key = [*id, *written].map(u64::to_le_bytes).concat();
            let head = [flags.to_le_bytes(), (BLOCK as u32).to_le_bytes()].concat();
            (key, head.into_iter().chain(block.to_le_bytes()).collect())
        };
        let rows: Vec<Pair> = self.kept[at].map.iter().map(row).collect();
        let map = self.map(&rows, latest);
        let references = self.references(at);
        let snapshots = self.snapshots(at);
        let extents = sealed.then(|| {
            let pairs = self.volumes[at].sealed.clone();
            self.physical(spec(0x1f, Some((16, 16))), &pairs)
        });
        let mut bytes = vec![0; BLOCK];
        let volume = &self.volumes[at];
        put(&mut bytes, 32, *b"APSB");
        put(&mut bytes, 36, (at as u32).to_le_bytes());
        put(&mut bytes, 40, 2_u64.to_le_bytes());
        put(&mut bytes, 56, volume.features.to_le_bytes());
        for (place, kind) in [(116, 2), (120, 2 | PHYSICAL), (124, 2 | PHYSICAL)] {
            put(&mut bytes, place, u32::to_le_bytes(kind));
        }
        let numbers = [map, root, references, snapshots, 0, 0, volume.next, volume.files];
        numbers
            .iter()
            .enumerate()
            .for_each(|(at, number)| put(&mut bytes, 128 + at * 8, number.to_le_bytes()));
        put(&mut bytes, 216, (self.kept[at].snapshots.len() as u64).to_le_bytes());
        put(&mut bytes, 240, [at as u8 + 1; 16]);
        put(&mut bytes, 256, 1_609_459_300_000_000_000_u64.to_le_bytes());
        put(&mut bytes, 264, volume.flags.to_le_bytes());
        put(&mut bytes, 272, *b"builder");
        put(&mut bytes, 304, 1_609_459_200_000_000_000_u64.to_le_bytes());
        bytes[704..704 + volume.name.len()].copy_from_slice(volume.name.as_bytes());
        put(&mut bytes, 960, 4_u32.to_le_bytes());
        put(&mut bytes, 1032, extents.unwrap_or(0).to_le_bytes());
        seal(&mut bytes, own, transaction, 0xd, 0);
        let block = self.take();
        self.write(block, &bytes);
        self.kept[at].superblock = Some(bytes);
        block
    }

    fn references(&mut self, at: usize) -> u64 {
        let pair = |(first, (count, owner)): (&u64, &(u64, u64))| {
            let value = [count | 1 << 60, *owner].map(u64::to_le_bytes).concat();
            ((first | 2 << 60).to_le_bytes().to_vec(), [value, 1_u32.to_le_bytes().to_vec()].concat())
        };
        let pairs: Vec<Pair> = self.volumes[at].extents.iter().map(pair).collect();
        self.physical(spec(0xf, None), &pairs)
    }

    fn snapshots(&mut self, at: usize) -> u64 {
        let (mut described, mut named) = (Vec::new(), Vec::new());
        for (transaction, block, name) in &self.kept[at].snapshots {
            let text = [name.as_bytes(), b"\0"].concat();
            let length = (text.len() as u16).to_le_bytes();
            let mut value = [0, *block, 1_609_459_250_000_000_000, 0, 0].map(u64::to_le_bytes).concat();
            value.extend((2 | PHYSICAL).to_le_bytes());
            value.extend(0_u32.to_le_bytes());
            value.extend(length);
            value.extend(&text);
            described.push(((transaction | 1 << 60).to_le_bytes().to_vec(), value));
            let key =
                [(0x0fff_ffff_ffff_ffff_u64 | 11 << 60).to_le_bytes().as_slice(), &length, &text].concat();
            named.push((key, transaction.to_le_bytes().to_vec()));
        }
        named.sort();
        self.physical(spec(0x10, None), &[described, named].concat())
    }

    /// Space manager, map of ephemeral objects and superblock.
    fn checkpoint(&mut self, map: u64, freed: &[u64]) {
        let transaction = self.transaction;
        let count = self.image.len() / BLOCK;
        let (bitmap, table) = (self.take(), self.take());
        let data = 1 + DESCRIPTORS + self.slot * 4 % DATA;
        let queued = std::mem::take(&mut self.queued);
        let mut bits = vec![0; BLOCK];
        let fixed = (0..1 + DESCRIPTORS + DATA).chain([bitmap, table]);
        let waiting = queued.iter().flat_map(|(first, count)| *first..first + count);
        let used: BTreeSet<u64> =
            fixed.chain(self.used.iter().copied()).chain(waiting).chain(self.extra.iter().copied()).collect();
        let inside = used.iter().filter(|block| **block < count as u64);
        inside.for_each(|block| bits[*block as usize / 8] |= 1 << (block % 8));
        assert!(freed.iter().all(|block| !self.used.contains(block)));
        self.image[bitmap as usize * BLOCK..][..BLOCK].copy_from_slice(&bits);
        let free = (count - used.len()) as u64;
        let mut bytes = vec![0; BLOCK];
        put(&mut bytes, 36, 1_u32.to_le_bytes());
        put(&mut bytes, 40, transaction.to_le_bytes());
        put(&mut bytes, 56, (count as u32).to_le_bytes());
        put(&mut bytes, 60, (free as u32).to_le_bytes());
        put(&mut bytes, 64, bitmap.to_le_bytes());
        seal(&mut bytes, table, transaction, 7 | PHYSICAL, 0);
        self.image[table as usize * BLOCK..][..BLOCK].copy_from_slice(&bytes);
        self.manager(data, table, free);
        let mut bytes = vec![0; BLOCK];
        seal(&mut bytes, REAPER, transaction, 0x11 | EPHEMERAL, 0);
        self.image[(data + 1) as usize * BLOCK..][..BLOCK].copy_from_slice(&bytes);
        let key = |first: u64| [transaction, first].map(u64::to_le_bytes).concat();
        let pairs: Vec<Pair> =
            queued.iter().map(|(first, n)| (key(*first), n.to_le_bytes().to_vec())).collect();
        let queue = Spec { storage: EPHEMERAL, ..spec(9, Some((16, 8))) };
        let mut node = Vec::new();
        tree(queue, transaction, &pairs, &mut || QUEUE, &mut |_, bytes| node = bytes);
        self.image[(data + 2) as usize * BLOCK..][..BLOCK].copy_from_slice(&node);
        let objects = [
            (5 | EPHEMERAL, 0, MANAGER, data),
            (0x11 | EPHEMERAL, 0, REAPER, data + 1),
            (2 | EPHEMERAL, 9, QUEUE, data + 2),
        ];
        let mut bytes = vec![0; BLOCK];
        put(&mut bytes, 32, 1_u32.to_le_bytes());
        put(&mut bytes, 36, (objects.len() as u32).to_le_bytes());
        for (at, (kind, holds, id, block)) in objects.into_iter().enumerate() {
            let place = 40 + at * 40;
            put(&mut bytes, place, u32::to_le_bytes(kind));
            put(&mut bytes, place + 4, u32::to_le_bytes(holds));
            put(&mut bytes, place + 8, (BLOCK as u32).to_le_bytes());
            put(&mut bytes, place + 24, id.to_le_bytes());
            put(&mut bytes, place + 32, block.to_le_bytes());
        }
        let index = self.slot * 2 % DESCRIPTORS;
        seal(&mut bytes, 1 + index, transaction, 0xc | PHYSICAL, 0);
        self.image[(1 + index) as usize * BLOCK..][..BLOCK].copy_from_slice(&bytes);
        let superblock = self.superblock(map, index);
        self.image[(2 + index) as usize * BLOCK..][..BLOCK].copy_from_slice(&superblock);
        self.image[..BLOCK].copy_from_slice(&superblock);
        self.slot += 1;
    }

    fn manager(&mut self, block: u64, table: u64, free: u64) {
        let count = (self.image.len() / BLOCK) as u64;
        let mut bytes = vec![0; BLOCK];
        for (place, number) in [(32, 4096_u32), (36, 32_768), (40, 126), (44, 507), (64, 1), (80, 2520)] {
            put(&mut bytes, place, number.to_le_bytes());
        }
        put(&mut bytes, 48, count.to_le_bytes());
        put(&mut bytes, 56, 1_u64.to_le_bytes());
        put(&mut bytes, 72, free.to_le_bytes());
        put(&mut bytes, 248, QUEUE.to_le_bytes());
        put(&mut bytes, 2520, table.to_le_bytes());
        seal(&mut bytes, MANAGER, self.transaction, 5 | EPHEMERAL, 0);
        self.image[block as usize * BLOCK..][..BLOCK].copy_from_slice(&bytes);
    }

    fn superblock(&self, map: u64, index: u64) -> Vec<u8> {
        let mut bytes = vec![0; BLOCK];
        put(&mut bytes, 32, *b"NXSB");
        let data = self.slot * 4 % DATA;
        let words =
            [(36, 4096), (104, DESCRIPTORS as u32), (108, DATA as u32), (136, index as u32), (140, 2)];
        let more = [(144, data as u32), (148, 3), (180, 100)];
        let next = [(128, (index + 2) % DESCRIPTORS), (132, (data + 4) % DATA)].map(|(at, n)| (at, n as u32));
        for (place, number) in words.into_iter().chain(more).chain(next) {
            put(&mut bytes, place, u32::to_le_bytes(number));
        }
        let blocks = (self.image.len() / BLOCK) as u64;
        let numbers =
            [(40, blocks), (64, 2), (88, 5000), (96, self.transaction + 1), (112, 1), (120, 1 + DESCRIPTORS)];
        let objects = [(152, MANAGER), (160, map), (168, REAPER)];
        for (place, number) in numbers.into_iter().chain(objects) {
            put(&mut bytes, place, u64::to_le_bytes(number));
        }
        put(&mut bytes, 72, [7; 16]);
        for at in 0..self.volumes.len() {
            put(&mut bytes, 184 + at * 8, (FIRST_VOLUME + at as u64).to_le_bytes());
        }
        seal(&mut bytes, 1, self.transaction, 1 | EPHEMERAL, 0);
        bytes
    }
}
