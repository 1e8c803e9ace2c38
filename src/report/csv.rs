//! `findings.csv`: one row for each finding.

use std::borrow::Cow;
use std::io;

use super::{Report, cell, words};
use crate::model::{Finding, RunRecord, Stamp};

/// The sheet of findings.
pub struct Csv;

const HEADINGS: &[&str] = &[
    "exhibit",
    "source",
    "volume",
    "path",
    "path_hex",
    "record",
    "stream",
    "state",
    "grade",
    "action",
    "statements",
    "md5_only",
    "size",
    "md5",
    "sha1",
    "sha256",
    "created_raw",
    "created_utc",
    "modified_raw",
    "modified_utc",
    "accessed_raw",
    "accessed_utc",
    "changed_raw",
    "changed_utc",
    "time_assumption",
    "extents",
    "remarks",
];

impl Report for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn file_name(&self) -> &'static str {
        "findings.csv"
    }

    fn description(&self) -> &'static str {
        "findings as a sheet, one row each; no cell is a formula"
    }

    fn write(
        &self,
        _run: &RunRecord,
        findings: &mut dyn Iterator<Item = &Finding>,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let mut sheet = cell::Sheet::new(out, HEADINGS)?;
        for finding in findings {
            sheet.row(row(finding))?;
        }
        sheet.finish()
    }
}

fn row(finding: &Finding) -> Vec<Cow<'_, str>> {
    let item = &finding.item;
    let number = |n: u64| Cow::Owned(n.to_string());
    let [path, path_hex] = cell::path(&item.path);
    let mut row = vec![
        Cow::Borrowed(finding.exhibit.as_str()),
        number(finding.source.into()),
        number(item.volume.into()),
        path,
        path_hex,
        number(item.record),
        number(item.stream.into()),
        words::state(item.state).into(),
        finding.grade.label().into(),
        words::action(finding.action()).into(),
        join(finding.hits.iter().map(words::equality)),
        if finding.is_weak() { "yes" } else { "no" }.into(),
        number(item.size),
    ];
    let digests = [item.digests.md5, item.digests.sha1, item.digests.sha256];
    row.extend(digests.map(|digest| Cow::Owned(digest.map(|d| d.to_string()).unwrap_or_default())));
    let times = &item.times;
    for stamp in [&times.created, &times.modified, &times.accessed, &times.changed] {
        let text = |of: fn(&Stamp) -> Option<&str>| Cow::Borrowed(stamp.as_ref().and_then(of).unwrap_or(""));
        row.push(text(|stamp| Some(&stamp.raw)));
        row.push(text(|stamp| stamp.utc.as_deref()));
    }
    row.push(assumptions(finding));
    row.push(join(item.extents.iter().map(|e| format!("{}+{}", e.offset, e.length))));
    row.push(join(finding.remarks.iter().cloned()));
    row
}

fn assumptions(finding: &Finding) -> Cow<'_, str> {
    let mut said: Vec<&str> =
        words::times(&finding.item.times).filter_map(|(_, stamp)| stamp.assumption.as_deref()).collect();
    said.dedup();
    join(said.into_iter().map(str::to_owned))
}

fn join(parts: impl Iterator<Item = String>) -> Cow<'static, str> {
    Cow::Owned(parts.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_sheet_of_findings_is_as_it_was() {
        insta::assert_snapshot!(fixture::text(&Csv, &fixture::hostile()));
    }

    #[test]
    fn every_row_has_a_cell_for_each_heading() {
        let run = fixture::hostile();
        assert!(run.findings.iter().all(|finding| row(finding).len() == HEADINGS.len()));
    }
}
