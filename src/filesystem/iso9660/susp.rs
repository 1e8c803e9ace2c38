//! The System Use Sharing Protocol (SUSP 1.12): fields in the system use area of a record and in its continuations.

use super::both::Both;
use super::cache::Cache;
use crate::read::{Fields, size};

/// Most continuation areas of one record.
const MAX_CONTINUATIONS: usize = 64;
/// Most bytes of one continuation area: it lies within one logical sector (section 5.1).
const MAX_AREA: usize = 1 << 15;

/// A field: two letters, and the data behind its head of four bytes.
pub(super) struct Field<'a> {
    pub(super) signature: [u8; 2],
    pub(super) data: &'a [u8],
}

/// What is wrong with the areas of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A length does not fit its area.
    Length,
    /// A continuation leads to where another one began, or there are too many.
    Loop,
    /// A continuation could not be read.
    Unreadable(u64),
}

/// Shows every field of a record's system use area and its continuations. `skip` bytes at the front of the area in
/// the record are not SUSP's.
///
/// Places of continuation areas are added to `places`.
pub(super) fn each(
    system_use: &[u8],
    skip: usize,
    block: u64,
    cache: &mut Cache,
    places: &mut Vec<(u64, u64)>,
    show: &mut dyn FnMut(Field<'_>),
) -> Result<(), Fault> {
    let mut seen: Vec<(u64, u32)> = Vec::new();
    let mut next = area(system_use.get(skip..).unwrap_or_default(), show)?;
    while let Some((lba, offset, length)) = next {
        let at = u64::from(lba).saturating_mul(block).saturating_add(offset.into());
        if seen.contains(&(at, length)) || seen.len() >= MAX_CONTINUATIONS {
            return Err(Fault::Loop);
        }
        seen.push((at, length));
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(MAX_AREA);
        let bytes = cache.read(at, length).map_err(|_| Fault::Unreadable(at))?;
        places.push((at, size(bytes.len())));
        next = area(&bytes, show)?;
    }
    Ok(())
}

/// Shows the fields of one area; the continuation that it names, if any.
fn area(bytes: &[u8], show: &mut dyn FnMut(Field<'_>)) -> Result<Option<(u32, u32, u32)>, Fault> {
    let mut rest = bytes;
    let mut continuation = None;
    // A last byte of padding, or zeros, end an area.
    while rest.len() >= 4 && rest.first() != Some(&0) {
        let length = usize::from(rest.get(2).copied().unwrap_or(0));
        let (Some(field), true) = (rest.get(..length), length >= 4) else { return Err(Fault::Length) };
        let signature = [field.first().copied().unwrap_or(0), field.get(1).copied().unwrap_or(0)];
        let data = field.get(4..).unwrap_or_default();
        match &signature {
            b"CE" => continuation = continues(data),
            b"ST" => return Ok(continuation),
            _ => show(Field { signature, data }),
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(continuation)
}

fn continues(data: &[u8]) -> Option<(u32, u32, u32)> {
    let number = |at| Both::long(Fields(data), at);
    let lba = number(0)?.little;
    // An area that starts or ends beyond a logical sector contradicts section 5.1.
    let offset = number(8)?.choose(|offset| offset < 1 << 11);
    let length = number(16)?.choose(|length| length <= 1 << 11);
    Some((lba, offset, length))
}

/// How many bytes the root's area skips, when it says that SUSP is used (section 5.3).
pub(super) fn skip(root: &[u8]) -> Option<usize> {
    let said = |at: usize| {
        let field = root.get(at..)?;
        let sound = field.starts_with(b"SP\x07\x01\xbe\xef");
        sound.then(|| usize::from(field.get(6).copied().unwrap_or(0)))
    };
    // Fourteen bytes of CD-ROM XA may stand before it.
    said(0).or_else(|| said(14))
}

/// How many bytes are skipped, told by the fields of a root whose SP is damaged or missing.
pub(super) fn guess(area: &[u8]) -> Option<usize> {
    const USUAL: [&[u8]; 6] = [b"SP", b"PX", b"RR", b"TF", b"CE", b"NM"];
    [0_usize, 14].into_iter().find(|at| {
        let mut rest = area.get(*at..).unwrap_or_default();
        let mut known = 0_usize;
        while let Some(length) = rest.get(2).map(|length| usize::from(*length)).filter(|n| *n >= 4) {
            let version = rest.get(3) == Some(&1);
            if !version || !USUAL.iter().any(|name| rest.starts_with(name)) {
                break;
            }
            known = known.saturating_add(1);
            rest = rest.get(length..).unwrap_or_default();
        }
        known >= 2
    })
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::read::Memory;

    fn ce(lba: u32, offset: u32, length: u32) -> Vec<u8> {
        let mut field = b"CE\x1c\x01".to_vec();
        for number in [lba, offset, length] {
            field.extend(number.to_le_bytes());
            field.extend(number.to_be_bytes());
        }
        field
    }

    fn read(first: &[u8], volume: Vec<u8>) -> (Vec<String>, Result<(), Fault>) {
        let mut names = Vec::new();
        let mut cache = Cache::new(Arc::new(Memory(volume)));
        let end = each(first, 0, 2048, &mut cache, &mut Vec::new(), &mut |field| {
            names.push(String::from_utf8_lossy(&field.signature).into_owned());
        });
        (names, end)
    }

    #[test]
    fn continuations_are_followed_once() {
        let mut volume = vec![0; 4096];
        volume[2048..2052].copy_from_slice(b"NM\x04\x01");
        volume[2052..2080].copy_from_slice(&ce(1, 0, 32));
        let first = [b"PX\x04\x01".to_vec(), ce(1, 0, 32)].concat();
        assert_eq!(read(&first, volume), (vec!["PX".into(), "NM".into()], Err(Fault::Loop)));
        assert_eq!(read(&ce(9, 0, 10), vec![0; 4096]).1, Err(Fault::Unreadable(9 * 2048)));
        assert_eq!(read(b"PX\x03\x01", vec![]).1, Err(Fault::Length));
        assert_eq!(read(b"ST\x04\x01PX\x04\x01", vec![]), (vec![], Ok(())));
    }

    #[test]
    fn the_root_says_or_shows_that_the_protocol_is_used() {
        assert_eq!(skip(b"SP\x07\x01\xbe\xef\x0e"), Some(14));
        assert_eq!(skip(b"SP\x07\x01\xbe\xee\x0e"), None);
        assert_eq!(guess(b"SQ\x07\x01\xbe\xef\x00PX\x04\x01"), None);
        assert_eq!(guess(b"PX\x04\x01TF\x04\x01"), Some(0));
    }
}
