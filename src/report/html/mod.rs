//! `report.html`: one page for people, readable without script, nothing remote, printable.

mod ledger;
mod row;
mod view;

use std::cell::RefCell;
use std::io;

use askama::Template;
use sha2::{Digest as _, Sha256};

use super::{Report, words};
use crate::model::{Finding, RunRecord, Verdict, counted, grouped};
use row::{FindingRow, ProblemRow};
use view::{Answer, CategoryView, ControlView, ExhibitView, SetView, VolumeView};

/// The page.
pub struct Html;

/// Rows of a table beyond which no browser can show it; the sheets hold all of them.
const MAX_ROWS: usize = 20_000;

const CSS: &str = include_str!("../../../templates/report/style.css");

impl Report for Html {
    fn name(&self) -> &'static str {
        "html"
    }

    fn file_name(&self) -> &'static str {
        "report.html"
    }

    fn description(&self) -> &'static str {
        "the report for people: one file, no script, nothing remote, printable"
    }

    fn write(
        &self,
        run: &RunRecord,
        findings: &mut dyn Iterator<Item = &Finding>,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        Page::new(run, findings).write_into(out)
    }
}

#[derive(Template)]
#[template(path = "report/page.html")]
struct Page<'a, 'f> {
    css: &'static str,
    style_hash: String,
    notices: Vec<String>,
    demonstration: Option<&'static str>,
    answer: Answer,
    identity: Vec<(&'static str, String)>,
    exhibits: Vec<ExhibitView>,
    categories: Vec<CategoryView>,
    sets: Vec<SetView>,
    controls: Vec<ControlView>,
    warnings: Vec<String>,
    findings: RefCell<Rows<'a, 'f>>,
    problems: Vec<ProblemRow>,
    problems_left_out: u64,
    volumes: Vec<VolumeView>,
    options: Vec<(String, String)>,
    max_rows: String,
}

/// Findings on their way into the table: one is held at a time.
struct Rows<'a, 'f> {
    findings: &'a mut (dyn Iterator<Item = &'f Finding> + 'a),
    shown: usize,
}

impl<'a, 'f> Page<'a, 'f> {
    fn new(run: &RunRecord, findings: &'a mut (dyn Iterator<Item = &'f Finding> + 'a)) -> Self {
        let verdict = Verdict::conclude(run);
        let problems: Vec<ProblemRow> =
            run.problems.iter().take(MAX_ROWS).map(|problem| ProblemRow::new(run, problem)).collect();
        let left_out = run.problems.len().saturating_sub(problems.len());
        Self {
            css: CSS,
            style_hash: base64(&Sha256::digest(CSS)),
            notices: notices(run, &verdict),
            demonstration: verdict.demonstration.then_some(words::DEMONSTRATION),
            answer: Answer::new(verdict.result, verdict.complete),
            identity: view::identity(run),
            exhibits: verdict.exhibits.iter().map(|exhibit| ExhibitView::new(run, exhibit)).collect(),
            categories: words::categories(run).into_iter().map(CategoryView::new).collect(),
            sets: run.header.iter().flat_map(|h| &h.sets).map(SetView::new).collect(),
            controls: run.controls.iter().map(|control| ControlView::new(run, control)).collect(),
            warnings: view::warnings(run),
            findings: RefCell::new(Rows { findings, shown: 0 }),
            problems,
            problems_left_out: u64::try_from(left_out).unwrap_or(u64::MAX),
            volumes: run.volumes.iter().map(|volume| VolumeView::new(run, volume)).collect(),
            options: view::options(run),
            max_rows: grouped(u64::try_from(MAX_ROWS).unwrap_or(u64::MAX)),
        }
    }

    /// The next row of the table of findings; `None` at the end of the findings or of the table.
    fn next_finding(&self) -> Option<FindingRow> {
        let mut rows = self.findings.borrow_mut();
        if rows.shown >= MAX_ROWS {
            return None;
        }
        let finding = rows.findings.next()?;
        rows.shown += 1;
        Some(FindingRow::new(rows.shown, finding))
    }

    /// The rows of the table of findings.
    fn finding_rows(&self) -> impl Iterator<Item = FindingRow> + '_ {
        std::iter::from_fn(|| self.next_finding())
    }

    /// How many findings there were beyond the table.
    fn findings_left_out(&self) -> u64 {
        let mut rows = self.findings.borrow_mut();
        let left_out = std::iter::from_fn(|| rows.findings.next()).count();
        u64::try_from(left_out).unwrap_or(u64::MAX)
    }

    fn findings_shown(&self) -> usize {
        self.findings.borrow().shown
    }
}

/// What must be read before the answer.
fn notices(run: &RunRecord, verdict: &Verdict) -> Vec<String> {
    let mut notices = Vec::new();
    if let Some(failed) = run.failed() {
        notices.push(format!("THE RUN FAILED. {}", words::shown(&failed)));
    }
    if run.end.is_none() {
        notices.push("The run never ended: this page tells what was recorded until then.".to_owned());
    }
    if run.end.as_ref().is_some_and(|end| end.verdict != *verdict) {
        notices.push(
            "The verdict recorded at the end of the run is not the one that follows from its record."
                .to_owned(),
        );
    }
    if run.controls.is_empty() {
        notices.push("No control is recorded: the run did not prove itself.".to_owned());
    }
    let rejected = run.header.iter().flat_map(|h| &h.sets).flat_map(|set| &set.lists);
    let rejected = rejected.fold(0_u64, |sum, list| sum.saturating_add(list.rejected));
    if rejected > 0 {
        notices.push(format!(
            "{} of the loaded lists could not be read: what they name was not searched for.",
            counted(rejected, "line", "lines")
        ));
    }
    notices
}

/// RFC 4648, section 4: what a content security policy wants a hash to be written in.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let letter = usize::try_from(bits >> shift & 63).ok().and_then(|index| LETTERS.get(index));
            text.push(letter.filter(|_| at <= group.len()).map_or('=', |letter| char::from(*letter)));
        }
    }
    text
}

#[cfg(test)]
mod tests;
