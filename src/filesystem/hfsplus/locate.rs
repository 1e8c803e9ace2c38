//! Finding a volume header that can be trusted: through a wrapper, the first, or the copy at the end.

use super::header::{Header, LENGTH, PLACE, Special};
use super::tree::is_tree;
use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Confidence, Error, Fields, ReadAt, Result, size};

/// What was found on the way to the files.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) header: Header,
    /// Whether a wrapper of HFS is around the file system.
    pub(super) wrapped: bool,
    /// Places of what was read.
    pub(super) places: Vec<Extent>,
    pub(super) problems: Vec<Problem>,
}

/// How sure it is that the volume is HFS+.
pub(super) fn probe(volume: &dyn ReadAt) -> Confidence {
    match find(volume) {
        // A copy at the end survives when something else is made of the volume.
        Ok(found) if found.header.at != found.header.base.saturating_add(PLACE) => Confidence::Weak,
        Ok(found) if found.problems.is_empty() => Confidence::Strong,
        Ok(found) if is_good(volume, &found.header) => Confidence::Strong,
        Ok(_) => Confidence::Weak,
        Err(_) => Confidence::No,
    }
}

/// The header to work with.
pub(super) fn find(volume: &dyn ReadAt) -> Result<Located> {
    let wrapper = wrapper(volume, PLACE).or_else(|| {
        wrapper(volume, volume.size().checked_sub(PLACE)?).filter(|_| read(volume, PLACE, 0).is_err())
    });
    let (base, end) = match &wrapper {
        Some(embedded) => (embedded.offset, embedded.end().min(volume.size())),
        None => (0, volume.size()),
    };
    let first = read(volume, base.saturating_add(PLACE), base);
    let copy = copies(volume, base, end, first.as_ref().ok()).next();
    let (mut header, mut problems) = choose(volume, first, copy.as_ref())?;
    if let Some(copy) = copy.as_ref().filter(|copy| copy.at != header.at) {
        problems.extend(mend(volume, &mut header, copy));
    }
    let mut places = vec![Extent::new(header.at, size(LENGTH))];
    places.extend(copy.filter(|copy| copy.at != header.at).map(|copy| Extent::new(copy.at, size(LENGTH))));
    places.extend(wrapper.map(|_| Extent::new(PLACE, size(LENGTH))));
    Ok(Located { header, wrapped: wrapper.is_some(), places, problems })
}

/// The first header unless only the copy leads to a catalog.
fn choose(
    volume: &dyn ReadAt,
    first: Result<Header>,
    copy: Option<&Header>,
) -> Result<(Header, Vec<Problem>)> {
    let why = match (&first, copy) {
        (Ok(header), Some(copy)) if !is_good(volume, header) && is_good(volume, copy) => {
            "its block size, or the place of its catalog, is wrong".to_owned()
        }
        (Err(error), Some(_)) => error.to_string(),
        _ => return first.map(|header| (header, Vec::new())),
    };
    let Some(copy) = copy else { return first.map(|header| (header, Vec::new())) };
    let detail = format!("volume header: {why}; its copy at byte {} is used instead", copy.at);
    let place = Extent::new(copy.base.saturating_add(PLACE), size(LENGTH));
    let problem = Problem::new(ProblemKind::Corrupt, detail).at(place);
    Ok((copy.clone(), vec![problem]))
}

/// Takes the places of B-trees that the header has wrong from the copy that has them right.
fn mend(volume: &dyn ReadAt, header: &mut Header, copy: &Header) -> Vec<Problem> {
    let mut problems = Vec::new();
    if header.block_size != copy.block_size {
        return problems;
    }
    for special in Special::TREES {
        let is_right = |header: &Header| has_tree(volume, header, special);
        if header.fork(special) != copy.fork(special) && !is_right(header) && is_right(copy) {
            header.take_fork(special, copy);
            let detail = format!(
                "volume header: the place of the {} is wrong; that of the copy at byte {} is used",
                special.name(),
                copy.at
            );
            let place = Extent::new(header.at, size(LENGTH));
            problems.push(Problem::new(ProblemKind::Corrupt, detail).at(place));
        }
    }
    if header.blocks != copy.blocks && copy.base.saturating_add(copy.bytes()) <= volume.size() {
        let detail = format!(
            "volume header: {} blocks, its copy at byte {} says {}, which is used",
            header.blocks, copy.at, copy.blocks
        );
        problems.push(Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(header.at, size(LENGTH))));
        header.blocks = copy.blocks;
    }
    problems
}

fn is_good(volume: &dyn ReadAt, header: &Header) -> bool {
    has_tree(volume, header, Special::Catalog)
}

/// Whether a B-tree begins where the header says that this one does. A tree that is not there is right too, except the catalog.
fn has_tree(volume: &dyn ReadAt, header: &Header, special: Special) -> bool {
    let fork = header.fork(special);
    if fork.blocks == 0 && special != Special::Catalog {
        return fork.used().count() == 0;
    }
    let whole = fork.used().all(|extent| header.run(extent).is_some());
    let first = fork.used().next().and_then(|extent| header.run(extent));
    whole && fork.is_consistent() && first.is_some_and(|run| is_tree(volume, run.offset))
}

/// Headers before the end of the file system, as it is known from the volume and from the first header.
fn copies<'v>(
    volume: &'v dyn ReadAt,
    base: u64,
    end: u64,
    first: Option<&Header>,
) -> impl Iterator<Item = Header> + 'v {
    let known = first.map(|header| base.saturating_add(header.bytes()));
    // The copy that the first header leads to goes first: another may be left from before a change of size.
    let ends = [known, Some(end), Some(end & !511)];
    let places = ends.into_iter().flatten().filter_map(|end| end.checked_sub(PLACE));
    places
        .filter(move |place| *place > base.saturating_add(PLACE))
        .filter_map(move |place| read(volume, place, base).ok())
}

fn read(volume: &dyn ReadAt, at: u64, base: u64) -> Result<Header> {
    let bytes = volume.read_vec(at, LENGTH).map_err(Error::from)?;
    Header::parse(&bytes, at, base)
}

/// The file system inside an HFS volume: its master directory block names it (TN1150, "HFS Wrapper").
fn wrapper(volume: &dyn ReadAt, at: u64) -> Option<Extent> {
    let block = volume.read_vec(at, 162).ok()?;
    let fields = Fields(&block);
    let is_wrapper = fields.has(0, b"BD") && (fields.has(124, b"H+") || fields.has(124, b"HX"));
    is_wrapper.then_some(())?;
    let unit = u64::from(fields.u32_be(20)?);
    let first = u64::from(fields.u16_be(28)?).checked_mul(512)?;
    let start = u64::from(fields.u16_be(126)?).checked_mul(unit)?;
    let length = u64::from(fields.u16_be(128)?).checked_mul(unit)?;
    let base = first.checked_add(start)?;
    (length > 0 && base < volume.size()).then(|| Extent::new(base, length))
}
