//! VICS JSON.

use super::*;

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
    assert_eq!(summary.format(), "vics (x/DataModels/2.0.xml/UK/$metadata#Media)");
    assert_eq!((summary.entries, summary.without_digest, summary.rejected), (4, 1, 3));
    let of = |digits: &str| {
        let entry = set.find(&Digest::from_hex(digits).unwrap()).unwrap()[0];
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
    let mixed = |files: &[&str]| {
        let mut builder = Builder::new("set", Role::Alert, Profile::uk());
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<_> = files
            .iter()
            .enumerate()
            .map(|(at, text)| {
                let path = folder.path().join(at.to_string());
                std::fs::write(&path, text).unwrap();
                path
            })
            .collect();
        builder.add_list("mixed", &paths, None)
    };
    let plain = format!("{MD5}\n");
    assert!(mixed(&[&list(&["0"]), &plain]).unwrap_err().to_string().contains("all of its 1 records"));
    mixed(&[&list(&["1"]), &plain]).unwrap();
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

#[test]
fn a_second_hash_of_a_kind_in_one_record_is_counted_and_does_not_replace_the_first() {
    let [other, near] = ["1".repeat(32), "1".repeat(64)];
    let text = format!(
        "{{\"value\": [{{\"MD5\": \"{MD5}\", \"md5\": \"{other}\", \"AlternativeHashes\": [\
         {{\"HashName\": \"PDQ\", \"HashValue\": \"{PDQ}\"}}, {{\"HashName\": \"PDQ\", \"HashValue\": \"{near}\"}}, \
         {{\"HashName\": \"PDQ\", \"HashValue\": \"zz\"}}, {{\"HashName\": \"PDQ\", \"HashValue\": \"{PDQ}\"}}]}}]}}"
    );
    let (summary, set) = import(text).unwrap();
    assert_eq!((summary.entries, summary.near, summary.rejected), (1, 1, 3), "{summary:?}");
    assert!(holds(&set, MD5) && holds_pdq(&set, PDQ) && !holds(&set, &other) && !holds_pdq(&set, &near));
}

#[test]
fn a_case_that_is_itself_a_record_keeps_its_own_category() {
    let inner = "1".repeat(32);
    let (_, set) = import(format!(
        "{{\"value\": [{{\"MD5\": \"{MD5}\", \"Category\": 1, \"Media\": [{{\"MD5\": \"{inner}\", \"Category\": 2}}]}}]}}"
    ))
    .unwrap();
    let category =
        |digits: &str| set.find(&Digest::from_hex(digits).unwrap()).unwrap()[0].category.map(str::to_owned);
    assert_eq!((category(MD5).as_deref(), category(&inner).as_deref()), (Some("1"), Some("2")));
}
