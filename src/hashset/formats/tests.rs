//! What holds for every format, and what the sample list of each one gives.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::hashset::{Builder, KnownSet, Profile};
use crate::model::{Digest, ListSummary, Role};

const MD5: &str = "5d41402abc4b2a76b9719d911017c592";
const SHA1: &str = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";
const SHA256: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

fn import_as(role: Role, text: &[u8]) -> Result<(ListSummary, KnownSet<Vec<u8>>)> {
    let mut builder = Builder::new("set", role, Profile::uk());
    let summary = builder.add_reader("list", text)?;
    let set = KnownSet::open(builder.finish()?)?;
    set.verify()?;
    Ok((summary, set))
}

fn import(text: impl AsRef<[u8]>) -> Result<(ListSummary, KnownSet<Vec<u8>>)> {
    import_as(Role::Alert, text.as_ref())
}

fn holds(set: &KnownSet<Vec<u8>>, digits: &str) -> bool {
    set.find(&Digest::from_hex(digits).unwrap()).is_some()
}

/// The sample lists beside the project, where they are.
fn samples() -> Option<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let found =
        here.ancestors().map(|above| above.join("shared/testdata/hashlists")).find(|path| path.is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: the sample lists shared/testdata/hashlists are not here");
    }
    found
}

#[test]
fn formats_stand_in_alphabetical_order_and_are_found_by_name() {
    assert!(FORMATS.is_sorted_by_key(|format| format.name()));
    for format in FORMATS {
        assert_eq!(named(format.name()).map(|found| found.name()), Some(format.name()));
        assert!(!format.description().is_empty());
    }
    assert!(named("nsrl").is_none());
}

#[test]
fn every_sample_list_gives_the_digests_of_hello_or_is_refused() {
    let Some(folder) = samples() else { return };
    // File, role, format, digests, entries, duplicates, empty, rejected.
    type Sample<'a> = (&'a str, Role, &'a str, &'a [&'a str], [u64; 4]);
    let read: &[Sample<'_>] = &[
        ("bsd.txt", Role::Alert, "bsd", &[MD5, SHA1, SHA256], [3, 0, 0, 0]),
        ("caid12_nist_nonrds.json", Role::KnownGood, "vics", &[MD5, SHA1], [2, 0, 0, 0]),
        ("generic.csv", Role::Alert, "csv", &[MD5, SHA1], [2, 0, 0, 0]),
        ("hashdeep.txt", Role::Alert, "hashdeep", &[MD5, SHA1, SHA256], [3, 0, 0, 0]),
        ("interpol_icse.csv", Role::Alert, "icse", &[MD5, SHA1], [2, 0, 0, 0]),
        ("md5sum.txt", Role::KnownGood, "md5sum", &[MD5], [1, 1, 0, 0]),
        ("plain_mixed.txt", Role::Alert, "plain", &[MD5, SHA1, SHA256], [3, 0, 1, 1]),
        ("sha256sum_escaped.txt", Role::Alert, "md5sum", &[SHA256], [1, 0, 0, 0]),
        ("vics13_media.json", Role::Alert, "vics", &[MD5, SHA1], [2, 0, 0, 0]),
        ("vics20_media.json", Role::Alert, "vics", &[MD5, SHA1], [2, 0, 2, 0]),
        ("vics20_uk_case_export.json", Role::Alert, "vics", &[MD5, SHA1], [2, 0, 0, 0]),
        ("xways.txt", Role::Alert, "csv", &[MD5], [1, 0, 0, 0]),
    ];
    for (file, role, format, digests, counts) in read {
        let mut builder = Builder::new("set", *role, Profile::none());
        let summary = builder.add_file(&folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let set = KnownSet::open(builder.finish().unwrap()).unwrap();
        set.verify().unwrap();
        assert_eq!(summary.format.split(' ').next(), Some(*format), "{file}");
        let found = [summary.entries, summary.duplicates, summary.empty_file, summary.rejected];
        assert_eq!(found, *counts, "{file}");
        assert_eq!(set.len(), digests.len() as u64, "{file}");
        assert!(digests.iter().all(|digits| holds(&set, digits)), "{file}");
        use sha2::Digest as _;
        let sha256 = hex::encode(sha2::Sha256::digest(std::fs::read(folder.join(file)).unwrap()));
        assert_eq!((summary.name.as_str(), summary.sha256), (*file, sha256));
    }
    let refused = [
        ("NSRLFile.txt", "in no known format: found text whose first line is \"\\\"SHA-1"),
        ("autopsy.kdb", "found an SQLite database"),
        ("caid12_nist_nonrds.json", "refused as alert: all of its 1 records are of category 0"),
        ("encase.hash", "found bytes with zeros among them"),
        ("hashkeeper.hsh", "in no known format"),
        ("ncmec_v2.xml", "in no known format: found text whose first line is \"<?xml"),
        ("pdq_meta.csv", "in no known format"),
        ("rdsv3_minimal.db", "found an SQLite database"),
        ("threatexchange_typed.txt", "in no known format"),
        ("truncated_vics20.json", "truncated"),
        ("tsk_md5.idx", "in no known format"),
    ];
    for (file, expected) in refused {
        let mut builder = Builder::new("set", Role::Alert, Profile::none());
        let message = builder.add_file(&folder.join(file)).unwrap_err().to_string();
        assert!(message.contains(expected) && message.contains(file), "{file}: {message}");
        assert_eq!(KnownSet::open(builder.finish().unwrap()).unwrap().len(), 0, "{file}");
    }
}

#[test]
fn unknown_lists_are_refused_with_what_was_found_and_which_formats_exist() {
    let utf16: Vec<u8> = format!("{MD5}\r\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [b"\xff\xfe", utf16.as_slice()].concat();
    let cases: [(&[u8], &str); 7] = [
        (b"", "an empty file"),
        (b"# only a comment\n", "text whose first line is \"\""),
        (b"name,owner\na,b\n", "text whose first line is \"name,owner\""),
        (&utf16, "text in UTF-16 (save it as UTF-8)"),
        (&marked, "text in UTF-16 (save it as UTF-8)"),
        (b"5d41402abc4b2a76b9719d911017c592  a\0", "ended by NUL"),
        (b"\x1b[31mred", "\\u{1b}[31mred"),
    ];
    for (text, found) in cases {
        let message = import(text).unwrap_err().to_string();
        assert!(message.contains(found) && message.contains("hash list list "), "{message}");
        assert!(message.contains("bsd, csv, hashdeep, icse, md5sum, plain, vics"), "{message}");
    }
    let text = format!("junk\n{MD5}\n{MD5}  name\n");
    assert!(import(&text).unwrap_err().to_string().contains("may be of format md5sum or plain"));
    let mut builder = Builder::new("set", Role::Alert, Profile::none());
    let summary = builder.add_reader_as("list", text.as_bytes(), named("plain")).unwrap();
    assert_eq!((summary.entries, summary.rejected), (1, 2), "a stated format settles it");
}

#[test]
fn a_list_that_holds_nothing_usable_is_refused() {
    let message = import("md5,category\nxyz,1\n").unwrap_err().to_string();
    assert!(
        message.contains("no usable digest: 1 lines") && message.contains("line 2: not the hex"),
        "{message}"
    );
    assert_eq!(import("d41d8cd98f00b204e9800998ecf8427e\n").unwrap().0.empty_file, 1);
}

#[test]
fn rejected_lines_are_counted_and_the_first_twenty_shown() {
    let long = "a".repeat(2 << 20);
    let text = format!("{MD5}\n{long}\nbad\0line\n\u{1b}[2J\n{}{SHA1}\n", "x\n".repeat(30));
    let (summary, set) = import(text).unwrap();
    assert_eq!((summary.rejected, summary.rejected_examples.len()), (33, 20));
    assert_eq!(
        summary.rejected_examples[..4],
        [
            "line 2: longer than 1 MiB",
            "line 3: holds zero bytes: \"bad\\0line\"",
            "line 4: not 32, 40 or 64 hexadecimal digits: \"\\u{1b}[2J\"",
            "line 5: not 32, 40 or 64 hexadecimal digits: \"x\"",
        ]
    );
    assert!(holds(&set, MD5) && holds(&set, SHA1));
}

#[test]
fn tables_are_read_with_any_separator_quoting_and_spelling() {
    let table = format!(
        "\u{feff}\"Name\";SHA-256;Category;\"File Size\";MD5\r\n\
         \"a; \"\"b\"\"\nsecond line\";{SHA256};2;5;{MD5}\r\n\
         short;{SHA256}\r\n\
         nothing;;1;;NULL\r\n\
         \"open;{SHA256};1;7;\n\
         half;zz;3;;{}\n",
        "0".repeat(32)
    );
    let (summary, set) = import(table).unwrap();
    assert_eq!((summary.entries, summary.without_digest, summary.rejected), (3, 1, 3));
    assert!(summary.rejected_examples[0].starts_with("line 4: 2 fields where the heading has 5"));
    assert!(summary.rejected_examples.iter().any(|example| example.starts_with("line 6: a quoted field")));
    let entry = set.find(&Digest::from_hex(MD5).unwrap()).unwrap().next().unwrap();
    assert_eq!((entry.category, entry.category_name, entry.size), (Some("2"), Some("B"), Some(5)));
    let half = set.find(&Digest::from_hex(&"0".repeat(32)).unwrap()).unwrap().next().unwrap();
    assert_eq!((half.category, half.size), (Some("3"), None));
}

#[test]
fn ragged_rows_of_icse_are_read_unless_the_end_may_have_cut_them() {
    let heading = "MD5;SHA1;PhotoDNA;Image ID;Series name";
    let (summary, set) = import(format!("{heading}\n{MD5};{SHA1};;1;a;b;c\n{};;\n", "1".repeat(32))).unwrap();
    assert_eq!((summary.entries, summary.rejected), (3, 0));
    assert!(holds(&set, SHA1));
    let (summary, _) = import(format!("{heading}\n{MD5};;\n{};{}", "1".repeat(32), &SHA1[..32])).unwrap();
    assert_eq!((summary.entries, summary.rejected), (1, 1));
}

#[test]
fn vics_fields_of_any_type_are_understood() {
    let text = format!(
        "{{\"value\": [\
         {{\"MD5\": \"{MD5}\", \"Category\": \" 1 \", \"MediaSize\": \"5\", \"Deep\": [[[{{}}]]], \"SHA1\": null}},\
         {{\"md5\": \"{}\", \"Category\": 2.0, \"MediaSize\": 9007199254740993}},\
         {{\"MD5\": 17, \"SHA1\": \"{SHA1}\", \"Category\": null, \"MediaSize\": {{}}}},\
         {{\"MD5\": \"zz\"}}, null, {{\"Category\": \"\"}}, {{\"SHA256\": \"{}\", \"Category\": false}}\
         ], \"@odata.context\": \"x/DataModels/2.0.xml/UK/$metadata#Media\"}}",
        "1".repeat(32),
        SHA256.to_uppercase(),
    );
    let (summary, set) = import(text).unwrap();
    assert_eq!(summary.format, "vics (x/DataModels/2.0.xml/UK/$metadata#Media)");
    assert_eq!((summary.entries, summary.without_digest, summary.rejected), (4, 1, 3));
    let of = |digits: &str| {
        let entry = set.find(&Digest::from_hex(digits).unwrap()).unwrap().next().unwrap();
        (entry.category, entry.size)
    };
    assert_eq!(of(MD5), (Some("1"), Some(5)));
    assert_eq!(of(&"1".repeat(32)), (Some("2"), Some(9_007_199_254_740_993)));
    assert_eq!(of(SHA1), (None, None));
    assert_eq!(of(SHA256), (Some("false"), None));
    assert!(summary.rejected_examples[0].starts_with("record 3: not the hexadecimal digits of MD5: \"17\""));
}

#[test]
fn vics_lists_whose_categories_contradict_the_role_are_refused_unless_forced() {
    let list = |categories: &[&str]| {
        let record =
            |(at, category): (usize, &&str)| format!("{{\"MD5\": \"{at:032}\", \"Category\": {category}}}");
        let records: Vec<_> = categories.iter().enumerate().map(record).collect();
        format!("{{\"@odata.context\": \"\", \"value\": [{}]}}", records.join(","))
    };
    let reason = |role, categories: &[&str]| match import_as(role, list(categories).as_bytes()) {
        Err(Error::Refused { reason, .. }) => Some(reason),
        other => other.map(|_| None).unwrap(),
    };
    assert!(reason(Role::Alert, &["0", "\"0\""]).unwrap().contains("all of its 2 records"));
    assert_eq!(reason(Role::Alert, &["0", "1"]), None);
    assert_eq!(reason(Role::Alert, &["null"]), None);
    assert_eq!(reason(Role::KnownGood, &["0", "0"]), None);
    assert!(reason(Role::KnownGood, &["0", "1", "null"]).unwrap().starts_with("2 of its 3 records"));
    for role in [Role::Alert, Role::KnownGood] {
        let mut forced = Builder::new("set", role, Profile::uk()).force_role(true);
        forced.add_reader("list", list(&["0", "0"]).as_bytes()).unwrap();
        forced.add_reader("list", list(&["0", "1"]).as_bytes()).unwrap();
    }
}

#[test]
fn json_that_is_no_vics_is_refused_with_its_place() {
    let deep = format!("{{\"value\": [{{\"x\": {}", "[".repeat(100_000));
    for (text, expected) in [
        ("{}", "expected a key \"value\""),
        ("{\"value\": [1]}", "expected a Media record or a case"),
        ("{\"value\": 5}", "expected an array of Media records"),
        ("{\"value\": []} x", "trailing characters"),
        ("{\"value\": [{\"MD5\": nonsense}]}", "line 1: not VICS JSON"),
        (deep.as_str(), "nested deeper than 64 levels"),
        ("{\"value\": [{\"MD5\": \"", "truncated"),
    ] {
        let message = import(text).unwrap_err().to_string();
        assert!(message.contains(expected) && message.contains("nothing of it was taken over"), "{message}");
    }
    assert_eq!(import("{\"value\": []}").unwrap().0.entries, 0, "a part of a split set may be empty");
}

/// About a kilobyte of each format, as records with the digests that each must give.
fn kilobytes() -> Vec<(&'static str, Vec<String>, &'static str, &'static str)> {
    let hex = |n: usize, width: usize| format!("{:0width$x}", (n + 1) * 0x0012_3457);
    let rows = |row: &dyn Fn(usize) -> String| (0..8).map(row).collect::<Vec<_>>();
    vec![
        ("", rows(&|n| format!("{}\n", hex(n, 64))), "", "plain"),
        ("", rows(&|n| format!("{}  name {n}\n", hex(n, 40))), "", "md5sum"),
        ("", rows(&|n| format!("SHA256 (name {n}) = {}\n", hex(n, 64))), "", "bsd"),
        (
            "%%%% HASHDEEP-1.0\n%%%% size,md5,sha256,filename\n",
            rows(&|n| format!("5,{},{},n\n", hex(n, 32), hex(n, 64))),
            "",
            "hashdeep",
        ),
        ("name,size,sha1\n", rows(&|n| format!("\"n\",5,{}\n", hex(n, 40))), "", "csv"),
        (
            "MD5;SHA1;PhotoDNA;Image ID;x\n",
            rows(&|n| format!("{};{};;1;1\n", hex(n, 32), hex(n, 40))),
            "",
            "icse",
        ),
        (
            "{\"@odata.context\": \"c\", \"value\": [{\"Category\": 1}",
            rows(&|n| format!(",{{\"MD5\": \"{}\"}}", hex(n, 32))),
            "]}",
            "vics",
        ),
    ]
}

#[test]
fn a_list_cut_anywhere_gives_nothing_or_exactly_whole_records() {
    for (front, records, back, format) in kilobytes() {
        let whole = format!("{front}{}{back}", records.concat());
        let (complete, full) = import(&whole).unwrap_or_else(|error| panic!("{format}: {error}"));
        assert_eq!((complete.format.split(' ').next(), complete.rejected), (Some(format), 0));
        let all: Vec<_> = full.probes().map(|(_, digest)| digest).collect();
        for end in 0..whole.len() {
            // A record whose line has ended must be there; one whose digits are whole may be; nothing else is.
            let before = &whole[..end];
            // The one case that nothing can tell: all that is left has the length of a shorter kind.
            if ["plain", "md5sum"].contains(&format) && (end == 32 || end == 40) {
                continue;
            }
            match import(before) {
                Ok((summary, cut)) => {
                    assert_ne!(format, "vics", "cut at {end}: JSON must be complete");
                    let found = all.iter().filter(|digest| cut.find(digest).is_some()).count();
                    assert_eq!(
                        summary.entries, found as u64,
                        "{format} cut at {end}: nothing that was not there"
                    );
                    let ended = all.iter().filter(|digest| {
                        before
                            .split_inclusive('\n')
                            .any(|line| line.ends_with('\n') && line.contains(&digest.to_string()))
                    });
                    let stands = all.iter().filter(|digest| before.contains(&digest.to_string()));
                    assert!((ended.count()..=stands.count()).contains(&found), "{format} cut at {end}");
                }
                Err(Error::Truncated { .. }) => assert_eq!(format, "vics"),
                // Too little to know the format by, or no record whole.
                Err(Error::Unrecognised { .. } | Error::Nothing { .. } | Error::Malformed { .. }) => {
                    assert!(format == "vics" || !before.contains(&records[1]), "{format} cut at {end}");
                }
                Err(error) => panic!("{format} cut at {end}: {error}"),
            }
        }
    }
}

struct Count(u64);

impl Sink for Count {
    fn name(&self) -> &'static str {
        "list"
    }

    fn record(&mut self, _: Record<'_>) {
        self.0 += 1;
    }

    fn reject(&mut self, _: Place, _: &str, text: &[u8]) {
        excerpt(text);
    }

    fn variant(&mut self, _: &str) {}
}

proptest! {
    #[test]
    fn any_bytes_to_any_format_end_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for format in FORMATS {
            format.probe(&bytes);
            drop(format.read(&mut bytes.as_slice(), &mut Count(0)));
        }
        drop(import(&bytes));
    }

    #[test]
    fn damaged_lists_end_without_panic(kind in 0_usize..7, flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let (front, records, back, _) = kilobytes().swap_remove(kind);
        let mut bytes = format!("{front}{}{back}", records.concat()).into_bytes();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        for format in FORMATS {
            format.probe(&bytes);
            drop(format.read(&mut bytes.as_slice(), &mut Count(0)));
        }
        drop(import(&bytes));
    }

    #[test]
    fn printed_lists_parse_to_the_identity(values in prop::collection::btree_set((any::<[u8; 16]>(), any::<[u8; 20]>(), any::<[u8; 32]>()), 1..20), upper: bool) {
        let case = |digits: String| if upper { digits.to_uppercase() } else { digits };
        let (mut plain, mut sums, mut tags) = (String::new(), String::new(), String::new());
        let (mut deep, mut table) = ("%%%% HASHDEEP-1.0\n%%%% size,sha256,md5,sha1,filename\n".to_owned(), "sha1\tmd5\tsha256\n".to_owned());
        let mut vics = Vec::new();
        let mut digests = std::collections::BTreeSet::new();
        for (a, b, c) in &values {
            let (md5, sha1, sha256) = (case(hex::encode(a)), case(hex::encode(b)), case(hex::encode(c)));
            plain += &format!("{md5}\n{sha1}\n{sha256}\n");
            sums += &format!("{md5}  a\n{sha1} *b\n{sha256}\tc\n");
            tags += &format!("MD5 (a) = {md5}\nSHA1 (b) = {sha1}\nSHA256 (c) = {sha256}\n");
            deep += &format!("1,{sha256},{md5},{sha1},a,b\n");
            table += &format!("{sha1}\t{md5}\t{sha256}\n");
            vics.push(format!("{{\"MD5\":\"{md5}\",\"SHA1\":\"{sha1}\",\"SHA256\":\"{sha256}\"}}"));
            digests.extend([Digest::new(a), Digest::new(b), Digest::new(c)].into_iter().flatten());
        }
        let vics = format!("{{\"odata.metadata\":\"\",\"value\":[{}]}}", vics.join(","));
        for text in [plain, sums, tags, deep, table, vics] {
            let (summary, set) = import(&text).unwrap();
            prop_assert_eq!(summary.entries, digests.len() as u64);
            prop_assert_eq!((set.len(), summary.rejected), (digests.len() as u64, 0));
            prop_assert!(digests.iter().all(|digest| set.find(digest).is_some()));
        }
    }
}
