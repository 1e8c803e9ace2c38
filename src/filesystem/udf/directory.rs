//! Directories: file identifier descriptors one after the other (ECMA-167, part 4, section 14.4).

use super::name;
use super::tag::{Address, Long, TAG, Tag, Trust, id};
use crate::read::Fields;

/// Bytes of a descriptor before implementation use and name.
const HEAD: usize = 38;
/// Where a descriptor is searched for, at most so many times the bytes of a directory are summed.
const SUMMED: usize = 16;

/// File characteristics, section 14.4.3.
mod characteristic {
    pub(super) const DIRECTORY: u8 = 2;
    pub(super) const DELETED: u8 = 4;
    pub(super) const PARENT: u8 = 8;
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identifier {
    pub(super) name: Vec<u8>,
    /// Where its file entry is.
    pub(super) icb: Address,
    /// Whether it says where that is.
    pub(super) has_icb: bool,
    pub(super) is_directory: bool,
    pub(super) deleted: bool,
    /// Byte of the directory at which it stands.
    pub(super) at: usize,
}

/// Shows every name of a directory but that of the parent; the number of damaged descriptors.
///
/// A damaged descriptor is used when the next one stands where it says; else the next sound one is searched for.
pub(super) fn each(bytes: &[u8], mut show: impl FnMut(Identifier)) -> u64 {
    let mut at = 0;
    let mut damaged = 0_u64;
    let mut budget = bytes.len().saturating_mul(SUMMED).saturating_add(1 << 20);
    while let Some(rest) = bytes.get(at..).filter(|rest| rest.len() >= HEAD) {
        let found = read(rest, at);
        let next = found.as_ref().map(|(_, length, _)| at.saturating_add(*length));
        match (found, next) {
            (Some((identifier, _, trust)), Some(next)) if trust == Trust::Sound || begins(bytes, next) => {
                if trust != Trust::Sound {
                    damaged = damaged.saturating_add(1);
                }
                identifier.into_iter().for_each(&mut show);
                at = next;
            }
            (found, _) => {
                // Blocks of zeros stand where a directory was made shorter.
                if rest.iter().all(|byte| *byte == 0) {
                    break;
                }
                if rest.first_chunk::<TAG>() != Some(&[0; TAG]) {
                    damaged = damaged.saturating_add(1);
                }
                // Its length is wrong, and what it says may be right.
                found.and_then(|(identifier, ..)| identifier).into_iter().for_each(&mut show);
                match seek(bytes, at.saturating_add(4), &mut budget) {
                    Some(next) => at = next,
                    None => break,
                }
            }
        }
    }
    damaged
}

/// The descriptor at the front, with its length and how far it can be trusted; nothing inside when it is the parent's.
fn read(bytes: &[u8], at: usize) -> Option<(Option<Identifier>, usize, Trust)> {
    let fields = Fields(bytes);
    let named = usize::from(fields.u8(19)?);
    let start = HEAD.checked_add(fields.u16(36)?.into())?;
    let stored = fields.bytes(start, named)?;
    let length = start.checked_add(named)?.checked_next_multiple_of(4)?;
    // What a checksum guards lies within its descriptor.
    let tag = Tag::of(bytes.get(..length.min(bytes.len()))?, id::FILE_IDENTIFIER)?;
    let characteristics = fields.u8(18)?;
    let is = |flag: u8| characteristics & flag != 0;
    let icb = Long::read(fields, 20)?;
    let identifier = Identifier {
        name: name::file(stored),
        icb: icb.at,
        has_icb: icb.length > 0,
        is_directory: is(characteristic::DIRECTORY),
        deleted: is(characteristic::DELETED),
        at,
    };
    Some(((!is(characteristic::PARENT) || named > 0).then_some(identifier), length, tag.trust))
}

/// Whether a descriptor begins there, or nothing is left.
fn begins(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.len() < HEAD
        || rest.first_chunk() == Some(&[0; TAG])
        || rest.get(..TAG).and_then(|head| Tag::of(head, id::FILE_IDENTIFIER)).is_some()
}

/// The next place from `from` on where a sound descriptor begins; none when too much would have to be summed.
fn seek(bytes: &[u8], from: usize, budget: &mut usize) -> Option<usize> {
    for at in (from..bytes.len()).step_by(4) {
        let rest = bytes.get(at..).unwrap_or_default();
        // The two bytes of the identifier first: the rest costs more.
        if !rest.starts_with(&[1, 1]) {
            continue;
        }
        *budget = budget.checked_sub(usize::from(Fields(rest).u16(10).unwrap_or(0)))?;
        if Tag::of(rest, id::FILE_IDENTIFIER).is_some_and(|tag| tag.trust == Trust::Sound) {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_ask_for_long_checksums_everywhere_cost_little() {
        // The sum of a tag is right at every fourth byte, and each guards 64 KiB.
        let tags =
            [1, 1, 0x3f, 0xff, 1, 1, 0x3f, 0xff, 1, 1, 0x40, 0xff, 1, 1, 0x40, 0xff_u8].repeat(1 << 16);
        assert!(Tag::of(&tags, 0x101).is_some_and(|tag| tag.trust == Trust::Body));
        let mut budget = tags.len() * SUMMED;
        assert_eq!(seek(&tags, 0, &mut budget), None);
        let mut shown = 0;
        each(&tags, |_| shown += 1);
        assert!(shown <= tags.len() / 4);
    }
}
