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
    /// Files that a known-good set or a category that the profile ignores accounts for; not reported one by one.
    pub known: u64,
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

/// A rule by which bytes are left out on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkipRule {
    /// Readable bytes of a file that cannot be read in whole: no digest is computed over missing bytes.
    DamagedFile,
    /// A second copy of a mirrored volume whose first one is read.
    MirrorCopy,
    /// Bytes of a volume that no file and no table holds.
    Unallocated,
}

impl SkipRule {
    /// Every rule, in order of precedence.
    pub const ALL: [Self; 3] = [Self::DamagedFile, Self::MirrorCopy, Self::Unallocated];

    /// The rule in words.
    pub const fn label(self) -> &'static str {
        match self {
            Self::DamagedFile => {
                "rest of files that could not be read in whole: nothing is digested over missing bytes"
            }
            Self::MirrorCopy => "mirror copy: another copy of the same volume is read instead",
            Self::Unallocated => "unallocated space and slack: not examined by this version",
        }
    }
}

/// A layer of the ledger: claims of an earlier layer win.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    /// A bucket other than [`Bucket::Skipped`] that precedes it.
    Before(Bucket),
    /// Skipped by that rule.
    Skip(SkipRule),
    /// A bucket that follows it.
    After(Bucket),
    /// Nothing but a volume holds it.
    Volume,
}

impl Layer {
    fn of(bucket: Bucket) -> Self {
        if bucket < Bucket::Skipped { Self::Before(bucket) } else { Self::After(bucket) }
    }

    const fn bucket(self) -> Bucket {
        match self {
            Self::Before(bucket) | Self::After(bucket) => bucket,
            Self::Skip(_) | Self::Volume => Bucket::Skipped,
        }
    }

    const fn rule(self) -> Option<SkipRule> {
        match self {
            Self::Skip(rule) => Some(rule),
            Self::Volume => Some(SkipRule::Unallocated),
            Self::Before(_) | Self::After(_) => None,
        }
    }
}

/// Collects claims on the bytes of a medium and settles them.
#[derive(Debug, Default)]
pub struct Ledger {
    size: u64,
    claims: Vec<(Extent, Layer)>,
}

impl Ledger {
    /// The ledger of a medium of that many bytes.
    pub fn new(size: u64) -> Self {
        Self { size, claims: Vec::new() }
    }

    /// Names the place of a volume: bytes in it that nothing claims are unallocated, not unpartitioned.
    pub fn volume(&mut self, extent: Extent) {
        self.push(extent, Layer::Volume);
    }

    /// Claims bytes for a bucket; what lies beyond the medium is cut off.
    pub fn claim(&mut self, extent: Extent, bucket: Bucket) {
        self.push(extent, Layer::of(bucket));
    }

    /// Claims bytes for [`Bucket::Skipped`] by a rule.
    pub fn skip(&mut self, extent: Extent, rule: SkipRule) {
        self.push(extent, Layer::Skip(rule));
    }

    fn push(&mut self, extent: Extent, layer: Layer) {
        if extent.length > 0 && extent.offset < self.size {
            self.claims.push((extent, layer));
        }
    }

    /// Gives each byte to the first layer that claims it, and the rest to [`Bucket::Unpartitioned`].
    pub fn settle(self) -> (BTreeMap<Bucket, u64>, BTreeMap<String, u64>) {
        let mut edges: Vec<(u64, Layer, bool)> = Vec::with_capacity(self.claims.len().saturating_mul(2));
        for (extent, layer) in self.claims {
            edges.push((extent.offset, layer, true));
            edges.push((extent.end().min(self.size), layer, false));
        }
        edges.sort_unstable();
        let mut open: BTreeMap<Layer, u64> = BTreeMap::new();
        let mut bytes: BTreeMap<Bucket, u64> = BTreeMap::new();
        let mut skipped: BTreeMap<String, u64> = BTreeMap::new();
        let mut give = |layer: Option<Layer>, length: u64| {
            if length > 0 {
                *bytes.entry(layer.map_or(Bucket::Unpartitioned, Layer::bucket)).or_default() += length;
                if let Some(rule) = layer.and_then(Layer::rule) {
                    *skipped.entry(rule.label().to_owned()).or_default() += length;
                }
            }
        };
        let mut at = 0;
        for (place, layer, opens) in edges {
            give(open.keys().next().copied(), place - at);
            at = place;
            if opens {
                *open.entry(layer).or_default() += 1;
            } else if let Some(count) = open.get_mut(&layer) {
                *count -= 1;
                if *count == 0 {
                    open.remove(&layer);
                }
            }
        }
        give(None, self.size - at);
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
            claims in prop::collection::vec((0_u64..350, 0_u64..100, prop::sample::select(vec![0_usize, 1, 2, 3, 4, 5, 7, 8])), 0..20),
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
