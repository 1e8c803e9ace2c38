//! What reports say of a finding, a source or a time, in the same words everywhere.

use std::borrow::Cow;
use std::cmp::Reverse;

use crate::model::{
    Action, Algorithm, CategoryCount, EntryState, Finding, Hit, ListSummary, Problem, Protection, Role,
    RunRecord, SetSignature, SetSummary, SourceKind, Stamp, Timestamps, grouped, visible,
};

/// What stands on top when only the demonstration set was loaded.
pub(super) const DEMONSTRATION: &str =
    "DEMONSTRATION ONLY: every alert set of this run is a demonstration set. This is no result about a case.";

/// Said of every finding in a deleted file.
pub(super) const DELETED: &str = "deleted: name and times may belong to another file";

/// Said of every finding that rests on MD5 alone.
pub(super) const WEAK: &str = "weak: MD5 only";

/// Text of the evidence, of a list or of the operator that is shown.
pub(super) fn shown(text: &str) -> String {
    visible(text).into_owned()
}

/// A text, or that there is none.
pub(super) fn or_none(text: &str) -> String {
    if text.trim().is_empty() { "not given".to_owned() } else { shown(text) }
}

/// What is equal to what, and what the list records; a fact and no opinion.
pub(super) fn equality(hit: &Hit) -> String {
    let records = match (&hit.category, &hit.category_name) {
        (Some(number), Some(name)) => format!("which records it as category {number} ({name})"),
        (Some(number), None) => format!("which records it as category {number} (no name configured)"),
        (None, _) => "which records no category".to_owned(),
    };
    format!("{} digest equals entry of list {} (set {}), {records}", hit.algorithm, hit.list, hit.set)
}

/// Whether an entry exists, in a word.
pub(super) const fn state(state: EntryState) -> &'static str {
    match state {
        EntryState::Allocated => "existing",
        EntryState::Deleted => "deleted",
        EntryState::Orphan => "deleted, place in the tree lost",
    }
}

/// What a list or a finding asks for.
pub(super) const fn action(action: Action) -> &'static str {
    match action {
        Action::Alert => "alert",
        Action::Review => "review",
        Action::Ignore => "ignore",
    }
}

/// What the operator said a set is for.
pub(super) const fn role(role: Role) -> &'static str {
    role.name()
}

/// What the operator pointed at.
pub(super) const fn source_kind(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Device => "device",
        SourceKind::Image => "disk image",
        SourceKind::Folder => "folder",
    }
}

/// What kept a source from being written to, as far as was shown.
pub(super) fn protection(protection: &Protection) -> Vec<String> {
    let kernel = match protection.read_only {
        Some(true) => "the kernel says it is read-only",
        Some(false) => "the kernel says it is NOT read-only",
        None => "whether the kernel holds it read-only is not known",
    };
    let process = if protection.sandboxed {
        "the examining process had given up the right to write anywhere"
    } else {
        "the examining process was NOT held back from writing by the kernel"
    };
    let remarks = protection.remarks.iter().map(|remark| shown(remark));
    [kernel.to_owned(), process.to_owned()].into_iter().chain(remarks).collect()
}

/// The counts of a run, gravest first, and those without a category after the others; what is ignored is left out.
pub(super) fn categories(run: &RunRecord) -> Vec<(Action, &str, &CategoryCount)> {
    let mut rows: Vec<_> = run
        .categories
        .iter()
        .filter(|((action, _), _)| *action > Action::Ignore)
        .map(|((action, name), count)| (*action, name.as_str(), count))
        .collect();
    rows.sort_by_key(|(action, name, _)| (Reverse(*action), !name.starts_with("category"), *name));
    rows
}

/// What is wrong, as a reader needs it: of an aggregate also how many it stands for.
pub(super) fn problem(problem: &Problem) -> Cow<'_, str> {
    match problem.is_rest() {
        true => format!("and {} {}", grouped(problem.count), problem.detail).into(),
        false => problem.detail.as_str().into(),
    }
}

/// The digests of a finding by name, absent ones left out.
pub(super) fn digests(finding: &Finding) -> impl Iterator<Item = (Algorithm, String)> + '_ {
    finding.item.digests.iter().map(|digest| (digest.algorithm(), digest.to_string()))
}

/// The four times of an entry with their names, absent ones left out.
pub(super) fn times(times: &Timestamps) -> impl Iterator<Item = (&'static str, &Stamp)> {
    [
        ("created", &times.created),
        ("modified", &times.modified),
        ("accessed", &times.accessed),
        ("changed", &times.changed),
    ]
    .into_iter()
    .filter_map(|(name, stamp)| stamp.as_ref().map(|stamp| (name, stamp)))
}

/// What the signature of a set shows.
pub(super) fn signature(signature: &SetSignature) -> String {
    match signature {
        SetSignature::None => "none".into(),
        SetSignature::Unknown { key } => {
            format!("right, but by a key that is not among the trusted ones: {key}")
        }
        SetSignature::Trusted { key, name } => format!("right, by the trusted key {name}: {key}"),
    }
}

/// What a set states of itself.
pub(super) fn stated(set: &SetSummary) -> String {
    let part = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("{name} {value}"));
    let parts: Vec<String> = [
        part("issuer", &set.edition.issuer),
        part("version", &set.edition.version),
        part("valid until", &set.edition.valid_until),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() { "no issuer, version or last day of use".into() } else { parts.join(", ") }
}

/// What of a list was not taken over, or only once.
pub(super) fn left_out(list: &ListSummary) -> String {
    let mut text = format!(
        "{} standing twice; {} of the empty file and {} without a digest that is read here left out",
        grouped(list.duplicates),
        grouped(list.empty_file),
        grouped(list.without_digest)
    );
    for (number, what) in [
        (list.near, "near-duplicate hashes, which this version does not compare"),
        (list.not_harmless, "marked by the list as not harmless left out"),
        (list.withdrawn, "replaced or taken back by later records"),
    ] {
        if number > 0 {
            text.push_str(&format!("; {} {what}", grouped(number)));
        }
    }
    text
}
