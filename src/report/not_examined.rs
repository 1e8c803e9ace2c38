//! `not-examined.csv`: everything that was not examined, or not as it should be.

use std::borrow::Cow;
use std::io;

use super::{Report, cell, words};
use crate::model::{Bucket, Coverage, Finding, Problem, RunRecord};

/// The sheet of what was not examined.
pub struct NotExamined;

const HEADINGS: &[&str] = &[
    "exhibit", "source", "what", "kind", "volume", "path", "path_hex", "record", "offset", "bytes", "count",
    "detail", "advice",
];

impl Report for NotExamined {
    fn name(&self) -> &'static str {
        "not-examined"
    }

    fn file_name(&self) -> &'static str {
        "not-examined.csv"
    }

    fn description(&self) -> &'static str {
        "what was not examined and why, as a sheet: reasons, bytes of the ledger, each problem"
    }

    fn write(
        &self,
        run: &RunRecord,
        _findings: &mut dyn Iterator<Item = &Finding>,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let mut sheet = cell::Sheet::new(out, HEADINGS)?;
        for source in run.source_indexes() {
            let exhibit = run.exhibit(source);
            for gap in run.gaps(source) {
                sheet.row(
                    Row { what: "reason", detail: gap.into(), ..Row::default() }.cells(&exhibit, source),
                )?;
            }
            for row in run.coverage_of(source).into_iter().flat_map(ledger) {
                sheet.row(row.cells(&exhibit, source))?;
            }
            for problem in run.problems.iter().filter(|problem| problem.source == source) {
                sheet.row(Row::of(problem).cells(&exhibit, source))?;
            }
        }
        sheet.finish()
    }
}

#[derive(Default)]
struct Row<'a> {
    what: &'static str,
    kind: &'static str,
    volume: Option<u32>,
    path: [Cow<'a, str>; 2],
    record: Option<u64>,
    offset: Option<u64>,
    bytes: Option<u64>,
    count: Option<u64>,
    detail: Cow<'a, str>,
    advice: Cow<'a, str>,
}

impl<'a> Row<'a> {
    fn of(problem: &'a Problem) -> Self {
        Self {
            what: "problem",
            kind: problem.kind.label(),
            volume: problem.volume,
            path: problem.path.as_ref().map(cell::path).unwrap_or_default(),
            record: problem.record,
            offset: problem.extent.map(|extent| extent.offset),
            bytes: problem.extent.map(|extent| extent.length),
            count: Some(problem.count),
            detail: words::problem(problem),
            advice: problem.advice.as_str().into(),
        }
    }

    fn cells(self, exhibit: &'a str, source: u32) -> [Cow<'a, str>; 13] {
        let number = |n: Option<u64>| Cow::Owned(n.map(|n| n.to_string()).unwrap_or_default());
        let [path, path_hex] = self.path;
        [
            exhibit.into(),
            number(Some(source.into())),
            self.what.into(),
            self.kind.into(),
            number(self.volume.map(u64::from)),
            path,
            path_hex,
            number(self.record),
            number(self.offset),
            number(self.bytes),
            number(self.count),
            self.detail,
            self.advice,
        ]
    }
}

/// The buckets of a ledger that were not examined, and the entries it counts as such.
fn ledger(coverage: &Coverage) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    let buckets = Bucket::ALL.into_iter().filter(|b| !matches!(b, Bucket::Examined | Bucket::Skipped));
    let mut bytes = |kind: Bucket, bytes: u64, detail: &'static str| {
        if bytes > 0 {
            rows.push(Row {
                what: "ledger",
                kind: kind.label(),
                bytes: Some(bytes),
                detail: detail.into(),
                ..Row::default()
            });
        }
    };
    for bucket in buckets {
        bytes(bucket, coverage.get(bucket), "");
    }
    let named = coverage.skipped.values().copied().fold(0, u64::saturating_add);
    bytes(Bucket::Skipped, coverage.get(Bucket::Skipped).saturating_sub(named), "no rule is named");
    for (rule, length) in coverage.skipped.iter().filter(|(_, length)| **length > 0) {
        rows.push(Row {
            what: "ledger",
            kind: Bucket::Skipped.label(),
            bytes: Some(*length),
            detail: rule.as_str().into(),
            ..Row::default()
        });
    }
    for (counts, sort) in [
        (coverage.files, "files"),
        (coverage.media, "pictures and videos"),
        (coverage.deleted, "deleted entries"),
    ] {
        for (count, kind) in [
            (counts.not_examined, "not examined"),
            (counts.examined_whole, "examined as a whole only"),
            (counts.not_reached, "not reached"),
        ] {
            if count > 0 {
                rows.push(Row {
                    what: "count",
                    kind,
                    count: Some(count),
                    detail: sort.into(),
                    ..Row::default()
                });
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_sheet_of_what_was_not_examined_is_as_it_was() {
        insta::assert_snapshot!(fixture::text(&NotExamined, &fixture::hostile()));
    }

    #[test]
    fn every_problem_has_a_row() {
        let run = fixture::hostile();
        let text = fixture::text(&NotExamined, &run);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let problems = reader.records().filter(|row| &row.as_ref().unwrap()[2] == "problem").count();
        assert_eq!(problems, run.problems.len());
    }
}
