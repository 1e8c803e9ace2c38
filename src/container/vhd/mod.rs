//! VHD images of Virtual PC, Virtual Server, Hyper-V and Azure: fixed and dynamic ones.
//!
//! Source: Microsoft, Virtual Hard Disk Image Format Specification 1.0.

mod footer;
mod map;
mod parent;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::mapped::Mapped;
use super::{Format, Image};
use crate::model::{Digests, Extent, Problem, ProblemKind};
use crate::read::{Confidence, Error, Fields, ReadAt, Result, Window};
use footer::{Footer, Kind};
use map::{Blocks, Header};

/// The format.
pub(super) struct Vhd;

impl Format for Vhd {
    fn name(&self) -> &'static str {
        "vhd"
    }

    fn description(&self) -> &'static str {
        "Virtual PC and Hyper-V (.vhd, .vpc), fixed and dynamic; a differencing one is named with its parent"
    }

    fn probe(&self, first: &dyn ReadAt) -> Confidence {
        match footer::all(first).is_empty() {
            true => Confidence::No,
            false => Confidence::Strong,
        }
    }

    fn open(&self, segments: Vec<Arc<dyn ReadAt>>) -> Result<Image> {
        let file = super::raw::joined(segments);
        let mut problems = Vec::new();
        let footer = choose(file.as_ref(), &mut problems)?;
        let mut notes = footer.notes();
        let medium: Arc<dyn ReadAt> = match footer.kind {
            Kind::Fixed => fixed(&file, &footer, &mut problems),
            Kind::Dynamic => {
                let header = header(file.as_ref(), &footer, &mut problems)?;
                notes.push(("block size".into(), header.block.to_string()));
                let blocks = Blocks::new(Arc::clone(&file), &header, footer.size);
                let medium = Mapped::new(blocks, vec![file]);
                problems.extend(medium.problems());
                Arc::new(medium)
            }
            Kind::Differencing => {
                let header = header(file.as_ref(), &footer, &mut problems)?;
                let found = format!(
                    "it is a differencing disk and holds only what changed against its parent, {}; merge them with the tool that made them and scan the result",
                    parent::describe(file.as_ref(), &header.bytes)
                );
                return Err(Error::unsupported("VHD image", footer.data_offset, found));
            }
            Kind::Other(kind) => {
                return Err(Error::unsupported("VHD disk type", footer.at.saturating_add(60), kind));
            }
        };
        Ok(Image { format: self.name(), medium, stored: Digests::default(), notes, problems })
    }
}

/// The footer that counts: the one at the end, or its copy at the start when that one is damaged.
fn choose(file: &dyn ReadAt, problems: &mut Vec<Problem>) -> Result<Footer> {
    let all = footer::all(file);
    for footer in all.iter().filter(|footer| !footer.sound) {
        let detail = format!("the checksum of the VHD footer at byte {} is wrong", footer.at);
        problems.push(Problem::new(ProblemKind::Corrupt, detail));
    }
    let footer = all.iter().find(|footer| footer.sound).or_else(|| all.first());
    let footer =
        footer.ok_or_else(|| Error::corrupt("VHD footer", file.size(), "conectix", "something else"))?;
    if all.iter().any(|other| other.sound && footer.sound && !other.same(footer)) {
        let detail = "the VHD footer and its copy at the start differ: the one at the end is used";
        problems.push(Problem::new(ProblemKind::Ambiguous, detail));
    }
    if footer.kind != Kind::Fixed && footer.at == 0 && all.len() == 1 {
        let detail = format!(
            "the VHD footer at the end is missing: the file of {} bytes is cut off, or damaged there",
            file.size()
        );
        problems.push(Problem::new(ProblemKind::Corrupt, detail));
    } else if footer.kind != Kind::Fixed && all.len() == 1 {
        let detail = "the copy of the VHD footer at byte 0 is missing";
        problems.push(Problem::new(ProblemKind::Corrupt, detail));
    }
    Ok(footer.clone())
}

/// A fixed disk is the file without its footer.
fn fixed(file: &Arc<dyn ReadAt>, footer: &Footer, problems: &mut Vec<Problem>) -> Arc<dyn ReadAt> {
    let held = footer.at;
    let size = match footer.sound {
        true => footer.size,
        // A damaged size would show a wrong disk: what is there is shown.
        false => held,
    };
    if size < held {
        let detail = format!(
            "the VHD footer states {size} bytes, {held} bytes stand before it: the rest is not shown"
        );
        problems.push(Problem::new(ProblemKind::Ambiguous, detail));
    } else if size > held {
        let missing = Extent::new(held, size.saturating_sub(held));
        let detail = format!("the VHD footer states {size} bytes, only {held} stand before it");
        problems.push(Problem::new(ProblemKind::Unreadable, detail).at(missing));
    }
    // The footer itself is no part of the disk.
    Arc::new(Window::new(Window::new(Arc::clone(file), 0, held), 0, size))
}

/// The header of a dynamic or differencing disk, with its checksum looked at.
fn header(file: &dyn ReadAt, footer: &Footer, problems: &mut Vec<Problem>) -> Result<Header> {
    let at = footer.data_offset;
    let bytes = file.read_vec(at, Header::LENGTH)?;
    let fields = Fields(&bytes);
    if !fields.has(0, b"cxsparse") {
        let found = fields.bytes(0, 8).map(hex::encode).unwrap_or_default();
        return Err(Error::corrupt("VHD dynamic disk header", at, "cxsparse", found));
    }
    if fields.u32_be(36) != Some(footer::checksum(&bytes, 36)) {
        let detail = format!("the checksum of the VHD dynamic disk header at byte {at} is wrong");
        problems.push(Problem::new(ProblemKind::Corrupt, detail));
    }
    Header::of(bytes, at)
}
