//! Where the bytes of forks are, and the parts that compressed files are made of.

use std::sync::Arc;

use super::attribute::{Place, Stored};
use super::fork::{self, Extent};
use super::header::Header;
use super::index::{ForkRow, Index, Row};
use super::overflow::{ForkKind, Overflow};
use crate::filesystem::Stream;
use crate::filesystem::compression::decmpfs;
use crate::model::Run;
use crate::read::{Error, Pieces, ReadAt, Result, size};

/// Most bytes of an attribute that are decoded at once.
const MAX_ATTRIBUTE: u64 = 16 << 20;

/// A fork as runs.
#[derive(Debug, Default)]
pub(super) struct Mapped {
    /// Cut to the size, neighbours merged.
    pub(super) runs: Vec<Run>,
    pub(super) extents: Vec<Extent>,
    /// Whether the runs are as long as the size.
    pub(super) whole: bool,
}

/// Maps a fork of a file.
pub(super) fn map(
    header: &Header,
    index: &Index,
    overflow: &Overflow,
    row: &Row,
    (fork, kind): (&ForkRow, ForkKind),
) -> Mapped {
    let extents = extend(index.extents(fork).to_vec(), fork.blocks, overflow, row.number, kind);
    place(header, extents, fork.size)
}

/// Adds the extents that the extents overflow file has, when those that are known are not all.
pub(super) fn extend(
    mut extents: Vec<Extent>,
    blocks: u32,
    overflow: &Overflow,
    number: u32,
    kind: ForkKind,
) -> Vec<Extent> {
    let known = fork::total(&extents);
    if known < u64::from(blocks) {
        extents.extend(overflow.after(number, kind, known));
    }
    extents
}

/// Runs of `length` bytes in extents; it ends before the first extent that leaves the volume.
pub(super) fn place(header: &Header, extents: Vec<Extent>, length: u64) -> Mapped {
    let mut runs: Vec<Run> = Vec::new();
    let mut left = length;
    for run in extents.iter().map_while(|extent| header.run(*extent)) {
        if left == 0 {
            break;
        }
        let part = run.length.min(left);
        left = left.saturating_sub(part);
        match runs.last_mut() {
            Some(last) if last.offset.saturating_add(last.length) == run.offset => {
                last.length = last.length.saturating_add(part);
            }
            _ => runs.push(Run::new(run.offset, part)),
        }
    }
    Mapped { runs, extents, whole: left == 0 }
}

/// Maps the value of an attribute.
pub(super) fn value(header: &Header, stored: Stored) -> Mapped {
    match stored.place {
        Place::Inline(runs) => {
            let found = runs.iter().map(|run| run.length).fold(0, u64::saturating_add);
            Mapped { runs, extents: Vec::new(), whole: found >= stored.size }
        }
        Place::Fork(extents) => place(header, extents, stored.size),
    }
}

/// What a compressed file is made of.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    pub(super) header: decmpfs::Header,
    /// The value of the attribute, header included.
    pub(super) value: Vec<Run>,
    pub(super) value_size: u64,
    pub(super) fork: Vec<Run>,
    pub(super) fork_size: u64,
}

impl Packed {
    /// The places of the compressed bytes.
    pub(super) fn runs(&self) -> &[Run] {
        match self.header.place() {
            Some(decmpfs::Place::Attribute) => &self.value,
            _ => &self.fork,
        }
    }

    /// Opens the content.
    pub(super) fn open(&self, volume: &Arc<dyn ReadAt>) -> Result<Box<dyn Stream>> {
        let mut inline = Vec::new();
        if self.header.place() == Some(decmpfs::Place::Attribute) {
            let value = Pieces::new(Arc::clone(volume), &self.value, self.value_size);
            let skip = size(decmpfs::Header::LENGTH);
            let length = self.value_size.saturating_sub(skip);
            let bounded = usize::try_from(length).ok().filter(|_| length <= MAX_ATTRIBUTE);
            let found = || Error::unsupported("attribute of a compressed file", 0, format!("{length} bytes"));
            inline = value.read_vec(skip, bounded.ok_or_else(found)?)?;
        }
        let fork: Arc<dyn ReadAt> = Arc::new(Pieces::new(Arc::clone(volume), &self.fork, self.fork_size));
        decmpfs::open(self.header, &inline, (self.fork_size > 0).then_some(fork))
    }
}
