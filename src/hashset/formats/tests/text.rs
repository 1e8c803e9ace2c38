//! Lists of one value a line.

use super::*;

#[test]
fn xways_lists_hold_what_their_first_line_says() {
    for (kind, digits) in [("MD5", MD5), ("SHA-1", SHA1), ("sha-256", SHA256), ("SHA1", SHA1)] {
        let (summary, set) = import(format!("\u{feff}{kind}\r\n{}\r\n", digits.to_uppercase())).unwrap();
        assert_eq!((summary.format().as_str(), summary.entries), ("xways", 1), "{kind}");
        assert!(holds(&set, digits));
    }
    let (summary, set) = import(format!("PDQ\r\n{PDQ}\r\n{}\r\n{SHA1}", "0".repeat(64))).unwrap();
    assert_eq!([summary.near, summary.entries, summary.rejected], [2, 0, 1]);
    assert!(holds_pdq(&set, PDQ) && summary.remarks[0].starts_with("1 of 2 PDQ hashes"));
    let (summary, _) = import(format!("SHA-1\n{SHA1}\nVL2MMHO4YXUKFWV63YHTWSBM3GXKSQ2N\n{MD5}\n")).unwrap();
    assert_eq!((summary.entries, summary.rejected), (1, 2));
    assert!(
        summary.rejected_examples[0]
            .contains("line 3: base32 digits, which are not read: export the list in hex")
    );
    assert!(summary.rejected_examples[1].contains("line 4: not the hexadecimal digits of the type"));
}

#[test]
fn a_list_that_is_stated_to_be_of_xways_must_name_its_type() {
    let mut builder = Builder::new("set", Role::Alert, Profile::none());
    let error =
        builder.add_reader_as("list", format!("{MD5}\n{SHA1}\n").as_bytes(), named("xways")).unwrap_err();
    assert!(
        error.to_string().contains("line 1: expected MD5, SHA-1, SHA-256 or PDQ alone in the first line"),
        "{error}"
    );
}

#[test]
fn an_index_of_hfind_gives_its_digests_and_says_what_it_was_made_of() {
    let header = |kind: &str| format!("{:041}|{kind}\r\n{:041}|a name\r\n", 0, 1);
    let (summary, set) =
        import(format!("{}{}|{:016}\r\n", header("md5sum"), MD5.to_uppercase(), 17)).unwrap();
    assert_eq!((summary.format().as_str(), summary.entries, summary.rejected), ("tsk-idx (md5sum)", 1, 0));
    assert!(holds(&set, MD5) && summary.remarks.is_empty());
    let (summary, set) =
        import(format!("{}{SHA1}|{:016}\n{MD5}|1\n{SHA256}|{:016}\n", header("nsrl"), 1, 2)).unwrap();
    assert_eq!((summary.entries, summary.rejected), (1, 2));
    assert!(holds(&set, SHA1) && summary.remarks[0].starts_with("made from NSRL"));
}

/// Endless bytes without a line end, as far as anybody reads.
struct Endless<'a> {
    front: &'a [u8],
    left: usize,
}

impl std::io::Read for Endless<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if !self.front.is_empty() {
            return self.front.read(buffer);
        }
        let read = buffer.len().min(self.left);
        buffer[..read].fill(b'a');
        self.left -= read;
        Ok(read)
    }
}

#[test]
fn a_line_without_end_is_passed_over_and_never_held() {
    let nsrl = "\"SHA-1\",\"FileName\",\"FileSize\",\"ProductCode\",\"OpSystemCode\",\"SpecialCode\"\n";
    let keeper = "\"file_id\",\"hashset_id\",\"file_name\",\"directory\",\"hash\",\"file_size\"\n";
    for (format, front) in [
        ("plain", format!("{MD5}\n")),
        ("md5sum", format!("{MD5}  a\n")),
        ("pdq", format!("hash={PDQ}\n")),
        ("pdq", format!("hash={PDQ}\nhash={PDQ},")),
        ("threatexchange", format!("md5 {MD5}\nurl ")),
        ("tsk-idx", format!("{:041}|md5sum\n{MD5}|{:016}\n", 0, 0)),
        ("xways", format!("MD5\n{MD5}\n")),
        ("nsrl-v2", format!("{nsrl}{SHA1},a,1,1,1,\n{SHA1},\"")),
        ("hashkeeper", format!("{keeper}1,1,a,b,{MD5},1\n1,1,\"a\n")),
        ("csv", format!("hash\n{MD5}\n")),
    ] {
        let mut builder = Builder::new("set", Role::Alert, Profile::none());
        builder.add_reader("list", Endless { front: front.as_bytes(), left: 64 << 20 }).unwrap();
        let (summary, _) = opened(builder);
        assert_eq!(summary.format().split(' ').next(), Some(format));
        assert_eq!(summary.entries + summary.near, 1, "{format}");
        assert!(
            summary.rejected_examples.iter().any(|example| example.ends_with("longer than 1 MiB")),
            "{format}"
        );
    }
}
