//! Events in words, one line each.

use crate::model::{
    Action, Control, Event, Finding, Problem, SetSignature, SetSummary, SourceHeader, SourceKind, Verdict,
    VolumeSummary, counted, size_text, visible,
};

use super::mask::Mask;

/// An event as a line for a person; `None` for those that say nothing by themselves.
pub fn line(event: &Event, mask: Mask, exhibits: &[String]) -> Option<String> {
    let exhibit = |source: u32| {
        let at = usize::try_from(source).ok();
        at.and_then(|at| exhibits.get(at)).map(|name| visible(name).into_owned()).unwrap_or_default()
    };
    match event {
        Event::SourceStarted(source) => Some(started(source)),
        Event::Volume(inner) => Some(format!("volume    {}  {}", exhibit(inner.source), volume(inner, mask))),
        Event::Finding(inner) => Some(finding(inner, mask)),
        Event::Problem(inner) => {
            Some(format!("problem   {}  {}", exhibit(inner.source), problem(inner, mask)))
        }
        Event::Control(inner) => Some(control(inner, &exhibit(inner.source))),
        Event::Warning(inner) => {
            let whose = inner.source.map(|source| format!("{}  ", exhibit(source))).unwrap_or_default();
            Some(format!("warning   {whose}{}", visible(&inner.detail)))
        }
        _ => None,
    }
}

/// What must be known of a source: how it is protected, what is missing.
pub fn remark(exhibit: &str, remark: &str) -> String {
    format!("note      {}  {}", visible(exhibit), visible(remark))
}

/// A loaded set: name, role, entries, date and profile, and what was wrong with its lists.
pub fn set(set: &SetSummary) -> Vec<String> {
    let profile = match set.profile.as_str() {
        "none" => "no profile: categories are shown as bare numbers".to_owned(),
        name => format!("profile {name}"),
    };
    let mut lines = vec![format!("set       {} ({}), {profile}", visible(&set.name), set.role.name())];
    let stated = |name: &str, value: &Option<String>| Some(format!("{name} {}", visible(value.as_deref()?)));
    let stated: Vec<String> = [
        stated("issuer", &set.edition.issuer),
        stated("version", &set.edition.version),
        stated("valid until", &set.edition.valid_until),
        match &set.signature {
            SetSignature::None => None,
            SetSignature::Unknown { key } => Some(format!("signed by an UNKNOWN key {}", visible(key))),
            SetSignature::Trusted { name, .. } => Some(format!("signed by {}", visible(name))),
        },
    ]
    .into_iter()
    .flatten()
    .collect();
    if !stated.is_empty() {
        lines.push(format!("          {}", stated.join(", ")));
    }
    for list in &set.lists {
        let date = list.date.as_deref().unwrap_or("states no date");
        let mut line = format!(
            "  list    {}: {}, {}, {}",
            visible(&list.name),
            visible(&list.format()),
            counted(list.entries, "entry", "entries"),
            visible(date)
        );
        for (number, what) in [
            (list.rejected, "lines rejected"),
            (list.without_digest, "records without a digest"),
            (list.empty_file, "entries of the empty file left out"),
            (list.duplicates, "duplicates"),
            (list.near, "near-duplicate hashes, which this version does not compare"),
            (list.not_harmless, "records left out that the list marks as not harmless"),
            (list.withdrawn, "records replaced or taken back by later ones"),
        ] {
            if number > 0 {
                line.push_str(&format!(", {number} {what}"));
            }
        }
        lines.push(line);
        lines.extend(
            list.rejected_examples.iter().take(3).map(|example| format!("          {}", visible(example))),
        );
        lines.extend(list.remarks.iter().map(|remark| format!("          note: {}", visible(remark))));
    }
    lines
}

/// What is said of a set whose last day is past.
pub fn expired(set: &SetSummary) -> Option<String> {
    let day = set.edition.valid_until.as_deref().filter(|_| set.expired)?;
    Some(format!(
        "EXPIRED   the set {} was valid until {}: it may lack what is known today. The record says so; get the current \
         one from its issuer",
        visible(&set.name),
        visible(day)
    ))
}

/// The answer: for each exhibit both halves and every reason.
pub fn verdict(verdict: &Verdict) -> Vec<String> {
    let mut lines = Vec::new();
    for exhibit in &verdict.exhibits {
        lines.push(format!("{}: {}", visible(&exhibit.exhibit), exhibit.headline()));
        lines.extend(exhibit.reasons.iter().map(|reason| format!("  - {}", visible(reason))));
    }
    if verdict.exhibits.len() != 1 {
        lines.push(format!("ALL: {}", verdict.headline()));
    }
    if verdict.demonstration {
        lines.push("DEMONSTRATION ONLY: only the demonstration set was loaded".into());
    }
    lines
}

fn started(source: &SourceHeader) -> String {
    let kind = match source.kind {
        SourceKind::Device => "device",
        SourceKind::Image => "image",
        SourceKind::Folder => "folder",
    };
    let size = if source.kind == SourceKind::Folder {
        String::new()
    } else {
        format!(", {}", size_text(source.size))
    };
    let device = &source.device;
    let text =
        |field: &Option<String>| field.as_deref().map_or("not available".into(), |t| visible(t).into_owned());
    let identity = match source.kind {
        SourceKind::Device => format!(", model {}, serial {}", text(&device.model), text(&device.serial)),
        SourceKind::Image | SourceKind::Folder => String::new(),
    };
    let flag = if source.labelled {
        ""
    } else {
        "  (NO EXHIBIT REFERENCE: give one with --exhibit, or later with `onscene label`)"
    };
    format!("exhibit   {}  {kind} {}{size}{identity}{flag}", visible(&source.exhibit), visible(&source.name))
}

fn volume(volume: &VolumeSummary, mask: Mask) -> String {
    let label = [&volume.label, &volume.table_label].into_iter().find(|label| !label.is_empty());
    let label = label.map(|label| mask.text(label)).filter(|label| !label.is_empty());
    let label = label.map(|label| format!(" \"{label}\"")).unwrap_or_default();
    let place = match volume.extent.length {
        0 => String::new(),
        length if volume.extents.is_empty() => {
            format!(", {} from byte {}", size_text(length), volume.extent.offset)
        }
        length => {
            let places = counted(volume.places(), "place", "places");
            format!(", {} in {places}, first byte {}", size_text(length), volume.extent.offset)
        }
    };
    let on = volume.on_words().map(|on| format!(" {on}")).unwrap_or_default();
    let contents = match &volume.filesystem {
        None => volume.holds.as_deref().map_or_else(|| "NOT READ".to_owned(), |what| mask.quoted(what)),
        Some(name) => format!(
            "{}{label}: {}, {} deleted",
            visible(name),
            counted(volume.files, "file", "files"),
            counted(volume.deleted, "entry", "entries")
        ),
    };
    format!("volume {} ({}{place}{on}): {contents}", volume.volume, visible(&volume.kind))
}

/// One finding: what it is by which list, where, and how sure.
fn finding(finding: &Finding, mask: Mask) -> String {
    let word = match finding.action() {
        Action::Alert => "MATCH ",
        Action::Review | Action::Ignore => "REVIEW",
    };
    let mut categories: Vec<String> = finding.hits.iter().map(crate::model::Hit::category_text).collect();
    categories.sort();
    categories.dedup();
    let mut algorithms: Vec<_> = finding.hits.iter().map(|hit| hit.algorithm).collect();
    algorithms.sort_unstable();
    algorithms.dedup();
    let algorithms: Vec<String> = algorithms.iter().map(ToString::to_string).collect();
    format!(
        "{word}    {}  {} by {}, {}; volume {}, record {}, {}: {}",
        visible(&finding.exhibit),
        finding.grade.label(),
        algorithms.join(" and "),
        visible(&categories.join("; ")),
        finding.item.volume,
        finding.item.record,
        size_text(finding.item.size),
        mask.path(&finding.item.path)
    )
}

fn problem(problem: &Problem, mask: Mask) -> String {
    let mut line = problem.kind.label().to_owned();
    if problem.count > 1 {
        line.push_str(&format!(" ({} times)", problem.count));
    }
    if let Some(volume) = problem.volume {
        line.push_str(&format!(", volume {volume}"));
    }
    if let Some(record) = problem.record {
        line.push_str(&format!(", record {record}"));
    }
    if let Some(path) = &problem.path {
        line.push_str(&format!(", {}", mask.path(path)));
    }
    line.push_str(&format!(": {}", mask.quoted(&problem.detail)));
    if !problem.advice.is_empty() {
        line.push_str(&format!(" -> {}", visible(&problem.advice)));
    }
    line
}

fn control(control: &Control, exhibit: &str) -> String {
    let word = if control.passed { "held" } else { "FAILED" };
    format!("control   {exhibit}  {word}: {}", visible(&control.detail))
}
