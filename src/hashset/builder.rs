//! Compiles hash lists into one set.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::collect::{Collection, Collector};
use super::formats::{self, Format, Record, Sink};
use super::{Error, Profile, Result, image};
use crate::model::{Digest, Digests, ListSummary, Role};

/// Bytes of a list that are read at once.
const BUFFER: usize = 256 * 1024;

/// Takes lists one after the other and makes an image of them.
///
/// The image depends on the lists, their order, the name, role, profile and flags, and on nothing else.
#[derive(Debug)]
pub struct Builder {
    name: String,
    role: Role,
    profile: Profile,
    demonstration: bool,
    force_role: bool,
    collection: Collection,
}

impl Builder {
    /// A set without lists. Role and profile are the operator's statement; neither is guessed from a list.
    pub fn new(name: &str, role: Role, profile: Profile) -> Self {
        let collection = Collection::default();
        Self { name: name.to_owned(), role, profile, demonstration: false, force_role: false, collection }
    }

    /// Says whether this is the demonstration set.
    #[must_use]
    pub const fn demonstration(mut self, demonstration: bool) -> Self {
        self.demonstration = demonstration;
        self
    }

    /// Takes lists also when their own categories contradict the role.
    #[must_use]
    pub const fn force_role(mut self, force: bool) -> Self {
        self.force_role = force;
        self
    }

    /// Imports a file in whichever format it is. Its name in the set is the file name without folders.
    ///
    /// A list that is refused leaves nothing in the set.
    pub fn add_file(&mut self, path: &Path) -> Result<ListSummary> {
        self.add_file_as(path, None)
    }

    /// Imports a file in a stated format, which settles an ambiguous one; see [`Self::add_file`].
    pub fn add_file_as(&mut self, path: &Path, format: Option<&dyn Format>) -> Result<ListSummary> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let file = File::open(path).map_err(|error| Error::io(&path.to_string_lossy(), error))?;
        self.add_reader_as(&name, file, format)
    }

    /// Imports a list from anything that can be read; see [`Self::add_file`].
    pub fn add_reader(&mut self, list_name: &str, input: impl Read) -> Result<ListSummary> {
        self.add_reader_as(list_name, input, None)
    }

    /// Imports a list in a stated format from anything that can be read; see [`Self::add_file_as`].
    pub fn add_reader_as(
        &mut self,
        list_name: &str,
        input: impl Read,
        format: Option<&dyn Format>,
    ) -> Result<ListSummary> {
        let mut input = BufReader::with_capacity(BUFFER, Hashing { input, digest: Sha256::new() });
        let failed = |error| Error::io(list_name, error);
        let mut head = Vec::new();
        input.by_ref().take(crate::read::size(formats::HEAD)).read_to_end(&mut head).map_err(failed)?;
        let format = match format {
            Some(stated) => stated,
            None => formats::detect(list_name, &head)?,
        };
        let mut collector = Collector::new(&mut self.collection, list_name);
        let mut whole = head.as_slice().chain(&mut input);
        let read = format
            .read(&mut whole, &mut collector)
            // What a format leaves unread is still part of the list whose digest is stated.
            .and_then(|()| drain(&mut whole).map_err(failed));
        let objection = match read {
            Err(error) => Some(error),
            Ok(()) => collector.objection(self.role, format.zero_is_benign() && !self.force_role),
        };
        if let Some(error) = objection {
            collector.abandon();
            return Err(error);
        }
        let sha256 = hex::encode(input.into_inner().digest.finalize());
        Ok(collector.finish(format.name(), sha256))
    }

    /// Takes digests that are no file: given on the command line, or of the control file. The digest of the list is
    /// that of the values in hexadecimal, one a line.
    pub fn add_digests(&mut self, list_name: &str, digests: &[Digest]) -> ListSummary {
        let mut collector = Collector::new(&mut self.collection, list_name);
        let mut text = Sha256::new();
        for digest in digests {
            let mut record = Digests::default();
            record.set(*digest);
            collector.record(Record { digests: record, category: None, size: None });
            text.update(format!("{digest}\n"));
        }
        collector.finish("digests", hex::encode(text.finalize()))
    }

    /// Compiles the image, which [`super::KnownSet::open`] takes.
    pub fn finish(self) -> Result<Vec<u8>> {
        let Self { name, role, profile, demonstration, collection, .. } = self;
        image::compile(image::Label { name, role, profile, demonstration }, collection)
    }
}

fn drain(input: &mut dyn BufRead) -> io::Result<()> {
    io::copy(input, &mut io::sink()).map(drop)
}

/// Digests what passes through.
struct Hashing<R> {
    input: R,
    digest: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.digest.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}
