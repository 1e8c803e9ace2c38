//! Deleted names: what they still lead to, and whether its blocks are free.

use super::icb::Form;
use super::listing::{Found, Listing};
use super::tag::{Address, Trust};
use crate::model::{Content, EntryKind, EntryState, Parent, Run};

impl Listing<'_, '_> {
    /// Lists deleted names, and what deleted directories still hold.
    pub(super) fn gone(&mut self) {
        // Directories that are found on the way add to the list; each is entered once, so this ends.
        let mut at = 0_usize;
        while let Some((parent, _, identifier)) = self.deleted.get(at).cloned() {
            at = at.saturating_add(1);
            if self.full {
                return;
            }
            let found = self.logical.entry(identifier.icb, &mut Vec::new()).filter(|_| identifier.has_icb);
            let sound =
                |found: &Found| found.0.trust == Trust::Sound && found.0.location == identifier.icb.block;
            let Some(found) = found.filter(sound) else {
                self.lost(parent, &identifier, EntryState::Deleted);
                continue;
            };
            let runs = self.pieces(&found, identifier.icb);
            let content = self.grade(&found, identifier.icb, &runs);
            let added =
                self.add(parent, &identifier.name, (0, EntryState::Deleted), &found, (content, &runs));
            let Some(index) = added else { continue };
            let unused = !self.used.contains(&found.2) && found.0.kind() == EntryKind::Directory;
            if unused && self.entered.insert(found.2) {
                let inside = self.identifiers(&runs, found.2).unwrap_or_default();
                let parent = Parent::Entry(index);
                self.deleted.extend(inside.into_iter().map(|inner| (parent, identifier.icb, inner)));
            }
        }
    }

    /// How the content of a deleted file is had.
    pub(super) fn grade(&self, found: &Found, icb: Address, runs: &[Run]) -> Content {
        if self.used.contains(&found.2) {
            return Content::Overwritten;
        }
        let part = self.logical.partitions.get(usize::from(icb.partition));
        let own = part.and_then(|part| Some(part.space.as_ref()?.is_free(icb.block.into())));
        let once = part.is_some_and(|part| part.write_once);
        // The content may be in another partition than the entry: that which its bytes belong to.
        let holder = self.logical.partitions.iter().find(|part| {
            let first = runs.iter().find(|run| !run.is_hole());
            part.space.is_some() && first.is_some_and(|run| part.holds(run.offset))
        });
        let embedded = found.0.form == Form::Embedded;
        let free =
            if embedded || found.0.size == 0 { own } else { holder.and_then(|part| part.is_free(runs)) };
        match (own, free) {
            (Some(false), _) | (_, Some(false)) => Content::Overwritten,
            (Some(true), Some(true)) => self.content(&found.0, runs),
            _ if once => self.content(&found.0, runs),
            _ => Content::Likely,
        }
    }
}
