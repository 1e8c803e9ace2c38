//! Whole images: made with e2fsprogs, compared with what went in and with The Sleuth Kit, then damaged.

mod damage;
mod deleted;
mod differential;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use md5::{Digest, Md5};

use super::*;
use crate::model::{Content, EntryKind, EntryState, EntryTable, ProblemKind, Run, SurveyEnd};
use crate::read::{Pieces, Unreadable};

/// Files that are longer are not digested in tests.
const MAX_DIGESTED: u64 = 200 << 20;

/// An entry as a test looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    path: String,
    record: u64,
    kind: EntryKind,
    state: EntryState,
    content: Content,
    size: u64,
    runs: Vec<Run>,
    /// Modified, accessed, changed, created, to the second.
    times: [Option<String>; 4],
}

/// A survey and what it was made of.
struct Image {
    source: Arc<dyn ReadAt>,
    filesystem: Volume,
    table: EntryTable,
    entries: Vec<Listed>,
    metadata: Vec<Extent>,
    problems: Vec<Problem>,
}

impl Image {
    fn survey(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self> {
        Self::of(Arc::new(Memory(bytes)))
    }

    fn of(source: Arc<dyn ReadAt>) -> Result<Self> {
        let filesystem = Volume::open(Arc::clone(&source))?;
        let mut table = EntryTable::default();
        let mut survey = Survey::new(0, 0, &mut table);
        filesystem.survey(&mut survey)?;
        let SurveyEnd { metadata, problems, .. } = survey.finish();
        let listed = |entry: FileEntry<'_>| Listed {
            path: entry.path().lossy().into_owned(),
            record: entry.record(),
            kind: entry.kind(),
            state: entry.state(),
            content: entry.content(),
            size: entry.size(),
            runs: entry.runs().to_vec(),
            times: {
                let times = filesystem.times().decode(entry.times());
                [times.modified, times.accessed, times.changed, times.created]
                    .map(|stamp| stamp?.utc.map(|utc| utc[..19].to_owned()))
            },
        };
        let entries: Vec<Listed> = table.iter().map(listed).collect();
        for entry in entries.iter().filter(|e| e.content == Content::Runs && e.kind != EntryKind::Other) {
            let covered: u64 = entry.runs.iter().map(|run| run.length).fold(0, u64::saturating_add);
            assert!(covered >= entry.size || entry.kind == EntryKind::Directory, "{entry:?}");
        }
        let apart = metadata.windows(2).all(|pair| pair[0].end() <= pair[1].offset);
        assert!(apart && metadata.last().is_none_or(|last| last.end() <= source.size()));
        Ok(Self { source, filesystem, table, entries, metadata, problems })
    }

    /// MD5 of each file in the state, by path.
    fn digests(&self, state: EntryState) -> BTreeMap<String, (u64, String)> {
        let chosen = self.entries.iter().enumerate();
        chosen
            .filter(|(_, e)| e.kind == EntryKind::File && e.state == state && e.content.is_had())
            .filter(|(_, e)| e.size <= MAX_DIGESTED)
            .map(|(at, entry)| (entry.path.clone(), (entry.size, md5(&self.bytes(at)))))
            .collect()
    }

    fn bytes(&self, at: usize) -> Vec<u8> {
        let entry = self.table.get(u32::try_from(at).unwrap()).unwrap();
        let length = usize::try_from(entry.size()).unwrap();
        match entry.content() {
            Content::Opened => {
                let stream = Filesystem::open(&self.filesystem, entry).unwrap();
                assert_eq!(stream.size(), entry.size());
                stream.read_vec(0, length).unwrap()
            }
            _ => {
                Pieces::new(Arc::clone(&self.source), entry.runs(), entry.size()).read_vec(0, length).unwrap()
            }
        }
    }

    fn find(&self, path: &str) -> &Listed {
        let found = self.entries.iter().find(|entry| entry.path == path);
        found.unwrap_or_else(|| panic!("{path} is not listed: {:#?}", self.problems))
    }

    fn problem(&self, kind: ProblemKind, words: &str) -> &Problem {
        let found =
            self.problems.iter().find(|problem| problem.kind == kind && problem.detail.contains(words));
        found.unwrap_or_else(|| panic!("no {kind:?} with {words:?} in {:#?}", self.problems))
    }
}

fn md5(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

/// A folder beside the project with test data, if there is one.
fn shared(path: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found =
        ["../shared", "../../shared"].iter().map(|up| root.join(up).join(path)).find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: {path} is not there");
    }
    found
}

/// The output of a tool; `None`, said aloud, when the tool is missing.
fn run(tool: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let sbin = ["/usr/sbin", "/sbin"]
        .map(|folder| Path::new(folder).join(tool))
        .into_iter()
        .find(|path| path.exists());
    let program = sbin.unwrap_or_else(|| tool.into());
    match Command::new(program).args(arguments).stdin(Stdio::null()).output() {
        Ok(output) => {
            assert!(
                output.status.success(),
                "{tool} {arguments:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            Some(output.stdout)
        }
        Err(error) => {
            eprintln!("skipped: {tool}: {error}");
            None
        }
    }
}

/// An image made by `mke2fs` with those options of that many KiB from a folder.
fn make(image: &Path, options: &str, kib: u64, folder: &Path) -> Option<()> {
    // Into a fresh file each time: discarding what was there takes long.
    let _ = std::fs::remove_file(image);
    let (image, folder, kib) = (image.to_str()?, folder.to_str()?, format!("{kib}k"));
    let mut arguments = vec!["-q", "-F", "-E", "root_owner=0:0", "-d", folder];
    arguments.extend(options.split_whitespace());
    arguments.extend([image, &kib]);
    run("mke2fs", &arguments).map(|_| ())
}

/// Runs commands of `debugfs` that write to an image.
fn debugfs(image: &Path, commands: &[String]) -> Option<()> {
    let script = image.with_extension("cmd");
    std::fs::write(&script, commands.join("\n")).unwrap();
    run("debugfs", &["-w", "-f", script.to_str()?, image.to_str()?]).map(|_| ())
}

/// Bytes that differ from file to file and from place to place.
fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| random.next().to_le_bytes()).collect();
    bytes.truncate(length);
    bytes
}

/// A small generator (xorshift), so that runs can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

/// A file of a DFXML listing.
#[derive(Debug)]
struct Expected {
    path: String,
    inode: u64,
    size: u64,
    allocated: bool,
    file: bool,
    md5: Option<String>,
    times: [Option<String>; 4],
}

/// Reads what `fiwalk` writes, without `.` and `..` and its virtual entries.
fn dfxml(xml: &str) -> Vec<Expected> {
    let field = |object: &str, name: &str| {
        let (_, rest) = object.split_once(&format!("<{name}>"))?;
        let text = rest.split_once("</")?.0;
        Some(text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&"))
    };
    let number =
        |object: &str, name: &str| field(object, name).and_then(|text| text.parse().ok()).unwrap_or(0);
    let objects = xml.split("<fileobject>").skip(1).map(|rest| {
        // The parent's inode stands before the file's own.
        let object = rest.split_once("</parent_object>").map_or(rest, |(_, object)| object);
        let hash = object.split_once("type='md5'>").and_then(|(_, rest)| rest.split_once('<'));
        Expected {
            path: field(object, "filename").unwrap_or_default(),
            inode: number(object, "inode"),
            size: number(object, "filesize"),
            allocated: object.contains("<alloc>1")
                || object.contains("<alloc_name>1") && !object.contains("<alloc_name>0"),
            file: number(object, "meta_type") == 1,
            md5: hash.map(|(hash, _)| hash.to_owned()),
            times: ["mtime", "atime", "ctime", "crtime"]
                .map(|name| field(object, name).map(|text| text[..19].to_owned())),
        }
    });
    let virtual_entry = |path: &str| path.starts_with("$OrphanFiles") && !path.contains('/');
    objects
        .filter(|e| !matches!(e.path.rsplit('/').next(), Some("." | "..")) && !virtual_entry(&e.path))
        .collect()
}
