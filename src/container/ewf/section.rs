//! The chain of sections in one segment file.

use crate::model::{Problem, ProblemKind};
use crate::read::{Fields, ReadAt};

/// Length of the header of a segment file.
pub(super) const FILE_HEADER: u64 = 13;
/// Length of a section descriptor.
pub(super) const DESCRIPTOR: u64 = 76;
/// A segment of two terabytes has some 12,000 sections; more than this is not an image.
const MAX_SECTIONS: usize = 1 << 20;

/// What a section holds. Source: libewf, Expert Witness Compression Format, "The sections".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Header,
    Header2,
    /// `volume`, or `disk`, which is the same.
    Volume,
    /// A copy of the volume section.
    Data,
    Sectors,
    Table,
    /// A copy of the table before it.
    Table2,
    Hash,
    Digest,
    Error2,
    /// The image goes on in the next segment file.
    Next,
    /// The image ends.
    Done,
    /// The imaging was not finished.
    Incomplete,
    /// Known and of no use here.
    Other,
    /// Its descriptor is damaged beyond recognition.
    Unknown,
}

const KINDS: &[(&[u8], Kind)] = &[
    (b"data", Kind::Data),
    (b"digest", Kind::Digest),
    (b"disk", Kind::Volume),
    (b"done", Kind::Done),
    (b"error2", Kind::Error2),
    (b"hash", Kind::Hash),
    (b"header", Kind::Header),
    (b"header2", Kind::Header2),
    (b"incomplete", Kind::Incomplete),
    (b"next", Kind::Next),
    (b"sectors", Kind::Sectors),
    (b"session", Kind::Other),
    (b"table", Kind::Table),
    (b"table2", Kind::Table2),
    (b"volume", Kind::Volume),
    (b"xhash", Kind::Other),
    (b"xheader", Kind::Other),
];

/// One section. Offsets count from the start of its segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub kind: Kind,
    /// First byte of the descriptor.
    pub start: u64,
    /// First byte after the section, never past the end of the file.
    pub end: u64,
}

impl Section {
    /// First byte after the descriptor.
    pub(super) const fn payload(&self) -> u64 {
        self.start.saturating_add(DESCRIPTOR)
    }

    /// Bytes after the descriptor.
    pub(super) const fn length(&self) -> u64 {
        self.end.saturating_sub(self.payload())
    }

    /// The first `most` bytes after the descriptor, or fewer when there are no more.
    pub(super) fn read(&self, file: &dyn ReadAt, most: usize) -> crate::read::Result<Vec<u8>> {
        let length = usize::try_from(self.length()).unwrap_or(most).min(most);
        Ok(file.read_vec(self.payload(), length)?)
    }
}

/// The sections of a segment file as far as the chain could be followed.
#[derive(Debug, Default)]
pub(super) struct Chain {
    pub sections: Vec<Section>,
    pub problems: Vec<Problem>,
    /// Why the rest of the file is unknown, when it is.
    pub broken: Option<String>,
}

struct Descriptor {
    kind: Option<Kind>,
    next: u64,
    size: u64,
    sound: bool,
}

/// Follows the chain in segment file `number`. It only ever goes forwards.
pub(super) fn follow(file: &dyn ReadAt, number: usize) -> Chain {
    let mut chain = Chain::default();
    let mut at = FILE_HEADER;
    loop {
        if chain.sections.len() >= MAX_SECTIONS {
            chain.broken = Some(format!("segment {number} has more than {MAX_SECTIONS} sections"));
            return chain;
        }
        let descriptor = match descriptor(file, at) {
            Ok(descriptor) => descriptor,
            Err(reason) => {
                chain.broken = Some(format!("segment {number}: no section at byte {at}: {reason}"));
                return chain;
            }
        };
        if !descriptor.sound && descriptor.kind.is_none() && chain.sections.is_empty() {
            chain.broken = Some(format!("segment {number}: no section at byte {at}"));
            return chain;
        }
        if !descriptor.sound {
            let detail =
                format!("segment {number}: the checksum of the section descriptor at byte {at} is wrong");
            chain.problems.push(Problem::new(ProblemKind::Corrupt, detail));
        }
        let unnamed = if descriptor.sound { Kind::Other } else { Kind::Unknown };
        let kind = descriptor.kind.unwrap_or(unnamed);
        let end = match kind {
            Kind::Done | Kind::Next => None,
            _ => following(file, at, &descriptor),
        };
        let stop = end.unwrap_or(match kind {
            Kind::Done | Kind::Next => at.saturating_add(DESCRIPTOR),
            _ => file.size(),
        });
        chain.sections.push(Section { kind, start: at, end: stop.min(file.size()) });
        if matches!(kind, Kind::Done | Kind::Next) {
            return chain;
        }
        let by_size = at.checked_add(descriptor.size);
        match end {
            Some(end) => {
                if descriptor.sound && descriptor.size != 0 && by_size != Some(end) {
                    // Two images can be hidden in one by letting size and next offset disagree.
                    let detail = format!(
                        "segment {number}: the section at byte {at} has {} bytes but the next one is at byte {end}",
                        descriptor.size
                    );
                    chain.problems.push(Problem::new(ProblemKind::Ambiguous, detail));
                }
                at = end;
            }
            None => {
                chain.broken = Some(format!(
                    "segment {number}: nothing follows the section at byte {at}: next offset {}, size {}, file {}",
                    descriptor.next,
                    descriptor.size,
                    file.size()
                ));
                return chain;
            }
        }
    }
}

/// Whether a valid section descriptor stands right after the file header.
pub(super) fn begins(file: &dyn ReadAt) -> bool {
    descriptor(file, FILE_HEADER).is_ok_and(|first| first.sound && first.kind.is_some())
}

fn descriptor(file: &dyn ReadAt, at: u64) -> Result<Descriptor, String> {
    let mut bytes = [0; 76];
    file.read_exact_at(at, &mut bytes).map_err(|error| error.to_string())?;
    let fields = Fields(&bytes);
    let name = fields.bytes(0, 16).unwrap_or_default();
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let sum = adler2::adler32_slice(fields.bytes(0, 72).unwrap_or_default());
    Ok(Descriptor {
        kind: KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind),
        next: fields.u64(16).unwrap_or(0),
        size: fields.u64(24).unwrap_or(0),
        sound: fields.u32(72) == Some(sum),
    })
}

/// Where the next section is: where the descriptor says, unless nothing is there and its size says better.
fn following(file: &dyn ReadAt, at: u64, this: &Descriptor) -> Option<u64> {
    let earliest = at.checked_add(DESCRIPTOR)?;
    let latest = file.size().checked_sub(DESCRIPTOR)?;
    let candidates = [Some(this.next), at.checked_add(this.size)];
    let possible = || candidates.into_iter().flatten().filter(|next| *next >= earliest && *next <= latest);
    possible()
        .find(|next| descriptor(file, *next).is_ok_and(|next| next.sound))
        .or_else(|| possible().find(|next| descriptor(file, *next).is_ok_and(|next| next.kind.is_some())))
}
