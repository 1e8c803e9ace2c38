//! Linux MD arrays: linear, striped and mirrored ones are put together, others are named.

mod layout;
mod superblock;
#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeMap;

use self::superblock::{Role, Superblock};
use super::{Assembled, Assembly, LABORATORY, Member, Set, simple};
use crate::model::{Extent, Placement, Problem, ProblemKind};
use crate::read::ReadAt;

/// Arrays of the kernel's multiple device driver, as `mdadm` makes them.
pub(super) struct Md;

/// A member with what its superblock says.
pub(super) struct Device<'a> {
    member: &'a Member,
    superblock: Superblock,
}

/// What an array comes to.
struct Built {
    placement: Placement,
    /// Members that are read.
    on: Vec<u16>,
    /// Members that hold the same again.
    copies: Vec<u16>,
}

impl Set for Md {
    fn name(&self) -> &'static str {
        "md"
    }

    fn description(&self) -> &'static str {
        "Linux MD, superblocks 0.90, 1.0, 1.1 and 1.2: linear, RAID 0, RAID 1, RAID 10 with two near copies; \
         RAID 4, 5, 6 and other layouts are named"
    }

    fn rank(&self) -> u8 {
        1
    }

    fn probe(&self, volume: &dyn ReadAt) -> bool {
        Superblock::read(volume).is_some()
    }

    fn assemble(&self, members: &[Member]) -> Assembly {
        let mut arrays: BTreeMap<[u8; 16], Vec<Device<'_>>> = BTreeMap::new();
        let mut order = Vec::new();
        for member in members {
            if let Some(superblock) = Superblock::read(&member.volume) {
                let array = superblock.array;
                if !arrays.contains_key(&array) {
                    order.push(array);
                }
                arrays.entry(array).or_default().push(Device { member, superblock });
            }
        }
        let mut assembly = Assembly::default();
        // In the order of their first members.
        for devices in order.iter().filter_map(|array| arrays.get(array)) {
            assembly.join(array(devices));
        }
        assembly
    }
}

fn array(devices: &[Device<'_>]) -> Assembly {
    let mut assembly = Assembly::default();
    // Members that were left behind may know an older shape: the newest superblock counts, a sound one first.
    let newest = devices.iter().max_by_key(|device| (device.superblock.sound, device.superblock.events));
    let Some(Device { superblock: shape, .. }) = newest else {
        return assembly;
    };
    let title = title(shape);
    for device in devices {
        let superblock = &device.superblock;
        let role = match superblock.role {
            Role::Active(number) => format!("device {number} of"),
            Role::Spare => "spare device of".into(),
            Role::Faulty => "failed device of".into(),
            Role::Journal => "journal of".into(),
        };
        assembly.members.push((device.member.number, format!("{role} {title}")));
        assembly.metadata(device.member, superblock.place.offset, superblock.place.length);
        assembly.problems.extend(superblock.damage().map(|problem| device.member.problem(problem)));
        if superblock.is_too_short(device.member.volume.size()) {
            let data = superblock.data;
            let detail = format!(
                "the volume has {} bytes, as a member of {title} it has to have {}",
                device.member.volume.size(),
                data.end()
            );
            assembly.problems.push(device.member.problem(Problem::new(ProblemKind::Corrupt, detail)));
        }
    }
    let mut said = Vec::new();
    match layout::build(shape, devices, &mut said) {
        Ok(built) => {
            for device in devices.iter().filter(|device| built.copies.contains(&device.member.number)) {
                assembly.copies.extend(device.member.places(device.superblock.data));
            }
            let placement = simple(built.placement);
            assembly.volumes.push(Assembled {
                kind: title.clone(),
                label: shape.name.clone(),
                placement,
                on: built.on,
            });
        }
        Err(reason) => {
            let advice = format!("{LABORATORY}; look for the other members");
            assembly.problems.push(
                Problem::new(ProblemKind::Unsupported, format!("{title}: not put together: {reason}"))
                    .advise(advice),
            );
            for device in devices {
                assembly.unread(device.member, device.superblock.data.offset, device.superblock.data.length);
            }
        }
    }
    let advice = "look for the other members of the array";
    let named =
        |(kind, text): (ProblemKind, String)| Problem::new(kind, format!("{title}: {text}")).advise(advice);
    assembly.problems.extend(said.into_iter().map(named));
    assembly
}

/// `Linux RAID 1 "host:0" (0123...)`.
fn title(shape: &Superblock) -> String {
    let level = match shape.level {
        -1 => "linear".to_owned(),
        -4 => "multipath".to_owned(),
        level => level.to_string(),
    };
    let name =
        if shape.name.is_empty() { String::new() } else { format!(" \"{}\"", shape.name.escape_debug()) };
    let [a, b, c, d] = [0, 4, 8, 12]
        .map(|at| hex::encode(shape.array.get(at..).and_then(|id| id.get(..4)).unwrap_or_default()));
    format!("Linux RAID {level}{name} ({a}:{b}:{c}:{d})")
}

impl Device<'_> {
    /// The data of the member, at most that many bytes of them.
    fn data(&self, length: u64) -> Placement {
        let data = self.superblock.data;
        self.member.part(data.offset, data.length.min(length))
    }

    fn extent(&self) -> Extent {
        self.superblock.data
    }
}
