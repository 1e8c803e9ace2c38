//! The runs of one inode, put together piece by piece in file order.

use super::MAX_RUNS;
use crate::model::Run;
use crate::read::Error;

/// The runs of one inode and what is wrong with them.
#[derive(Debug, Default)]
pub(in crate::filesystem) struct Mapped {
    /// Pieces in file order, in bytes of the volume, neighbours merged. The last may reach past the end of the content.
    pub runs: Vec<Run>,
    /// The first thing that is wrong; the runs are then not those of the file.
    pub damage: Option<Error>,
    /// What casts doubt on the runs without making them useless: a checksum that does not hold.
    pub doubt: Option<Error>,
    /// First block of content that has no run yet.
    pub next: u64,
}

impl Mapped {
    /// Only the first is kept: a garbled block of pointers would give thousands.
    pub(in crate::filesystem) fn damaged(&mut self, error: Error) {
        self.damage.get_or_insert(error);
    }

    /// The same for a doubt.
    pub(in crate::filesystem) fn doubted(&mut self, error: Error) {
        self.doubt.get_or_insert(error);
    }

    /// Adds `length` blocks from block `logical` of the content on, which must not lie before [`Self::next`]: they
    /// stand at `start`, in bytes of the volume, or are a hole. `unit` is a block's bytes.
    pub(in crate::filesystem) fn push(&mut self, logical: u64, length: u64, start: Option<u64>, unit: u64) {
        if self.runs.len() >= MAX_RUNS {
            let found = format!("more than {MAX_RUNS} runs");
            return self.damaged(Error::unsupported("content of a file", 0, found));
        }
        self.hole(logical.saturating_sub(self.next).saturating_mul(unit));
        let bytes = length.saturating_mul(unit);
        match start {
            Some(start) => self.add(Run::new(start, bytes)),
            None => self.hole(bytes),
        }
        self.next = logical.saturating_add(length);
    }

    /// Adds a hole up to block `end` of the content.
    pub(in crate::filesystem) fn fill(&mut self, end: u64, unit: u64) {
        self.hole(end.saturating_sub(self.next).saturating_mul(unit));
    }

    fn hole(&mut self, bytes: u64) {
        match self.runs.last_mut() {
            _ if bytes == 0 => {}
            Some(last) if last.is_hole() => last.length = last.length.saturating_add(bytes),
            _ => self.runs.push(Run::hole(bytes)),
        }
    }

    fn add(&mut self, run: Run) {
        match self.runs.last_mut() {
            Some(last) if !last.is_hole() && last.offset.saturating_add(last.length) == run.offset => {
                last.length = last.length.saturating_add(run.length);
            }
            _ => self.runs.push(run),
        }
    }
}
