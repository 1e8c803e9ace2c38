//! A block of matches: its header, its literals, and the matches themselves.

use super::bits::Bits;
use super::states::States;
use super::{Flaw, repeat};
use crate::read::Fields;

/// Symbols of the four alphabets: lengths of literals, lengths of matches, distances, literals.
const SYMBOLS: [usize; 4] = [20, 20, 64, 256];
const ALL_SYMBOLS: usize = 360;
/// Length of a header with uncompressed frequencies, which are its end, padded by two bytes.
const V1_LENGTH: usize = 772;
const V1_FREQUENCIES: usize = 50;
/// Length of a header with compressed frequencies, without these.
const V2_LENGTH: usize = 32;
/// Most literals and matches of a block (`LZFSE_LITERALS_PER_BLOCK`, `LZFSE_MATCHES_PER_BLOCK`).
const MAX_LITERALS: usize = 40_000;
const MAX_MATCHES: usize = 10_000;

/// A parsed header.
pub(super) struct Block {
    header: usize,
    literals: Payload<4>,
    matches: Payload<3>,
    frequencies: [u16; ALL_SYMBOLS],
}

/// A stream of coded symbols.
struct Payload<const N: usize> {
    /// How many symbols, or triples of symbols.
    count: usize,
    length: usize,
    /// Bits of padding at the end.
    unused: usize,
    /// The states at the end, where decoding begins.
    states: [u16; N],
}

impl Block {
    /// Parses the header at the front of a block; `plain` when its frequencies are not compressed.
    pub(super) fn parse(source: &[u8], plain: bool) -> Result<Self, Flaw> {
        let block = if plain { Self::v1(source) } else { Self::v2(source) };
        let block = block.ok_or_else(|| Flaw::new(0, "the header of a block", "less or other bytes"))?;
        if block.literals.count > MAX_LITERALS || block.matches.count > MAX_MATCHES {
            return Err(Flaw::new(8, "at most 40000 literals and 10000 matches", "more"));
        }
        Ok(block)
    }

    fn v1(source: &[u8]) -> Option<Self> {
        let fields = Fields(source);
        let number = |at: usize| usize::try_from(fields.u32(at)?).ok();
        let unused =
            |at: usize| usize::try_from(0_u32.wrapping_sub(fields.u32(at)?)).ok().filter(|bits| *bits < 8);
        let mut frequencies = [0; ALL_SYMBOLS];
        for (index, frequency) in frequencies.iter_mut().enumerate() {
            *frequency = fields.u16(index.checked_mul(2)?.checked_add(V1_FREQUENCIES)?)?;
        }
        let states = [fields.u16(32)?, fields.u16(34)?, fields.u16(36)?, fields.u16(38)?];
        let literals = Payload { count: number(12)?, length: number(20)?, unused: unused(28)?, states };
        let states = [fields.u16(44)?, fields.u16(46)?, fields.u16(48)?];
        let matches = Payload { count: number(16)?, length: number(24)?, unused: unused(40)?, states };
        Some(Self { header: V1_LENGTH, literals, matches, frequencies })
    }

    fn v2(source: &[u8]) -> Option<Self> {
        let fields = Fields(source);
        let part = |at: usize, shift: u32, bits: u32| {
            let mask = 1_u64.checked_shl(bits)?.checked_sub(1)?;
            usize::try_from(fields.u64(at)?.checked_shr(shift)? & mask).ok()
        };
        let state = |at: usize, shift: u32| u16::try_from(part(at, shift, 10)?).ok();
        let states = [state(16, 0)?, state(16, 10)?, state(16, 20)?, state(16, 30)?];
        let unused = |at: usize| 7_usize.checked_sub(part(at, 60, 3)?);
        let literals =
            Payload { count: part(8, 0, 20)?, length: part(8, 20, 20)?, unused: unused(8)?, states };
        let states = [state(24, 32)?, state(24, 42)?, state(24, 52)?];
        let matches =
            Payload { count: part(8, 40, 20)?, length: part(16, 40, 20)?, unused: unused(16)?, states };
        let header = part(24, 0, 32)?;
        let frequencies = frequencies(source.get(V2_LENGTH..header)?)?;
        Some(Self { header, literals, matches, frequencies })
    }

    /// Bytes of the whole block.
    pub(super) const fn length(&self) -> usize {
        self.header.saturating_add(self.literals.length).saturating_add(self.matches.length)
    }

    /// Decodes the block; `output` grows to at most `end` bytes.
    pub(super) fn decode(&self, source: &[u8], end: usize, output: &mut Vec<u8>) -> Result<(), Flaw> {
        let short = || Flaw::new(0, "a whole block", "the end of the data");
        let start = self.header.saturating_add(self.literals.length);
        let literals = Fields(source).bytes(self.header, self.literals.length).ok_or_else(short)?;
        let matches = Fields(source).bytes(start, self.matches.length).ok_or_else(short)?;
        let literals = self.literals(literals).map_err(|flaw| flaw.shifted(self.header))?;
        self.matches(matches, &literals, end, output).map_err(|flaw| flaw.shifted(start))
    }

    fn literals(&self, payload: &[u8]) -> Result<Vec<u8>, Flaw> {
        let table = States::new(1024, self.frequencies_of(3), |_| 0)?;
        let mut bits = Bits::new(payload, self.literals.unused)?;
        let mut states = self.literals.states;
        let mut literals = Vec::with_capacity(self.literals.count.min(MAX_LITERALS));
        for _ in 0..self.literals.count / 4 {
            for state in &mut states {
                literals.push(u8::try_from(table.value(state, &mut bits)?).unwrap_or(0));
            }
        }
        ended(&states)?;
        Ok(literals)
    }

    fn matches(&self, payload: &[u8], literals: &[u8], end: usize, output: &mut Vec<u8>) -> Result<(), Flaw> {
        let lengths = States::new(64, self.frequencies_of(0), |symbol| extra(symbol, &[2, 3, 5, 8]))?;
        let matched = States::new(64, self.frequencies_of(1), |symbol| extra(symbol, &[3, 5, 8, 11]))?;
        let distances =
            States::new(256, self.frequencies_of(2), |symbol| u8::try_from(symbol / 4).unwrap_or(0))?;
        let mut bits = Bits::new(payload, self.matches.unused)?;
        let [mut length_state, mut matched_state, mut distance_state] = self.matches.states;
        let mut distance = 0;
        let mut at = 0_usize;
        for _ in 0..self.matches.count {
            let length = lengths.value(&mut length_state, &mut bits)?;
            let matched = matched.value(&mut matched_state, &mut bits)?;
            // A distance of 0 stands for the one before.
            distance = Some(distances.value(&mut distance_state, &mut bits)?)
                .filter(|new| *new > 0)
                .unwrap_or(distance);
            let literals = Fields(literals).bytes(at, length);
            let literals =
                literals.ok_or_else(|| Flaw::new(0, "as many literals as matches need", "fewer"))?;
            if output.len().saturating_add(length).saturating_add(matched) > end {
                return Err(Flaw::new(0, "no more content than stated", "more"));
            }
            output.extend_from_slice(literals);
            at = at.saturating_add(length);
            if matched > 0 {
                repeat(output, distance, matched)
                    .ok_or_else(|| Flaw::new(0, "a distance within the content", distance))?;
            }
        }
        ended(&[length_state, matched_state, distance_state])
    }

    fn frequencies_of(&self, alphabet: usize) -> &[u16] {
        let start: usize = SYMBOLS.iter().take(alphabet).sum();
        let count = SYMBOLS.get(alphabet).copied().unwrap_or(0);
        self.frequencies.get(start..start.saturating_add(count)).unwrap_or_default()
    }
}

/// Encoders begin in state 0, so that is where decoding ends.
fn ended(states: &[u16]) -> Result<(), Flaw> {
    match states.iter().all(|state| *state == 0) {
        true => Ok(()),
        false => Err(Flaw::new(0, "state 0 at the end", format!("{states:?}"))),
    }
}

/// Bits beside the last four of twenty symbols; the others are values themselves.
fn extra(symbol: usize, last: &[u8; 4]) -> u8 {
    symbol.checked_sub(16).and_then(|at| last.get(at)).copied().unwrap_or(0)
}

/// Frequencies in codes of 2 to 14 bits, lowest bits first.
fn frequencies(packed: &[u8]) -> Option<[u16; ALL_SYMBOLS]> {
    let mut frequencies = [0; ALL_SYMBOLS];
    let mut bytes = packed.iter();
    let (mut word, mut held) = (0_u32, 0_u32);
    for frequency in &mut frequencies {
        while held <= 16
            && let Some(byte) = bytes.next()
        {
            word |= u32::from(*byte).wrapping_shl(held);
            held = held.saturating_add(8);
        }
        let (bits, value) = match word & 15 {
            code if code & 3 == 0 => (2, 0),
            code if code & 3 == 2 => (2, 1),
            code if code & 7 == 1 => (3, 2),
            code if code & 7 == 5 => (3, 3),
            code if code & 7 == 3 => (5, 4_u32.saturating_add(word >> 3 & 3)),
            7 => (8, 8_u32.saturating_add(word >> 4 & 15)),
            _ => (14, 24_u32.saturating_add(word >> 4 & 1023)),
        };
        held = held.checked_sub(bits)?;
        word = word.wrapping_shr(bits);
        *frequency = u16::try_from(value).ok()?;
    }
    Some(frequencies)
}
