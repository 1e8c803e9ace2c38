//! What few discs have: hidden files, moved and lost directories, sections, compression, sessions.

use std::os::unix::fs::symlink;

use super::*;
use crate::filesystem::Format;
use crate::model::{Content, EntryKind, EntryState, ProblemKind, Run};
use crate::read::{Confidence, Memory};

fn small() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (number, name) in (0..).zip(["ALPHA.BIN", "BETA.BIN", "GAMMA.BIN"]) {
        fs::write(folder.path().join(name), bytes(number, 4096)).unwrap();
    }
    fs::create_dir(folder.path().join("INSIDE")).unwrap();
    fs::write(folder.path().join("INSIDE/DELTA.BIN"), bytes(9, 3000)).unwrap();
    fs::write(folder.path().join("INSIDE/EMPTY.BIN"), b"").unwrap();
    folder
}

/// Places of a record with that name, in either form.
fn records(image: &[u8], name: &[u8]) -> Vec<usize> {
    let wide: Vec<u8> = name.iter().flat_map(|byte| [0, *byte]).collect();
    let mut found = Vec::new();
    for at in 33..image.len() - 64 {
        for name in [name, &wide] {
            if usize::from(image[at - 1]) == name.len() && image[at..].starts_with(name) {
                found.push(at - 33);
            }
        }
    }
    found
}

#[test]
fn files_that_one_tree_hides_are_listed_once_from_the_other() {
    let folder = small();
    for (options, root) in [
        ("-J -hide ALPHA.BIN -hide DELTA.BIN -hide EMPTY.BIN -hide-joliet BETA.BIN", ""),
        ("-J -R -hide ALPHA.BIN -hide DELTA.BIN -hide EMPTY.BIN -hide-joliet BETA.BIN", ""),
        ("-J -R -hide INSIDE -hide ALPHA.BIN -hide-joliet BETA.BIN", ""),
    ] {
        let Some(bytes) = genisoimage_of(folder.path(), options) else { return };
        let image = survey(bytes);
        let mut paths: Vec<&str> = image.entries.iter().map(|entry| &entry.path[root.len()..]).collect();
        paths.sort_unstable();
        let expected =
            ["ALPHA.BIN", "BETA.BIN", "GAMMA.BIN", "INSIDE", "INSIDE/DELTA.BIN", "INSIDE/EMPTY.BIN"];
        assert_eq!(paths, expected, "{options}");
    }
}

#[test]
fn two_names_of_one_content_share_a_record_and_links_say_where_they_lead() {
    let folder = small();
    fs::hard_link(folder.path().join("ALPHA.BIN"), folder.path().join("second name")).unwrap();
    symlink("/usr/../lib", folder.path().join("link")).unwrap();
    let Some(bytes) = genisoimage_of(folder.path(), "-R -cache-inodes") else { return };
    let image = survey(bytes);
    assert_eq!(image.find("ALPHA.BIN").record, image.find("second name").record);
    assert_eq!(image.find("ALPHA.BIN").record, image.find("ALPHA.BIN").runs[0].offset);
    let at = image.entries.iter().position(|entry| entry.path == "link").unwrap();
    assert_eq!((image.entries[at].kind, image.bytes(at)), (EntryKind::Symlink, b"/usr/../lib".to_vec()));
}

#[test]
fn sections_are_one_file_and_a_shorter_neighbour_is_another_record() {
    let folder = small();
    let Some(mut bytes) = genisoimage_of(folder.path(), "") else { return };
    let (alpha, beta) = (records(&bytes, b"ALPHA.BIN;1")[0], records(&bytes, b"BETA.BIN;1")[0]);
    let whole = bytes.clone();
    bytes[alpha + 25] |= 0x80;
    // The same length of name: the second section takes the first one's.
    bytes.copy_within(alpha + 33..alpha + 44, beta + 33);
    bytes[beta + 32] = 11;
    let length = bytes[beta];
    assert_eq!(length, bytes[alpha]);
    let image = survey(bytes);
    let at = image.entries.iter().position(|entry| entry.path == "ALPHA.BIN").unwrap();
    let expected =
        [crate::filesystem::trial::bytes(0, 4096), crate::filesystem::trial::bytes(1, 4096)].concat();
    assert_eq!((image.entries[at].size, image.bytes(at)), (8192, expected));

    let mut shorter = whole;
    let place = shorter[alpha + 2..alpha + 10].to_vec();
    shorter[beta + 2..beta + 10].copy_from_slice(&place);
    shorter[beta + 11] = 8;
    shorter[beta + 16] = 8;
    let image = survey(shorter);
    let (one, other) = (image.find("ALPHA.BIN"), image.find("BETA.BIN"));
    assert_eq!((one.size, other.size, one.runs[0].offset), (4096, 2048, other.runs[0].offset));
    assert_ne!(one.record, other.record);
    assert_eq!(other.record, beta as u64 + 1);
}

#[test]
fn contents_that_begin_alike_and_go_on_elsewhere_are_two_records() {
    let folder = tempfile::tempdir().unwrap();
    for (number, name) in (0..).zip(["A1.BIN", "A2.BIN", "B1.BIN", "B2.BIN"]) {
        fs::write(folder.path().join(name), bytes(number, 4096)).unwrap();
    }
    let Some(mut image) = genisoimage_of(folder.path(), "") else { return };
    let at = |name: &[u8]| records(&image, name)[0];
    let [a1, a2, b1, b2] = [at(b"A1.BIN;1"), at(b"A2.BIN;1"), at(b"B1.BIN;1"), at(b"B2.BIN;1")];
    // Each is two sections; the first is the same, the second is not, and neither follows it.
    image.copy_within(b1 + 2..b1 + 10, a2 + 2);
    image.copy_within(a1 + 2..a1 + 10, b1 + 2);
    image.copy_within(a1 + 33..a1 + 41, a2 + 33);
    image.copy_within(b1 + 33..b1 + 41, b2 + 33);
    image[a1 + 25] |= 0x80;
    image[b1 + 25] |= 0x80;
    let image = survey(image);
    let (one, other) = (image.find("A1.BIN"), image.find("B1.BIN"));
    assert_eq!((one.size, one.runs.len(), one.runs[0]), (other.size, other.runs.len(), other.runs[0]));
    assert_eq!((one.size, one.runs.len()), (8192, 2));
    assert_ne!(one.runs[1], other.runs[1]);
    assert_ne!(one.record, other.record);
}

#[test]
fn directories_that_only_the_path_table_has_are_orphans() {
    let folder = small();
    let Some(mut bytes) = genisoimage_of(folder.path(), "") else { return };
    let at = records(&bytes, b"INSIDE")[0];
    let length = usize::from(bytes[at]);
    let end = (at / 2048 + 1) * 2048;
    bytes.copy_within(at + length..end, at);
    bytes[end - length..end].fill(0);
    let image = survey(bytes);
    assert_eq!(image.find("INSIDE").state, EntryState::Orphan);
    let delta = image.find("INSIDE/DELTA.BIN");
    assert_eq!((delta.state, delta.content, delta.size), (EntryState::Orphan, Content::Runs, 3000));
    image.problem(ProblemKind::Corrupt, "in the path table and not in the tree");
}

#[test]
fn numbers_whose_byte_orders_disagree_are_told_and_the_plausible_one_is_used() {
    let folder = small();
    let Some(mut bytes) = genisoimage_of(folder.path(), "") else { return };
    let at = records(&bytes, b"GAMMA.BIN;1")[0];
    bytes[at + 4] = 0x70;
    let at = 0x8000 + 156;
    bytes[at + 3] = 0x40;
    let image = survey(bytes);
    let found = image.entries.iter().position(|entry| entry.path == "GAMMA.BIN").unwrap();
    assert_eq!(image.bytes(found), crate::filesystem::trial::bytes(2, 4096));
    image.problem(ProblemKind::Corrupt, "differ between the two byte orders");
    image.problem(ProblemKind::Corrupt, "the root directory is not where");
}

#[test]
fn compressed_files_are_read_as_they_were() {
    let folder = small();
    let text: Vec<u8> = (0..200_000_u32).flat_map(|n| format!("{n} ").into_bytes()).collect();
    fs::write(folder.path().join("text"), &text).unwrap();
    fs::write(folder.path().join("zeros"), vec![0; 150_000]).unwrap();
    let target = tempfile::tempdir().unwrap();
    let compressed = target.path().join("z");
    let expected = walk(folder.path());
    let tree = run("mkzftree", &[folder.path().to_str().unwrap(), compressed.to_str().unwrap()]);
    if tree.is_some()
        && let Some(bytes) = genisoimage_of(&compressed, "-R -z")
    {
        let image = survey(bytes);
        assert_eq!(image.find("text").content, Content::Opened);
        let listed = image.digests(EntryState::Allocated);
        assert_eq!(listed, expected);
    }
    let path = target.path().join("x.iso");
    let (path, input) = (path.to_str().unwrap(), folder.path().to_str().unwrap());
    for version in ["off", "on"] {
        let version = format!("version_2={version}");
        let arguments = [
            "-zisofs",
            &version,
            "-outdev",
            path,
            "-map",
            input,
            "/",
            "-find",
            "/",
            "-type",
            "f",
            "-exec",
            "set_filter",
            "--zisofs",
            "--",
        ];
        let _ = fs::remove_file(path);
        if run("xorriso", &arguments).is_some() {
            let image = survey(fs::read(path).unwrap());
            assert_eq!(image.find("text").content, Content::Opened);
            assert_eq!(image.digests(EntryState::Allocated), expected, "{version}: {:?}", image.problems);
        }
    }
}

#[test]
fn files_that_only_an_earlier_session_has_are_deleted_ones() {
    let folder = small();
    let target = tempfile::tempdir().unwrap();
    let path = target.path().join("x.iso");
    let (path, input) = (path.to_str().unwrap(), folder.path().to_str().unwrap());
    let first = ["-outdev", path, "-map", input, "/", "-commit"];
    if run("xorriso", &first).is_none() {
        return;
    }
    fs::write(folder.path().join("added"), bytes(50, 5000)).unwrap();
    let added = folder.path().join("added");
    run(
        "xorriso",
        &["-dev", path, "-rm", "ALPHA.BIN", "--", "-map", added.to_str().unwrap(), "/added", "-commit"],
    );
    let image = survey(fs::read(path).unwrap());
    assert_eq!(image.find("added").state, EntryState::Allocated);
    let gone: Vec<_> = image.entries.iter().filter(|entry| entry.state == EntryState::Deleted).collect();
    assert!(
        gone.iter()
            .any(|entry| entry.path.starts_with(".session at block ") && entry.path.ends_with("/ALPHA.BIN")),
        "{gone:?}"
    );
    assert_eq!(gone.len(), 2, "{gone:?}");
    image.problem(ProblemKind::Ambiguous, "further sessions were found");
    let deleted = image.digests(EntryState::Deleted);
    assert_eq!(deleted.values().next().unwrap().1, crate::filesystem::trial::md5(&bytes(0, 4096)));
}

#[test]
fn files_of_a_later_session_are_there() {
    let folder = small();
    let Some(mut bytes) = genisoimage_of(folder.path(), "-R") else { return };
    let (_first, path) = on_disk(&bytes);
    let start = (bytes.len() / 2048).next_multiple_of(16);
    let more = tempfile::tempdir().unwrap();
    fs::write(more.path().join("later"), crate::filesystem::trial::bytes(7, 10_000)).unwrap();
    let options = format!("-R -C 0,{start} -M {}", path.display());
    let Some(second) = genisoimage_of(more.path(), &options) else { return };
    bytes.resize(start * 2048, 0);
    bytes.extend(second);
    let image = survey(bytes);
    let later = image.entries.iter().position(|entry| entry.path.ends_with("/later")).unwrap();
    assert_eq!(image.entries[later].state, EntryState::Allocated);
    assert_eq!(image.bytes(later), crate::filesystem::trial::bytes(7, 10_000));
    assert_eq!(image.entries.iter().filter(|entry| entry.path.ends_with("ALPHA.BIN")).count(), 1);
}

#[test]
fn boot_images_that_no_directory_names_are_listed() {
    let folder = small();
    let options = "-b ALPHA.BIN -c CATALOG -no-emul-boot -boot-load-size 8";
    let Some(bytes) = genisoimage_of(folder.path(), options) else { return };
    let image = survey(bytes);
    assert_eq!(image.filesystem.variant(), "ISO 9660, El Torito");
    assert!(image.entries.iter().all(|entry| !entry.path.contains("boot image")));
    let Some(bytes) = genisoimage_of(folder.path(), &format!("{options} -hide ALPHA.BIN")) else { return };
    let image = survey(bytes);
    let at = image.entries.iter().position(|entry| entry.path == ".boot image 1").unwrap();
    assert_eq!(image.bytes(at), crate::filesystem::trial::bytes(0, 4096));
}

#[test]
fn a_volume_that_is_cut_short_says_so() {
    let folder = small();
    let Some(mut bytes) = genisoimage_of(folder.path(), "") else { return };
    bytes.truncate(bytes.len() - 4096);
    survey(bytes).problem(ProblemKind::Unreadable, "the last 4096 bytes are missing");
}

#[test]
fn raw_sectors_are_recognised_and_not_read() {
    let folder = small();
    let Some(bytes) = genisoimage_of(folder.path(), "") else { return };
    assert_eq!(Iso9660.probe(&Memory(bytes.clone())), Confidence::Strong);
    let mut raw = Vec::new();
    for sector in bytes.chunks(2048) {
        raw.extend([0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 2, 0, 1]);
        raw.extend(sector);
        raw.resize(raw.len() + 288, 0);
    }
    assert_eq!(Iso9660.probe(&Memory(raw.clone())), Confidence::Weak);
    let error = Image::survey(&Iso9660, raw).err().unwrap().to_string();
    assert!(error.contains("2352"), "{error}");
    assert_eq!(Iso9660.probe(&Memory(vec![0; 100_000])), Confidence::No);
}

#[test]
fn associated_files_are_streams_and_interleaved_ones_are_put_together() {
    let folder = small();
    let Some(mut bytes) = genisoimage_of(folder.path(), "") else { return };
    let (alpha, beta) = (records(&bytes, b"ALPHA.BIN;1")[0], records(&bytes, b"BETA.BIN;1")[0]);
    bytes[alpha + 25] |= 0x04;
    bytes[beta + 26..beta + 28].copy_from_slice(&[1, 2]);
    let image = survey(bytes);
    let stream = image.find("ALPHA.BIN:associated");
    assert_eq!((stream.stream, stream.size), (1, 4096));
    let beta = image.find("BETA.BIN");
    let start = beta.runs[0].offset;
    assert_eq!(beta.runs, [Run::new(start, 2048), Run::new(start + 3 * 2048, 2048)]);
}
