//! Compressed files for the builder.

use std::io::Write;

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn lzfse(content: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    lzfse_rust::encode_bytes(content, &mut encoded).unwrap();
    encoded
}

/// LZVN of literals alone.
fn lzvn(content: &[u8]) -> Vec<u8> {
    let literals = content.chunks(15).flat_map(|part| [&[0xe0 | part.len() as u8], part].concat());
    literals.chain([6, 0, 0, 0, 0, 0, 0, 0]).collect()
}

fn piece(kind: u32, content: &[u8]) -> Vec<u8> {
    match kind {
        1 => content.to_vec(),
        3 | 4 => zlib(content),
        7 | 8 => lzvn(content),
        9 | 10 => [&[0xcc], content].concat(),
        _ => lzfse(content),
    }
}

/// The attribute and the resource fork of a file of that type.
pub(super) fn pack(kind: u32, content: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let header = [b"fpmc", &kind.to_le_bytes()[..], &(content.len() as u64).to_le_bytes()].concat();
    if kind % 2 == 1 {
        return ([header, piece(kind, content)].concat(), Vec::new());
    }
    let pieces: Vec<Vec<u8>> = content.chunks(1 << 16).map(|part| piece(kind, part)).collect();
    let resource = matches!(kind, 4 | 10);
    let mut at = if resource { 4 + pieces.len() * 8 } else { (pieces.len() + 1) * 4 } as u32;
    let mut table = Vec::new();
    for piece in &pieces {
        table.extend(at.to_le_bytes());
        if resource {
            table.extend((piece.len() as u32).to_le_bytes());
        }
        at += piece.len() as u32;
    }
    if !resource {
        table.extend(at.to_le_bytes());
        return (header, [table, pieces.concat()].concat());
    }
    let mut fork = [256, 260 + at, 4 + at, 50].map(u32::to_be_bytes).concat();
    fork.resize(256, 0);
    fork.extend(at.to_be_bytes());
    fork.extend((pieces.len() as u32).to_le_bytes());
    // An empty resource map, which readers of resource forks look for.
    (header, [fork, table, pieces.concat(), vec![0; 50]].concat())
}
