//! Volumes against the medium and against each other.

use super::{Layout, Volume};
use crate::model::{Extent, Problem, ProblemKind};

impl Layout {
    /// Adds a volume. What lies outside of a medium of `size` bytes is a problem; what lies inside is kept.
    pub(super) fn add(&mut self, mut volume: Volume, size: u64) {
        let stated = volume.extent;
        if stated.end() > size || stated.length == 0 {
            let inside = Extent::new(stated.offset, size.saturating_sub(stated.offset).min(stated.length));
            let detail = format!(
                "volume {} is stated to be bytes {} to {} of a medium of {size} bytes: {} of them are there",
                volume.number,
                stated.offset,
                stated.end(),
                inside.length
            );
            let kind = if stated.length == 0 { ProblemKind::Corrupt } else { ProblemKind::Unreadable };
            self.problems.push(Problem::new(kind, detail).at(inside).in_volume(u32::from(volume.number)));
            volume.extent = inside;
        }
        if volume.extent.length > 0 {
            self.volumes.push(volume);
        }
    }

    /// Orders the volumes by number, notes those that share bytes, and cuts every place to a medium of `size` bytes.
    pub(super) fn finish(&mut self, size: u64) {
        self.volumes.sort_by_key(|volume| volume.number);
        let mut placed: Vec<&Volume> = self.volumes.iter().collect();
        placed.sort_by_key(|volume| (volume.extent, volume.number));
        let mut furthest: Option<&Volume> = None;
        for volume in placed {
            if let Some(before) = furthest.filter(|before| before.extent.end() > volume.extent.offset) {
                let shared = before.extent.end().min(volume.extent.end());
                let extent = Extent::new(volume.extent.offset, shared.saturating_sub(volume.extent.offset));
                let detail =
                    format!("volumes {} and {} share {} bytes", before.number, volume.number, extent.length);
                self.problems.push(Problem::new(ProblemKind::Ambiguous, detail).at(extent));
            }
            if furthest.is_none_or(|before| volume.extent.end() > before.extent.end()) {
                furthest = Some(volume);
            }
        }
        let noted = self.problems.iter_mut().filter_map(|problem| problem.extent.as_mut());
        for extent in self.metadata.iter_mut().chain(noted) {
            extent.offset = extent.offset.min(size);
            extent.length = extent.length.min(size.saturating_sub(extent.offset));
        }
    }
}
