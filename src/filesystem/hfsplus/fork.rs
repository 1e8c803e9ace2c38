//! Fork data: the size of a fork and its first eight extents (TN1150, "Fork Data Structure").

use crate::read::Fields;

/// First block and number of blocks.
pub(super) type Extent = (u32, u32);

/// Extents of one record.
pub(super) const EXTENTS: usize = 8;

/// Size and first extents of a fork, as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fork {
    /// Bytes of content.
    pub(super) size: u64,
    /// Blocks of all extents.
    pub(super) blocks: u32,
    pub(super) extents: [Extent; EXTENTS],
}

impl Fork {
    /// Bytes of fork data.
    pub(super) const LENGTH: usize = 80;

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let fields = Fields(bytes);
        Some(Self {
            size: fields.u64_be(0)?,
            blocks: fields.u32_be(12)?,
            extents: extents(bytes.get(16..)?)?,
        })
    }

    /// The extents in use: those before the first empty one.
    pub(super) fn used(&self) -> impl Iterator<Item = Extent> + '_ {
        used(&self.extents)
    }

    /// Whether the extents give as many blocks as the fork has, or can be continued elsewhere.
    pub(super) fn is_consistent(&self) -> bool {
        let given = total(&self.extents);
        given == u64::from(self.blocks) || self.used().count() == EXTENTS && given < u64::from(self.blocks)
    }
}

/// Eight extents as stored.
pub(super) fn extents(bytes: &[u8]) -> Option<[Extent; EXTENTS]> {
    let fields = Fields(bytes);
    let mut extents = [(0, 0); EXTENTS];
    for (index, extent) in extents.iter_mut().enumerate() {
        let at = index.checked_mul(8)?;
        *extent = (fields.u32_be(at)?, fields.u32_be(at.checked_add(4)?)?);
    }
    Some(extents)
}

/// The extents before the first empty one.
pub(super) fn used(extents: &[Extent]) -> impl Iterator<Item = Extent> + '_ {
    extents.iter().copied().take_while(|(_, count)| *count > 0)
}

/// Blocks of the extents in use.
pub(super) fn total(extents: &[Extent]) -> u64 {
    used(extents).map(|(_, count)| u64::from(count)).fold(0, u64::saturating_add)
}
