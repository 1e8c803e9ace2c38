//! What is found depends on the lists, and only on them.

use super::kit::{Kit, md5, noise, paths, sha256};

#[test]
fn a_wrong_recorded_size_is_a_remark_and_never_hides_a_match() {
    let kit = Kit::new();
    let content = noise(10, 4321);
    kit.write("stick/a.bin", &content);
    kit.write("list.csv", format!("md5,size,category\n{},99,1\n", md5(&content)));
    let done = kit.run(["scan", "stick", "--alert", "list.csv", "--profile", "uk"]);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    let finding = &kit.findings()["findings"][0];
    let remarks = finding["remarks"].to_string();
    assert!(remarks.contains("records a size of 99"), "{remarks}");
    assert!(remarks.contains("MD5 alone"), "{remarks}");
    assert_eq!(finding["hits"][0]["category"], "1");
    assert_eq!(finding["sha256"], sha256(&content));
}

#[test]
fn the_empty_file_never_alerts() {
    let kit = Kit::new();
    kit.write("stick/empty", "");
    kit.write("list.txt", format!("{}\n{}\n", md5(""), md5("another")));
    let done = kit.run(["scan", "stick", "--alert", "list.txt"]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("1 entries of the empty file left out"), "{}", done.stdout);
}

#[test]
fn a_categorised_list_without_a_profile_asks_for_review() {
    let kit = Kit::new();
    let content = noise(11, 1234);
    kit.write("stick/a.bin", &content);
    kit.write("list.csv", format!("md5,category\n{},1\n", md5(&content)));
    let done = kit.run(["scan", "stick", "--alert", "list.csv"]);
    assert_eq!(done.code, 2, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("REVIEW"), "{}", done.stdout);
    assert!(done.stdout.contains("no name configured"), "{}", done.stdout);
}

#[test]
fn known_good_files_are_counted_and_not_reported_and_an_alert_wins_over_them() {
    let kit = Kit::new();
    let (good, both) = (noise(12, 500), noise(13, 600));
    kit.write("stick/good.bin", &good);
    kit.write("stick/both.bin", &both);
    kit.write("good.txt", format!("{}  good\n{}  both\n", sha256(&good), sha256(&both)));
    let done = kit.run(["scan", "stick", "--known-good", "good.txt", "--alert-digest", &sha256(&both)]);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    let findings = kit.findings();
    assert_eq!(paths(&findings), ["both.bin"]);
    let remarks = findings["findings"][0]["remarks"].to_string();
    assert!(remarks.contains("known-good"), "{remarks}");
    assert_eq!(findings["coverage"]["sources"][0]["ledger"]["known"], 1, "{}", findings["coverage"]);
}

#[test]
fn every_name_of_a_hard_linked_file_is_a_finding_and_it_is_read_once() {
    let kit = Kit::new();
    let content = noise(14, 7777);
    let first = kit.write("stick/b.bin", &content);
    std::fs::create_dir_all(kit.path("stick/sub")).unwrap();
    std::fs::hard_link(&first, kit.path("stick/sub/a.bin")).unwrap();
    let done = kit.run(["scan", "stick", "--alert-digest", &sha256(&content)]);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    let findings = kit.findings();
    assert_eq!(paths(&findings), ["b.bin", "sub/a.bin"]);
    let total = &findings["coverage"]["sources"][0]["ledger"]["total"];
    assert_eq!(*total, 7777, "a folder's total counts distinct files: {}", findings["coverage"]);
}

#[test]
fn lists_in_a_folder_that_the_environment_names_are_used_by_their_folder() {
    let kit = Kit::new();
    let content = noise(15, 4000);
    kit.write("stick/a.bin", &content);
    kit.write("sets/alert/list.txt", md5(&content));
    kit.write("sets/alert/README.md", "not a list");
    let output = kit.command(["scan", "stick"]).env("ONSCENE_HASHSETS", kit.path("sets")).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
}
