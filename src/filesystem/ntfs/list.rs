//! $ATTRIBUTE_LIST: which other records hold attributes of a file.

use std::sync::Arc;

use crate::model::Run;
use crate::read::{Fields, Pieces, ReadAt, Result};

use super::boot::Geometry;
use super::record::{Attribute, Form, Reference};

/// Windows keeps lists below 256 KiB.
pub(super) const MAX_LIST: u64 = 1 << 20;

/// One line of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// What attribute.
    pub code: u32,
    /// Whether it has a name.
    pub named: bool,
    /// First cluster of the part that the record holds.
    pub first: u64,
    /// The record.
    pub reference: Reference,
}

/// The lines of a list, as far as they are well formed. Layout: Microsoft, "ATTRIBUTE_LIST_ENTRY".
pub(super) fn items(list: &[u8]) -> impl Iterator<Item = Item> + '_ {
    let mut rest = list;
    std::iter::from_fn(move || {
        let fields = Fields(rest);
        let length = usize::from(fields.u16(4)?);
        let item = Item {
            code: fields.u32(0)?,
            named: fields.u8(6)? > 0,
            first: fields.u64(8)?,
            reference: Reference(fields.u64(16)?),
        };
        rest = rest.get(length..).filter(|_| length >= 0x18)?;
        Some(item)
    })
}

/// The bytes of an attribute wherever they are, up to so many. What its clusters do not give is left out.
pub(super) fn value(
    source: &Arc<dyn ReadAt>,
    geometry: &Geometry,
    attribute: &Attribute<'_>,
    most: u64,
) -> Result<Vec<u8>> {
    match attribute.form {
        Form::Resident { value, .. } => Ok(value.to_vec()),
        Form::Clusters(clusters) => {
            let mut runs: Vec<Run> = Vec::new();
            clusters.decode(geometry, &mut runs);
            let held = runs.iter().map(|run| run.length).fold(0_u64, u64::saturating_add);
            let length = clusters.size.min(held).min(most);
            let content = Pieces::new(Arc::clone(source), &runs, length);
            Ok(content.read_vec(0, usize::try_from(length).unwrap_or(0))?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_the_first_that_is_too_short() {
        let mut line = vec![0; 0x20];
        line[0] = 0x80;
        line[4] = 0x20;
        line[8] = 9;
        line[16] = 77;
        line[22] = 3;
        let item = Item { code: 0x80, named: false, first: 9, reference: Reference(3 << 48 | 77) };
        let mut list = [line.clone(), line.clone()].concat();
        assert_eq!(items(&list).collect::<Vec<_>>(), [item, item]);
        list[0x24] = 8;
        assert_eq!(items(&list).count(), 1);
        assert_eq!(items(&line[..0x17]).count(), 0);
    }
}
