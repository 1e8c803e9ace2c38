//! Volumes against the medium and against each other.

use super::{Layout, Partition};
use crate::model::{Extent, Problem, ProblemKind};

impl Layout {
    /// Adds a volume. What lies outside of a medium of `size` bytes is a problem; what lies inside is kept.
    pub(super) fn add(&mut self, mut volume: Partition, size: u64) {
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
            self.partitions.push(volume);
        }
    }

    /// Adds what another table of the same medium holds and this one does not, numbered after its partitions.
    ///
    /// Some systems go by one table, some by the other: both are read, and what differs is said.
    pub(super) fn also(&mut self, other: Layout, name: &str, size: u64) {
        let last = self.partitions.iter().map(|partition| partition.number).max().unwrap_or(0);
        let mut number = last;
        let only: Vec<Partition> = other
            .partitions
            .into_iter()
            .filter(|partition| !self.partitions.iter().any(|known| known.extent == partition.extent))
            .collect();
        for mut partition in only {
            number = number.saturating_add(1);
            let overlap = self.partitions.iter().find(|known| {
                known.extent.offset < partition.extent.end() && partition.extent.offset < known.extent.end()
            });
            let against = overlap.map_or_else(String::new, |known| {
                format!(", against volume {}, with which it shares bytes", known.number)
            });
            let detail = format!(
                "volume {number} stands only in the {name} (there number {}){against}: systems that go by the other table do not see it",
                partition.number
            );
            let problem = Problem::new(ProblemKind::Ambiguous, detail).at(partition.extent);
            self.problems.push(problem.in_volume(u32::from(number)));
            partition.number = number;
            self.partitions.push(partition);
        }
        self.metadata.extend(other.metadata);
        self.metadata.sort_unstable();
        self.metadata.dedup();
        let known = self.problems.len();
        self.problems.extend(other.problems);
        self.problems.get_mut(known..).into_iter().flatten().for_each(|problem| problem.volume = None);
        self.clip(size);
    }

    /// Orders the volumes by number, notes those that share bytes, and cuts every place to a medium of `size` bytes.
    pub(super) fn finish(&mut self, size: u64) {
        self.partitions.sort_by_key(|volume| volume.number);
        let mut placed: Vec<&Partition> = self.partitions.iter().collect();
        placed.sort_by_key(|volume| (volume.extent, volume.number));
        let mut furthest: Option<&Partition> = None;
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
        self.clip(size);
    }

    fn clip(&mut self, size: u64) {
        let noted = self.problems.iter_mut().filter_map(|problem| problem.extent.as_mut());
        for extent in self.metadata.iter_mut().chain(noted) {
            extent.offset = extent.offset.min(size);
            extent.length = extent.length.min(size.saturating_sub(extent.offset));
        }
    }
}
