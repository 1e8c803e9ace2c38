//! Lists of PDQ hashes.

use super::*;

#[test]
fn hashes_are_taken_for_pdq_when_a_line_says_so_and_those_below_it_too() {
    let (one, two) = (PDQ.to_uppercase(), "5".repeat(64));
    for said in [
        format!("hash={one}"),
        format!("{one},quality=80"),
        format!("{one},idx=1,name.jpg"),
        format!("hash={one},norm=128,delta=0"),
    ] {
        let (summary, set) = import(format!("\u{feff}{said}\r\n{two},bridge\r\n{MD5},x\r\n")).unwrap();
        assert_eq!(summary.format(), "pdq", "{said}");
        assert_eq!([summary.near, summary.entries, summary.rejected], [2, 0, 1], "{said}");
        assert!(holds_pdq(&set, PDQ) && holds_pdq(&set, &two));
        // What the list says of itself is stronger than what is said of lists that do not.
        let (summary, _) = import_stated(Some(LongDigits::Sha256), format!("{said}\n")).unwrap();
        assert_eq!((summary.near, summary.entries), (1, 0));
    }
    let error = import(format!("{two},bridge\nhash={one}\n")).unwrap_err();
    assert!(matches!(error, Error::Unstated { place: Place::Line(1), .. }), "{error}");
    let mixed = format!("{two}\nhash={one}\n{one},name\n");
    let error = import(&mixed).unwrap_err().to_string();
    assert!(error.contains("may be of format pdq or plain: state which one it is"), "{error}");
    let mut builder = Builder::new("set", Role::Alert, Profile::none()).stated(stated(Some(LongDigits::Pdq)));
    builder.add_reader_as("list", mixed.as_bytes(), named("pdq")).unwrap();
    assert_eq!(opened(builder).0.near, 2);
}

#[test]
fn hashes_of_blank_pictures_are_counted_said_once_and_taken() {
    let bits = |set: usize| format!("{:0>64}", "f".repeat(set / 4));
    let remark = |lines: &[String], long| {
        let (summary, _) = import_stated(long, lines.join("\n") + "\n").unwrap();
        assert_eq!(summary.near, lines.len() as u64, "all are taken");
        assert!(summary.remarks.len() <= 1);
        summary.remarks.first().map(|remark| remark.split(" PDQ").next().unwrap().to_owned())
    };
    let plain =
        |set: &[usize]| remark(&set.iter().map(|set| bits(*set)).collect::<Vec<_>>(), Some(LongDigits::Pdq));
    assert_eq!(plain(&[128, 100, 156]), None);
    assert_eq!(
        plain(&[0, 256, 128, 96, 160]),
        Some("4 of 5".to_owned()),
        "within 31 bits of half is balanced"
    );
    let said = |text: &[&str]| {
        let lines = text
            .iter()
            .enumerate()
            .map(|(n, text)| format!("{}{text}", bits(128 - n * 4)))
            .collect::<Vec<_>>();
        remark(&lines, Some(LongDigits::Pdq))
    };
    assert_eq!(said(&[",quality=49", ",quality=50", ",x", ",quality=1000"]), Some("1 of 4".to_owned()));
    assert_eq!(
        said(&[",49,0.5", ",50,12", ",3,bridge", ",3,4,5", ",x,1"]),
        Some("1 of 5".to_owned()),
        "vPDQ features"
    );
    assert_eq!(remark(&[format!("{},quality=100", bits(0))], None), None, "a stated quality is believed");
}

#[test]
fn typed_signals_are_read_and_other_types_counted() {
    let text = format!(
        "# exchange\r\nHASH_VIDEO_MD5 {}\r\nhash_sha1\t{SHA1}\r\nsha256   {SHA256}\r\nPDQ {PDQ}\r\n\
         pdq_ocr {PDQ},words\r\nurl http://example.org/a b\r\nsecretive word\r\nmd5 {SHA1}\r\npdq {MD5}\r\nbare\r\n",
        MD5.to_uppercase()
    );
    let (summary, set) = import(text).unwrap();
    assert_eq!(summary.format(), "threatexchange");
    assert_eq!([summary.entries, summary.near, summary.rejected, summary.without_digest], [3, 1, 3, 3]);
    assert!([MD5, SHA1, SHA256].iter().all(|digits| holds(&set, digits)) && holds_pdq(&set, PDQ));
    assert_eq!(summary.remarks, ["3 signals of other types are not compared: pdq_ocr, unknown ones, url"]);
}
