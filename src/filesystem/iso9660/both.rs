//! Numbers that are recorded in both byte orders (ECMA-119, sections 7.2.3 and 7.3.3).

use crate::read::Fields;

/// A number as both of its recordings give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Both {
    pub(super) little: u32,
    pub(super) big: u32,
}

impl Both {
    /// Eight bytes: little-endian, then big-endian.
    pub(super) fn long(fields: Fields<'_>, at: usize) -> Option<Self> {
        Some(Self { little: fields.u32(at)?, big: fields.u32_be(at.checked_add(4)?)? })
    }

    /// Four bytes: little-endian, then big-endian.
    pub(super) fn short(fields: Fields<'_>, at: usize) -> Option<Self> {
        Some(Self { little: fields.u16(at)?.into(), big: fields.u16_be(at.checked_add(2)?)?.into() })
    }

    /// Whether both recordings say the same.
    pub(super) const fn agrees(self) -> bool {
        self.little == self.big
    }

    /// The little-endian recording, unless only the other one is plausible.
    pub(super) fn choose(self, plausible: impl Fn(u32) -> bool) -> u32 {
        if self.agrees() || plausible(self.little) || !plausible(self.big) { self.little } else { self.big }
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn the_big_endian_recording_is_used_only_when_the_other_cannot_be() {
        let both = Both::long(Fields(&[1, 0, 0, 0, 0, 0, 0, 2]), 0).unwrap();
        assert_eq!(both, Both { little: 1, big: 2 });
        assert_eq!((both.choose(|_| true), both.choose(|n| n == 2), both.choose(|_| false)), (1, 2, 1));
        assert_eq!(Both::short(Fields(&[1, 2, 2, 1]), 0).map(Both::agrees), Some(true));
        assert_eq!(Both::short(Fields(&[1, 2, 2]), 0), None);
    }
}
