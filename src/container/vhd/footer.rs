//! The footer of a VHD, and its copy at the start of a dynamic one.

use crate::read::{Fields, ReadAt, size};

/// Length of a footer; images of before Virtual PC 2004 have one of 511 bytes.
const LENGTH: usize = 512;
/// 2000-01-01 00:00:00 UTC in seconds since 1970.
const EPOCH: i64 = 946_684_800;

/// What sort of disk it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Fixed,
    Dynamic,
    Differencing,
    Other(u32),
}

/// A footer.
#[derive(Clone, Debug)]
pub(super) struct Footer {
    /// Its place in the file.
    pub at: u64,
    /// Whether its checksum is right.
    pub sound: bool,
    pub kind: Kind,
    /// Bytes of the disk; its cylinders, heads and sectors may make fewer.
    pub size: u64,
    /// Place of the dynamic disk header.
    pub data_offset: u64,
    bytes: [u8; LENGTH],
}

/// The footers that are recognisable: at the end of the file, of the usual or the old length, and the copy at its start.
pub(super) fn all(file: &dyn ReadAt) -> Vec<Footer> {
    let end = file.size();
    let usual = read(file, end.checked_sub(size(LENGTH)), LENGTH);
    let last = usual.or_else(|| read(file, end.checked_sub(511), 511));
    let copy = read(file, Some(0), LENGTH);
    // A fixed disk whose own first sector looks like a footer has a footer at its end, which counts.
    let copy = copy
        .filter(|copy| copy.kind != Kind::Fixed && last.as_ref().is_none_or(|last| last.kind != Kind::Fixed));
    last.into_iter().chain(copy).collect()
}

fn read(file: &dyn ReadAt, at: Option<u64>, length: usize) -> Option<Footer> {
    let at = at?;
    let mut bytes = [0; LENGTH];
    file.read_exact_at(at, bytes.get_mut(..length)?).ok()?;
    let fields = Fields(&bytes);
    let sound = fields.u32_be(64) == Some(checksum(&bytes, 64));
    // One damaged byte in the cookie: the checksum does not cover for it, the other fields do.
    let plausible = fields.u32_be(12) == Some(0x0001_0000) && matches!(fields.u32_be(60), Some(2..=4));
    let cookie = fields.has(0, b"conectix");
    let close = fields.bytes(0, 8)?.iter().zip(b"conectix").filter(|(one, other)| one == other).count() >= 6;
    if !(cookie && (plausible || sound) || close && plausible) {
        return None;
    }
    let kind = match fields.u32_be(60)? {
        2 => Kind::Fixed,
        3 => Kind::Dynamic,
        4 => Kind::Differencing,
        other => Kind::Other(other),
    };
    Some(Footer {
        at,
        sound: sound && cookie,
        kind,
        size: fields.u64_be(48)?,
        data_offset: fields.u64_be(16)?,
        bytes,
    })
}

/// The one's complement of the sum of all bytes but the four of the checksum at `place`.
pub(super) fn checksum(bytes: &[u8], place: usize) -> u32 {
    let skip = place..place.saturating_add(4);
    let summed = bytes.iter().enumerate().filter(|(at, _)| !skip.contains(at));
    !summed.fold(0_u32, |sum, (_, byte)| sum.wrapping_add(u32::from(*byte)))
}

impl Footer {
    /// Whether both say the same.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }

    /// What it says of the image.
    pub(super) fn notes(&self) -> Vec<(String, String)> {
        let fields = Fields(&self.bytes);
        let text = |at: usize| {
            let bytes = fields.bytes(at, 4).unwrap_or_default();
            String::from_utf8_lossy(bytes).trim_matches(['\0', ' ']).to_owned()
        };
        let number = |at: usize| fields.u16_be(at).unwrap_or(0);
        let kind = match self.kind {
            Kind::Fixed => "fixed",
            Kind::Dynamic => "dynamic",
            _ => "differencing",
        };
        let mut notes = vec![
            ("subformat".into(), kind.to_owned()),
            ("creator application".into(), text(28)),
            ("creator version".into(), format!("{}.{}", number(32), number(34))),
            ("creator host".into(), text(36)),
            ("identifier".into(), super::super::text::guid_be(fields.bytes(68, 16).unwrap_or_default())),
            (
                "geometry".into(),
                format!(
                    "{} cylinders, {} heads, {} sectors",
                    number(56),
                    fields.u8(58).unwrap_or(0),
                    fields.u8(59).unwrap_or(0)
                ),
            ),
        ];
        let seconds = i64::from(fields.u32_be(24).unwrap_or(0)).saturating_add(EPOCH);
        notes.extend(super::super::text::date(seconds).map(|date| ("created or changed".into(), date)));
        if fields.u8(84) == Some(1) {
            notes.push(("saved state".into(), "the virtual machine was not shut down but saved".into()));
        }
        notes
    }
}
