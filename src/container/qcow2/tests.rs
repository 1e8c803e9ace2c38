//! QCOW2 images made by `qemu-img`, whose own reading is the second opinion.
#![allow(clippy::arithmetic_side_effects)]

use std::path::Path;

use crate::container::trial::{self, assert_equal, mixed, open, read_all, tool};
use crate::model::{Extent, ProblemKind};

/// What `qemu-img` makes of a raw medium with those options.
fn made(folder: &Path, medium: &[u8], options: &str, compress: bool) -> Option<Vec<u8>> {
    std::fs::write(folder.join("raw"), medium).unwrap();
    let mut arguments = vec!["convert", "-f", "raw", "-O", "qcow2", "-o", options];
    arguments.extend(compress.then_some("-c"));
    arguments.extend(["raw", "image"]);
    tool("qemu-img", &arguments, folder).then(|| std::fs::read(folder.join("image")).unwrap())
}

#[test]
fn the_image_of_the_test_data_is_the_raw_one() {
    trial::assert_shared("qcow2", "ext2.qcow2");
}

#[test]
fn images_of_every_kind_that_qemu_makes_come_back_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let plain = [
        "compat=0.10",
        "compat=1.1,cluster_size=512",
        "cluster_size=4k,lazy_refcounts=on",
        "cluster_size=2M",
        "preallocation=metadata",
        "preallocation=full,cluster_size=16k",
        "extended_l2=on,cluster_size=128k",
        "extended_l2=on,cluster_size=16k,preallocation=falloc",
        "refcount_bits=1",
    ];
    let packed = [
        "compat=0.10",
        "cluster_size=512",
        "cluster_size=2M",
        "compression_type=zstd",
        "compression_type=zstd,cluster_size=4k",
        "compression_type=zstd,cluster_size=2M,extended_l2=on",
    ];
    let kinds = plain.iter().map(|kind| (kind, false)).chain(packed.iter().map(|kind| (kind, true)));
    for (number, (options, compress)) in kinds.enumerate() {
        let medium = mixed(number as u64 + 1, (3 << 20) + number * 512);
        let Some(image) = made(folder.path(), &medium, options, compress) else {
            return;
        };
        assert_equal("qcow2", vec![image.clone()], &medium, options);
        let parts = image.chunks(1 << 20).map(<[u8]>::to_vec).collect();
        assert_equal("qcow2", parts, &medium, options);
    }
}

#[test]
fn clusters_that_were_written_zeroed_and_discarded_in_turn_are_as_qemu_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    for options in ["cluster_size=64k", "extended_l2=on,cluster_size=64k", "compat=0.10,cluster_size=4k"] {
        if !tool("qemu-img", &["create", "-f", "qcow2", "-o", options, "image", "8M"], folder.path()) {
            return;
        }
        let mut arguments = vec!["-f".to_owned(), "qcow2".into(), "image".into()];
        let mut random = trial::Random(11);
        for step in 0..60 {
            let (at, length) = (random.below(7 << 20) & !511, 512 + (random.below(300_000) & !511));
            let command = match step % 4 {
                0 | 1 => format!("write -P {} {at} {length}", 1 + step),
                2 => format!("write -z {at} {length}"),
                _ => format!("discard {at} {length}"),
            };
            arguments.extend(["-c".into(), command]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        if !tool("qemu-io", &arguments, folder.path()) {
            return;
        }
        assert!(tool("qemu-img", &["convert", "-O", "raw", "image", "back"], folder.path()));
        let [image, back] = ["image", "back"].map(|name| std::fs::read(folder.path().join(name)).unwrap());
        assert_equal("qcow2", vec![image], &back, options);
    }
}

#[test]
fn what_cannot_be_read_from_the_file_alone_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let create = |arguments: &[&str]| {
        let arguments = [&["create", "-q", "-f", "qcow2"], arguments].concat();
        tool("qemu-img", &arguments, folder.path())
            .then(|| std::fs::read(folder.path().join("image")).unwrap())
    };
    let Some(_) = create(&["image", "1M"]) else {
        return;
    };
    std::fs::rename(folder.path().join("image"), folder.path().join("parent.qcow2")).unwrap();
    let secret = "secret,id=s,data=abc";
    for (arguments, words) in [
        (vec!["-b", "parent.qcow2", "-F", "qcow2", "image"], "parent.qcow2"),
        (vec!["-o", "data_file=external.raw", "image", "1M"], "external.raw"),
        (
            vec![
                "--object",
                secret,
                "-o",
                "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10",
                "image",
                "1M",
            ],
            "encrypted with LUKS",
        ),
        (
            vec!["--object", secret, "-o", "encrypt.format=aes,encrypt.key-secret=s", "image", "1M"],
            "encrypted with AES",
        ),
    ] {
        let error = open([create(&arguments).unwrap()]).err().unwrap().to_string();
        assert!(error.contains(words) && error.contains("not supported"), "{error}");
    }
    let mut old = create(&["image", "1M"]).unwrap();
    old[7] = 1;
    assert!(open([old]).err().unwrap().to_string().contains("version 1"));
}

#[test]
fn snapshots_and_the_dirty_and_corrupt_bits_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let medium = mixed(3, 1 << 20);
    let Some(image) = made(folder.path(), &medium, "compat=1.1", false) else {
        return;
    };
    for (bit, words) in [(1, "dirty"), (2, "marked as damaged")] {
        let mut marked = image.clone();
        marked[79] |= bit;
        let opened = open([marked]).unwrap();
        assert!(opened.problems[0].detail.contains(words), "{:?}", opened.problems);
        assert!(read_all(opened.medium.as_ref(), 1 << 20) == (medium.clone(), vec![]));
    }
    assert!(tool("qemu-img", &["snapshot", "-c", "before the raid", "image"], folder.path()));
    assert!(tool("qemu-io", &["-f", "qcow2", "image", "-c", "write -P 7 0 64k"], folder.path()));
    let opened = open([std::fs::read(folder.path().join("image")).unwrap()]).unwrap();
    let found = &opened.problems[0];
    assert!(found.kind == ProblemKind::NotOpened && found.detail.contains("before the raid"), "{found:?}");
    let (bytes, missing) = read_all(opened.medium.as_ref(), 1 << 20);
    assert!(
        missing.is_empty()
            && bytes[..1 << 16].iter().all(|byte| *byte == 7)
            && bytes[1 << 16..] == medium[1 << 16..]
    );
}

#[test]
fn damaged_images_never_panic_and_what_is_cut_off_is_no_zero() {
    let folder = tempfile::tempdir().unwrap();
    let medium: Vec<u8> = mixed(5, 400_000 / 512 * 512).iter().map(|byte| byte | 1).collect();
    for (options, compress) in [
        ("cluster_size=512", false),
        ("cluster_size=4k", true),
        ("cluster_size=4k,compression_type=zstd", true),
        ("extended_l2=on,cluster_size=16k", false),
    ] {
        let Some(image) = made(folder.path(), &medium, options, compress) else {
            return;
        };
        let mut cut = image.clone();
        cut.truncate(image.len() / 2);
        if let Ok(opened) = open([cut]) {
            let (bytes, missing) = read_all(opened.medium.as_ref(), 1 << 20);
            assert!(
                bytes.iter().all(|byte| *byte != 0) && (missing.is_empty() || !opened.problems.is_empty())
            );
        }
        trial::under_damage(std::slice::from_ref(&image), &[], 100, |_, _, _| {});
        trial::under_damage(&[image], &[Extent::new(0, 112)], 100, |_, _, _| {});
    }
}
