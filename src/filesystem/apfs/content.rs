//! What the content of a file or of an attribute is: runs, holes, a compressed form, or nothing.

use crate::filesystem::compression::decmpfs::{Header, Place};
use crate::model::{Content, Problem, ProblemKind, Run};

use super::block::Blocks;
use super::catalog::{COMPRESSION, Catalog, RESOURCE_FORK, SYMLINK, Value};
use super::packed::{self, Packed, Stored};
use super::record::Inode;
use super::space::Space;

/// Larger than any file of the format; a greater size is damage.
const LARGEST: u64 = i64::MAX.cast_unsigned();

/// The content of an entry.
pub(super) struct Found {
    pub size: u64,
    pub content: Content,
    pub runs: Vec<Run>,
    /// How it is unpacked, when it is compressed.
    pub packed: Option<Packed>,
    /// Why it is not what it should be.
    pub trouble: Option<Trouble>,
    /// The attributes that it is made of.
    pub parts: Parts,
}

/// Attributes that are part of the content and no streams of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// The description of the compression.
    pub description: bool,
    /// The resource fork.
    pub fork: bool,
    /// The target of a symbolic link.
    pub link: bool,
}

/// Why content is not had, or not for sure. Each is reported once for a volume, with the number of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    /// The file is with a provider on the network.
    Elsewhere,
    /// The record of the file is lost.
    NoInode,
    /// Pieces are missing: holes have records too.
    MissingPieces,
    /// Pieces overlap, or lie beyond the container.
    OddPieces,
    /// The description of the compression cannot be read.
    OddCompression,
    /// The type of the compression is not known.
    UnknownCompression,
    /// They share extents with so many others that these are not listed again.
    TooMany,
}

impl Trouble {
    /// The problem that stands for `count` files of a volume.
    pub(super) fn problem(self, volume: &str, count: u64) -> Problem {
        let (kind, what, advice) = match self {
            Self::Elsewhere => (
                ProblemKind::Lost,
                "content is with a provider on the network and not on this device (data-less files)",
                "the account that it belongs to may have it",
            ),
            Self::NoInode => (
                ProblemKind::Corrupt,
                "the record is lost; size and content are guessed from the extents",
                "",
            ),
            Self::MissingPieces => (
                ProblemKind::Corrupt,
                "extents are missing (holes have records too): the gaps are read as zeros and the content is likely only, or are not read in a compressed file",
                "",
            ),
            Self::OddPieces => (
                ProblemKind::Corrupt,
                "extents overlap or lie beyond the container: the content is not as it was",
                "",
            ),
            Self::OddCompression => {
                (ProblemKind::Corrupt, "the header of the compressed content cannot be read", "")
            }
            Self::UnknownCompression => {
                (ProblemKind::Unsupported, "the content is compressed in a way that is not read", "")
            }
            Self::TooMany => (
                ProblemKind::Limit,
                "names and streams share so many extents that these are not listed again: not examined under these names",
                "",
            ),
        };
        let mut problem =
            Problem::new(kind, format!("APFS volume {volume}: {count} files: {what}")).advise(advice);
        problem.count = count;
        problem
    }
}

impl Found {
    /// What has no content.
    pub(super) const fn of_nothing() -> Self {
        let parts = Parts { description: false, fork: false, link: false };
        Self { size: 0, content: Content::Runs, runs: Vec::new(), packed: None, trouble: None, parts }
    }

    /// Of a deleted entry: whether its blocks are still its own.
    ///
    /// What lies within a block stands in a node, which has just been read and was sound.
    pub(super) fn judge(&mut self, blocks: &Blocks, space: &Space) {
        let block = crate::read::size(blocks.length).max(1);
        let used = |run: &Run| {
            !run.is_hole() && run.offset.is_multiple_of(block) && {
                let first = run.offset.checked_div(block).unwrap_or(0);
                let last = run.offset.saturating_add(run.length).div_ceil(block);
                !space.is_free(first, last.saturating_sub(first))
            }
        };
        if self.content.is_had() && self.runs.iter().any(used) {
            self.content = Content::Overwritten;
            self.packed = None;
        }
    }

    fn doubtful(mut self, trouble: Trouble, content: Content) -> Self {
        (self.trouble, self.content) = (Some(trouble), content);
        self
    }
}

/// The content of a file.
pub(super) fn of_file(blocks: &Blocks, catalog: &Catalog, inode: &Inode) -> Found {
    let size = inode.size.unwrap_or(0);
    let description = catalog.attribute(inode.id, COMPRESSION);
    if inode.is_elsewhere() && catalog.pieces_of(inode.stream).is_empty() {
        let size = inode.uncompressed().unwrap_or(size);
        return Found { size, ..Found::of_nothing() }.doubtful(Trouble::Elsewhere, Content::Lost);
    }
    // Without the flag the system shows the plain stream; a lost stream may still have a description.
    if let Some(description) = description
        && (inode.is_compressed() || inode.size.is_none())
    {
        return compressed(blocks, catalog, inode, description);
    }
    of_stream(blocks, catalog, inode.stream, size, Gaps::Zeros)
}

/// The target of a symbolic link.
pub(super) fn of_link(blocks: &Blocks, catalog: &Catalog, inode: &Inode) -> Found {
    let Some(value) = catalog.attribute(inode.id, SYMLINK) else {
        return Found { content: Content::Lost, ..Found::of_nothing() };
    };
    let mut found = of_attribute(blocks, catalog, value);
    // The zero byte at its end is stored with it.
    found.size = found.size.saturating_sub(1);
    found
}

/// The value of an attribute.
pub(super) fn of_attribute(blocks: &Blocks, catalog: &Catalog, value: Value) -> Found {
    of_value(blocks, catalog, value, Gaps::Zeros)
}

fn of_value(blocks: &Blocks, catalog: &Catalog, value: Value, gaps: Gaps) -> Found {
    match value {
        Value::Here(run, _) => Found { size: run.length, runs: vec![run], ..Found::of_nothing() },
        Value::Stream(stream, size) => of_stream(blocks, catalog, stream, size, gaps),
    }
}

/// What cannot be mapped because too much has been.
pub(super) fn of_too_many(size: Option<u64>) -> Found {
    let found = Found { size: size.unwrap_or(0), ..Found::of_nothing() };
    found.doubtful(Trouble::TooMany, Content::Lost)
}

/// How many extents [`of_file`] and [`of_data`] look at.
pub(super) fn cost(catalog: &Catalog, inode: &Inode) -> usize {
    let parts = [COMPRESSION, RESOURCE_FORK].map(|name| match catalog.attribute(inode.id, name) {
        Some(Value::Stream(stream, _)) => catalog.pieces_of(stream).len(),
        _ => 0,
    });
    parts.into_iter().fold(catalog.pieces_of(inode.stream).len(), usize::saturating_add)
}

/// The data stream of a file whose content is elsewhere.
pub(super) fn of_data(blocks: &Blocks, catalog: &Catalog, inode: &Inode) -> Found {
    let pieces = catalog.pieces_of(inode.stream).iter();
    let end = || pieces.map(|piece| piece.start.saturating_add(piece.length)).max().unwrap_or(0);
    of_stream(blocks, catalog, inode.stream, inode.size.unwrap_or_else(end), Gaps::Zeros)
}

/// What is left of a file whose record is lost: its extents may still be known by its number.
pub(super) fn of_lost(blocks: &Blocks, catalog: &Catalog, id: u64) -> Found {
    let pieces = catalog.pieces_of(id);
    let size = pieces.iter().map(|piece| piece.start.saturating_add(piece.length)).max().unwrap_or(0);
    let found = of_stream(blocks, catalog, id, size, Gaps::Zeros);
    let content = match found.content {
        Content::Runs if size > 0 => Content::Likely,
        _ => Content::Lost,
    };
    found.doubtful(Trouble::NoInode, content)
}

fn compressed(blocks: &Blocks, catalog: &Catalog, inode: &Inode, description: Value) -> Found {
    // A piece that lies in a gap must not be made of zeros that nobody wrote.
    let part = |value| of_value(blocks, catalog, value, Gaps::Unreadable);
    let description = part(description);
    let is_locked = |part: &Found| part.content == Content::Encrypted;
    let header = match catalog.header(inode.id) {
        None if !is_locked(&description) => packed::header(&blocks.source, &description.runs),
        known => known,
    };
    let is_inline = |header: Header| header.place() == Some(Place::Attribute);
    let uses_fork = !header.is_some_and(is_inline);
    let fork = catalog.attribute(inode.id, RESOURCE_FORK).filter(|_| uses_fork).map(part);
    let parts = || [Some(&description), fork.as_ref()].into_iter().flatten();
    let is_placed = |run: &&Run| run.offset != NOWHERE;
    let runs: Vec<Run> = parts().flat_map(|part| part.runs.iter().filter(is_placed).copied()).collect();
    let trouble = parts().find_map(|part| part.trouble);
    let is_encrypted = parts().any(is_locked);
    let size = header.map(|header| header.size).or_else(|| inode.uncompressed()).unwrap_or(0);
    let used = Parts { description: true, fork: uses_fork, link: false };
    let found = Found { size, runs, trouble, parts: used, ..Found::of_nothing() };
    if is_encrypted {
        return Found { content: Content::Encrypted, ..found };
    }
    let Some(header) = header else { return found.doubtful(Trouble::OddCompression, Content::Lost) };
    if !header.is_readable() {
        return found.doubtful(Trouble::UnknownCompression, Content::Unsupported);
    }
    let attribute = Stored { runs: description.runs, size: description.size };
    let fork = fork.map(|fork| Stored { runs: fork.runs, size: fork.size });
    let packed = Packed { header, attribute, fork };
    Found { content: Content::Opened, packed: Some(packed), ..found }
}

/// What stands for the parts of a stream that no extent tells of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gaps {
    /// Zeros, which is likely only.
    Zeros,
    /// Bytes that cannot be read.
    Unreadable,
}

/// A place that no medium has.
const NOWHERE: u64 = i64::MAX.cast_unsigned();

impl Gaps {
    const fn run(self, length: u64) -> Run {
        match self {
            Self::Zeros => Run::hole(length),
            Self::Unreadable => Run::new(NOWHERE, length),
        }
    }
}

/// The content of a data stream.
fn of_stream(blocks: &Blocks, catalog: &Catalog, stream: u64, size: u64, gaps: Gaps) -> Found {
    let mut found = Found { size, ..Found::of_nothing() };
    if size > LARGEST {
        return found.doubtful(Trouble::OddPieces, Content::Lost);
    }
    let (mut at, mut has_gaps, mut odd) = (0_u64, false, false);
    for piece in catalog.pieces_of(stream) {
        if piece.start >= size {
            break;
        }
        if piece.start > at {
            has_gaps = true;
            push(&mut found.runs, gaps.run(piece.start.saturating_sub(at)));
            at = piece.start;
        }
        // What was said before wins where two pieces overlap.
        let skip = at.saturating_sub(piece.start);
        odd |= skip > 0 && piece.length > 0;
        let Some(length) = piece.length.checked_sub(skip).filter(|_| at < size) else { continue };
        let length = length.min(size.saturating_sub(at));
        let count = length.div_ceil(crate::read::size(blocks.length).max(1));
        let run = match piece.block {
            _ if skip > 0 && gaps == Gaps::Unreadable => gaps.run(length),
            0 => Run::hole(length),
            block => {
                odd |= !blocks.has(block, count);
                Run::new(blocks.extent(block, 1).offset.saturating_add(skip), length)
            }
        };
        push(&mut found.runs, run);
        at = at.saturating_add(length);
    }
    if at < size {
        has_gaps = true;
        push(&mut found.runs, gaps.run(size.saturating_sub(at)));
    }
    if catalog.is_encrypted && found.runs.iter().any(|run| !run.is_hole()) {
        found.content = Content::Encrypted;
        return found;
    }
    if odd {
        return found.doubtful(Trouble::OddPieces, Content::Likely);
    }
    if has_gaps {
        return found.doubtful(Trouble::MissingPieces, Content::Likely);
    }
    found
}

/// Adds a run; one that continues the last becomes part of it.
fn push(runs: &mut Vec<Run>, run: Run) {
    if run.length == 0 {
        return;
    }
    match runs.last_mut() {
        Some(last) if last.is_hole() && run.is_hole() => last.length = last.length.saturating_add(run.length),
        Some(last)
            if !last.is_hole() && !run.is_hole() && last.offset.saturating_add(last.length) == run.offset =>
        {
            last.length = last.length.saturating_add(run.length);
        }
        _ => runs.push(run),
    }
}
