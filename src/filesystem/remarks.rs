//! What several file systems have to say of a volume as a whole, in the same words.

use crate::model::{Problem, ProblemKind};

/// Features that a reader must know and ours does not, as bits of a field; `None` when there are none.
pub(super) fn unknown_features(unknown: u64) -> Option<Problem> {
    let bits: Vec<String> = (0..64_u32)
        .filter(|bit| unknown & 1_u64.wrapping_shl(*bit) != 0)
        .map(|bit| bit.to_string())
        .collect();
    let detail = format!(
        "unknown incompatible features (bits {}): files may be listed wrongly or not at all",
        bits.join(", ")
    );
    (!bits.is_empty()).then(|| Problem::new(ProblemKind::Unsupported, detail))
}

/// A file system that says it is `stated` bytes long, in a volume of `held` bytes; `None` when it fits.
pub(super) fn truncation(stated: u64, held: u64) -> Option<Problem> {
    let missing = stated.checked_sub(held).filter(|missing| *missing > 0)?;
    let detail = format!(
        "the file system is {stated} bytes long, the volume {held}: the last {missing} bytes are missing"
    );
    Some(Problem::new(ProblemKind::Unreadable, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_or_missing_is_said_and_nothing_else() {
        assert!(unknown_features(0).is_none() && truncation(5, 5).is_none());
        assert!(unknown_features(1 << 63 | 2).unwrap().detail.contains("(bits 1, 63)"));
        assert!(truncation(7, 5).unwrap().detail.contains("the last 2 bytes"));
    }
}
