//! Canonical Huffman codes of up to 16 bits.

use super::bits::Bits;

/// Longest code of the format.
const MAX: usize = 16;
/// Codes up to here are looked up at once.
const FAST: u32 = 10;

/// A code.
pub(super) struct Code {
    /// For the next [`FAST`] bits: symbol and length of its code, when it is that short.
    fast: Vec<(u16, u8)>,
    counts: [u16; MAX + 1],
    /// Symbols in the order of their codes.
    symbols: Vec<u16>,
}

impl Code {
    /// From the length of each symbol's code; 0 for one that has none. `None` when more codes are given than fit.
    pub(super) fn new(lengths: &[u8]) -> Option<Self> {
        let mut counts = [0_u16; MAX + 1];
        for length in lengths {
            let count = counts.get_mut(usize::from(*length))?;
            *count = count.checked_add(1)?;
        }
        let [none, ..] = &mut counts;
        *none = 0;
        let mut left = 1_u32;
        for count in counts.iter().skip(1) {
            left = left.checked_mul(2)?.checked_sub(u32::from(*count))?;
        }
        let mut order: Vec<(u8, u16)> =
            lengths.iter().copied().zip(0..).filter(|(length, _)| *length > 0).collect();
        order.sort_unstable();
        let symbols = order.iter().map(|(_, symbol)| *symbol).collect();
        let mut fast = Vec::with_capacity(1 << FAST);
        for (length, symbol) in order.iter().take_while(|(length, _)| u32::from(*length) <= FAST) {
            let span = 1_usize.checked_shl(FAST.saturating_sub((*length).into())).unwrap_or(0);
            fast.resize(fast.len().saturating_add(span), (*symbol, *length));
        }
        fast.resize(1 << FAST, (0, 0));
        Some(Self { fast, counts, symbols })
    }

    /// Takes the next symbol; `None` when the bits are no code.
    pub(super) fn take(&self, bits: &mut Bits<'_>) -> Option<u16> {
        let next = bits.peek();
        if let Some((symbol, length)) =
            self.fast.get(usize::from(next >> (16 - FAST))).filter(|(_, n)| *n > 0)
        {
            bits.skip((*length).into());
            return Some(*symbol);
        }
        let (mut code, mut first, mut index) = (0_u32, 0_u32, 0_u32);
        for (length, count) in (1_u32..).zip(self.counts.iter().skip(1)) {
            code = code << 1 | u32::from(next.checked_shr(16_u32.saturating_sub(length)).unwrap_or(0) & 1);
            first <<= 1;
            let within = code.checked_sub(first)?;
            if within < u32::from(*count) {
                bits.skip(length);
                return self.symbols.get(usize::try_from(index.checked_add(within)?).ok()?).copied();
            }
            first = first.checked_add(u32::from(*count))?;
            index = index.checked_add(u32::from(*count))?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_codes_are_found_and_too_many_refused() {
        // 0, 10, 110, 1110 ... up to twelve bits.
        let lengths: Vec<u8> = (1..=12).chain([12]).collect();
        let code = Code::new(&lengths).unwrap();
        let mut bits = Bits::new(&[0xdf, 0xff, 0x00, 0xfe]);
        assert_eq!(code.take(&mut bits), Some(10));
        assert_eq!(code.take(&mut bits), Some(12));
        assert!(Code::new(&[1, 1, 1]).is_none());
        assert_eq!(Code::new(&[0, 0]).unwrap().take(&mut Bits::new(&[0, 0])), None);
    }
}
