//! The ledger: each byte of a source in exactly one bucket, and the buckets sum to its size.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Extent;

/// What became of a byte, in order of precedence: a byte claimed twice goes to the first that claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bucket {
    /// Reading it failed.
    Unreadable,
    /// In an encrypted volume.
    Encrypted,
    /// In a volume or file that this version does not read.
    Unsupported,
    /// Digested as content of a file, or read as metadata.
    Examined,
    /// Digested as part of a container that was recognised and not opened.
    ExaminedWhole,
    /// In space of which only samples were read.
    Sampled,
    /// Left out by a rule that the ledger names.
    Skipped,
    /// The run ended before it.
    NotReached,
    /// In no volume.
    Unpartitioned,
}

impl Bucket {
    /// Every bucket, in order of precedence.
    pub const ALL: [Self; 9] = [
        Self::Unreadable,
        Self::Encrypted,
        Self::Unsupported,
        Self::Examined,
        Self::ExaminedWhole,
        Self::Sampled,
        Self::Skipped,
        Self::NotReached,
        Self::Unpartitioned,
    ];

    /// The words used in reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Encrypted => "encrypted",
            Self::Unsupported => "unsupported",
            Self::Examined => "examined",
            Self::ExaminedWhole => "examined as a whole only",
            Self::Sampled => "sampled only",
            Self::Skipped => "skipped by rule",
            Self::NotReached => "not reached",
            Self::Unpartitioned => "unpartitioned",
        }
    }
}

/// How many entries of some sort became what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageCounts {
    /// All of them.
    pub total: u64,
    /// Examined, containers that were not opened included.
    pub examined: u64,
    /// Of the examined ones, containers that were not opened.
    pub examined_whole: u64,
    /// Not examined; each is in the list of what was not examined.
    pub not_examined: u64,
    /// The run ended before them.
    pub not_reached: u64,
}

/// What became of every byte and every file of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Index of the source within the run; filled in by the recorder.
    #[serde(default)]
    pub source: u32,
    /// Size of the decoded medium, or of all distinct files of a folder, in bytes.
    pub total: u64,
    /// Bytes in each bucket; they sum to `total`.
    pub bytes: BTreeMap<Bucket, u64>,
    /// The bytes of [`Bucket::Skipped`] by the rule that skipped them.
    pub skipped: BTreeMap<String, u64>,
    /// Files, distinct ones.
    pub files: CoverageCounts,
    /// Of the files, those that are pictures or videos by content, or by name where content was not seen.
    pub media: CoverageCounts,
    /// Deleted entries, listed and counted apart from files.
    pub deleted: CoverageCounts,
}

impl Coverage {
    /// Whether the buckets sum to the size of the source.
    pub fn sums(&self) -> bool {
        self.bytes.values().copied().fold(0, u64::saturating_add) == self.total
    }

    /// Bytes in a bucket.
    pub fn get(&self, bucket: Bucket) -> u64 {
        self.bytes.get(&bucket).copied().unwrap_or(0)
    }
}

/// Rules by which bytes are left out on purpose.
pub const UNALLOCATED_RULE: &str = "unallocated space and slack: not examined by this version";

/// Collects claims on the bytes of a medium and settles them.
#[derive(Debug, Default)]
pub struct Ledger {
    size: u64,
    volumes: Vec<Extent>,
    claims: Vec<(Extent, Bucket)>,
}

impl Ledger {
    /// The ledger of a medium of that many bytes.
    pub fn new(size: u64) -> Self {
        Self { size, ..Self::default() }
    }

    /// Names the place of a volume: bytes in it that nothing claims are unallocated, not unpartitioned.
    pub fn volume(&mut self, extent: Extent) {
        self.volumes.push(extent);
    }

    /// Claims bytes for a bucket; what lies beyond the medium is cut off.
    pub fn claim(&mut self, extent: Extent, bucket: Bucket) {
        if extent.length > 0 && extent.offset < self.size {
            self.claims.push((extent, bucket));
        }
    }

    /// Gives each byte to the first bucket that claims it, and the rest to skipped or unpartitioned.
    pub fn settle(mut self) -> (BTreeMap<Bucket, u64>, BTreeMap<String, u64>) {
        let layers = Bucket::ALL.len();
        // One layer below all claims: the volumes themselves.
        let mut edges: Vec<(u64, usize, bool)> = Vec::with_capacity(self.claims.len() * 2);
        let mut edge = |extent: Extent, layer: usize| {
            let end = extent.end().min(self.size);
            if extent.offset < end {
                edges.push((extent.offset, layer, true));
                edges.push((end, layer, false));
            }
        };
        for (extent, bucket) in self.claims.drain(..) {
            edge(extent, Bucket::ALL.iter().position(|b| *b == bucket).unwrap_or(layers));
        }
        for extent in &self.volumes {
            edge(*extent, layers);
        }
        edges.sort_unstable();
        let mut open = vec![0_u64; layers + 1];
        let mut sums = vec![0_u64; layers + 1];
        let mut unpartitioned = 0_u64;
        let mut at = 0_u64;
        for (place, layer, opens) in edges {
            match open.iter().position(|n| *n > 0).and_then(|first| sums.get_mut(first)) {
                Some(sum) => *sum += place - at,
                None => unpartitioned += place - at,
            }
            at = place;
            if let Some(count) = open.get_mut(layer) {
                *count = if opens { *count + 1 } else { count.saturating_sub(1) };
            }
        }
        unpartitioned += self.size - at;
        let unallocated = sums.pop().unwrap_or(0);
        let mut bytes: BTreeMap<Bucket, u64> = Bucket::ALL.into_iter().zip(sums).collect();
        *bytes.entry(Bucket::Unpartitioned).or_default() += unpartitioned;
        *bytes.entry(Bucket::Skipped).or_default() += unallocated;
        bytes.retain(|_, n| *n > 0);
        let skipped =
            (unallocated > 0).then(|| (UNALLOCATED_RULE.to_owned(), unallocated)).into_iter().collect();
        (bytes, skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_bucket_that_claims_a_byte_gets_it() {
        let mut ledger = Ledger::new(100);
        ledger.volume(Extent::new(10, 80));
        ledger.claim(Extent::new(0, 30), Bucket::Examined);
        ledger.claim(Extent::new(20, 20), Bucket::Unreadable);
        ledger.claim(Extent::new(35, 20), Bucket::NotReached);
        ledger.claim(Extent::new(95, 500), Bucket::Encrypted);
        let (bytes, skipped) = ledger.settle();
        let expected = [
            (Bucket::Unreadable, 20),
            (Bucket::Examined, 20),
            (Bucket::NotReached, 15),
            (Bucket::Encrypted, 5),
        ];
        for (bucket, length) in expected {
            assert_eq!(bytes[&bucket], length, "{bucket:?}");
        }
        assert_eq!((bytes[&Bucket::Skipped], bytes[&Bucket::Unpartitioned]), (35, 5));
        assert_eq!(skipped.values().sum::<u64>(), 35);
    }

    proptest! {
        #[test]
        fn the_ledger_agrees_with_a_naive_one_and_sums(
            size in 0_u64..300,
            volumes in prop::collection::vec((0_u64..350, 0_u64..100), 0..4),
            claims in prop::collection::vec((0_u64..350, 0_u64..100, 0_usize..9), 0..20),
        ) {
            let mut ledger = Ledger::new(size);
            let mut naive: Vec<usize> = vec![9; size as usize];
            for (offset, length) in volumes {
                ledger.volume(Extent::new(offset, length));
                for byte in naive.iter_mut().take((offset + length) as usize).skip(offset as usize) {
                    *byte = (*byte).min(6);
                }
            }
            let mut claimed: Vec<usize> = vec![9; size as usize];
            for (offset, length, bucket) in claims {
                ledger.claim(Extent::new(offset, length), Bucket::ALL[bucket]);
                for byte in claimed.iter_mut().take((offset + length) as usize).skip(offset as usize) {
                    *byte = (*byte).min(bucket);
                }
            }
            let (bytes, _) = ledger.settle();
            let mut expected: BTreeMap<Bucket, u64> = BTreeMap::new();
            for (claim, volume) in claimed.iter().zip(&naive) {
                let layer = if *claim < 9 { *claim } else { *volume };
                *expected.entry(Bucket::ALL.get(layer).copied().unwrap_or(Bucket::Unpartitioned)).or_default() += 1;
            }
            prop_assert_eq!(bytes.values().sum::<u64>(), size);
            prop_assert_eq!(bytes, expected);
        }
    }
}
