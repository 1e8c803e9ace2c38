//! `summary.txt`: the answer in about ten lines, to be read out on the telephone.

use std::io;

use super::{Report, words};
use crate::model::{
    Bucket, Coverage, CoverageCounts, Finding, RunRecord, SetSummary, Verdict, counted, grouped, share_text,
    size_text, visible,
};

/// The short report.
pub struct Summary;

impl Report for Summary {
    fn name(&self) -> &'static str {
        "text"
    }

    fn file_name(&self) -> &'static str {
        "summary.txt"
    }

    fn description(&self) -> &'static str {
        "the answer, what it rests on and what was not examined, in about ten lines"
    }

    fn write(
        &self,
        run: &RunRecord,
        _findings: &mut dyn Iterator<Item = &Finding>,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        for line in lines(run) {
            writeln!(out, "{}", visible(&line))?;
        }
        Ok(())
    }
}

fn lines(run: &RunRecord) -> Vec<String> {
    let verdict = Verdict::conclude(run);
    let mut lines = Vec::new();
    if verdict.demonstration {
        lines.push(words::DEMONSTRATION.to_owned());
    }
    if let Some(failed) = run.failed() {
        lines.push(format!("THE RUN FAILED: {failed}"));
    }
    lines.push(format!("{}. {}", verdict.headline(), verdict.result.sentence()));
    lines.push(people(run));
    if verdict.exhibits.is_empty() {
        lines.push("No exhibit is recorded".to_owned());
    }
    for exhibit in &verdict.exhibits {
        let kind = run.sources.iter().find(|s| s.source == exhibit.source);
        let kind = kind.map_or("source", |source| words::source_kind(source.kind));
        lines.push(format!("Exhibit {} ({kind}): {}", exhibit.exhibit, exhibit.headline()));
        let found = run.found(exhibit.source);
        lines.push(format!("  Found: {}", join_or(&found, "no match in what was examined")));
        let gaps = run.gaps(exhibit.source);
        lines.push(format!("  Not examined: {}", join_or(&gaps, "no gap is known")));
        lines.extend(run.coverage_of(exhibit.source).map(coverage));
    }
    for (action, name, count) in words::categories(run) {
        lines.push(format!(
            "{}, {}: {}; places: {} existing, {} deleted",
            capitalised(words::action(action)),
            name,
            counted(count.distinct, "distinct content", "distinct contents"),
            grouped(count.allocated),
            grouped(count.deleted),
        ));
    }
    let sets = run.header.iter().flat_map(|header| &header.sets).map(set);
    lines.push(format!("Searched with: {}", join_or(&sets.collect::<Vec<_>>(), "no set is recorded")));
    let passed = u64::try_from(run.controls.iter().filter(|c| c.passed).count()).unwrap_or(u64::MAX);
    let failed = u64::try_from(run.controls.len()).unwrap_or(u64::MAX).saturating_sub(passed);
    lines.push(format!("Controls: {} held, {} failed", grouped(passed), grouped(failed)));
    lines.push(
        "Full report: report.html in this folder; not-examined.csv lists what was not examined".to_owned(),
    );
    lines
}

fn people(run: &RunRecord) -> String {
    let ended = if run.ended.is_empty() { "never" } else { &run.ended };
    let (case, operator, authority, version) = match &run.header {
        Some(h) => (h.case.as_str(), h.operator.as_str(), h.authority.as_str(), h.version.as_str()),
        None => ("", "", "", ""),
    };
    format!(
        "Case {}; operator {}; authority {}; started {}; ended {ended}; onscene {}",
        words::or_none(case),
        words::or_none(operator),
        words::or_none(authority),
        words::or_none(&run.started),
        words::or_none(version),
    )
}

fn coverage(coverage: &Coverage) -> String {
    let examined = coverage.get(Bucket::Examined);
    let share = |counts: CoverageCounts| format!("{} of {}", grouped(counts.examined), grouped(counts.total));
    format!(
        "  Coverage: {} of {} examined ({}); files {}; pictures and videos {}; deleted entries {}",
        size_text(examined),
        size_text(coverage.total),
        share_text(examined, coverage.total),
        share(coverage.files),
        share(coverage.media),
        share(coverage.deleted),
    )
}

fn set(set: &SetSummary) -> String {
    let sum =
        |of: fn(&crate::model::ListSummary) -> u64| set.lists.iter().map(of).fold(0, u64::saturating_add);
    let mut text = format!(
        "{} ({}, {})",
        set.name,
        words::role(set.role),
        counted(sum(|l| l.entries), "entry", "entries")
    );
    let rejected = sum(|list| list.rejected);
    if rejected > 0 {
        text.push_str(&format!(", {} REJECTED", counted(rejected, "line", "lines")));
    }
    text
}

fn join_or(parts: &[String], none: &str) -> String {
    if parts.is_empty() { none.to_owned() } else { parts.join("; ") }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_short_report_is_as_it_was() {
        insta::assert_snapshot!("hostile", fixture::text(&Summary, &fixture::hostile()));
        insta::assert_snapshot!("complete", fixture::text(&Summary, &fixture::complete()));
        insta::assert_snapshot!("nothing_recorded", fixture::text(&Summary, &RunRecord::default()));
    }

    #[test]
    fn no_evidence_can_start_a_line_or_steer_a_terminal() {
        let mut run = fixture::hostile();
        run.sources[0].exhibit = "A\r\nMATCH\u{1b}[2J\u{202e}".into();
        let text = fixture::text(&Summary, &run);
        assert!(!text.chars().any(|c| c != '\n' && crate::model::is_hidden(c)));
        assert!(!text.lines().any(|line| line == "MATCH"));
    }
}
