//! What the page shows of a run, each value already as text that hides nothing.

use super::ledger::LedgerView;
use crate::model::{
    Action, CategoryCount, Control, DeviceIdentity, ExhibitVerdict, ListFile, ListSummary, RunRecord,
    SetSummary, SourceHeader, SourceSummary, VerdictResult, VolumeSummary, grouped, size_text,
};
use crate::report::words::{self, or_none, shown};

/// Both halves of an answer.
pub(super) struct Answer {
    /// Class that gives it its shape: `match`, `review`, `none`.
    pub(super) class: &'static str,
    pub(super) label: &'static str,
    pub(super) completeness: &'static str,
    pub(super) sentence: &'static str,
}

impl Answer {
    pub(super) const fn new(result: VerdictResult, complete: bool) -> Self {
        Self {
            class: match result {
                VerdictResult::Match => "match",
                VerdictResult::Review => "review",
                VerdictResult::NoMatch => "none",
            },
            label: result.label(),
            completeness: if complete { "examination complete" } else { "examination incomplete" },
            sentence: result.sentence(),
        }
    }
}

pub(super) struct ExhibitView {
    pub(super) name: String,
    pub(super) what: String,
    pub(super) answer: Answer,
    pub(super) found: Vec<String>,
    pub(super) gaps: Vec<String>,
    pub(super) ledger: Option<LedgerView>,
    pub(super) identity: Vec<(&'static str, String)>,
    /// What the device says of itself, in a line; empty when it is none.
    pub(super) device: String,
    pub(super) protection: Vec<String>,
    pub(super) notes: Vec<(String, String)>,
}

impl ExhibitView {
    pub(super) fn new(run: &RunRecord, verdict: &ExhibitVerdict) -> Self {
        let header = run.sources.iter().find(|s| s.source == verdict.source);
        let opened = run.opened.iter().find(|s| s.source == verdict.source);
        let texts = |texts: Vec<String>| texts.iter().map(|text| shown(text)).collect();
        Self {
            name: shown(&verdict.exhibit),
            what: header.map_or("source", |header| words::source_kind(header.kind)).to_owned(),
            answer: Answer::new(verdict.result, verdict.complete),
            found: texts(run.found(verdict.source)),
            gaps: texts(run.gaps(verdict.source)),
            ledger: run.coverage_of(verdict.source).map(LedgerView::new),
            identity: source_identity(header, opened),
            device: header
                .into_iter()
                .flat_map(|header| device(&header.device))
                .map(|(name, value)| format!("{} {value}", name.to_lowercase()))
                .collect::<Vec<_>>()
                .join("; "),
            protection: match opened {
                Some(opened) => words::protection(&opened.protection),
                None => vec!["not recorded: the source was not opened".to_owned()],
            },
            notes: opened
                .iter()
                .flat_map(|opened| &opened.notes)
                .map(|(name, value)| (shown(name), shown(value)))
                .collect(),
        }
    }
}

fn source_identity(
    header: Option<&SourceHeader>,
    opened: Option<&SourceSummary>,
) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if let Some(header) = header {
        rows.push(("Opened as", shown(&header.name)));
        if !header.labelled {
            rows.push(("Reference", "not given by the operator: the name stands in for it".to_owned()));
        }
        if header.size > 0 {
            rows.push(("Size as opened", size(header.size)));
        }
        rows.extend(device(&header.device));
    }
    if let Some(opened) = opened {
        rows.push((
            "Format",
            format!("{}; partition table: {}", shown(&opened.format), or_none(&opened.table)),
        ));
        if opened.size > 0 {
            rows.push(("Decoded medium", size(opened.size)));
        }
        rows.extend(
            opened.stored.iter().map(|d| ("Digest stored in the image", format!("{} {d}", d.algorithm()))),
        );
    }
    rows
}

/// Device facts as the device gives them; what it did not give is said to be missing.
fn device(device: &DeviceIdentity) -> Vec<(&'static str, String)> {
    if *device == DeviceIdentity::default() {
        return Vec::new();
    }
    let text = |text: &Option<String>| text.as_deref().map_or_else(|| "not available".to_owned(), shown);
    vec![
        ("Model", text(&device.model)),
        ("Serial number", text(&device.serial)),
        ("Capacity", device.capacity.map_or_else(|| "not available".to_owned(), size)),
        (
            "Sector size",
            device.sector_size.map_or_else(|| "not available".to_owned(), |size| format!("{size} bytes")),
        ),
        (
            "Spinning disk",
            match device.rotational {
                Some(true) => "yes",
                Some(false) => "no",
                None => "not available",
            }
            .to_owned(),
        ),
    ]
}

fn size(bytes: u64) -> String {
    format!("{} ({} bytes)", size_text(bytes), grouped(bytes))
}

pub(super) struct CategoryView {
    pub(super) action: &'static str,
    pub(super) name: String,
    pub(super) distinct: String,
    pub(super) existing: String,
    pub(super) deleted: String,
}

impl CategoryView {
    pub(super) fn new((action, name, count): (Action, &str, &CategoryCount)) -> Self {
        Self {
            action: words::action(action),
            name: shown(name),
            distinct: grouped(count.distinct),
            existing: grouped(count.allocated),
            deleted: grouped(count.deleted),
        }
    }
}

pub(super) struct SetView {
    pub(super) name: String,
    pub(super) role: &'static str,
    pub(super) profile: String,
    pub(super) demonstration: bool,
    /// When its last day is past, which day that was.
    pub(super) expired: Option<String>,
    pub(super) signature: String,
    pub(super) stated: String,
    pub(super) root: String,
    pub(super) lists: Vec<ListView>,
}

pub(super) struct ListView {
    pub(super) name: String,
    pub(super) format: String,
    pub(super) date: String,
    pub(super) entries: String,
    pub(super) rejected: String,
    pub(super) any_rejected: bool,
    pub(super) left_out: String,
    pub(super) files: Vec<FileView>,
    pub(super) examples: Vec<String>,
    pub(super) remarks: Vec<String>,
}

pub(super) struct FileView {
    pub(super) name: String,
    pub(super) sha256: String,
}

impl SetView {
    pub(super) fn new(set: &SetSummary) -> Self {
        Self {
            name: shown(&set.name),
            role: words::role(set.role),
            profile: shown(&set.profile),
            demonstration: set.demonstration,
            expired: set.edition.valid_until.as_deref().filter(|_| set.expired).map(shown),
            signature: shown(&words::signature(&set.signature)),
            stated: shown(&words::stated(set)),
            root: shown(&set.root),
            lists: set.lists.iter().map(ListView::new).collect(),
        }
    }
}

impl ListView {
    fn new(list: &ListSummary) -> Self {
        Self {
            name: shown(&list.name),
            format: shown(&list.format()),
            date: list.date.as_deref().map_or_else(|| "states none".to_owned(), shown),
            entries: grouped(list.entries),
            rejected: grouped(list.rejected),
            any_rejected: list.rejected > 0,
            left_out: words::left_out(list),
            files: list.files.iter().map(FileView::new).collect(),
            examples: list.rejected_examples.iter().map(|example| shown(example)).collect(),
            remarks: list.remarks.iter().map(|remark| shown(remark)).collect(),
        }
    }
}

impl FileView {
    fn new(file: &ListFile) -> Self {
        Self { name: shown(&file.name), sha256: shown(&file.sha256) }
    }
}

pub(super) struct ControlView {
    pub(super) what: String,
    pub(super) passed: bool,
    pub(super) detail: String,
}

impl ControlView {
    pub(super) fn new(run: &RunRecord, control: &Control) -> Self {
        let exhibit = run.exhibit(control.source);
        let what = match run.sources.len() {
            0 | 1 => control.kind.label().to_owned(),
            _ => format!("{}, {}", control.kind.label(), shown(&exhibit)),
        };
        Self { what, passed: control.passed, detail: shown(&control.detail) }
    }
}

pub(super) struct VolumeView {
    pub(super) exhibit: String,
    pub(super) cells: Vec<String>,
}

impl VolumeView {
    pub(super) fn new(run: &RunRecord, volume: &VolumeSummary) -> Self {
        let labels = [&volume.table_label, &volume.label].map(|label| shown(label));
        let labels: Vec<String> = labels.into_iter().filter(|label| !label.is_empty()).collect();
        Self {
            exhibit: shown(&run.exhibit(volume.source)),
            cells: vec![
                volume.volume.to_string(),
                match volume.on_words() {
                    None => shown(&volume.kind),
                    Some(on) => format!("{} {on}", shown(&volume.kind)),
                },
                volume
                    .filesystem
                    .as_deref()
                    .or(volume.holds.as_deref())
                    .map_or_else(|| "not recognised".to_owned(), shown),
                labels.join(" / "),
                grouped(volume.extent.offset),
                size_text(volume.extent.length),
                grouped(volume.files),
                grouped(volume.deleted),
                grouped(volume.directories),
            ],
        }
    }
}

/// Who ran what, when, on what.
pub(super) fn identity(run: &RunRecord) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if let Some(header) = &run.header {
        rows.push(("Case", or_none(&header.case)));
        rows.push(("Operator", or_none(&header.operator)));
        rows.push(("Authority", or_none(&header.authority)));
    } else {
        rows.push(("Case", "not recorded".to_owned()));
    }
    rows.push(("Started", or_none(&run.started)));
    let ended = if run.ended.is_empty() { "never".to_owned() } else { shown(&run.ended) };
    rows.push((
        "Ended",
        match &run.end {
            Some(end) if end.stopped => format!("{ended}, stopped early: {}", or_none(&end.reason)),
            _ => ended,
        },
    ));
    if let Some(header) = &run.header {
        rows.push(("Tool", format!("onscene {} on {}", shown(&header.version), or_none(&header.system))));
    }
    rows
}

/// The tool that ran, to the byte, and every option that bears on the result.
pub(super) fn options(run: &RunRecord) -> Vec<(String, String)> {
    let Some(header) = &run.header else { return Vec::new() };
    let tool = ("SHA-256 of the tool".to_owned(), shown(&header.binary_sha256));
    let options = header.options.iter().map(|(name, value)| (shown(name), shown(value)));
    std::iter::once(tool).chain(options).collect()
}

/// What else a reader must know, with the exhibit it concerns.
pub(super) fn warnings(run: &RunRecord) -> Vec<String> {
    run.warnings
        .iter()
        .map(|warning| match warning.source {
            Some(source) => format!("{}: {}", shown(&run.exhibit(source)), shown(&warning.detail)),
            None => shown(&warning.detail),
        })
        .collect()
}
