//! Tests of the whole reader: hand-built volumes, other tools, damage.
#![allow(clippy::arithmetic_side_effects, reason = "a test may fail by overflow")]

mod hostile;
mod image;
mod mutation;
mod recovery;
mod tools;

use std::sync::Arc;

use super::Fat;
use crate::filesystem::Format;
use crate::model::{Content, EntryState, EntryTable, FileEntry, Problem, Survey, SurveyEnd};
use crate::read::{Memory, Pieces, ReadAt};

/// A surveyed volume.
struct Surveyed {
    table: EntryTable,
    problems: Vec<Problem>,
    metadata: u64,
    volume: Arc<dyn ReadAt>,
    label: String,
    variant: String,
}

fn survey(bytes: Vec<u8>) -> Option<Surveyed> {
    survey_volume(Arc::new(Memory(bytes)))
}

fn survey_volume(volume: Arc<dyn ReadAt>) -> Option<Surveyed> {
    let filesystem = Fat.open(Arc::clone(&volume)).ok()?;
    let mut table = EntryTable::default();
    let mut survey = Survey::new(0, crate::model::Placement::whole(u64::MAX), &mut table);
    filesystem.survey(&mut survey).unwrap();
    let SurveyEnd { claims, problems } = survey.finish();
    let metadata = claims.iter().map(|(extent, _)| extent.length).sum();
    let (label, variant) = (filesystem.label(), filesystem.variant());
    Some(Surveyed { table, problems, metadata, volume, label, variant })
}

impl Surveyed {
    fn find(&self, path: &str) -> FileEntry<'_> {
        self.table
            .iter()
            .find(|entry| entry.path().lossy() == path)
            .unwrap_or_else(|| panic!("{path} not in {:?}", self.paths()))
    }

    /// Every path, those of deleted and orphaned entries with a star in front, sorted.
    fn paths(&self) -> Vec<String> {
        let star = |state| if state == EntryState::Allocated { "" } else { "*" };
        let mut paths: Vec<String> = self
            .table
            .iter()
            .map(|entry| format!("{}{}", star(entry.state()), entry.path().lossy()))
            .collect();
        paths.sort();
        paths
    }

    /// The content, or `None` when it cannot be had completely.
    fn content(&self, entry: FileEntry<'_>) -> Option<Vec<u8>> {
        if !matches!(entry.content(), Content::Runs | Content::Likely) {
            return None;
        }
        let pieces = Pieces::new(Arc::clone(&self.volume), entry.runs(), entry.size());
        pieces.read_vec(0, usize::try_from(entry.size()).unwrap()).ok()
    }

    /// Whether a problem's detail has these words.
    fn complains(&self, words: &str) -> bool {
        self.problems.iter().any(|problem| problem.detail.contains(words))
    }
}
