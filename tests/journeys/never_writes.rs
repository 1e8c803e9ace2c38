//! Nothing is ever written to a source, shown by the kernel's own account of what the processes did.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::kit::{Kit, has, md5, noise, sha256};

/// Paths and digests of every file below a folder.
fn contents(folder: &Path) -> BTreeMap<PathBuf, String> {
    super::kit::tree(folder).into_iter().map(|(path, bytes)| (path, sha256(bytes))).collect()
}

/// Size and all time stamps of one item.
fn stamps(path: &Path) -> (u64, [i64; 6]) {
    let m = std::fs::symlink_metadata(path).unwrap();
    (m.len(), [m.atime(), m.atime_nsec(), m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec()])
}

/// Sets the access time of an item far into the past, so that reading on a relatime mount would move it.
fn age(path: &Path) {
    let done = std::process::Command::new("touch")
        .args(["-h", "-a", "-d", "2001-01-01T00:00:00Z"])
        .arg(path)
        .status();
    assert!(done.unwrap().success());
}

/// Runs a scan under strace and returns its trace.
fn traced(kit: &Kit, source: &str, digest: &str) -> String {
    let trace = kit.path("trace");
    let done = std::process::Command::new("strace")
        .args(["-f", "-y", "-s", "8192", "-e", "trace=%file,%desc,%network,fdatasync", "-o"])
        .arg(&trace)
        .arg(super::kit::binary())
        .args(["scan", source, "--alert-digest", digest, "--threads", "2"])
        .current_dir(kit.path(""))
        .output()
        .unwrap();
    assert_eq!(
        done.status.code(),
        Some(1),
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    let text = String::from_utf8_lossy(&std::fs::read(&trace).unwrap()).into_owned();
    std::fs::remove_file(trace).unwrap();
    text
}

/// Opens of the source are read-only, there is no socket, and nothing is made outside the case folder.
fn check(kit: &Kit, trace: &str, source: &str) {
    let source = kit.path(source);
    let source = source.to_string_lossy();
    let cases = kit.path("cases");
    let cases = cases.to_string_lossy();
    let mut opened = 0;
    for line in trace.lines() {
        let call = line.split_once(' ').map_or(line, |(_, call)| call.trim_start());
        assert!(!call.starts_with("socket(") && !call.starts_with("connect("), "a network call: {line}");
        let opens = call.starts_with("open(")
            || call.starts_with("openat(")
            || call.starts_with("openat2(")
            || call.starts_with("creat(");
        let succeeded = !call.contains("= -1 ");
        if opens && succeeded {
            let writable = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND", "creat("]
                .iter()
                .any(|flag| call.contains(flag));
            if call.rsplit('=').next().unwrap_or_default().contains(&*source) {
                opened += 1;
                assert!(!writable, "the source was opened for writing: {line}");
            } else if writable {
                let inside = call.contains(&*cases) || call.contains("cases/") || call.contains("/dev/null");
                assert!(inside, "a file was opened for writing outside the case folder: {line}");
            }
        }
        let alters = [
            "mkdir",
            "unlink",
            "rename",
            "link(",
            "linkat(",
            "symlink",
            "chmod",
            "fchmod",
            "chown",
            "utime",
            "truncate",
            "mknod",
            "fallocate",
        ];
        if alters.iter().any(|name| call.starts_with(name)) && succeeded {
            assert!(call.contains("cases"), "something was altered outside the case folder: {line}");
        }
        if call.starts_with("write(") || call.starts_with("pwrite") {
            assert!(!call.contains(&format!("<{source}")), "a write to the source: {line}");
        }
    }
    assert!(opened > 0, "the trace shows no open of the source: the check would prove nothing");
}

#[test]
fn a_folder_on_a_relatime_mount_is_left_exactly_as_it_was() {
    if !has("strace") {
        return;
    }
    let kit = Kit::new();
    let content = noise(30, 50_000);
    kit.write("stick/DCIM/a.jpg", &content);
    kit.write("stick/DCIM/deep/er/b.jpg", noise(31, 70_000));
    kit.write("stick/empty", "");
    let before = contents(&kit.path("stick"));
    let everything: Vec<PathBuf> = walkdir::WalkDir::new(kit.path("stick"))
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .collect();
    for path in &everything {
        age(path);
    }
    // From here on nothing but the scan may list a folder or read a file.
    let stamps = || everything.iter().map(|path| stamps(path)).collect::<Vec<_>>();
    let before_stamps = stamps();
    let trace = traced(&kit, "stick", &md5(&content));
    assert_eq!(stamps(), before_stamps, "a time stamp was moved");
    check(&kit, &trace, "stick");
    assert!(trace.contains("O_NOATIME"));
    assert_eq!(contents(&kit.path("stick")), before);
}

#[test]
fn an_image_is_left_exactly_as_it_was() {
    if !has("strace") {
        return;
    }
    let kit = Kit::new();
    let image = kit.write("evidence/usb.E01", std::fs::read(super::kit::demo_image()).unwrap());
    let listed = kit.run(["list", "evidence/usb.E01", "--digest", "md5", "--format", "jsonl"]);
    let any = listed.stdout.lines().find(|line| line.contains(".JPG") && line.contains("\"md5\"")).unwrap();
    let digest = serde_json::from_str::<serde_json::Value>(any).unwrap()["md5"].as_str().unwrap().to_owned();
    let folder = kit.path("evidence");
    age(&image);
    age(&folder);
    let before = (stamps(&image), stamps(&folder));
    let trace = traced(&kit, "evidence/usb.E01", &digest);
    assert_eq!((stamps(&image), stamps(&folder)), before);
    check(&kit, &trace, "evidence");
    assert_eq!(std::fs::read(&image).unwrap(), std::fs::read(super::kit::demo_image()).unwrap());
}

#[test]
fn a_finding_is_written_then_synced_then_shown() {
    if !has("strace") {
        return;
    }
    let kit = Kit::new();
    let content = noise(32, 5_000);
    kit.write("stick/a.jpg", &content);
    let trace = traced(&kit, "stick", &md5(&content));
    let place = |what: &dyn Fn(&str) -> bool| trace.lines().position(what).unwrap_or(usize::MAX);
    eprintln!(
        "{}",
        trace
            .lines()
            .filter(|line| line.contains("journal.jsonl"))
            .map(|line| &line[..line.len().min(200)])
            .collect::<Vec<_>>()
            .join("\n")
    );
    let written = place(&|line| {
        line.contains("write(") && line.contains("journal.jsonl") && line.contains("\\\"type\\\":\\\"finding")
    });
    let synced = written
        + 1
        + trace
            .lines()
            .skip(written + 1)
            .position(|line| line.contains("fdatasync(") && line.contains("journal.jsonl"))
            .unwrap();
    let shown = place(&|line| line.contains("write(1") && line.contains("MATCH "));
    assert!(
        written < synced && synced < shown && shown != usize::MAX,
        "written {written}, synced {synced}, shown {shown}"
    );
}

#[test]
fn the_examiner_has_given_up_its_rights_before_it_reads_evidence() {
    let kit = Kit::new();
    kit.write("stick/a", "a");
    let done = kit.run(["scan", "stick", "--alert-digest", &md5("x")]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    let journal = std::fs::read_to_string(kit.only_run().join("journal.jsonl")).unwrap();
    if journal.contains("this kernel has no Landlock") {
        eprintln!("SKIPPED: this kernel has no Landlock; the record says so");
        return;
    }
    assert!(journal.contains("\"sandboxed\":true"), "{journal}");
}
