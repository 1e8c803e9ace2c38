//! Lists in gzip or zip, which are read through and never unpacked to disk.
//!
//! A list is a stream: however much comes out, no more than a buffer of it is held.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use zip::ZipArchive;
use zip::result::ZipError;

use super::error::excerpt;
use super::formats::{self, Format};
use super::{Error, Place, Result};

/// Bytes that are unpacked at once.
const BUFFER: usize = 256 * 1024;
/// Most members of a zip: each is looked into.
const MAX_MEMBERS: u64 = 1000;
/// Most bytes of a zip that are read to find its members.
const MAX_DIRECTORY: u64 = 4 << 20;
/// Most members that a message names.
const NAMED: usize = 10;

/// What may be around a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// RFC 1952, also several members one behind the other.
    Gzip,
    /// PKWARE's, stored or deflated.
    Zip,
}

impl Packing {
    /// What a file with these first bytes is packed in.
    pub fn of(head: &[u8]) -> Option<Self> {
        if head.starts_with(b"\x1f\x8b") {
            Some(Self::Gzip)
        } else if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
            Some(Self::Zip)
        } else {
            None
        }
    }

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zip => "zip",
        }
    }
}

/// Gives what is in gzip to `read` and checks all of it, also what `read` leaves.
pub fn gzip<T>(
    list: &str,
    packed: impl BufRead,
    read: impl FnOnce(&mut dyn BufRead) -> Result<T>,
) -> Result<T> {
    through(list, Packing::Gzip, MultiGzDecoder::new(packed), read)
}

/// A zip in a file.
pub type Archive = ZipArchive<Counted>;

/// The member of a zip that is a list.
#[derive(Debug)]
pub struct Member {
    index: usize,
    /// Which one it is and which others were passed over.
    pub remark: String,
}

/// Opens a zip and finds the one member that is a list, by its first bytes.
pub fn choose<'f>(
    list: &str,
    path: Option<&Path>,
    format: impl Fn(&[u8]) -> Result<&'f dyn Format>,
) -> Result<(Archive, Member)> {
    let Some(path) = path else {
        return Err(Error::unready(list, "a zip must be a file by itself; unpack it first"));
    };
    let mut file = File::open(path).map_err(|error| Error::io(list, error))?;
    if claimed(&mut file).map_err(|error| Error::io(list, error))? > MAX_MEMBERS {
        let reason = format!("a zip of more than {MAX_MEMBERS} members; unpack it first");
        return Err(Error::unready(list, reason));
    }
    let left = Rc::new(Cell::new(MAX_DIRECTORY));
    let counted = Counted { file: BufReader::new(file), left: left.clone() };
    let mut archive = ZipArchive::new(counted).map_err(|error| unreadable(list, &error))?;
    left.set(u64::MAX);
    if archive.has_duplicate_names() {
        return Err(Error::unready(list, "a zip with two members of the same name; unpack it first"));
    }
    let (mut lists, mut others, mut readable) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..archive.len() {
        let name = archive.by_index_data(index).map(|member| excerpt(member.name_raw())).unwrap_or_default();
        match looked_into(&mut archive, index) {
            Ok(None) => {}
            Ok(Some(head)) => {
                readable.push((index, name.clone()));
                let packed = Packing::of(&head).is_some();
                match format(&head) {
                    Err(Error::Unrecognised { .. } | Error::Unready { .. }) if !packed => others.push(name),
                    _ => lists.push((index, name)),
                }
            }
            Err(reason) => others.push(format!("{name} ({reason})")),
        }
    }
    if lists.is_empty() && readable.len() == 1 && others.len() == 1 {
        // Whatever it is: reading it says what it is not.
        (lists, others) = (readable, Vec::new());
    }
    match lists.as_slice() {
        [(index, name)] => {
            let mut remark = format!("read from member {name} of the zip");
            if !others.is_empty() {
                remark = format!("{remark}; passed over: {}", named(&others));
            }
            Ok((archive, Member { index: *index, remark }))
        }
        [] if others.is_empty() => {
            Err(Error::unready(list, "a zip without a file in it; give the list itself"))
        }
        [] => {
            let reason = format!(
                "no member of the zip is a list in a known format: {}; unpack it and give the list itself",
                named(&others)
            );
            Err(Error::unready(list, reason))
        }
        several => {
            let several: Vec<String> = several.iter().map(|(_, name)| name.clone()).collect();
            let reason = format!(
                "several members of the zip may be lists: {}; unpack it and give each that is meant",
                named(&several)
            );
            Err(Error::unready(list, reason))
        }
    }
}

/// How many members the ends of directories in a zip claim at most, because that much is allocated for them.
fn claimed(file: &mut File) -> io::Result<u64> {
    const TAIL: u64 = 66_000;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.by_ref().take(TAIL).read_to_end(&mut tail)?;
    file.seek(SeekFrom::Start(0))?;
    let most = (0..tail.len()).filter_map(|at| {
        let rest = tail.get(at..)?;
        if rest.starts_with(b"PK\x05\x06") {
            // All ones stand for the count of the larger record, which lies before it.
            let count = u64::from(u16::from_le_bytes(*rest.get(10..)?.first_chunk()?));
            (count != u64::from(u16::MAX)).then_some(count)
        } else if rest.starts_with(b"PK\x06\x06") {
            Some(u64::from_le_bytes(*rest.get(32..)?.first_chunk()?))
        } else {
            None
        }
    });
    Ok(most.max().unwrap_or(0))
}

/// Gives a member of a zip to `read` and checks all of it, also what `read` leaves.
pub fn zip<T>(
    list: &str,
    archive: &mut Archive,
    member: &Member,
    read: impl FnOnce(&mut dyn BufRead) -> Result<T>,
) -> Result<T> {
    let unpacked = archive.by_index(member.index).map_err(|error| unreadable(list, &error))?;
    through(list, Packing::Zip, unpacked, read)
}

fn named(members: &[String]) -> String {
    let shown = members.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match members.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The first bytes of a member; `None` for a folder.
fn looked_into(archive: &mut Archive, index: usize) -> std::result::Result<Option<Vec<u8>>, String> {
    if let Ok(member) = archive.by_index_data(index) {
        if member.is_dir() {
            return Ok(None);
        }
        if member.encrypted() {
            return Err("encrypted".into());
        }
    }
    let member = archive.by_index(index).map_err(|error| reason(&error))?;
    let head = formats::head(&mut BufReader::new(member)).map_err(|error| format!("damaged: {error}"))?;
    Ok(Some(head))
}

fn reason(error: &ZipError) -> String {
    match error {
        ZipError::CompressionMethodNotSupported(method) => {
            format!("compressed by method {method}, which is not read")
        }
        ZipError::UnsupportedArchive(what) => (*what).to_owned(),
        other => format!("damaged: {other}"),
    }
}

fn unreadable(list: &str, error: &ZipError) -> Error {
    match error {
        ZipError::Io(error) if error.raw_os_error().is_some() => {
            Error::io(list, io::Error::new(error.kind(), error.to_string()))
        }
        ZipError::Io(_) | ZipError::InvalidArchive(_) => Error::truncated(
            list,
            format_args!("a zip whose directory, at its end, is missing, damaged or too large ({error})"),
        ),
        other => Error::unready(
            list,
            format_args!("a zip that cannot be read here ({}); unpack it first", reason(other)),
        ),
    }
}

/// Gives what a decoder makes to `read`; then reads on to the end, where the check sum stands.
fn through<T>(
    list: &str,
    packing: Packing,
    decoder: impl Read,
    read: impl FnOnce(&mut dyn BufRead) -> Result<T>,
) -> Result<T> {
    let watched = Watched { decoder, unpacked: 0, failure: None };
    let mut unpacked = BufReader::with_capacity(BUFFER, watched);
    let outcome = read(&mut unpacked).and_then(|read| {
        io::copy(&mut unpacked, &mut io::sink()).map_err(|error| Error::io(list, error))?;
        Ok(read)
    });
    let Watched { unpacked: at, failure, .. } = unpacked.into_inner();
    // Whatever the format made of it: what it read was not the list.
    match failure {
        None => outcome,
        Some((io::ErrorKind::UnexpectedEof, _)) => {
            let reason = format!("its {} ends in the middle, behind {at} unpacked bytes", packing.name());
            Err(Error::truncated(list, reason))
        }
        Some((_, what)) => Err(Error::malformed(
            list,
            Place::Unpacked(at),
            format_args!("damaged {} data: {what}", packing.name()),
        )),
    }
}

/// Remembers how unpacking failed, because formats know only that reading did.
struct Watched<R> {
    decoder: R,
    unpacked: u64,
    failure: Option<(io::ErrorKind, String)>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.decoder.read(buffer) {
            Ok(read) => {
                self.unpacked = self.unpacked.saturating_add(crate::read::size(read));
                Ok(read)
            }
            Err(error) => {
                let of_data =
                    [io::ErrorKind::UnexpectedEof, io::ErrorKind::InvalidData, io::ErrorKind::InvalidInput];
                if error.raw_os_error().is_none() && of_data.contains(&error.kind()) {
                    self.failure.get_or_insert_with(|| (error.kind(), error.to_string()));
                }
                Err(error)
            }
        }
    }
}

/// A file of which a limited number of bytes is read while the members of a zip are listed: memory goes with them.
#[derive(Debug)]
pub struct Counted {
    file: BufReader<File>,
    left: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        match self.left.get().checked_sub(crate::read::size(read)) {
            Some(left) => self.left.set(left),
            None => return Err(io::Error::new(io::ErrorKind::InvalidData, "more than 4 MiB")),
        }
        Ok(read)
    }
}

impl Seek for Counted {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
    }
}

#[cfg(test)]
mod tests;
