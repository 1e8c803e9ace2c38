//! Every allocated file of every variant: as it went in, and as The Sleuth Kit reads it.

use std::io::{Read, Seek, SeekFrom, Write};

use super::*;

/// Names of variants with the options that make them, and their size in KiB.
const VARIANTS: &[(&str, &str, u64)] = &[
    ("ext2 1k", "-t ext2 -b 1024", 9_000),
    ("ext2 old", "-t ext2 -b 1024 -r 0", 9_000),
    ("ext2 2k", "-t ext2 -b 2048", 9_000),
    ("ext3 1k", "-t ext3 -b 1024 -J size=1", 10_000),
    ("ext3 4k", "-t ext3 -b 4096 -J size=4", 16_000),
    ("ext4 1k", "-t ext4 -b 1024", 12_000),
    ("ext4 2k", "-t ext4 -b 2048", 12_000),
    ("ext4 4k", "-t ext4 -b 4096", 12_000),
    ("ext4 64k", "-t ext4 -b 65536 -O ^has_journal", 64_000),
    ("ext4 inline", "-t ext4 -b 1024 -I 256 -O inline_data", 12_000),
    ("ext4 inline 1024", "-t ext4 -b 4096 -I 1024 -O inline_data", 12_000),
    ("ext4 pointers", "-t ext4 -b 1024 -O ^extent,^64bit", 12_000),
    ("ext4 bigalloc", "-t ext4 -b 1024 -O bigalloc -C 16384", 12_000),
    ("ext4 bigalloc 4k", "-t ext4 -b 4096 -O bigalloc -C 65536", 48_000),
    ("ext4 meta_bg", "-t ext4 -b 1024 -O meta_bg,^resize_inode -g 1024", 12_000),
    ("ext4 uninit_bg", "-t ext4 -b 1024 -O uninit_bg,^metadata_csum,^64bit", 12_000),
    ("ext4 no flex_bg", "-t ext4 -b 1024 -O ^flex_bg,^metadata_csum", 12_000),
    ("ext4 sparse_super2", "-t ext4 -b 1024 -O sparse_super2,^resize_inode -g 2048", 12_000),
    ("ext4 small inodes", "-t ext4 -b 1024 -I 128", 12_000),
    ("ext4 csum_seed", "-t ext4 -b 1024 -O metadata_csum_seed", 12_000),
];

/// Fills a folder with what file systems find hard, and says what is in each file.
fn fill(root: &Path) -> BTreeMap<String, (u64, String)> {
    let mut paths = Vec::new();
    let mut put = |path: String, content: &[u8]| {
        let place = root.join(&path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, content).unwrap();
        paths.push(path);
    };
    for (seed, size) in
        [0, 1, 59, 60, 61, 100, 150, 160, 700, 1023, 1024, 1025, 4096, 70_000, 600_000].iter().enumerate()
    {
        put(format!("sizes/of {size} bytes.bin"), &bytes(seed as u64, *size));
    }
    for number in 0..300 {
        put(format!("many/IMG_{number:05}_with_a_rather_long_name.jpg"), &bytes(number + 1000, 10));
    }
    put("d/".repeat(40) + "deep.txt", b"deep");
    put("unicode \u{30cd}\u{30b3} \u{202e}gpj.exe".into(), b"name");
    // Every other block is a hole: too many extents for an inode.
    let holes: Vec<(u64, usize)> = (0..120).map(|n| (n * 8192, 1024)).collect();
    put_sparse(&root.join("holes.bin"), &holes);
    paths.push("holes.bin".into());
    std::fs::hard_link(root.join("sizes/of 4096 bytes.bin"), root.join("second name")).unwrap();
    paths.push("second name".into());
    std::os::unix::fs::symlink("sizes", root.join("short link")).unwrap();
    std::os::unix::fs::symlink("x".repeat(300), root.join("long link")).unwrap();
    let digest = |path: String| {
        let content = std::fs::read(root.join(&path)).unwrap();
        (path, (content.len() as u64, md5(&content)))
    };
    paths.into_iter().map(digest).collect()
}

fn put_sparse(path: &Path, pieces: &[(u64, usize)]) {
    let mut file = std::fs::File::create(path).unwrap();
    for (offset, length) in pieces {
        file.seek(SeekFrom::Start(*offset)).unwrap();
        file.write_all(&bytes(offset + 7, *length)).unwrap();
    }
}

#[test]
fn content_behind_the_reach_of_a_doubly_indirect_block_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let pieces = [(0, 3000), (20 << 20, 5000), (75 << 20, 5000)];
    put_sparse(&root.join("far.bin"), &pieces);
    let path = folder.path().join("image");
    for options in ["-t ext2 -b 1024", "-t ext4 -b 1024"] {
        let Some(()) = make(&path, options, 8000, &root) else { return };
        let image = Image::survey(&Ext, std::fs::read(&path).unwrap()).unwrap();
        assert!(image.problems.is_empty(), "{options}: {:#?}", image.problems);
        let far = image.find("far.bin");
        let content = Pieces::new(Arc::clone(&image.source), &far.runs, far.size);
        assert_eq!(far.size, (75 << 20) + 5000, "{options}");
        for (offset, length) in pieces {
            assert_eq!(content.read_vec(offset, length).unwrap(), bytes(offset + 7, length), "{options}");
        }
        let held: u64 = far.runs.iter().filter(|run| !run.is_hole()).map(|run| run.length).sum();
        assert!(held < 20_000, "{options}: {held} bytes are not holes");
    }
}

#[test]
fn every_variant_gives_back_what_went_in_and_what_the_sleuth_kit_reads() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let expected = fill(&root);
    for (name, options, kib) in VARIANTS {
        let path = folder.path().join("image");
        let Some(()) = make(&path, options, *kib, &root) else { return };
        let content = std::fs::read(&path).unwrap();
        assert_eq!(Ext.probe(&Memory(&content)), Confidence::Strong, "{name}");
        let image = Image::survey(&Ext, content).unwrap();
        assert!(image.problems.is_empty(), "{name}: {:#?}", image.problems);
        assert_eq!(image.digests(EntryState::Allocated), expected, "{name}");
        assert_eq!(image.filesystem.variant(), name[..4], "{name}");
        let linked = (image.find("second name"), image.find("sizes/of 4096 bytes.bin"));
        assert_eq!(linked.0.record, linked.1.record);
        assert_eq!(image.find("short link").kind, EntryKind::Symlink);
        let long = image.find("long link");
        let place = if name.contains("inline 1024") { Content::Lost } else { Content::Runs };
        assert_eq!((long.size, long.content), (300, place), "{name}");
        assert_eq!(image.find("lost+found").kind, EntryKind::Directory);
        let others: Vec<_> = image.entries.iter().filter(|e| e.state != EntryState::Allocated).collect();
        assert!(others.is_empty(), "{name}: {others:#?}");
        // The Sleuth Kit 4.11 does not recognise a file system of clusters.
        if !name.contains("bigalloc") {
            compare_live(name, &path, &image);
        }
    }
}

/// Compares with a run of `fiwalk`; whatever it says is deleted must be listed too.
fn compare_live(name: &str, path: &Path, image: &Image) {
    let Some(xml) = run("fiwalk", &["-x", path.to_str().unwrap()]) else { return };
    compare(name, &String::from_utf8_lossy(&xml), image);
}

fn compare(name: &str, xml: &str, image: &Image) {
    let found = image.digests(EntryState::Allocated);
    let expected = dfxml(xml);
    assert!(!expected.is_empty(), "{name}");
    let allocated = image.entries.iter().filter(|entry| entry.state == EntryState::Allocated);
    let by_path: BTreeMap<&str, &Listed> = allocated.map(|entry| (entry.path.as_str(), entry)).collect();
    let mut compared = 0;
    for file in expected.iter().filter(|file| file.allocated) {
        // fiwalk shows names that are not text by escapes: such an entry is found by its inode.
        let entry = match file.path.contains("\\x") {
            true => image.entries.iter().find(|entry| entry.record == file.inode),
            false => by_path.get(file.path.as_str()).copied(),
        };
        let entry = entry.unwrap_or_else(|| panic!("{name}: {file:?} is not listed"));
        assert_eq!((entry.record, entry.size), (file.inode, file.size), "{name}: {file:?}");
        for (ours, theirs) in entry.times.iter().zip(&file.times).filter(|(_, theirs)| theirs.is_some()) {
            assert_eq!(ours, theirs, "{name}: {file:?}");
        }
        let digested = file.file && entry.content.is_had() && file.size <= MAX_DIGESTED;
        if let (true, Some(md5)) = (digested, &file.md5) {
            assert_eq!(found.get(&file.path), Some(&(file.size, md5.clone())), "{name}: {file:?}");
            compared += 1;
        }
    }
    let mut removed = 0;
    // The Sleuth Kit takes entries of a hash tree for removed names (seen in test_disk_ext3).
    for file in expected.iter().filter(|file| !file.allocated && !file.path.contains("\\x")) {
        let mut others = image.entries.iter().filter(|entry| entry.state != EntryState::Allocated);
        assert!(others.any(|entry| entry.path == file.path), "{name}: {file:?}");
        removed += 1;
    }
    eprintln!("{name}: {compared} of {} files with equal digests, {removed} deleted entries", expected.len());
}

#[test]
fn the_images_of_other_projects_are_read_as_the_oracle_reads_them() {
    let oracle = |name: &str| {
        let mut xml = String::new();
        let file = std::fs::File::open(shared(name)?).unwrap();
        flate2::read::GzDecoder::new(file).read_to_string(&mut xml).unwrap();
        Some(xml)
    };
    let split =
        ["000", "001"].map(|part| shared(&format!("testdata/filesystems/dfvfs/ext2.splitraw.{part}")));
    if let ([Some(one), Some(two)], Some(xml)) = (split, oracle("testdata/oracle/dfvfs-ext2-E01.dfxml.gz")) {
        let content = [std::fs::read(one).unwrap(), std::fs::read(two).unwrap()].concat();
        let image = Image::survey(&Ext, content).unwrap();
        compare("dfvfs ext2", &xml, &image);
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["test_disk1", "test_disk_4k_block_journal", "test_disk_ext2", "test_disk_ext3"] {
        let Some(packed) = shared(&format!("testdata/filesystems/ext4-view/{name}.bin.zst")) else { return };
        let path = folder.path().join(name);
        let arguments = ["-q", "-d", packed.to_str().unwrap(), "-o", path.to_str().unwrap()];
        let Some(_) = run("zstd", &arguments) else { return };
        let image = Image::survey(&Ext, std::fs::read(&path).unwrap()).unwrap();
        eprintln!("{name}: {} entries, problems {:?}", image.entries.len(), image.problems);
        match oracle("testdata/oracle/ext4view-disk1.dfxml.gz").filter(|_| name == "test_disk1") {
            Some(xml) => compare(name, &xml, &image),
            // fiwalk takes a minute for a large file of pointers.
            None if name == "test_disk_ext2" => compare_with_debugfs(&path, &image),
            None => compare_live(name, &path, &image),
        }
    }
}

fn compare_with_debugfs(path: &Path, image: &Image) {
    for file in image.entries.iter().filter(|entry| entry.kind == EntryKind::File) {
        let request = format!("cat <{}>", file.record);
        let Some(content) = run("debugfs", &["-R", &request, path.to_str().unwrap()]) else { return };
        let found = &image.digests(EntryState::Allocated)[&file.path];
        assert_eq!(*found, (content.len() as u64, md5(&content)), "{}", file.path);
    }
}

#[test]
fn hostile_names_and_sizes_are_listed_as_stored() {
    let Some(packed) = shared("testdata/hostile/hostile_names.ext4.img.gz") else { return };
    let mut content = Vec::new();
    let file = std::fs::File::open(packed).unwrap();
    flate2::read::GzDecoder::new(file).read_to_end(&mut content).unwrap();
    let image = Image::survey(&Ext, content).unwrap();
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    let names: Vec<Vec<u8>> = image.table.iter().map(|entry| entry.name().to_vec()).collect();
    let hostile: [&[u8]; 6] = [
        b"new\nline.jpg",
        b"esc\x1b[2J\x1b]0;pwned\x07.jpg",
        b"inv\xff\xfe\xe9alid.jpg",
        b" ",
        b"-rf",
        b"{\"json\":1}",
    ];
    for name in hostile {
        assert!(names.iter().any(|found| found == name), "{name:?}");
    }
    let sparse = image.find("sparse1T.bin");
    assert_eq!((sparse.size, sparse.runs.as_slice()), (1 << 40, &[Run::hole(1 << 40)][..]));
    assert!(image.entries.iter().any(|entry| entry.path.ends_with("d/d/d/deep.txt")));
    let hello =
        image.digests(EntryState::Allocated).values().filter(|(_, hash)| *hash == md5(b"hello")).count();
    assert!(hello > 20, "{hello}");
}
