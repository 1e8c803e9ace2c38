//! QCOW2 images of QEMU, versions 2 and 3.
//!
//! Source: QEMU, docs/interop/qcow2.rst.

mod header;
mod map;
mod snapshots;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::mapped::Mapped;
use super::{Format, Image};
use crate::model::{Digests, Problem, ProblemKind};
use crate::read::{Confidence, Error, ReadAt, Result};
use header::Header;
use map::Clusters;

const MAGIC: &[u8; 4] = b"QFI\xfb";

/// The format.
pub(super) struct Qcow2;

impl Format for Qcow2 {
    fn name(&self) -> &'static str {
        "qcow2"
    }

    fn description(&self) -> &'static str {
        "QEMU (.qcow2), versions 2 and 3, compressed clusters too; not encrypted ones, nor those on a backing file, nor QCOW 1"
    }

    fn probe(&self, first: &dyn ReadAt) -> Confidence {
        let mut head = [0; 8];
        match first.read_exact_at(0, &mut head) {
            Ok(()) if head.starts_with(MAGIC) => Confidence::Strong,
            _ => Confidence::No,
        }
    }

    fn open(&self, segments: Vec<Arc<dyn ReadAt>>) -> Result<Image> {
        let file = super::raw::joined(segments);
        let header = Header::read(file.as_ref())?;
        header.refuse()?;
        let mut problems = header.problems();
        if let Some(names) = snapshots::named(file.as_ref(), &header) {
            let detail = format!(
                "the image holds {} internal snapshots, which were not examined: {names}",
                header.snapshots
            );
            let advice =
                "convert a copy with `qemu-img convert -l NAME -O raw` for each of them and scan the results";
            let mut problem = Problem::new(ProblemKind::NotOpened, detail).advise(advice);
            problem.count = u64::from(header.snapshots);
            problems.push(problem);
        }
        let notes = header.notes();
        let clusters = Clusters::new(Arc::clone(&file), &header);
        let medium = Mapped::new(clusters, vec![file]);
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

/// The error of what is in the format and not read.
fn unsupported(offset: u64, found: impl std::fmt::Display) -> Error {
    Error::unsupported("QCOW2 image", offset, found)
}
