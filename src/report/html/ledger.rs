//! The ledger of a source as a bar that sums and as a table.

use crate::model::{Bucket, Coverage, CoverageCounts, grouped, share_text, size_text};

/// Width of the bar in its own units.
const WIDTH: u64 = 1000;
/// A bucket that is not empty is never drawn narrower.
const NARROWEST: u64 = 5;

pub(super) struct LedgerView {
    pub(super) total: String,
    pub(super) sums: bool,
    pub(super) description: String,
    pub(super) segments: Vec<Segment>,
    pub(super) buckets: Vec<BucketRow>,
    pub(super) counts: Vec<CountRow>,
}

/// A piece of the bar.
pub(super) struct Segment {
    pub(super) start: u64,
    pub(super) width: u64,
    pub(super) fill: &'static str,
}

pub(super) struct BucketRow {
    pub(super) fill: &'static str,
    pub(super) label: &'static str,
    pub(super) rules: String,
    pub(super) size: String,
    pub(super) bytes: String,
    pub(super) share: String,
}

pub(super) struct CountRow {
    pub(super) label: &'static str,
    pub(super) cells: [String; 5],
}

impl LedgerView {
    pub(super) fn new(coverage: &Coverage) -> Self {
        let used: Vec<(Bucket, u64)> =
            Bucket::ALL.into_iter().map(|b| (b, coverage.get(b))).filter(|(_, bytes)| *bytes > 0).collect();
        let buckets: Vec<BucketRow> = used
            .iter()
            .map(|(bucket, bytes)| BucketRow {
                fill: fill(*bucket),
                label: bucket.label(),
                rules: if *bucket == Bucket::Skipped { rules(coverage) } else { String::new() },
                size: size_text(*bytes),
                bytes: grouped(*bytes),
                share: share_text(*bytes, coverage.total),
            })
            .collect();
        let parts: Vec<String> =
            buckets.iter().map(|row| format!("{} {} ({})", row.label, row.size, row.share)).collect();
        let sum = used.iter().fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
        Self {
            total: format!("{} ({} bytes)", size_text(coverage.total), grouped(coverage.total)),
            sums: coverage.sums(),
            description: format!("Of {}: {}", size_text(coverage.total), parts.join(", ")),
            segments: segments(&used, sum),
            buckets,
            counts: [
                ("Files", coverage.files),
                ("of them pictures and videos", coverage.media),
                ("Deleted entries", coverage.deleted),
            ]
            .map(|(label, counts)| CountRow { label, cells: cells(counts) })
            .into(),
        }
    }
}

/// Pieces that fill the bar exactly; what narrow ones get beyond their share, the widest gives.
fn segments(used: &[(Bucket, u64)], sum: u64) -> Vec<Segment> {
    let share = |bytes: u64| {
        let width = u128::from(bytes).saturating_mul(WIDTH.into()).checked_div(sum.into());
        width.and_then(|width| u64::try_from(width).ok()).unwrap_or(0).max(NARROWEST)
    };
    let mut widths: Vec<u64> = used.iter().map(|(_, bytes)| share(*bytes)).collect();
    let drawn: u64 = widths.iter().sum();
    if let Some(widest) = widths.iter_mut().max() {
        *widest = widest.saturating_add(WIDTH).saturating_sub(drawn);
    }
    let mut start = 0_u64;
    let mut pieces = Vec::new();
    for ((bucket, _), width) in used.iter().zip(widths) {
        pieces.push(Segment { start, width, fill: fill(*bucket) });
        start = start.saturating_add(width);
    }
    pieces
}

fn rules(coverage: &Coverage) -> String {
    let rules: Vec<String> = coverage
        .skipped
        .iter()
        .map(|(rule, bytes)| format!("{} ({})", crate::report::words::shown(rule), size_text(*bytes)))
        .collect();
    rules.join("; ")
}

fn cells(counts: CoverageCounts) -> [String; 5] {
    [counts.total, counts.examined, counts.examined_whole, counts.not_examined, counts.not_reached]
        .map(grouped)
}

/// The pattern that a bucket is drawn in: they differ by shape, not by colour alone.
const fn fill(bucket: Bucket) -> &'static str {
    match bucket {
        Bucket::Unreadable => "#1b1f24",
        Bucket::Encrypted => "url(#hatch-encrypted)",
        Bucket::Unsupported => "url(#hatch-unsupported)",
        Bucket::Examined => "#2f5d8a",
        Bucket::ExaminedWhole => "url(#hatch-whole)",
        Bucket::Sampled => "url(#hatch-sampled)",
        Bucket::Skipped => "#c3cad2",
        Bucket::NotReached => "url(#hatch-not-reached)",
        Bucket::Unpartitioned => "#eceff2",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_bar_is_filled_exactly_and_every_bucket_is_seen(
            sizes in prop::collection::vec(prop_oneof![1_u64..4, 1_u64..=u64::MAX / 16], 1..9)
        ) {
            let used: Vec<(Bucket, u64)> = Bucket::ALL.into_iter().zip(sizes).collect();
            let pieces = segments(&used, used.iter().map(|(_, bytes)| bytes).sum());
            prop_assert_eq!(pieces.len(), used.len());
            let mut end = 0;
            for piece in pieces {
                prop_assert_eq!(piece.start, end);
                prop_assert!(piece.width >= NARROWEST);
                end += piece.width;
            }
            prop_assert_eq!(end, WIDTH);
        }
    }
}
