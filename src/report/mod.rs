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
pub static FORMATS: &[&dyn Report] = &[&csv::Csv, &json::Json, &not_examined::NotExamined, &summary::Summary];
