//! Other tools as second opinions, and the test data beside the project.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::{Image, md5};
use crate::model::{EntryKind, EntryState};

/// A folder beside the project with test data, if there is one.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found =
        ["../shared", "../../shared"].iter().map(|up| root.join(up).join(path)).find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: {path} is not there");
    }
    found
}

/// A packed file beside the project as text.
pub fn unpacked(path: &str) -> Option<String> {
    let mut text = String::new();
    let file = std::fs::File::open(shared(path)?).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    Some(text)
}

/// The output of a tool; `None`, said aloud, when the tool is missing.
pub fn run(tool: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let output = output(tool, arguments)?;
    assert!(output.status.success(), "{tool} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

/// The output of a tool that may not do its work everywhere; `None`, said aloud, when it does not.
pub fn attempt(tool: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let output = output(tool, arguments)?;
    if !output.status.success() {
        eprintln!("skipped: {tool} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    Some(output.stdout)
}

fn output(tool: &str, arguments: &[&str]) -> Option<Output> {
    let sbin = ["/usr/sbin", "/sbin"]
        .map(|folder| Path::new(folder).join(tool))
        .into_iter()
        .find(|path| path.exists());
    let program = sbin.unwrap_or_else(|| tool.into());
    let mut command = Command::new(program);
    command.args(arguments).env("TZ", "UTC").env("MTOOLS_SKIP_CHECK", "1").stdin(Stdio::null());
    command.output().inspect_err(|error| eprintln!("skipped: {tool}: {error}")).ok()
}

/// A mounted image; unmounted at the end whatever happens.
pub struct Mount(pub PathBuf);

impl Mount {
    /// Mounts an image beside itself; `None`, said aloud, where that is not allowed or not supported.
    pub fn new(kind: &str, image: &Path, options: &str) -> Option<Self> {
        let place = image.with_extension("mounted");
        std::fs::create_dir_all(&place).unwrap();
        let options = format!("loop,{options}");
        let options = options.trim_end_matches(',');
        let why =
            match Command::new("mount").args(["-t", kind, "-o", options]).arg(image).arg(&place).output() {
                Ok(output) if output.status.success() => return Some(Self(place)),
                Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
                Err(error) => error.to_string(),
            };
        eprintln!("skipped: mount: {}", why.lines().next().unwrap_or_default());
        None
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.0).status().is_ok_and(|status| status.success());
        if !unmounted {
            let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        }
    }
}

/// Size and MD5 of every regular file below a folder, by path from it: what a kernel, or another driver, mounts there.
pub fn walk(root: &Path) -> BTreeMap<String, (u64, String)> {
    let files = walkdir::WalkDir::new(root).into_iter().map(Result::unwrap);
    let regular = files.filter(|entry| entry.file_type().is_file());
    let digest = |entry: walkdir::DirEntry| {
        let content = std::fs::read(entry.path()).unwrap();
        let path = entry.path().strip_prefix(root).unwrap().to_string_lossy().into_owned();
        (path, (content.len() as u64, md5(&content)))
    };
    regular.map(digest).collect()
}

/// Compares every allocated file of an image, by path, size and MD5, with what another tool says.
///
/// `explained` gives paths that differ, each with the reason.
pub fn compare_allocated(
    image: &Image,
    expected: &BTreeMap<String, (u64, String)>,
    explained: &[(&str, &str)],
) -> usize {
    let listed = image.digests(EntryState::Allocated);
    let is_explained =
        |path: &str| explained.iter().any(|(start, why)| path.starts_with(start) && why.len() > 10);
    let mut differences = Vec::new();
    for (path, theirs) in expected.iter().filter(|(path, _)| !is_explained(path)) {
        match listed.get(path) {
            Some(ours) if ours == theirs => {}
            ours => differences.push(format!("{path}: expected {theirs:?}, found {ours:?}")),
        }
    }
    let files =
        image.entries.iter().filter(|e| e.kind == EntryKind::File && e.state == EntryState::Allocated);
    let only_here = files.filter(|e| !expected.contains_key(&e.path) && !is_explained(&e.path));
    differences.extend(only_here.map(|entry| format!("{}: only here", entry.path)));
    assert!(
        differences.is_empty(),
        "{} differences: {:#?}",
        differences.len(),
        &differences[..differences.len().min(20)]
    );
    expected.len()
}

/// A file of a DFXML listing.
#[derive(Debug)]
pub struct Expected {
    pub path: String,
    pub inode: u64,
    pub size: u64,
    pub allocated: bool,
    pub file: bool,
    pub md5: Option<String>,
    pub times: [Option<String>; 4],
}

/// Reads what `fiwalk` writes, without `.` and `..` and its virtual entries.
pub fn dfxml(xml: &str) -> Vec<Expected> {
    let field = |object: &str, name: &str| {
        // Time stamps may state their precision.
        let (_, rest) = [format!("<{name}>"), format!("<{name} prec=")]
            .iter()
            .find_map(|start| object.split_once(start.as_str()))?;
        let rest =
            rest.strip_prefix('"').and_then(|rest| rest.split_once('>')).map_or(rest, |(_, rest)| rest);
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
