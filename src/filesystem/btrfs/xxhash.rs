//! xxHash with 64 bits and seed 0, one of the checksums that Btrfs may use.

const PRIME_1: u64 = 0x9e37_79b1_85eb_ca87;
const PRIME_2: u64 = 0xc2b2_ae3d_27d4_eb4f;
const PRIME_3: u64 = 0x1656_67b1_9e37_79f9;
const PRIME_4: u64 = 0x85eb_ca77_c2b2_ae63;
const PRIME_5: u64 = 0x27d4_eb2f_1656_67c5;

/// The digest of some bytes. Source: "xxHash fast digest algorithm", section "XXH64 Algorithm Description".
pub(super) fn xxhash64(bytes: &[u8]) -> u64 {
    let (stripes, rest) = bytes.as_chunks::<32>();
    let mut state = if stripes.is_empty() {
        PRIME_5
    } else {
        let mut lanes = [PRIME_1.wrapping_add(PRIME_2), PRIME_2, 0, 0_u64.wrapping_sub(PRIME_1)];
        for stripe in stripes {
            for (lane, word) in lanes.iter_mut().zip(stripe.as_chunks::<8>().0) {
                *lane = round(*lane, u64::from_le_bytes(*word));
            }
        }
        let [one, two, three, four] = lanes;
        let sum = one.rotate_left(1).wrapping_add(two.rotate_left(7));
        let sum = sum.wrapping_add(three.rotate_left(12)).wrapping_add(four.rotate_left(18));
        lanes
            .iter()
            .fold(sum, |state, lane| (state ^ round(0, *lane)).wrapping_mul(PRIME_1).wrapping_add(PRIME_4))
    };
    state = state.wrapping_add(crate::read::size(bytes.len()));
    let (words, rest) = rest.as_chunks::<8>();
    for word in words {
        state ^= round(0, u64::from_le_bytes(*word));
        state = state.rotate_left(27).wrapping_mul(PRIME_1).wrapping_add(PRIME_4);
    }
    let (halves, rest) = rest.as_chunks::<4>();
    for half in halves {
        state ^= u64::from(u32::from_le_bytes(*half)).wrapping_mul(PRIME_1);
        state = state.rotate_left(23).wrapping_mul(PRIME_2).wrapping_add(PRIME_3);
    }
    for byte in rest {
        state ^= u64::from(*byte).wrapping_mul(PRIME_5);
        state = state.rotate_left(11).wrapping_mul(PRIME_1);
    }
    state = (state ^ (state >> 33)).wrapping_mul(PRIME_2);
    state = (state ^ (state >> 29)).wrapping_mul(PRIME_3);
    state ^ (state >> 32)
}

const fn round(lane: u64, word: u64) -> u64 {
    lane.wrapping_add(word.wrapping_mul(PRIME_2)).rotate_left(31).wrapping_mul(PRIME_1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_values_come_out() {
        assert_eq!(xxhash64(b""), 0xef46_db37_51d8_e999);
        assert_eq!(xxhash64(b"a"), 0xd24e_c4f1_a98c_6e5b);
        assert_eq!(xxhash64(b"abc"), 0x44bc_2cf5_ad77_0999);
    }
}
