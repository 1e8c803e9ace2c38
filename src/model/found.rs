//! What was found in a source, in plain words and with counts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Algorithm, EntryState, Finding, Hit, RunRecord, counted};

impl RunRecord {
    /// What was found in a source, in plain words: existing files apart from deleted ones.
    pub fn found(&self, source: u32) -> Vec<String> {
        let mut counts: BTreeMap<Quote<'_>, (u64, u64)> = BTreeMap::new();
        let mut weak = 0_u64;
        for finding in self.findings.iter().filter(|f| f.source == source && f.action() > Action::Ignore) {
            weak += u64::from(finding.is_weak());
            let hits = finding.hits.iter().filter(|hit| hit.action > Action::Ignore);
            for quote in hits.map(Quote::of).collect::<BTreeSet<_>>() {
                let (existing, deleted) = counts.entry(quote).or_default();
                match finding.item.state {
                    EntryState::Allocated => *existing += 1,
                    EntryState::Deleted | EntryState::Orphan => *deleted += 1,
                }
            }
        }
        let mut found: Vec<String> =
            counts.into_iter().map(|(quote, (existing, deleted))| quote.text(existing, deleted)).collect();
        if weak > 0 {
            let rests = if weak == 1 { "rests" } else { "rest" };
            found.push(format!(
                "{} {rests} on MD5 alone, which is weak",
                counted(weak, "finding", "findings")
            ));
        }
        found
    }
}

impl Finding {
    /// Whether nothing but MD5 speaks for it: two different contents with one MD5 can be made at will.
    pub fn is_weak(&self) -> bool {
        !self.hits.is_empty() && self.hits.iter().all(|hit| hit.algorithm == Algorithm::Md5)
    }
}

/// What a list says of an entry, the gravest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Quote<'a> {
    action: Reverse<Action>,
    uncategorised: bool,
    list: &'a str,
    category: Option<&'a str>,
    name: Option<&'a str>,
}

impl<'a> Quote<'a> {
    fn of(hit: &'a Hit) -> Self {
        Self {
            action: Reverse(hit.action),
            uncategorised: hit.category.is_none(),
            list: &hit.list,
            category: hit.category.as_deref(),
            name: hit.category_name.as_deref(),
        }
    }

    fn text(self, existing: u64, deleted: u64) -> String {
        let mut files = Vec::new();
        if existing > 0 {
            files.push(counted(existing, "existing file", "existing files"));
        }
        if deleted > 0 {
            files.push(counted(deleted, "deleted file", "deleted files"));
        }
        let verb = if existing.saturating_add(deleted) == 1 { "matches" } else { "match" };
        let category = match (self.category, self.name) {
            (Some(number), Some(name)) => format!(" (category {number}, {name})"),
            (Some(number), None) => format!(" (category {number}, no name configured)"),
            (None, _) => String::new(),
        };
        let review = if self.action == Reverse(Action::Review) { ", for review" } else { "" };
        format!("{} {verb} list {}{category}{review}", files.join(" and "), self.list)
    }
}
