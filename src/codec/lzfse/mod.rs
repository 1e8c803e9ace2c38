//! LZFSE: blocks of matches coded by finite state entropy, of LZVN, or of plain bytes. Source of facts: the structures
//! and comments of Apple's reference implementation (`lzfse_internal.h`, `lzfse_fse.h`).

mod bits;
mod block;
mod states;

use super::{Flaw, lzvn, repeat};
use crate::read::Fields;

use block::Block;

/// Decodes a stream of blocks until `length` bytes were appended to an empty `output`.
pub(crate) fn decode(source: &[u8], length: usize, output: &mut Vec<u8>) -> Result<(), Flaw> {
    let end = output.len().saturating_add(length);
    let mut at = 0_usize;
    while output.len() < end {
        let rest = source.get(at..).unwrap_or_default();
        let left = end.saturating_sub(output.len());
        let used = decode_block(rest, left, output).map_err(|flaw| flaw.shifted(at))?;
        at = at.saturating_add(used);
    }
    Ok(())
}

/// Decodes a stream up to its end mark; it may give at most `most` bytes.
pub(crate) fn decode_up_to(source: &[u8], most: usize, output: &mut Vec<u8>) -> Result<(), Flaw> {
    let end = output.len().saturating_add(most);
    let mut at = 0_usize;
    loop {
        let rest = source.get(at..).unwrap_or_default();
        if rest.starts_with(b"bvx$") {
            return Ok(());
        }
        let left = end.saturating_sub(output.len());
        let used = decode_block(rest, left, output).map_err(|flaw| flaw.shifted(at))?;
        at = at.saturating_add(used);
    }
}

/// Decodes one block that may give at most `most` bytes, and returns how long it is. A block is never empty, so this ends.
fn decode_block(source: &[u8], most: usize, output: &mut Vec<u8>) -> Result<usize, Flaw> {
    let fields = Fields(source);
    let kind = fields.array::<4>(0).ok_or_else(|| Flaw::new(0, "a block", "the end of the data"))?;
    let number = |offset: usize| fields.u32(offset).and_then(|number| usize::try_from(number).ok());
    let short = || Flaw::new(0, "a whole block", "the end of the data");
    let raw = number(4).ok_or_else(short)?;
    if &kind == b"bvx$" || raw > most {
        let found = if raw > most { "more" } else { "less" };
        return Err(Flaw::new(4, "as much content as stated", found));
    }
    match &kind {
        b"bvx-" => {
            output.extend_from_slice(fields.bytes(8, raw).ok_or_else(short)?);
            Ok(raw.saturating_add(8))
        }
        b"bvxn" => {
            let length = number(8).ok_or_else(short)?;
            lzvn::decode(fields.bytes(12, length).ok_or_else(short)?, raw, output)
                .map_err(|flaw| flaw.shifted(12))?;
            Ok(length.saturating_add(12))
        }
        b"bvx1" | b"bvx2" => {
            let block = Block::parse(source, kind == *b"bvx1")?;
            let before = output.len();
            block.decode(source, before.saturating_add(raw), output)?;
            match output.len().checked_sub(before) {
                Some(found) if found == raw => Ok(block.length()),
                found => Err(Flaw::new(4, "as much content as the block states", format!("{found:?}"))),
            }
        }
        _ => Err(Flaw::new(0, "a block of a known kind", format!("{kind:02x?}"))),
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filesystem::trial::{Random, bytes};

    fn encode(content: &[u8]) -> Vec<u8> {
        let mut encoded = Vec::new();
        lzfse_rust::encode_bytes(content, &mut encoded).unwrap();
        encoded
    }

    /// Content of several kinds: random, text, long repeats, one byte.
    fn samples() -> Vec<Vec<u8>> {
        let text: Vec<u8> =
            (0..30_000_u32).flat_map(|n| format!("line {} of {n}\n", n * 7).into_bytes()).collect();
        let mut random = Random(3);
        let skewed =
            (0..100_000).map(|_| (random.below(256) & random.below(256) & random.below(256)) as u8).collect();
        let mixed = [bytes(1, 5000), text.clone(), bytes(1, 5000), vec![7; 70_000]].concat();
        let mut samples = vec![text, skewed, mixed, vec![0; 200_000], bytes(9, 65_536)];
        samples.extend((0..400).step_by(7).map(|length| bytes(5, length)));
        samples.extend((0..400).step_by(7).map(|length| b"abcdefgh".repeat(length)));
        samples
    }

    #[test]
    fn what_another_implementation_encodes_is_decoded() {
        let mut kinds = std::collections::BTreeSet::new();
        for content in samples() {
            let encoded = encode(&content);
            kinds.insert(encoded[..4].to_vec());
            let mut output = Vec::new();
            decode(&encoded, content.len(), &mut output).unwrap();
            assert!(output == content, "{} bytes", content.len());
        }
        assert!(kinds.contains(&b"bvx2"[..]) && kinds.contains(&b"bvxn"[..]), "{kinds:?}");
    }

    #[test]
    fn flipped_bits_are_decoded_as_another_implementation_does_or_refused() {
        let mut random = Random(11);
        let (mut same, mut refused) = (0, 0);
        for content in [&samples()[0][..20_000], &samples()[1][..20_000], &b"abcdefgh".repeat(40)] {
            let encoded = encode(content);
            for _ in 0..300 {
                let mut flipped = encoded.clone();
                flipped[random.below(encoded.len() as u64) as usize] ^= 1 << random.below(8);
                let mut output = Vec::new();
                match decode(&flipped, content.len(), &mut output) {
                    Ok(()) => {
                        let mut other = Vec::new();
                        if lzfse_rust::decode_bytes(&flipped, &mut other).is_ok() {
                            assert!(other.len() >= output.len() && other[..output.len()] == output);
                            same += 1;
                        }
                    }
                    Err(_) => refused += 1,
                }
            }
        }
        eprintln!("{same} decoded alike, {refused} refused");
        assert!(same > 100 && refused > 100);
    }

    proptest! {
        #[test]
        fn any_bytes_give_what_was_asked_for_or_a_flaw(mut source: Vec<u8>, kind in 0..5_usize, length in 0..5000_usize) {
            if let Some(front) = source.get_mut(..4) {
                front.copy_from_slice([b"bvx1", b"bvx2", b"bvxn", b"bvx-", b"bvx$"][kind]);
            }
            let mut output = Vec::new();
            let decoded = decode(&source, length, &mut output);
            prop_assert!(output.len() <= length);
            prop_assert!(decoded.is_err() || output.len() == length);
        }
    }
}
