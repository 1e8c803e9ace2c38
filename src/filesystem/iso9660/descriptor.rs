//! Volume descriptors (ECMA-119, section 8) and the set that a session begins with.

use super::both::Both;
use super::name;
use super::record::{Record, flag};
use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Fields, ReadAt, size};

/// Bytes of a logical sector; a descriptor fills one.
pub(super) const SECTOR: u64 = 2048;
/// Sectors of the system area before the descriptors.
pub(super) const SYSTEM_AREA: u64 = 16;
/// Most descriptors of a set.
const MAX_DESCRIPTORS: u64 = 64;
const IDENTIFIER: &[u8; 5] = b"CD001";

/// What a tree's names are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Primary, or supplementary with names of bytes.
    Primary,
    /// Supplementary with names of UCS-2: Joliet of that level.
    Joliet(u8),
    /// Enhanced (version 2), or supplementary with an escape sequence that is not known.
    Enhanced,
}

/// A descriptor that leads to a tree.
#[derive(Clone, Debug)]
pub(super) struct Descriptor {
    /// Its first byte.
    pub(super) at: u64,
    pub(super) kind: Kind,
    /// Bytes of a logical block.
    pub(super) block: u64,
    /// Logical blocks of the volume.
    pub(super) blocks: u64,
    pub(super) label: String,
    /// Block and length of the root directory, blocks of its extended attribute record.
    pub(super) root: (Both, Both, u8),
    /// Bytes of a path table, and the blocks of its two or four copies; true for big-endian ones.
    pub(super) path_table: (Both, Vec<(u32, bool)>),
    /// What is wrong with it.
    pub(super) flaws: Vec<Problem>,
}

/// The descriptors of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Set {
    /// First byte of the first descriptor.
    pub(super) at: u64,
    /// Bytes of all descriptors.
    pub(super) length: u64,
    pub(super) trees: Vec<Descriptor>,
    /// Block of the El Torito boot catalogue.
    pub(super) boot: Option<u32>,
    pub(super) flaws: Vec<Problem>,
}

/// Reads the set that begins at byte `at`; one without trees when there is none.
///
/// A descriptor that cannot be read, or whose identifier is damaged, does not end the set.
pub(super) fn read(volume: &dyn ReadAt, at: u64) -> Set {
    let mut set = Set { at, ..Set::default() };
    let mut doubtful = Vec::new();
    let mut bad = 0_u32;
    for number in 0..MAX_DESCRIPTORS {
        let place = at.saturating_add(number.saturating_mul(SECTOR));
        let extent = Extent::new(place, SECTOR);
        let Ok(bytes) = volume.read_vec(place, 2048) else {
            if place >= volume.size() {
                break;
            }
            set.flaws
                .push(Problem::new(ProblemKind::Unreadable, "a volume descriptor cannot be read").at(extent));
            bad = bad.saturating_add(1);
            if bad > 1 {
                break;
            }
            continue;
        };
        let matching = bytes.iter().skip(1).zip(IDENTIFIER).filter(|(one, two)| one == two).count();
        if matching < 4 {
            bad = bad.saturating_add(1);
            if bad > 1 {
                break;
            }
            continue;
        }
        if matching < 5 {
            let found = bytes.get(1..6).unwrap_or_default().escape_ascii();
            let detail = format!("volume descriptor at byte {place}: expected CD001, found {found}");
            set.flaws.push(Problem::new(ProblemKind::Corrupt, detail).at(extent));
        }
        set.length = place.saturating_add(SECTOR).saturating_sub(at);
        let fields = Fields(&bytes);
        match (fields.u8(0), fields.u8(6)) {
            (Some(255), _) => break,
            (Some(0), _) if fields.has(7, b"EL TORITO SPECIFICATION") => set.boot = fields.u32(71),
            (Some(kind @ (1 | 2)), version) => {
                set.trees.extend(Descriptor::parse(fields, place, kind, version))
            }
            _ => doubtful.extend(Descriptor::parse(fields, place, 1, Some(1))),
        }
    }
    if !set.trees.iter().any(|tree| tree.kind == Kind::Primary) {
        for mut tree in doubtful {
            tree.flaws.push(
                Problem::new(ProblemKind::Corrupt, "a volume descriptor of no known type leads to a tree")
                    .at(Extent::new(tree.at, SECTOR)),
            );
            set.trees.push(tree);
        }
    }
    set
}

impl Descriptor {
    /// Whether the same tree is found by both.
    pub(super) fn leads_alike(&self, other: &Self) -> bool {
        (self.kind, self.block, self.root) == (other.kind, other.block, other.root)
            && self.path_table == other.path_table
    }

    /// `None` when nothing in it can be a root directory.
    fn parse(fields: Fields<'_>, at: u64, kind: u8, version: Option<u8>) -> Option<Self> {
        let kind = match (kind, version, fields.bytes(88, 3)?) {
            (1, ..) => Kind::Primary,
            (_, _, b"%/@") => Kind::Joliet(1),
            (_, _, b"%/C") => Kind::Joliet(2),
            (_, _, b"%/E") => Kind::Joliet(3),
            _ => Kind::Enhanced,
        };
        let root = Record::parse(fields.bytes(156, 34)?, at.saturating_add(156));
        // The length of this record is known: one that is damaged changes nothing.
        let mut mended = [0; 34];
        mended.copy_from_slice(fields.bytes(156, 34)?);
        mended[0] = 34;
        mended[32] = 1;
        let root = match root {
            Some(root) => root,
            None => Record::parse(&mended, at.saturating_add(156))?,
        };
        let place = Extent::new(at, SECTOR);
        let mut flaws = Vec::new();
        let mut differs = |what: &str, both: Both| {
            if !both.agrees() {
                let Both { little, big } = both;
                let detail = format!("{what}: little-endian {little}, big-endian {big}");
                flaws.push(Problem::new(ProblemKind::Corrupt, detail).at(place));
            }
        };
        let block = Both::short(fields, 128)?;
        differs("logical block size", block);
        let blocks = Both::long(fields, 80)?;
        differs("number of logical blocks", blocks);
        differs("place of the root directory", root.extent());
        differs("length of the root directory", root.size());
        let table = Both::long(fields, 132)?;
        differs("length of the path table", table);
        let sound = |size: u32| matches!(size, 512 | 1024 | 2048);
        // Nearly every disc has blocks of 2048 bytes.
        let usual = |size: u32| size == 2048 || (sound(size) && block.agrees());
        let chosen = block.choose(usual);
        if !sound(chosen) {
            let detail =
                format!("logical block size: expected 512, 1024 or 2048, found {chosen}; 2048 is used");
            flaws.push(Problem::new(ProblemKind::Corrupt, detail).at(place));
        }
        let big = |at| fields.u32_be(at).map(|block| (block, true));
        let little = |at| fields.u32(at).map(|block| (block, false));
        let tables = [little(140), big(148), little(144), big(152)];
        let tables: Vec<_> = tables.into_iter().flatten().filter(|(block, _)| *block != 0).collect();
        let seems = root.has(flag::DIRECTORY) || root.extent().agrees() || root.size().agrees();
        let label = fields.bytes(40, 32).unwrap_or_default();
        let label = match kind {
            Kind::Joliet(_) => String::from_utf8_lossy(&name::ucs2(label)).into_owned(),
            _ => String::from_utf8_lossy(label).into_owned(),
        };
        seems.then(|| Self {
            at,
            kind,
            block: if sound(chosen) { chosen.into() } else { 2048 },
            blocks: blocks.little.min(blocks.big).into(),
            label: label.trim_end_matches([' ', '\0']).to_owned(),
            root: (root.extent(), root.size(), root.attribute_blocks()),
            path_table: (table, tables),
            flaws,
        })
    }
}

impl Set {
    /// Whether the first tree's numbers agree in both byte orders.
    pub(super) fn is_sound(&self) -> bool {
        self.flaws.is_empty() && self.trees.first().is_some_and(|tree| tree.flaws.is_empty())
    }

    /// Bytes that the first tree's descriptor counts beyond the end of a volume of that size.
    pub(super) fn missing(&self, size: u64) -> Option<u64> {
        let tree = self.trees.first()?;
        tree.blocks.checked_mul(tree.block)?.checked_sub(size).filter(|missing| *missing > 0)
    }

    /// Byte behind the last block that a descriptor counts.
    pub(super) fn end(&self) -> u64 {
        let ends = self.trees.iter().map(|tree| tree.blocks.saturating_mul(tree.block));
        ends.max().unwrap_or(0).max(self.at.saturating_add(size(2048)))
    }
}
