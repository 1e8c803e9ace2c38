//! The page against hostile names, and as it was.

use proptest::prelude::*;

use super::*;
use crate::model::{Event, is_hidden};
use crate::report::fixture;

#[test]
fn the_page_is_as_it_was() {
    insta::assert_snapshot!("hostile", fixture::text(&Html, &fixture::hostile()));
    insta::assert_snapshot!("complete", fixture::text(&Html, &fixture::complete()));
}

/// The tags of a page, text between them left out.
fn tags(page: &str) -> Vec<&str> {
    let style = page.find("</style>").unwrap();
    page[style..].split('<').skip(1).map(|piece| piece.split_once('>').unwrap().0).collect()
}

#[test]
fn no_script_no_handler_and_nothing_remote_is_in_the_page() {
    let page = fixture::text(&Html, &fixture::hostile());
    assert!(!page.to_lowercase().contains("<script"));
    assert_eq!(page.matches("<style").count(), 1);
    assert!(!CSS.contains("url(") && !CSS.contains('<') && !CSS.contains("@import"));
    for tag in tags(&page) {
        let lower = tag.to_lowercase();
        assert!(!lower.contains("http") && !lower.contains("src=") && !lower.contains("style="), "{tag}");
        // Outside the quotes stand the names of attributes.
        let names: String = lower.split('"').step_by(2).collect();
        assert!(!names.split_whitespace().skip(1).any(|name| name.starts_with("on")), "{tag}");
        for link in lower.split("href=").skip(1) {
            assert!(link.starts_with("\"#"), "{tag}");
        }
        for name in ["iframe", "object", "embed", "img", "link", "form", "input", "base", "video", "audio"] {
            assert_ne!(lower.split_whitespace().next(), Some(name), "{tag}");
        }
    }
}

#[test]
fn evidence_adds_no_tag_and_no_attribute() {
    let mut harmless = fixture::hostile();
    for finding in &mut harmless.findings {
        finding.item.path = "a".into();
    }
    let hostile = fixture::text(&Html, &fixture::hostile());
    let hostile: Vec<&str> =
        tags(&hostile).into_iter().filter(|tag| !tag.contains("class=\"hex\"")).collect();
    let plain = fixture::text(&Html, &harmless);
    let plain: Vec<&str> = tags(&plain).into_iter().filter(|tag| !tag.contains("class=\"hex\"")).collect();
    // One name is not UTF-8: its bytes stand in an element of their own, whose end tag is the difference.
    assert_eq!(hostile.len(), plain.len() + 1);
    for tag in ["script", "/script", "img", "i", "b"] {
        let count = |tags: &[&str]| tags.iter().filter(|t| t.split_whitespace().next() == Some(tag)).count();
        assert_eq!(count(&hostile), count(&plain), "{tag}");
    }
}

#[test]
fn names_that_steer_or_hide_are_shown_as_escapes() {
    let page = fixture::text(&Html, &fixture::hostile());
    assert!(!page.chars().any(|c| c != '\n' && is_hidden(c)));
    for shown in ["\\u{202e}gpj.exe", "a\\u{1b}[2J", "zero\\u{200b}width\\u{feff}", "6c6174696ee9ff2e6a7067"]
    {
        assert!(page.contains(shown), "{shown}");
    }
}

#[test]
fn the_policy_allows_exactly_the_style_of_the_page() {
    let page = fixture::text(&Html, &fixture::complete());
    let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    assert_eq!(style, CSS);
    let hash = base64(&Sha256::digest(style));
    assert!(
        page.contains(&format!("style-src 'sha256-{hash}'"))
            || page.contains(&format!("sha256-{}", hash.replace('+', "&#43;")))
    );
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn base64_is_that_of_the_rfc() {
    for (bytes, text) in [
        (&b""[..], ""),
        (b"f", "Zg=="),
        (b"fo", "Zm8="),
        (b"foo", "Zm9v"),
        (b"foobar", "Zm9vYmFy"),
        (&[0xff, 0xef, 0xbe], "/+++"),
    ] {
        assert_eq!(base64(bytes), text);
    }
}

#[test]
fn a_table_that_no_browser_can_show_ends_aloud() {
    let run = fixture::hostile();
    let many = std::iter::repeat_n(&run.findings[0], MAX_ROWS + 3);
    let mut out = Vec::new();
    Html.write(&run, &mut many.into_iter(), &mut out).unwrap();
    let page = String::from_utf8(out).unwrap();
    assert!(page.contains("The table ends after 20,000 rows. 3 more findings are in findings.csv"));
    assert_eq!(page.matches("<bdi class=\"path\"").count(), MAX_ROWS + 2);
}

#[test]
fn a_failed_an_unended_and_a_contradicted_run_say_so_on_top() {
    let mut run = fixture::complete();
    run.controls[0].passed = false;
    assert!(fixture::text(&Html, &run).contains("THE RUN FAILED. self test: 9 known answers"));
    let mut run = fixture::complete();
    run.end = None;
    assert!(fixture::text(&Html, &run).contains("The run never ended"));
    let mut run = fixture::complete();
    run.apply(Event::Finding(fixture::hostile().findings[0].clone()));
    assert!(fixture::text(&Html, &run).contains("is not the one that follows from its record"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_a_name_is_the_page_has_the_same_tags(
        name in "[<>&\"'/= a-z\u{0}-\u{1f}\u{202e}{}%!\\-]{0,40}|\\PC{0,20}"
    ) {
        let page = |name: &str| {
            let mut run = fixture::complete();
            let mut finding = fixture::hostile().findings[0].clone();
            finding.item.path = name.into();
            finding.exhibit = name.into();
            finding.remarks = vec![name.into()];
            finding.hits[0].list = name.into();
            run.apply(Event::Finding(finding));
            let header = run.header.as_mut().unwrap();
            header.case = format!("a{name}");
            run.sources[0].exhibit = format!("a{name}");
            run.volumes[0].label = name.into();
            fixture::text(&Html, &run)
        };
        let (hostile, plain) = (page(&name), page("a"));
        prop_assert_eq!(tags(&hostile), tags(&plain));
        let hidden = hostile.chars().any(|c| c != '\n' && is_hidden(c));
        prop_assert!(!hidden);
    }
}
