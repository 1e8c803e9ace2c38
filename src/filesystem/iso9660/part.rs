//! A directory record, or several in a row, as one file or directory of a tree.

use super::both::Both;
use super::content::Place;
use super::record::{Record, flag};
use super::rock_ridge::Attributes;
use super::susp;
use super::tree::{Node, Pending, Walk};
use crate::model::{Content, EntryKind, Extent, ProblemKind};
use crate::read::size;

/// A file of which not every section was seen.
pub(super) struct Part {
    pub(super) node: Node,
    pub(super) stored_name: Vec<u8>,
    pub(super) attributes: Attributes,
    pub(super) is_directory: bool,
    pub(super) sections: Vec<Pending>,
}

impl Walk<'_> {
    pub(super) fn record(
        &mut self,
        directory: u32,
        own: u32,
        record: Record<'_>,
        part: &mut Option<Part>,
        next: &mut Vec<Pending>,
    ) {
        let extent = record.extent();
        let is_own = extent.little == own || extent.big == own;
        let above = self.entered.contains_key(&extent.little) || self.entered.contains_key(&extent.big);
        // A record with such a name that leads elsewhere is an entry like any other.
        let upwards = above || record.has(flag::DIRECTORY) && (directory == 0 || self.skip.is_some());
        if record.is_dot(0) && is_own || record.is_dot(1) && upwards {
            return;
        }
        let more = record.has(flag::MORE);
        let associated = record.has(flag::ASSOCIATED);
        if let Some(mut open) = part.take() {
            if open.stored_name == record.name() && open.node.associated == associated {
                self.measure.add_section(&mut open.node.place, record);
                if open.is_directory {
                    open.sections.push(self.pending(0, record, true));
                }
                if more {
                    *part = Some(open);
                } else {
                    self.finish(open, next);
                }
                return;
            }
            let detail = "the last section of a file is missing";
            self.tally.note(ProblemKind::Corrupt, detail, Extent::new(open.node.record, 34));
            self.finish(open, next);
        }
        let open = self.begin(directory, record);
        if more {
            *part = Some(open);
        } else {
            self.finish(open, next);
        }
    }

    /// A file or directory as its first record describes it.
    fn begin(&mut self, directory: u32, record: Record<'_>) -> Part {
        let attributes = self.attributes(record);
        let mut place = Place::default();
        self.measure.add_section(&mut place, record);
        let marked = record.has(flag::DIRECTORY);
        let claimed = attributes.kind();
        let is_directory = match claimed {
            Some(EntryKind::Directory) if marked => true,
            // One of the two is damaged: the place itself decides.
            Some(kind) if marked != (kind == EntryKind::Directory) && attributes.child.is_none() => {
                let extent = record.extent();
                [extent.little, extent.big]
                    .into_iter()
                    .any(|at| self.itself(at, record.attribute_blocks()).is_some())
            }
            _ => marked,
        } || attributes.child.is_some();
        let kind = match claimed {
            _ if is_directory => EntryKind::Directory,
            _ if attributes.target().is_some() => EntryKind::Symlink,
            Some(kind) if kind != EntryKind::Directory => kind,
            _ => EntryKind::File,
        };
        let node = Node {
            parent: Some(directory),
            name: attributes.name().unwrap_or_else(|| self.stored_name(record.name())),
            kind,
            orphan: self.node(directory).is_some_and(|directory| directory.orphan),
            associated: record.has(flag::ASSOCIATED),
            record: record.offset,
            place,
            size: 0,
            times: attributes.times(record.time()),
            content: Content::Runs,
        };
        let mut first = self.pending(0, record, false);
        if let Some(child) = attributes.child {
            first.extent = child;
            first.size = Both { little: 2048, big: 2048 };
        }
        let sections = if is_directory { vec![first] } else { Vec::new() };
        Part { node, stored_name: record.name().to_vec(), attributes, is_directory, sections }
    }

    fn pending(&self, node: u32, record: Record<'_>, continued: bool) -> Pending {
        let (extent, size) = (record.extent(), record.size());
        Pending { node, extent, size, attribute_blocks: record.attribute_blocks(), continued }
    }

    /// Adds a node that is complete.
    pub(super) fn finish(&mut self, part: Part, next: &mut Vec<Pending>) {
        let Part { mut node, attributes, sections, .. } = part;
        let place = Extent::new(node.record, 34);
        if node.place.doubtful {
            let detail = "a directory record whose numbers differ between the two byte orders";
            self.tally.note(ProblemKind::Corrupt, detail, place);
        }
        if let Some(extra) = node.place.attributes {
            self.places.push((extra.offset.min(self.measure.size), extra.length));
        }
        node.size = node.place.stored;
        if node.place.stored > 0 && !matches!(node.kind, EntryKind::File | EntryKind::Directory) {
            // Systems that do not know Rock Ridge show a file.
            let detail = "links and devices of Rock Ridge that have content: they are listed as files";
            self.tally.note(ProblemKind::Ambiguous, detail, place);
            node.kind = EntryKind::File;
        }
        match node.kind {
            EntryKind::Directory if attributes.child.is_some() => node.place = Place::default(),
            EntryKind::File => self.judge(&mut node, &attributes),
            EntryKind::Symlink => {
                node.size = size(attributes.target().unwrap_or_default().len());
                node.place = Place::default();
                node.content = Content::Opened;
            }
            _ => {}
        }
        let beyond =
            node.place.runs.iter().any(|run| run.offset.saturating_add(run.length) > self.measure.size);
        if beyond && node.kind == EntryKind::File {
            let detail = "files that reach beyond the end of the volume: it is cut short, or their records are damaged";
            self.tally.note(ProblemKind::Corrupt, detail, place);
        }
        if attributes.relocated && node.kind == EntryKind::Directory {
            // Further sections of a moved directory are not known to exist.
            self.moved.extend(sections.into_iter().next().map(|pending| (node, pending)));
            return;
        }
        if let Some(index) = self.push(node) {
            next.extend(sections.into_iter().map(|pending| Pending { node: index, ..pending }));
        }
    }

    /// How the content of a file is had.
    fn judge(&mut self, node: &mut Node, attributes: &Attributes) {
        let place = Extent::new(node.record, 34);
        let mut unread = |detail: &str, kind| {
            self.tally.note(kind, detail, place);
            node.content = Content::Unsupported;
        };
        if node.place.over_limit {
            unread("interleaved files in more pieces than are followed", ProblemKind::Limit);
        } else if attributes.sparse {
            unread("sparse files of Rock Ridge (SF), which are not read", ProblemKind::Unsupported);
        } else if let Some(zisofs) = attributes.zisofs {
            if zisofs.size == 0 && node.place.stored > 0 {
                let detail =
                    "files that are said to be compressed from nothing: they are read as they are stored";
                return self.tally.note(ProblemKind::Corrupt, detail, place);
            }
            node.size = zisofs.size;
            let known = matches!(&zisofs.algorithm, b"pz" | b"PZ") && node.place.runs.len() == 1;
            if known && zisofs.size > 0 {
                node.content = Content::Opened;
            } else if zisofs.size > 0 {
                unread("compressed files (ZF) of an unknown algorithm", ProblemKind::Unsupported);
            }
        }
    }

    fn attributes(&mut self, record: Record<'_>) -> Attributes {
        let mut attributes = Attributes::default();
        let Some(skip) = self.skip else { return attributes };
        let show = &mut |field: susp::Field<'_>| attributes.add(&field);
        let block = self.descriptor.block;
        let end = susp::each(record.system_use(), skip, block, &mut self.cache, &mut self.places, show);
        if let Err(fault) = end {
            let detail = match fault {
                susp::Fault::Length => "system use fields whose lengths do not fit",
                susp::Fault::Loop => "continuations of system use fields that lead back or do not end",
                susp::Fault::Unreadable(_) => "continuations of system use fields that cannot be read",
            };
            self.tally.note(ProblemKind::Corrupt, detail, Extent::new(record.offset, size(record.length())));
        }
        attributes
    }
}
