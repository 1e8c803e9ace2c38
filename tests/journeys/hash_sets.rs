//! Hash sets as exhibits: built, checked, signed, sealed, compared, and used in a scan.

use serde_json::Value;

use super::kit::{Done, Kit, md5, noise, paths, sha256};

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/hashsets/demo");

/// Runs a command that must end with that code.
fn run(kit: &Kit, code: i32, arguments: &[&str]) -> Done {
    let done = kit.run(arguments);
    assert_eq!(done.code, code, "{arguments:?}: {}{}", done.stdout, done.stderr);
    done
}

fn build(kit: &Kit, out: &str, role: &str, more: &[&str]) -> Done {
    run(kit, 0, &[&["set", "build", out, "--role", role], more].concat())
}

/// A stick with two files, and lists of category 1 and 2 that hold one each and one more.
fn prepared() -> Kit {
    let kit = Kit::new();
    let (a, b) = (noise(1, 3000), noise(2, 4000));
    kit.write("stick/a.bin", &a);
    kit.write("stick/b.bin", &b);
    kit.write("stick/c.bin", noise(3, 5000));
    kit.write("one.csv", format!("md5,category,size\n{},1,3000\n{},1,7\n", md5(&a), md5("x")));
    kit.write("two.csv", format!("sha256,category\n{},2\n{},3\n", sha256(&b), sha256("y")));
    kit
}

#[test]
fn the_demonstration_set_is_the_same_bytes_whenever_and_in_whichever_order_it_is_built() {
    let kit = Kit::new();
    let (pictures, digests) = (format!("{DEMO}/demo-pictures.json"), format!("{DEMO}/demo-md5.txt"));
    let label = ["--profile", "uk", "--issuer", "onscene", "--valid-until", "2099-12-31", "--name", "demo"];
    build(&kit, "one.set", "alert", &[&["--list", &pictures, "--list", &digests], &label[..]].concat());
    build(&kit, "two.set", "alert", &[&["--list", &digests, "--list", &pictures], &label[..]].concat());
    let (one, two) =
        (std::fs::read(kit.path("one.set")).unwrap(), std::fs::read(kit.path("two.set")).unwrap());
    assert_eq!(one, two);
    assert!(run(&kit, 0, &["set", "verify", "one.set"]).stdout.contains("SOUND"));
    let info = run(&kit, 0, &["set", "info", "one.set"]).stdout;
    assert!(info.contains("  MD5     19 values") && info.contains("issuer onscene"), "{info}");
    assert!(
        run(&kit, 3, &["set", "build", "one.set", "--role", "alert", "--list", &digests])
            .stderr
            .contains("never")
    );
    for at in (0..one.len()).step_by(one.len() / 50) {
        let mut altered = one.clone();
        altered[at] ^= 1 << (at % 8);
        kit.write("altered.set", &altered);
        let done = kit.run(["set", "verify", "altered.set"]);
        // A file that does not begin like a set any more is none.
        assert!(done.code == 1 || at < 16, "byte {at}: {}{}", done.stdout, done.stderr);
        assert_ne!(done.code, 0);
    }
    kit.write("cut.set", &one[..one.len() - 1]);
    run(&kit, 1, &["set", "verify", "cut.set"]);
}

#[test]
fn a_compiled_set_finds_what_its_lists_find() {
    let kit = prepared();
    run(&kit, 1, &["scan", "stick", "--alert", "one.csv", "--alert", "two.csv", "--profile", "uk"]);
    build(
        &kit,
        "uk.set",
        "alert",
        &["--list", "one.csv", "--list", "two.csv", "--profile", "uk", "--name", "alert"],
    );
    run(&kit, 1, &["scan", "stick", "--alert", "uk.set"]);
    let findings: Vec<Value> = kit
        .runs()
        .iter()
        .map(|run| serde_json::from_slice(&std::fs::read(run.join("findings.json")).unwrap()).unwrap())
        .collect();
    assert_eq!(paths(&findings[0]), ["a.bin", "b.bin"]);
    assert_eq!(findings[0]["findings"], findings[1]["findings"]);
}

#[test]
fn a_set_is_used_for_what_it_was_built_for_and_nothing_else() {
    let kit = prepared();
    build(&kit, "uk.set", "alert", &["--list", "one.csv", "--profile", "uk"]);
    let refused = run(&kit, 3, &["scan", "stick", "--known-good", "uk.set", "--alert", "two.csv"]);
    assert!(refused.stderr.contains("was built as an alert set"), "{}", refused.stderr);
    let refused = run(&kit, 3, &["scan", "stick", "--alert", "uk.set", "--profile", "us"]);
    assert!(refused.stderr.contains("keeps the profile"), "{}", refused.stderr);
    let refused = run(&kit, 3, &["set", "info", "one.csv"]);
    assert!(refused.stderr.contains("no compiled set: make one"), "{}", refused.stderr);
    assert!(kit.runs().is_empty());
}

#[test]
fn a_set_whose_last_day_is_past_says_so_on_the_screen_and_in_the_record() {
    let kit = prepared();
    build(&kit, "old.set", "alert", &["--list", "one.csv", "--valid-until", "2020-02-29", "--profile", "uk"]);
    let done = run(&kit, 1, &["scan", "stick", "--alert", "old.set"]);
    assert!(done.stderr.contains("EXPIRED") && done.stderr.contains("2020-02-29"), "{}", done.stderr);
    let run = kit.only_run();
    assert!(std::fs::read_to_string(run.join("journal.jsonl")).unwrap().contains("\"expired\":true"));
    assert!(std::fs::read_to_string(run.join("report.html")).unwrap().contains("valid until 2020-02-29"));
}

#[test]
fn who_signed_a_set_is_shown_and_a_false_signature_refuses_it() {
    let kit = prepared();
    run(&kit, 0, &["key", "new", "lab"]);
    build(&kit, "signed.set", "alert", &["--list", "one.csv", "--sign", "lab.key", "--profile", "uk"]);
    let unknown = run(&kit, 2, &["set", "verify", "signed.set"]);
    assert!(unknown.stdout.contains("not trusted"), "{}", unknown.stdout);
    std::fs::create_dir(kit.path("keys")).unwrap();
    std::fs::copy(kit.path("lab.pub"), kit.path("keys/lab.pub")).unwrap();
    let trusted = run(&kit, 0, &["set", "verify", "signed.set", "--trusted-keys", "keys"]);
    assert!(trusted.stdout.contains("trusted key lab"), "{}", trusted.stdout);
    let scan = ["scan", "stick", "--alert", "signed.set", "--trusted-keys", "keys"];
    assert!(run(&kit, 1, &scan).stdout.contains("signed by lab"));
    let mut bytes = std::fs::read(kit.path("signed.set")).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    kit.write("signed.set", bytes);
    run(&kit, 1, &["set", "verify", "signed.set"]);
    assert!(run(&kit, 3, &scan).stderr.contains("signature"));
}

#[test]
fn a_sealed_set_opens_with_its_passphrase_alone() {
    let kit = prepared();
    kit.write("right", "correct horse\n");
    kit.write("wrong", "battery staple\n");
    kit.write("blank", "  \n");
    let sealing = ["--list", "one.csv", "--profile", "uk", "--seal", "--passphrase-file"];
    let done = build(&kit, "sealed.set", "alert", &[&sealing[..], &["right"]].concat());
    assert!(done.stdout.contains("nobody can recover"), "{}", done.stdout);
    let blank = [&["set", "build", "blank.set", "--role", "alert"], &sealing[..], &["blank"]].concat();
    assert!(run(&kit, 3, &blank).stderr.contains("passphrase is empty"));
    assert!(!kit.path("blank.set").exists());
    let sealed = std::fs::read(kit.path("sealed.set")).unwrap();
    assert!(sealed.starts_with(b"age-encryption.org/v1"));
    run(&kit, 1, &["scan", "stick", "--alert", "sealed.set", "--passphrase-file", "right"]);
    assert_eq!(paths(&kit.findings()), ["a.bin"]);
    let wrong = run(&kit, 3, &["set", "info", "sealed.set", "--passphrase-file", "wrong"]);
    assert!(wrong.stderr.contains("wrong passphrase"), "{}", wrong.stderr);
    assert!(run(&kit, 3, &["set", "info", "sealed.set"]).stderr.contains("--passphrase-file"));
    let mut altered = sealed;
    let last = altered.len() - 1;
    altered[last] ^= 1;
    kit.write("sealed.set", altered);
    run(&kit, 1, &["set", "verify", "sealed.set", "--passphrase-file", "right"]);
}

#[test]
fn two_sets_are_compared_digest_by_digest() {
    let kit = prepared();
    let a = md5(noise(1, 3000));
    kit.write("newer.csv", format!("md5,category,size\n{a},2,3000\n{},1,7\n", md5("z")));
    kit.write("known.txt", format!("{a}  a\n{}  w\n", md5("w")));
    build(&kit, "old.set", "alert", &["--list", "list=one.csv", "--profile", "uk"]);
    build(&kit, "new.set", "alert", &["--list", "list=newer.csv", "--profile", "uk"]);
    build(&kit, "good.set", "known-good", &["--list", "known.txt"]);
    let diff = run(&kit, 1, &["set", "diff", "old.set", "new.set", "--list"]).stdout;
    assert!(
        diff.contains("1 added, 1 removed, 1 of which the lists say something else, 0 the same"),
        "{diff}"
    );
    assert!(diff.contains(&format!("~ {a} list list category 1 -> list list category 2")), "{diff}");
    assert!(diff.contains(&format!("- {}", md5("x"))) && diff.contains(&format!("+ {}", md5("z"))), "{diff}");
    assert!(run(&kit, 0, &["set", "diff", "old.set", "old.set"]).stdout.contains("byte for byte"));
    let conflicts = run(&kit, 1, &["set", "conflicts", "old.set", "good.set"]).stdout;
    assert!(conflicts.contains(&a) && conflicts.contains("1 in both sets"), "{conflicts}");
    run(&kit, 3, &["set", "conflicts", "good.set", "old.set"]);
    run(&kit, 1, &["scan", "stick", "--alert", "old.set", "--known-good", "good.set"]);
    assert!(
        kit.findings()["findings"][0]["remarks"].to_string().contains("known-good set good holds it too")
    );
}

#[test]
fn a_look_up_takes_digests_files_and_standard_input() {
    use std::io::Write as _;
    let kit = prepared();
    build(&kit, "uk.set", "alert", &["--list", "one.csv", "--list", "two.csv", "--profile", "uk"]);
    let found = run(&kit, 1, &["set", "lookup", "uk.set", "stick/a.bin", "stick/b.bin", &md5("none")]).stdout;
    assert!(found.contains("category 1 (A) by list one.csv, alert"), "{found}");
    assert!(found.contains("category 2 (B) by list two.csv, alert") && found.contains("absent"), "{found}");
    run(&kit, 0, &["set", "lookup", "uk.set", "stick/c.bin"]);
    let neither = run(&kit, 3, &["set", "lookup", "uk.set", "nothing"]);
    assert!(neither.stderr.contains("neither a digest"), "{}", neither.stderr);
    let mut piped = kit.command(["set", "lookup", "uk.set", "-"]);
    let mut child =
        piped.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{}\n{}", md5("x").to_uppercase(), md5("none")).unwrap();
    let done = child.wait_with_output().unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(1), "{text}");
    assert!(text.contains("found") && text.contains("absent"), "{text}");
}

#[test]
fn a_set_that_is_damaged_where_an_answer_stands_never_gives_another_one() {
    let kit = prepared();
    let more: String = (0..20_000_u32).map(|n| format!("{},1,{n}\n", md5(n.to_le_bytes()))).collect();
    kit.write("great.csv", format!("md5,category,size\n{},1,3000\n{more}", md5(noise(1, 3000))));
    build(&kit, "uk.set", "alert", &["--list", "great.csv", "--profile", "uk"]);
    let sound = std::fs::read(kit.path("uk.set")).unwrap();
    let wanted = hex::decode(md5(noise(1, 3000))).unwrap();
    let at = sound.windows(16).position(|bytes| bytes == wanted).unwrap();
    let mut damaged = sound;
    damaged[at + 15] ^= 0x40;
    kit.write("uk.set", damaged);
    let refused = run(&kit, 3, &["set", "lookup", "uk.set", "stick/a.bin"]);
    assert!(refused.stderr.contains("those that were compiled"), "{}", refused.stderr);
    run(&kit, 1, &["set", "verify", "uk.set"]);
    let failed = run(&kit, 3, &["scan", "stick", "--alert", "uk.set"]);
    let told = failed.stdout + &failed.stderr;
    assert!(told.contains("the run FAILED, do not rely on it"), "{told}");
}

#[test]
fn a_list_against_its_role_is_refused_unless_forced_and_then_the_report_quotes_why() {
    let kit = prepared();
    let harmless = format!(
        "{{\"@odata.context\":\"#Media\",\"value\":[{{\"MD5\":\"{}\",\"Category\":0}}]}}",
        md5(noise(1, 3000))
    );
    kit.write("harmless.json", harmless);
    let building = ["set", "build", "x.set", "--role", "alert", "--list", "harmless.json"];
    assert!(run(&kit, 3, &building).stderr.contains("category 0"));
    let checked = run(&kit, 0, &["set", "check", "harmless.json"]).stdout;
    assert!(checked.contains("refused as alert without --force-role"), "{checked}");
    run(&kit, 0, &[&building[..], &["--force-role"]].concat());
    run(&kit, 2, &["scan", "stick", "--alert", "x.set"]);
    let report = std::fs::read_to_string(kit.only_run().join("report.html")).unwrap();
    assert!(
        report.contains("taken as alert on the operator&#39;s word") || report.contains("operator's word")
    );
}

#[test]
fn a_list_is_checked_without_making_a_set_of_it() {
    let kit = Kit::new();
    kit.write(
        "list.csv",
        format!("md5,category\n{0},1\n{0},1\n{1},2\nxyz,3\n{2},1\n", md5("a"), md5("b"), md5("")),
    );
    let checked = run(&kit, 2, &["set", "check", "list.csv"]).stdout;
    for part in [
        "2 different digests",
        "line 5: not the hex",
        "category    1: 3 records",
        "empty file  1",
        "duplicates  1",
    ] {
        assert!(checked.contains(part), "{part}: {checked}");
    }
    let json = run(&kit, 2, &["set", "check", "--json", "list.csv"]).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["list"]["entries"], &json["list"]["rejected"]), (&2.into(), &1.into()));
    kit.write("cut.json", "{\"value\": [{\"MD5\": \"");
    assert!(run(&kit, 3, &["set", "check", "cut.json"]).stderr.contains("truncated"));
}

#[test]
fn two_sets_of_one_name_and_one_of_the_name_of_the_control_are_refused() {
    let kit = prepared();
    for (out, list) in [("old.set", "one.csv"), ("new.set", "two.csv")] {
        build(&kit, out, "alert", &["--list", list, "--profile", "uk", "--name", "caid"]);
    }
    let refused = run(&kit, 3, &["scan", "stick", "--alert", "old.set", "--alert", "new.set"]);
    assert!(refused.stderr.contains("which of the two"), "{}", refused.stderr);
    let control =
        ["set", "build", "x.set", "--role", "alert", "--list", "one.csv", "--name", "onscene control"];
    assert!(run(&kit, 3, &control).stderr.contains("control set"));
    // Lists that are given directly make way.
    build(&kit, "alert.set", "alert", &["--list", "one.csv", "--profile", "uk"]);
    run(&kit, 1, &["scan", "stick", "--alert", "alert.set", "--alert", "two.csv", "--profile", "uk"]);
    assert_eq!(paths(&kit.findings()), ["a.bin", "b.bin"]);
}

#[test]
fn a_set_whose_signature_was_cut_off_is_called_unsigned_where_keys_are_trusted() {
    let kit = prepared();
    run(&kit, 0, &["key", "new", "lab"]);
    build(&kit, "signed.set", "alert", &["--list", "one.csv", "--sign", "lab.key", "--profile", "uk"]);
    let signed = std::fs::read(kit.path("signed.set")).unwrap();
    kit.write("cut.set", &signed[..signed.len() - 96]);
    kit.write("keys/lab.pub", std::fs::read(kit.path("lab.pub")).unwrap());
    let scan = |set, keys| run(&kit, 1, &["scan", "stick", "--alert", set, "--trusted-keys", keys]);
    assert!(scan("cut.set", "keys").stderr.contains("UNSIGNED  cut.set"));
    assert!(!scan("signed.set", "keys").stderr.contains("UNSIGNED"));
    let missing = run(&kit, 3, &["set", "verify", "signed.set", "--trusted-keys", "kyes"]);
    assert!(missing.stderr.contains("kyes"), "{}", missing.stderr);
}

#[test]
fn the_profile_of_the_settings_is_for_lists_and_leaves_compiled_sets_alone() {
    let kit = prepared();
    build(&kit, "uk.set", "alert", &["--list", "one.csv", "--profile", "uk"]);
    kit.write("onscene.toml", "profile = \"us\"\n");
    run(&kit, 1, &["scan", "stick", "--alert", "uk.set", "--config", "onscene.toml"]);
    assert!(
        std::fs::read_to_string(kit.only_run().join("journal.jsonl"))
            .unwrap()
            .contains("[\"profile\",\"uk\"]")
    );
}

#[test]
fn a_look_up_says_when_the_set_cannot_know() {
    let kit = prepared();
    build(&kit, "one.set", "alert", &["--list", "one.csv", "--profile", "uk"]);
    let absent = run(&kit, 0, &["set", "lookup", "one.set", &sha256("x")]).stdout;
    assert!(absent.contains("no digest of this kind"), "{absent}");
    let absent = run(&kit, 0, &["set", "lookup", "one.set", &md5("none")]).stdout;
    assert!(!absent.contains("no digest of this kind"), "{absent}");
    kit.write("pdq.txt", format!("{}\n", sha256("picture")));
    build(&kit, "pdq.set", "alert", &["--list", "pdq.txt", "--long-digits", "pdq"]);
    let found = run(&kit, 1, &["set", "lookup", "pdq.set", &sha256("picture")]).stdout;
    assert!(found.contains("PDQ, by list pdq.txt"), "{found}");
}

#[test]
fn a_list_that_now_says_that_the_victim_is_identified_differs() {
    let kit = Kit::new();
    for (out, answer) in [("old", "false"), ("new", "true")] {
        let media = format!("{{\"MD5\":\"{}\",\"Category\":1,\"VictimIdentified\":{answer}}}", md5("a"));
        kit.write("list.json", format!("{{\"@odata.context\":\"#Media\",\"value\":[{media}]}}"));
        build(&kit, &format!("{out}.set"), "alert", &["--list", "list.json", "--profile", "uk"]);
    }
    let diff = run(&kit, 1, &["set", "diff", "old.set", "new.set"]).stdout;
    assert!(diff.contains("1 of which the lists say something else"), "{diff}");
}

#[cfg(unix)]
#[test]
fn a_list_whose_name_is_no_text_is_checked_all_the_same() {
    use std::os::unix::ffi::OsStrExt as _;
    let kit = Kit::new();
    let name = std::ffi::OsStr::from_bytes(b"list-\xff.txt");
    std::fs::write(kit.path("").join(name), format!("{}\n", md5("a"))).unwrap();
    let arguments = ["set", "check", "--json"].map(std::ffi::OsStr::new);
    let done = kit.run(arguments.into_iter().chain([name]));
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
}

#[cfg(unix)]
#[test]
fn texts_that_may_name_victims_are_written_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let kit = Kit::new();
    let media = format!("{{\"MD5\":\"{}\",\"Category\":1,\"Series\":\"synthetic\"}}", md5("a"));
    kit.write("list.json", format!("{{\"@odata.context\":\"#Media\",\"value\":[{media}]}}"));
    build(&kit, "x.set", "alert", &["--list", "list.json", "--with-list-text"]);
    run(&kit, 0, &["set", "texts", "x.set", "texts.jsonl"]);
    let mode = std::fs::metadata(kit.path("texts.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
