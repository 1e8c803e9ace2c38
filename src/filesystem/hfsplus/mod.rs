//! HFS+ and HFSX. The source of facts is Apple's Technical Note TN1150.
//!
//! `locate` finds a volume `header`, also inside a wrapper of HFS. A survey (`survey`) reads three B-trees (`tree`,
//! `node`), each in one sweep: where more extents are (`overflow`), named attributes (`attribute`), and the catalog
//! (`record`, `index`). Then it makes the entries: the tree in use (`listing`, `facts`, `content`) and deleted ones
//! (`remains`). The index of a B-tree is never used, and the journal never replayed.
//!
//! | what | how it is listed |
//! |---|---|
//! | data fork | stream 0 of its file |
//! | resource fork | `name:rsrc`, stream 1; not when it holds the content of a compressed file |
//! | named attribute | `name:attribute`, stream 2 and on; not `com.apple.decmpfs` |
//! | compressed file | one entry with its decoded content; its runs are those of the compressed bytes |
//! | data fork beside the content of a compressed file | `name:data`, stream 65535 |
//! | second file with a number that another has | the record number has the copy in its upper 32 bits |
//! | hard link to a file | each name with the record of the `iNode` file, which is listed too; its other streams once |
//! | hard link to a folder | each name as the folder; what is in it stands below the first link |
//! | allocation file, extents overflow file, catalog, attributes file | metadata, without an entry: they have no name on the volume and are read here |
//! | startup file | `$StartupFile`, record 7: nothing else looks into it |
//! | bad blocks | a problem: they are not read |
//!
//! Names are given as they are stored: decomposed, in UTF-8; a `/` in a name is shown as `:`, as macOS does.
//!
//! Deletion leaves little: a node closes the gap at once. What stands behind the last record of a leaf, and in leaves out
//! of use, is listed as deleted when it is a plausible record of a number that nothing in use has.

mod attribute;
mod bitmap;
mod content;
mod facts;
mod fork;
mod header;
mod index;
mod journal;
mod listing;
mod locate;
mod name;
mod node;
mod overflow;
mod record;
mod remains;
mod special;
mod survey;
mod tree;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::{Filesystem, Format, Stream};
use crate::model::{FileEntry, Survey, TimeEncoding};
use crate::read::{Confidence, Error, ReadAt, Result};

use self::content::Packed;
use self::header::Special;
use self::locate::Located;
use self::overflow::Overflow;
use self::tree::Tree;

/// HFS+ and HFSX.
pub(super) struct HfsPlus;

impl Format for HfsPlus {
    fn name(&self) -> &'static str {
        "hfsplus"
    }

    fn description(&self) -> &'static str {
        "HFS+ and HFSX, also in an HFS wrapper, with resource forks, attributes and compressed files; \
         journals are not replayed"
    }

    fn probe(&self, volume: &dyn ReadAt) -> Confidence {
        locate::probe(volume)
    }

    fn open(&self, volume: Arc<dyn ReadAt>) -> Result<Box<dyn Filesystem>> {
        let located = locate::find(&volume)?;
        Ok(Box::new(Volume { source: volume, located, packed: OnceLock::new() }))
    }
}

/// An opened volume.
struct Volume {
    source: Arc<dyn ReadAt>,
    located: Located,
    /// What compressed files are made of, by record; the survey fills it.
    packed: OnceLock<HashMap<u64, Packed>>,
}

impl Filesystem for Volume {
    fn variant(&self) -> String {
        let name = if self.located.header.extended { "HFSX" } else { "HFS+" };
        let wrapper = if self.located.wrapped { " in an HFS wrapper" } else { "" };
        format!("{name}{wrapper}")
    }

    /// The name of the root folder, whose record is the first of the catalog.
    fn label(&self) -> String {
        let header = &self.located.header;
        let runs = special::runs(header, &Overflow::default(), Special::Catalog);
        let leaf = Tree::open(&self.source, Special::Catalog.name(), runs).and_then(|tree| tree.first_leaf());
        let leaf = leaf.unwrap_or_default();
        let record = leaf.get(node::DESCRIPTOR..).and_then(record::parse).and_then(|(_, record)| record);
        let mut label = Vec::new();
        if let Some(root) = record.filter(|record| record.number == index::ROOT) {
            name::decode(root.name, &mut label);
        }
        String::from_utf8_lossy(&label).into_owned()
    }

    fn times(&self) -> TimeEncoding {
        TimeEncoding::HfsPlus
    }

    fn survey(&self, survey: &mut Survey<'_>) -> Result<()> {
        let packed = survey::run(self, survey)?;
        self.packed.get_or_init(|| packed);
        Ok(())
    }

    fn open(&self, entry: FileEntry<'_>) -> Result<Box<dyn Stream>> {
        let packed = self.packed.get().and_then(|packed| packed.get(&entry.record()));
        let packed = packed.filter(|_| entry.stream() == 0);
        packed
            .ok_or_else(|| Error::unsupported("content", 0, "no compressed file of the survey"))?
            .open(&self.source)
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests;
