//! Every allocated file of every variant: as it went in, and as The Sleuth Kit reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use super::*;
use crate::filesystem::trial::{Expected, compare_allocated, dfxml, md5, shared};
use crate::model::{Content, EntryKind, EntryState, Run};

/// Names of variants with the options that make them, their size in KiB, and how far apart pieces of a file with holes are.
const VARIANTS: &[(&str, &str, u64, u64)] = &[
    ("sectors 512, clusters 4096", "-s 512 -c 4096", 24_000, 16_384),
    ("sectors 512, clusters 512", "-s 512 -c 512", 16_000, 16_384),
    ("sectors 4096, clusters 4096", "-s 4096 -c 4096", 40_000, 16_384),
    ("clusters 65536", "-c 65536", 100_000, 262_144),
];

/// Paths that The Sleuth Kit gives otherwise, and why. Named streams fiwalk does not list: `icat` reads them. Times that were never set, as those of `$MFT`, it shows as 2076.
const EXPLAINED: &[(&str, &str)] = &[
    ("$BadClus:$Bad", "a hole as large as the volume; only clusters that are marked bad are listed here"),
    ("$Secure", "it has no main stream; fiwalk gives it the content of its stream $SDS"),
];

#[test]
fn every_variant_gives_back_what_went_in_and_what_the_sleuth_kit_reads() {
    for (name, options, kib, step) in VARIANTS {
        let mut expected = BTreeMap::new();
        let Some(made) = Made::new(options, *kib, |root| expected = fill::fill(root, *step)) else { return };
        let content = made.bytes();
        assert_eq!(Ntfs.probe(&crate::read::Memory(&content)), Confidence::Strong, "{name}");
        let image = survey(content);
        assert!(image.problems.is_empty(), "{name}: {:#?}", image.problems);
        let system = [("$", "the file system's own files"), ("a link", "its content is its target")];
        let compared = compare_allocated(&image, &expected, &system);
        assert_eq!(
            (image.filesystem.variant(), image.filesystem.label()),
            ("NTFS 3.1".into(), "Proben".into())
        );
        links_and_streams(&image);
        // Larger clusters are not compressed.
        let text = image.find("compressed/text");
        let held: u64 = text.runs.iter().filter(|run| !run.is_hole()).map(|run| run.length).sum();
        let packed = text.content == Content::Opened && held < text.size / 2;
        assert_eq!(packed, *step < 20_000, "{name}: {text:?}");
        assert!(image.entries.iter().all(|entry| entry.state == EntryState::Allocated), "{name}");
        eprintln!("{name}: {compared} files and streams as they went in");
        if let Some(xml) = run("fiwalk", &["-x", made.path.to_str().unwrap()]) {
            compare(name, &String::from_utf8_lossy(&xml), &image, &expected);
            compare_streams(name, &made.path, &image);
        }
    }
}

fn links_and_streams(image: &Image) {
    let linked: Vec<_> = image.entries.iter().filter(|entry| entry.path.starts_with("linked/")).collect();
    let records: BTreeSet<_> = linked.iter().map(|entry| (entry.record, entry.stream)).collect();
    assert_eq!((linked.len(), records.len()), (41, 1));
    let number = |path: &str| image.find(path).stream;
    assert_eq!(number("with streams.txt"), 0);
    let streams = ["large", "small", "\u{e9}t\u{e9}"].map(|name| number(&format!("with streams.txt:{name}")));
    assert_eq!(streams, [1, 2, 3]);
    assert_eq!(image.find("sizes/of 1 bytes.bin").content, Content::Opened);
    let fragmented = image.find("fragmented.bin");
    assert!(fragmented.runs.iter().any(|run| run.is_hole()) && fragmented.runs.len() > 80);
    let parent = image.find("a directory");
    assert_eq!(
        (parent.kind, image.find("a directory:of its own").record),
        (EntryKind::Directory, parent.record)
    );
}

/// Compares with a run of `fiwalk`: every allocated file by path, record, size, digest and times.
fn compare(name: &str, xml: &str, image: &Image, known: &BTreeMap<String, (u64, String)>) {
    let found = image.digests(EntryState::Allocated);
    let expected = dfxml(xml);
    let explained = |path: &str| EXPLAINED.iter().any(|(own, _)| path == *own);
    let by_path: BTreeMap<&str, _> = image.entries.iter().map(|entry| (entry.path.as_str(), entry)).collect();
    let (mut compared, mut differences) = (0, Vec::new());
    let chosen = |file: &&Expected| file.allocated && file.file && !explained(&file.path);
    for file in expected.iter().filter(chosen) {
        let Some(entry) = by_path.get(file.path.as_str()) else {
            differences.push(format!("{}: not listed", file.path));
            continue;
        };
        let never = Some("1601-01-01T00:00:00".to_owned());
        let mut times = entry.times.iter().zip(&file.times);
        let times = times.all(|(ours, theirs)| theirs.is_none() || ours == theirs || *ours == never);
        let same = entry.record == file.inode && entry.size == file.size && times;
        let digest = file.md5.as_ref().map(|md5| (file.size, md5.clone()));
        let digest = digest.is_none() || found.get(&file.path) == digest.as_ref();
        if !same || !digest {
            differences.push(format!(
                "{file:?} {entry:?} {:?} {:?}",
                found.get(&file.path),
                known.get(&file.path)
            ));
        }
        compared += 1;
    }
    assert!(differences.is_empty(), "{name}: {} {differences:#?}", differences.len());
    let theirs: BTreeSet<&str> = expected.iter().map(|file| file.path.as_str()).collect();
    let files =
        image.entries.iter().filter(|e| e.kind == EntryKind::File && e.state == EntryState::Allocated);
    let only_here: Vec<_> =
        files.filter(|e| e.stream == 0 && !theirs.contains(e.path.as_str()) && !explained(&e.path)).collect();
    assert!(only_here.is_empty(), "{name}: {only_here:#?}");
    eprintln!("{name}: {compared} files as The Sleuth Kit reads them");
}

/// Compares every named stream, by path and digest, with `fls` and `icat`.
fn compare_streams(name: &str, path: &Path, image: &Image) {
    let path = path.to_str().unwrap();
    let Some(listing) = run("fls", &["-rp", path]) else { return };
    let listing = String::from_utf8_lossy(&listing).into_owned();
    let found = image.digests(EntryState::Allocated);
    let mut compared = BTreeSet::new();
    for line in listing.lines() {
        let (front, stream) = line.split_once('\t').unwrap();
        // A stream of a directory is shown as one of the directory's own dot.
        let stream = stream.replace("/.:", ":");
        let address = front.trim_end_matches(':').rsplit(' ').next().unwrap();
        let explained = EXPLAINED.iter().any(|(own, _)| stream == *own);
        if !stream.contains(':') || !address.contains("-128-") || explained {
            continue;
        }
        let content = run("icat", &[path, address]).unwrap();
        assert_eq!(found.get(&stream), Some(&(content.len() as u64, md5(&content))), "{name}: {line}");
        compared.insert(stream);
    }
    let ours = image.entries.iter().filter(|entry| entry.stream > 0 && entry.path != "$BadClus:$Bad").count();
    assert_eq!(compared.len(), ours, "{name}: {listing}");
    eprintln!("{name}: {} named streams as The Sleuth Kit reads them", compared.len());
}

#[test]
fn the_image_of_another_project_is_read_as_the_oracle_reads_it() {
    let Some(path) = shared("testdata/filesystems/ntfs-colinfinck/testfs1") else { return };
    let Some(packed) = shared("testdata/oracle/ntfs-colinfinck-testfs1.dfxml.gz") else { return };
    let mut xml = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(packed).unwrap()).read_to_string(&mut xml).unwrap();
    let image = survey(std::fs::read(&path).unwrap());
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    assert_eq!(image.filesystem.label(), "mylabel");
    compare("testfs1", &xml, &image, &BTreeMap::new());
    compare_streams("testfs1", &path, &image);
    let subdirectories = image.entries.iter().filter(|entry| entry.path.starts_with("many_subdirs/"));
    assert_eq!(subdirectories.count(), 512);
    assert_eq!(image.find("empty-file").times[0].as_deref(), Some("2021-01-01T12:37:00"));
}

#[test]
fn clusters_of_two_mebibytes_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let Some(()) = make(&path, "-c 2097152", 2 << 20) else { return };
    let content = crate::filesystem::trial::bytes(5, 5_000_000);
    let Some(mounted) = Mounted::new(&path) else { return };
    std::fs::write(mounted.root().join("large"), &content).unwrap();
    drop(mounted);
    let image = Image::of(&Ntfs, Arc::new(OnDisk(std::fs::File::open(&path).unwrap()))).unwrap();
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    let large = image.find("large");
    assert_eq!(large.runs.iter().map(|run: &Run| run.length).sum::<u64>(), 5_000_000);
    let at = image.entries.iter().position(|entry| entry.path == "large").unwrap();
    assert_eq!(md5(&image.bytes(at)), md5(&content));
}

/// A volume too large for memory.
struct OnDisk(std::fs::File);

impl ReadAt for OnDisk {
    fn size(&self) -> u64 {
        self.0.metadata().unwrap().len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::result::Result<usize, crate::read::Unreadable> {
        Ok(std::os::unix::fs::FileExt::read_at(&self.0, buffer, offset).unwrap())
    }
}
