//! A volume group: its logical volumes as segments on its physical volumes.
//!
//! Source: LVM2, lib/format_text/import_vsn1.c and export.c; the `text_import` of each segment type.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use super::super::{Assembled, Assembly, LABORATORY, Member, simple};
use super::label::Text;
use super::text::{Section, Value};
use super::{Physical, written};
use crate::model::{Extent, Placement, Problem, ProblemKind, Segment};

const SECTOR: u64 = 512;
/// Logical volumes in logical volumes that are followed.
const MAX_DEPTH: usize = 8;
/// Most segments of one logical volume.
const MAX_SEGMENTS: usize = 100_000;
/// Most parts of volumes that are looked up for one group.
const MAX_PARTS: usize = 1_000_000;

/// A volume group with its physical volumes.
pub(super) struct Group<'a> {
    text: &'a Text,
    /// Bytes of an extent.
    extent: u64,
    physical: BTreeMap<&'a str, Disk<'a>>,
    logical: Vec<(&'a str, &'a Section)>,
    /// Parts that may still be looked up: names may lead to each other in any number.
    budget: Cell<usize>,
}

/// A physical volume as the group knows it.
struct Disk<'a> {
    /// Identifier and the name it had, for those who look for it.
    hint: String,
    /// Byte at which its extents begin.
    start: u64,
    member: Option<&'a Member>,
}

/// Why a logical volume is not put together.
enum Reason {
    /// It lies on physical volumes that are not here, by their names in the text.
    Missing(BTreeSet<String>),
    /// Its segments are of a type that is not read.
    Type(String),
    /// Its description makes no sense.
    Damaged(String),
}

/// A logical volume, or a part of one, put together.
struct Built {
    placement: Placement,
    on: BTreeSet<u16>,
    /// Logical volumes that were gone through.
    through: BTreeSet<String>,
    /// Those of them that hold the same again.
    copies: BTreeSet<String>,
}

impl<'a> Group<'a> {
    pub(super) fn new(text: &'a Text, known: &[Physical<'a>]) -> Self {
        let group = &text.group;
        let disk = |(name, section): (&'a str, &'a Section)| {
            let id: String =
                section.text("id").unwrap_or_default().chars().filter(|letter| *letter != '-').collect();
            let member = known.iter().find(|one| one.label.id == id).map(|one| one.member);
            let device = section.text("device").unwrap_or("unknown").escape_debug();
            let start = section.number("pe_start").unwrap_or(0).saturating_mul(SECTOR);
            (name, Disk { hint: format!("{} (was {device})", written(&id)), start, member })
        };
        let sections = |name| group.section(name).into_iter().flat_map(Section::sections);
        Self {
            text,
            extent: group.number("extent_size").unwrap_or(0).saturating_mul(SECTOR),
            physical: sections("physical_volumes").map(disk).collect(),
            logical: sections("logical_volumes").collect(),
            budget: Cell::new(MAX_PARTS),
        }
    }

    /// Numbers of the volumes that are its physical volumes.
    pub(super) fn members(&self) -> Vec<u16> {
        self.physical.values().filter_map(|disk| disk.member).map(|member| member.number).collect()
    }

    pub(super) fn assemble(&self) -> Assembly {
        let mut assembly = Assembly::default();
        let title = self.title();
        for disk in self.physical.values() {
            if let Some(member) = disk.member {
                assembly.members.push((member.number, format!("part of {title}")));
            }
        }
        assembly.members.sort();
        self.missing_disks(&mut assembly);
        let mut used = BTreeSet::new();
        let mut copies = BTreeSet::new();
        let stores: BTreeSet<&str> =
            self.segments().filter_map(|(_, segment)| segment.text("cow_store")).collect();
        for (name, logical) in self.logical.iter().filter(|(_, logical)| is_visible(logical)) {
            let label = format!("{}/{name}", self.text.name);
            let built = if stores.contains(name) {
                Err(Reason::Type("snapshot".into()))
            } else {
                self.logical(name, 0)
            };
            match built {
                Ok(built) => {
                    used.extend(built.through);
                    copies.extend(built.copies);
                    let (placement, on) = (simple(built.placement), built.on.into_iter().collect());
                    let kind = "LVM2 logical volume".to_owned();
                    assembly.volumes.push(Assembled { kind, label, placement, on });
                }
                Err(reason) => {
                    let kind = match reason {
                        Reason::Missing(_) | Reason::Type(_) => ProblemKind::Unsupported,
                        Reason::Damaged(_) => ProblemKind::Corrupt,
                    };
                    let size = crate::model::size_text(self.extents_of(logical).saturating_mul(self.extent));
                    let detail = format!(
                        "logical volume \"{}\" ({size}) is not put together: {}",
                        label.escape_debug(),
                        self.words(&reason)
                    );
                    assembly.problems.push(Problem::new(kind, detail).advise(LABORATORY));
                }
            }
        }
        self.leftovers(&used, &copies, &mut assembly);
        assembly
    }

    fn title(&self) -> String {
        format!("LVM2 volume group \"{}\"", self.text.name.escape_debug())
    }

    fn missing_disks(&self, assembly: &mut Assembly) {
        let missing: Vec<&str> = self
            .physical
            .values()
            .filter(|disk| disk.member.is_none())
            .map(|disk| disk.hint.as_str())
            .collect();
        if !missing.is_empty() {
            let detail = format!(
                "{}: {} of its {} physical volumes are not on this source: {}",
                self.title(),
                missing.len(),
                self.physical.len(),
                missing.iter().take(32).copied().collect::<Vec<_>>().join(", ")
            );
            let advice = "look for the other disks of the group; what lies wholly on this source is examined";
            assembly.problems.push(Problem::new(ProblemKind::Unsupported, detail).advise(advice));
        }
        if !self.text.sound {
            let detail =
                format!("the metadata of {} are damaged: volumes may be missing or misplaced", self.title());
            assembly.problems.push(Problem::new(ProblemKind::Corrupt, detail));
        }
    }

    /// What no volume that is read takes: second copies, and what is not put together.
    fn leftovers(&self, used: &BTreeSet<String>, copies: &BTreeSet<String>, assembly: &mut Assembly) {
        for (name, segment) in self.segments().filter(|(name, _)| !used.contains(*name)) {
            for (disk, place) in self.areas(segment) {
                let Some(member) = disk.member else { continue };
                let places = member.places(place);
                if copies.contains(name) {
                    assembly.copies.extend(places)
                } else {
                    assembly.unread.extend(places)
                }
            }
        }
    }

    fn words(&self, reason: &Reason) -> String {
        match reason {
            Reason::Type(kind) => {
                format!("segments of type {} are not read by this version", kind.escape_debug())
            }
            Reason::Damaged(what) => format!("its description is damaged: {what}"),
            Reason::Missing(names) => {
                let hints = names.iter().filter_map(|name| self.physical.get(name.as_str()));
                let hints: Vec<&str> = hints.map(|disk| disk.hint.as_str()).take(32).collect();
                format!(
                    "parts of it are on physical volumes that are not on this source: {}",
                    hints.join(", ")
                )
            }
        }
    }

    fn segments(&self) -> impl Iterator<Item = (&'a str, &'a Section)> + '_ {
        self.logical.iter().flat_map(|(name, logical)| {
            let segments = logical.sections().filter(|(segment, _)| segment.starts_with("segment"));
            segments.map(move |(_, segment)| (*name, segment))
        })
    }

    fn extents_of(&self, logical: &Section) -> u64 {
        let counts = logical.sections().filter_map(|(_, segment)| segment.number("extent_count"));
        counts.fold(0, u64::saturating_add)
    }

    /// The parts of physical volumes that a segment takes by itself.
    fn areas(&self, segment: &Section) -> Vec<(&Disk<'a>, Extent)> {
        let stripes: Vec<(&str, u64)> = pairs(segment.list("stripes"));
        let count = crate::read::size(stripes.len());
        let each = segment.number("extent_count").unwrap_or(0).checked_div(count).unwrap_or(0);
        let area = |(name, first): (&str, u64)| {
            let disk = self.physical.get(name)?;
            let offset = disk.start.saturating_add(first.saturating_mul(self.extent));
            Some((disk, Extent::new(offset, each.saturating_mul(self.extent))))
        };
        stripes.into_iter().filter_map(area).collect()
    }

    fn logical(&self, name: &str, depth: usize) -> Result<Built, Reason> {
        let damaged = |what: String| Reason::Damaged(what);
        if depth >= MAX_DEPTH {
            return Err(damaged(format!("more than {MAX_DEPTH} logical volumes in each other")));
        }
        // Looking up one name goes over all of them.
        let cost = self.logical.len().saturating_div(64).saturating_add(1);
        let Some(left) = self.budget.get().checked_sub(cost) else {
            return Err(damaged(format!("more than {MAX_PARTS} parts of volumes")));
        };
        self.budget.set(left);
        let Some((_, logical)) = self.logical.iter().find(|(known, _)| *known == name) else {
            return Err(damaged(format!("there is no logical volume \"{}\"", name.escape_debug())));
        };
        let mut parts: Vec<(u64, &Section)> = logical
            .sections()
            .filter(|(name, _)| name.starts_with("segment"))
            .map(|(_, segment)| (segment.number("start_extent").unwrap_or(u64::MAX), segment))
            .collect();
        parts.sort_by_key(|(start, _)| *start);
        if parts.is_empty() || parts.len() > MAX_SEGMENTS || self.extent == 0 {
            return Err(damaged(format!("{} segments of extents of {} bytes", parts.len(), self.extent)));
        }
        let mut whole = Built {
            placement: Placement::set([]),
            on: BTreeSet::new(),
            through: BTreeSet::from([name.to_owned()]),
            copies: BTreeSet::new(),
        };
        let mut segments = Vec::new();
        let mut next = 0_u64;
        let mut missing = BTreeSet::new();
        for (start, section) in parts {
            let count = section.number("extent_count").unwrap_or(0);
            if start != next || count == 0 {
                return Err(damaged(format!("a segment begins at extent {start}, {next} expected")));
            }
            next = next.saturating_add(count);
            match self.segment(section, count, depth, &mut whole) {
                Ok(segment) => segments.push(segment),
                Err(Reason::Missing(names)) => missing.extend(names),
                Err(other) => return Err(other),
            }
        }
        if !missing.is_empty() {
            return Err(Reason::Missing(missing));
        }
        whole.placement = Placement::set(segments);
        Ok(whole)
    }

    fn segment(
        &self,
        section: &Section,
        count: u64,
        depth: usize,
        whole: &mut Built,
    ) -> Result<Segment, Reason> {
        let length = count
            .checked_mul(self.extent)
            .ok_or_else(|| Reason::Damaged("it is longer than any medium".into()))?;
        let kind = section.text("type").unwrap_or("unnamed");
        // What a set of copies keeps for itself beside them.
        let own = section.list("raids").iter().step_by(2).filter_map(text).chain(section.text("mirror_log"));
        whole.through.extend(own.map(str::to_owned));
        // Flags of the segment follow a plus sign.
        match kind.split('+').next().unwrap_or(kind) {
            "striped" | "linear" => {
                let areas = pairs(section.list("stripes"));
                let chunk = section.number("stripe_size").unwrap_or(0).saturating_mul(SECTOR);
                self.stripes(&areas, length, chunk, depth, whole)
            }
            "raid0" | "raid0_meta" => {
                let images = match section.list("raid0_lvs") {
                    [] => images(section),
                    images => images.iter().filter_map(text).collect(),
                };
                let areas: Vec<(&str, u64)> = images.into_iter().map(|name| (name, 0)).collect();
                let chunk = section.number("stripe_size").unwrap_or(0).saturating_mul(SECTOR);
                self.stripes(&areas, length, chunk, depth, whole)
            }
            "mirror" => self.mirror(&pairs(section.list("mirrors")), length, depth, whole),
            "raid1" => {
                let areas: Vec<(&str, u64)> = images(section).into_iter().map(|name| (name, 0)).collect();
                self.mirror(&areas, length, depth, whole)
            }
            other => Err(Reason::Type(other.to_owned())),
        }
    }

    fn stripes(
        &self,
        areas: &[(&str, u64)],
        length: u64,
        chunk: u64,
        depth: usize,
        whole: &mut Built,
    ) -> Result<Segment, Reason> {
        let count = crate::read::size(areas.len());
        if count == 0 || (count > 1 && (chunk == 0 || length.checked_rem(count) != Some(0))) {
            return Err(Reason::Damaged(format!("{count} stripes of {chunk} bytes for {length} bytes")));
        }
        let mut members = Vec::new();
        let mut missing = BTreeSet::new();
        for (name, first) in areas {
            match self.area(name, *first, length.checked_div(count).unwrap_or(0), depth, whole) {
                Ok(member) => members.push(member),
                Err(Reason::Missing(names)) => missing.extend(names),
                Err(other) => return Err(other),
            }
        }
        if missing.is_empty() {
            Ok(Segment { length, members, chunk })
        } else {
            Err(Reason::Missing(missing))
        }
    }

    /// The first copy that is whole; the others are noted as copies.
    fn mirror(
        &self,
        areas: &[(&str, u64)],
        length: u64,
        depth: usize,
        whole: &mut Built,
    ) -> Result<Segment, Reason> {
        let mut taken = None;
        let mut why = Reason::Damaged("a mirror without copies".into());
        for (name, first) in areas {
            if taken.is_some() {
                whole.copies.insert((*name).to_owned());
                continue;
            }
            match self.area(name, *first, length, depth, whole) {
                Ok(member) => taken = Some(member),
                Err(reason) => why = reason,
            }
        }
        let member = taken.ok_or(why)?;
        Ok(Segment { length, members: vec![member], chunk: 0 })
    }

    /// A part of a physical or of another logical volume, from its extent `first` on.
    fn area(
        &self,
        name: &str,
        first: u64,
        length: u64,
        depth: usize,
        whole: &mut Built,
    ) -> Result<(Placement, u64), Reason> {
        let Some(left) = self.budget.get().checked_sub(1) else {
            return Err(Reason::Damaged(format!("more than {MAX_PARTS} parts of volumes")));
        };
        self.budget.set(left);
        let offset = first.saturating_mul(self.extent);
        if let Some(disk) = self.physical.get(name) {
            let Some(member) = disk.member else {
                return Err(Reason::Missing(BTreeSet::from([name.to_owned()])));
            };
            let start = disk.start.saturating_add(offset);
            if start.saturating_add(length) > member.volume.size() {
                return Err(Reason::Damaged(format!("it reaches past the end of volume {}", member.number)));
            }
            whole.on.insert(member.number);
            return Ok((member.placement.clone(), start));
        }
        let inner = self.logical(name, depth.saturating_add(1))?;
        if offset.saturating_add(length) > inner.placement.length() {
            return Err(Reason::Damaged(format!("it reaches past the end of \"{}\"", name.escape_debug())));
        }
        whole.on.extend(inner.on);
        whole.through.extend(inner.through);
        whole.copies.extend(inner.copies);
        Ok((inner.placement, offset))
    }
}

fn is_visible(logical: &Section) -> bool {
    logical.list("status").iter().any(|word| text(word) == Some("VISIBLE"))
}

/// Names with the extent at which their part begins.
fn pairs(list: &[Value]) -> Vec<(&str, u64)> {
    let pair = |pair: &'_ [Value]| match pair {
        [Value::Text(_), Value::Number(first)] => Some(u64::try_from(*first).ok()?),
        _ => None,
    };
    list.chunks_exact(2).filter_map(|both| Some((text(both.first()?)?, pair(both)?))).collect()
}

/// The images of a RAID segment; each stands after the volume of its metadata.
fn images(section: &Section) -> Vec<&str> {
    section.list("raids").chunks_exact(2).filter_map(|pair| text(pair.last()?)).collect()
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}
