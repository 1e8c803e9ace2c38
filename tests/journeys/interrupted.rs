//! Power cuts, killed processes and impatient operators cost no finding.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

use super::kit::{Kit, md5, noise, paths};

const FILES: u64 = 1500;
const SIZE: usize = 8 * 1024;

/// A folder of many files of which every fifth is in the list. Between them lie large sparse ones, which cost no
/// disk and enough digesting to leave time for a kill.
fn stick(kit: &Kit) {
    let mut list = String::new();
    for number in 0..FILES {
        let content = noise(100 + number, SIZE);
        if number % 5 == 0 {
            list.push_str(&format!("{}\n", md5(&content)));
        }
        kit.write(&format!("stick/d{}/f{number:05}.bin", number % 20), &content);
        if number % 50 == 0 {
            let large = kit.write(&format!("stick/large/{number}"), "");
            std::fs::File::options().write(true).open(large).unwrap().set_len(12_000_000 + number).unwrap();
        }
    }
    kit.write("list.txt", list);
}

fn start(kit: &Kit, out: &str) -> (Child, BufReader<ChildStdout>) {
    let mut command =
        kit.command(["scan", "stick", "--alert", "list.txt", "--show-names", "--threads", "2", "--out", out]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

/// Reads what is shown until `matches` findings were, and returns their paths.
fn watch(output: &mut BufReader<ChildStdout>, matches: usize) -> Vec<String> {
    let mut shown = Vec::new();
    let mut line = String::new();
    while shown.len() < matches && output.read_line(&mut line).unwrap() > 0 {
        shown.extend(path_of(&line));
        line.clear();
    }
    shown
}

fn path_of(line: &str) -> Option<String> {
    line.starts_with("MATCH ").then(|| line.trim_end().rsplit(": ").next().unwrap().to_owned())
}

fn the_rest(output: BufReader<ChildStdout>) -> Vec<String> {
    output.lines().map_while(Result::ok).filter_map(|line| path_of(&line)).collect()
}

/// The only run below a folder for cases; none when it was killed before it made one.
fn run_in(cases: &Path) -> Option<std::path::PathBuf> {
    let first = |folder: &Path| Some(std::fs::read_dir(folder).ok()?.next()?.unwrap().path());
    first(&first(cases)?)
}

/// Kills the recorder at a moment and checks that every shown finding is kept. Returns how many were shown.
fn kill_at(kit: &Kit, round: usize, after_matches: usize, pause: Duration) -> usize {
    let out = format!("cases{round}");
    let (mut child, mut output) = start(kit, &out);
    let mut shown = watch(&mut output, after_matches);
    std::thread::sleep(pause);
    child.kill().unwrap();
    child.wait().unwrap();
    shown.extend(the_rest(output));
    let Some(run) = run_in(&kit.path(&out)) else {
        assert!(shown.is_empty());
        return 0;
    };
    let journal = std::fs::read_to_string(run.join("journal.jsonl")).unwrap_or_default();
    for path in &shown {
        assert!(
            journal.contains(&format!("\"path\":\"{path}\"")),
            "{path} was shown and is not in the journal"
        );
    }
    let verify = kit.run(["verify".as_ref(), run.as_os_str()]);
    let sealed = run.join("manifest.json").exists();
    assert!(
        verify.code == 2 && verify.stdout.contains("UNSEALED") || sealed && verify.code == 0,
        "{}{}",
        verify.stdout,
        verify.stderr
    );
    let report = kit.run(["report".as_ref(), run.as_os_str()]);
    assert_eq!(report.code, 0, "{}", report.stderr);
    let again = std::fs::read_to_string(Path::new(report.stdout.trim()).join("findings.json")).unwrap();
    for path in &shown {
        assert!(again.contains(path), "{path} is missing from the report made again");
    }
    if !sealed {
        assert!(again.contains("\"complete\":false") || again.contains("\"complete\": false"), "{again}");
    }
    shown.len()
}

#[test]
fn every_finding_that_was_shown_before_a_kill_is_in_the_journal_which_verifies() {
    let kit = Kit::new();
    stick(&kit);
    // A short slice; `make soak` raises it.
    let rounds: usize = std::env::var("ONSCENE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let mut with_findings = 0;
    for round in 0..rounds {
        // Odd rounds at any moment from the start on, even ones some while after a shown finding.
        let random = u64::from_le_bytes(noise(round as u64 + 7, 8).try_into().unwrap());
        let (matches, pause) = match round % 2 {
            0 => (1 + (random % 120) as usize, Duration::from_micros(random % 20_000)),
            _ => (0, Duration::from_millis(random % 700)),
        };
        with_findings += usize::from(kill_at(&kit, round, matches, pause) > 0);
    }
    eprintln!("{rounds} kills, {with_findings} of them after the first shown finding");
    assert!(with_findings * 2 >= rounds, "only {with_findings} of {rounds} kills came after a finding");
}

/// Numbers of the processes that a process has started, whichever of its threads did.
#[cfg(target_os = "linux")]
fn examiners(recorder: u32) -> Vec<String> {
    let threads = std::fs::read_dir(format!("/proc/{recorder}/task")).into_iter().flatten();
    let children =
        threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok());
    children.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn an_examiner_that_is_killed_is_started_again_and_nothing_is_missing() {
    let kit = Kit::new();
    stick(&kit);
    let whole = kit.run(["scan", "stick", "--alert", "list.txt", "--out", "whole"]);
    assert_eq!(whole.code, 1, "{}{}", whole.stdout, whole.stderr);
    let read =
        |out: &str| std::fs::read_to_string(run_in(&kit.path(out)).unwrap().join("findings.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&read("whole")).unwrap();

    let (mut child, mut output) = start(&kit, "killed");
    for matches in [1, 40, 40] {
        watch(&mut output, matches);
        for examiner in examiners(child.id()) {
            std::process::Command::new("kill").args(["-9", &examiner]).status().unwrap();
        }
    }
    the_rest(output);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let found: serde_json::Value = serde_json::from_str(&read("killed")).unwrap();
    let journal =
        std::fs::read_to_string(run_in(&kit.path("killed")).unwrap().join("journal.jsonl")).unwrap();
    assert!(journal.contains("was started again"), "no examiner was killed in time");
    // What an examiner died on alone, twice, is a problem; everything else must be there.
    let problems =
        std::fs::read_to_string(run_in(&kit.path("killed")).unwrap().join("not-examined.csv")).unwrap();
    let (found_paths, blamed) = (paths(&found), problems.matches("the examiner died").count());
    for path in paths(&expected) {
        assert!(
            found_paths.contains(&path) || problems.contains(&path),
            "{path} is neither found nor a problem"
        );
    }
    let ledger = |findings: &serde_json::Value| findings["coverage"]["sources"][0]["ledger"].clone();
    let (ours, theirs) = (ledger(&found), ledger(&expected));
    assert_eq!(ours["total"], theirs["total"]);
    let examined = |ledger: &serde_json::Value| ledger["files"]["examined"].as_u64().unwrap();
    assert!(examined(&ours) + blamed as u64 >= examined(&theirs), "{ours} and {blamed} problems");
    if blamed == 0 {
        assert_eq!(found["coverage"], expected["coverage"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_examiner_that_does_not_listen_is_ended_and_the_run_with_it_in_order() {
    let kit = Kit::new();
    stick(&kit);
    let (mut child, mut output) = start(&kit, "deaf");
    let shown = watch(&mut output, 1);
    let signal = |name: &str, process: &str| {
        std::process::Command::new("kill").args([name, process]).status().unwrap();
    };
    examiners(child.id()).iter().for_each(|examiner| signal("-STOP", examiner));
    signal("-INT", &child.id().to_string());
    let began = std::time::Instant::now();
    the_rest(output);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(began.elapsed() < Duration::from_secs(60), "it took {:?}", began.elapsed());
    let run = run_in(&kit.path("deaf")).unwrap();
    assert_eq!(kit.run(["verify".as_ref(), run.as_os_str()]).code, 0);
    let findings = std::fs::read_to_string(run.join("findings.json")).unwrap();
    assert!(findings.contains(&shown[0]) && findings.contains("\"complete\":false"), "{findings}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_that_is_closed_while_progress_is_drawn_costs_no_finding() {
    if !super::kit::has("script") {
        return;
    }
    let kit = Kit::new();
    stick(&kit);
    let scan = format!("{} scan stick --alert list.txt --out closed", super::kit::binary().display());
    let mut terminal = std::process::Command::new("script");
    terminal
        .args(["-qec", &scan, "/dev/null"])
        .current_dir(kit.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let mut terminal = terminal.spawn().unwrap();
    let journal = || run_in(&kit.path("closed")).map(|run| run.join("journal.jsonl"));
    let found = || {
        journal()
            .and_then(|path| std::fs::read_to_string(path).ok())
            .is_some_and(|t| t.contains("\"finding\""))
    };
    let wait_for = |what: &dyn Fn() -> bool| {
        (0..1200).any(|_| {
            what() || {
                std::thread::sleep(Duration::from_millis(50));
                false
            }
        })
    };
    assert!(wait_for(&found), "the scan found nothing");
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    let run = run_in(&kit.path("closed")).unwrap();
    assert!(wait_for(&|| run.join("manifest.json").exists()), "the run was not ended in order");
    assert_eq!(kit.run(["verify".as_ref(), run.as_os_str()]).code, 0);
}

#[cfg(unix)]
#[test]
fn the_first_ctrl_c_ends_the_run_in_order() {
    let kit = Kit::new();
    stick(&kit);
    let (mut child, mut output) = start(&kit, "stopped");
    watch(&mut output, 3);
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    the_rest(output);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let run = run_in(&kit.path("stopped")).unwrap();
    assert_eq!(kit.run(["verify".as_ref(), run.as_os_str()]).code, 0);
    let findings: serde_json::Value =
        serde_json::from_slice(&std::fs::read(run.join("findings.json")).unwrap()).unwrap();
    assert_eq!(findings["verdict"]["complete"], false);
    let text = findings["verdict"].to_string();
    assert!(text.contains("stopped") || paths(&findings).len() as u64 == FILES / 5, "{text}");
}
