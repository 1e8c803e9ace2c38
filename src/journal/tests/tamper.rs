//! A sealed folder that is altered anywhere never passes.

use std::fs;
use std::path::Path;

use super::samples::{clock, correction, run, sealed, warning, write};
use crate::journal::*;

fn passes(folder: &Path) -> bool {
    verify(folder).is_ok_and(|v| v.state == SealState::Sealed && v.faults.is_empty())
}

/// Runs a check for each altered content of a file and puts the file back.
fn each(folder: &Path, name: &str, altered: impl IntoIterator<Item = (String, Vec<u8>)>) {
    let path = folder.join(name);
    let bytes = fs::read(&path).unwrap();
    for (what, content) in altered {
        if content == bytes {
            continue;
        }
        fs::write(&path, content).unwrap();
        let verification = verify(folder).unwrap();
        assert_ne!(verification.faults, [], "{name}: {what}");
        assert_eq!(verification.state, SealState::Unsealed, "{name}: {what}");
    }
    fs::write(&path, bytes).unwrap();
    assert!(passes(folder));
}

const FILES: [&str; 4] = [JOURNAL, CORRECTIONS, MANIFEST, "copies/1.bin"];

/// The smallest folder that has everything, because every byte of it costs a verification.
fn small(folder: &Path) {
    let [_, source, .., end] = &run()[..] else { panic!("the story has a source and an end") };
    let writer = write(folder, &[source.clone(), end.clone()]);
    fs::create_dir(folder.join("copies")).unwrap();
    fs::write(folder.join("copies/1.bin"), [0, 1, 2]).unwrap();
    seal(folder, writer.head()).unwrap();
    append_correction_with(&Disk, &clock(), folder, &correction("0", "JS/1")).unwrap();
}

#[test]
fn a_sealed_folder_passes_and_the_answer_names_its_limits() {
    let place = tempfile::tempdir().unwrap();
    sealed(place.path());
    let verification = verify(place.path()).unwrap();
    assert_eq!((verification.state, verification.faults), (SealState::Sealed, vec![]));
    assert_eq!(verification.head, replay(place.path()).unwrap().head);
    assert!(verification.notes.iter().any(|note| note.contains("not a full rewrite")));
    assert!(verification.notes.iter().any(|note| note.starts_with("2 corrections")));
}

#[test]
fn every_flipped_byte_of_every_file_is_found() {
    let place = tempfile::tempdir().unwrap();
    small(place.path());
    for name in FILES {
        let bytes = fs::read(place.path().join(name)).unwrap();
        // One bit of each byte in turn; in the manifest, which no digest covers, also the case of letters.
        let masks =
            |at: usize| if name == MANIFEST { vec![1 << (at % 8), 0x20] } else { vec![1 << (at % 8)] };
        let flips = (0..bytes.len()).flat_map(|at| masks(at).into_iter().map(move |mask| (at, mask)));
        each(
            place.path(),
            name,
            flips.map(|(at, mask)| {
                let mut altered = bytes.clone();
                altered[at] ^= mask;
                (format!("byte {at} ^ {mask:#x}"), altered)
            }),
        );
    }
}

#[test]
fn every_truncation_and_every_byte_behind_the_end_is_found() {
    let place = tempfile::tempdir().unwrap();
    small(place.path());
    for name in FILES.into_iter().filter(|name| *name != CORRECTIONS) {
        let bytes = fs::read(place.path().join(name)).unwrap();
        let cuts = (0..bytes.len()).map(|cut| (format!("cut at {cut}"), bytes[..cut].to_vec()));
        let tails = [&b"\n"[..], b"\0", b" ", b"{}\n"].map(|t| ("longer".into(), [&bytes[..], t].concat()));
        each(place.path(), name, cuts.chain(tails));
    }
}

#[test]
fn every_removed_doubled_and_moved_line_is_found_in_a_sealed_journal() {
    let place = tempfile::tempdir().unwrap();
    sealed(place.path());
    let text = fs::read_to_string(place.path().join(JOURNAL)).unwrap();
    each(place.path(), JOURNAL, rearranged(&text));
}

fn rearranged(text: &str) -> Vec<(String, Vec<u8>)> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut altered = Vec::new();
    for a in 0..lines.len() {
        let mut removed = lines.clone();
        removed.remove(a);
        altered.push((format!("without line {}", a + 1), removed.concat().into_bytes()));
        for b in 0..=lines.len() {
            let mut doubled = lines.clone();
            doubled.insert(b, lines[a]);
            altered.push((format!("line {} again at {}", a + 1, b + 1), doubled.concat().into_bytes()));
        }
        for b in a + 1..lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(a, b);
            altered.push((format!("lines {} and {} swapped", a + 1, b + 1), swapped.concat().into_bytes()));
        }
    }
    altered
}

#[test]
fn without_a_manifest_all_is_found_but_what_touches_only_the_last_record() {
    let place = tempfile::tempdir().unwrap();
    let events: Vec<_> = (0..5).map(|n| warning(&format!("event {n}"))).collect();
    write(place.path(), &events);
    let path = place.path().join(JOURNAL);
    let bytes = fs::read(&path).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    let last = text.trim_end().rfind('\n').unwrap() + 1;
    let flips = (0..last).map(|at| {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        (format!("byte {at}"), altered)
    });
    let without_last = &bytes[..last];
    for (what, content) in rearranged(&text).into_iter().chain(flips) {
        fs::write(&path, &content).unwrap();
        let found = !verify(place.path()).unwrap().faults.is_empty();
        assert_eq!(found, content.as_slice() != without_last && content != bytes, "{what}");
        assert_eq!(found, replay(place.path()).is_err(), "{what}");
    }
}

#[test]
fn foreign_missing_and_replaced_files_are_found() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    sealed(folder);
    for name in ["new.txt", "copies/2.bin", "manifest.json.part", "report-2", "copies/manifest.json"] {
        fs::write(folder.join(name), "").unwrap();
        let faults = verify(folder).unwrap().faults;
        assert_eq!(faults.len(), 1, "{name}");
        assert_eq!(faults[0].file, name);
        fs::remove_file(folder.join(name)).unwrap();
    }
    for name in [JOURNAL, "report.html", "empty.csv", "copies/1.bin"] {
        let aside = tempfile::tempdir().unwrap();
        fs::rename(folder.join(name), aside.path().join("f")).unwrap();
        let found = verify(folder).unwrap();
        assert!(found.faults.iter().any(|fault| fault.file == name), "{name}");
        assert_eq!(found.state, SealState::Unsealed);
        #[cfg(unix)]
        if name != JOURNAL {
            std::os::unix::fs::symlink(aside.path().join("f"), folder.join(name)).unwrap();
            assert!(!passes(folder), "a link in place of {name}");
            fs::remove_file(folder.join(name)).unwrap();
        }
        fs::rename(aside.path().join("f"), folder.join(name)).unwrap();
    }
    assert!(passes(folder));
}

#[test]
fn signature_and_later_reports_do_not_break_the_seal_and_a_removed_manifest_is_unsealed() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    sealed(folder);
    fs::write(folder.join(SIGNATURE), "signature").unwrap();
    fs::create_dir(folder.join("report-2")).unwrap();
    fs::write(folder.join("report-2/report.html"), "again").unwrap();
    assert!(passes(folder));
    assert!(verify(folder).unwrap().notes.iter().any(|note| note.starts_with("report-2: ")));
    fs::remove_file(folder.join(MANIFEST)).unwrap();
    let verification = verify(folder).unwrap();
    assert_eq!((verification.state, verification.faults), (SealState::Unsealed, vec![]));
    assert!(verification.notes.iter().any(|note| note.contains("there is no manifest")));
    assert!(verify(tempfile::tempdir().unwrap().path()).is_err());
}

#[test]
fn a_manifest_cannot_point_out_of_its_folder() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    fs::create_dir(&folder).unwrap();
    sealed(&folder);
    fs::write(place.path().join("outside"), "<p>report").unwrap();
    let path = folder.join(MANIFEST);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"report.html\"", "\"../outside\"")).unwrap();
    let faults = verify(&folder).unwrap().faults;
    assert!(faults.iter().any(|fault| fault.file == "../outside" && fault.found == "none"), "{faults:?}");
}
