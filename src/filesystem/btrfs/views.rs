//! Opening a volume: superblock, chunks, the root tree of the last state and those of older ones.

use std::sync::Arc;

use super::chunk::Chunks;
use super::node::{Key, Pointer};
use super::nodes::Nodes;
use super::notes::Notes;
use super::roots::{TOP, View};
use super::superblock::Superblock;
use super::walk::{self, Damage};
use super::{State, Volume, locate};
use crate::model::{Problem, ProblemKind};
use crate::read::{Error, ReadAt, Result};

/// Reads what leads to the subvolumes.
pub(super) fn open(volume: Arc<dyn ReadAt>) -> Result<Volume> {
    let (superblock, offset, problems) = locate::find(&*volume)?;
    let mut notes = Notes::default();
    problems.into_iter().for_each(|problem| notes.problem(problem));
    let system = Chunks::system(superblock.device, &superblock.system_chunks);
    let mut nodes = Nodes::new(volume, superblock, system);
    chunks(&mut nodes, &mut notes)?;
    let views = views(&nodes, &mut notes)?;
    Ok(Volume { state: Arc::new(State { nodes, views }), offset, notes })
}

/// Reads the chunk tree; where it is damaged, that of an older state.
fn chunks(nodes: &mut Nodes, notes: &mut Notes) -> Result<()> {
    let mut tried = Vec::new();
    let superblock: &Superblock = &nodes.superblock;
    let older = superblock.backups.iter().map(|backup| backup.chunk_root);
    let roots: Vec<Pointer> = std::iter::once(superblock.chunk_root).chain(older).collect();
    let mut failure = None;
    for root in roots {
        if tried.contains(&root.logical) {
            continue;
        }
        tried.push(root.logical);
        let mut found = Vec::new();
        let all = (Key::default(), Key::LAST);
        let mut show = |key: Key, data: &[u8]| {
            if key.kind == super::chunk::CHUNK_ITEM {
                found.push((key, data.to_vec()));
            }
        };
        let read = walk::range(nodes, root, all, &mut show, Damage::Noted(notes));
        let whole = read.is_ok();
        if let Err(error) = read {
            notes.damaged = true;
            notes.problem(part_lost("chunk tree", &error));
            failure.get_or_insert(error);
        }
        for (key, item) in &found {
            if !nodes.chunks.add(*key, item) {
                notes.damaged = true;
                let detail = format!("the chunk at logical byte {} makes no sense", key.offset);
                notes.problem(Problem::new(ProblemKind::Corrupt, detail));
            }
        }
        nodes.chunks.sort();
        if whole && !found.is_empty() {
            return Ok(());
        }
    }
    match failure {
        Some(error) if nodes.chunks.len() == 0 => Err(error),
        _ => Ok(()),
    }
}

/// Reads the root tree and those of older states. When the last one cannot be had, the next older one stands for it.
fn views(nodes: &Nodes, notes: &mut Notes) -> Result<Vec<View>> {
    let (view, read) = View::read(nodes, nodes.superblock.root, notes);
    let mut views = Vec::new();
    let mut failure = None;
    if let Err(error) = read {
        notes.damaged = true;
        notes.problem(part_lost("root tree", &error));
        failure = Some(error);
    }
    let usable = view.trees.contains_key(&TOP);
    if usable {
        view.note(notes);
        views.push(view);
    }
    for backup in &nodes.superblock.backups {
        if backup.root.logical == nodes.superblock.root.logical {
            continue;
        }
        // The past may be overwritten: that is no damage.
        let mut past = Notes::default();
        let (view, read) = View::read(nodes, backup.root, &mut past);
        if read.is_err() || past.damaged || !view.trees.contains_key(&TOP) {
            continue;
        }
        notes.take_places(past);
        if views.is_empty() {
            let detail = format!(
                "the last state of the volume cannot be read: the one of transaction {} stands for it",
                backup.root.generation
            );
            notes.problem(Problem::new(ProblemKind::Corrupt, detail));
        }
        views.push(view);
    }
    match (views.is_empty(), failure) {
        (true, Some(error)) => Err(error),
        (true, None) => Err(Error::corrupt("root tree", 0, "the tree of the top level", "none")),
        _ => Ok(views),
    }
}

fn part_lost(what: &str, error: &Error) -> Problem {
    let mut problem = error.clone().into_problem();
    problem.detail = format!("{what}: {}: what stands below is not known", problem.detail);
    if !matches!(error, Error::Corrupt { what: "node", .. }) {
        problem.extent = None;
    }
    problem
}
