//! Digests drawn from a list while it is imported, which every run looks up again as a control.

use crate::model::Digest;

/// How many are drawn beside the first and the last one.
const DRAWN: usize = 16;

/// The first and the last digest of a list and a sample of those between.
///
/// The sample is Algorithm R with a fixed seed: the same list gives the same probes.
#[derive(Debug)]
pub struct Probes {
    first: Option<Digest>,
    last: Option<Digest>,
    drawn: Vec<Digest>,
    seen: u64,
    state: u64,
}

impl Probes {
    pub const fn new() -> Self {
        Self { first: None, last: None, drawn: Vec::new(), seen: 0, state: 0 }
    }

    /// Offers the next digest of the list.
    pub fn offer(&mut self, digest: Digest) {
        self.first.get_or_insert(digest);
        self.last = Some(digest);
        self.seen = self.seen.saturating_add(1);
        if self.drawn.len() < DRAWN {
            self.drawn.push(digest);
            return;
        }
        let position = usize::try_from(self.below_seen()).unwrap_or(usize::MAX);
        if let Some(place) = self.drawn.get_mut(position) {
            *place = digest;
        }
    }

    /// The probes in the order of their values, each once.
    pub fn finish(self) -> Vec<Digest> {
        let mut probes: Vec<Digest> = self.first.into_iter().chain(self.last).chain(self.drawn).collect();
        probes.sort_unstable();
        probes.dedup();
        probes
    }

    /// A number below `seen`, by SplitMix64.
    fn below_seen(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        let scaled = (u128::from(z) * u128::from(self.seen)) >> 64;
        u64::try_from(scaled).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_hold_the_first_the_last_and_a_sample_and_are_the_same_every_time() {
        let digest = |n: u32| Digest::new(&[n.to_be_bytes(); 4].concat()).unwrap();
        let draw = |count: u32| {
            let mut probes = Probes::new();
            (0..count).for_each(|n| probes.offer(digest(n)));
            probes.finish()
        };
        assert!(draw(0).is_empty());
        assert_eq!(draw(1), [digest(0)]);
        let probes = draw(10_000);
        assert!(probes.len() >= DRAWN && probes.len() <= DRAWN + 2);
        assert_eq!((probes.first(), probes.last()), (Some(&digest(0)), Some(&digest(9_999))));
        assert_eq!(probes, draw(10_000));
        assert!(probes.iter().any(|probe| *probe > digest(5_000) && *probe < digest(9_999)));
    }
}
