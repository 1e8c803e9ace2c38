//! LVM2 volume groups: logical volumes of linear, striped and mirrored segments are put together, others are named.

mod group;
mod label;
#[cfg(test)]
pub(super) mod tests;
mod text;

use std::collections::BTreeMap;

use self::group::Group;
use self::label::{Label, Text};
use super::{Assembly, LABORATORY, Member, Set};
use crate::model::{Extent, Problem, ProblemKind};
use crate::read::ReadAt;

/// The sectors in which the label stands belong to no volume.
const LABELS: u64 = 2048;

/// Volume groups of Linux, as `lvm` makes them.
pub(super) struct Lvm;

/// A physical volume.
pub(super) struct Physical<'a> {
    member: &'a Member,
    label: Label,
}

impl Set for Lvm {
    fn name(&self) -> &'static str {
        "lvm2"
    }

    fn description(&self) -> &'static str {
        "LVM2: linear, striped, mirrored, RAID 0 and RAID 1 logical volumes; thin pools, snapshots, caches, RAID 4 to 10 \
         and VDO are named"
    }

    fn rank(&self) -> u8 {
        // It may stand on everything else.
        u8::MAX
    }

    fn probe(&self, volume: &dyn ReadAt) -> bool {
        label::find(volume).is_some()
    }

    fn assemble(&self, members: &[Member]) -> Assembly {
        let mut assembly = Assembly::default();
        let physical: Vec<Physical<'_>> = members
            .iter()
            .filter_map(|member| Some(Physical { member, label: Label::read(&member.volume)? }))
            .collect();
        for Physical { member, label } in &physical {
            assembly.problems.extend(label.problems.iter().cloned().map(|problem| member.problem(problem)));
            for place in &label.metadata {
                assembly.metadata(member, place.offset, place.length);
            }
        }
        let mut claimed = Vec::new();
        for text in newest(&physical) {
            let group = Group::new(text, &physical);
            // A damaged text may have another identifier than its sound copy, and still be that of the same group.
            if !text.sound && group.members().iter().any(|number| claimed.contains(number)) {
                continue;
            }
            claimed.extend(group.members());
            assembly.join(group.assemble());
        }
        for Physical { member, label } in &physical {
            if claimed.contains(&member.number) {
                continue;
            }
            // What is on it is described elsewhere, or was given back.
            let words =
                "LVM2 physical volume of a volume group that is not described on this source, or of none";
            assembly.members.push((member.number, words.into()));
            assembly.unread(member, LABELS, member.volume.size());
            let detail = format!(
                "LVM2 physical volume {}: no metadata of its volume group were found",
                written(&label.id)
            );
            let whole = Extent::new(0, member.volume.size());
            let problem = Problem::new(ProblemKind::Unsupported, detail).at(whole).advise(LABORATORY);
            assembly.problems.push(member.problem(problem));
        }
        assembly
    }
}

/// The newest metadata of each group, in the order in which the groups are met; groups without sound ones come last.
fn newest<'a>(physical: &'a [Physical<'_>]) -> Vec<&'a Text> {
    let mut order = Vec::new();
    let mut best: BTreeMap<&str, &Text> = BTreeMap::new();
    for text in physical.iter().flat_map(|one| &one.label.texts) {
        let Some(id) = text.group.text("id") else { continue };
        let known = best.get(id).copied();
        if known.is_none() {
            order.push(id);
        }
        if known.is_none_or(|known| (text.sound, text.number) > (known.sound, known.number)) {
            best.insert(id, text);
        }
    }
    let mut texts: Vec<&Text> = order.into_iter().filter_map(|id| best.get(id).copied()).collect();
    texts.sort_by_key(|text| !text.sound);
    texts
}

/// An identifier as LVM2 writes it out: six letters, five times four, six.
pub(super) fn written(id: &str) -> String {
    let parts = [(0, 6), (6, 10), (10, 14), (14, 18), (18, 22), (22, 26), (26, 32)];
    let parts: Option<Vec<&str>> = parts.into_iter().map(|(from, to)| id.get(from..to)).collect();
    parts.map_or_else(|| id.escape_debug().to_string(), |parts| parts.join("-"))
}
