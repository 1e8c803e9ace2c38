//! Lists that the field's tools print, and what their indexes say of ours.

use std::path::Path;
use std::process::Command;

use super::*;

/// What a tool prints for the file `hello` in a folder; `None`, aloud, when it is not here.
fn printed(folder: &Path, tool: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let output = Command::new(tool).args(arguments).current_dir(folder).output();
    let output = output.ok().filter(|output| output.status.success());
    if output.is_none() {
        eprintln!("SKIPPED: {tool} {} does not run here", arguments.join(" "));
    }
    Some(output?.stdout)
}

#[test]
fn what_tools_print_is_recognised_and_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hello"), "hello").unwrap();
    for (tool, arguments, format, digests) in [
        ("md5sum", &["hello"][..], "md5sum", &[MD5][..]),
        ("sha256sum", &["--tag", "hello"], "bsd", &[SHA256]),
        ("hashdeep", &["-c", "md5,sha1,sha256", "hello"], "hashdeep", &[MD5, SHA1, SHA256]),
        ("rhash", &["--md5", "--bsd", "hello"], "bsd", &[MD5]),
        ("rhash", &["--sha1", "hello"], "md5sum", &[SHA1]),
    ] {
        let Some(text) = printed(folder.path(), tool, arguments) else { continue };
        let (summary, set) = import(text).unwrap();
        assert_eq!((summary.format().as_str(), summary.rejected), (format, 0), "{tool}");
        assert_eq!(summary.entries, digests.len() as u64, "{tool}");
        assert!(digests.iter().all(|digits| holds(&set, digits)), "{tool}");
    }
}

#[test]
fn an_index_that_hfind_makes_of_a_list_holds_what_the_list_holds() {
    let folder = tempfile::tempdir().unwrap();
    // Not all zeros: hfind leaves that digest out.
    let sums: String =
        (1..51_u32).map(|n| format!("{:032x}  name {n}\n", n.wrapping_mul(0x9e37_79b9))).collect();
    std::fs::write(folder.path().join("sums"), &sums).unwrap();
    if printed(folder.path(), "hfind", &["-i", "md5sum", "sums"]).is_none() {
        return;
    }
    let (list, _) = import(&sums).unwrap();
    let (index, set) = import(std::fs::read(folder.path().join("sums-md5.idx")).unwrap()).unwrap();
    assert_eq!(
        (index.format().as_str(), index.entries, index.rejected),
        ("tsk-idx (md5sum)", list.entries, 0)
    );
    assert!(sums.lines().all(|line| holds(&set, &line[..32])));
    let jumps = std::fs::read(folder.path().join("sums-md5.idx2")).unwrap();
    assert!(matches!(import(jumps), Err(Error::Unrecognised { .. })), "a table of jumps is no list");
}
