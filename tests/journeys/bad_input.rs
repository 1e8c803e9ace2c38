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

#[cfg(unix)]
#[test]
fn a_case_folder_that_leads_into_a_source_by_a_link_is_refused() {
    let kit = Kit::new();
    kit.write("stick/deep/a", "a");
    std::os::unix::fs::symlink(kit.path("stick/deep"), kit.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(kit.path("stick"), kit.path("source")).unwrap();
    let digest = md5("x");
    for (source, out) in [("stick", "elsewhere"), ("stick", "elsewhere/new/cases"), ("source", "stick/cases")]
    {
        let arguments = ["scan", source, "--alert-digest", &digest, "--out", out];
        refused(&kit, &arguments, &["inside the source", "--out"]);
    }
    assert_eq!(std::fs::read_dir(kit.path("stick/deep")).unwrap().count(), 1);
}

/// Runs a scan in a name space of its own with `from` mounted at `to`; `None` when that is not allowed here.
#[cfg(target_os = "linux")]
fn scan_with_bind_mount(kit: &Kit, from: &str, to: &str, arguments: &[&str]) -> Option<(i32, String)> {
    let script = "mount --bind \"$1\" \"$2\" || exit 99; shift 2; exec \"$@\"";
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh", from, to]).arg(super::kit::binary()).args(arguments);
    let done = command.current_dir(kit.path("")).output().ok()?;
    let text = String::from_utf8_lossy(&done.stderr).into_owned();
    match done.status.code() {
        Some(99) | None => None,
        Some(1) if text.contains("unshare") => None,
        Some(code) => Some((code, text)),
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_case_folder_that_leads_into_a_source_by_a_mount_is_refused() {
    let kit = Kit::new();
    kit.write("stick/deep/a", "a");
    kit.write("other/b", "b");
    let digest = md5("x");
    for (from, source, out) in [
        ("stick", "stick", "other"),
        ("stick/deep", "stick", "other"),
        ("stick/deep", "stick", "other/new/cases"),
        ("stick", "other", "stick/cases"),
        ("stick", "other", "stick/deep"),
    ] {
        let arguments = ["scan", source, "--alert-digest", &digest, "--out", out];
        let Some((code, text)) = scan_with_bind_mount(&kit, from, "other", &arguments) else {
            eprintln!("SKIPPED: a name space for mounts needs root");
            return;
        };
        assert!(code == 3 && text.contains("inside the source"), "{from} {source} {out}: {code} {text}");
    }
    // What lies beside the source is no part of it, on the same file system and through a mount.
    let arguments = ["scan", "stick", "--alert-digest", &digest, "--out", "other/cases"];
    std::fs::create_dir(kit.path("beside")).unwrap();
    let (code, text) = scan_with_bind_mount(&kit, "beside", "other", &arguments).unwrap();
    assert_eq!(code, 0, "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_under_any_name_is_refused_when_the_case_folder_lies_on_it() {
    use std::os::unix::fs::MetadataExt as _;
    let kit = Kit::new();
    let device = std::fs::metadata(kit.path("")).unwrap().dev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let made = std::process::Command::new("mknod")
        .arg(kit.path("alias"))
        .args(["b", &major.to_string(), &minor.to_string()])
        .status();
    if major == 0 || !made.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: a device node needs root, and a temporary folder on a disk");
        return;
    }
    let digest = md5("x");
    refused(
        &kit,
        &["scan", "alias", "--alert-digest", &digest, "--allow-system-disk"],
        &["on the device alias"],
    );
    // A number that is no attached device's.
    let made = std::process::Command::new("mknod").arg(kit.path("unknown")).args(["b", "240", "77"]).status();
    assert!(made.unwrap().success());
    refused(&kit, &["scan", "unknown", "--alert-digest", &digest], &["does not tell which device"]);
}

#[test]
fn a_folder_of_lists_inside_a_source_is_refused_unless_the_lists_are_named() {
    let kit = Kit::new();
    kit.write("stick/sets/alert/list.txt", md5("x"));
    kit.write("stick/a", "a");
    let mut command = kit.command(["scan", "stick"]);
    let output = command.env("ONSCENE_HASHSETS", kit.path("stick/sets")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(3) && text.contains("--alert"), "{text}");
    assert!(kit.runs().is_empty());
    let done = kit.run(["scan", "stick", "--alert", "stick/sets/alert/list.txt"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
}

#[cfg(unix)]
#[test]
fn a_segment_that_is_no_file_is_refused_and_does_not_block() {
    let kit = Kit::new();
    kit.write("image.001", "first");
    let made = std::process::Command::new("mkfifo").arg(kit.path("image.002")).status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: no mkfifo");
        return;
    }
    refused(&kit, &["scan", "image.001", "--alert-digest", &md5("x")], &["image.002", "neither"]);
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
