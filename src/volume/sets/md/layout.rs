//! Where the bytes of an MD array lie on its members.
//!
//! Source: Linux, drivers/md/md-linear.c, raid0.c, raid1.c, raid10.c.

use super::superblock::{Role, Superblock};
use super::{Built, Device};
use crate::model::{Placement, ProblemKind, Segment};

/// RAID 10 with two copies beside each other and none far away.
const NEAR_TWO: u32 = 0x102;
/// How the stripes go on where the smaller devices of a striped array end: as before Linux 3.14, or since.
const ORIGINAL: u32 = 1;
const ALTERNATE: u32 = 2;
/// Most devices that are asked for by number.
const MAX_DEVICES: u32 = 4096;

/// What is said of an array beside what it comes to.
type Said = Vec<(ProblemKind, String)>;

/// The array, or why it is not put together.
pub(super) fn build(shape: &Superblock, devices: &[Device<'_>], said: &mut Said) -> Result<Built, String> {
    if shape.reshaping {
        return Err("its shape was being changed".into());
    }
    if shape.devices == 0 || shape.devices > MAX_DEVICES {
        return Err(format!("it states {} devices", shape.devices));
    }
    let slots: Vec<Vec<&Device<'_>>> = (0..shape.devices).map(|number| slot(devices, number)).collect();
    match (shape.level, shape.layout) {
        (-1, _) => linear(shape, &all(shape, &slots)?),
        (0, _) => striped(shape, &all(shape, &slots)?),
        (1, _) => mirrored(shape, &slots, said),
        (10, NEAR_TWO) if shape.devices.is_multiple_of(2) => mirrored_and_striped(shape, &slots, said),
        (10, layout) => Err(format!("RAID 10 with layout {layout:#x} is not read by this version")),
        (4..=6, _) => {
            Err(format!("RAID {} is not read by this version{}", shape.level, missing(shape, &slots)))
        }
        (level, _) => Err(format!("level {level} is not read by this version")),
    }
}

/// The members that claim a number, the newest first.
fn slot<'a, 'b>(devices: &'a [Device<'b>], number: u32) -> Vec<&'a Device<'b>> {
    let mut found: Vec<&Device<'_>> =
        devices.iter().filter(|device| device.superblock.role == Role::Active(number)).collect();
    // A member that was still being filled is no copy of anything yet.
    found.sort_by_key(|device| {
        let superblock = &device.superblock;
        (superblock.recovering, std::cmp::Reverse(superblock.events), device.member.number)
    });
    found
}

/// The one member of each slot, of arrays that need all of them.
fn all<'a, 'b>(shape: &Superblock, slots: &[Vec<&'a Device<'b>>]) -> Result<Vec<&'a Device<'b>>, String> {
    let lost = missing(shape, slots);
    if !lost.is_empty() {
        return Err(lost.trim_start_matches("; ").to_owned());
    }
    Ok(slots.iter().filter_map(|slot| slot.first().copied()).collect())
}

/// Which devices are not there, in words that can follow others; empty when all are.
fn missing(shape: &Superblock, slots: &[Vec<&Device<'_>>]) -> String {
    let lost: Vec<String> = (0_u32..)
        .zip(slots)
        .filter(|(_, slot)| slot.is_empty())
        .map(|(number, _)| number.to_string())
        .collect();
    let some = lost.iter().take(32).cloned().collect::<Vec<_>>().join(", ");
    match lost.len() {
        0 => String::new(),
        count => format!("; {count} of its {} devices are not on this source: number {some}", shape.devices),
    }
}

fn linear(shape: &Superblock, devices: &[&Device<'_>]) -> Result<Built, String> {
    let segments = devices.iter().map(|device| {
        let length = whole_chunks(device.extent().length, shape.chunk);
        Segment::linear(length, device.data(length), 0)
    });
    Ok(Built { placement: Placement::set(segments), on: numbers(devices), copies: Vec::new() })
}

/// Zones: all devices to the end of the smallest, then those that are larger to the end of the next, and so on.
fn striped(shape: &Superblock, devices: &[&Device<'_>]) -> Result<Built, String> {
    if shape.chunk == 0 {
        return Err("its chunk size is 0".into());
    }
    let sizes: Vec<u64> =
        devices.iter().map(|device| whole_chunks(device.extent().length, shape.chunk)).collect();
    let mut ends = sizes.clone();
    ends.sort_unstable();
    ends.dedup();
    if ends.len() > 1 && !matches!(shape.layout, ORIGINAL | ALTERNATE) {
        return Err(
            "its devices are of different lengths, and it does not state how the stripes go on".into()
        );
    }
    let (mut start, mut before) = (0_u64, 0_u64);
    let mut segments = Vec::new();
    for end in ends {
        let mut members: Vec<(Placement, u64)> = devices
            .iter()
            .zip(&sizes)
            .filter(|(_, size)| **size > before)
            .map(|(device, size)| (device.data(*size), before))
            .collect();
        let count = crate::read::size(members.len());
        let length = end.saturating_sub(before).saturating_mul(count);
        if shape.layout == ORIGINAL {
            // Which device is next was counted from the start of the array, not of the zone.
            let chunks = start.checked_div(shape.chunk).unwrap_or(0);
            let turn = chunks.checked_rem(count).and_then(|turn| usize::try_from(turn).ok()).unwrap_or(0);
            members.rotate_left(turn);
        }
        segments.push(Segment { length, members, chunk: shape.chunk });
        start = start.saturating_add(length);
        before = end;
    }
    Ok(Built { placement: Placement::set(segments), on: numbers(devices), copies: Vec::new() })
}

fn mirrored(shape: &Superblock, slots: &[Vec<&Device<'_>>], said: &mut Said) -> Result<Built, String> {
    let (taken, copies) = newest(slots, said).ok_or("no member that was in use is on this source")?;
    gone(shape, slots, said);
    Ok(Built { placement: taken.data(used(shape, taken)), on: vec![taken.member.number], copies })
}

fn mirrored_and_striped(
    shape: &Superblock,
    slots: &[Vec<&Device<'_>>],
    said: &mut Said,
) -> Result<Built, String> {
    if shape.chunk == 0 {
        return Err("its chunk size is 0".into());
    }
    let mut members = Vec::new();
    let (mut on, mut copies) = (Vec::new(), Vec::new());
    let mut length = u64::MAX;
    for pair in slots.chunks(2) {
        let Some((taken, others)) = newest(pair, said) else {
            return Err(format!("both members of a pair are missing{}", missing(shape, slots)));
        };
        length = length.min(whole_chunks(used(shape, taken), shape.chunk));
        on.push(taken.member.number);
        copies.extend(others);
        members.push(taken);
    }
    gone(shape, slots, said);
    let length = whole_chunks(length, shape.chunk);
    let total = length.saturating_mul(crate::read::size(members.len()));
    let members = members.iter().map(|device| (device.data(length), 0)).collect();
    let segment = Segment { length: total, members, chunk: shape.chunk };
    Ok(Built { placement: Placement::set([segment]), on, copies })
}

/// The newest of several copies, and the others; which one was taken is said when they differ.
fn newest<'a, 'b>(slots: &[Vec<&'a Device<'b>>], said: &mut Said) -> Option<(&'a Device<'b>, Vec<u16>)> {
    let key =
        |device: &Device<'_>| (device.superblock.recovering, std::cmp::Reverse(device.superblock.events));
    let mut copies: Vec<&Device<'_>> = slots.iter().flatten().copied().collect();
    copies.sort_by_key(|device| key(device));
    let (taken, others) = copies.split_first()?;
    let behind: Vec<String> = others
        .iter()
        .filter(|other| key(other) != key(taken))
        .map(|other| format!("volume {} ({})", other.member.number, state(&other.superblock)))
        .collect();
    if !behind.is_empty() {
        let text = format!(
            "its copies differ: volume {} ({}) is read, {} is not",
            taken.member.number,
            state(&taken.superblock),
            behind.join(", ")
        );
        said.push((ProblemKind::Ambiguous, text));
    }
    Some((taken, others.iter().map(|other| other.member.number).collect()))
}

fn state(superblock: &Superblock) -> String {
    let filled = if superblock.recovering { ", still being filled" } else { "" };
    format!("{} changes{filled}", superblock.events)
}

/// Copies that are elsewhere: nothing is lost with them, but they may differ.
fn gone(shape: &Superblock, slots: &[Vec<&Device<'_>>], said: &mut Said) {
    let lost = missing(shape, slots);
    if !lost.is_empty() {
        let text = format!("{}; the copy that is here is read", lost.trim_start_matches("; "));
        said.push((ProblemKind::Ambiguous, text));
    }
}

fn used(shape: &Superblock, device: &Device<'_>) -> u64 {
    if shape.used > 0 { shape.used } else { device.extent().length }
}

fn whole_chunks(length: u64, chunk: u64) -> u64 {
    length.checked_rem(chunk).map_or(length, |rest| length.saturating_sub(rest))
}

fn numbers(devices: &[&Device<'_>]) -> Vec<u16> {
    devices.iter().map(|device| device.member.number).collect()
}
