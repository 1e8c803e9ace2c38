//! The rules of the house that the compiler does not know, checked on the text of the sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use onscene::{container, filesystem, volume};

/// What a room may import: itself always, and these. `None` is everything.
const ROOMS: &[(&str, Option<&[&str]>)] = &[
    ("archive", Some(&["model", "read"])),
    ("cli", None),
    // Decoders of packed bytes, for every room that meets them.
    ("codec", Some(&["read"])),
    ("container", Some(&["codec", "model", "read"])),
    ("digest", Some(&["model", "read"])),
    ("filesystem", Some(&["codec", "model", "platform", "read"])),
    ("hashset", Some(&["model", "read"])),
    ("journal", Some(&["model"])),
    ("model", Some(&[])),
    ("picture", Some(&["model", "read"])),
    ("platform", Some(&["model", "read"])),
    // Readers turn errors into the problems and runs of the model.
    ("read", Some(&["model"])),
    ("report", Some(&["model"])),
    ("run", Some(&["hashset", "journal", "model", "platform", "scan", "source"])),
    (
        "scan",
        Some(&[
            "archive",
            "container",
            "digest",
            "filesystem",
            "hashset",
            "model",
            "picture",
            "platform",
            "read",
            "sniff",
            "source",
            "volume",
        ]),
    ),
    // Keys, signatures and seals; whoever signs passes bytes.
    ("signing", Some(&[])),
    ("sniff", Some(&["model", "read"])),
    ("source", Some(&["container", "model", "platform", "read"])),
    ("volume", Some(&["model", "read"])),
];

/// Lines in any source file, tests included.
const LONGEST: usize = 600;
/// Longer files, each with the reason why it is not split.
const LONGER: &[(&str, usize, &str)] = &[];

#[test]
fn rooms_import_only_what_the_table_allows() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        let Some(room) = source.room() else { continue };
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            wrong.push(format!("{}: the room `{room}` is not in the table of tests/tidy.rs", source.name));
            continue;
        };
        let Some(allowed) = allowed else { continue };
        for (number, line) in source.code_lines() {
            if line.contains("crate::{") && !line.contains('}') {
                wrong.push(format!(
                    "{}:{number}: one room an import, so that this test can read it",
                    source.name
                ));
            }
            for imported in rooms_named_in(line, &source.way_to_the_crate()) {
                if imported != room && !allowed.contains(&imported) {
                    wrong.push(format!("{}:{number}: `{room}` may not import `{imported}`", source.name));
                }
            }
        }
    }
    report(&wrong);
}

#[test]
fn the_table_of_rooms_is_sorted_and_names_only_rooms() {
    assert!(ROOMS.is_sorted_by(|a, b| a.0 < b.0));
    for (room, allowed) in ROOMS {
        for name in allowed.unwrap_or(&[]) {
            assert!(ROOMS.iter().any(|(other, _)| other == name), "{room}: {name}");
            assert!(!["cli", "report"].contains(name) && name != room, "{room} may never import {name}");
        }
        assert!(allowed.unwrap_or(&[]).is_sorted(), "{room}");
    }
}

#[test]
fn every_source_file_opens_with_a_sentence_and_is_of_readable_length() {
    let mut wrong = Vec::new();
    for source in ["src", "tests", "benches", "fuzz"].into_iter().flat_map(sources) {
        if !source.text.starts_with("//! ") {
            wrong.push(format!("{}: does not open with `//! ` and a sentence", source.name));
        }
        let lines = source.text.lines().count();
        let limit =
            LONGER.iter().find(|(name, ..)| *name == source.name).map_or(LONGEST, |(_, limit, _)| *limit);
        if lines > limit {
            wrong.push(format!("{}: {lines} lines, more than {limit}", source.name));
        }
    }
    for (name, limit, reason) in LONGER {
        let needed = fs::read_to_string(root().join(name)).is_ok_and(|text| text.lines().count() > LONGEST);
        if !needed || *limit <= LONGEST || reason.len() < 20 {
            wrong.push(format!("{name}: an exception that is not needed, or without a reason"));
        }
    }
    report(&wrong);
}

#[test]
fn unsafe_code_stands_in_platform_only() {
    // The one file in which wide vectors are chosen at run time; a benchmark pays for it.
    const SIMD: &str = "src/digest/md5_lanes.rs";
    forbid("unsafe code outside src/platform", |source, line| {
        let word = line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
        let allowed_there = line.contains("unsafe_code") && line.contains("allow(");
        source.room() != Some("platform") && source.name != SIMD && (word || allowed_there)
    });
}

#[test]
fn only_cli_and_main_print_or_exit() {
    const WORDS: &[&str] =
        &["println!", "print!", "eprintln!", "eprint!", "dbg!", "process::exit", "io::stdout", "io::stderr"];
    forbid("only src/cli and src/main.rs print or exit", |source, line| {
        source.room() != Some("cli")
            && source.name != "src/main.rs"
            && WORDS.iter().any(|word| calls(line, word))
    });
}

#[test]
fn tables_of_formats_are_sorted_by_name_without_duplicates() {
    sorted("container", container::FORMATS.iter().map(|f| f.name()).collect());
    sorted("filesystem", filesystem::FORMATS.iter().map(|f| f.name()).collect());
    sorted("volume", volume::FORMATS.iter().map(|f| f.name()).collect());
    sorted("encryption", volume::encryption::FORMATS.iter().map(|f| f.name()).collect());
    sorted("sets", volume::sets::SETS.iter().map(|f| f.name()).collect());
}

#[test]
fn the_changelog_has_the_sections_of_every_release() {
    let text = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let mut releases: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut release = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            release = name;
            releases.insert(name, Vec::new());
        } else if let Some(section) = line.strip_prefix("### ") {
            releases.entry(release).or_default().push(section);
        }
    }
    assert!(!releases.is_empty(), "no release in CHANGELOG.md");
    for (release, sections) in releases {
        let order: Vec<_> = ["Added", "Changed", "Fixed", "Affects results"]
            .into_iter()
            .filter(|name| sections.contains(name))
            .collect();
        assert_eq!(sections, order, "sections of {release}: a fixed order, and no others");
        assert!(
            sections.contains(&"Affects results"),
            "{release} must say what it means for results, if only `nothing`"
        );
    }
}

#[test]
fn decisions_are_numbered_without_gaps() {
    let mut names: Vec<String> = fs::read_dir(root().join("docs/adr"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    names.sort();
    for (number, name) in (1..).zip(&names) {
        assert!(
            name.starts_with(&format!("{number:04}-")) && name.ends_with(".md"),
            "{name} is not number {number}"
        );
    }
}

/// A source file.
struct Source {
    /// Path from the root of the project, separators `/`.
    name: String,
    text: String,
}

impl Source {
    /// The folder or file below `src` that it belongs to; none for `lib.rs` and `main.rs`.
    fn room(&self) -> Option<&str> {
        let room = self.name.strip_prefix("src/")?.split('/').next()?;
        let room = room.strip_suffix(".rs").unwrap_or(room);
        (!["lib", "main"].contains(&room)).then_some(room)
    }

    /// As many `super::` as lead from this file to the root of the crate.
    fn way_to_the_crate(&self) -> String {
        let below = self.name.matches('/').count();
        "super::".repeat(if self.name.ends_with("/mod.rs") { below - 1 } else { below })
    }

    /// Lines with their numbers, without comments and without the tests at the bottom.
    fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests_only =
            self.name.contains("/tests") || self.name.contains("/trial") || is_test_file(&self.name);
        let end = if tests_only { 0 } else { tests_below(&self.text) };
        (1..)
            .zip(self.text[..end].lines())
            .map(|(number, line)| (number, line.trim_start()))
            .filter(|(_, line)| !line.starts_with("//"))
            .map(|(number, line)| (number, line.split(" // ").next().unwrap_or(line)))
    }
}

/// Where the module of tests begins that closes a file; its length when there is none.
fn tests_below(text: &str) -> usize {
    let opens_a_module = |at: &usize| {
        let mut lines = text[at + 1..].lines().skip_while(|line| line.starts_with("#["));
        let line = lines.next().unwrap_or_default();
        line.contains("mod ") && line.ends_with('{')
    };
    let marks = ["\n#[cfg(test)]", "\n#[cfg(all(test"].map(|mark| text.match_indices(mark).map(|(at, _)| at));
    marks.into_iter().flatten().filter(opens_a_module).min().unwrap_or(text.len())
}

/// Whether a module file is declared under `#[cfg(test)]` beside it.
fn is_test_file(name: &str) -> bool {
    let path = root().join(name);
    let (Some(stem), Some(folder)) = (path.file_stem().and_then(|s| s.to_str()), path.parent()) else {
        return false;
    };
    let beside = [folder.join("mod.rs"), folder.join("lib.rs"), folder.with_extension("rs")];
    beside.iter().filter_map(|parent| fs::read_to_string(parent).ok()).any(|text| {
        ["", "pub(crate) "].iter().any(|scope| text.contains(&format!("#[cfg(test)]\n{scope}mod {stem};")))
    })
}

/// Rooms that a line reaches by `crate::room` or by climbing up, also within braces on the same line.
fn rooms_named_in(line: &str, climb: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    for way in ["crate::", climb] {
        for (at, _) in line.match_indices(way) {
            let rest = &line[at + way.len()..];
            let names: Vec<&str> =
                rest.strip_prefix('{').map_or(vec![rest], |group| group.split(',').collect());
            for name in names {
                let name = name.trim();
                let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
                found.extend(ROOMS.iter().map(|(room, _)| *room).find(|room| *room == &name[..end]));
            }
        }
    }
    found
}

/// Whether the word stands in the line and is not the end of a longer one.
fn calls(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        line[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric() && before != '_')
    })
}

fn forbid(rule: &str, broken: impl Fn(&Source, &str) -> bool) {
    let mut wrong = Vec::new();
    for source in sources("src") {
        for (number, line) in source.code_lines() {
            if broken(&source, line) {
                wrong.push(format!("{}:{number}: {rule}: {line}", source.name));
            }
        }
    }
    report(&wrong);
}

fn sorted(family: &str, names: Vec<&str>) {
    assert!(names.is_sorted_by(|a, b| a < b), "{family}::FORMATS is not in alphabetical order: {names:?}");
}

fn report(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder of the project, in order; none when there is no such folder.
fn sources(folder: &str) -> Vec<Source> {
    let mut paths: Vec<PathBuf> = walkdir::WalkDir::new(root().join(folder))
        .into_iter()
        .filter_entry(|entry| entry.file_name() != "target" && entry.file_name() != "corpus")
        .filter_map(Result::ok)
        .map(walkdir::DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    paths.sort();
    let name = |path: &Path| path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
    paths.iter().map(|path| Source { name: name(path), text: fs::read_to_string(path).unwrap() }).collect()
}
