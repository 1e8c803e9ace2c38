//! Finding the volume: recognition sequence, anchors, descriptor sequences (ECMA-167, parts 2 and 3).

use super::tag::{Tag, Trust, id};
use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Fields, ReadAt};

/// Sizes of a sector, the usual one first.
const SECTORS: [u64; 4] = [2048, 512, 4096, 1024];
/// Most blocks of a descriptor sequence that are read.
const MAX_SEQUENCE: u64 = 256;
/// Most volume descriptor pointers that are followed.
const MAX_POINTERS: usize = 16;
/// Sectors from the start in which descriptors are looked for when no anchor is left.
const SEARCHED: u64 = 512;

/// A descriptor that prevails, and its place.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) bytes: Vec<u8>,
    pub(super) at: u64,
    pub(super) trust: Trust,
    sequence: u32,
}

/// The descriptors of a volume.
#[derive(Debug, Default)]
pub(super) struct Descriptors {
    /// Bytes of a sector.
    pub(super) sector: u64,
    pub(super) primary: Option<Found>,
    pub(super) logical: Option<Found>,
    /// Partition descriptors by the number of the partition.
    pub(super) partitions: Vec<(u16, Found)>,
    /// Places that were read.
    pub(super) places: Vec<Extent>,
    pub(super) flaws: Vec<Problem>,
    /// Anchors that agree with their tags.
    pub(super) anchors: usize,
}

/// Whether the recognition sequence names a version of ECMA-167 (part 2, section 9).
pub(super) fn is_recognised(volume: &dyn ReadAt) -> bool {
    let named = |at: u64| {
        let bytes = volume.read_vec(at, 7).unwrap_or_default();
        let fields = Fields(&bytes);
        fields.has(1, b"NSR02") || fields.has(1, b"NSR03")
    };
    [2048_u64, 4096]
        .into_iter()
        .any(|unit| (0..32_u64).any(|index| named(unit.saturating_mul(index).saturating_add(0x8000))))
}

/// The descriptors of the volume, as far as they can be found.
pub(super) fn find(volume: &dyn ReadAt) -> Option<Descriptors> {
    let mut best: Option<Descriptors> = None;
    let mut complete: Option<Descriptors> = None;
    for sector in SECTORS {
        let mut found = Descriptors { sector, ..Descriptors::default() };
        found.anchors(volume);
        match &mut complete {
            None if found.is_complete() => complete = Some(found),
            // An anchor names its own sector, so these are others: which volume is shown depends on the drive.
            Some(first) if found.is_complete() => {
                let detail = format!(
                    "anchors for sectors of {sector} bytes lead to another UDF volume, which is not read"
                );
                first.flaws.push(Problem::new(ProblemKind::Ambiguous, detail));
            }
            _ => best = best.or((found.anchors > 0).then_some(found)),
        }
    }
    if complete.is_some() {
        return complete;
    }
    // Every anchor is damaged: the sequences usually lie before the first one.
    if is_recognised(volume) {
        for sector in SECTORS {
            let mut found = Descriptors { sector, ..Descriptors::default() };
            found.sequence(volume, 0, SEARCHED, true);
            if found.is_complete() {
                let detail = "no anchor can be used: the volume descriptors were searched for";
                found.flaws.push(Problem::new(ProblemKind::Corrupt, detail));
                return Some(found);
            }
        }
    }
    best
}

impl Descriptors {
    /// Whether there is a logical volume on at least one partition.
    pub(super) fn is_complete(&self) -> bool {
        self.logical.is_some() && !self.partitions.is_empty()
    }

    /// Reads what the anchors lead to. They stand in two of the sectors 256, N - 256 and N (part 3, section 8.4.2.1),
    /// N being the last one; on a disc that is still open, in sector 512 (OSTA UDF, section 2.2.3).
    fn anchors(&mut self, volume: &dyn ReadAt) {
        let count = volume.size().checked_div(self.sector).unwrap_or(0);
        let ends = [count.checked_sub(1), count.checked_sub(257)];
        let places = [Some(256), Some(512)].into_iter().chain(ends).flatten();
        let mut sequences: Vec<(u64, u64)> = Vec::new();
        for place in places {
            let at = place.saturating_mul(self.sector);
            let Ok(bytes) = volume.read_vec(at, 512) else { continue };
            let Some(tag) = Tag::of(&bytes, id::ANCHOR) else { continue };
            if u64::from(tag.location) != place {
                continue;
            }
            self.places.push(Extent::new(at, self.sector.min(volume.size().saturating_sub(at))));
            if tag.trust == Trust::Sound {
                self.anchors = self.anchors.saturating_add(1);
            } else {
                self.damaged("anchor", at);
            }
            let fields = Fields(&bytes);
            for extent in [16, 24] {
                let (Some(length), Some(start)) = (fields.u32(extent), fields.u32(extent.saturating_add(4)))
                else {
                    continue;
                };
                let sectors = u64::from(length).checked_div(self.sector).unwrap_or(0);
                if sectors > 0 && !sequences.contains(&(start.into(), sectors)) {
                    sequences.push((start.into(), sectors));
                }
            }
        }
        for (start, sectors) in sequences.into_iter().take(8) {
            self.sequence(volume, start, sectors, false);
        }
    }

    /// Takes over the descriptors of a sequence that prevail over those known: higher numbers, and sound ones first.
    fn sequence(&mut self, volume: &dyn ReadAt, start: u64, sectors: u64, searching: bool) {
        let mut next = Some((start, sectors));
        let mut pointers = 0;
        while let Some((start, sectors)) = next.take().filter(|_| pointers < MAX_POINTERS) {
            pointers = pointers.saturating_add(1);
            let most = if searching { SEARCHED } else { MAX_SEQUENCE };
            for number in 0..sectors.min(most) {
                let sector = start.saturating_add(number);
                let at = sector.saturating_mul(self.sector);
                // The fields that matter stand in the first 512 bytes, maps may reach further.
                let length = usize::try_from(self.sector).unwrap_or(512);
                let bytes = match volume.read_vec(at, length) {
                    Ok(bytes) => bytes,
                    Err(_) if at >= volume.size() => break,
                    Err(why) => {
                        let place = Extent::new(at, self.sector);
                        let detail = format!("volume descriptor at byte {at}: {why}");
                        self.flaws.push(Problem::new(ProblemKind::Unreadable, detail).at(place));
                        continue;
                    }
                };
                let Some(tag) = Tag::read(&bytes) else {
                    // One that is damaged beyond recognition does not hide those behind it.
                    if searching || bytes.iter().any(|byte| *byte != 0) {
                        continue;
                    } else {
                        break;
                    };
                };
                if searching && (tag.trust != Trust::Sound || u64::from(tag.location) != sector) {
                    continue;
                }
                self.places.push(Extent::new(at, self.sector));
                if tag.trust != Trust::Sound {
                    self.damaged("volume descriptor", at);
                }
                match tag.id {
                    id::POINTER => {
                        let fields = Fields(&bytes);
                        let sectors = u64::from(fields.u32(20).unwrap_or(0)).checked_div(self.sector);
                        next = Some((fields.u32(24).unwrap_or(0).into(), sectors.unwrap_or(0)));
                    }
                    id::TERMINATOR if !searching => break,
                    id => self.keep(id, bytes, at, tag.trust),
                }
            }
        }
    }

    fn keep(&mut self, id: u16, bytes: Vec<u8>, at: u64, trust: Trust) {
        let fields = Fields(&bytes);
        let sequence = fields.u32(16).unwrap_or(0);
        let number = fields.u16(22).unwrap_or(0);
        let found = Found { bytes, at, trust, sequence };
        let known = match id {
            id::PRIMARY => &mut self.primary,
            id::LOGICAL => &mut self.logical,
            id::PARTITION => {
                match self.partitions.iter_mut().find(|(known, _)| *known == number) {
                    Some((_, known)) if found.prevails(known) => *known = found,
                    Some(_) => {}
                    None => self.partitions.push((number, found)),
                }
                // Damage makes up numbers; no volume has that many partitions.
                self.partitions.truncate(64);
                return;
            }
            _ => return,
        };
        if known.as_ref().is_none_or(|known| found.prevails(known)) {
            *known = Some(found);
        }
    }

    fn damaged(&mut self, what: &str, at: u64) {
        let detail =
            format!("{what} at byte {at}: its checksums do not hold; another one is used where there is one");
        self.flaws.push(Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(at, self.sector)));
    }
}

impl Found {
    fn prevails(&self, other: &Self) -> bool {
        (self.trust, self.sequence) > (other.trust, other.sequence)
    }
}
