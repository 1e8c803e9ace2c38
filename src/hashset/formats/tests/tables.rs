//! Tables: csv and the formats that are tables.

use super::*;

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
    let entry = set.find(&Digest::from_hex(MD5).unwrap()).unwrap()[0];
    assert_eq!((entry.category, entry.category_name, entry.size), (Some("2"), Some("B"), Some(5)));
    let half = set.find(&Digest::from_hex(&"0".repeat(32)).unwrap()).unwrap()[0];
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

/// The first rows of both layouts of the RDS; names in ISO-8859-1, with commas and doubled quotes.
fn nsrl(first: bool, code: &str, sha1: &str, md5: &str) -> Vec<u8> {
    let name = b"\"caf\xe9, \"\"x\"\".txt\"".as_slice();
    let rest = format!("358,\"{code}\"\r\n");
    if first {
        let start = format!("\"{sha1}\",");
        let end = format!(",5,11063,\"WIN\",\"\",\"{md5}\",\"3610A686\",\"{code}\"\r\n");
        [start.as_bytes(), name, end.as_bytes()].concat()
    } else {
        let start = format!("\"{sha1}\",\"{md5}\",\"3610A686\",");
        [start.as_bytes(), name, b",5,11063,", rest.as_bytes()].concat()
    }
}

const NSRL: &str = "\"SHA-1\",\"MD5\",\"CRC32\",\"FileName\",\"FileSize\",\"ProductCode\",\"OpSystemCode\",\"SpecialCode\"\r\n";
const NSRL_FIRST: &str = "\"SHA-1\",\"FileName\",\"FileSize\",\"ProductCode\",\"OpSystemCode\",\"MD4\",\"MD5\",\"CRC32\",\"SpecialCode\"\r\n";

#[test]
fn a_digest_that_any_row_marks_is_not_known_good_though_another_row_does_not() {
    let mut text = NSRL.as_bytes().to_vec();
    for code in ["", "M", ""] {
        text.extend(nsrl(false, code, &SHA1.to_uppercase(), &MD5.to_uppercase()));
    }
    let (summary, set) = import_as(Role::KnownGood, &text).unwrap();
    assert_eq!((summary.entries, summary.duplicates, summary.not_harmless, set.len()), (0, 0, 1, 0));
    text.extend(nsrl(false, "", &"1".repeat(40), &"2".repeat(32)));
    let (summary, set) = import_as(Role::KnownGood, &text).unwrap();
    assert_eq!((summary.entries, set.len()), (2, 2));
    assert!(set.probes().all(|(_, probe)| !set.find(&probe).unwrap().is_empty()));
    assert!(!holds(&set, SHA1) && holds(&set, &"1".repeat(40)));
}

#[test]
fn nsrl_files_with_a_special_code_are_known_but_not_good() {
    let digits = |n: u8, width: usize| format!("{n:0width$X}");
    for (first, heading) in [(false, NSRL), (true, NSRL_FIRST)] {
        let mut text = heading.as_bytes().to_vec();
        text.extend(nsrl(first, "", &SHA1.to_uppercase(), &MD5.to_uppercase()));
        for (n, code) in [(1, "M"), (2, "S"), (3, "x"), (4, "Z Z")] {
            text.extend(nsrl(first, code, &digits(n, 40), &digits(n, 32)));
        }
        let (summary, set) = import_as(Role::KnownGood, &text).unwrap();
        assert_eq!(summary.format(), "nsrl-v2");
        assert_eq!((summary.entries, summary.not_harmless, summary.rejected), (2, 4, 0), "{summary:?}");
        assert!(holds(&set, SHA1) && holds(&set, MD5) && !holds(&set, &digits(1, 40)));
        assert_eq!(
            summary.remarks,
            [r#"special codes other than M and S are taken for not harmless: "Z Z", "x""#]
        );
        let (summary, set) = import_as(Role::Alert, &text).unwrap();
        assert_eq!((summary.entries, summary.not_harmless), (10, 0), "what is not harmless may alert");
        assert_eq!(set.find(&Digest::from_hex(&digits(1, 40)).unwrap()).unwrap()[0].size, Some(5));
    }
}

#[test]
fn a_row_of_nsrl_that_is_cut_before_its_special_code_is_not_taken_for_harmless() {
    let row = nsrl(false, "M", SHA1, MD5);
    let whole = [NSRL.as_bytes(), &row].concat();
    for end in NSRL.len()..whole.len() - "\"\r\n".len() {
        match import_as(Role::KnownGood, &whole[..end]) {
            Ok((summary, _)) => assert_eq!(summary.entries, 0, "cut at {end}"),
            Err(error) => assert!(matches!(error, Error::Nothing { .. }), "{error}"),
        }
    }
}

#[test]
fn tables_carry_pdq_hashes_victims_and_distribution() {
    let table = format!(
        "PDQ hash,Quality,md5,Is distributed,Victim identified,PhotoDNA\n\
         {PDQ},100,{MD5},1,No,abc=\n\
         {},20,,false,TRUE,\n\
         short,,{},perhaps,,abc=\n",
        "1".repeat(64),
        "2".repeat(32),
    );
    let (summary, set) = import(table).unwrap();
    assert_eq!((summary.entries, summary.near, summary.rejected), (2, 2, 1));
    assert_eq!(summary.rejected_examples, ["line 4: not the 64 hexadecimal digits of a PDQ hash: \"short\""]);
    let entry = set.find(&Digest::from_hex(MD5).unwrap()).unwrap()[0];
    assert_eq!((entry.distributed, entry.victim_identified), (Some(true), Some(false)));
    let entry = set.find_pdq(&Pdq::from_hex(&"1".repeat(64)).unwrap()).unwrap()[0];
    assert_eq!((entry.distributed, entry.victim_identified), (Some(false), Some(true)));
    let entry = set.find(&Digest::from_hex(&"2".repeat(32)).unwrap()).unwrap()[0];
    assert_eq!((entry.distributed, entry.victim_identified), (None, None));
    assert_eq!(summary.remarks.len(), 3);
    assert!(summary.remarks[0].starts_with("2 PhotoDNA values are not compared"));
    assert!(summary.remarks[1].starts_with("1 statements on victim or distribution"));
    assert!(summary.remarks[2].starts_with("1 of 2 PDQ hashes are of low quality"));
}

#[test]
fn icse_rows_carry_victims_and_distribution() {
    let heading = "MD5;SHA1;PhotoDNA;Image ID;Is distributed;Victim identified;Offender identified";
    let (summary, set) = import(format!("{heading}\n{MD5};{SHA1};;1;0;1;1\n")).unwrap();
    assert_eq!((summary.format().as_str(), summary.remarks.len()), ("icse", 0));
    let entry = set.find(&Digest::from_hex(SHA1).unwrap()).unwrap()[0];
    assert_eq!((entry.distributed, entry.victim_identified), (Some(false), Some(true)));
}

#[test]
fn a_column_named_only_hash_takes_the_kind_from_the_length_of_each_value() {
    let other = "0".repeat(32);
    let table = format!("name;Hash;md5\na;{SHA1};{MD5}\nb;{other};{MD5}\nc;{MD5};\nd;zz;\ne;{}", &SHA1[..32]);
    let (summary, set) = import(table).unwrap();
    assert_eq!((summary.format().as_str(), summary.entries, summary.rejected), ("csv", 2, 3));
    assert!(holds(&set, MD5) && holds(&set, SHA1) && !holds(&set, &other));
    assert!(summary.rejected_examples[0].contains("line 3: a second value of its kind in one row"));
    // Where the end of the file may have cut a longer value, a shorter kind is not believed.
    let (summary, _) = import(format!("size;digest\n1;{SHA1}\n2;{}", &SHA1[..32])).unwrap();
    assert_eq!((summary.entries, summary.rejected), (1, 1));
}

#[test]
fn a_table_of_one_column_stays_a_table_unless_its_heading_is_exactly_a_type() {
    for (heading, format) in [
        ("MD5", "xways"),
        ("md5", "xways"),
        ("MD-5", "xways"),
        ("\"MD5\"", "csv"),
        ("md5_hash", "csv"),
        ("hash", "csv"),
        ("File MD5", "csv"),
    ] {
        let (summary, set) = import(format!("{heading}\r\n{MD5}\r\n")).unwrap();
        assert_eq!(
            (summary.format().as_str(), summary.entries, summary.rejected),
            (format, 1, 0),
            "{heading}"
        );
        assert!(holds(&set, MD5));
    }
    assert_eq!(import(format!("MD5\n\"{MD5}\"\n")).unwrap().0.format(), "csv");
}

#[test]
fn hashkeeper_rows_give_md5_and_size() {
    let heading =
        "\"file_id\",\"hashset_id\",\"file_name\",\"directory\",\"hash\",\"file_size\",\"comments\"";
    let (summary, set) = import(format!(
        "{heading}\r\n1,7,\"a, \"\"b\"\"\",\"C:\\x\",\"{MD5}\",5,\"\"\r\n2,7,a,b,{SHA1},5,\r\n"
    ))
    .unwrap();
    assert_eq!((summary.format().as_str(), summary.entries, summary.rejected), ("hashkeeper", 1, 1));
    assert_eq!(set.find(&Digest::from_hex(MD5).unwrap()).unwrap()[0].size, Some(5));
}

#[test]
fn a_stray_quote_neither_takes_the_end_of_the_next_row_nor_loses_it() {
    let [stray, next] = ["1", "2"].map(|digit| digit.repeat(32));
    let (summary, set) =
        import(format!("md5,name,category\n{stray},\"oops,1\n{next},\"b.jpg\",2\n")).unwrap();
    assert_eq!((summary.entries, summary.rejected), (1, 1), "{summary:?}");
    assert!(!holds(&set, &stray));
    assert_eq!(set.find(&Digest::from_hex(&next).unwrap()).unwrap()[0].category, Some("2"));
    let (summary, set) = import(format!("md5_hash\n\"{stray}\n\"{next}\"\n")).unwrap();
    assert_eq!((summary.entries, summary.rejected, holds(&set, &next)), (1, 1, true));
}

#[test]
fn lists_whose_lines_end_in_carriage_returns_alone_are_not_taken_for_their_first_line() {
    let other = "1".repeat(32);
    for list in [
        format!("md5,category\r{MD5},1\r{other},2\r"),
        format!("MD5;SHA1;PhotoDNA;Image ID;\r{MD5};;;\r"),
        format!("{MD5}  a\r{other}  b\r"),
        format!("MD5 (a) = {MD5}\rMD5 (b) = {other}\r"),
        format!("%%%% HASHDEEP-1.0\r%%%% size,md5,filename\r5,{MD5},a\r"),
    ] {
        let message = import(&list).unwrap_err().to_string();
        assert!(message.contains("line 1: lines that end in a carriage return alone"), "{message}");
    }
    let index = format!("{}|md5sum\r{MD5}|{}\r", "0".repeat(41), "0".repeat(16));
    assert!(import(index).is_err());
    // In a name of a list with line feeds one is harmless.
    assert_eq!(import(format!("{MD5}  Icon\r/a\n{other}  b\n")).unwrap().0.entries, 2);
}

#[test]
fn a_row_without_heading_that_is_too_long_is_counted() {
    let text = format!("{},{MD5}\nshort,{SHA1}\n", "x".repeat(2 << 20));
    let mapping = Mapping::from_toml("m", "heading = false\n[columns]\nhash = 2").unwrap();
    let stated = Stated { mapping: Some(mapping), ..Stated::default() };
    let mut builder = Builder::new("set", Role::Alert, Profile::uk()).stated(stated);
    builder.add_reader("list", text.as_bytes()).unwrap();
    let (summary, _) = opened(builder);
    assert_eq!((summary.entries, summary.rejected), (1, 1));
}
