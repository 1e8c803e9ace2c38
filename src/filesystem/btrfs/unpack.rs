//! Unpacking compressed extents: zlib, LZO and zstd, each within bounds.

use std::io::Read;

use super::lzo;
use crate::read::{Fields, size};

/// Most bytes of an extent, packed or unpacked. The kernel makes at most 128 KiB.
pub(super) const MAX_EXTENT: u64 = 1 << 20;

/// Unpacks an extent to at most `most` bytes; `None` when it contradicts its format. `sector` is the size of sectors,
/// which LZO has to do with.
///
/// Source: Btrfs on-disk format, "Compression".
pub(super) fn unpack(compression: u8, packed: &[u8], most: usize, sector: u64) -> Option<Vec<u8>> {
    match compression {
        1 => {
            let mut plain = Vec::new();
            let limit = size(most).saturating_add(1);
            flate2::read::ZlibDecoder::new(packed).take(limit).read_to_end(&mut plain).ok()?;
            (plain.len() <= most).then_some(plain)
        }
        2 => segments(packed, most, usize::try_from(sector).ok()?),
        3 => {
            let decoder =
                ruzstd::decoding::StreamingDecoder::new_with_max_window_size(packed, MAX_EXTENT).ok()?;
            let mut plain = Vec::new();
            decoder.take(size(most).saturating_add(1)).read_to_end(&mut plain).ok()?;
            (plain.len() <= most).then_some(plain)
        }
        _ => None,
    }
}

/// LZO is in segments, each of one sector unpacked: the length of all in front, then each behind its own length,
/// which never crosses the border of a sector.
fn segments(packed: &[u8], most: usize, sector: usize) -> Option<Vec<u8>> {
    let total = usize::try_from(Fields(packed).u32(0)?).ok()?;
    let packed = Fields(packed.get(..total)?);
    let mut plain = Vec::new();
    let mut at = 4_usize;
    while at < total && plain.len() < most {
        let left = sector.checked_sub(at.checked_rem(sector)?)?;
        if left < 4 {
            at = at.checked_add(left)?;
        }
        if at >= total {
            break;
        }
        let length = usize::try_from(packed.u32(at)?).ok()?;
        at = at.checked_add(4)?;
        let segment = packed.bytes(at, length)?;
        let room = most.checked_sub(plain.len())?.min(sector);
        plain.extend(lzo::unpack(segment, room)?);
        at = at.checked_add(length)?;
    }
    Some(plain)
}
