//! NCMEC's hash-sharing API, version 2: its XML answers, saved page by page.
//!
//! Pages are given in their order as one list: a later entry replaces an earlier one of the same member and id, and a
//! deletion takes it back.

mod input;
#[cfg(test)]
mod tests;

use std::mem::take;

use input::Bounded;
use quick_xml::NsReader;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};

use super::{Format, Input, Record, Sink, lines, text};
use crate::hashset::error::excerpt;
use crate::hashset::{Error, Place, Result};
use crate::model::{Algorithm, Digests, Pdq};
use crate::read::Confidence;

/// Read as a stream; document type declarations are refused, so that there are no entities.
pub struct Ncmec;

const NAMESPACE: &str = "https://hashsharing.ncmec.org/hashsharing/v2";
/// What the namespaces of all versions have in common.
const FAMILY: &[u8] = b"://hashsharing.ncmec.org/hashsharing/";
/// Deepest nesting of elements. The format needs five levels.
const MAX_DEPTH: usize = 32;
/// Longest text of an element that is kept, in bytes; every one that is used is shorter.
const MAX_TEXT: usize = 1024;

impl Format for Ncmec {
    fn name(&self) -> &'static str {
        "ncmec"
    }

    fn description(&self) -> &'static str {
        "NCMEC hash-sharing API 2, XML pages in order: MD5, SHA-1, SHA-256, PDQ, classification, deletions; PhotoDNA and videos' \
         own hashes are not read"
    }

    fn probe(&self, head: &[u8]) -> Confidence {
        let body = head.strip_prefix(lines::BOM).unwrap_or(head).trim_ascii_start();
        let ours = || head.windows(FAMILY.len()).any(|window| window == FAMILY);
        if body.starts_with(b"<") && text::is_text(head) && ours() {
            Confidence::Strong
        } else {
            Confidence::No
        }
    }

    fn read(&self, input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
        let list = sink.name().to_owned();
        let mut xml = NsReader::from_reader(Bounded::new(input.bytes));
        let mut buffer = Vec::new();
        let mut page = Page::new(sink);
        loop {
            buffer.clear();
            xml.get_mut().allow();
            let step = match xml.read_resolved_event_into(&mut buffer) {
                Ok((namespace, event)) => {
                    page.event(namespace == ResolveResult::Bound(Namespace(NAMESPACE)), event)
                }
                Err(error) => Err(Stop::Xml(error)),
            };
            let input = xml.get_ref();
            match step {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(stop) => return Err(refusal(&list, page.entries, stop, input)),
            }
        }
    }
}

/// Why a page is not read on.
enum Stop {
    Xml(quick_xml::Error),
    Malformed(String),
    Ended,
}

impl<E: Into<quick_xml::Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Xml(error.into())
    }
}

fn refusal(list: &str, entries: u64, stop: Stop, input: &Bounded<'_>) -> Error {
    let place = Place::Record(entries);
    if input.exceeded() {
        return Error::malformed(list, place, "a tag, text or comment longer than 256 KiB");
    }
    match stop {
        Stop::Xml(quick_xml::Error::Io(error)) => {
            Error::io(list, std::io::Error::new(error.kind(), error.to_string()))
        }
        Stop::Malformed(reason) => Error::malformed(list, place, reason),
        // What is wrong because nothing follows is not wrong by itself.
        Stop::Ended | Stop::Xml(_) if input.ended() => {
            Error::truncated(list, format_args!("its XML ends in the middle, at entry {entries}"))
        }
        Stop::Ended => Error::truncated(list, "its XML ends in the middle"),
        Stop::Xml(error) => {
            Error::malformed(list, place, format_args!("not XML: {}", excerpt(error.to_string().as_bytes())))
        }
    }
}

/// What an element is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Result,
    Entries,
    Entry,
    Deletion,
    Member,
    Id,
    Timestamp,
    Classification,
    Fingerprints,
    Digest(Algorithm),
    Pdq,
    Other,
}

impl Element {
    fn named(parent: Option<Self>, name: &str) -> Self {
        match (parent, name) {
            (None, "queryResult") => Self::Result,
            (Some(Self::Result), "images" | "videos") => Self::Entries,
            (Some(Self::Entries), "image" | "video") => Self::Entry,
            (Some(Self::Entries), "deletedImage" | "deletedVideo") => Self::Deletion,
            (Some(Self::Entry | Self::Deletion), "member") => Self::Member,
            (Some(Self::Entry | Self::Deletion), "id") => Self::Id,
            (Some(Self::Entry | Self::Deletion), "timestamp") => Self::Timestamp,
            (Some(Self::Entry), "classification") => Self::Classification,
            (Some(Self::Entry), "fingerprints") => Self::Fingerprints,
            (Some(Self::Fingerprints), "md5") => Self::Digest(Algorithm::Md5),
            (Some(Self::Fingerprints), "sha1") => Self::Digest(Algorithm::Sha1),
            (Some(Self::Fingerprints), "sha256") => Self::Digest(Algorithm::Sha256),
            (Some(Self::Fingerprints), "pdq") => Self::Pdq,
            _ => Self::Other,
        }
    }

    const fn has_text(self) -> bool {
        matches!(self, Self::Id | Self::Timestamp | Self::Classification | Self::Digest(_) | Self::Pdq)
    }
}

/// What is known of an entry while it is read.
#[derive(Default)]
struct Entry {
    member: String,
    id: String,
    category: String,
    digests: Digests,
    pdq: Option<Pdq>,
    unreadable: bool,
}

struct Page<'s> {
    sink: &'s mut dyn Sink,
    open: Vec<Element>,
    /// Whether the outermost element has ended.
    over: bool,
    entry: Entry,
    text: String,
    too_long: bool,
    /// Entries and deletions so far.
    entries: u64,
}

impl<'s> Page<'s> {
    fn new(sink: &'s mut dyn Sink) -> Self {
        Self {
            sink,
            open: Vec::new(),
            over: false,
            entry: Entry::default(),
            text: String::new(),
            too_long: false,
            entries: 0,
        }
    }

    /// Takes what comes next; false at the end. `ours`: whether an element is of the namespace of the format.
    fn event(&mut self, ours: bool, event: Event<'_>) -> std::result::Result<bool, Stop> {
        match event {
            Event::Start(tag) => self.start(ours, &tag)?,
            Event::Empty(tag) => {
                self.start(ours, &tag)?;
                self.end();
            }
            Event::End(_) => self.end(),
            Event::Text(text) => self.add(&text)?,
            Event::CData(text) => self.add(&text)?,
            Event::GeneralRef(reference) => self.reference(&reference)?,
            Event::DocType(_) => {
                return Err(Stop::Malformed(
                    "a document type declaration, which is not read; remove it".into(),
                ));
            }
            Event::Eof if self.over => return Ok(false),
            Event::Eof => return Err(Stop::Ended),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
        }
        Ok(true)
    }

    fn start(&mut self, ours: bool, tag: &BytesStart<'_>) -> std::result::Result<(), Stop> {
        if self.over {
            return Err(Stop::Malformed("a second element behind the outermost one".into()));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(Stop::Malformed(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let parent = self.open.last().copied();
        let name = tag.local_name();
        let element = if ours { Element::named(parent, name.as_ref()) } else { Element::Other };
        if parent.is_none() && element != Element::Result {
            return Err(Stop::Malformed(format!(
                "expected the element queryResult of {NAMESPACE}, found {} of another version or kind",
                excerpt(tag.name().as_ref().as_bytes())
            )));
        }
        match element {
            Element::Entries => {
                if let Some(date) = tag.try_get_attribute("maxTimestamp")? {
                    self.sink.date(&date.value);
                }
            }
            Element::Entry | Element::Deletion => {
                self.entries = self.entries.saturating_add(1);
                self.entry = Entry::default();
            }
            Element::Member => {
                if let Some(id) = tag.try_get_attribute("id")? {
                    let id = unescape(&id.value)?;
                    if id.len() > MAX_TEXT {
                        return Err(Stop::Malformed("the id of a member is longer than 1 KiB".into()));
                    }
                    self.entry.member = id.into_owned();
                }
            }
            _ => {}
        }
        if element.has_text() {
            self.text.clear();
            self.too_long = false;
        }
        self.open.push(element);
        Ok(())
    }

    fn add(&mut self, text: &str) -> std::result::Result<(), Stop> {
        match self.open.last() {
            None if text.trim().is_empty() => {}
            None => return Err(Stop::Malformed("text outside the outermost element".into())),
            Some(element) if element.has_text() => {
                let room = MAX_TEXT.saturating_sub(self.text.len());
                let part = text.get(..text.floor_char_boundary(room)).unwrap_or_default();
                self.too_long |= part.len() < text.len();
                self.text.push_str(part);
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> std::result::Result<(), Stop> {
        if let Some(character) = reference.resolve_char_ref()? {
            return self.add(character.encode_utf8(&mut [0; 4]));
        }
        match resolve_predefined_entity(reference) {
            Some(text) => self.add(text),
            None => Err(Stop::Malformed("an entity that is not of XML itself; none can be declared".into())),
        }
    }

    fn end(&mut self) {
        let Some(element) = self.open.pop() else { return };
        self.over = self.open.is_empty();
        let text = take(&mut self.text);
        let value = text.trim();
        match element {
            // Its start may be that of another.
            Element::Id if self.too_long => self.reject("an id longer than 1 KiB", ""),
            Element::Id => value.clone_into(&mut self.entry.id),
            Element::Timestamp => self.sink.date(value),
            Element::Classification => value.clone_into(&mut self.entry.category),
            Element::Digest(_) | Element::Pdq if value.is_empty() => {}
            Element::Digest(kind) => self.digest(kind, value),
            Element::Pdq => match Pdq::from_hex(value) {
                Some(pdq) if self.entry.pdq.is_none() && !self.too_long => self.entry.pdq = Some(pdq),
                _ => self.reject("not 64 hexadecimal digits of one PDQ hash", value),
            },
            Element::Entry => self.entry(),
            Element::Deletion => self.deletion(),
            _ => {}
        }
        // Its room serves the next one.
        self.text = text;
    }

    fn digest(&mut self, kind: Algorithm, digits: &str) {
        let digest = text::digest(digits.as_bytes()).filter(|digest| digest.algorithm() == kind);
        let first = self.entry.digests.iter().all(|known| known.algorithm() != kind);
        match digest {
            Some(digest) if first && !self.too_long => self.entry.digests.set(digest),
            Some(_) => self.reject(&format!("a second digest of kind {kind} in one entry"), digits),
            None => self.reject(&format!("not the hexadecimal digits of {kind}"), digits),
        }
    }

    fn reject(&mut self, reason: &str, text: &str) {
        self.entry.unreadable = true;
        self.sink.reject(Place::Record(self.entries), reason, text.as_bytes());
    }

    fn entry(&mut self) {
        let entry = take(&mut self.entry);
        let key = key(&entry);
        if entry.unreadable && entry.digests.is_empty() && entry.pdq.is_none() {
            // What an earlier page says of it is out of date all the same.
            return self.sink.withdraw(&key);
        }
        let record = Record {
            digests: entry.digests,
            pdq: entry.pdq,
            category: Some(entry.category.as_str()).filter(|category| !category.is_empty()),
            ..Record::default()
        };
        if entry.id.is_empty() {
            self.sink
                .remark("entries without an id: no later page can replace them or take them back".into());
            self.sink.record(record);
        } else {
            self.sink.update(&key, record);
        }
    }

    fn deletion(&mut self) {
        let entry = take(&mut self.entry);
        if entry.id.is_empty() {
            self.sink.reject(Place::Record(self.entries), "a deletion without an id", b"");
        } else {
            self.sink.withdraw(&key(&entry));
        }
    }
}

/// By which an entry is known: the member that gave it and the id that it has there.
fn key(entry: &Entry) -> Vec<u8> {
    [entry.member.as_bytes(), b"\0", entry.id.as_bytes()].concat()
}
