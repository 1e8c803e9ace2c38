//! The ordinary ways to use the tool, and the promises that its first page makes.

use super::kit::{Kit, demo_image, demo_list, md5, noise, paths};

#[test]
fn the_demonstration_finds_exactly_what_it_must_and_says_that_it_is_one() {
    let kit = Kit::new();
    let done = kit.run(["scan", "--demo"]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("DEMONSTRATION ONLY"));
    assert!(done.stdout.contains("DEMONSTRATION PASSED"));
    assert!(done.stdout.contains("DEMO/1: MATCH, examination incomplete"), "{}", done.stdout);
    let verify = kit.run(["verify".as_ref(), kit.only_run().as_os_str()]);
    assert_eq!(verify.code, 0, "{}", verify.stdout);
    assert!(verify.stdout.starts_with("note: ") || verify.stdout.starts_with("SEALED"), "{}", verify.stdout);
}

#[test]
fn the_same_image_as_evidence_is_a_match() {
    let kit = Kit::new();
    let done = kit.run([
        "scan".as_ref(),
        demo_image().as_os_str(),
        "--profile".as_ref(),
        "uk".as_ref(),
        "--alert".as_ref(),
        demo_list("demo-pictures.json").as_os_str(),
        "--alert".as_ref(),
        demo_list("demo-md5.txt").as_os_str(),
    ]);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("demo-usb.E01: MATCH, examination incomplete"));
    assert!(done.stdout.contains("NO EXHIBIT REFERENCE"));
    let findings = kit.findings();
    assert_eq!(findings["verdict"]["exhibits"][0]["result"], "match");
    assert_eq!(paths(&findings).len(), 5);
}

#[test]
fn without_any_list_only_the_demonstration_set_is_loaded_and_everything_says_so() {
    let kit = Kit::new();
    let done = kit.run(["scan".as_ref(), demo_image().as_os_str()]);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    assert!(
        done.stdout.contains("DEMONSTRATION ONLY") && done.stdout.contains("MATCH, examination incomplete")
    );
    assert!(
        done.stderr.contains("no hash list was given") && done.stderr.contains("--alert"),
        "{}",
        done.stderr
    );
    kit.write("stick/a.txt", "an ordinary note");
    let nothing = kit.run(["scan", "stick"]);
    assert_eq!(nothing.code, 2, "the demonstration set says nothing of evidence: {}", nothing.stdout);
    let summary = std::fs::read_to_string(kit.runs()[1].join("summary.txt")).unwrap();
    assert!(summary.contains("DEMONSTRATION ONLY"), "{summary}");
}

#[cfg(unix)]
#[test]
fn a_source_whose_path_is_no_text_is_scanned_like_any_other() {
    use std::os::unix::ffi::OsStrExt as _;
    let kit = Kit::new();
    let wanted = noise(9, 400);
    let folder = kit.path("").join(std::ffi::OsStr::from_bytes(b"f\xff"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("x"), &wanted).unwrap();
    let digest = md5(&wanted);
    let done = kit.run(["scan".as_ref(), folder.as_os_str(), "--alert-digest".as_ref(), digest.as_ref()]);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
}

#[test]
fn names_are_hidden_on_the_screen_and_kept_in_the_record() {
    let kit = Kit::new();
    let picture = noise(1, 5000);
    kit.write("stick/DCIM/very-telling-name.jpg", &picture);
    let list = kit.write("list.txt", md5(&picture));
    let arguments = ["scan", "--exhibit", "JS/1=stick", "--case", "OP/1", "--alert", list.to_str().unwrap()];
    for extra in [&[][..], &["--json"][..]] {
        let done = kit.run(arguments.iter().chain(extra));
        assert_eq!(done.code, 1, "{}", done.stderr);
        assert!(!done.stdout.contains("telling") && !done.stderr.contains("telling"), "{}", done.stdout);
        assert!(done.stdout.contains("[name hidden]"));
    }
    let shown = kit.run(arguments.iter().chain(&["--show-names"]));
    assert!(shown.stdout.contains("DCIM/very-telling-name.jpg"));
    for run in kit.runs() {
        assert!(run.parent().unwrap().ends_with("OP%2F1"), "{}", run.display());
        let text = std::fs::read_to_string(run.join("findings.json")).unwrap();
        assert!(text.contains("DCIM/very-telling-name.jpg") && text.contains("\"JS/1\""));
    }
}

#[test]
fn nothing_found_in_a_folder_that_was_examined_in_whole_is_exit_code_0_and_never_called_clean() {
    let kit = Kit::new();
    kit.write("stick/a.txt", "an ordinary note");
    kit.write("stick/b.jpg", [&b"\xff\xd8\xff\xe0"[..], &noise(2, 900)].concat());
    let done = kit.run(["scan", "stick", "--alert-digest", &md5("something else")]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("NO MATCH IN WHAT WAS EXAMINED, examination complete"), "{}", done.stdout);
    let summary = std::fs::read_to_string(kit.only_run().join("summary.txt")).unwrap();
    assert!(summary.contains("not by itself a reason to leave the device"), "{summary}");
    for text in [done.stdout, summary] {
        assert!(!text.to_lowercase().contains("clean"), "{text}");
    }
}

#[test]
fn a_container_that_is_not_opened_makes_the_answer_incomplete() {
    let kit = Kit::new();
    kit.write("stick/a.zip", [&b"PK\x03\x04\x14\0"[..], &noise(3, 500)].concat());
    let done = kit.run(["scan", "stick", "--alert-digest", &md5("something else")]);
    assert_eq!(done.code, 2, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("examination incomplete"));
    let listed = std::fs::read_to_string(kit.only_run().join("not-examined.csv")).unwrap();
    assert!(listed.contains("a.zip"), "{listed}");
}

#[cfg(unix)]
#[test]
fn many_small_files_are_examined_with_few_file_handles() {
    let kit = Kit::new();
    let wanted = noise(8, 100);
    for number in 0..600 {
        kit.write(&format!("stick/{number}.bin"), noise(number + 1000, 100));
    }
    kit.write("stick/wanted.bin", &wanted);
    let script = format!(
        "ulimit -Hn 200; exec {} scan stick --threads 8 --alert-digest {}",
        super::kit::binary().display(),
        md5(&wanted)
    );
    let output =
        std::process::Command::new("sh").args(["-c", &script]).current_dir(kit.path("")).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    let findings = kit.findings();
    assert_eq!(findings["verdict"]["complete"], true, "{}", findings["verdict"]);
    assert_eq!(findings["coverage"]["sources"][0]["ledger"]["files"]["examined"], 601);
}

#[test]
fn several_sources_are_exhibits_of_one_run() {
    let kit = Kit::new();
    let wanted = noise(4, 3000);
    kit.write("one/x.bin", &wanted);
    kit.write("two/y.bin", noise(5, 3000));
    let done = kit.run(["scan", "two", "--exhibit", "A/1=one", "--alert-digest", &md5(&wanted)]);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("A/1: MATCH") && done.stdout.contains("two: NO MATCH"), "{}", done.stdout);
    assert!(done.stdout.contains("ALL: MATCH"), "{}", done.stdout);
}

#[test]
fn a_wrong_exhibit_reference_is_corrected_beside_the_sealed_record() {
    let kit = Kit::new();
    let wanted = noise(6, 3000);
    kit.write("stick/x.bin", &wanted);
    kit.run(["scan", "stick", "--alert-digest", &md5(&wanted)]);
    let run = kit.only_run();
    let before = std::fs::read(run.join("journal.jsonl")).unwrap();
    let done = kit.run(["label".as_ref(), run.as_os_str(), "stick".as_ref(), "JS/7".as_ref()]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(std::fs::read(run.join("journal.jsonl")).unwrap(), before);
    assert_eq!(kit.run(["verify".as_ref(), run.as_os_str()]).code, 0);
    let report = kit.run(["report".as_ref(), run.as_os_str()]);
    assert_eq!(report.code, 0, "{}", report.stderr);
    let text =
        std::fs::read_to_string(std::path::Path::new(report.stdout.trim()).join("findings.json")).unwrap();
    assert!(text.contains("JS/7"), "{text}");
}

#[test]
fn the_self_test_passes_and_leaves_nothing_behind() {
    let kit = Kit::new();
    let done = kit.run(["self-test"]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("PASSED"));
    assert_eq!(std::fs::read_dir(kit.path("")).unwrap().count(), 0);
}

#[test]
fn help_formats_completions_and_the_manual_are_there() {
    let kit = Kit::new();
    for arguments in [&["--help"][..], &["scan", "--help"], &["formats"], &["completions", "bash"], &["man"]]
    {
        let done = kit.run(arguments);
        assert_eq!(done.code, 0, "{arguments:?}: {}", done.stderr);
        assert!(done.stdout.len() > 200, "{arguments:?}");
    }
    let formats = kit.run(["formats"]).stdout;
    for name in ["ewf", "raw", "gpt", "mbr", "ext", "fat", "vics", "hashdeep", "html"] {
        assert!(formats.contains(name), "{name} is missing:\n{formats}");
    }
}

#[test]
fn settings_beside_the_binary_or_named_are_used_and_flags_win() {
    let kit = Kit::new();
    let wanted = noise(7, 2000);
    kit.write("stick/x.bin", &wanted);
    kit.write("kit/list.txt", md5(&wanted));
    kit.write(
        "kit/onscene.toml",
        "alert = [\"list.txt\"]\noperator = \"A. Person\"\nauthority = \"warrant 1\"\n",
    );
    let done = kit.run(["scan", "stick", "--config", "kit/onscene.toml", "--operator", "B. Person"]);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    let journal = std::fs::read_to_string(kit.only_run().join("journal.jsonl")).unwrap();
    assert!(journal.contains("B. Person") && journal.contains("warrant 1") && !journal.contains("A. Person"));
}
