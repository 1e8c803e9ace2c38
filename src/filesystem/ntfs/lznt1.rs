//! LZNT1, the compression of NTFS files.

/// Bytes that one chunk decodes to.
const CHUNK: usize = 4096;

/// What contradicts the format, at which byte of the compressed data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken(pub usize, pub &'static str);

/// Decodes a compression unit into exactly `length` bytes; what it does not give is zeros.
///
/// The caller has bounded `length`. Source: Microsoft, [MS-XCA] 2.5, "LZNT1 algorithm".
pub(super) fn decode(packed: &[u8], length: usize) -> Result<Vec<u8>, Broken> {
    let mut unpacked = Vec::with_capacity(length);
    let mut at = 0_usize;
    while unpacked.len() < length {
        let Some(header) =
            packed.get(at..).and_then(|rest| rest.first_chunk()).map(|two| u16::from_le_bytes(*two))
        else {
            break;
        };
        if header == 0 {
            break;
        }
        let body = at.saturating_add(2);
        let end = body.saturating_add(usize::from(header & 0xfff)).saturating_add(1);
        let chunk = packed.get(body..end).ok_or(Broken(at, "a chunk ends behind its unit"))?;
        let start = unpacked.len();
        if header & 0x8000 == 0 {
            unpacked.extend_from_slice(chunk);
        } else {
            decode_chunk(chunk, start, &mut unpacked).map_err(|what| Broken(at, what))?;
        }
        // A chunk that gives less is followed by zeros up to the next one's place.
        unpacked.resize(start.saturating_add(CHUNK), 0);
        at = end;
    }
    unpacked.resize(length, 0);
    Ok(unpacked)
}

fn decode_chunk(chunk: &[u8], start: usize, unpacked: &mut Vec<u8>) -> Result<(), &'static str> {
    let most = start.saturating_add(CHUNK);
    let mut rest = chunk;
    while let Some((flags, after)) = rest.split_first() {
        rest = after;
        for bit in 0..8_u32 {
            if flags.checked_shr(bit).unwrap_or(0) & 1 == 0 {
                let Some((literal, after)) = rest.split_first() else { return Ok(()) };
                rest = after;
                unpacked.push(*literal);
            } else {
                let Some((token, after)) = rest.split_first_chunk() else { return Ok(()) };
                rest = after;
                copy(u16::from_le_bytes(*token), start, unpacked)?;
            }
            if unpacked.len() > most {
                return Err("a chunk of more than 4096 bytes");
            }
        }
    }
    Ok(())
}

/// Repeats bytes of the chunk. The further in the chunk, the more bits of the token say how far back.
fn copy(token: u16, start: usize, unpacked: &mut Vec<u8>) -> Result<(), &'static str> {
    let position = unpacked.len().saturating_sub(start);
    let last = position.checked_sub(1).ok_or("a copy before the first byte")?;
    // 4 bits for positions up to 16, one more for each doubling.
    let bits = usize::BITS.saturating_sub((last >> 4).leading_zeros()).saturating_add(4).min(12);
    let length_bits = 16_u32.saturating_sub(bits);
    let back = usize::from(token.checked_shr(length_bits).unwrap_or(0)).saturating_add(1);
    let mask = 1_u16.checked_shl(length_bits).unwrap_or(0).wrapping_sub(1);
    let length = usize::from(token & mask).saturating_add(3);
    if back > position {
        return Err("a copy from before its chunk");
    }
    super::wof::repeat(unpacked, back, length);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_decoded() {
        // [MS-XCA] 3.3: "F# F# G A A G F# E D D E F# F# E E ..." compressed with LZNT1.
        let packed = [
            0x38, 0xb0, 0x88, 0x46, 0x23, 0x20, 0x00, 0x20, 0x47, 0x20, 0x41, 0x00, 0x10, 0xa2, 0x47, 0x01,
            0xa0, 0x45, 0x20, 0x44, 0x00, 0x08, 0x45, 0x01, 0x50, 0x79, 0x00, 0xc0, 0x45, 0x20, 0x05, 0x24,
            0x13, 0x88, 0x05, 0xb4, 0x02, 0x4a, 0x44, 0xef, 0x03, 0x58, 0x02, 0x8c, 0x09, 0x16, 0x01, 0x48,
            0x45, 0x00, 0xbe, 0x00, 0x9e, 0x00, 0x04, 0x01, 0x18, 0x90, 0x00,
        ];
        let text = "F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# \
                    G F# E D E A F# F# G A A G F# E D D E F# E D D";
        let decoded = decode(&packed, text.len()).unwrap();
        assert_eq!(String::from_utf8_lossy(&decoded), text);
    }

    #[test]
    fn stored_chunks_short_chunks_and_damage_are_told_apart() {
        let mut stored = vec![0x02, 0x30, b'a', b'b', b'c'];
        stored.extend([0x00, 0xb0, 0x00, 0x00]);
        let decoded = decode(&stored, 5000).unwrap();
        assert_eq!((&decoded[..4], decoded.len()), (&b"abc\0"[..], 5000));
        assert_eq!(decode(&[], 3), Ok(vec![0; 3]));
        assert_eq!(decode(&[0xff, 0xbf, 1], 3), Err(Broken(0, "a chunk ends behind its unit")));
        assert_eq!(decode(&[0x02, 0xb0, 0x01, 0, 0], 3), Err(Broken(0, "a copy before the first byte")));
        assert_eq!(
            decode(&[0x03, 0xb0, 0x02, b'a', 0, 0x10], 9),
            Err(Broken(0, "a copy from before its chunk"))
        );
        assert_eq!(
            decode(&[0x03, 0xb0, 0x02, b'a', 0xff, 0x0f, 0, 0], 4096),
            Err(Broken(0, "a chunk of more than 4096 bytes"))
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(packed: Vec<u8>, length in 0_usize..70_000) {
            if let Ok(unpacked) = decode(&packed, length) {
                assert_eq!(unpacked.len(), length);
            }
        }
    }
}
