//! A medium whose bytes lie in pieces over the files of an image, as its tables say.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::unpack::{Method, unpack};
use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{ReadAt, Unreadable, size};

/// Bytes of unpacked units that are kept.
const KEPT: usize = 32 << 20;
/// Units that are kept.
const KEPT_UNITS: usize = 512;
/// Most bytes of one unit, packed or unpacked: what an image says beyond that is not believed.
pub(super) const MAX_UNIT: u64 = 32 << 20;
/// Stretches of a medium that are looked at when an image is opened; what lies behind is looked at when it is read.
const MAX_LOOKED_AT: usize = 1 << 20;
/// Ranges that get a problem of their own.
const MAX_PROBLEMS: usize = 50;

/// Where the bytes of a stretch are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// As they are, in the file of that index from that byte on.
    Stored { file: usize, offset: u64 },
    /// Nowhere: the format defines them as zero.
    Zero,
    /// Nowhere: a pattern of eight bytes over and over, counted from the start of the medium.
    Filled([u8; 8]),
    /// Within something that must be unpacked.
    Packed(Packed),
    /// They cannot be had, for that reason.
    Missing(String),
}

/// Something packed that gives the bytes of a unit of the medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    /// First byte of the unit on the medium.
    pub start: u64,
    /// Bytes of the unit that belong to the medium.
    pub length: u64,
    /// Bytes that it unpacks to at most; never less than `length`.
    pub most: u64,
    /// Where the packed bytes are.
    pub file: usize,
    /// First packed byte in that file.
    pub offset: u64,
    /// How many packed bytes there are at most; fewer when the file ends before.
    pub stored: u64,
    /// How they are packed.
    pub method: Method,
}

/// Bytes of a medium that are found in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// How many bytes from the place that was asked for; not zero.
    pub length: u64,
    /// Where they are.
    pub place: Place,
}

impl Stretch {
    /// Bytes that cannot be had.
    pub(super) fn missing(length: u64, reason: impl Into<String>) -> Self {
        Self { length, place: Place::Missing(reason.into()) }
    }

    /// Bytes that are zero by definition.
    pub(super) const fn zero(length: u64) -> Self {
        Self { length, place: Place::Zero }
    }
}

/// What the tables of an image say.
pub(super) trait Map: Send + Sync {
    /// Bytes of the medium.
    fn size(&self) -> u64;

    /// What lies at `offset`, which is below the size.
    fn at(&self, offset: u64) -> Stretch;
}

/// The medium that a map describes.
pub(super) struct Mapped<M> {
    map: M,
    files: Vec<Arc<dyn ReadAt>>,
    kept: Mutex<VecDeque<(u64, Arc<[u8]>)>>,
}

impl<M: Map> Mapped<M> {
    /// `files` are those that the map names by index.
    pub(super) const fn new(map: M, files: Vec<Arc<dyn ReadAt>>) -> Self {
        Self { map, files, kept: Mutex::new(VecDeque::new()) }
    }

    /// What the map says before anything is read: ranges that cannot be had, and places that are used twice.
    ///
    /// A medium of very many pieces is only gone through in part; reads of the rest fail where they must.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut at = 0_u64;
        let mut missing: Vec<(Extent, String)> = Vec::new();
        let mut more = 0_u64;
        let mut used: Vec<(usize, u64, u64, u64)> = Vec::new();
        for _ in 0..MAX_LOOKED_AT {
            if at >= self.size() {
                break;
            }
            let stretch = self.stretch(at);
            let reason = match stretch.place {
                Place::Stored { file, offset } => {
                    used.push((file, offset, stretch.length, at));
                    let held = self.files.get(file).map_or(0, |file| file.size()).saturating_sub(offset);
                    (held < stretch.length).then(|| CUT_OFF.to_owned())
                }
                Place::Packed(ref packed) => {
                    let end = self.files.get(packed.file).map_or(0, |file| file.size());
                    (packed.offset >= end).then(|| CUT_OFF.to_owned())
                }
                Place::Missing(reason) => Some(reason),
                Place::Zero | Place::Filled(_) => None,
            };
            if let Some(reason) = reason {
                let room = missing.len() < MAX_PROBLEMS;
                match missing.last_mut() {
                    Some((last, known)) if last.end() == at && *known == reason => {
                        last.length = last.length.saturating_add(stretch.length);
                    }
                    _ if room => missing.push((Extent::new(at, stretch.length), reason)),
                    _ => more = more.saturating_add(1),
                }
            }
            at = at.saturating_add(stretch.length);
        }
        let mut problems: Vec<Problem> = missing.into_iter().map(|(at, reason)| lost(at, &reason)).collect();
        if more > 0 {
            let mut rest = Problem::new(
                ProblemKind::Unreadable,
                "more ranges of the medium cannot be had from the image",
            );
            rest.count = more;
            problems.push(rest);
        }
        problems.extend(shared(used));
        problems
    }

    /// What lies at `offset`, at most to the end of the medium.
    fn stretch(&self, offset: u64) -> Stretch {
        let left = self.size().saturating_sub(offset);
        let mut stretch = self.map.at(offset);
        if stretch.length == 0 {
            stretch = Stretch::missing(left, "the tables of the image do not say where these bytes are");
        }
        stretch.length = stretch.length.min(left);
        stretch
    }

    /// Reads from `offset` on into `target`, as far as one stretch goes.
    fn piece(&self, offset: u64, target: &mut [u8]) -> Result<usize, Unreadable> {
        let stretch = self.stretch(offset);
        let failed = |length: u64, reason: &str| Unreadable::new(offset, length.max(1), reason);
        let wanted = usize::try_from(stretch.length).unwrap_or(usize::MAX).min(target.len());
        let target = target.get_mut(..wanted).unwrap_or_default();
        match stretch.place {
            Place::Zero => {
                target.fill(0);
                Ok(wanted)
            }
            Place::Filled(pattern) => {
                let first = usize::try_from(offset % 8).unwrap_or(0);
                for (byte, value) in target.iter_mut().zip(pattern.iter().cycle().skip(first)) {
                    *byte = *value;
                }
                Ok(wanted)
            }
            Place::Missing(reason) => Err(failed(stretch.length, &reason)),
            Place::Stored { file, offset: place } => {
                let source = self
                    .files
                    .get(file)
                    .ok_or_else(|| failed(stretch.length, "a file of the image is missing"))?;
                match source.read_at(place, target) {
                    Ok(0) => Err(failed(stretch.length, CUT_OFF)),
                    Ok(read) => Ok(read),
                    Err(unreadable) => {
                        let reason = format!("{} (byte {place} of {})", unreadable.reason, self.named(file));
                        Err(failed(unreadable.length.min(stretch.length), &reason))
                    }
                }
            }
            Place::Packed(packed) => {
                let unit = self.unit(&packed).map_err(|reason| {
                    let place = format!("{reason} (byte {} of {})", packed.offset, self.named(packed.file));
                    failed(stretch.length, &place)
                })?;
                let within = usize::try_from(offset.saturating_sub(packed.start)).unwrap_or(usize::MAX);
                let part = unit.get(within..).and_then(|rest| rest.get(..wanted));
                target.copy_from_slice(
                    part.ok_or_else(|| failed(stretch.length, "it unpacks to too few bytes"))?,
                );
                Ok(wanted)
            }
        }
    }

    /// The unpacked bytes of a unit.
    fn unit(&self, packed: &Packed) -> Result<Arc<[u8]>, String> {
        let known = lock(&self.kept)
            .iter()
            .find(|(start, _)| *start == packed.start)
            .map(|(_, unit)| Arc::clone(unit));
        if let Some(known) = known {
            return Ok(known);
        }
        if packed.most.max(packed.length).max(packed.stored) > MAX_UNIT {
            return Err(format!(
                "a packed unit of {} bytes in {} is not believed",
                packed.most, packed.stored
            ));
        }
        let source = self.files.get(packed.file).ok_or("a file of the image is missing")?;
        let held = source.size().saturating_sub(packed.offset);
        let length = usize::try_from(held.min(packed.stored)).unwrap_or(0);
        let bytes = source.read_vec(packed.offset, length).map_err(|unreadable| unreadable.to_string())?;
        let most = usize::try_from(packed.most).unwrap_or(0);
        let unit: Arc<[u8]> = unpack(packed.method, &bytes, most)?.into();
        if size(unit.len()) < packed.length {
            return Err(format!("it unpacks to {} bytes, {} were expected", unit.len(), packed.length));
        }
        let mut kept = lock(&self.kept);
        kept.push_back((packed.start, Arc::clone(&unit)));
        let mut sum = kept.iter().map(|(_, unit)| unit.len()).fold(0, usize::saturating_add);
        while kept.len() > 1 && (kept.len() > KEPT_UNITS || sum > KEPT) {
            sum = sum.saturating_sub(kept.pop_front().map_or(0, |(_, unit)| unit.len()));
        }
        Ok(unit)
    }

    /// The name of a file in a reason.
    fn named(&self, file: usize) -> String {
        match self.files.len() {
            1 => "the image file".into(),
            _ => format!("file {} of the image", file.saturating_add(1)),
        }
    }
}

impl<M: Map> ReadAt for Mapped<M> {
    fn size(&self) -> u64 {
        self.map.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
        let mut done = 0_usize;
        while let Some(target) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let at = offset.saturating_add(size(done));
            if at >= self.size() {
                break;
            }
            match self.piece(at, target) {
                Ok(read) => done = done.saturating_add(read),
                Err(_) if done > 0 => break,
                Err(unreadable) => return Err(unreadable),
            }
        }
        Ok(done)
    }
}

const CUT_OFF: &str = "the image file ends before these bytes";

/// The problem of a range that cannot be had.
fn lost(extent: Extent, reason: &str) -> Problem {
    let detail = format!(
        "{} bytes at byte {} of the medium cannot be had from the image: {reason}",
        extent.length, extent.offset
    );
    Problem::new(ProblemKind::Unreadable, detail).at(extent)
}

/// A problem when two parts of the medium lie at the same place of a file: one of them is wrong.
fn shared(mut used: Vec<(usize, u64, u64, u64)>) -> Option<Problem> {
    used.sort_unstable();
    let mut first = None;
    let mut count = 0_u64;
    let mut reach = (usize::MAX, 0_u64);
    for (file, offset, length, at) in used {
        let end = offset.saturating_add(length);
        if reach.0 == file && offset < reach.1 {
            first.get_or_insert((offset, at, length));
            count = count.saturating_add(1);
        }
        reach = (file, if reach.0 == file { reach.1.max(end) } else { end });
    }
    let (offset, at, length) = first?;
    let detail = format!(
        "two parts of the medium lie at byte {offset} of the image file, one of them at byte {at} of the medium: at most one is right"
    );
    let mut problem = Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(at, length));
    problem.count = count;
    Some(problem)
}

/// A thread that died while it held the lock left nothing half done that matters.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Memory;

    struct Fixed(Vec<Stretch>);

    impl Map for Fixed {
        fn size(&self) -> u64 {
            self.0.iter().map(|stretch| stretch.length).sum()
        }
        fn at(&self, offset: u64) -> Stretch {
            let mut start = 0_u64;
            for stretch in &self.0 {
                let end = start.saturating_add(stretch.length);
                if offset < end {
                    let mut part = stretch.clone();
                    part.length = end.saturating_sub(offset);
                    if let Place::Stored { offset: place, .. } = &mut part.place {
                        *place = place.saturating_add(offset.saturating_sub(start));
                    }
                    return part;
                }
                start = end;
            }
            Stretch::zero(0)
        }
    }

    #[test]
    fn stretches_are_joined_zeros_are_zeros_and_what_is_missing_is_told() {
        let file: Arc<dyn ReadAt> = Arc::new(Memory(b"abcdefgh"));
        let stored = |offset, length| Stretch { length, place: Place::Stored { file: 0, offset } };
        let map = Fixed(vec![stored(4, 3), Stretch::zero(2), Stretch::missing(2, "gone"), stored(6, 4)]);
        let medium = Mapped::new(map, vec![file]);
        let mut buffer = [9; 11];
        assert_eq!(medium.read_at(1, &mut buffer), Ok(4));
        assert_eq!(&buffer[..4], b"fg\0\0");
        let gone = medium.read_at(5, &mut buffer).unwrap_err();
        assert_eq!((gone.offset, gone.length, gone.reason.as_str()), (5, 2, "gone"));
        assert_eq!(medium.read_at(7, &mut buffer), Ok(2));
        assert_eq!(medium.read_at(9, &mut buffer).unwrap_err().reason, CUT_OFF);
        assert_eq!(medium.read_at(11, &mut buffer), Ok(0));
        let problems = medium.problems();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[2].detail.contains("two parts"), "{problems:?}");
    }
}
