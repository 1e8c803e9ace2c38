//! What a list leaves behind when it is dropped, and what may not be crowded out.

use super::*;

fn record(category: &str) -> Record<'_> {
    let mut digests = Digests::default();
    digests.set(Digest::from_hex("5d41402abc4b2a76b9719d911017c592").unwrap());
    Record { digests, category: Some(category), ..Record::default() }
}

#[test]
fn categories_of_a_list_that_was_dropped_do_not_count_against_the_next_one() {
    let mut collection = Collection::new(None);
    for (name, kept) in [("first", true), ("dropped", false), ("last", true)] {
        let mut list = Collector::new(&mut collection, name, Role::Alert, false);
        list.record(record("common"));
        list.record(record(name));
        if kept { list.finish().unwrap() } else { list.abandon() }
    }
    assert_eq!(collection.categories.values, ["common", "first", "last"]);
    assert_eq!(collection.categories.number("last"), 2);
    assert_eq!(collection.md5.len(), 4);
}

#[test]
fn the_operators_word_is_remarked_however_many_remarks_there_are() {
    let mut collection = Collection::new(None);
    let mut list = Collector::new(&mut collection, "list", Role::Alert, false);
    list.begin(true);
    (0..100).for_each(|number| list.remark(format!("remark {number}")));
    list.record(record("0"));
    assert!(list.objection(true).is_none());
    assert!(list.summary.remarks[0].starts_with("taken as alert on the operator's word"));
    assert_eq!(list.summary.remarks.len(), REMARKS + 1);
}

#[test]
fn long_keys_are_told_apart_and_held_short() {
    let mut collection = Collection::new(None);
    let mut list = Collector::new(&mut collection, "list", Role::Alert, false);
    let keys = ["a", "b"].map(|end| "x".repeat(5000) + end);
    keys.iter().for_each(|key| list.update(key.as_bytes(), record("A1")));
    assert!(list.keyed.len() == 2 && list.keyed.keys().all(|key| key.len() == 32));
    list.withdraw(keys[0].as_bytes());
    assert!(list.objection(false).is_none());
    assert_eq!((list.taken, list.summary.withdrawn), (1, 1));
    list.finish().unwrap();
    assert_eq!(collection.lists[0].summary.categories[0].category.as_deref(), Some("A1"));
}

#[test]
fn what_is_no_date_to_its_end_is_not_kept() {
    let mut collection = Collection::new(None);
    let mut list = Collector::new(&mut collection, "list", Role::Alert, false);
    for date in ["2024-01-31T10:00:00-05:00Z", "2025-01-01PrivateName", "2023-06-07T02:31:49.8300Z"] {
        list.date(date);
    }
    assert_eq!(list.summary.date.as_deref(), Some("2024-01-31T10:00:00-05:00Z"));
}
