//! LZX as Windows images and the overlay filter use it: chunks of 32 KiB, each for itself.
//!
//! Source: Microsoft, [MS-PATCH], "LZX DELTA", for blocks, trees and distances; "Windows Imaging File Format" for the
//! short block sizes and for the translation of calls.

use super::bits::Bits;
use super::huffman::Code;
use super::repeat;

/// Distances within 32 KiB have 30 slots, each with 8 lengths.
const MAIN: usize = 256 + 30 * 8;
const LENGTHS: usize = 249;
const DEFAULT_BLOCK: u32 = 1 << 15;
/// The file size that every chunk's calls are translated with.
const TRANSLATION: i32 = 12_000_000;

type Outcome<T> = Result<T, &'static str>;

/// Decodes a chunk into exactly `length` bytes; else says what is wrong.
pub(super) fn decode(packed: &[u8], length: usize) -> Outcome<Vec<u8>> {
    let mut decoder = Decoder {
        bits: Bits::new(packed),
        unpacked: Vec::with_capacity(length),
        length,
        recent: [1; 3],
        main: vec![0; MAIN],
        lengths: vec![0; LENGTHS],
    };
    while decoder.unpacked.len() < length {
        decoder.block()?;
    }
    translate(&mut decoder.unpacked);
    Ok(decoder.unpacked)
}

struct Decoder<'a> {
    bits: Bits<'a>,
    unpacked: Vec<u8>,
    length: usize,
    /// The distances used last.
    recent: [u32; 3],
    // Code lengths are stored as differences from those of the block before.
    main: Vec<u8>,
    lengths: Vec<u8>,
}

impl Decoder<'_> {
    fn block(&mut self) -> Outcome<()> {
        let kind = self.bits.take(3);
        let size = if self.bits.take(1) == 1 { DEFAULT_BLOCK } else { self.bits.take(16) };
        let size = usize::try_from(size).unwrap_or(0);
        let end = self.unpacked.len().saturating_add(size);
        if size == 0 || end > self.length {
            return Err("a block that does not fit its chunk");
        }
        match kind {
            1 => self.compressed(end, None),
            2 => {
                let aligned: Vec<u8> = (0..8).map(|_| self.small(3)).collect();
                let aligned = Code::new(&aligned).ok_or("a code that is no code")?;
                self.compressed(end, Some(&aligned))
            }
            3 => self.stored(size),
            _ => Err("a block of no kind"),
        }
    }

    fn small(&mut self, count: u32) -> u8 {
        u8::try_from(self.bits.take(count)).unwrap_or(0)
    }

    fn stored(&mut self, size: usize) -> Outcome<()> {
        self.bits.align();
        for recent in &mut self.recent {
            *recent = self.bits.bytes().map(u32::from_le_bytes).ok_or("a block behind the end")?;
        }
        let bytes = self.bits.slice(size).ok_or("a block behind the end")?;
        self.unpacked.extend_from_slice(bytes);
        if !size.is_multiple_of(2) {
            let _: Option<[u8; 1]> = self.bits.bytes();
        }
        Ok(())
    }

    fn compressed(&mut self, end: usize, aligned: Option<&Code>) -> Outcome<()> {
        let mut main = std::mem::take(&mut self.main);
        let mut lengths = std::mem::take(&mut self.lengths);
        let (literals, matches) = main.split_at_mut_checked(256).ok_or("a code that is no code")?;
        for part in [literals, matches, lengths.as_mut_slice()] {
            self.code_lengths(part)?;
        }
        let codes = Code::new(&main).zip(Code::new(&lengths)).ok_or("a code that is no code")?;
        (self.main, self.lengths) = (main, lengths);
        while self.unpacked.len() < end {
            let symbol = codes.0.take(&mut self.bits).ok_or("bits that are no symbol")?;
            let Some(symbol) = symbol.checked_sub(256) else {
                self.unpacked.push(u8::try_from(symbol).unwrap_or(0));
                continue;
            };
            let longer = match symbol & 7 {
                7 => codes.1.take(&mut self.bits).ok_or("bits that are no symbol")?,
                _ => 0,
            };
            let count = usize::from((symbol & 7).saturating_add(longer).saturating_add(2));
            let back = usize::try_from(self.distance(symbol >> 3, aligned)?).unwrap_or(usize::MAX);
            if back == 0 || back > self.unpacked.len() {
                return Err("a copy from before the chunk");
            }
            if count > end.saturating_sub(self.unpacked.len()) {
                return Err("more bytes than the block has");
            }
            repeat(&mut self.unpacked, back, count);
        }
        Ok(())
    }

    /// Reads the changes of a part of the code lengths.
    fn code_lengths(&mut self, part: &mut [u8]) -> Outcome<()> {
        let own: Vec<u8> = (0..20).map(|_| self.small(4)).collect();
        let code = Code::new(&own).ok_or("a code that is no code")?;
        let mut at = 0_usize;
        while at < part.len() {
            let symbol = code.take(&mut self.bits).ok_or("bits that are no symbol")?;
            let (count, symbol) = match symbol {
                17 => (self.bits.take(4).saturating_add(4), None),
                18 => (self.bits.take(5).saturating_add(20), None),
                19 => {
                    let count = self.bits.take(1).saturating_add(4);
                    (count, Some(code.take(&mut self.bits).ok_or("bits that are no symbol")?))
                }
                one => (1, Some(one)),
            };
            let first = part.get(at).copied().unwrap_or(0);
            let value = match symbol {
                None => 0,
                Some(step @ 0..=16) => {
                    u16::from(first).saturating_add(17).saturating_sub(step).checked_rem(17).unwrap_or(0)
                }
                Some(_) => return Err("a code length of no kind"),
            };
            let end = at.saturating_add(usize::try_from(count).unwrap_or(0)).min(part.len());
            part.get_mut(at..end).unwrap_or_default().fill(u8::try_from(value).unwrap_or(0));
            at = end;
        }
        Ok(())
    }

    fn distance(&mut self, slot: u16, aligned: Option<&Code>) -> Outcome<u32> {
        let [newest, middle, oldest] = self.recent;
        let (distance, recent) = match slot {
            0 => (newest, self.recent),
            1 => (middle, [middle, newest, oldest]),
            2 => (oldest, [oldest, middle, newest]),
            _ => {
                let distance = self.new_distance(slot, aligned)?;
                (distance, [distance, newest, middle])
            }
        };
        self.recent = recent;
        Ok(distance)
    }

    /// Slots come in pairs, each pair with one more bit than the one before: 4, 6, 8, 12, 16, 24 ... from slot 4 on.
    fn new_distance(&mut self, slot: u16, aligned: Option<&Code>) -> Outcome<u32> {
        let extra = u32::from(slot / 2).saturating_sub(1);
        let base = match slot {
            0..4 => u32::from(slot),
            _ => u32::from(2 | slot & 1).checked_shl(extra).unwrap_or(0),
        };
        let footer = match aligned {
            Some(code) if extra >= 3 => {
                let high = self.bits.take(extra.saturating_sub(3));
                let low = code.take(&mut self.bits).ok_or("bits that are no symbol")?;
                high << 3 | u32::from(low)
            }
            _ => self.bits.take(extra),
        };
        Ok(base.saturating_add(footer).saturating_sub(2))
    }
}

/// Undoes the translation of the targets of x86 calls into absolute places.
fn translate(bytes: &mut [u8]) {
    let end = bytes.len().saturating_sub(10);
    let mut at = 0_usize;
    while let Some(step) = bytes.get(at..end).and_then(|rest| rest.iter().position(|byte| *byte == 0xe8)) {
        let call = at.saturating_add(step);
        at = call.saturating_add(5);
        let Some(target) =
            bytes.get_mut(call.saturating_add(1)..).and_then(|rest| rest.first_chunk_mut::<4>())
        else {
            return;
        };
        let absolute = i32::from_le_bytes(*target);
        let place = i32::try_from(call).unwrap_or(i32::MAX);
        let relative = match absolute {
            0..TRANSLATION => absolute.wrapping_sub(place),
            ..0 if absolute >= place.wrapping_neg() => absolute.wrapping_add(TRANSLATION),
            _ => continue,
        };
        *target = relative.to_le_bytes();
    }
}
