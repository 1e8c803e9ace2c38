//! The xz frame around LZMA2: block headers, checks, index and footer.
//!
//! Source: The .xz File Format 1.1.

use sha2::{Digest, Sha256};

use super::lzma;
use crate::read::Fields;

const MAGIC: &[u8] = b"\xfd7zXZ\0";
const LZMA2: u64 = 0x21;

/// Unpacks one xz stream of LZMA2 to at most `most` bytes; every checksum in it was right.
pub(super) fn unpack(stored: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let fields = Fields(stored);
    let flags = fields.bytes(6, 2).filter(|_| fields.has(0, MAGIC)).ok_or("it is no xz stream")?;
    if fields.u32(8) != Some(crc32fast::hash(flags)) {
        return Err("the checksum of the xz header is wrong".into());
    }
    let check = fields.u8(7).unwrap_or(0);
    let check_length = match check {
        0 => 0,
        1 => 4,
        4 => 8,
        10 => 32,
        other => return Err(format!("the xz stream has a check of the unknown kind {other}")),
    };
    let mut output = Vec::new();
    let mut at = 12_usize;
    loop {
        let units = usize::from(fields.u8(at).ok_or("the xz stream is cut off")?);
        if units == 0 {
            break;
        }
        let header = fields.bytes(at, units.saturating_mul(4)).ok_or("the xz stream is cut off")?;
        if fields.u32(at.saturating_add(header.len())) != Some(crc32fast::hash(header)) {
            return Err("the checksum of an xz block header is wrong".into());
        }
        only_lzma2(header)?;
        at = at.saturating_add(header.len()).saturating_add(4);
        let room = most.saturating_sub(output.len());
        let (block, length) = lzma::unpack2(stored.get(at..).unwrap_or_default(), room)?;
        at = at.saturating_add(length).next_multiple_of(4);
        let sound = match check {
            1 => fields.u32(at) == Some(crc32fast::hash(&block)),
            4 => fields.u64(at) == Some(crc64(&block)),
            10 => fields.bytes(at, 32) == Some(Sha256::digest(&block).as_slice()),
            _ => true,
        };
        if !sound {
            return Err("the checksum of the unpacked bytes is wrong".into());
        }
        at = at.saturating_add(check_length);
        output.extend_from_slice(&block);
        // Each block takes input, so this ends.
    }
    Ok(output)
}

/// Refuses a block with other filters than LZMA2 alone.
fn only_lzma2(header: &[u8]) -> Result<(), String> {
    let flags = Fields(header).u8(1).unwrap_or(0);
    let mut rest = header.get(2..).unwrap_or_default();
    let sizes = [flags & 0x40 != 0, flags & 0x80 != 0];
    for _ in sizes.into_iter().filter(|there| *there) {
        number(&mut rest).ok_or("an xz block header is cut off")?;
    }
    match (flags & 3, number(&mut rest)) {
        (0, Some(LZMA2)) => Ok(()),
        (more, found) => Err(format!(
            "the xz stream has {} filters, the first of them {found:?}; only LZMA2 is read",
            more.saturating_add(1)
        )),
    }
}

/// A number of seven bits a byte, the lowest first.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for place in 0..9_u32 {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << place.saturating_mul(7);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// CRC-64 of ECMA-182, reflected.
fn crc64(bytes: &[u8]) -> u64 {
    const TABLE: [u64; 256] = {
        let mut table = [0; 256];
        let mut at = 0;
        let mut value = 0_u64;
        while at < 256 {
            let mut crc = value;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ 0xc96c_5795_d787_0f42 } else { crc >> 1 };
                bit += 1;
            }
            #[expect(clippy::indexing_slicing, reason = "computed by the compiler")]
            {
                table[at] = crc;
            }
            at += 1;
            value += 1;
        }
        table
    };
    !bytes.iter().fold(u64::MAX, |crc, byte| {
        let low = usize::from(crc.to_le_bytes()[0] ^ byte);
        TABLE.get(low).copied().unwrap_or(0) ^ (crc >> 8)
    })
}
