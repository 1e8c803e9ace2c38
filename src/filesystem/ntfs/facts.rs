//! What is said of each stream of a file: its size, how its content is had, where it lies.

use std::ops::Range;

use crate::model::{Content, Run};

use super::bitmap::{Bitmap, Use};
use super::reparse::{OVERLAY_STREAM, Reparse};
use super::rows::{Keeping, Row, Rows, mark};
use super::stream::{self, Shape, Stream, Streams};
use super::tally::Trouble;

/// The record of $BadClus, whose stream `$Bad` is a hole as large as the volume.
const BAD_CLUSTERS: (u32, &[u8]) = (8, b"$Bad");

/// One stream of a file.
pub(super) struct Fact {
    stream: Option<Stream>,
    /// 0 is the main one.
    pub number: u16,
    /// Size in bytes.
    pub size: u64,
    /// How it is had.
    pub content: Content,
    /// Its runs among those of the file.
    pub runs: Range<usize>,
    /// Why it is not examined.
    pub trouble: Option<Trouble>,
    /// Whether the file is a directory.
    pub directory: bool,
}

impl Fact {
    /// The name of the stream.
    pub(super) fn name<'r>(&self, rows: &'r Rows, streams: &Streams) -> &'r [u8] {
        self.stream.as_ref().map_or(&[], |stream| streams.name(rows, stream))
    }
}

/// What is asked of a file.
pub(super) struct Inquiry<'a> {
    pub rows: &'a Rows,
    pub streams: &'a Streams,
    /// The base record.
    pub row: &'a Row,
    pub cluster: u64,
    pub bitmap: &'a Bitmap,
    pub directory: bool,
    /// Whether the list of the file's attributes names a main stream; asked only where none was found.
    pub promised: &'a dyn Fn() -> bool,
}

impl Inquiry<'_> {
    /// Adds what is said of each stream, the main one first; their runs are added to `runs`.
    pub(super) fn facts(&self, runs: &mut Vec<Run>, facts: &mut Vec<Fact>) {
        let list = self.streams.list();
        if list.first().is_none_or(|stream| stream.number != 0) {
            facts.push(self.without_main());
        }
        for stream in list {
            let start = runs.len();
            let shape = self.streams.shape(self.rows, stream, self.cluster, runs);
            let Some(shape) = shape else { continue };
            let (content, trouble) = self.judge(stream, &shape, runs, start);
            let size = match self.is_bad_clusters(stream) {
                true => runs.iter().skip(start).map(|run| run.length).fold(0, u64::saturating_add),
                false => shape.size,
            };
            facts.push(Fact {
                stream: Some(stream.clone()),
                number: stream.number,
                size,
                content,
                runs: start..runs.len(),
                trouble,
                directory: self.directory,
            });
        }
    }

    /// A file without a main stream has an empty one; unless something of it is lost.
    fn without_main(&self) -> Fact {
        let in_use = self.in_use();
        let elsewhere = || self.row.has(mark::LISTED) && (!in_use || (self.promised)());
        let lost = !self.directory && (self.row.has(mark::DAMAGED) || elsewhere());
        Fact {
            stream: None,
            number: 0,
            size: 0,
            content: if lost { Content::Lost } else { Content::Runs },
            runs: 0..0,
            trouble: (lost && in_use).then_some(Trouble::NoPlace),
            directory: self.directory,
        }
    }

    fn in_use(&self) -> bool {
        self.row.has(mark::IN_USE)
    }

    fn is_bad_clusters(&self, stream: &Stream) -> bool {
        (self.row.number, self.streams.name(self.rows, stream)) == BAD_CLUSTERS
    }

    /// How a stream is had, and why not. Its runs, from `start` on, become those that the entry gives.
    fn judge(
        &self,
        stream: &Stream,
        shape: &Shape,
        runs: &mut Vec<Run>,
        start: usize,
    ) -> (Content, Option<Trouble>) {
        if self.is_bad_clusters(stream) {
            // Only what is marked bad, not the hole around it.
            let real = runs.split_off(start);
            runs.extend(real.into_iter().filter(|run| !run.is_hole()));
            let any = runs.len() > start;
            return (Content::Runs, any.then_some(Trouble::BadClusters));
        }
        let (content, trouble) = self.kept(shape);
        if content == Content::Runs {
            stream::trim(runs, start, shape.size, shape.initialised);
        }
        let main = stream.number == 0 && !self.directory;
        let (content, trouble) = match main && shape.size > 0 && content != Content::Lost {
            true => self.replaced(shape, content, trouble, runs, start),
            false => (content, trouble),
        };
        if self.in_use() {
            return (content, trouble);
        }
        // What was deleted owes nobody consistency.
        let content = self.after_deletion(content, runs.get(start..).unwrap_or_default());
        if matches!(content, Content::Lost | Content::Overwritten) {
            runs.truncate(start);
        }
        (content, None)
    }

    fn kept(&self, shape: &Shape) -> (Content, Option<Trouble>) {
        match shape.keeping {
            Keeping::Encrypted => (Content::Encrypted, Some(Trouble::Encrypted)),
            _ if !shape.whole => (Content::Lost, Some(Trouble::NoPlace)),
            Keeping::Resident(_) | Keeping::Compressed(_) => (Content::Opened, None),
            Keeping::Plain => (Content::Runs, None),
        }
    }

    /// What a reparse point makes of the main stream.
    fn replaced(
        &self,
        shape: &Shape,
        content: Content,
        trouble: Option<Trouble>,
        runs: &mut Vec<Run>,
        start: usize,
    ) -> (Content, Option<Trouble>) {
        let mut own = runs.iter().skip(start);
        let incomplete = match shape.keeping {
            Keeping::Resident(_) => false,
            // Each compressed unit ends with a hole.
            Keeping::Compressed(_) => own.all(|run| run.is_hole()),
            Keeping::Plain | Keeping::Encrypted => own.any(|run| run.is_hole()),
        };
        let unsupported = |trouble| (Content::Unsupported, Some(trouble));
        match self.row.reparse {
            Reparse::Deduplicated if incomplete => unsupported(Trouble::Deduplicated),
            Reparse::Elsewhere if incomplete => unsupported(Trouble::Elsewhere),
            Reparse::Overlay(_) | Reparse::OverlayElsewhere => {
                runs.truncate(start);
                let packed = overlay_stream(self.rows, self.streams)
                    .and_then(|packed| self.streams.shape(self.rows, packed, self.cluster, runs));
                let readable = matches!(self.row.reparse, Reparse::Overlay(_))
                    && packed.is_some_and(|packed| packed.whole && packed.keeping != Keeping::Encrypted);
                if readable { (Content::Opened, None) } else { unsupported(Trouble::Overlay) }
            }
            _ => (content, trouble),
        }
    }

    fn after_deletion(&self, content: Content, runs: &[Run]) -> Content {
        match (self.bitmap.usage(runs), content) {
            (Use::Free, _) | (_, Content::Lost) => content,
            (Use::Taken, _) => Content::Overwritten,
            (Use::Unknown, Content::Runs) => Content::Likely,
            (Use::Unknown, _) => Content::Lost,
        }
    }
}

/// The stream in which the overlay filter keeps a file's content.
pub(super) fn overlay_stream<'s>(rows: &Rows, streams: &'s Streams) -> Option<&'s Stream> {
    streams.list().iter().find(|stream| streams.name(rows, stream) == OVERLAY_STREAM)
}
