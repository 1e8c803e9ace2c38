//! LZMA2: chunks of LZMA with one dictionary, which is here the whole output.
//!
//! Source: the LZMA specification of the LZMA SDK, and the xz file format 1.1, "LZMA2".

const START: u16 = 1 << 10;

/// Unpacks the LZMA2 chunks at the front of `stored` to at most `most` bytes; returns also how many bytes they take.
pub(super) fn unpack2(stored: &[u8], most: usize) -> Result<(Vec<u8>, usize), String> {
    let cut = || "the compressed bytes are cut off".to_owned();
    let mut output = Vec::new();
    let mut coder: Option<Coder> = None;
    let mut dictionary = None;
    let mut rest = stored;
    loop {
        let (&control, after) = rest.split_first().ok_or_else(cut)?;
        rest = after;
        if control == 0 {
            return Ok((output, stored.len().saturating_sub(rest.len())));
        }
        if control == 1 || control >= 0xe0 {
            dictionary = Some(output.len());
        }
        let begin = dictionary.ok_or("the compressed bytes do not begin with a new dictionary")?;
        let (low, after) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
        let low = usize::from(u16::from_be_bytes(*low));
        rest = after;
        if control < 0x80 {
            let (plain, after) = rest.split_at_checked(low.saturating_add(1)).ok_or_else(cut)?;
            if control > 2 {
                return Err(format!("the compressed bytes have a chunk of the unknown kind {control}"));
            }
            if output.len().saturating_add(plain.len()) > most {
                return Err(super::too_long(most));
            }
            output.extend_from_slice(plain);
            rest = after;
            continue;
        }
        let length = (usize::from(control & 0x1f) << 16).saturating_add(low).saturating_add(1);
        let (packed, after) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
        let packed = usize::from(u16::from_be_bytes(*packed)).saturating_add(1);
        rest = after;
        if control >= 0xc0 {
            let (&properties, after) = rest.split_first().ok_or_else(cut)?;
            coder = Some(Coder::new(properties)?);
            rest = after;
        } else if control >= 0xa0 {
            coder = coder.map(|coder| coder.anew());
        }
        let (chunk, after) = rest.split_at_checked(packed).ok_or_else(cut)?;
        rest = after;
        let end = output.len().saturating_add(length);
        if end > most {
            return Err(super::too_long(most));
        }
        let coder = coder.as_mut().ok_or("the compressed bytes do not say how they are coded")?;
        coder.decode(chunk, &mut output, begin, end).ok_or("the compressed bytes are damaged")?;
    }
}

/// The range decoder. Past the end of its input it reads nothing more.
struct Ranges<'a> {
    input: &'a [u8],
    range: u32,
    code: u32,
}

impl<'a> Ranges<'a> {
    fn new(input: &'a [u8]) -> Option<Self> {
        let (head, input) = input.split_first_chunk::<5>()?;
        let [0, code @ ..] = *head else {
            return None;
        };
        Some(Self { input, range: u32::MAX, code: u32::from_be_bytes(code) })
    }

    fn normalise(&mut self) -> Option<()> {
        if self.range < 1 << 24 {
            let (&next, rest) = self.input.split_first()?;
            self.input = rest;
            self.range <<= 8;
            self.code = (self.code << 8) | u32::from(next);
        }
        Some(())
    }

    fn bit(&mut self, probability: &mut u16) -> Option<usize> {
        self.normalise()?;
        let bound = (self.range >> 11).wrapping_mul(u32::from(*probability));
        if self.code < bound {
            self.range = bound;
            *probability = probability.wrapping_add(2048_u16.wrapping_sub(*probability) >> 5);
            Some(0)
        } else {
            self.range = self.range.wrapping_sub(bound);
            self.code = self.code.wrapping_sub(bound);
            *probability = probability.wrapping_sub(*probability >> 5);
            Some(1)
        }
    }

    fn direct(&mut self, bits: u32) -> Option<usize> {
        let mut value = 0_usize;
        for _ in 0..bits {
            self.normalise()?;
            self.range >>= 1;
            let bit = self.code >= self.range;
            if bit {
                self.code = self.code.wrapping_sub(self.range);
            }
            value = (value << 1) | usize::from(bit);
        }
        Some(value)
    }

    /// A number of `bits` bits, the highest first, by a tree of probabilities.
    fn tree(&mut self, tree: &mut [u16], bits: u32) -> Option<usize> {
        let mut node = 1_usize;
        for _ in 0..bits {
            node = (node << 1) | self.bit(tree.get_mut(node)?)?;
        }
        node.checked_sub(1 << bits)
    }

    /// The same with the lowest bit first.
    fn reverse_tree(&mut self, tree: &mut [u16], bits: u32) -> Option<usize> {
        let (mut node, mut value) = (1_usize, 0_usize);
        for place in 0..bits {
            let bit = self.bit(tree.get_mut(node)?)?;
            node = (node << 1) | bit;
            value |= bit << place;
        }
        Some(value)
    }
}

/// Probabilities of the length of a match.
#[derive(Clone)]
struct Lengths {
    choice: [u16; 2],
    low: [[u16; 8]; 16],
    middle: [[u16; 8]; 16],
    high: [u16; 256],
}

impl Lengths {
    const NEW: Self =
        Self { choice: [START; 2], low: [[START; 8]; 16], middle: [[START; 8]; 16], high: [START; 256] };

    fn decode(&mut self, ranges: &mut Ranges<'_>, position: usize) -> Option<usize> {
        let [long, longer] = &mut self.choice;
        if ranges.bit(long)? == 0 {
            return ranges.tree(self.low.get_mut(position)?, 3);
        }
        if ranges.bit(longer)? == 0 {
            return Some(ranges.tree(self.middle.get_mut(position)?, 3)?.saturating_add(8));
        }
        Some(ranges.tree(&mut self.high, 8)?.saturating_add(16))
    }
}

/// The state of LZMA between chunks.
struct Coder {
    properties: u8,
    lc: u32,
    lp: u32,
    position_mask: usize,
    state: usize,
    distances: [usize; 4],
    literals: Vec<u16>,
    is_match: [[u16; 16]; 12],
    is_repeat: [u16; 12],
    is_repeat_0: [u16; 12],
    is_repeat_1: [u16; 12],
    is_repeat_2: [u16; 12],
    is_repeat_0_long: [[u16; 16]; 12],
    slots: [[u16; 64]; 4],
    /// For each slot from 4 to 13, a tree of at most five bits.
    special: [[u16; 32]; 10],
    align: [u16; 16],
    lengths: Lengths,
    repeat_lengths: Lengths,
}

impl Coder {
    fn new(properties: u8) -> Result<Self, String> {
        let (lc, rest) = (u32::from(properties % 9), u32::from(properties / 9));
        let (lp, pb) = (rest % 5, rest / 5);
        if pb > 4 || lc.saturating_add(lp) > 4 {
            return Err(format!("the compressed bytes have the impossible properties {properties}"));
        }
        Ok(Self {
            properties,
            lc,
            lp,
            position_mask: (1_usize << pb).saturating_sub(1),
            state: 0,
            distances: [0; 4],
            literals: vec![START; 0x300 << lc.saturating_add(lp)],
            is_match: [[START; 16]; 12],
            is_repeat: [START; 12],
            is_repeat_0: [START; 12],
            is_repeat_1: [START; 12],
            is_repeat_2: [START; 12],
            is_repeat_0_long: [[START; 16]; 12],
            slots: [[START; 64]; 4],
            special: [[START; 32]; 10],
            align: [START; 16],
            lengths: Lengths::NEW,
            repeat_lengths: Lengths::NEW,
        })
    }

    /// The same properties with everything forgotten.
    fn anew(self) -> Self {
        Self::new(self.properties).unwrap_or(self)
    }

    /// Decodes one chunk until `output` has `end` bytes; the dictionary begins at its byte `begin`. None when it is damaged.
    fn decode(&mut self, chunk: &[u8], output: &mut Vec<u8>, begin: usize, end: usize) -> Option<()> {
        let mut ranges = Ranges::new(chunk)?;
        while output.len() < end {
            let position = output.len().checked_sub(begin)? & self.position_mask;
            if ranges.bit(self.is_match.get_mut(self.state)?.get_mut(position)?)? == 0 {
                self.literal(&mut ranges, output, begin)?;
                continue;
            }
            let length = match ranges.bit(self.is_repeat.get_mut(self.state)?)? {
                0 => self.new_match(&mut ranges, position)?,
                _ => self.repeated(&mut ranges, position)?,
            };
            let [distance, ..] = self.distances;
            let from = output.len().checked_sub(distance.checked_add(1)?).filter(|from| *from >= begin)?;
            if length > end.checked_sub(output.len())? {
                return None;
            }
            for at in from..from.checked_add(length)? {
                output.push(*output.get(at)?);
            }
        }
        ranges.normalise()?;
        // A chunk is used up exactly, and its coder ends at zero.
        (ranges.code == 0 && ranges.input.is_empty()).then_some(())
    }

    fn literal(&mut self, ranges: &mut Ranges<'_>, output: &mut Vec<u8>, begin: usize) -> Option<()> {
        let position = output.len().checked_sub(begin)?;
        let last = if position == 0 { 0 } else { usize::from(*output.last()?) };
        let low = position & (1_usize << self.lp).checked_sub(1)?;
        let context = (low << self.lc).checked_add(last >> 8_u32.checked_sub(self.lc)?)?;
        let start = context.checked_mul(0x300)?;
        let tree = self.literals.get_mut(start..start.checked_add(0x300)?)?;
        let mut node = 1_usize;
        if self.state >= 7 {
            let [distance, ..] = self.distances;
            let from = output.len().checked_sub(distance.checked_add(1)?).filter(|from| *from >= begin)?;
            let mut matched = usize::from(*output.get(from)?);
            while node < 0x100 {
                let expected = (matched >> 7) & 1;
                matched <<= 1;
                let probability = tree.get_mut(((expected.checked_add(1)?) << 8).checked_add(node)?)?;
                let bit = ranges.bit(probability)?;
                node = (node << 1) | bit;
                if bit != expected {
                    break;
                }
            }
        }
        while node < 0x100 {
            node = (node << 1) | ranges.bit(tree.get_mut(node)?)?;
        }
        output.push(u8::try_from(node & 0xff).ok()?);
        self.state = match self.state {
            ..4 => 0,
            4..10 => self.state.checked_sub(3)?,
            _ => self.state.checked_sub(6)?,
        };
        Some(())
    }

    /// A match at a distance that is given; returns its length.
    fn new_match(&mut self, ranges: &mut Ranges<'_>, position: usize) -> Option<usize> {
        let length = self.lengths.decode(ranges, position)?;
        self.state = if self.state < 7 { 7 } else { 10 };
        let slot = ranges.tree(self.slots.get_mut(length.min(3))?, 6)?;
        let [first, second, third, _] = self.distances;
        self.distances = [self.distance(ranges, slot)?, first, second, third];
        length.checked_add(2)
    }

    fn distance(&mut self, ranges: &mut Ranges<'_>, slot: usize) -> Option<usize> {
        if slot < 4 {
            return Some(slot);
        }
        let bits = u32::try_from(slot >> 1).ok()?.checked_sub(1)?;
        let base = (2 | (slot & 1)) << bits;
        let low = match slot.checked_sub(4).and_then(|at| self.special.get_mut(at)) {
            Some(tree) => ranges.reverse_tree(tree, bits)?,
            None => {
                let high = ranges.direct(bits.checked_sub(4)?)?;
                (high << 4) | ranges.reverse_tree(&mut self.align, 4)?
            }
        };
        base.checked_add(low)
    }

    /// A match at one of the last four distances; returns its length.
    fn repeated(&mut self, ranges: &mut Ranges<'_>, position: usize) -> Option<usize> {
        let [first, second, third, fourth] = self.distances;
        if ranges.bit(self.is_repeat_0.get_mut(self.state)?)? == 0 {
            let long = self.is_repeat_0_long.get_mut(self.state)?.get_mut(position)?;
            if ranges.bit(long)? == 0 {
                self.state = if self.state < 7 { 9 } else { 11 };
                return Some(1);
            }
        } else if ranges.bit(self.is_repeat_1.get_mut(self.state)?)? == 0 {
            self.distances = [second, first, third, fourth];
        } else if ranges.bit(self.is_repeat_2.get_mut(self.state)?)? == 0 {
            self.distances = [third, first, second, fourth];
        } else {
            self.distances = [fourth, first, second, third];
        }
        let length = self.repeat_lengths.decode(ranges, position)?;
        self.state = if self.state < 7 { 8 } else { 11 };
        length.checked_add(2)
    }
}
