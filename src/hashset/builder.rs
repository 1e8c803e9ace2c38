//! Compiles hash lists into one set.

use std::fs::File;
use std::io::{self, BufRead, Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::ahead::ahead;
use super::collect::Collection;
use super::collector::Collector;
use super::formats::{self, Format, Input, Record, Sink, Stated};
use super::unpack::{self, Packing};
use super::{Error, Profile, Result, image};
use crate::model::{Digest, Digests, Role};
use crate::read::Confidence;

/// Takes lists one after the other and makes an image of them.
///
/// The image depends on what the lists hold, their names, and what is stated of the set; not on the order of lists or
/// records.
#[derive(Debug)]
pub struct Builder {
    label: image::Label,
    force_role: bool,
    with_text: bool,
    stated: Stated,
    collection: Collection,
}

impl Builder {
    /// A set without lists, held in memory. Role and profile are the operator's statement; neither is guessed.
    pub fn new(name: &str, role: Role, profile: Profile) -> Self {
        Self::with_scratch(name, role, profile, None)
    }

    /// A set that may be greater than memory: what is too much is written to nameless files in the folder.
    pub fn with_scratch(name: &str, role: Role, profile: Profile, scratch: Option<PathBuf>) -> Self {
        let label = image::Label::new(name, role, profile);
        let collection = Collection::new(scratch);
        Self { label, force_role: false, with_text: false, stated: Stated::default(), collection }
    }

    /// What is stated of the set besides name, role and profile.
    pub const fn label(&mut self) -> &mut image::Label {
        &mut self.label
    }

    /// Says whether this is the demonstration set.
    #[must_use]
    pub const fn demonstration(mut self, demonstration: bool) -> Self {
        self.label.demonstration = demonstration;
        self
    }

    /// Takes lists also when their own categories contradict the role.
    #[must_use]
    pub const fn force_role(mut self, force: bool) -> Self {
        self.force_role = force;
        self
    }

    /// What the operator says of the lists that follow.
    #[must_use]
    pub fn stated(mut self, stated: Stated) -> Self {
        self.stated = stated;
        self
    }

    /// Keeps free text of lists, which may name victims, for a lab's export.
    #[must_use]
    pub const fn with_text(mut self, with_text: bool) -> Self {
        self.with_text = with_text;
        self
    }

    /// Imports a file in whichever format it is. Its name in the set is the file name without folders.
    ///
    /// A list that is refused leaves nothing in the set.
    pub fn add_file(&mut self, path: &Path) -> Result<()> {
        self.add_list(&file_name(path), &[path], None)
    }

    /// Imports files as one list: later ones may replace or take back what earlier ones hold. `format` settles what
    /// is ambiguous. See [`Self::add_file`].
    pub fn add_list(
        &mut self,
        name: &str,
        files: &[impl AsRef<Path>],
        format: Option<&dyn Format>,
    ) -> Result<()> {
        self.list(name, |importing| {
            files.iter().try_for_each(|path| {
                let path = path.as_ref();
                let file = File::open(path).map_err(|error| Error::io(&path.to_string_lossy(), error))?;
                importing.read(&file_name(path), file, Some(path), format)
            })
        })
    }

    /// Imports a list from anything that can be read; see [`Self::add_file`].
    pub fn add_reader(&mut self, list_name: &str, input: impl Read + Send) -> Result<()> {
        self.add_reader_as(list_name, input, None)
    }

    /// Imports a list in a stated format from anything that can be read.
    pub fn add_reader_as(
        &mut self,
        list_name: &str,
        input: impl Read + Send,
        format: Option<&dyn Format>,
    ) -> Result<()> {
        self.list(list_name, |importing| importing.read(list_name, input, None, format))
    }

    /// Takes digests that are no file: given on the command line, or of the control file. The digest of the list is
    /// that of the values in hexadecimal, one a line.
    pub fn add_digests(&mut self, list_name: &str, digests: &[Digest]) -> Result<()> {
        self.list(list_name, |importing| {
            let mut text = Sha256::new();
            for digest in digests {
                let mut one = Digests::default();
                one.set(*digest);
                importing.collector.record(Record { digests: one, ..Record::default() });
                text.update(format!("{digest}\n"));
            }
            importing.collector.file(list_name, "digests", None, hex::encode(text.finalize()));
            Ok(())
        })
    }

    fn list(&mut self, name: &str, import: impl FnOnce(&mut Importing<'_, '_>) -> Result<()>) -> Result<()> {
        let collector = Collector::new(&mut self.collection, name, self.label.role, self.with_text);
        let mut importing = Importing { collector, stated: &self.stated };
        let read = import(&mut importing);
        let Importing { mut collector, .. } = importing;
        let objection = read.err().or_else(|| collector.objection(self.force_role));
        if let Some(error) = objection {
            collector.abandon();
            return Err(error);
        }
        collector.finish().map_err(|source| Error::Scratch { source })
    }

    /// Compiles the image in memory, which [`super::KnownSet::open`] takes.
    pub fn finish(self) -> Result<Vec<u8>> {
        let mut image = Cursor::new(Vec::new());
        self.finish_into(&mut image)?;
        Ok(image.into_inner())
    }

    /// Writes the image, from its first byte on. It is no image until this has returned.
    pub fn finish_into(self, out: &mut (impl Write + Seek)) -> Result<image::Built> {
        image::compile(self.label, self.collection, out)
    }
}

/// A list while it is read.
struct Importing<'b, 'c> {
    collector: Collector<'c>,
    stated: &'b Stated,
}

impl Importing<'_, '_> {
    fn read(
        &mut self,
        file_name: &str,
        input: impl Read + Send,
        path: Option<&Path>,
        format: Option<&dyn Format>,
    ) -> Result<()> {
        let list = self.collector.name().to_owned();
        let failed = |error| Error::io(&list, error);
        // A pipe has a name too, but cannot be opened a second time.
        let path = path.filter(|path| path.is_file());
        let taken = ahead(input, failed, |input| {
            let head = formats::head(input).map_err(failed)?;
            let mut whole = head.as_slice().chain(input);
            let packing = Packing::of(&head);
            let format = match packing {
                None => self.list(&head, &mut whole, path, format)?,
                Some(Packing::Gzip) => {
                    unpack::gzip(&list, &mut whole, |unpacked| self.unpacked(unpacked, format))?
                }
                Some(Packing::Zip) => {
                    let (mut archive, member) =
                        unpack::choose(&list, path, |head| self.member(head, format))?;
                    self.collector.remark(member.remark.clone());
                    unpack::zip(&list, &mut archive, &member, |unpacked| self.unpacked(unpacked, format))?
                }
            };
            // What a format leaves unread is still part of the list whose digest is stated.
            io::copy(&mut whole, &mut io::sink()).map_err(failed)?;
            Ok((format, packing))
        });
        let ((format, packing), sha256) = taken?;
        self.collector.file(file_name, format.name(), packing.map(Packing::name), sha256);
        Ok(())
    }

    /// The format of a list with these first bytes.
    fn format<'f>(&self, head: &[u8], stated: Option<&'f dyn Format>) -> Result<&'f dyn Format> {
        match stated {
            Some(stated) => Ok(stated),
            None => formats::detect(self.collector.name(), head, self.stated),
        }
    }

    /// The same for one member of several: only one of the stated format is meant.
    fn member<'f>(&self, head: &[u8], stated: Option<&'f dyn Format>) -> Result<&'f dyn Format> {
        match stated {
            Some(format) if format.probe(head) == Confidence::No => {
                Err(Error::unready(self.collector.name(), format_args!("not of format {}", format.name())))
            }
            stated => self.format(head, stated),
        }
    }

    fn list<'f>(
        &mut self,
        head: &[u8],
        mut bytes: &mut dyn BufRead,
        path: Option<&Path>,
        format: Option<&'f dyn Format>,
    ) -> Result<&'f dyn Format> {
        let format = self.format(head, format)?;
        self.collector.begin(format.zero_is_benign());
        format.read(Input { bytes: &mut bytes, path, stated: self.stated }, &mut self.collector)?;
        Ok(format)
    }

    /// Reads what came out of gzip or zip.
    fn unpacked<'f>(
        &mut self,
        bytes: &mut dyn BufRead,
        format: Option<&'f dyn Format>,
    ) -> Result<&'f dyn Format> {
        let name = self.collector.name().to_owned();
        let head = formats::head(bytes).map_err(|error| Error::io(&name, error))?;
        if let Some(inner) = Packing::of(&head) {
            return Err(Error::unready(
                &name,
                format_args!("it is packed twice, in {} inside; unpack it once first", inner.name()),
            ));
        }
        self.list(&head, &mut head.as_slice().chain(bytes), None, format)
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
