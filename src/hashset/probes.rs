//! Digests drawn from a list while it is imported, which every run looks up again as a control.

use std::collections::BTreeSet;

use crate::model::Digest;

/// How many are drawn beside the least and the greatest one.
const DRAWN: usize = 16;

/// The first and the last digest of a list in the order of their bytes, and a sample of those between.
///
/// The sample are the digests whose scrambled values are least: it depends on what the list holds and not on the
/// order in which it does.
#[derive(Debug, Default)]
pub struct Probes {
    least: Option<Extreme>,
    greatest: Option<Extreme>,
    drawn: BTreeSet<(u64, Digest)>,
    /// Nothing with a scrambled value from here on is drawn.
    bound: Option<u64>,
}

/// A digest with what it is compared by first: this is asked for every digest of a list.
type Extreme = (u64, Digest);

impl Probes {
    /// Offers the next digest of the list.
    pub fn offer(&mut self, digest: Digest) {
        let this = (lead(&digest), digest);
        if self.least.is_none_or(|least| this < least) {
            self.least = Some(this);
        }
        if self.greatest.is_none_or(|greatest| this > greatest) {
            self.greatest = Some(this);
        }
        let scrambled = scrambled(&digest);
        if self.bound.is_some_and(|bound| scrambled > bound) {
            return;
        }
        self.drawn.insert((scrambled, digest));
        if self.drawn.len() > DRAWN {
            self.drawn.pop_last();
            self.bound = self.drawn.last().map(|(scrambled, _)| *scrambled);
        }
    }

    /// The probes in the order of their values, each once.
    pub fn finish(self) -> Vec<Digest> {
        let all = self.least.into_iter().chain(self.greatest).chain(self.drawn);
        let mut probes: Vec<Digest> = all.map(|(_, digest)| digest).collect();
        probes.sort_unstable();
        probes.dedup();
        probes
    }
}

/// The first eight bytes as a number.
fn lead(digest: &Digest) -> u64 {
    digest.as_bytes().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// A number that has nothing to do with the order of digests: this is asked for every digest of a list, so it is one
/// multiplication, by the odd number nearest to the golden ratio of 2^64, and its upper half folded in.
fn scrambled(digest: &Digest) -> u64 {
    let product = lead(digest).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ (product >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_hold_the_extremes_and_a_sample_that_does_not_depend_on_the_order() {
        let digest = |n: u32| Digest::new(&[n.to_be_bytes(); 4].concat()).unwrap();
        let draw = |numbers: &mut dyn Iterator<Item = u32>| {
            let mut probes = Probes::default();
            numbers.for_each(|n| probes.offer(digest(n)));
            probes.finish()
        };
        assert!(draw(&mut (0..0)).is_empty());
        assert_eq!(draw(&mut (0..1)), [digest(0)]);
        let probes = draw(&mut (0..10_000));
        assert!(probes.len() >= DRAWN && probes.len() <= DRAWN + 2);
        assert_eq!((probes.first(), probes.last()), (Some(&digest(0)), Some(&digest(9_999))));
        assert_eq!(probes, draw(&mut (0..10_000).rev().chain(0..5)));
        let below = |bound| probes.iter().filter(|probe| **probe < digest(bound)).count();
        assert!(below(5_000) > 3 && probes.len() - below(5_000) > 3, "the sample is from everywhere");
    }
}
