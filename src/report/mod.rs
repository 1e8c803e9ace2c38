//! Reports: a run's record in, one file for people or programs out.
//!
//! Adding one is a new file here with a [`Report`] and its line in [`FORMATS`]. What the evidence names goes through
//! [`crate::model::visible`] and then through the escape of the format; no report holds free text of a list.

mod cell;
mod csv;
#[cfg(test)]
mod fixture;
//mod html;
mod json;
mod not_examined;
mod summary;
mod words;

use std::io;

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

/// Every kind, alphabetical.
pub static FORMATS: &[&dyn Report] = &[&csv::Csv, &json::Json, &not_examined::NotExamined, &summary::Summary];
