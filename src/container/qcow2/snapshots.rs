//! The list of internal snapshots: states of the disk that the medium does not show.

use super::header::Header;
use crate::read::{Fields, ReadAt};

/// Snapshots whose names are read.
const MAX_NAMED: u32 = 20;

/// Their names, or as many as can be read; none when there is no snapshot.
pub(super) fn named(file: &dyn ReadAt, header: &Header) -> Option<String> {
    if header.snapshots == 0 {
        return None;
    }
    let mut names = Vec::new();
    let mut at = header.snapshots_at;
    for _ in 0..header.snapshots.min(MAX_NAMED) {
        let Some((name, next)) = one(file, at) else {
            names.push("(the list is damaged)".to_owned());
            break;
        };
        names.push(name);
        at = next;
    }
    if header.snapshots > MAX_NAMED {
        names.push("and more".to_owned());
    }
    Some(names.join(", "))
}

/// The identifier and name of the snapshot at that place, and where the next one is.
fn one(file: &dyn ReadAt, at: u64) -> Option<(String, u64)> {
    const FIXED: u64 = 40;
    let mut head = [0; 40];
    file.read_exact_at(at, &mut head).ok()?;
    let fields = Fields(&head);
    let (id, name) = (u64::from(fields.u16_be(12)?), u64::from(fields.u16_be(14)?));
    let extra = u64::from(fields.u32_be(36)?);
    let texts = at.checked_add(FIXED)?.checked_add(extra)?;
    let text = |from: u64, length: u64| {
        let bytes = file.read_vec(from, usize::try_from(length).ok()?).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let words = format!("{} \"{}\"", text(texts, id)?, text(texts.checked_add(id)?, name)?);
    let end = texts.checked_add(id)?.checked_add(name)?.checked_next_multiple_of(8)?;
    Some((words, end))
}
