//! B-trees for the builder: leaves, index nodes, map.

/// The key of a record in the catalog.
pub(super) fn key(parent: u32, name: &str) -> Vec<u8> {
    let name = super::image::utf16(name);
    [&((4 + name.len()) as u16).to_be_bytes()[..], &parent.to_be_bytes(), &name].concat()
}

/// How keys of a tree are ordered.
pub(super) type Order = fn(&[u8]) -> Vec<u8>;

/// By parent and name; letters of both cases are alike, and a zero comes last.
pub(super) fn by_name(key: &[u8]) -> Vec<u8> {
    let folded = key[8..].chunks(2).flat_map(|unit| match unit {
        [0, 0] => [0xff, 0xff],
        [0, byte] => [0, byte.to_ascii_lowercase()],
        other => [other[0], other[1]],
    });
    key[2..6].iter().copied().chain(folded).collect()
}

/// By file, kind of fork, block.
pub(super) fn by_block(key: &[u8]) -> Vec<u8> {
    [&key[4..8], &key[2..4], &key[8..]].concat()
}

/// By file, name, block.
pub(super) fn by_attribute(key: &[u8]) -> Vec<u8> {
    [&key[4..8], &key[14..], &key[8..12]].concat()
}

/// A tree file of those records; `(attributes, longest key)` go to its header.
pub(super) fn tree(
    node_size: usize,
    mut records: Vec<(Vec<u8>, Vec<u8>)>,
    order: Order,
    facts: (u32, u16),
) -> Vec<u8> {
    records.sort_by_key(|(key, _)| order(key));
    let count = records.len() as u32;
    let (mut nodes, mut level, mut depth) = (Vec::new(), records, 0_u16);
    let (mut root, mut last_leaf) = (0, 0);
    while !level.is_empty() {
        depth += 1;
        let first = nodes.len();
        let mut above = Vec::new();
        let mut packed: Vec<Vec<(Vec<u8>, Vec<u8>)>> = vec![Vec::new()];
        let mut room = node_size - 16;
        for record in level {
            let length = record.0.len() + record.1.len() + 2;
            if length > room {
                packed.push(Vec::new());
                room = node_size - 16;
            }
            room -= length;
            packed.last_mut().unwrap().push(record);
        }
        for (at, records) in packed.iter().enumerate() {
            let number = (first + at + 1) as u32;
            above.push((records[0].0.clone(), number.to_be_bytes().to_vec()));
            let next = if at + 1 < packed.len() { number + 1 } else { 0 };
            let previous = if at > 0 { number - 1 } else { 0 };
            let kind = if depth == 1 { 0xff } else { 0 };
            let bytes: Vec<Vec<u8>> = records.iter().map(|(key, data)| [&key[..], data].concat()).collect();
            nodes.push(node(node_size, (next, previous), (kind, depth as u8), &bytes));
        }
        root = nodes.len() as u32;
        if depth == 1 {
            last_leaf = root;
        }
        level = if packed.len() > 1 { above } else { Vec::new() };
    }
    let total = nodes.len() as u32 + 3;
    let mut header = vec![0; 106];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &depth.to_be_bytes());
    put(2, &root.to_be_bytes());
    put(6, &count.to_be_bytes());
    put(10, &u32::from(last_leaf > 0).to_be_bytes());
    put(14, &last_leaf.to_be_bytes());
    put(18, &(node_size as u16).to_be_bytes());
    put(20, &facts.1.to_be_bytes());
    put(22, &total.to_be_bytes());
    put(26, &2_u32.to_be_bytes());
    put(37, &[0xcf]);
    put(38, &facts.0.to_be_bytes());
    let mut map = vec![0; node_size - 256];
    (0..=nodes.len()).for_each(|node| map[node / 8] |= 0x80 >> (node % 8));
    let first = node(node_size, (0, 0), (1, 0), &[header, vec![0; 128], map]);
    [vec![first], nodes, vec![vec![0; node_size]; 2]].concat().concat()
}

fn node(
    node_size: usize,
    (next, previous): (u32, u32),
    (kind, height): (u8, u8),
    records: &[Vec<u8>],
) -> Vec<u8> {
    let mut node = [&next.to_be_bytes()[..], &previous.to_be_bytes(), &[kind, height]].concat();
    node.extend((records.len() as u16).to_be_bytes());
    node.extend([0; 2]);
    let mut offsets = Vec::new();
    for record in records {
        offsets.push(node.len() as u16);
        node.extend(record);
    }
    offsets.push(node.len() as u16);
    assert!(node.len() + offsets.len() * 2 <= node_size);
    node.resize(node_size - offsets.len() * 2, 0);
    node.extend(offsets.iter().rev().flat_map(|offset| offset.to_be_bytes()));
    node
}
