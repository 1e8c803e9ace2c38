//! Rows of the two long tables: findings, and what was not examined.

use crate::model::{Finding, Problem, RunRecord, counted, size_text};
use crate::report::words::{self, shown};

pub(super) struct FindingRow {
    pub(super) number: usize,
    pub(super) path: String,
    /// Hexadecimal bytes of a path that is not UTF-8.
    pub(super) path_hex: String,
    /// Where it lies, its size and state.
    pub(super) facts: Vec<String>,
    pub(super) times: Vec<String>,
    pub(super) digests: Vec<(String, String)>,
    /// `alert` or `review`: word and class.
    pub(super) action: &'static str,
    pub(super) grade: &'static str,
    pub(super) statements: Vec<String>,
    pub(super) remarks: Vec<String>,
}

impl FindingRow {
    pub(super) fn new(number: usize, finding: &Finding) -> Self {
        let item = &finding.item;
        let mut facts = vec![
            format!("exhibit {}", shown(&finding.exhibit)),
            format!("volume {}", item.volume),
            format!("record {}", item.record),
        ];
        if item.stream > 0 {
            facts.push(format!("stream {}", item.stream));
        }
        if let Some(first) = item.extents.first() {
            facts.push(format!("content from byte {}", first.offset));
        }
        facts.push(size_text(item.size));
        facts.push(words::state(item.state).to_owned());
        let mut remarks = Vec::new();
        if item.state != crate::model::EntryState::Allocated {
            remarks.push(words::DELETED.to_owned());
        }
        if finding.is_weak() {
            remarks.push(words::WEAK.to_owned());
        }
        remarks.extend(finding.remarks.iter().map(|remark| shown(remark)));
        Self {
            number,
            path: shown(&item.path.lossy()),
            path_hex: if item.path.is_utf8() { String::new() } else { hex::encode(item.path.as_bytes()) },
            facts,
            times: times(finding),
            digests: words::digests(finding).map(|(kind, digits)| (kind.to_string(), digits)).collect(),
            action: words::action(finding.action()),
            grade: finding.grade.label(),
            statements: finding.hits.iter().map(|hit| shown(&words::equality(hit))).collect(),
            remarks,
        }
    }
}

/// Each time in UTC or, where it is no date, as stored; then what had to be assumed, once.
fn times(finding: &Finding) -> Vec<String> {
    let mut lines = Vec::new();
    let mut assumed: Vec<&str> = Vec::new();
    for (name, stamp) in words::times(&finding.item.times) {
        lines.push(match &stamp.utc {
            Some(utc) => format!("{name} {}", shown(utc)),
            None => format!("{name}: no date (stored {})", shown(&stamp.raw)),
        });
        assumed.extend(stamp.assumption.as_deref());
    }
    assumed.dedup();
    lines.extend(assumed.into_iter().map(shown));
    lines
}

pub(super) struct ProblemRow {
    pub(super) kind: &'static str,
    pub(super) path: String,
    pub(super) path_hex: String,
    pub(super) facts: Vec<String>,
    pub(super) detail: String,
    pub(super) advice: String,
}

impl ProblemRow {
    pub(super) fn new(run: &RunRecord, problem: &Problem) -> Self {
        let mut facts = vec![format!("exhibit {}", shown(&run.exhibit(problem.source)))];
        facts.extend(problem.volume.map(|volume| format!("volume {volume}")));
        facts.extend(problem.record.map(|record| format!("record {record}")));
        facts.extend(
            problem.extent.map(|e| format!("{} from byte {}", counted(e.length, "byte", "bytes"), e.offset)),
        );
        if problem.count > 1 {
            facts.push(format!("stands for {}", counted(problem.count, "case", "cases")));
        }
        let path = problem.path.as_ref();
        Self {
            kind: problem.kind.label(),
            path: path.map(|path| shown(&path.lossy())).unwrap_or_default(),
            path_hex: path
                .filter(|path| !path.is_utf8())
                .map(|path| hex::encode(path.as_bytes()))
                .unwrap_or_default(),
            facts,
            detail: shown(&words::problem(problem)),
            advice: shown(&problem.advice),
        }
    }
}
