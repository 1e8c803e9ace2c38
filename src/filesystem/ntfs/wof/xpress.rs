//! XPRESS with Huffman codes. Source: Microsoft, [MS-XCA] 2.1 and 2.2, "LZ77+Huffman".

use super::bits::Bits;
use super::huffman::Code;
use super::repeat;

/// Symbols: 256 literals, 256 combinations of length and distance.
const SYMBOLS: usize = 512;

/// Decodes a chunk of at most 64 KiB into exactly `length` bytes; else says what is wrong.
pub(super) fn decode(packed: &[u8], length: usize) -> Result<Vec<u8>, &'static str> {
    let (lengths, rest) = packed.split_at_checked(SYMBOLS / 2).ok_or("no room for the code")?;
    let lengths: Vec<u8> = lengths.iter().flat_map(|pair| [pair & 0xf, pair >> 4]).collect();
    let code = Code::new(&lengths).ok_or("a code that is no code")?;
    let mut bits = Bits::new(rest);
    let mut unpacked = Vec::with_capacity(length);
    while unpacked.len() < length {
        let symbol = code.take(&mut bits).ok_or("bits that are no symbol")?;
        if let Ok(literal) = u8::try_from(symbol) {
            unpacked.push(literal);
            continue;
        }
        let count = match symbol & 0xf {
            0xf => long(&mut bits).ok_or("a length behind the end")?,
            short => usize::from(short),
        };
        let power = u32::from(symbol >> 4 & 0xf);
        let back = 1_u32.checked_shl(power).unwrap_or(0) | bits.take(power);
        let back = usize::try_from(back).unwrap_or(usize::MAX);
        let count = count.saturating_add(3);
        if back > unpacked.len() {
            return Err("a copy from before the chunk");
        }
        if count > length.saturating_sub(unpacked.len()) {
            return Err("more bytes than the chunk has");
        }
        repeat(&mut unpacked, back, count);
    }
    Ok(unpacked)
}

/// A length that its symbol has no room for; it stands behind the word that holds the last bits needed.
fn long(bits: &mut Bits<'_>) -> Option<usize> {
    bits.hold(16);
    let [byte] = bits.bytes()?;
    if byte < 0xff {
        return Some(usize::from(byte).saturating_add(0xf));
    }
    match u16::from_le_bytes(bits.bytes()?) {
        0 => usize::try_from(u32::from_le_bytes(bits.bytes()?)).ok(),
        word => Some(word.into()),
    }
}
