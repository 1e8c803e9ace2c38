//! Lists that are refused, and lines that are rejected.

use super::*;

#[test]
fn unknown_lists_are_refused_with_what_was_found_and_which_formats_exist() {
    let utf16: Vec<u8> = format!("{MD5}\r\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [b"\xff\xfe", utf16.as_slice()].concat();
    let jumps: Vec<u8> = (0..4096_u64).map(|n| n * 0x333).flat_map(u64::to_le_bytes).collect();
    let cases: [(&[u8], &str); 8] = [
        (b"", "an empty file"),
        (b"# only a comment\n", "text whose first line is \"\""),
        (b"name,owner\na,b\n", "text whose first line is \"name,owner\""),
        (&jumps, "bytes with zeros among them"),
        (&utf16, "text in UTF-16 (save it as UTF-8)"),
        (&marked, "text in UTF-16 (save it as UTF-8)"),
        (b"5d41402abc4b2a76b9719d911017c592  a\0", "ended by NUL"),
        (b"\x1b[31mred", "\\u{1b}[31mred"),
    ];
    let known = FORMATS.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ");
    for (text, found) in cases {
        let message = import(text).unwrap_err().to_string();
        assert!(message.contains(found) && message.contains("hash list list "), "{message}");
        assert!(message.contains(&known), "{message}");
    }
    let text = format!("junk\n{MD5}\n{MD5}  name\n");
    assert!(import(&text).unwrap_err().to_string().contains("may be of format md5sum or plain"));
    let mut builder = Builder::new("set", Role::Alert, Profile::none());
    builder.add_reader_as("list", text.as_bytes(), named("plain")).unwrap();
    let (summary, _) = opened(builder);
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
            "line 3: holds zero bytes",
            "line 4: not 32, 40 or 64 hexadecimal digits: \"\\u{1b}[2J\"",
            "line 5: not 32, 40 or 64 hexadecimal digits: \"x\"",
        ]
    );
    assert!(holds(&set, MD5) && holds(&set, SHA1));
}

#[test]
fn sixty_four_digits_refuse_a_list_that_does_not_say_what_they_are() {
    let hash = |name: &str| format!("{name},size\n{MD5},5\n{SHA256},5\n");
    for (list, line) in [
        (format!("{MD5}\n\n{SHA256}\n"), 3),
        (hash("hash"), 3),
        (hash("Hash Value"), 3),
        (format!("FilePath,Hash\na,{SHA256}\n"), 2),
        (format!("{SHA256},name\n"), 1),
        (format!("{SHA256},100,0.5\n"), 1),
    ] {
        let error = import(&list).unwrap_err();
        assert!(
            matches!(error, Error::Unstated { place, .. } if place == Place::Line(line)),
            "{list}: {error}"
        );
        assert!(error.to_string().contains("--long-digits pdq") && !error.to_string().contains(SHA256));
        let (summary, set) = import_stated(Some(LongDigits::Sha256), &list).unwrap();
        assert!(holds(&set, SHA256) && summary.near == 0, "{list}");
        let (summary, set) = import_stated(Some(LongDigits::Pdq), &list).unwrap();
        assert!(holds_pdq(&set, SHA256) && !holds(&set, SHA256) && summary.near == 1, "{list}");
    }
    // The tools that write these make no PDQ hashes: what is stated of other lists does not touch them.
    for list in [
        format!("{SHA256}  name\n"),
        format!("SHA256 (name) = {SHA256}\n"),
        format!("%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n5,{SHA256},name\n"),
        format!("sha256\tname\n{SHA256}\tname\n"),
        format!("SHA-256\r\n{SHA256}\r\n"),
        format!("sha256 {SHA256}\n"),
    ] {
        for long in [None, Some(LongDigits::Pdq), Some(LongDigits::Sha256)] {
            assert!(holds(&import_stated(long, &list).unwrap().1, SHA256), "{list}");
        }
    }
}

#[test]
fn free_text_beside_a_value_is_not_shown_when_its_line_is_rejected() {
    for list in [
        format!("hash={PDQ},idx=1\nhash=abc,Private Name\n"),
        format!("pdq {PDQ}\nmd5 Private Name\nPrivate Name\nPrivate-Name: x\n"),
        format!(
            "\"file_id\",\"hashset_id\",\"file_name\",\"directory\",\"hash\",\"file_size\",\"comments\"\n1,1,a,b,{MD5},5,x\n1,1,a,b,zz,5,Private Name\n"
        ),
    ] {
        let (summary, _) = import(&list).unwrap();
        assert!(summary.rejected > 0, "{list}");
        assert!(!format!("{summary:?}").to_lowercase().contains("private"), "{summary:?}");
    }
}
