//! Rock Ridge (IEEE P1282, RRIP 1.12) and zisofs: what the SUSP fields of a record say of its file.

use super::both::Both;
use super::name;
use super::susp::Field;
use crate::model::{EntryKind, Times};
use crate::read::Fields;

/// Longest name and longest target of a link that are kept.
const MAX_TEXT: usize = 1 << 16;
/// A date of 17 bytes is told by the highest bit, see [`crate::model::TimeEncoding::Iso9660`].
const LONG_TIME: u64 = 1 << 63;

/// What the fields of one record say.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    /// The fields include one of Rock Ridge.
    pub(super) present: bool,
    name: Vec<u8>,
    named: bool,
    mode: Option<u32>,
    link: Option<Link>,
    /// Place of a directory that was moved elsewhere because it lies too deep (CL).
    pub(super) child: Option<Both>,
    /// Whether the directory was moved here from elsewhere (RE).
    pub(super) relocated: bool,
    /// Whether content is sparse (SF), for which no writer is known.
    pub(super) sparse: bool,
    /// Whether content is compressed, and how.
    pub(super) zisofs: Option<Zisofs>,
    times: Times,
}

/// How content is compressed (ZF).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Zisofs {
    /// `pz` is version 1, `PZ` version 2.
    pub(super) algorithm: [u8; 2],
    /// Bytes of the file as it was.
    pub(super) size: u64,
}

#[derive(Debug, Default)]
struct Link {
    target: Vec<u8>,
    /// The next part goes on within the last component.
    joined: bool,
}

impl Attributes {
    /// Takes over one field.
    pub(super) fn add(&mut self, field: &Field<'_>) {
        let data = field.data;
        match &field.signature {
            b"NM" => self.add_name(data),
            b"PX" => {
                self.mode = Both::long(Fields(data), 0).map(|mode| mode.choose(|mode| kind(mode).is_some()))
            }
            b"SL" => self.link.get_or_insert_default().add(data),
            b"CL" => self.child = Both::long(Fields(data), 0),
            b"RE" => self.relocated = true,
            b"SF" => self.sparse = true,
            b"TF" => self.add_times(data),
            b"ZF" => self.add_zisofs(data),
            b"RR" | b"PL" | b"PN" => {}
            _ => return,
        }
        self.present = true;
    }

    /// The name, when there is one that is not `.` or `..`.
    pub(super) fn name(&self) -> Option<Vec<u8>> {
        (self.named && !self.name.is_empty()).then(|| name::clean(&self.name))
    }

    /// What the mode says that the file is.
    pub(super) fn kind(&self) -> Option<EntryKind> {
        kind(self.mode?)
    }

    /// Where a symbolic link leads.
    pub(super) fn target(&self) -> Option<&[u8]> {
        self.link.as_ref().map(|link| link.target.as_slice())
    }

    /// The stamps, with `recorded` where there is none of the last change.
    pub(super) fn times(&self, recorded: [u8; 7]) -> Times {
        let mut times = self.times;
        times.modified = times.modified.or_else(|| short_time(recorded));
        times
    }

    /// Section 4.1.4: flag 0x01 says that the name goes on in the next field, 0x02 and 0x04 are `.` and `..`.
    fn add_name(&mut self, data: &[u8]) {
        let Some((flags, text)) = data.split_first() else { return };
        if flags & 0x06 == 0 && self.name.len().saturating_add(text.len()) <= MAX_TEXT {
            self.named = true;
            self.name.extend(text);
        }
    }

    /// Section 4.1.6: stamps in the order of the flag bits.
    fn add_times(&mut self, data: &[u8]) {
        let Some((flags, mut rest)) = data.split_first() else { return };
        let length = if flags & 0x80 == 0 { 7 } else { 17 };
        let Times { created, modified, accessed, changed } = &mut self.times;
        for (bit, stamp) in (0_u32..).zip([created, modified, accessed, changed]) {
            if flags >> bit & 1 == 0 {
                continue;
            }
            let Some((raw, behind)) = rest.split_at_checked(length) else { return };
            *stamp = match raw.first_chunk() {
                Some(raw) if length == 7 => short_time(*raw),
                _ => long_time(raw),
            };
            rest = behind;
        }
    }

    fn add_zisofs(&mut self, data: &[u8]) {
        let fields = Fields(data);
        let algorithm = fields.array(0).unwrap_or_default();
        let size = match &algorithm {
            // Version 2 has one number of 64 bits.
            b"PZ" => fields.u64(4),
            _ => Both::long(fields, 4).map(|size| u64::from(size.little)),
        };
        self.zisofs = size.map(|size| Zisofs { algorithm, size });
    }
}

impl Link {
    /// Section 4.1.3.1: components with flags.
    fn add(&mut self, data: &[u8]) {
        let mut rest = data.get(1..).unwrap_or_default();
        while let [flags, length, behind @ ..] = rest {
            let Some((text, behind)) = behind.split_at_checked((*length).into()) else { return };
            if self.target.len() > MAX_TEXT {
                return;
            }
            if !self.joined && !self.target.is_empty() && self.target.last() != Some(&b'/') {
                self.target.push(b'/');
            }
            self.target.extend(match flags & 0x0e {
                0x02 => &b"."[..],
                0x04 => b"..",
                0x08 => b"/",
                _ => text,
            });
            self.joined = flags & 1 != 0;
            rest = behind;
        }
    }
}

/// POSIX file types.
fn kind(mode: u32) -> Option<EntryKind> {
    match mode & 0xf000 {
        0x8000 => Some(EntryKind::File),
        0x4000 => Some(EntryKind::Directory),
        0xa000 => Some(EntryKind::Symlink),
        0x1000 | 0x2000 | 0x6000 | 0xc000 => Some(EntryKind::Other),
        _ => None,
    }
}

/// ECMA-119, section 9.1.5; all zeros are no stamp.
pub(super) fn short_time(raw: [u8; 7]) -> Option<u64> {
    let [a, b, c, d, e, f, g] = raw;
    Some(u64::from_be_bytes([0, a, b, c, d, e, f, g])).filter(|packed| packed >> 8 != 0)
}

/// ECMA-119, section 8.4.26.1: sixteen digits and the zone; all `0` are no stamp.
fn long_time(raw: &[u8]) -> Option<u64> {
    let (zone, digits) = raw.split_last()?;
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    let number: u64 = text.parse().ok().filter(|number| *number != 0)?;
    Some(LONG_TIME | number << 8 | u64::from(*zone))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn attributes(fields: &[(&[u8; 2], &[u8])]) -> Attributes {
        let mut attributes = Attributes::default();
        fields.iter().for_each(|(signature, data)| attributes.add(&Field { signature: **signature, data }));
        attributes
    }

    #[test]
    fn names_and_links_are_put_together_from_their_parts() {
        let found = attributes(&[
            (b"NM", b"\x01long "),
            (b"NM", b"\0name/"),
            (b"SL", b"\x01\x08\0\0\x03usr\x01\x02lo"),
            (b"SL", b"\0\0\x03cal\x04\0"),
        ]);
        assert_eq!(found.name().unwrap(), b"long name%2F");
        assert_eq!(found.target().unwrap(), b"/usr/local/..");
        assert_eq!(attributes(&[(b"NM", b"\x02")]).name(), None);
        assert!(!attributes(&[(b"XY", b"")]).present);
    }

    #[test]
    fn stamps_stand_in_the_order_of_their_flags() {
        let stamps = [&[0x06_u8][..], &[120, 1, 2, 3, 4, 5, 4], &[121, 1, 2, 3, 4, 5, 4]].concat();
        let times = attributes(&[(b"TF", &stamps)]).times([9; 7]);
        assert_eq!((times.modified, times.accessed), (Some(0x78_0102_0304_0504), Some(0x79_0102_0304_0504)));
        assert_eq!((times.created, times.changed), (None, None));
        let long = [&[0x81_u8][..], b"2020010203040506", &[4]].concat();
        let times = attributes(&[(b"TF", &long)]).times([0; 7]);
        assert_eq!((times.created, times.modified), (Some(1 << 63 | 2_020_010_203_040_506 << 8 | 4), None));
    }
}
