//! How a kind of content is recognised: fixed bytes at fixed places, or a check of structure.

use crate::read::Fields;

/// A condition on the first bytes of a stream.
pub enum Rule {
    /// These bytes stand at this offset. As strong as they are many.
    At(usize, &'static [u8]),
    /// Each of them holds. As strong as their sum.
    All(&'static [Self]),
    /// At least one of them holds. As strong as the strongest.
    Any(&'static [Self]),
    /// The major brand of an ISO base media file is one of these (ISO/IEC 14496-12, section 4.3).
    Brand(&'static [&'static [u8; 4]]),
    /// The major or a compatible brand is one of these: weaker than a major brand.
    Compatible(&'static [&'static [u8; 4]]),
    /// A check of structure and as how many fixed bytes it counts.
    Check(fn(Fields<'_>) -> bool, usize),
}

impl Rule {
    /// Number of bytes that the rule fixes, when it holds.
    pub fn strength(&self, head: &[u8]) -> Option<usize> {
        let fields = Fields(head);
        match self {
            Self::At(offset, bytes) => fields.has(*offset, bytes).then_some(bytes.len()),
            Self::All(rules) => rules
                .iter()
                .try_fold(0usize, |sum, rule| rule.strength(head).map(|more| sum.saturating_add(more))),
            Self::Any(rules) => rules.iter().filter_map(|rule| rule.strength(head)).max(),
            Self::Brand(brands) => brands_of(fields).take(1).any(|b| brands.contains(&&b)).then_some(8),
            Self::Compatible(brands) => brands_of(fields).any(|b| brands.contains(&&b)).then_some(6),
            Self::Check(holds, strength) => holds(fields).then_some(*strength),
        }
    }
}

/// The major brand, then the compatible ones; nothing for anything but a file type box.
pub fn brands_of(head: Fields<'_>) -> impl Iterator<Item = [u8; 4]> {
    // The box is at least as long as its header and major brand, and no real one lists hundreds of brands.
    let length = head
        .u32_be(0)
        .and_then(|length| usize::try_from(length).ok())
        .filter(|length| (12..=1024).contains(length) && head.has(4, b"ftyp"))
        .unwrap_or(0);
    // The four bytes after the major brand are its version.
    (8..length.saturating_sub(3)).step_by(4).filter(|at| *at != 12).map_while(move |at| head.array(at))
}
