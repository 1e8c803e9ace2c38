//! Labels, headers and metadata areas of LVM2 physical volumes.
//!
//! Source: LVM2, lib/label/label.h, lib/format_text/layout.h, lib/misc/crc.c.

use super::text::{self, Section};
use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Fields, ReadAt, size};

const SECTOR: u64 = 512;
/// The first four sectors may hold the label.
const LABELS: [u64; 4] = [1, 0, 2, 3];
const INITIAL: u32 = 0xf597_a6cf;
const AREA: &[u8] = b" LVM2 x[5A%r0N*>";
/// Most bytes of one text; a thousand logical volumes take about one mebibyte.
const MAX_TEXT: u64 = 16 << 20;
/// Most bytes of an area that are searched for a text when its header is of no use.
const MAX_SEARCH: u64 = 4 << 20;
/// Areas of data and of metadata that are read from a header.
const MAX_AREAS: usize = 8;

/// A physical volume as its label describes it.
pub(super) struct Label {
    /// Its identifier, 32 letters and digits.
    pub id: String,
    /// Places that were read: the label, and the heads of its metadata areas with their texts.
    pub metadata: Vec<Extent>,
    /// The metadata of its group, one for each area that holds some.
    pub texts: Vec<Text>,
    pub problems: Vec<Problem>,
}

/// One version of the metadata of a volume group.
pub(super) struct Text {
    pub name: String,
    pub group: Section,
    /// Grows with each change of the group.
    pub number: u64,
    /// Whether its checksum is right and it was read to its end.
    pub sound: bool,
}

/// Where the label stands; none when the volume is no physical volume.
pub(super) fn find(volume: &dyn ReadAt) -> Option<u64> {
    LABELS.into_iter().filter_map(|sector| sector.checked_mul(SECTOR)).find(|at| {
        volume.read_vec(*at, 32).is_ok_and(|bytes| {
            let fields = Fields(&bytes);
            fields.has(0, b"LABELONE") && fields.has(24, b"LVM2 001")
        })
    })
}

impl Label {
    pub(super) fn read(volume: &dyn ReadAt) -> Option<Self> {
        let at = find(volume)?;
        let bytes = volume.read_vec(at, 512).ok()?;
        let fields = Fields(&bytes);
        let place = Extent::new(at, SECTOR);
        let mut label =
            Self { id: String::new(), metadata: vec![place], texts: Vec::new(), problems: Vec::new() };
        let (stated, sum) = (fields.u32(16)?, checksum(INITIAL, bytes.get(20..)?));
        if stated != sum {
            let detail = format!(
                "the checksum of the LVM2 label at byte {at} is {stated:#010x}, {sum:#010x} expected"
            );
            label.problems.push(Problem::new(ProblemKind::Corrupt, detail).at(place));
        }
        let header = usize::try_from(fields.u32(20)?).ok()?;
        label.id = String::from_utf8_lossy(fields.bytes(header, 32)?).into_owned();
        let mut areas = header.checked_add(40)?;
        let mut list = || {
            let mut found = Vec::new();
            while found.len() < MAX_AREAS {
                let place = Extent::new(fields.u64(areas)?, fields.u64(areas.checked_add(8)?)?);
                areas = areas.checked_add(16)?;
                if place.offset == 0 {
                    return Some(found);
                }
                found.push(place);
            }
            None
        };
        let data = list();
        let metadata = data.and_then(|_| list());
        if metadata.is_none() {
            let detail =
                format!("the header of the LVM2 physical volume at byte {at} lists its areas without an end");
            label.problems.push(Problem::new(ProblemKind::Corrupt, detail).at(place));
        }
        for area in metadata.unwrap_or_default() {
            label.area(volume, area);
        }
        Some(label)
    }

    fn area(&mut self, volume: &dyn ReadAt, area: Extent) {
        let place = Extent::new(area.offset, SECTOR);
        let head = match volume.read_vec(area.offset, 512) {
            Ok(head) => head,
            Err(unreadable) => {
                let detail = format!("an LVM2 metadata area cannot be read: {unreadable}");
                return self.problems.push(Problem::new(ProblemKind::Unreadable, detail).at(place));
            }
        };
        self.metadata.push(place);
        let fields = Fields(&head);
        let sum = checksum(INITIAL, head.get(4..).unwrap_or_default());
        let sound = fields.u32(0) == Some(sum);
        if !sound || !fields.has(4, AREA) {
            let detail = format!(
                "the header of the LVM2 metadata area at byte {} is damaged: checksum {:#010x}, {sum:#010x} expected",
                area.offset,
                fields.u32(0).unwrap_or(0)
            );
            self.problems.push(Problem::new(ProblemKind::Corrupt, detail).at(place));
        }
        let wanted = (|| Some((fields.u64(40)?, fields.u64(48)?, fields.u32(56)?, fields.u32(60)?)))();
        let Some((offset, length, sum, flags)) = wanted else { return };
        // An empty area, and one that is told to be left alone, hold nothing that counts.
        if sound && (offset == 0 || flags & 1 != 0) {
            return;
        }
        let text = ring(volume, area, offset, length);
        let found = text.as_ref().and_then(|bytes| Text::parse(bytes, checksum(INITIAL, bytes) == sum));
        if let Some(text) = found.filter(|text| text.sound) {
            self.metadata.push(Extent::new(
                area.offset.saturating_add(offset),
                length.min(area.length.saturating_sub(offset)),
            ));
            return self.texts.push(text);
        }
        let detail = format!(
            "the LVM2 metadata of {length} bytes at byte {} do not have their checksum {sum:#010x}: what is there is used, \
             or the copy on another volume",
            area.offset.saturating_add(offset)
        );
        self.problems.push(Problem::new(ProblemKind::Corrupt, detail).at(place));
        let damaged = text.as_ref().and_then(|bytes| Text::parse(bytes, false));
        self.texts.extend(damaged.into_iter().chain(search(volume, area)));
    }
}

impl Text {
    fn parse(bytes: &[u8], checked: bool) -> Option<Self> {
        let (section, damage) = text::parse(bytes);
        let (name, group) = section.sections().find(|(_, group)| group.text("id").is_some())?;
        Some(Self {
            name: name.to_owned(),
            number: group.number("seqno").unwrap_or(0),
            sound: checked && damage.is_none(),
            group: group.clone(),
        })
    }
}

/// A text in the ring of an area: behind its end it goes on after the head.
fn ring(volume: &dyn ReadAt, area: Extent, offset: u64, length: u64) -> Option<Vec<u8>> {
    if offset < SECTOR
        || offset >= area.length
        || length == 0
        || length > MAX_TEXT.min(area.length.checked_sub(SECTOR)?)
    {
        return None;
    }
    let first = length.min(area.length.checked_sub(offset)?);
    let mut bytes = volume.read_vec(area.offset.checked_add(offset)?, usize::try_from(first).ok()?).ok()?;
    let rest = usize::try_from(length.checked_sub(first)?).ok()?;
    bytes.extend(volume.read_vec(area.offset.checked_add(SECTOR)?, rest).ok()?);
    Some(bytes)
}

/// The newest text that stands anywhere in an area; texts begin with a sector.
fn search(volume: &dyn ReadAt, area: Extent) -> Option<Text> {
    let length = area.length.min(MAX_SEARCH).min(volume.size().checked_sub(area.offset)?);
    let bytes = volume.read_vec(area.offset, usize::try_from(length).ok()?).ok()?;
    let begins = |at: &usize| {
        let head = bytes.get(*at..).unwrap_or_default();
        let head = head.get(..256).unwrap_or(head);
        head.windows(8).any(|window| window == b"{\nid = \"")
    };
    let starts: Vec<usize> = (0..bytes.len()).step_by(512).skip(1).filter(begins).collect();
    let texts = starts.iter().filter_map(|at| {
        let end = at.checked_add(usize::try_from(MAX_TEXT).ok()?)?.min(bytes.len());
        Text::parse(bytes.get(*at..end)?, false)
    });
    texts.max_by_key(|text| text.number)
}

/// The checksum of LVM2: the usual polynomial without the usual inversions.
pub(super) fn checksum(initial: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(!initial);
    hasher.update(bytes);
    debug_assert!(size(bytes.len()) <= MAX_TEXT.max(512));
    !hasher.finalize()
}
