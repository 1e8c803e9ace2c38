//! Pages in order, and pages that are cut, damaged or made to deceive.

use std::io::{BufReader, Read, Write as _};

use proptest::prelude::*;

use crate::hashset::formats::named;
use crate::hashset::{Builder, Error, KnownSet, Profile, Result};
use crate::model::{Digest, ListSummary, Role};
use crate::read::Memory;

type Set = KnownSet<Memory<Vec<u8>>>;

fn opened(builder: Builder) -> (ListSummary, Set) {
    let set = KnownSet::open(Memory(builder.finish().unwrap())).unwrap();
    (set.lists()[0].clone(), set)
}

fn builder() -> Builder {
    Builder::new("set", Role::Alert, Profile::none())
}

fn import(text: impl AsRef<[u8]>) -> Result<(ListSummary, Set)> {
    let mut builder = builder();
    builder.add_reader_as("list", text.as_ref(), named("ncmec"))?;
    Ok(opened(builder))
}

fn pages(pages: &[String]) -> (ListSummary, Set) {
    let folder = tempfile::tempdir().unwrap();
    let write = |(at, page): (usize, &String)| {
        let path = folder.path().join(format!("{at}.xml"));
        std::fs::File::create(&path).unwrap().write_all(page.as_bytes()).unwrap();
        path
    };
    let files: Vec<_> = pages.iter().enumerate().map(write).collect();
    let mut builder = builder();
    builder.add_list("ncmec", &files, None).unwrap();
    opened(builder)
}

fn md5(number: u32) -> String {
    format!("{:032x}", u128::from(number + 1) * 0x0123_4567_89ab)
}

fn image(member: u32, id: &str, number: u32) -> String {
    format!(
        "<image><member id=\"{member}\">M</member><timestamp>2024-05-0{member}T00:00:00Z</timestamp><id>{id}</id>\
         <classification>A1</classification><fingerprints><md5>{}</md5></fingerprints></image>",
        md5(number)
    )
}

fn page(content: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<queryResult xmlns=\"{}\"><images count=\"1\" \
         maxTimestamp=\"2024-01-01T00:00:00Z\">{content}</images><videos count=\"0\"/></queryResult>",
        super::NAMESPACE
    )
}

fn holds(set: &Set, digits: &str) -> bool {
    !set.find(&Digest::from_hex(digits).unwrap()).unwrap().is_empty()
}

#[test]
fn later_pages_replace_and_take_back_what_earlier_ones_hold() {
    let deletion = "<deletedImage><member id=\"1\">M</member><id>b</id><timestamp>2025-01-01T00:00:00Z</timestamp></deletedImage>";
    let (summary, set) = pages(&[
        page(&[image(1, "a", 1), image(1, "b", 2), image(2, "a", 3)].concat()),
        page(&[image(1, "a", 4), deletion.to_owned()].concat()),
    ]);
    assert_eq!([1, 2, 3, 4].map(|number| holds(&set, &md5(number))), [false, false, true, true]);
    assert_eq!((summary.entries, summary.withdrawn, summary.rejected, summary.files.len()), (2, 2, 0, 2));
    assert_eq!(summary.date.as_deref(), Some("2025-01-01T00:00:00Z"));
    assert_eq!(set.find(&Digest::from_hex(&md5(3)).unwrap()).unwrap()[0].category, Some("A1"));
}

#[test]
fn every_kind_of_hash_is_read_in_any_spelling_and_what_is_not_a_hash_is_rejected() {
    let pdq = "0123456789abcdef".repeat(4);
    let sha256 = "9".repeat(64);
    let text = page(&format!(
        "<video><member id='1'/><id>&#65;&amp;</id><fingerprints>\r\n <md5>\n{}\n</md5><sha1><![CDATA[{}]]></sha1>\
         <sha256>{sha256}</sha256><pdq>{pdq}</pdq><pdna>AAAA</pdna><ssvh_pdna>x<y/></ssvh_pdna></fingerprints></video>\
         <image><member id='1'/><id>c</id><fingerprints><md5>zz</md5><sha1>{}</sha1><pdq>12</pdq></fingerprints></image>\
         <image><member id='1'/><id>d</id><fingerprints><md5>{}</md5></fingerprints></image>\
         <image xmlns='other'><id>e</id><fingerprints><md5>{}</md5></fingerprints></image>\
         <image><fingerprints><md5>{}</md5></fingerprints></image>",
        md5(1).to_uppercase(),
        "a".repeat(40),
        "b".repeat(40),
        "x".repeat(5000),
        md5(5),
        md5(6),
    ))
    .replace("<images", "\u{feff}<images");
    let text = format!("\u{feff}{}", text.replace('\u{feff}', "").replace('\n', "\r\n"));
    // `video` is expected below `videos` or `images` alike.
    let (summary, set) = import(text).unwrap();
    assert_eq!((summary.rejected, summary.without_digest), (3, 0), "{:?}", summary.rejected_examples);
    assert_eq!(summary.rejected_examples[0], "record 2: not the hexadecimal digits of MD5: \"zz\"");
    assert!(
        [md5(1), "a".repeat(40), sha256, "b".repeat(40), md5(6)].iter().all(|digits| holds(&set, digits))
    );
    assert!(!holds(&set, &md5(5)), "an element of another namespace");
    assert!(summary.remarks.iter().any(|remark| remark.contains("without an id")));
}

#[test]
fn a_page_cut_anywhere_is_truncated_and_gives_nothing() {
    let whole = page(&[image(1, "a", 1), image(1, "\u{e9}", 2)].concat());
    for end in 0..whole.len() {
        match import(&whole.as_bytes()[..end]) {
            Err(Error::Truncated { .. }) => {}
            other => panic!("cut at {end}: {:?}", other.map(|(summary, _)| summary)),
        }
    }
    assert_eq!(import(whole + "\n").unwrap().0.entries, 2);
}

#[test]
fn what_is_no_page_is_refused_with_the_reason() {
    let declared = page("").replacen("<queryResult", "<!DOCTYPE x [<!ENTITY a \"b\">]><queryResult", 1);
    let deep = page(&"<a>".repeat(100_000));
    for (text, expected) in [
        (declared, "a document type declaration"),
        (page("<image><id>&a;</id></image>"), "an entity that is not of XML"),
        (deep, "nested deeper than 32 levels"),
        (page("").replace("/v2", "/v1"), "of another version or kind"),
        ("<html/>".to_owned(), "of another version or kind"),
        (page("") + "<more/>", "a second element"),
        (page("") + "more", "text outside"),
        (page("</videos>"), "not XML"),
        (page(&"x".repeat(300 << 10)), "longer than 256 KiB"),
        (page(&format!("<image x='{}'/>", "x".repeat(300 << 10))), "longer than 256 KiB"),
    ] {
        let message = import(&text).unwrap_err().to_string();
        assert!(message.contains(expected) && message.contains("nothing of it was taken over"), "{message}");
    }
    let utf16: Vec<u8> = page("").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(import(utf16).is_err());
    let mut builder = builder();
    let message =
        builder.add_reader("list", page("").replace("/v2", "/v3").as_bytes()).unwrap_err().to_string();
    assert!(
        message.contains("expected the element queryResult of https://hashsharing.ncmec.org/hashsharing/v2")
    );
}

#[test]
fn a_comment_without_end_is_not_held() {
    let front = page("").replace("</images>", "<!--");
    let endless = front.as_bytes().chain(std::io::repeat(b'x').take(1 << 33));
    let mut builder = builder();
    let message = builder.add_reader("list", BufReader::new(endless)).unwrap_err().to_string();
    assert!(message.contains("longer than 256 KiB"), "{message}");
}

proptest! {
    #[test]
    fn damaged_pages_end_without_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = page(&[image(1, "a", 1), image(1, "b", 2)].concat()).into_bytes();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        drop(import(&bytes));
    }
}

#[test]
fn entries_whose_long_ids_start_alike_do_not_replace_each_other() {
    let id = |end: &str| "x".repeat(1024) + end;
    let (summary, set) = import(page(&[image(1, &id("a"), 1), image(1, &id("b"), 2)].concat())).unwrap();
    assert_eq!((summary.entries, summary.rejected, summary.withdrawn), (2, 2, 0));
    assert!(holds(&set, &md5(1)) && holds(&set, &md5(2)));
    let long = page(&image(1, "a", 1).replace("id=\"1\"", &format!("id=\"{}\"", id("a"))));
    assert!(import(long).unwrap_err().to_string().contains("longer than 1 KiB"));
}
