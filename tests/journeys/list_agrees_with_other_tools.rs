//! `onscene list` against what The Sleuth Kit's `fiwalk` said of the same images.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::kit::{Kit, has, shared};

/// One file as the second tool lists it.
#[derive(Debug, Default, Clone)]
struct Expected {
    path: String,
    size: u64,
    md5: Option<String>,
    sha1: Option<String>,
    inode: u64,
    allocated: bool,
    kind: String,
}

/// Image, its oracle, and names of the oracle that are no files of the volume.
const IMAGES: [(&str, &str); 15] = [
    ("dfvfs/ext2.E01", "dfvfs-ext2-E01"),
    ("dfvfs/ext2.split.E01", "dfvfs-ext2-E01"),
    ("dfvfs/ext2.splitraw.000", "dfvfs-ext2-E01"),
    ("dfvfs/ext2.qcow2", "dfvfs-ext2-E01"),
    ("dfvfs/ext2.vhd", "dfvfs-ext2-E01"),
    ("dfvfs/ext2.vmdk", "dfvfs-ext2-E01"),
    ("dfvfs/hfsplus.raw", "dfvfs-hfsplus"),
    ("dfvfs/iso9660.raw", "dfvfs-iso9660"),
    ("go-exfat/test.exfat", "goexfat"),
    ("ntfs-colinfinck/testfs1", "ntfs-colinfinck-testfs1"),
    ("rust-fatfs/fat12.img", "rustfatfs-fat12"),
    ("rust-fatfs/fat16.img", "rustfatfs-fat16"),
    ("ext4-view/test_disk1.bin.zst", "ext4view-disk1"),
    ("ext4-view/test_disk_ext2.bin.zst", ""),
    ("ext4-view/test_disk_ext3.bin.zst", ""),
];

/// Differences that are meant: image, beginning of the path, and why.
const EXPLAINED: [(&str, &str, &str); 3] = [
    (
        "test_disk1.bin",
        "encrypted_dir/",
        "the file is encrypted: the other tool digests the cipher text and escapes the name, we digest nothing",
    ),
    (
        "test_disk_ext3.bin",
        "medium_dir/\\x01",
        "no deleted entry: the other tool takes the root of the directory's hash tree (version 2, length 8) for one",
    ),
    (
        "testfs1",
        "$OrphanFiles/OrphanFile-",
        "no deleted entries: records 16 to 23 of the MFT, which a formatter reserves, without name, content or time",
    ),
];

#[test]
fn every_allocated_file_has_the_same_path_size_and_digest_and_no_deleted_entry_is_missing() {
    let Some(folder) = shared("testdata") else { return };
    for (image, oracle) in IMAGES {
        let kit = Kit::new();
        let Some(image) = unpacked(&kit, &folder.join("filesystems").join(image)) else { continue };
        let Some(dfxml) = oracle_of(&image, oracle, &folder) else { continue };
        let expected = parse(&dfxml);
        assert!(
            expected.iter().any(|file| file.md5.is_some()),
            "{}: an oracle without files",
            image.display()
        );
        let done = kit.run([
            "list".as_ref(),
            image.as_os_str(),
            "--digest".as_ref(),
            "md5,sha1".as_ref(),
            "--format".as_ref(),
            "jsonl".as_ref(),
        ]);
        assert!(done.code == 0 || done.code == 2, "{}: {}", image.display(), done.stderr);
        let listed: Vec<Value> =
            done.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        compare(&image, &expected, &listed);
    }
}

fn compare(image: &Path, expected: &[Expected], listed: &[Value]) {
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let ours: BTreeMap<String, &Value> = listed
        .iter()
        // The second tool lists no stream beside the main one, and its own names for structures.
        .filter(|entry| entry["kind"] == "file" && entry["state"] == "allocated" && entry["stream"] == 0)
        .filter(|entry| !is_made_up(&text(entry, "path")))
        .map(|entry| (text(entry, "path"), entry))
        .collect();
    let mut files = 0;
    let mut differences = Vec::new();
    let mut explained = BTreeSet::new();
    for file in expected.iter().filter(|file| file.allocated && file.kind == "r" && !is_made_up(&file.path)) {
        files += 1;
        if let Some((_, _, why)) =
            EXPLAINED.iter().find(|(name, path, _)| image.ends_with(name) && file.path.starts_with(path))
        {
            let ours =
                listed.iter().find(|entry| entry["record"] == file.inode && entry["size"] == file.size);
            assert!(ours.is_some_and(|entry| entry["md5"].is_null()), "{file:?}: {why}");
            explained.extend(ours.map(|entry| text(entry, "path")));
            continue;
        }
        let Some(found) = ours.get(&file.path) else {
            differences.push(format!("missing: {file:?}"));
            continue;
        };
        let same =
            |field: &str, theirs: &Option<String>| theirs.as_ref().is_none_or(|t| *t == text(found, field));
        if found["size"] != file.size || !same("md5", &file.md5) || !same("sha1", &file.sha1) {
            differences.push(format!("differs: {file:?}: {found}"));
        }
    }
    let theirs: BTreeSet<&str> =
        expected.iter().filter(|f| f.allocated && f.kind == "r").map(|f| f.path.as_str()).collect();
    differences.extend(
        ours.keys()
            .filter(|path| !theirs.contains(path.as_str()) && !explained.contains(path.as_str()))
            .map(|path| format!("only here: {path}")),
    );
    assert!(differences.is_empty(), "{}: {:#?}", image.display(), &differences[..differences.len().min(20)]);

    let deleted: Vec<&Expected> =
        expected.iter().filter(|file| !file.allocated && !is_made_up(&file.path)).collect();
    let gone: Vec<&Value> = listed.iter().filter(|entry| entry["state"] != "allocated").collect();
    let meant = |file: &Expected| {
        EXPLAINED.iter().any(|(name, path, _)| image.ends_with(name) && file.path.starts_with(path))
    };
    let missing: Vec<_> = deleted
        .iter()
        .filter(|file| !meant(file))
        .filter(|file| {
            let named = |entry: &&&Value| text(entry, "path") == file.path;
            let numbered = |entry: &&&Value| entry["record"] == file.inode;
            !gone.iter().any(|entry| named(&entry) || numbered(&entry))
        })
        .collect();
    assert!(missing.is_empty(), "{}: deleted entries that are not listed: {missing:#?}", image.display());
    eprintln!(
        "{}: {files} files agree, {} of {} deleted entries",
        image.display(),
        gone.len(),
        deleted.len()
    );
}

/// Entries that the second tool makes up or that are structures of the file system: the label entry of FAT, `$MBR`,
/// `$FAT1`, `$OrphanFiles`.
fn is_made_up(path: &str) -> bool {
    path.starts_with('$') && !path.starts_with("$OrphanFiles/") || path.ends_with("(Volume Label Entry)")
}

/// The image itself, or a decompressed copy.
fn unpacked(kit: &Kit, image: &Path) -> Option<PathBuf> {
    if image.extension().is_none_or(|ending| ending != "zst") {
        return Some(image.to_owned());
    }
    if !has("zstd") {
        return None;
    }
    let plain = kit.path(&image.file_stem().unwrap().to_string_lossy());
    let status = std::process::Command::new("zstd")
        .args(["-q", "-d"])
        .arg(image)
        .arg("-o")
        .arg(&plain)
        .status()
        .unwrap();
    assert!(status.success());
    Some(plain)
}

/// What the second tool said when the test data were made, or says now.
fn oracle_of(image: &Path, oracle: &str, folder: &Path) -> Option<String> {
    if !oracle.is_empty() {
        let file = std::fs::File::open(folder.join(format!("oracle/{oracle}.dfxml.gz"))).unwrap();
        return Some(std::io::read_to_string(flate2::read::GzDecoder::new(file)).unwrap());
    }
    if !has("fiwalk") {
        return None;
    }
    let output = std::process::Command::new("fiwalk").args(["-x"]).arg(image).output().unwrap();
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Enough of DFXML: one element a line, as fiwalk writes it.
fn parse(dfxml: &str) -> Vec<Expected> {
    let mut files = Vec::new();
    for object in dfxml.split("<fileobject>").skip(1) {
        let object = object.split("</fileobject>").next().unwrap();
        // The parent has an inode too.
        let own = object.split("</parent_object>").last().unwrap();
        let field = |name: &str| {
            let rest = own.split(&format!("<{name}>")).nth(1)?;
            Some(unescape(rest.split('<').next()?))
        };
        let digest = |kind: &str| {
            Some(own.split(&format!("<hashdigest type='{kind}'>")).nth(1)?.split('<').next()?.to_owned())
        };
        let path = field("filename").unwrap_or_default();
        if path.ends_with("/.") || path.ends_with("/..") || path == "." || path == ".." {
            continue;
        }
        files.push(Expected {
            path,
            size: field("filesize").and_then(|size| size.parse().ok()).unwrap_or(0),
            md5: digest("md5"),
            sha1: digest("sha1"),
            inode: field("inode").and_then(|inode| inode.parse().ok()).unwrap_or(0),
            allocated: field("unalloc").is_none(),
            kind: field("name_type").unwrap_or_default(),
        });
    }
    files
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}
