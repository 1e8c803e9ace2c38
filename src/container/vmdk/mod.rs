//! VMDK images of VMware: sparse, stream-optimised, flat, and those in several files.
//!
//! Source: VMware, Virtual Disk Format 5.0.

mod copies;
mod descriptor;
mod map;
mod sparse;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::mapped::Mapped;
use super::{Format, Image};
use crate::model::{Digests, Problem, ProblemKind};
use crate::read::{Confidence, Error, ReadAt, Result, size};
use descriptor::{Descriptor, Kind};
use map::{Disk, Part, Source};
use sparse::Sparse;

/// The format.
pub(super) struct Vmdk;

impl Format for Vmdk {
    fn name(&self) -> &'static str {
        "vmdk"
    }

    fn description(&self) -> &'static str {
        "VMware (.vmdk), sparse, stream-optimised, flat and split into extents beside it; not snapshots on a parent, nor the sparse extents of ESXi"
    }

    fn probe(&self, first: &dyn ReadAt) -> Confidence {
        match sparse::begins(first) || Descriptor::of_file(first).is_some() {
            true => Confidence::Strong,
            false => Confidence::No,
        }
    }

    fn open(&self, segments: Vec<Arc<dyn ReadAt>>) -> Result<Image> {
        let first = segments.first().ok_or_else(|| Error::corrupt("VMDK image", 0, "a file", "none"))?;
        let mut problems = Vec::new();
        let mut notes = Vec::new();
        let (descriptor, parts, files) = match Descriptor::of_file(first.as_ref()) {
            Some(descriptor) => {
                descriptor.refuse()?;
                let parts = parts(&descriptor, &segments, &mut problems)?;
                (descriptor, parts, segments)
            }
            None => one_file(segments, &mut problems, &mut notes)?,
        };
        for part in &parts {
            if let Source::Sparse(sparse) = &part.source
                && let Some(file) = files.get(sparse.file)
            {
                problems.extend(copies::compare(file.as_ref(), sparse));
            }
        }
        notes.extend(descriptor.notes());
        let medium = Mapped::new(Disk::new(parts, files.clone()), files);
        problems.extend(medium.problems());
        Ok(Image {
            format: self.name(),
            medium: Arc::new(medium),
            stored: Digests::default(),
            notes,
            problems,
        })
    }
}

/// The descriptor, the parts of the disk, and the files that they name by index.
type Opened = (Descriptor, Vec<Part>, Vec<Arc<dyn ReadAt>>);

/// A disk in one file, with the descriptor in it.
fn one_file(
    segments: Vec<Arc<dyn ReadAt>>,
    problems: &mut Vec<Problem>,
    notes: &mut Vec<(String, String)>,
) -> Result<Opened> {
    let parted = segments.iter().skip(1).any(|other| sparse::begins(other.as_ref()));
    let files = match parted {
        // Files beside it that are extents by name belong to another disk.
        true => {
            notes.push((
                "files beside it that are no part of it".into(),
                segments.len().saturating_sub(1).to_string(),
            ));
            segments.into_iter().take(1).collect()
        }
        false => vec![super::raw::joined(segments)],
    };
    let file = files.first().ok_or_else(|| Error::corrupt("VMDK image", 0, "a file", "none"))?;
    let sparse = Sparse::read(file.as_ref(), 0, problems)?;
    let Some(descriptor) = sparse.descriptor(file.as_ref()) else {
        let found = "it has no descriptor: it is one extent of a disk in several files; put them into one folder and give the file with the descriptor";
        return Err(Error::unsupported("VMDK image", 28, found));
    };
    descriptor.refuse()?;
    let stated: u64 = descriptor.extents.iter().map(|extent| extent.sectors).fold(0, u64::saturating_add);
    if descriptor.extents.len() > 1 {
        return Err(Error::unsupported("VMDK image", 0, "a descriptor within one of several extents"));
    }
    if !descriptor.extents.is_empty() && stated != sparse.sectors {
        let detail = format!(
            "the VMDK descriptor states {stated} sectors, the header {}: the header counts",
            sparse.sectors
        );
        problems.push(Problem::new(ProblemKind::Ambiguous, detail));
    }
    let part = Part { start: 0, length: sparse.sectors.saturating_mul(512), source: Source::Sparse(sparse) };
    Ok((descriptor, vec![part], files))
}

/// The extents that a descriptor names, each with its file. Files were found by their names, in order; so they are matched.
fn parts(
    descriptor: &Descriptor,
    segments: &[Arc<dyn ReadAt>],
    problems: &mut Vec<Problem>,
) -> Result<Vec<Part>> {
    let mut names: Vec<&str> =
        descriptor.extents.iter().filter_map(|extent| extent.file.as_deref()).collect();
    names.sort_unstable_by_key(|name| (name.len(), *name));
    names.dedup();
    let beside = segments.len().saturating_sub(1);
    if names.len() != beside {
        let missing: Vec<&str> = names.iter().copied().skip(beside).collect();
        let expected = format!("{} extent files beside the descriptor: {}", names.len(), names.join(", "));
        let found = match missing.is_empty() {
            true => format!("{beside} of such names"),
            false => format!(
                "{beside} of such names; when the numbers have no gap, missing: {}; put all of them into one folder",
                missing.join(", ")
            ),
        };
        return Err(Error::corrupt("VMDK descriptor", 0, expected, found));
    }
    let mut start = 0_u64;
    let mut parts = Vec::new();
    for extent in &descriptor.extents {
        let length = extent.sectors.saturating_mul(512);
        let index = extent.file.as_deref().and_then(|name| names.iter().position(|known| *known == name));
        let file = index.map_or(0, |index| index.saturating_add(1));
        let source = match extent.kind {
            Kind::Zero => Source::Zero,
            Kind::NoAccess => Source::Missing("the descriptor says that this extent must not be accessed"),
            Kind::Flat => Source::Flat { file, offset: extent.offset.saturating_mul(512) },
            Kind::Sparse => {
                let source = segments.get(file).ok_or_else(|| {
                    Error::corrupt("VMDK descriptor", 0, "the name of a file for a sparse extent", "none")
                })?;
                let sparse = Sparse::read(source.as_ref(), file, problems)?;
                if sparse.sectors != extent.sectors {
                    let name = extent.file.as_deref().unwrap_or_default();
                    let detail = format!(
                        "the VMDK descriptor states {} sectors for {name}, its header {}",
                        extent.sectors, sparse.sectors
                    );
                    problems.push(Problem::new(ProblemKind::Ambiguous, detail));
                }
                Source::Sparse(sparse)
            }
        };
        parts.push(Part { start, length, source });
        start = start.saturating_add(length);
    }
    if parts.is_empty() {
        return Err(Error::corrupt("VMDK descriptor", 0, "at least one extent", size(parts.len())));
    }
    Ok(parts)
}
