//! Lists every entry of a source, so that anyone can check the tool against a second one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::prelude::*;

use crate::digest::{Buffer, digest};
use crate::model::{EntryIndex, Event, FileEntry, ItemRecord, Problem, ProblemKind};

use super::{Context, Decoded, Options, item, survey};

/// Entries that are digested before their records are passed on.
const CHUNK: usize = 512;

/// Sends what each volume is, and what stands against reading it; lists nothing.
pub fn look(decoded: Decoded, options: &Options, context: &Context<'_>) {
    drop(survey::survey_to(survey::Depth::Volumes, decoded, options, context));
    context.send(Event::Done { stopped: context.stopped() });
}

/// Sends an [`Event::Entry`] for each entry in the order of the survey, with the digests that `context` wants.
pub fn list(decoded: Decoded, options: &Options, context: &Context<'_>) {
    let surveyed = survey::survey(decoded, options, context);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build();
    let indices: Vec<EntryIndex> = surveyed.table.iter().map(FileEntry::index).collect();
    for chunk in indices.chunks(CHUNK) {
        if context.stopped() {
            break;
        }
        let record = |buffer: &mut Buffer, index: &EntryIndex| {
            let entry = surveyed.table.get(*index)?;
            let described = || describe(&surveyed, entry, context, buffer);
            Some(catch_unwind(AssertUnwindSafe(described)).unwrap_or_else(|_| {
                let record = item::record(&surveyed, entry, None, crate::model::Digests::default());
                (record, vec![item::died(entry)])
            }))
        };
        let records: Vec<(ItemRecord, Vec<Problem>)> = match &pool {
            Ok(pool) => {
                pool.install(|| chunk.par_iter().map_init(Buffer::default, record).flatten().collect())
            }
            Err(_) => chunk.iter().filter_map(|index| record(&mut Buffer::default(), index)).collect(),
        };
        for (record, problems) in records {
            problems.into_iter().for_each(|problem| context.send(Event::Problem(problem)));
            context.send(Event::Entry(record));
        }
    }
    context.send(Event::Done { stopped: context.stopped() });
}

fn describe(
    surveyed: &survey::Surveyed,
    entry: FileEntry<'_>,
    context: &Context<'_>,
    buffer: &mut Buffer,
) -> (ItemRecord, Vec<Problem>) {
    let bare = |facts, digests| item::record(surveyed, entry, facts, digests);
    let nothing = crate::model::Digests::default();
    if context.wanted.is_empty() || !item::is_examinable(entry) {
        return (bare(None, nothing), Vec::new());
    }
    let stream = match item::open(surveyed, entry) {
        Ok(stream) => stream,
        Err(error) => {
            return (
                bare(None, nothing),
                vec![item::problem(entry, error.problem_kind(), error.to_string())],
            );
        }
    };
    let reading =
        digest(&[&*stream], context.wanted, buffer, &|_| !context.stopped()).pop().unwrap_or_default();
    let unreadable = reading
        .unreadable
        .iter()
        .map(|range| item::problem(entry, ProblemKind::Unreadable, range.to_string()));
    let changed = stream.changed().map(|change| item::problem(entry, ProblemKind::Changed, change));
    (bare(stream.facts(), reading.digests), unreadable.chain(changed).collect())
}
