//! Names of directory entries: 8.3 names in code page 437 and long names in UTF-16.

use crate::filesystem::utf16::{self, SLASH};
use crate::read::Fields;

/// Most slots of a long name: 255 characters, 13 in each.
pub(super) const MAX_LONG_SLOTS: usize = 20;
/// UTF-16 units in one slot of a long name.
const UNITS: usize = 13;

/// The upper half of code page 437, the OEM code page that FAT's first readers had. The one that wrote an
/// 8.3 name is not recorded anywhere.
const CP437: &str = "\
ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ\
áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// An 8.3 name as UTF-8. `case` is byte 12 of the entry: bit 3 and bit 4 say that base and extension are shown
/// in lower case, as Windows NT stores them. A name without its first character shows `_` there.
pub(super) fn short(name: &[u8; 11], case: u8, first_lost: bool) -> Vec<u8> {
    let mut name = *name;
    let [first, ..] = &mut name;
    *first = match *first {
        _ if first_lost => b'_',
        // Stored so because 0xe5 means deleted.
        0x05 => 0xe5,
        other => other,
    };
    let (base, extension) = name.split_at(8);
    let (base, extension) = (base.trim_ascii_end(), extension.trim_ascii_end());
    let mut text = String::new();
    if base.is_empty() && extension.is_empty() {
        // Nothing but spaces: kept, since an empty name could not be told from its directory.
        text.extend(name.iter().map(|byte| oem(*byte)));
    }
    let mut part = |bytes: &[u8], lower: bool| {
        text.extend(bytes.iter().map(|byte| oem(if lower { byte.to_ascii_lowercase() } else { *byte })));
    };
    part(base, case & 0x08 != 0);
    if !extension.is_empty() {
        part(b".", false);
        part(extension, case & 0x10 != 0);
    }
    text.into_bytes()
}

/// A volume label as text.
pub(super) fn label(raw: &[u8; 11]) -> String {
    let mut raw = *raw;
    if let [first @ 0x05, ..] = &mut raw {
        *first = 0xe5;
    }
    raw.trim_ascii_end().iter().map(|byte| oem(*byte)).collect()
}

fn oem(byte: u8) -> char {
    match byte.checked_sub(0x80) {
        Some(upper) => CP437.chars().nth(upper.into()).unwrap_or(char::REPLACEMENT_CHARACTER),
        None if byte == b'/' => SLASH,
        None => char::from(byte),
    }
}

/// The checksum of an 8.3 name that the slots of its long name repeat (fatgen103, "ChkSum").
pub(super) fn checksum(name: &[u8; 11]) -> u8 {
    name.iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}

/// The first byte that an 8.3 name must have had to give that checksum: there is exactly one.
pub(super) fn first_byte(name: &[u8; 11], sum: u8) -> u8 {
    let rest = name.iter().skip(1).rev();
    rest.fold(sum, |sum, byte| sum.wrapping_sub(*byte).rotate_left(1))
}

/// Whether an 8.3 name may contain that byte (fatgen103, "Short Directory Entries").
pub(super) const fn is_legal(byte: u8) -> bool {
    !matches!(byte, 0..=0x1f | 0x7f | b'a'..=b'z')
        && !matches!(byte, b'"' | b'*' | b'+' | b',' | b'.' | b'/' | b':' | b';' | b'<' | b'=' | b'>' | b'?')
        && !matches!(byte, b'[' | b'\\' | b']' | b'|')
}

/// The part of a long name that one slot holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct LongSlot {
    /// Byte 0: 1 for the slot nearest to the 8.3 entry, plus 0x40 in the last; 0xe5 once deleted.
    pub(super) order: u8,
    pub(super) checksum: u8,
    units: [u16; UNITS],
}

impl LongSlot {
    pub(super) fn parse(slot: &[u8; 32]) -> Self {
        let fields = Fields(slot);
        let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain((28..32).step_by(2));
        let mut units = [0; UNITS];
        for (unit, place) in units.iter_mut().zip(places) {
            *unit = fields.u16(place).unwrap_or(0);
        }
        Self { order: fields.u8(0).unwrap_or(0), checksum: fields.u8(13).unwrap_or(0), units }
    }

    /// Whether the name ends within this slot.
    pub(super) fn is_last(&self) -> bool {
        self.units.contains(&0)
    }
}

/// A long name from its slots, the one with the first characters first. Surrogates without their other half stay
/// distinct as generalised UTF-8 (WTF-8). Empty when the name is.
pub(super) fn long<'a>(slots: impl Iterator<Item = &'a LongSlot>) -> Vec<u8> {
    utf16(slots.flat_map(|slot| slot.units).take_while(|unit| *unit != 0))
}

/// A name of UTF-16 units as (generalised) UTF-8 that a path can hold.
pub(in crate::filesystem) fn utf16(units: impl Iterator<Item = u16>) -> Vec<u8> {
    let mut name = Vec::new();
    utf16::append(units, &mut name);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_honour_the_case_flags_and_the_code_page() {
        assert_eq!(short(b"README  TXT", 0x18, false), b"readme.txt");
        assert_eq!(short(b"README  TXT", 0x08, false), b"readme.TXT");
        assert_eq!(short(b"NOEXT      ", 0, false), b"NOEXT");
        assert_eq!(short(b"\x05A B\x81\xff    X", 0, false), "σA Bü\u{a0}.  X".as_bytes());
        assert_eq!(short(b"\xe5ILE    BIN", 0, true), b"_ILE.BIN");
        assert_eq!(short(b"A/B        ", 0, false), "A\u{f02f}B".as_bytes());
        assert_eq!(short(b"           ", 0, false), b"           ");
        assert_eq!(CP437.chars().count(), 128);
    }

    #[test]
    fn the_lost_first_byte_follows_from_the_checksum() {
        for first in 0..=255 {
            let mut name = *b"?HOTO~1 JPG";
            name[0] = first;
            let sum = checksum(&name);
            name[0] = 0xe5;
            assert_eq!(first_byte(&name, sum), first);
        }
        // The example of the VFAT description in the Linux kernel's documentation.
        assert_eq!(
            checksum(b"FILENAMETXT"),
            b"FILENAMETXT".iter().fold(0, |s: u8, b| ((s & 1) << 7).wrapping_add(s >> 1).wrapping_add(*b))
        );
    }

    #[test]
    fn lone_surrogates_stay_distinct() {
        let slot = |first: u16| {
            let mut units = [0xffff; UNITS];
            units[..3].copy_from_slice(&[first, 'x' as u16, 0]);
            LongSlot { order: 0x41, checksum: 0, units }
        };
        assert_eq!(long([slot(0xd800)].iter()), b"\xed\xa0\x80x");
        assert_eq!(long([slot(0xdfff)].iter()), b"\xed\xbf\xbfx");
        assert_eq!(long([slot(0x20ac)].iter()), "€x".as_bytes());
    }
}
