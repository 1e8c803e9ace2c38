//! `findings.json`: verdict, coverage and findings for programs, without anything that differs between two runs.

use std::io;

use serde::Serialize;

use super::Report;
use crate::model::{Coverage, Finding, RunRecord, Verdict, VolumeSummary, write_json};

/// The machine's report.
pub struct Json;

/// Number of the layout; raised when a field changes its meaning or goes.
const SCHEMA: u32 = 1;

impl Report for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn file_name(&self) -> &'static str {
        "findings.json"
    }

    fn description(&self) -> &'static str {
        "findings, verdict and coverage for programs; the same source, sets and options give the same bytes"
    }

    fn write(
        &self,
        run: &RunRecord,
        findings: &mut dyn Iterator<Item = &Finding>,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        // One finding a line: two reports can be compared line by line, and none need be held in memory.
        write!(out, "{{\n\"schema\":{SCHEMA},\n\"verdict\":")?;
        write_json(out, &Verdict::conclude(run))?;
        out.write_all(b",\n\"coverage\":")?;
        write_json(
            out,
            &CoverageReport { sources: run.source_indexes().iter().map(|s| source(run, *s)).collect() },
        )?;
        out.write_all(b",\n\"findings\":[")?;
        let mut separator = "\n";
        for finding in findings {
            out.write_all(separator.as_bytes())?;
            write_json(out, finding)?;
            separator = ",\n";
        }
        out.write_all(b"\n]\n}\n")
    }
}

#[derive(Serialize)]
struct CoverageReport<'a> {
    sources: Vec<SourceCoverage<'a>>,
}

#[derive(Serialize)]
struct SourceCoverage<'a> {
    exhibit: String,
    source: u32,
    /// Absent when the source was not finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger: Option<&'a Coverage>,
    sums: bool,
    volumes: Vec<&'a VolumeSummary>,
}

fn source(run: &RunRecord, source: u32) -> SourceCoverage<'_> {
    let ledger = run.coverage_of(source);
    SourceCoverage {
        exhibit: run.exhibit(source),
        source,
        ledger,
        sums: ledger.is_some_and(Coverage::sums),
        volumes: run.volumes.iter().filter(|volume| volume.source == source).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::is_hidden;
    use crate::report::fixture;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn the_report_for_programs_is_as_it_was() {
        insta::assert_snapshot!(fixture::text(&Json, &fixture::hostile()));
    }

    #[test]
    fn findings_and_ledgers_parse_back_to_what_they_were() {
        let run = fixture::hostile();
        let mut json: Value = serde_json::from_str(&fixture::text(&Json, &run)).unwrap();
        let findings: Vec<Finding> = serde_json::from_value(json["findings"].take()).unwrap();
        assert_eq!(findings, run.findings);
        let verdict: Verdict = serde_json::from_value(json["verdict"].take()).unwrap();
        assert_eq!(verdict, Verdict::conclude(&run));
        let ledger: Coverage =
            serde_json::from_value(json["coverage"]["sources"][0]["ledger"].take()).unwrap();
        assert_eq!(ledger, run.coverage[0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_bytes_of_a_path_come_back(bytes in prop::collection::vec(any::<u8>(), 0..40), text in ".{0,20}") {
            let mut run = fixture::complete();
            for path in [bytes, text.clone().into_bytes()] {
                let mut finding = fixture::hostile().findings[0].clone();
                finding.item.path = crate::model::RawText::new(path);
                finding.remarks = vec![text.clone()];
                run.findings.push(finding);
            }
            let mut json: Value = serde_json::from_str(&fixture::text(&Json, &run)).unwrap();
            let findings: Vec<Finding> = serde_json::from_value(json["findings"].take()).unwrap();
            prop_assert_eq!(findings, run.findings);
        }
    }

    #[test]
    fn nothing_that_differs_between_two_runs_is_in_it() {
        let run = fixture::hostile();
        let mut other = run.clone();
        other.started = "2031-01-01T00:00:00Z".into();
        other.ended = "2031-01-02T00:00:00Z".into();
        other.sources[0].name = "/elsewhere/image.dd".into();
        other.header.as_mut().unwrap().operator = "Somebody Else".into();
        assert_eq!(fixture::text(&Json, &run), fixture::text(&Json, &other));
    }

    #[test]
    fn no_character_that_hides_is_in_it() {
        let text = fixture::text(&Json, &fixture::hostile());
        assert!(!text.chars().any(|c| c != '\n' && is_hidden(c)));
        assert!(text.contains("\\u202e"));
    }
}
