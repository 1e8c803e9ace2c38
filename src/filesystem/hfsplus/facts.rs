//! From a row of the catalog to what its entries say: content, streams, compression.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::attribute::{Attributes, Stored};
use super::content::{self, Mapped, Packed};
use super::header::Header;
use super::index::{ForkRow, Index, Row};
use super::overflow::{ForkKind, Overflow};
use super::record::Role;
use super::tree::Tree;
use crate::filesystem::compression::decmpfs;
use crate::model::{Content, EntryKind, Problem, ProblemKind, Run};
use crate::read::{Pieces, ReadAt, size};

/// Everything that was read before the entries are made.
pub(super) struct Known<'v> {
    pub(super) volume: &'v Arc<dyn ReadAt>,
    pub(super) header: &'v Header,
    pub(super) index: Index,
    pub(super) overflow: Overflow,
    pub(super) attributes: Option<(Attributes, Tree)>,
}

/// The content of an entry.
pub(super) struct Facts {
    pub(super) kind: EntryKind,
    pub(super) size: u64,
    pub(super) content: Content,
    pub(super) runs: Vec<Run>,
    /// What is wrong with it.
    pub(super) flaw: Option<String>,
    /// What it is made of, when it must be opened.
    pub(super) packed: Option<Packed>,
}

/// Kinds of content that is not read, counted.
#[derive(Default)]
pub(super) struct Unread(BTreeMap<String, u64>);

impl Known<'_> {
    /// The data fork, or what it stands for.
    pub(super) fn content(&self, row: &Row, unread: &mut Unread) -> Facts {
        let Role::Plain(kind) = row.role else { return Facts::of(EntryKind::File, 0, Mapped::default()) };
        if matches!(kind, EntryKind::Directory | EntryKind::Other) {
            return Facts {
                content: Content::Runs,
                ..Facts::of(kind, 0, Mapped { whole: true, ..Mapped::default() })
            };
        }
        if kind == EntryKind::File
            && let Some(facts) = self.compressed(row, unread)
        {
            return facts;
        }
        Facts::of(kind, row.data.size, self.map(row, &row.data, ForkKind::Data))
    }

    /// The data fork as it is.
    pub(super) fn fork(&self, row: &Row) -> Facts {
        Facts::of(EntryKind::File, row.data.size, self.map(row, &row.data, ForkKind::Data))
    }

    /// The resource fork, unless it is where the content of a compressed file is.
    pub(super) fn resource(&self, row: &Row, packed: bool) -> Option<Facts> {
        let fork = &row.resource;
        (fork.size > 0 && !packed)
            .then(|| Facts::of(EntryKind::File, fork.size, self.map(row, fork, ForkKind::Resource)))
    }

    /// The named attributes, without the one that says how a file is compressed.
    pub(super) fn attributes(&self, row: &Row) -> Vec<(&[u8], Facts)> {
        let Some((attributes, tree)) = &self.attributes else { return Vec::new() };
        let named =
            attributes.of(row.number, tree).filter(|(name, _)| *name != decmpfs::ATTRIBUTE.as_bytes());
        let facts = |stored: Stored| {
            let size = stored.size;
            Facts::of(EntryKind::File, size, content::value(self.header, stored))
        };
        named.map(|(name, stored)| (name, facts(stored))).collect()
    }

    /// The extents and runs of a fork.
    pub(super) fn map(&self, row: &Row, fork: &ForkRow, kind: ForkKind) -> Mapped {
        content::map(self.header, &self.index, &self.overflow, row, (fork, kind))
    }

    /// A file is compressed when its attribute says how, and its flags say so or there is nothing else.
    fn compressed(&self, row: &Row, unread: &mut Unread) -> Option<Facts> {
        let stored = self.attributes.as_ref().and_then(|(all, tree)| all.compression(row.number, tree));
        let Some(stored) = stored else {
            let lost = row.compressed && row.data.size == 0;
            let why = "it is marked as compressed, and the attribute com.apple.decmpfs is missing";
            return lost.then(|| Facts { flaw: Some(why.into()), ..Facts::lost() });
        };
        (row.compressed || row.data.size == 0).then_some(())?;
        let (value_size, known) = (stored.size, stored.compressed);
        let value = content::value(self.header, stored);
        let Some(header) = known.or_else(|| self.header_of(&value)) else {
            let why = "its attribute com.apple.decmpfs has no header";
            return row.compressed.then(|| Facts { flaw: Some(why.into()), ..Facts::lost() });
        };
        let fork = self.map(row, &row.resource, ForkKind::Resource);
        let fork_size = row.resource.size;
        let packed = Packed { header, value: value.runs, value_size, fork: fork.runs, fork_size };
        let needed = match header.place() {
            Some(decmpfs::Place::Fork) => fork.whole,
            _ => value.whole,
        };
        let (content, flaw) = match (header.is_readable(), needed) {
            (false, _) => {
                unread.count(format!("files compressed by decmpfs type {}", header.kind));
                (Content::Unsupported, None)
            }
            (true, false) => (Content::Lost, Some("its compressed bytes have no place".to_owned())),
            (true, true) => (Content::Opened, None),
        };
        let runs = packed.runs().to_vec();
        Some(Facts { kind: EntryKind::File, size: header.size, content, runs, flaw, packed: Some(packed) })
    }

    /// The header of an attribute that has a fork of its own.
    fn header_of(&self, value: &Mapped) -> Option<decmpfs::Header> {
        let length = size(decmpfs::Header::LENGTH);
        let bytes = Pieces::new(Arc::clone(self.volume), &value.runs, length);
        decmpfs::Header::parse(&bytes.read_vec(0, decmpfs::Header::LENGTH).ok()?)
    }
}

impl Facts {
    fn of(kind: EntryKind, size: u64, mapped: Mapped) -> Self {
        let covered = mapped.runs.iter().map(|run| run.length).fold(0, u64::saturating_add);
        let (content, flaw) = match mapped.whole {
            true => (Content::Runs, None),
            false => {
                (Content::Lost, Some(format!("its extents give the place of {covered} of {size} bytes")))
            }
        };
        Self { kind, size, content, runs: mapped.runs, flaw, packed: None }
    }

    /// A file of which only the name is known.
    pub(super) fn lost() -> Self {
        Self {
            kind: EntryKind::File,
            size: 0,
            content: Content::Lost,
            runs: Vec::new(),
            flaw: None,
            packed: None,
        }
    }
}

impl Unread {
    fn count(&mut self, what: String) {
        let count = self.0.entry(what).or_default();
        *count = count.saturating_add(1);
    }

    /// One problem for each kind.
    pub(super) fn problems(self) -> impl Iterator<Item = Problem> {
        self.0.into_iter().map(|(what, count)| {
            let mut problem =
                Problem::new(ProblemKind::Unsupported, format!("{what}, which this version does not read"));
            problem.count = count;
            problem
        })
    }
}
