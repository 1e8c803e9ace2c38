//! Reports: a run's record in, one file for people or programs out.
//!
//! Adding one is a new file here with a [`Report`] and its line in [`FORMATS`]. What the evidence names goes through
//! [`crate::model::visible`] and then through the escape of the format; no report holds free text of a list.

mod cell;
mod csv;
#[cfg(test)]
mod fixture;
mod html;
mod json;
mod not_examined;
mod summary;
mod words;

use std::io;
use std::path::Path;

use crate::model::{Finding, RunRecord};

/// A kind of report.
pub trait Report: Sync {
    /// Its name in options.
    fn name(&self) -> &'static str;

    /// The file that it is written to, within the folder of the run.
    fn file_name(&self) -> &'static str;

    /// What it is for, in a sentence.
    fn description(&self) -> &'static str;

    /// Writes it. `run` is sorted and `findings` come in the order of [`RunRecord::sort`]; the same input gives
    /// the same bytes. Nothing is written but to `out`, in many small pieces: the caller buffers.
    fn write(
        &self,
        run: &RunRecord,
        findings: &mut dyn Iterator<Item = &Finding>,
        out: &mut dyn io::Write,
    ) -> io::Result<()>;
}

/// Writes every report into a folder. No file that exists is overwritten.
///
/// # Errors
/// When a file cannot be made or written.
pub fn write_all(run: &RunRecord, folder: &Path) -> io::Result<()> {
    write_some(run, folder, |_| true)
}

/// Writes the chosen reports into a folder. No file that exists is overwritten.
///
/// # Errors
/// When a file cannot be made or written.
pub fn write_some(run: &RunRecord, folder: &Path, chosen: impl Fn(&dyn Report) -> bool) -> io::Result<()> {
    for format in FORMATS.iter().filter(|format| chosen(**format)) {
        let file = std::fs::File::create_new(folder.join(format.file_name()))?;
        let mut out = io::BufWriter::with_capacity(1 << 16, file);
        format.write(run, &mut run.findings.iter(), &mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    }
    Ok(())
}

/// Every kind, alphabetical.
pub static FORMATS: &[&dyn Report] =
    &[&csv::Csv, &html::Html, &json::Json, &not_examined::NotExamined, &summary::Summary];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Verdict;

    #[test]
    fn reports_are_alphabetical_and_each_has_its_own_file() {
        let names: Vec<&str> = FORMATS.iter().map(|report| report.name()).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        let files: std::collections::BTreeSet<&str> = FORMATS.iter().map(|r| r.file_name()).collect();
        assert_eq!(files.len(), FORMATS.len());
        assert!(FORMATS.iter().all(|report| !report.description().is_empty()));
    }

    #[test]
    fn no_report_ever_says_that_a_device_is_of_no_interest() {
        for run in [fixture::complete(), fixture::hostile(), RunRecord::default()] {
            for report in FORMATS {
                let text = fixture::text(*report, &run).to_lowercase();
                let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
                for word in ["clean", "clear", "cleared", "safe", "innocent", "compliant", "certified"] {
                    assert!(!words.contains(&word), "{}: {word}", report.name());
                }
                assert!(!text.contains("nothing found") && !text.contains("green"), "{}", report.name());
            }
        }
    }

    #[test]
    fn every_report_for_people_gives_both_halves_and_names_a_demonstration() {
        for run in [fixture::complete(), fixture::hostile()] {
            let verdict = Verdict::conclude(&run);
            for report in [&html::Html as &dyn Report, &summary::Summary] {
                let text = fixture::text(report, &run);
                assert!(text.contains(verdict.result.label()));
                assert_eq!(text.contains("examination incomplete"), !verdict.complete);
                assert_eq!(text.contains("DEMONSTRATION ONLY"), verdict.demonstration);
                let negative = "No match in what was examined: not by itself a reason to leave the device";
                assert_eq!(text.contains(negative), verdict.result == crate::model::VerdictResult::NoMatch);
            }
        }
    }

    #[test]
    fn equal_records_give_equal_bytes_in_whatever_order_they_came() {
        let run = fixture::hostile();
        let mut shuffled = run.clone();
        shuffled.findings.reverse();
        shuffled.problems.reverse();
        shuffled.volumes.reverse();
        shuffled.coverage.reverse();
        shuffled.opened.reverse();
        shuffled.sort();
        for report in FORMATS {
            assert_eq!(fixture::text(*report, &run), fixture::text(*report, &shuffled), "{}", report.name());
        }
    }

    #[test]
    fn an_error_of_the_output_is_handed_on() {
        struct Full;
        impl io::Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let run = fixture::hostile();
        for report in FORMATS {
            let error = report.write(&run, &mut run.findings.iter(), &mut Full).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{}", report.name());
        }
    }
}
