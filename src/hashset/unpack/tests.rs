//! Lists in gzip and zip: whole, cut, damaged, packed twice, and beside other members.

use std::io::{Cursor, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::hashset::formats::named;
use crate::hashset::{Builder, Error, KnownSet, Profile, Result};
use crate::model::{ListSummary, Role};
use crate::read::Memory;

fn import(bytes: &[u8]) -> Result<ListSummary> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("list");
    std::fs::write(&path, bytes).unwrap();
    import_file(&path)
}

fn import_file(path: &Path) -> Result<ListSummary> {
    let mut builder = Builder::new("set", Role::Alert, Profile::none());
    builder.add_file(path)?;
    let set = KnownSet::open(Memory(builder.finish().unwrap())).unwrap();
    Ok(set.lists()[0].clone())
}

fn list(lines: u32) -> String {
    (0..lines).map(|n| format!("{:032x}  name {n}\n", u128::from(n + 1) * 0x0123_4567_89ab_cdef)).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        if name.ends_with('/') {
            writer.add_directory(*name, SimpleFileOptions::default()).unwrap();
        } else {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn gzip_is_read_through_and_named_and_the_digest_is_of_the_file_as_it_lies() {
    let packed = gzip(list(20_000).as_bytes());
    let summary = import(&packed).unwrap();
    assert_eq!((summary.entries, summary.format()), (20_000, "md5sum, in gzip".into()));
    use sha2::Digest as _;
    assert_eq!(summary.files[0].sha256, hex::encode(sha2::Sha256::digest(&packed)));
    let parts = [gzip(list(1).as_bytes()), gzip(&list(3).as_bytes()[list(1).len()..])].concat();
    let mut builder = Builder::new("set", Role::Alert, Profile::none());
    builder.add_reader("piped", parts.as_slice()).unwrap();
    let set = KnownSet::open(Memory(builder.finish().unwrap())).unwrap();
    assert_eq!(set.lists()[0].entries, 3, "members one behind the other, from a pipe");
}

#[test]
fn the_variant_stands_before_the_packing() {
    let vics = "{\"@odata.context\": \"c\", \"value\": [{\"MD5\": \"5d41402abc4b2a76b9719d911017c592\"}]}";
    assert_eq!(import(&gzip(vics.as_bytes())).unwrap().format(), "vics (c), in gzip");
    assert_eq!(import(&zip(&[("a.json", vics.as_bytes())])).unwrap().format(), "vics (c), in zip");
}

#[test]
fn packed_lists_that_are_cut_anywhere_give_nothing() {
    for (packed, kind) in [(gzip(list(30).as_bytes()), "gzip"), (zip(&[("a", list(30).as_bytes())]), "zip")] {
        for end in 2..packed.len() {
            match import(&packed[..end]) {
                Err(Error::Truncated { .. }) => {}
                Err(Error::Unrecognised { .. }) if kind == "zip" && end < 4 => {}
                other => panic!("{kind} cut at {end}: {other:?}"),
            }
        }
    }
}

#[test]
fn packed_lists_with_flipped_bits_are_refused_or_the_same() {
    let text = list(30);
    let whole = import(text.as_bytes()).unwrap().entries;
    for packed in [gzip(text.as_bytes()), zip(&[("a", text.as_bytes())])] {
        for at in 0..packed.len() {
            let mut damaged = packed.clone();
            damaged[at] ^= 1 << (at % 8);
            if let Ok(summary) = import(&damaged) {
                assert_eq!((summary.entries, summary.rejected), (whole, 0), "flipped at {at}");
            }
        }
    }
    let mut damaged = gzip(text.as_bytes());
    let end = damaged.len();
    damaged[end - 6] ^= 1;
    let message = import(&damaged).unwrap_err().to_string();
    assert!(message.contains("unpacked byte ") && message.contains("damaged gzip data"), "{message}");
}

#[test]
fn nothing_is_unpacked_twice() {
    let (gzip_in, zip_in) = (gzip(list(1).as_bytes()), zip(&[("a", list(1).as_bytes())]));
    for (packed, inner) in [(gzip(&gzip_in), "gzip"), (gzip(&zip_in), "zip"), (zip(&[("a", &zip_in)]), "zip")]
    {
        let message = import(&packed).unwrap_err().to_string();
        assert!(message.contains(&format!("packed twice, in {inner} inside")), "{message}");
    }
    let mut builder = Builder::new("set", Role::Alert, Profile::none());
    let message = builder.add_reader("piped", zip_in.as_slice()).unwrap_err().to_string();
    assert!(message.contains("a zip must be a file by itself"), "{message}");
}

#[test]
fn the_one_member_that_is_a_list_is_read_and_the_others_are_named() {
    let list = list(2);
    let packed = zip(&[
        ("d/", b""),
        ("NSRLMfg.txt", b"\"a\",\"b\"\n"),
        ("x\x1b[2J.txt", b"nothing"),
        ("d/list", list.as_bytes()),
    ]);
    let summary = import(&packed).unwrap();
    assert_eq!((summary.entries, summary.format()), (2, "md5sum, in zip".into()));
    assert_eq!(
        summary.remarks,
        ["read from member \"d/list\" of the zip; passed over: \"NSRLMfg.txt\", \"x\\u{1b}[2J.txt\""]
    );
}

#[test]
fn a_zip_with_no_list_or_several_is_refused_with_their_names() {
    let list = list(2);
    let database = b"SQLite format 3\0CREATE TABLE FILE (a) CREATE TABLE PKG (b)";
    let delta = b"INSERT INTO FILE VALUES (1);\n";
    for (members, expected) in [
        (
            vec![("a", list.as_bytes()), ("b", list.as_bytes())],
            "several members of the zip may be lists: \"a\", \"b\"",
        ),
        (
            vec![("a", b"x".as_slice()), ("b", b"y")],
            "no member of the zip is a list in a known format: \"a\", \"b\"",
        ),
        (vec![("a", b"x".as_slice())], "in no known format: found text whose first line is \"x\""),
        (vec![("d/", b"".as_slice())], "a zip without a file in it"),
        (vec![], "a zip without a file in it"),
        (vec![("a.db", database.as_slice())], "a database must be a file by itself: unpack it first"),
        (vec![("delta.sql", delta.as_slice())], "apply it to the full database"),
    ] {
        let message = import(&zip(&members)).unwrap_err().to_string().to_lowercase();
        assert!(
            message.contains(&expected.to_lowercase()) && message.contains("hash list list"),
            "{message}"
        );
    }
}

#[test]
fn members_that_cannot_be_unpacked_are_named_with_the_reason() {
    let mut packed = zip(&[("a", list(50).as_bytes())]);
    // The method, in the member's own header and in the directory.
    let directory = packed.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    packed[8] = 99;
    packed[directory + 10] = 99;
    let message = import(&packed).unwrap_err().to_string();
    assert!(message.contains("\"a\" ("), "{message}");
    let mut packed = zip(&[("a", list(50).as_bytes())]);
    packed[6] |= 1;
    packed[directory + 8] |= 1;
    let message = import(&packed).unwrap_err().to_string();
    assert!(message.contains("\"a\" (encrypted)"), "{message}");
}

#[test]
fn a_directory_that_claims_too_many_members_is_refused_before_it_is_read() {
    let mut packed = zip(&[("a", list(2).as_bytes())]);
    let end = packed.len() - 22;
    packed[end + 8..end + 12].copy_from_slice(&[0xf0, 0xff, 0xf0, 0xff]);
    assert!(import(&packed).unwrap_err().to_string().contains("more than 1000 members"));
}

#[test]
fn a_stated_format_holds_for_what_is_packed() {
    let text = format!("junk\n{}", list(2));
    let folder = TempDir::new().unwrap();
    let table = b"md5\n5d41402abc4b2a76b9719d911017c592\n".as_slice();
    for packed in
        [gzip(text.as_bytes()), zip(&[("a", text.as_bytes())]), zip(&[("a", text.as_bytes()), ("b", table)])]
    {
        let path = folder.path().join("list");
        std::fs::write(&path, packed).unwrap();
        let mut builder = Builder::new("set", Role::Alert, Profile::none());
        builder.add_list("list", &[&path], named("md5sum")).unwrap();
    }
}

#[test]
fn a_bomb_is_a_long_list_and_nothing_more() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(list(1).as_bytes()).unwrap();
    for _ in 0..64 {
        encoder.write_all(&[b'a'; 1 << 20]).unwrap();
    }
    let summary = import(&encoder.finish().unwrap()).unwrap();
    assert_eq!((summary.entries, summary.rejected), (1, 1));
}

#[cfg(unix)]
#[test]
fn a_zip_that_comes_through_a_named_pipe_is_refused_and_does_not_hang() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("pipe");
    if !std::process::Command::new("mkfifo").arg(&path).status().is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: mkfifo is not here");
        return;
    }
    let packed = zip(&[("a", list(2).as_bytes())]);
    let message = std::thread::scope(|scope| {
        scope.spawn(|| std::fs::write(&path, &packed));
        import_file(&path).unwrap_err().to_string()
    });
    assert!(message.contains("a zip must be a file by itself"), "{message}");
}
