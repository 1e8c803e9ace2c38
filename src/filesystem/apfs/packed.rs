//! Compressed files: where the parts are that `decmpfs` needs.

use std::sync::Arc;

use crate::filesystem::Stream;
use crate::filesystem::compression::decmpfs::{self, Header};
use crate::model::Run;
use crate::read::{Pieces, ReadAt, Result};

/// Most bytes of the attribute; the format keeps less than a block there.
const LONGEST: u64 = 1 << 20;

/// A compressed file.
pub(super) struct Packed {
    pub header: Header,
    /// The value of the attribute.
    pub attribute: Stored,
    /// The resource fork.
    pub fork: Option<Stored>,
}

/// Bytes of the volume.
pub(super) struct Stored {
    pub runs: Vec<Run>,
    pub size: u64,
}

impl Packed {
    /// Opens the content.
    pub(super) fn open(&self, source: &Arc<dyn ReadAt>) -> Result<Box<dyn Stream>> {
        let reader = |stored: &Stored| Pieces::new(Arc::clone(source), &stored.runs, stored.size);
        let length = usize::try_from(self.attribute.size.min(LONGEST)).unwrap_or(0);
        let attribute = reader(&self.attribute).read_vec(0, length)?;
        let fork = self.fork.as_ref().map(|fork| -> Arc<dyn ReadAt> { Arc::new(reader(fork)) });
        decmpfs::open(self.header, attribute.get(Header::LENGTH..).unwrap_or_default(), fork)
    }
}

/// The header at the front of an attribute that is not in a record.
pub(super) fn header(source: &Arc<dyn ReadAt>, runs: &[Run]) -> Option<Header> {
    let length = runs.iter().map(|run| run.length).fold(0, u64::saturating_add);
    let bytes = Pieces::new(Arc::clone(source), runs, length).read_vec(0, Header::LENGTH).ok()?;
    Header::parse(&bytes)
}
