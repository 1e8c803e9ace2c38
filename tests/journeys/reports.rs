//! The reports of a run, and the record that they are made from.

use super::kit::{Kit, demo_image, demo_list, md5, noise, tree};

#[test]
fn every_report_is_there_and_the_ledger_sums() {
    let kit = Kit::new();
    let pictures = demo_list("demo-pictures.json");
    let done = kit.run(["scan".as_ref(), "--alert".as_ref(), pictures.as_os_str(), demo_image().as_os_str()]);
    assert_eq!(done.code, 2, "without a profile categories ask for review: {}{}", done.stdout, done.stderr);
    let run = kit.only_run();
    for name in [
        "journal.jsonl",
        "findings.json",
        "findings.csv",
        "not-examined.csv",
        "summary.txt",
        "report.html",
        "manifest.json",
    ] {
        assert!(run.join(name).metadata().unwrap().len() > 0, "{name}");
    }
    let journal = std::fs::read_to_string(run.join("journal.jsonl")).unwrap();
    let coverage = journal.lines().find(|line| line.contains("\"type\":\"coverage\"")).unwrap();
    let event: serde_json::Value = serde_json::from_str(coverage).unwrap();
    let ledger = &event["event"];
    let sum: u64 = ledger["bytes"].as_object().unwrap().values().map(|bytes| bytes.as_u64().unwrap()).sum();
    assert_eq!(Some(sum), ledger["total"].as_u64());
    assert_eq!(sum, 54_525_952);
    let html = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(html.contains("default-src 'none'") && !html.contains("<script"));
    assert!(!html.contains("src=") && !html.contains("href=\"http") && !html.contains("url(h"));
}

#[test]
fn reports_made_again_are_the_same_bytes() {
    let kit = Kit::new();
    let content = noise(20, 999);
    kit.write("stick/=cmd|' /C calc'!A0.jpg", &content);
    kit.write("stick/<script>alert(1)<_script>.jpg", &content);
    let done = kit.run(["scan", "stick", "--alert-digest", &md5(&content)]);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    let run = kit.only_run();
    let before = tree(&run);
    let again =
        kit.run(["report".as_ref(), run.as_os_str(), "--out".as_ref(), kit.path("again").as_os_str()]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(tree(&run), before, "the run's own folder was touched");
    for (path, bytes) in tree(&kit.path("again")) {
        assert_eq!(before.get(&run.join(path.file_name().unwrap())), Some(&bytes), "{}", path.display());
    }
    let overwrite =
        kit.run(["report".as_ref(), run.as_os_str(), "--out".as_ref(), kit.path("again").as_os_str()]);
    assert_eq!(overwrite.code, 3);
}

#[test]
fn any_flipped_byte_of_any_file_is_detected() {
    let kit = Kit::new();
    let content = noise(21, 999);
    kit.write("stick/a.jpg", &content);
    kit.run(["scan", "stick", "--alert-digest", &md5(&content)]);
    let run = kit.only_run();
    for (path, bytes) in tree(&run) {
        for part in 0..4 {
            let mut altered = bytes.clone();
            let place = (bytes.len() - 1) * part / 3;
            altered[place] ^= 1;
            std::fs::write(&path, &altered).unwrap();
            let verify = kit.run(["verify".as_ref(), run.as_os_str()]);
            assert!(
                verify.code == 1 || verify.code == 3,
                "{} byte {place}: {}",
                path.display(),
                verify.stdout
            );
        }
        std::fs::write(&path, &bytes).unwrap();
    }
    assert_eq!(kit.run(["verify".as_ref(), run.as_os_str()]).code, 0);
}
