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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_panic_or_grow(packed: Vec<u8>, compression in 0_u8..5, most in 0_usize..9000) {
            let plain = unpack(compression, &packed, most, 4096);
            prop_assert!(plain.is_none_or(|plain| plain.len() <= most));
        }

        #[test]
        fn damaged_streams_neither_panic_nor_grow(place: prop::sample::Index, mask: u8, kind in 1_u8..4) {
            let text = b"some text, and some text again, and again".repeat(90);
            let mut packed = match kind {
                1 => {
                    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
                    encoder.write_all(&text).unwrap();
                    encoder.finish().unwrap()
                }
                2 => [&[22, 0, 0, 0, 14, 0, 0, 0, 18][..], b"x", &[32, 5, 1, 0], b"y", &[17, 0, 0, 0]].concat(),
                _ => ruzstd::encoding::compress_to_vec(
                    text.as_slice(),
                    ruzstd::encoding::CompressionLevel::Fastest,
                ),
            };
            let at = place.index(packed.len());
            packed[at] ^= mask;
            let plain = unpack(kind, &packed, 4096, 4096);
            prop_assert!(plain.as_ref().is_none_or(|plain| plain.len() <= 4096));
            if mask == 0 && kind != 2 {
                prop_assert_eq!(plain, Some(text));
            }
        }
    }
}
