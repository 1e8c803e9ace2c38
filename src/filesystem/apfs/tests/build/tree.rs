//! B-trees: records packed into leaves, and indexes above them.

use super::{BLOCK, put, seal};

/// A kind of tree as it is written.
#[derive(Clone, Copy)]
pub struct Spec {
    /// `o_subtype`.
    pub holds: u32,
    /// Storage flags of `o_type`.
    pub storage: u32,
    /// Lengths of keys and values, where they are all the same.
    pub fixed: Option<(usize, usize)>,
    /// Written without headers, by their hashes, with children counted from the root (sealed volumes).
    pub sealed: bool,
    /// Most bytes of a node that are used, to make trees higher.
    pub room: usize,
}

/// A record.
pub type Pair = (Vec<u8>, Vec<u8>);

struct Node {
    bytes: Vec<u8>,
    first: Vec<u8>,
    count: usize,
}

/// Writes a tree. `place` is asked for the identifier of each node before `write` takes its bytes; the root comes first.
pub fn tree(
    spec: Spec,
    transaction: u64,
    pairs: &[Pair],
    place: &mut dyn FnMut() -> u64,
    write: &mut dyn FnMut(u64, Vec<u8>),
) -> u64 {
    let root = place();
    let mut level = pack(spec, 0, pairs);
    let (mut height, mut nodes) = (0, level.len() as u64);
    while level.len() > 1 {
        let mut index = Vec::new();
        for node in level {
            let id = place();
            let child = if spec.sealed { id - root } else { id };
            let mut value = child.to_le_bytes().to_vec();
            value.resize(if spec.sealed { 72 } else { 8 }, 0xaa);
            index.push((node.first.clone(), value));
            finish(spec, node, id, transaction, None, write);
        }
        height += 1;
        level = pack(spec, height, &index);
        nodes += level.len() as u64;
    }
    let longest = |of: fn(&Pair) -> usize| pairs.iter().map(of).max().unwrap_or(0) as u32;
    let facts = (longest(|pair| pair.0.len()), longest(|pair| pair.1.len()), pairs.len() as u64, nodes);
    let top = level.pop().unwrap();
    finish(spec, top, root, transaction, Some(facts), write);
    root
}

fn pack(spec: Spec, level: u16, pairs: &[Pair]) -> Vec<Node> {
    let entry = if spec.fixed.is_some() { 4 } else { 8 };
    let cost = |pair: &Pair| pair.0.len() + pair.1.len() + entry;
    let mut nodes = Vec::new();
    let mut rest = pairs;
    loop {
        let mut used = 0;
        let fits = |pair: &&Pair| {
            used += cost(pair);
            used <= spec.room
        };
        let count = rest.iter().take_while(fits).count();
        assert!(count > 0 || rest.is_empty(), "a record is too long");
        let (own, others) = rest.split_at(count);
        nodes.push(node(spec, level, own));
        rest = others;
        if rest.is_empty() {
            return nodes;
        }
    }
}

fn node(spec: Spec, level: u16, pairs: &[Pair]) -> Node {
    let mut bytes = vec![0; BLOCK];
    let entry = if spec.fixed.is_some() { 4 } else { 8 };
    let table = (pairs.len() * entry).next_multiple_of(8);
    let flags = u16::from(level == 0) * 2 + u16::from(spec.fixed.is_some()) * 4 + u16::from(spec.sealed) * 24;
    put(&mut bytes, 32, flags.to_le_bytes());
    put(&mut bytes, 34, level.to_le_bytes());
    put(&mut bytes, 36, (pairs.len() as u32).to_le_bytes());
    put(&mut bytes, 42, (table as u16).to_le_bytes());
    let start = 56 + table;
    let (mut key, mut value) = (0, 0);
    // Values are laid out before it is known whether the node is a root: the footer's place is always left.
    for (at, pair) in pairs.iter().enumerate() {
        let toc = 56 + at * entry;
        bytes[start + key..][..pair.0.len()].copy_from_slice(&pair.0);
        value += pair.1.len();
        bytes[BLOCK - 40 - value..][..pair.1.len()].copy_from_slice(&pair.1);
        if spec.fixed.is_some() {
            put(&mut bytes, toc, (key as u16).to_le_bytes());
            put(&mut bytes, toc + 2, (value as u16).to_le_bytes());
        } else {
            put(&mut bytes, toc, (key as u16).to_le_bytes());
            put(&mut bytes, toc + 2, (pair.0.len() as u16).to_le_bytes());
            put(&mut bytes, toc + 4, (value as u16).to_le_bytes());
            put(&mut bytes, toc + 6, (pair.1.len() as u16).to_le_bytes());
        }
        key += pair.0.len();
    }
    put(&mut bytes, 44, (key as u16).to_le_bytes());
    put(&mut bytes, 46, ((BLOCK - 40 - value - start - key) as u16).to_le_bytes());
    put(&mut bytes, 48, [0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0]);
    Node { bytes, first: pairs.first().map(|pair| pair.0.clone()).unwrap_or_default(), count: pairs.len() }
}

fn finish(
    spec: Spec,
    mut node: Node,
    id: u64,
    transaction: u64,
    root: Option<(u32, u32, u64, u64)>,
    write: &mut dyn FnMut(u64, Vec<u8>),
) {
    let flags = u16::from_le_bytes([node.bytes[32], node.bytes[33]]);
    let mut kind = 3;
    if let Some((key, value, count, nodes)) = root {
        put(&mut node.bytes, 32, (flags | 1).to_le_bytes());
        kind = 2;
        let physical = if spec.storage == 0x4000_0000 { 0x10 } else { 0 };
        let (key_size, value_size) = spec.fixed.unwrap_or((0, 0));
        let unaligned = if spec.fixed.is_none() { 0x40 } else { 0 };
        let sealed = u32::from(spec.sealed) * 0x180;
        put(&mut node.bytes, BLOCK - 40, (physical | unaligned | sealed).to_le_bytes());
        put(&mut node.bytes, BLOCK - 36, (BLOCK as u32).to_le_bytes());
        put(&mut node.bytes, BLOCK - 32, (key_size as u32).to_le_bytes());
        put(&mut node.bytes, BLOCK - 28, (value_size as u32).to_le_bytes());
        put(&mut node.bytes, BLOCK - 24, key.to_le_bytes());
        put(&mut node.bytes, BLOCK - 20, value.to_le_bytes());
        put(&mut node.bytes, BLOCK - 16, count.to_le_bytes());
        put(&mut node.bytes, BLOCK - 8, nodes.to_le_bytes());
    } else if node.count > 0 {
        // Without a footer, values count from the end of the block: they move up to it.
        let start = usize::from(u16::from_le_bytes([node.bytes[42], node.bytes[43]])) + 56;
        let free = u16::from_le_bytes([node.bytes[44], node.bytes[45]]);
        let values = start + usize::from(free + u16::from_le_bytes([node.bytes[46], node.bytes[47]]));
        node.bytes.copy_within(values..BLOCK - 40, values + 40);
        let room = u16::from_le_bytes([node.bytes[46], node.bytes[47]]);
        put(&mut node.bytes, 46, (room + 40).to_le_bytes());
    }
    if !spec.sealed {
        seal(&mut node.bytes, id, transaction, kind | spec.storage, spec.holds);
    }
    write(id, node.bytes);
}
