//! Mappings that fit, that do not, and that cannot be meant.

use crate::hashset::formats::{Mapping, Stated};
use crate::hashset::{Builder, KnownSet, Profile, Result};
use crate::model::{Digest, ListSummary, Role};
use crate::read::Memory;

type Set = KnownSet<Memory<Vec<u8>>>;

fn import(mapping: &str, text: &str) -> Result<(ListSummary, Set)> {
    let mapping = Some(Mapping::from_toml("map.toml", mapping)?);
    let mut builder =
        Builder::new("set", Role::Alert, Profile::none()).stated(Stated { mapping, ..Stated::default() });
    builder.add_reader("list", text.as_bytes())?;
    let set = KnownSet::open(Memory(builder.finish().unwrap())).unwrap();
    Ok((set.lists()[0].clone(), set))
}

fn refusal(mapping: &str, text: &str) -> String {
    import(mapping, text).unwrap_err().to_string()
}

const MD5: &str = "5d41402abc4b2a76b9719d911017c592";
const SHA1: &str = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";

#[test]
fn columns_are_found_by_name_or_number() {
    let mapping = "[columns]\nmd5 = \"Hash value\"\nsha1 = 3\ncategory = \"Level\"\nsize = \"Length\"\n";
    let text = format!("\u{feff}Level\tHash value\tx\tLength\r\n2\t{MD5}\t{SHA1}\t5\r\n3\tzz\t\t\r\n");
    let (summary, set) = import(mapping, &text).unwrap();
    assert_eq!((summary.format(), summary.entries, summary.rejected), ("csv".into(), 2, 1));
    for digits in [MD5, SHA1] {
        let entry = set.find(&Digest::from_hex(digits).unwrap()).unwrap()[0];
        assert_eq!((entry.category, entry.size), (Some("2"), Some(5)));
    }
}

#[test]
fn a_table_without_heading_gives_its_first_row_too() {
    let mapping = "separator = \"|\"\nheading = false\n[columns]\nmd5 = 2\n";
    let (summary, set) = import(mapping, &format!("|{MD5}\r\na|{}\nshort\n", "1".repeat(32))).unwrap();
    assert_eq!((summary.entries, summary.rejected), (2, 1));
    assert!(!set.find(&Digest::from_hex(MD5).unwrap()).unwrap().is_empty());
    let (summary, _) = import(&mapping.replace('|', ";"), &format!(";{MD5}\n")).unwrap();
    assert_eq!(summary.entries, 1, "a row that looks like a comment");
}

#[test]
fn a_hash_of_pictures_is_taken_where_the_mapping_names_one() {
    let pdq = "0123456789abcdef".repeat(4);
    let (summary, _) = import("[columns]\npdq = \"p\"\n", &format!("p,q\n{pdq},1\n{MD5},1\n")).unwrap();
    assert_eq!((summary.rejected, summary.without_digest), (1, 0));
}

#[test]
fn a_mapping_that_does_not_fit_is_an_error_that_names_the_heading_found() {
    let text = format!("a;b;b\n{MD5};1;2\n");
    for (columns, expected) in [
        (
            "md5 = \"c\"",
            "line 1: no column \"c\": the mapping of columns does not fit; heading found: \"a;b;b\"",
        ),
        ("md5 = \"b\"", "several columns \"b\""),
        ("md5 = 4", "no column 4 among 3"),
        ("md5 = \"A\"\nsha1 = 1", "column 1 is named twice"),
    ] {
        let message = refusal(&format!("[columns]\n{columns}\n"), &text);
        assert!(message.contains(expected) && message.contains("hash list list"), "{message}");
    }
    assert!(refusal("[columns]\nmd5 = 1\n", "").contains("no heading"));
}

#[test]
fn a_mapping_that_cannot_be_meant_is_refused() {
    for (text, expected) in [
        ("[columns]\nmd5 = 1\nmd4 = 2\n", "unknown field `md4`"),
        ("seperator = \";\"\n[columns]\nmd5 = 1\n", "unknown field `seperator`"),
        ("separator = \"x\"\n[columns]\nmd5 = 1\n", "expected , ; | or tab"),
        ("[columns]\nsize = 1\n", "names none of md5"),
        ("[columns]\nmd5 = 0\n", "counted from 1"),
        ("heading = false\n[columns]\nmd5 = \"a\"\n", "give its number"),
        ("[columns]\nmd5 = true\n", "expected the name of a column or its number"),
        ("", "missing field `columns`"),
    ] {
        let message = Mapping::from_toml("map.toml", text).unwrap_err().to_string();
        assert!(
            message.starts_with("mapping of columns map.toml: ") && message.contains(expected),
            "{message}"
        );
    }
}

#[test]
fn a_mapping_that_does_not_fit_shows_nothing_of_a_row_of_data() {
    let mapping = Mapping::from_toml("m", "heading = false\n[columns]\nmd5 = 4").unwrap();
    let reason = mapping.table(b"Private Name;a;b").unwrap_err();
    assert!(reason.contains("the first row has 3 fields") && !reason.contains("Private"), "{reason}");
}
