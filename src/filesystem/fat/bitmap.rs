//! One bit for each cluster.

/// A set of cluster numbers. Numbers past its end are never in it.
#[derive(Clone, Debug)]
pub(in crate::filesystem) struct Bitmap {
    words: Vec<u64>,
}

impl Bitmap {
    /// An empty set with room for clusters up to `last`.
    pub(in crate::filesystem) fn new(last: u32) -> Self {
        let words = usize::try_from(last / 64).unwrap_or(0).saturating_add(1);
        Self { words: vec![0; words] }
    }

    pub(in crate::filesystem) fn contains(&self, cluster: u32) -> bool {
        let (at, bit) = position(cluster);
        self.words.get(at).is_some_and(|word| word & bit != 0)
    }

    /// Puts a cluster in; false when it was there.
    pub(in crate::filesystem) fn insert(&mut self, cluster: u32) -> bool {
        let (at, bit) = position(cluster);
        self.words.get_mut(at).is_some_and(|word| {
            let new = *word & bit == 0;
            *word |= bit;
            new
        })
    }

    /// The lowest number that is in both sets, and how many are.
    pub(in crate::filesystem) fn common(&self, other: &Self) -> Option<(u32, u64)> {
        let both = self.words.iter().zip(&other.words).map(|(one, other)| one & other);
        let count = both.clone().map(|word| u64::from(word.count_ones())).fold(0, u64::saturating_add);
        let (at, word) = both.enumerate().find(|(_, word)| *word != 0)?;
        let first = u32::try_from(at).ok()?.checked_mul(64)?.checked_add(word.trailing_zeros())?;
        Some((first, count))
    }

    pub(in crate::filesystem) fn remove(&mut self, cluster: u32) {
        let (at, bit) = position(cluster);
        if let Some(word) = self.words.get_mut(at) {
            *word &= !bit;
        }
    }
}

fn position(cluster: u32) -> (usize, u64) {
    let bit = 1_u64.checked_shl(cluster % 64).unwrap_or(0);
    (usize::try_from(cluster / 64).unwrap_or(usize::MAX), bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_in_the_set_from_insertion_to_removal() {
        let mut set = Bitmap::new(64);
        assert!(set.insert(64) && !set.insert(64) && set.insert(2));
        assert!(set.contains(2) && set.contains(64) && !set.contains(3) && !set.contains(u32::MAX));
        assert!(!set.insert(u32::MAX));
        let mut other = Bitmap::new(64);
        assert_eq!(set.common(&other), None);
        other.insert(64);
        assert_eq!(set.common(&other), Some((64, 1)));
        set.remove(64);
        set.remove(u32::MAX);
        assert!(!set.contains(64));
    }
}
