//! LZVN: literals and matches behind one-byte opcodes. Source of facts: the opcode table of Apple's reference decoder.

use super::{Flaw, repeat};
use crate::read::Fields;

/// What an opcode asks for: `literals` bytes of the input behind it, then `matched` bytes from `distance` before the end.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Bytes of the opcode itself.
    opcode: usize,
    literals: usize,
    matched: usize,
    /// `None` repeats the distance before.
    distance: Option<usize>,
}

enum Opcode {
    Step(Step),
    Nothing,
    End,
    Undefined,
}

/// Decodes until `length` bytes were appended. Matches may reach back into what `output` held before.
pub(crate) fn decode(source: &[u8], length: usize, output: &mut Vec<u8>) -> Result<(), Flaw> {
    let end = output.len().saturating_add(length);
    let mut at = 0_usize;
    let mut distance = 0;
    while output.len() < end {
        let flaw = |expected: &'static str, found: String| Flaw::new(at, expected, found);
        let rest = source.get(at..).unwrap_or_default();
        let opcode = opcode(Fields(rest)).ok_or_else(|| flaw("an opcode", "the end of the data".into()))?;
        let step = match opcode {
            Opcode::Step(step) => step,
            Opcode::Nothing => {
                at = at.saturating_add(1);
                continue;
            }
            Opcode::End => {
                let missing = end.saturating_sub(output.len());
                return Err(flaw("more content", format!("its end, {missing} bytes early")));
            }
            Opcode::Undefined => return Err(flaw("an opcode", "an undefined one".into())),
        };
        if output.len().saturating_add(step.literals).saturating_add(step.matched) > end {
            return Err(flaw("no more content than stated", "more".into()));
        }
        let literals = Fields(rest).bytes(step.opcode, step.literals);
        let literals = literals.ok_or_else(|| flaw("literals", "the end of the data".into()))?;
        output.extend_from_slice(literals);
        distance = step.distance.unwrap_or(distance);
        if step.matched > 0 {
            repeat(output, distance, step.matched)
                .ok_or_else(|| flaw("a distance within the content", distance.to_string()))?;
        }
        at = at.saturating_add(step.opcode).saturating_add(step.literals);
    }
    Ok(())
}

/// The opcode at the front of the input; `None` when the input ends within it.
fn opcode(input: Fields<'_>) -> Option<Opcode> {
    let first = input.u8(0)?;
    let short = |bits: u8| usize::from(bits);
    let literals = short(first >> 6);
    let matched = short(first >> 3 & 7).saturating_add(3);
    Some(match first {
        0x06 => Opcode::End,
        0x0e | 0x16 => Opcode::Nothing,
        0x1e | 0x26 | 0x2e | 0x36 | 0x3e | 0x70..=0x7f | 0xd0..=0xdf => Opcode::Undefined,
        // Medium distance: 101LLMMM DDDDDDMM DDDDDDDD.
        0xa0..=0xbf => {
            let more = usize::from(input.u16(1)?);
            let matched = (short(first & 7) << 2 | more & 3).saturating_add(3);
            Opcode::step(3, short(first >> 3 & 3), matched, Some(more >> 2))
        }
        // Literals or matches alone, short (1..15) or long (16..271).
        0xe0 => Opcode::step(2, short(input.u8(1)?).saturating_add(16), 0, None),
        0xe1..=0xef => Opcode::step(1, short(first & 15), 0, None),
        0xf0 => Opcode::step(2, 0, short(input.u8(1)?).saturating_add(16), None),
        0xf1..=0xff => Opcode::step(1, 0, short(first & 15), None),
        // LLMMM and then: long distance, the distance before, or the top of a short distance.
        _ => match first & 7 {
            7 => Opcode::step(3, literals, matched, Some(usize::from(input.u16(1)?))),
            6 => Opcode::step(1, literals, matched, None),
            top => Opcode::step(2, literals, matched, Some(short(top) << 8 | short(input.u8(1)?))),
        },
    })
}

impl Opcode {
    const fn step(opcode: usize, literals: usize, matched: usize, distance: Option<usize>) -> Self {
        Self::Step(Step { opcode, literals, matched, distance })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_of_an_opcode_says_what_it_should() {
        // Small literals, small distance, previous distance, medium and long distance, long literals, long and small match.
        let mut source = vec![0xe3, b'a', b'b', b'c', 0x00, 3];
        source.extend([0x46, b'd']);
        source.extend([0xa0 | 1 << 3, 4 << 2 | 1, 0, b'e']);
        source.extend([0x07, 2, 0]);
        source.extend([0xe0, 0]);
        source.extend(b"0123456789abcdef");
        source.extend([0xf0, 0, 0xf2, 0x0e, 0x06, 0, 0, 0, 0, 0, 0, 0]);
        let mut expected = b"abcabcd".to_vec();
        let copy = |expected: &mut Vec<u8>, distance: usize, length: usize| {
            for _ in 0..length {
                expected.push(expected[expected.len() - distance]);
            }
        };
        copy(&mut expected, 3, 3);
        expected.push(b'e');
        copy(&mut expected, 4, 4);
        copy(&mut expected, 2, 3);
        expected.extend(b"0123456789abcdef");
        copy(&mut expected, 2, 18);
        let mut output = Vec::new();
        decode(&source, expected.len(), &mut output).unwrap();
        assert_eq!(output, expected);
        let early = decode(&source, expected.len() + 1, &mut Vec::new()).unwrap_err();
        assert!(early.to_string().contains("1 bytes early"), "{early}");
    }

    proptest! {
        #[test]
        fn any_bytes_give_what_was_asked_for_or_a_flaw(source: Vec<u8>, length in 0..5000_usize) {
            let mut output = Vec::new();
            let decoded = decode(&source, length, &mut output);
            prop_assert!(output.len() <= length);
            prop_assert!(decoded.is_err() || output.len() == length);
        }
    }
}
