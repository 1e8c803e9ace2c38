//! The content of an entry, found again by its record.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::filesystem::Stream;
use crate::model::{FileEntry, Run};
use crate::read::{Error, Memory, Pieces, Result};

use super::compressed::Compressed;
use super::facts::overlay_stream;
use super::gather::{Gathered, Gatherer};
use super::record::{Record, code};
use super::reparse::{Packing, Reparse};
use super::rows::{Keeping, Rows};
use super::stream::{self, Shape, Streams};
use super::wof::Overlay;
use super::{Volume, list};

/// Opens the content of an entry.
pub(super) fn open(volume: &Volume, entry: FileEntry<'_>) -> Result<Box<dyn Stream>> {
    let number = u32::try_from(entry.record()).unwrap_or(u32::MAX);
    let file = File::read(volume, number)?;
    let packing = match file.reparse() {
        Reparse::Overlay(packing) if entry.stream() == 0 => Some(packing),
        _ => None,
    };
    let stream = match packing {
        Some(packing) => file.overlay(packing, entry.size())?,
        None => file.stream(entry.stream())?.0,
    };
    if stream.size() != entry.size() {
        let found = format!("{} bytes, listed with {}", stream.size(), entry.size());
        return Err(Error::Changed { what: "size of a stream", found });
    }
    Ok(stream)
}

/// Whether a file's list of attributes names a main stream; a list that cannot be read may.
pub(super) fn names_main_stream(volume: &Volume, number: u32) -> bool {
    let main = |item: list::Item| item.code == code::DATA && !item.named;
    items(volume, number).map_or(true, |items| items.into_iter().any(main))
}

/// The lines of the lists of attributes that a record has.
fn items(volume: &Volume, number: u32) -> Result<Vec<list::Item>> {
    let mut bytes = volume.mft.record(number.into())?;
    let record = Record::open(&mut bytes, number.into());
    let attributes = record.iter().flat_map(|record| record.attributes().map_while(std::result::Result::ok));
    let mut items = Vec::new();
    for list in attributes.filter(|attribute| attribute.code == code::ATTRIBUTE_LIST) {
        let value = list::value(&volume.source, &volume.geometry, &list, list::MAX_LIST)?;
        items.extend(list::items(&value));
    }
    Ok(items)
}

/// The content of a stream of a record, and its runs cut to what was written.
pub(super) fn content(volume: &Volume, number: u32, stream: u16) -> Result<(Box<dyn Stream>, Vec<Run>)> {
    File::read(volume, number)?.stream(stream)
}

/// A file with all its records.
struct File<'v> {
    volume: &'v Volume,
    parts: Arc<Parts>,
}

/// What the records of a file hold.
#[derive(Default)]
struct Parts {
    /// The records as read, protected bytes put back.
    records: Vec<(u32, Vec<u8>)>,
    rows: Rows,
    streams: Streams,
}

/// The file of several records that was opened last, by its number: its streams are opened one after another, and each
/// time all its records would be read again.
#[derive(Default)]
pub(super) struct Last(Mutex<Option<(u32, Arc<Parts>)>>);

impl<'v> File<'v> {
    fn read(volume: &'v Volume, number: u32) -> Result<Self> {
        let last = volume.last.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, parts)) = last.filter(|(known, _)| *known == number) {
            return Ok(Self { volume, parts });
        }
        let mut parts = Parts::default();
        let mut gatherer = Gatherer::new(&volume.source, &volume.geometry);
        parts.add(volume, number, &mut gatherer)?;
        for other in Self::others(volume, number)? {
            let before = parts.rows.checkpoint();
            // A record that is lost leaves a gap, which shows.
            let _ = parts.add(volume, other, &mut gatherer);
            let belongs = parts.rows.list().first().zip(parts.rows.list().last());
            if !belongs.is_some_and(|(base, row)| super::listing::extends(row, base)) {
                parts.rows.roll_back(before);
            }
        }
        let members: Vec<usize> = (0..parts.rows.list().len()).collect();
        parts.streams.assemble(&parts.rows, &members);
        let parts = Arc::new(parts);
        if parts.records.len() > 1 && volume.extensions.get().is_some() {
            let kept = Some((number, Arc::clone(&parts)));
            *volume.last.0.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        }
        Ok(Self { volume, parts })
    }

    /// The records that extend one: as the survey found them, or, before one, as its own list names them.
    fn others(volume: &Volume, number: u32) -> Result<BTreeSet<u32>> {
        if let Some(known) = volume.extensions.get() {
            let start = known.partition_point(|(base, _)| *base < number);
            let own = known.iter().skip(start).take_while(|(base, _)| *base == number);
            return Ok(own.map(|(_, record)| *record).collect());
        }
        let items = items(volume, number)?;
        let records = items.iter().filter_map(|item| u32::try_from(item.reference.number()).ok());
        Ok(records.filter(|other| *other != number).collect())
    }

    fn reparse(&self) -> Reparse {
        let members: Vec<usize> = (0..self.parts.rows.list().len()).collect();
        self.parts.rows.reparse(&members)
    }

    /// The stream of that number.
    fn stream(&self, number: u16) -> Result<(Box<dyn Stream>, Vec<Run>)> {
        let found = self.parts.streams.list().iter().find(|stream| stream.number == number);
        self.made(found)
    }

    /// The main stream as the overlay filter makes it.
    fn overlay(&self, packing: Packing, length: u64) -> Result<Box<dyn Stream>> {
        let (packed, _) = self.made(overlay_stream(&self.parts.rows, &self.parts.streams))?;
        Ok(Box::new(Overlay::new(packed, packing, length)?))
    }

    fn made(&self, stream: Option<&stream::Stream>) -> Result<(Box<dyn Stream>, Vec<Run>)> {
        let place =
            self.parts.records.first().map_or(0, |(number, _)| self.volume.mft.place((*number).into()));
        let mut runs = Vec::new();
        let cluster = self.volume.geometry.cluster;
        let shape =
            stream.and_then(|stream| self.parts.streams.shape(&self.parts.rows, stream, cluster, &mut runs));
        let shape = shape.filter(|shape| shape.whole);
        let shape = shape
            .ok_or_else(|| Error::corrupt("stream of a file", place, "places for all of it", "fewer"))?;
        let source = &self.volume.source;
        let made: Box<dyn Stream> = match shape.keeping {
            Keeping::Resident(at) => Box::new(Memory(self.resident(&shape, at, place)?)),
            Keeping::Compressed(power) => {
                let unit = cluster.checked_shl(power.into()).filter(|unit| unit >> power == cluster);
                let (size, written) = (shape.size, shape.initialised);
                Box::new(Compressed::new(source, &runs, unit.unwrap_or(0), size, written)?)
            }
            Keeping::Plain => {
                stream::trim(&mut runs, 0, shape.size, shape.initialised);
                Box::new(Pieces::new(Arc::clone(source), &runs, shape.size))
            }
            Keeping::Encrypted => return Err(Error::unsupported("stream of a file", place, "encrypted")),
        };
        Ok((made, runs))
    }

    fn resident(&self, shape: &Shape, at: u16, place: u64) -> Result<Vec<u8>> {
        let record = self.parts.records.iter().find(|(number, _)| *number == shape.record);
        let start = usize::from(at);
        let end = usize::try_from(shape.size).ok().and_then(|length| start.checked_add(length));
        let value = record.zip(end).and_then(|((_, bytes), end)| bytes.get(start..end));
        let wrong = || Error::corrupt("value of an attribute", place, "within its record", "outside");
        Ok(value.ok_or_else(wrong)?.to_vec())
    }
}

impl Parts {
    /// Adds a record.
    fn add(&mut self, volume: &Volume, number: u32, gatherer: &mut Gatherer<'_>) -> Result<()> {
        let place = volume.mft.place(number.into());
        let mut bytes = volume.mft.record(number.into())?;
        if !matches!(gatherer.gather(number, &mut bytes, &mut self.rows), Gathered::Row(..)) {
            return Err(Error::corrupt("record of the $MFT", place, "FILE", "no record"));
        }
        self.records.push((number, bytes));
        Ok(())
    }
}
