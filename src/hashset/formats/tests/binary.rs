//! Hash sets of EnCase.

use super::*;

/// A set of that many records as its header states, with these digests.
fn encase(stated: u32, name: &str, digests: &[[u8; 16]]) -> Vec<u8> {
    let mut set = b"HASH\r\n\xff\0\x02\0\0\0\x01\0\0\0".to_vec();
    set.extend(stated.to_le_bytes());
    set.resize(0x408, 0);
    set.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
    set.resize(0x480, 0);
    for digest in digests {
        set.extend_from_slice(digest);
        set.extend([0xab, 0xcd]);
    }
    set
}

#[test]
fn records_are_read_to_the_end_of_the_file_whatever_the_header_states() {
    let digests = [[1; 16], [2; 16], [0x0a; 16]];
    for stated in [0, 1, 3, u32::MAX] {
        let (summary, set) = import(encase(stated, "My\u{202e} list", &digests)).unwrap();
        assert_eq!((summary.entries, summary.rejected), (3, 0));
        assert_eq!(summary.format(), "encase (\"My\\u{202e} list\")");
        assert!(holds(&set, &"02".repeat(16)));
        let said = format!("its header states {stated} records, the file holds 3");
        assert_eq!(summary.remarks.iter().any(|remark| remark.starts_with(&said)), stated != 3);
    }
    assert_eq!(import(encase(0, "", &[])).unwrap().0.format(), "encase");
}

#[test]
fn a_partial_record_is_rejected_and_a_partial_header_refuses_the_set() {
    let mut set = encase(2, "", &[[1; 16], [2; 16]]);
    set.truncate(set.len() - 1);
    let (summary, found) = import(&set).unwrap();
    assert_eq!((summary.entries, summary.rejected), (1, 1));
    assert_eq!(summary.rejected_examples, ["record 2: the file ends after 17 of the 18 bytes of a record"]);
    assert!(!holds(&found, &"02".repeat(16)), "a record must be whole");
    let message = import(&set[..0x47f]).unwrap_err().to_string();
    assert!(message.contains("is truncated: its header has 1152 bytes, the file has 1151"), "{message}");
    let message = import(&set[..0x480]).unwrap_err().to_string();
    assert!(message.contains("truncated: its header states 2 records, the file holds none"), "{message}");
    let mut builder = Builder::new("set", Role::Alert, Profile::none());
    let error = builder.add_reader_as("list", MD5.as_bytes(), named("encase")).unwrap_err();
    assert!(error.to_string().contains("record 1: expected the signature"), "{error}");
}
