//! One record of the $MFT: update sequence, header, attributes.

use crate::model::Run;
use crate::read::Fields;

use super::boot::Geometry;
use super::mapping;

/// Bytes that each number of an update sequence protects, whatever the size of a sector.
const STRIDE: usize = 512;
const END: u32 = 0xffff_ffff;

/// Codes of attributes.
pub(super) mod code {
    pub const STANDARD_INFORMATION: u32 = 0x10;
    pub const ATTRIBUTE_LIST: u32 = 0x20;
    pub const FILE_NAME: u32 = 0x30;
    pub const VOLUME_NAME: u32 = 0x60;
    pub const VOLUME_INFORMATION: u32 = 0x70;
    pub const DATA: u32 = 0x80;
    pub const INDEX_ROOT: u32 = 0x90;
    pub const INDEX_ALLOCATION: u32 = 0xa0;
    pub const REPARSE_POINT: u32 = 0xc0;
    /// The last one that Windows defines, $LOGGED_UTILITY_STREAM.
    pub const LAST: u32 = 0x100;
}

/// A record number and how often it had been reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reference(pub u64);

impl Reference {
    /// Number of the record.
    pub(super) const fn number(self) -> u64 {
        self.0 & 0xffff_ffff_ffff
    }

    /// Sequence number.
    pub(super) fn sequence(self) -> u16 {
        u16::try_from(self.0 >> 48).unwrap_or(0)
    }
}

/// What contradicts the format, at which byte of the record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub at: usize,
    pub what: &'static str,
    pub expected: String,
    pub found: String,
}

impl Flaw {
    pub(super) fn new(
        at: usize,
        what: &'static str,
        expected: impl std::fmt::Display,
        found: impl std::fmt::Display,
    ) -> Self {
        Self { at, what, expected: expected.to_string(), found: found.to_string() }
    }
}

/// A record whose protected bytes were put back.
pub(super) struct Record<'a> {
    bytes: &'a [u8],
    /// The first thing that is wrong with it.
    pub flaw: Option<Flaw>,
}

impl<'a> Record<'a> {
    /// Puts the protected bytes of a record back; `None` when nothing of a record is there.
    ///
    /// A record with a wrong signature or a wrong update sequence is a damaged one, and used as far as it is plausible.
    pub(super) fn open(bytes: &'a mut [u8], number: u64) -> Option<Self> {
        let fields = Fields(bytes);
        let mut flaw = match fields.array::<4>(0)? {
            magic if magic == *b"FILE" => None,
            magic if plausible(fields) => {
                Some(Flaw::new(0, "signature", "FILE", String::from_utf8_lossy(&magic).escape_debug()))
            }
            _ => return None,
        };
        let found = fields.u32(0x2c).unwrap_or(0);
        // Before Windows XP the update sequence stood where the number is.
        if fields.u16(4) == Some(0x30) && u64::from(found) != number & 0xffff_ffff {
            flaw = flaw.or_else(|| Some(Flaw::new(0x2c, "number of the record", number, found)));
        }
        let flaw = flaw.or(restore(bytes));
        Some(Self { bytes, flaw })
    }

    /// Whether the record is in use.
    pub(super) fn in_use(&self) -> bool {
        Fields(self.bytes).u16(0x16).unwrap_or(0) & 1 != 0
    }

    /// Whether the record says it is a directory's.
    pub(super) fn is_directory(&self) -> bool {
        Fields(self.bytes).u16(0x16).unwrap_or(0) & 2 != 0
    }

    /// How often the record was reused.
    pub(super) fn sequence(&self) -> u16 {
        Fields(self.bytes).u16(0x10).unwrap_or(0)
    }

    /// The record that this one extends; number and sequence 0 when it stands for itself.
    pub(super) fn base(&self) -> Reference {
        Reference(Fields(self.bytes).u64(0x20).unwrap_or(0))
    }

    /// The attributes as far as they can be read; what stops that is the flaw that comes last.
    pub(super) fn attributes(&self) -> impl Iterator<Item = Result<Attribute<'a>, Flaw>> + use<'a> {
        let bytes = self.bytes;
        // How much is in use is not asked: the end is marked.
        let mut at = Some(usize::from(Fields(bytes).u16(0x14).unwrap_or(0)).max(0x28));
        std::iter::from_fn(move || {
            let start = at.take()?;
            let fields = Fields(bytes);
            if fields.u32(start) == Some(END) {
                return None;
            }
            let length = fields.u32(start.saturating_add(4)).and_then(|length| usize::try_from(length).ok());
            let attribute = length.and_then(|length| fields.bytes(start, length));
            let Some(attribute) = attribute.filter(|it| it.len() >= 0x18 && it.len().is_multiple_of(8))
            else {
                let expected = "an attribute within the record";
                return Some(Err(Flaw::new(
                    start,
                    "length of an attribute",
                    expected,
                    format!("{length:?}"),
                )));
            };
            at = start.checked_add(attribute.len());
            Some(Attribute::parse(attribute, start))
        })
    }
}

/// Whether bytes without the right signature may still be a record: update sequence and attributes stand where they always do.
fn plausible(fields: Fields<'_>) -> bool {
    let sequence = fields.u16(4).unwrap_or(0);
    let first = fields.u16(0x14).unwrap_or(0);
    let count = fields.0.len().checked_div(STRIDE).unwrap_or(0).saturating_add(1);
    (0x28..=0x30).contains(&sequence)
        && fields.u16(6).map(usize::from) == Some(count)
        && (0x30..=0x60).contains(&first)
        && first.is_multiple_of(8)
}

/// Puts back the last two bytes of each stride.
fn restore(bytes: &mut [u8]) -> Option<Flaw> {
    let fields = Fields(bytes);
    let start = usize::from(fields.u16(4).unwrap_or(0));
    let stored = usize::from(fields.u16(6).unwrap_or(0));
    let expected = bytes.len().checked_div(STRIDE).unwrap_or(0).saturating_add(1);
    let mut flaw =
        (stored != expected).then(|| Flaw::new(6, "length of the update sequence", expected, stored));
    let Some(sequence) = fields.bytes(start, expected.saturating_mul(2)).map(<[u8]>::to_vec) else {
        return Some(Flaw::new(4, "update sequence", "within the record", start));
    };
    let mut numbers = sequence.as_chunks::<2>().0.iter();
    let Some(number) = numbers.next() else { return flaw };
    for (index, (block, original)) in bytes.chunks_exact_mut(STRIDE).zip(numbers).enumerate() {
        let Some(last) = block.last_chunk_mut::<2>() else { continue };
        if last != number {
            let at = index.saturating_mul(STRIDE).saturating_add(STRIDE - 2);
            flaw = flaw.or_else(|| {
                let hex = |pair: [u8; 2]| format!("{:04x}", u16::from_le_bytes(pair));
                Some(Flaw::new(at, "update sequence", hex(*number), hex(*last)))
            });
        }
        *last = *original;
    }
    flaw
}

/// One attribute of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute<'a> {
    /// What it is.
    pub code: u32,
    /// Its name in UTF-16.
    pub name: &'a [u8],
    flags: u16,
    /// Where its bytes are.
    pub form: Form<'a>,
    /// Its first byte within the record.
    pub at: usize,
}

/// Where the bytes of an attribute are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form<'a> {
    /// In the record.
    Resident {
        value: &'a [u8],
        /// First byte within the record.
        at: usize,
    },
    /// In clusters.
    Clusters(Clusters<'a>),
}

/// What a record says of clusters that hold an attribute, or a part of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clusters<'a> {
    /// First cluster of this part within the attribute.
    pub first: u64,
    /// Last cluster of this part; one less than the first when there is none.
    pub last: u64,
    /// Clusters of a compression unit as a power of two; 0 without compression.
    pub unit: u8,
    /// Size in bytes; counts in the first part only.
    pub size: u64,
    /// Bytes that were written; zeros follow. Counts in the first part only.
    pub initialised: u64,
    /// Mapping pairs.
    pub pairs: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// Layout: Microsoft, "ATTRIBUTE_RECORD_HEADER".
    fn parse(bytes: &'a [u8], at: usize) -> Result<Self, Flaw> {
        let fields = Fields(bytes);
        let code = fields.u32(0).unwrap_or(0);
        if code == 0 || code > code::LAST || code & 0xf != 0 {
            return Err(Flaw::new(at, "code of an attribute", "0x10 to 0x100", format!("{code:#x}")));
        }
        let outside = |what| Flaw::new(at, what, "within the attribute", "outside");
        let name_length = usize::from(fields.u8(9).unwrap_or(0)).saturating_mul(2);
        let name_at = usize::from(fields.u16(10).unwrap_or(0));
        let name = match name_length {
            0 => Some(&[][..]),
            _ => fields.bytes(name_at, name_length),
        };
        let name = name.ok_or_else(|| outside("name of an attribute"))?;
        let form = match fields.u8(8) {
            Some(0) => Self::resident(fields, at).ok_or_else(|| outside("value of an attribute"))?,
            Some(1) => Self::clusters(fields).ok_or_else(|| outside("mapping of an attribute"))?,
            other => {
                return Err(Flaw::new(
                    at.saturating_add(8),
                    "form of an attribute",
                    "0 or 1",
                    format!("{other:?}"),
                ));
            }
        };
        Ok(Self { code, name, flags: fields.u16(12).unwrap_or(0), form, at })
    }

    fn resident(fields: Fields<'a>, at: usize) -> Option<Form<'a>> {
        let offset = usize::from(fields.u16(20)?);
        let value = fields.bytes(offset, usize::try_from(fields.u32(16)?).ok()?)?;
        Some(Form::Resident { value, at: at.checked_add(offset)? })
    }

    fn clusters(fields: Fields<'a>) -> Option<Form<'a>> {
        Some(Form::Clusters(Clusters {
            first: fields.u64(16)?,
            last: fields.u64(24)?,
            unit: fields.u8(34)?,
            size: fields.u64(48)?,
            initialised: fields.u64(56)?,
            pairs: fields.0.get(usize::from(fields.u16(32)?)..)?,
        }))
    }

    /// The value when it stands in the record.
    pub(super) const fn value(&self) -> Option<&'a [u8]> {
        match self.form {
            Form::Resident { value, .. } => Some(value),
            Form::Clusters(_) => None,
        }
    }

    /// Whether its bytes are compressed.
    pub(super) const fn is_compressed(&self) -> bool {
        self.flags & 0xff != 0
    }

    /// Whether its bytes are encrypted.
    pub(super) const fn is_encrypted(&self) -> bool {
        self.flags & 0x4000 != 0
    }
}

impl Clusters<'_> {
    /// Adds the runs of this part; says what is wrong with its mapping.
    pub(super) fn decode(&self, geometry: &Geometry, runs: &mut Vec<Run>) -> Option<&'static str> {
        let (covered, damage) = mapping::decode(self.pairs, geometry.cluster, geometry.clusters, runs);
        let stated = self.last.wrapping_sub(self.first).wrapping_add(1);
        damage.or((covered != stated).then_some("another number of clusters than its attribute says"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of 1024 bytes with one resident attribute.
    fn record() -> Vec<u8> {
        let mut bytes = vec![0; 1024];
        bytes[..8].copy_from_slice(b"FILE\x30\0\x03\0");
        bytes[0x10..0x12].copy_from_slice(&7_u16.to_le_bytes());
        bytes[0x14..0x18].copy_from_slice(&[0x38, 0, 1, 0]);
        bytes[0x2c] = 9;
        bytes[0x30..0x36].copy_from_slice(&[5, 0, 0xaa, 0xbb, 0xcc, 0xdd]);
        bytes[0x38..0x40].copy_from_slice(&[0x80, 0, 0, 0, 0x20, 0, 0, 0]);
        bytes[0x38 + 16] = 3;
        bytes[0x38 + 20] = 0x18;
        bytes[0x38 + 0x18..0x38 + 0x1b].copy_from_slice(b"abc");
        bytes[0x58..0x5c].fill(0xff);
        bytes[510..512].copy_from_slice(&[5, 0]);
        bytes[1022..1024].copy_from_slice(&[5, 0]);
        bytes
    }

    #[test]
    fn protected_bytes_are_put_back_and_attributes_read() {
        let mut bytes = record();
        let record = Record::open(&mut bytes, 9).unwrap();
        assert_eq!((&record.flaw, record.sequence(), record.in_use()), (&None, 7, true));
        let found: Vec<_> = record.attributes().map(Result::unwrap).collect();
        assert_eq!((found.len(), found[0].code, found[0].value()), (1, code::DATA, Some(&b"abc"[..])));
        assert_eq!((&bytes[510..512], &bytes[1022..1024]), (&[0xaa, 0xbb][..], &[0xcc, 0xdd][..]));
    }

    #[test]
    fn damage_is_named_and_the_rest_is_used() {
        let mut bytes = record();
        bytes[511] = 1;
        let torn = Record::open(&mut bytes, 9).unwrap();
        let expected = Flaw::new(510, "update sequence", "0005", "0105");
        assert_eq!(torn.flaw, Some(expected));
        assert_eq!(torn.attributes().count(), 1);
        let mut bytes = record();
        bytes[0] = b'X';
        assert_eq!(Record::open(&mut bytes, 9).unwrap().flaw.unwrap().what, "signature");
        assert_eq!(Record::open(&mut record(), 8).unwrap().flaw.unwrap().what, "number of the record");
        let mut bytes = record();
        bytes[0x3c] = 0x21;
        let flaw = Record::open(&mut bytes, 9).unwrap().attributes().last().unwrap().unwrap_err();
        assert_eq!(flaw.what, "length of an attribute");
        assert!(Record::open(&mut vec![0; 1024], 9).is_none());
        assert!(Record::open(&mut [], 9).is_none());
    }
}
