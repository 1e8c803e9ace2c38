//! The same image through this reader and others.

use super::*;
use crate::filesystem::trial::{compare_allocated, dfxml, md5, shared};
use crate::model::{EntryKind, EntryState};

/// Paths at which 7-Zip shows a moved directory instead of where Rock Ridge says that it is.
const MOVED: &[(&str, &str)] = &[
    ("rr_moved/", "7-Zip lists moved directories where they were moved to"),
    ("one/two/three/four/five/six/seven/eight", "7-Zip lists the mark of a moved directory as a file"),
];

/// Paths that genisoimage leaves out because they lie too deep.
const TOO_DEEP: &[(&str, &str)] =
    &[("one/two/three/four/five/six/seven/eight", "not in the image: too deep")];

#[test]
fn images_with_long_names_hold_what_went_in() {
    let expected = walk(folder().path());
    for (options, explained) in [
        ("-R", &[][..]),
        ("-J -R", &[]),
        ("-R -D -iso-level 3", &[]),
        ("-R -U -f", &[]),
        ("-R -J -udf", &[]),
        ("-J -joliet-long", TOO_DEEP),
        ("-J", TOO_DEEP),
        ("-J -D", &[]),
    ] {
        let Some(bytes) = genisoimage(options) else { return };
        let image = survey(bytes.clone());
        assert!(image.problems.is_empty(), "{options}: {:#?}", image.problems);
        assert_eq!(image.filesystem.label(), "A LABEL");
        assert_eq!(compare_allocated(&image, &expected, explained), expected.len());
        if let Some(theirs) = extracted(&bytes, "bsdtar", &[]) {
            compare_allocated(&image, &theirs, &[]);
        }
        if let Some(theirs) = extracted(&bytes, "7z", if options.contains("udf") { &["-tiso"] } else { &[] })
        {
            compare_allocated(&image, &theirs, MOVED);
        }
    }
}

#[test]
fn images_with_short_names_are_read_as_other_readers_do() {
    let options =
        ["", "-D", "-iso-level 1 -D", "-iso-level 2", "-iso-level 3 -D", "-iso-level 4 -D", "-U -D"];
    for options in
        options.iter().chain(&["-allow-multidot -allow-lowercase -relaxed-filenames -D", "-d -N -l -D"])
    {
        let Some(bytes) = genisoimage(options) else { return };
        let image = survey(bytes.clone());
        assert!(image.problems.is_empty(), "{options}: {:#?}", image.problems);
        // What is compared are names as bytes, which other tools turn into text each in its own way.
        let explained = [("GR", "not ASCII"), ("Gr", "not ASCII"), ("gr", "not ASCII")];
        if let Some(theirs) = extracted(&bytes, "bsdtar", &[]) {
            assert!(compare_allocated(&image, &theirs, &explained) > 120, "{options}");
        }
        let (_folder, path) = on_disk(&bytes);
        // fiwalk 4.11 waits for itself for ever on a volume whose enhanced tree is the primary one.
        if options.contains("level 4") {
            continue;
        }
        let Some(xml) = run("fiwalk", &["-x", path.to_str().unwrap()]) else { continue };
        let theirs = dfxml(&String::from_utf8_lossy(&xml))
            .into_iter()
            .filter(|theirs| theirs.file && theirs.allocated);
        let theirs = theirs.filter(|theirs| !theirs.path.contains("$Orphan"));
        let theirs = theirs
            .map(|theirs| (theirs.path, (theirs.size, theirs.md5.unwrap_or_else(|| md5(b"")))))
            .collect();
        compare_allocated(&image, &theirs, &explained);
    }
}

#[test]
fn the_test_data_are_read_as_the_sleuth_kit_does() {
    let (Some(path), Some(oracle)) =
        (shared("testdata/filesystems/dfvfs/iso9660.raw"), shared("testdata/oracle/dfvfs-iso9660.dfxml.gz"))
    else {
        return;
    };
    let Some(xml) = run("gzip", &["-dc", oracle.to_str().unwrap()]) else { return };
    let theirs = dfxml(&String::from_utf8_lossy(&xml));
    let image = survey(fs::read(path).unwrap());
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    // The Sleuth Kit shows names without Rock Ridge.
    let plain = |path: &str| path.to_uppercase().replace(['+', '-', ' '], "_");
    let ours: BTreeMap<String, (u64, String)> = image
        .digests(EntryState::Allocated)
        .into_iter()
        .map(|(path, digest)| (plain(&path), digest))
        .collect();
    let mut files = 0;
    for theirs in theirs.iter().filter(|theirs| theirs.file) {
        assert_eq!(
            ours.get(&theirs.path),
            Some(&(theirs.size, theirs.md5.clone().unwrap())),
            "{}",
            theirs.path
        );
        files += 1;
    }
    let listed: Vec<_> = image.entries.iter().filter(|entry| entry.kind == EntryKind::File).collect();
    assert_eq!((files, listed.len()), (3, 3), "{listed:?}");
}

#[test]
fn xorriso_writes_what_is_read() {
    let input = folder();
    let expected = walk(input.path());
    for options in
        [&["-J"][..], &["-joliet", "on", "-compliance", "joliet_long_paths"], &["-rockridge", "on"]]
    {
        let target = tempfile::tempdir().unwrap();
        let path = target.path().join("x.iso");
        let native = ["-outdev", path.to_str().unwrap(), "-map", input.path().to_str().unwrap(), "/"];
        let mkisofs =
            ["-as", "mkisofs", "-quiet", "-r", "-o", path.to_str().unwrap(), input.path().to_str().unwrap()];
        let arguments = match options {
            ["-J"] => [&mkisofs[..], options].concat(),
            _ => [options, &native[..]].concat(),
        };
        if run("xorriso", &arguments).is_none() {
            return;
        }
        let image = survey(fs::read(&path).unwrap());
        assert!(image.problems.is_empty(), "{options:?}: {:#?}", image.problems);
        assert_eq!(compare_allocated(&image, &expected, &[]), expected.len());
    }
}
