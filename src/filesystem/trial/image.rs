//! A volume as its reader lists and reads it.

use std::collections::BTreeMap;
use std::sync::Arc;

use md5::{Digest, Md5};

use crate::filesystem::{Filesystem, Format};
use crate::model::{
    Bucket, Content, EntryKind, EntryState, EntryTable, Extent, FileEntry, Placement, Problem, ProblemKind,
    Run, Survey, SurveyEnd,
};
use crate::read::{Memory, Pieces, ReadAt, Result};

/// Files that are longer are not digested in tests.
pub const MAX_DIGESTED: u64 = 200 << 20;

/// An entry as a test looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub path: String,
    pub record: u64,
    pub stream: u16,
    pub kind: EntryKind,
    pub state: EntryState,
    pub content: Content,
    pub size: u64,
    pub runs: Vec<Run>,
    /// Modified, accessed, changed, created, to the second.
    pub times: [Option<String>; 4],
}

/// A survey and what it was made of.
pub struct Image {
    pub source: Arc<dyn ReadAt>,
    pub filesystem: Box<dyn Filesystem>,
    pub table: EntryTable,
    pub entries: Vec<Listed>,
    pub metadata: Vec<Extent>,
    pub problems: Vec<Problem>,
}

impl Image {
    /// Opens and surveys bytes in memory.
    pub fn survey(format: &dyn Format, bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self> {
        Self::of(format, Arc::new(Memory(bytes)))
    }

    /// Opens and surveys a volume, and checks what holds of every survey.
    pub fn of(format: &dyn Format, source: Arc<dyn ReadAt>) -> Result<Self> {
        let filesystem = format.open(Arc::clone(&source))?;
        let mut table = EntryTable::default();
        let mut survey = Survey::new(0, Placement::whole(source.size()), &mut table);
        filesystem.survey(&mut survey)?;
        let SurveyEnd { claims, problems, .. } = survey.finish();
        let examined = claims.into_iter().filter(|(_, bucket)| *bucket == Bucket::Examined);
        let metadata: Vec<Extent> = examined.map(|(extent, _)| extent).collect();
        let listed = |entry: FileEntry<'_>| Listed {
            path: entry.path().lossy().into_owned(),
            record: entry.record(),
            stream: entry.stream(),
            kind: entry.kind(),
            state: entry.state(),
            content: entry.content(),
            size: entry.size(),
            runs: entry.runs().to_vec(),
            times: {
                let times = filesystem.times().decode(entry.times());
                [times.modified, times.accessed, times.changed, times.created]
                    .map(|stamp| stamp?.utc.map(|utc| utc[..19].to_owned()))
            },
        };
        let entries: Vec<Listed> = table.iter().map(listed).collect();
        let in_runs = |entry: &&Listed| matches!(entry.content, Content::Runs | Content::Likely);
        for entry in entries.iter().filter(in_runs).filter(|entry| entry.kind == EntryKind::File) {
            let covered: u64 = entry.runs.iter().map(|run| run.length).fold(0, u64::saturating_add);
            assert!(covered >= entry.size, "{entry:?}");
        }
        assert!(metadata.iter().all(|extent| extent.end() <= source.size()), "{metadata:?}");
        Ok(Self { source, filesystem, table, entries, metadata, problems })
    }

    /// Size and MD5 of each file in the state whose content can be had, by path.
    pub fn digests(&self, state: EntryState) -> BTreeMap<String, (u64, String)> {
        let chosen = self.entries.iter().enumerate();
        chosen
            .filter(|(_, e)| e.kind == EntryKind::File && e.state == state && e.content.is_had())
            .filter(|(_, e)| e.size <= MAX_DIGESTED)
            .map(|(at, entry)| (entry.path.clone(), (entry.size, md5(&self.bytes(at)))))
            .collect()
    }

    /// The content of the entry at that position; fails the test when it cannot be read.
    pub fn bytes(&self, at: usize) -> Vec<u8> {
        self.content(at).unwrap_or_else(|error| panic!("{}: {error}", self.entries[at].path))
    }

    /// The content of the entry at that position.
    pub fn content(&self, at: usize) -> Result<Vec<u8>> {
        let entry = self.table.get(u32::try_from(at).unwrap()).unwrap();
        let length = usize::try_from(entry.size()).unwrap();
        match entry.content() {
            Content::Opened => {
                let stream = self.filesystem.open(entry)?;
                assert_eq!(stream.size(), entry.size());
                Ok(stream.read_vec(0, length)?)
            }
            _ => Ok(Pieces::new(Arc::clone(&self.source), entry.runs(), entry.size()).read_vec(0, length)?),
        }
    }

    /// The content of an entry that has runs, or `None` when it cannot be had completely.
    pub fn content_of(&self, entry: &Listed) -> Option<Vec<u8>> {
        let had = matches!(entry.content, Content::Runs | Content::Likely);
        let pieces = had.then(|| Pieces::new(Arc::clone(&self.source), &entry.runs, entry.size))?;
        pieces.read_vec(0, usize::try_from(entry.size).unwrap()).ok()
    }

    /// Every path, those of deleted and orphaned entries with a star in front, sorted.
    pub fn paths(&self) -> Vec<String> {
        let star = |state| if state == EntryState::Allocated { "" } else { "*" };
        let mut paths: Vec<_> = self.entries.iter().map(|e| format!("{}{}", star(e.state), e.path)).collect();
        paths.sort();
        paths
    }

    /// Whether a problem has these words.
    pub fn complains(&self, words: &str) -> bool {
        self.problems.iter().any(|problem| problem.detail.contains(words))
    }

    /// The entry of that path.
    pub fn find(&self, path: &str) -> &Listed {
        let found = self.entries.iter().find(|entry| entry.path == path);
        found.unwrap_or_else(|| panic!("{path} is not listed: {:#?}", self.problems))
    }

    /// The problem of that kind with those words.
    pub fn problem(&self, kind: ProblemKind, words: &str) -> &Problem {
        let found =
            self.problems.iter().find(|problem| problem.kind == kind && problem.detail.contains(words));
        found.unwrap_or_else(|| panic!("no {kind:?} with {words:?} in {:#?}", self.problems))
    }
}

/// MD5 in hexadecimal digits.
pub fn md5(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}
