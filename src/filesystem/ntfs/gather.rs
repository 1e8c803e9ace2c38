//! From the bytes of a record to its row.

use std::sync::Arc;

use crate::filesystem::utf16;
use crate::model::Run;
use crate::read::{Fields, ReadAt};

use super::boot::Geometry;
use super::list;
use super::record::{Attribute, Flaw, Form, Record, Reference, code};
use super::reparse;
use super::rows::{Keeping, NewPart, NewRow, Rows, mark};

/// `$I30` in UTF-16: the index of names.
const NAME_INDEX: &[u8] = b"$\0I\x003\x000\0";

/// Bytes of a reparse point that are looked at: more would be read for each record that a hostile $MFT gives one.
const REPARSE: u64 = 64;

/// Reads records into rows.
pub(super) struct Gatherer<'a> {
    source: &'a Arc<dyn ReadAt>,
    geometry: &'a Geometry,
    runs: Vec<Run>,
}

/// What became of the bytes of a record.
pub(super) enum Gathered {
    /// Nothing of a record is there.
    Blank,
    /// Nothing of a record is there, though something is.
    Garbage,
    /// A row was added at that position; the first thing that is wrong with the record.
    Row(usize, Option<Flaw>),
    /// No more rows can be kept.
    Full,
}

impl<'a> Gatherer<'a> {
    /// For a volume.
    pub(super) const fn new(source: &'a Arc<dyn ReadAt>, geometry: &'a Geometry) -> Self {
        Self { source, geometry, runs: Vec::new() }
    }

    /// Adds the row of a record. Puts its protected bytes back where they stand.
    pub(super) fn gather(&mut self, number: u32, bytes: &mut [u8], rows: &mut Rows) -> Gathered {
        let blank = bytes.first_chunk() == Some(&[0; 4]);
        let Some(mut record) = Record::open(bytes, number.into()) else {
            return if blank { Gathered::Blank } else { Gathered::Garbage };
        };
        let head = NewRow { number, sequence: record.sequence(), base: record.base() };
        let Some(at) = rows.begin(&head) else { return Gathered::Full };
        if record.in_use() {
            rows.mark_last(mark::IN_USE);
        }
        if record.is_directory() {
            rows.mark_last(mark::DIRECTORY);
        }
        let mut flaw = record.flaw.take();
        for attribute in record.attributes() {
            let damage = match attribute {
                Ok(attribute) => self.attribute(number, &attribute, rows),
                Err(damage) => Some(damage),
            };
            if damage.is_some() {
                rows.mark_last(mark::DAMAGED);
            }
            flaw = flaw.or(damage);
        }
        Gathered::Row(at, flaw)
    }

    fn attribute(&mut self, number: u32, attribute: &Attribute<'_>, rows: &mut Rows) -> Option<Flaw> {
        match attribute.code {
            code::STANDARD_INFORMATION => times(attribute, rows),
            code::ATTRIBUTE_LIST => rows.mark_last(mark::LISTED),
            code::FILE_NAME => return name(attribute, rows),
            code::DATA => return self.part(number, attribute, false, rows),
            code::INDEX_ROOT if attribute.name == NAME_INDEX => rows.mark_last(mark::DIRECTORY),
            code::INDEX_ALLOCATION if attribute.name == NAME_INDEX => {
                return self.part(number, attribute, true, rows);
            }
            code::REPARSE_POINT => match list::value(self.source, self.geometry, attribute, REPARSE) {
                Ok(value) => rows.set_reparse(reparse::parse(&value)),
                Err(error) => return Some(Flaw::new(attribute.at, "reparse point", "readable", error)),
            },
            _ => {}
        }
        None
    }

    fn part(&mut self, number: u32, attribute: &Attribute<'_>, index: bool, rows: &mut Rows) -> Option<Flaw> {
        let name = utf16::little_endian(attribute.name);
        self.runs.clear();
        match attribute.form {
            Form::Resident { value, at } => {
                let size = crate::read::size(value.len());
                // Records have at most 64 KiB.
                let keeping = Keeping::Resident(u16::try_from(at).unwrap_or(u16::MAX));
                rows.part(
                    name,
                    &[],
                    NewPart { first: 0, size, initialised: size, keeping, index, record: number },
                );
                None
            }
            Form::Clusters(clusters) => {
                let damage = clusters.decode(self.geometry, &mut self.runs);
                let keeping = match () {
                    () if attribute.is_encrypted() => Keeping::Encrypted,
                    () if attribute.is_compressed() && clusters.unit > 0 => {
                        Keeping::Compressed(clusters.unit)
                    }
                    () => Keeping::Plain,
                };
                let (first, size, initialised) = (clusters.first, clusters.size, clusters.initialised);
                let part = NewPart { first, size, initialised, keeping, index, record: number };
                rows.part(name, &self.runs, part);
                damage.map(|damage| Flaw::new(attribute.at, "mapping of an attribute", "clusters", damage))
            }
        }
    }
}

/// Layout: Microsoft, "STANDARD_INFORMATION".
fn times(attribute: &Attribute<'_>, rows: &mut Rows) {
    let fields = Fields(attribute.value().unwrap_or_default());
    let times = [0, 8, 16, 24].map(|offset| fields.u64(offset));
    if let [Some(created), Some(modified), Some(changed), Some(accessed)] = times {
        rows.set_times([created, modified, changed, accessed]);
    }
}

/// Layout: Microsoft, "FILE_NAME".
fn name(attribute: &Attribute<'_>, rows: &mut Rows) -> Option<Flaw> {
    const DOS: u8 = 2;
    let fields = Fields(attribute.value().unwrap_or_default());
    let length = usize::from(fields.u8(0x40).unwrap_or(0)).saturating_mul(2);
    let found = fields.u64(0).zip(fields.bytes(0x42, length)).filter(|(_, units)| !units.is_empty());
    let Some((parent, units)) = found else {
        return Some(Flaw::new(attribute.at, "name of a file", "within its attribute", "outside"));
    };
    rows.name(Reference(parent), fields.u8(0x41) == Some(DOS), utf16::little_endian(units));
    None
}
