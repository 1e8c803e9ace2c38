//! Wrong arguments and broken files: one clear line, exit code 3, nothing left behind.

use super::kit::{Kit, md5};

/// The scan must fail before it starts, name what is wrong, and make no case folder.
fn refused(kit: &Kit, arguments: &[&str], expected: &[&str]) {
    let done = kit.run(arguments);
    assert_eq!(done.code, 3, "{arguments:?}: {}{}", done.stdout, done.stderr);
    for word in expected {
        assert!(done.stderr.contains(word), "{arguments:?} should say {word:?}: {}", done.stderr);
    }
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
    assert!(kit.runs().is_empty(), "{arguments:?}");
}

#[test]
fn what_cannot_be_scanned_is_refused_with_what_to_do() {
    let kit = Kit::new();
    let digest = md5("x");
    kit.write("stick/a", "a");
    kit.write("empty.img", "");
    kit.write("image.002", "later");
    kit.write("image.001", "first");
    let with = |source: &'static str| ["scan", source, "--alert-digest", &digest].map(str::to_owned);
    for (source, expected) in [
        ("nowhere", &["nowhere", "no such file"][..]),
        ("empty.img", &["empty.img", "empty"]),
        ("/dev/null", &["/dev/null", "neither"]),
        ("image.002", &["image.001"]),
    ] {
        let arguments = with(source);
        refused(&kit, &arguments.each_ref().map(String::as_str), expected);
    }
    refused(&kit, &["scan", "stick"], &["--alert", "--demo"]);
    refused(&kit, &["scan", "stick", "--alert-digest", "xyz"], &["hexadecimal"]);
    refused(&kit, &["scan", "--alert", "absent.txt", "stick"], &["absent.txt"]);
    refused(&kit, &["scan", "--exhibit", "nonsense", "--alert-digest", &digest], &["REF=SOURCE"]);
    refused(
        &kit,
        &["scan", "--exhibit", "A=stick", "--exhibit", "A=stick", "--alert-digest", &digest],
        &["given twice"],
    );
    refused(&kit, &["scan", "stick", "--alert-digest", &digest, "--config", "absent.toml"], &["absent.toml"]);
    refused(&kit, &["scan", "stick", "--alert-digest", &digest, "--profile", "atlantis"], &["atlantis"]);
}

#[test]
fn a_case_folder_inside_a_source_is_refused() {
    let kit = Kit::new();
    kit.write("stick/a", "a");
    let arguments = ["scan", "stick", "--alert-digest", &md5("x"), "--out", "stick/cases"];
    refused(&kit, &arguments, &["inside the source", "--out"]);
    assert!(!kit.path("stick/cases").exists());
}

#[test]
fn lists_that_are_no_lists_activate_nothing() {
    let kit = Kit::new();
    kit.write("stick/a", "a");
    kit.write("text.txt", "dear diary\nnothing happened today\n");
    kit.write("torn.json", "{\"@odata.context\":\"github:VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/US/$metadata#Media\",\"value\":[{\"MediaID\":1,\"Category\":1,\"MD5\":\"5D41402ABC4B2A76B9719D911017C592\"},{\"Med");
    kit.write("zero.txt", "");
    refused(&kit, &["scan", "stick", "--alert", "text.txt"], &["text.txt"]);
    refused(&kit, &["scan", "stick", "--alert", "torn.json"], &["torn.json", "truncated"]);
    refused(&kit, &["scan", "stick", "--alert", "zero.txt"], &["zero.txt"]);
}

#[test]
fn folders_that_are_no_runs_are_refused_by_the_commands_that_want_one() {
    let kit = Kit::new();
    kit.write("stick/a", "a");
    for arguments in
        [&["verify", "stick"][..], &["report", "stick"], &["label", "stick", "a", "b"], &["examine"]]
    {
        let done = kit.run(arguments);
        assert_eq!(done.code, 3, "{arguments:?}: {}{}", done.stdout, done.stderr);
        assert!(!done.stderr.is_empty() && !done.stderr.contains("panicked"), "{arguments:?}");
    }
}
