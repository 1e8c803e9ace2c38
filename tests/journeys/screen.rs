//! What reaches the screen, and what happens when nobody looks at it any more.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use super::kit::{Kit, md5, noise};

/// Characters that steer a terminal or hide: none may stand on the screen as they are.
fn hides(character: char) -> bool {
    (character.is_control() && character != '\n')
        || ('\u{200b}'..='\u{200f}').contains(&character)
        || ('\u{202a}'..='\u{202e}').contains(&character)
        || ('\u{2066}'..='\u{2069}').contains(&character)
}

const HOSTILE: &str = "\u{202e}gpj\u{9b}31m\u{7f}\u{200b}.exe";

#[test]
fn a_reader_that_goes_away_costs_neither_the_exit_code_nor_the_seal() {
    let kit = Kit::new();
    let wanted = noise(60, 3000);
    for number in 0..200 {
        kit.write(&format!("stick/{number}.bin"), &wanted);
    }
    let digest = md5(&wanted);
    for extra in [&[][..], &["--json"], &["--show-names"]] {
        let arguments = ["scan", "stick", "--alert-digest", &digest];
        let mut command = kit.command(arguments.iter().chain(extra));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Nobody reads what goes wrong, and of the rest only the first line.
        drop(child.stderr.take());
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.is_empty());
        assert_eq!(child.wait().unwrap().code(), Some(1), "{extra:?}");
    }
    let runs = kit.runs();
    assert_eq!(runs.len(), 3);
    for run in runs {
        let verified = kit.run(["verify".as_ref(), run.as_os_str()]);
        assert_eq!(verified.code, 0, "{}", verified.stdout);
    }
}

#[test]
fn a_full_disk_behind_the_screen_costs_neither_the_exit_code_nor_the_seal() {
    let full = || std::fs::File::options().write(true).open("/dev/full");
    if full().is_err() {
        eprintln!("SKIPPED: there is no /dev/full");
        return;
    }
    let kit = Kit::new();
    kit.write("stick/a", "a");
    let digest = md5("a");
    let mut command = kit.command(["scan", "stick", "--alert-digest", &digest]);
    let status = command.stdout(full().unwrap()).stderr(full().unwrap()).status().unwrap();
    assert_eq!(status.code(), Some(1));
    assert_eq!(kit.run(["verify".as_ref(), kit.only_run().as_os_str()]).code, 0);
}

#[test]
fn no_text_commands_the_terminal_and_json_gives_the_name_back() {
    let kit = Kit::new();
    let wanted = noise(61, 3000);
    kit.write(&format!("stick/{HOSTILE}"), &wanted);
    let digest = md5(&wanted);
    for arguments in [
        &["scan", "stick", "--show-names", "--alert-digest", &digest][..],
        &["scan", "stick", "--show-names", "--json", "--alert-digest", &digest],
        &["list", "stick", "--format", "jsonl"],
        &["list", "stick", "--format", "text"],
        &["scan", &format!("nowhere{HOSTILE}"), "--alert-digest", &digest],
        &["scan", "stick", "--alert", &format!("nowhere{HOSTILE}")],
        &["label", HOSTILE, "stick", "x"],
        &["verify", HOSTILE],
    ] {
        let done = kit.run(arguments);
        let shown = format!("{}{}", done.stdout, done.stderr);
        assert!(!shown.chars().any(hides), "{arguments:?}: {shown:?}");
        assert!(shown.contains("202e"), "{arguments:?}: {shown:?}");
    }
    let listed = kit.run(["list", "stick", "--format", "jsonl"]).stdout;
    let paths: Vec<String> = listed
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["path"].as_str().unwrap().to_owned()
        })
        .collect();
    assert!(paths.iter().any(|path| path.ends_with(HOSTILE)), "{listed}");
}

#[test]
fn what_protects_a_source_is_said_once_and_before_it_is_read() {
    let kit = Kit::new();
    kit.write("stick/a", "a");
    let shown = kit.run(["scan", "stick", "--alert-digest", &md5("a")]).stdout;
    let place = |text: &str| shown.find(text).unwrap_or_else(|| panic!("{text} is missing: {shown}"));
    assert!(place("write protection not shown") < place("volume 0"), "{shown}");
    assert!(place("examiner") < place("volume 0"), "{shown}");
    assert_eq!(shown.matches("write protection not shown").count(), 1, "{shown}");
    let image = super::kit::demo_image();
    let shown =
        kit.run(["scan".as_ref(), image.as_os_str(), "--alert-digest".as_ref(), md5("a").as_ref()]).stdout;
    assert!(shown.contains("note      demo-usb.E01"), "{shown}");
}
