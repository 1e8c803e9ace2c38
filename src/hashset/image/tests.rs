//! What holds for every image: look-ups equal a naive search, damage is detected, nothing panics.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::hashset::Builder;
use crate::model::{Action, Algorithm, Algorithms, Digests, Hit};

fn digest(bytes: &[u8]) -> Digest {
    Digest::new(bytes).unwrap()
}

fn compiled(lists: &[(&str, String)], profile: Profile) -> Vec<u8> {
    let mut builder = Builder::new("set", Role::Alert, profile);
    for (name, text) in lists {
        builder.add_reader(name, text.as_bytes()).unwrap();
    }
    builder.finish().unwrap()
}

fn open(image: Vec<u8>) -> KnownSet<Vec<u8>> {
    let set = KnownSet::open(image).unwrap();
    set.verify().unwrap();
    set
}

/// Values that share long prefixes, end at either extreme, or are random.
fn adversarial() -> impl Strategy<Value = Vec<u8>> {
    let length = prop::sample::select(vec![16_usize, 20, 32]);
    let shape = prop_oneof![
        Just(None).prop_map(|_: Option<()>| vec![0; 32]),
        Just(vec![0xff; 32]),
        (0_usize..32, any::<u8>(), any::<bool>()).prop_map(|(at, value, ones)| {
            let mut bytes = vec![if ones { 0xff } else { 0 }; 32];
            bytes[at] = value;
            bytes
        }),
        prop::collection::vec(any::<u8>(), 32),
    ];
    (length, shape).prop_map(|(length, bytes)| bytes[..length].to_vec())
}

proptest! {
    #[test]
    fn find_equals_a_naive_search(
        lists in prop::collection::vec(prop::collection::vec(adversarial(), 0..60), 0..4),
        others in prop::collection::vec(adversarial(), 0..30),
    ) {
        let mut builder = Builder::new("set", Role::Alert, Profile::none());
        let mut naive: BTreeMap<Digest, BTreeSet<String>> = BTreeMap::new();
        for (number, list) in lists.iter().enumerate() {
            let digests: Vec<Digest> = list.iter().map(|bytes| digest(bytes)).collect();
            let summary = builder.add_digests(&format!("list {number}"), &digests);
            let distinct: BTreeSet<_> = digests.iter().collect();
            prop_assert_eq!(summary.entries, distinct.len() as u64);
            prop_assert_eq!(summary.duplicates, (digests.len() - distinct.len()) as u64);
            for digest in digests {
                naive.entry(digest).or_default().insert(format!("list {number}"));
            }
        }
        let set = open(builder.finish().unwrap());
        prop_assert_eq!(set.len(), naive.len() as u64);
        prop_assert_eq!(set.algorithms(), naive.keys().map(Digest::algorithm).collect::<Algorithms>());
        for digest in naive.keys().copied().chain(others.iter().map(|bytes| digest(bytes))) {
            let found = set.find(&digest).map(|entry| entry.map(|p| p.list.to_owned()).collect::<BTreeSet<_>>());
            prop_assert_eq!(found.as_ref(), naive.get(&digest));
        }
        for (list, probe) in set.probes() {
            let name = set.lists()[list].name.as_str();
            prop_assert!(set.find(&probe).unwrap().any(|provenance| provenance.list == name));
        }
    }

    #[test]
    fn mutated_images_never_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>()) {
        let mut image = sample();
        for (at, value) in flips {
            let at = at.index(image.len());
            image[at] = value;
        }
        exercise(&image);
        image.truncate(cut.index(image.len() + 1));
        exercise(&image);
    }
}

fn exercise(image: &[u8]) {
    let Ok(set) = KnownSet::open(image) else { return };
    let _ = (set.verify(), set.summary(), set.algorithms(), set.has_size(5));
    for kind in Algorithm::ALL {
        for value in [0, 0x11, 0x5d, 0xff] {
            let mut digests = Digests::default();
            digests.set(digest(&[value; 32][..kind.length()]));
            set.hits(&digests);
        }
    }
    for (_, probe) in set.probes() {
        set.find(&probe).into_iter().flatten().count();
    }
}

fn sample() -> Vec<u8> {
    let row = |byte: u8| format!("{},{}", hex::encode([byte; 16]), hex::encode([byte; 20]));
    let first = format!("md5,sha1,category,size\n{},1,5\n{},2,6\n{},,\n", row(0), row(0x11), row(0xff));
    let second = format!("{}\n{}\n", hex::encode([0x11; 16]), hex::encode([0x5d; 32]));
    compiled(&[("first", first), ("second", second)], Profile::uk())
}

#[test]
fn a_flipped_bit_or_a_missing_byte_anywhere_is_detected() {
    let image = sample();
    open(image.clone());
    for at in 0..image.len() {
        let mut damaged = image.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(KnownSet::open(damaged).and_then(|set| set.verify()).is_err(), "byte {at}");
    }
    for length in 0..image.len() {
        assert!(KnownSet::open(&image[..length]).is_err(), "length {length}");
    }
    let mut longer = image;
    longer.push(0);
    assert!(KnownSet::open(longer).is_err());
}

#[test]
fn a_sealed_image_whose_sections_are_out_of_order_does_not_pass() {
    let image = sample();
    let (_, layout) = layout::parse(&image).unwrap();
    let sections = [
        &layout.tables[0].prefixes,
        &layout.tables[1].rows,
        &layout.entries,
        &layout.origins,
        &layout.provenances,
        &layout.sizes,
    ];
    for section in sections {
        let mut hostile = image.clone();
        hostile[section.clone()].reverse();
        let digest = layout::digest(&hostile);
        hostile[DIGEST_AT..HEADER_AT].copy_from_slice(&digest);
        exercise(&hostile);
        let message = KnownSet::open(hostile).unwrap().verify().unwrap_err().to_string();
        assert!(!message.contains("set, digest:"), "{message}");
    }
}

#[test]
fn hits_name_every_list_and_algorithm_and_what_the_profile_asks_for() {
    let set = open(sample());
    let mut digests = Digests::default();
    [16, 20, 32].iter().for_each(|length| digests.set(digest(&vec![0x11; *length])));
    let hit = |list: &str, algorithm, category: Option<&str>, name: Option<&str>| Hit {
        set: "set".into(),
        list: list.into(),
        algorithm,
        category: category.map(Into::into),
        category_name: name.map(Into::into),
        action: Action::Alert,
    };
    assert_eq!(
        set.hits(&digests),
        [
            hit("first", Algorithm::Md5, Some("2"), Some("B")),
            hit("first", Algorithm::Sha1, Some("2"), Some("B")),
            hit("second", Algorithm::Md5, None, None),
        ]
    );
    let absent = set.find(&digest(&[0xff; 16])).unwrap().next().unwrap();
    assert_eq!((absent.category, absent.action, absent.size), (None, Action::Review, None));
    assert_eq!([4, 5, 6, 7].map(|size| set.has_size(size)), [false, true, true, false]);
    assert!(set.has_entries_without_size());
    assert_eq!(set.summary().profile, "uk");
    assert_eq!(set.len(), 7);
}

#[test]
fn a_digest_with_several_categories_keeps_them_all() {
    let row = hex::encode([7; 16]);
    let list = format!("md5,category\n{row},3\n{row},9\n{row},3\n");
    let set = open(compiled(&[("a", list.clone()), ("b", list)], Profile::uk()));
    let found: Vec<_> = set
        .find(&digest(&[7; 16]))
        .unwrap()
        .map(|p| (p.list.to_owned(), p.category.unwrap().to_owned()))
        .collect();
    let expected =
        [("a", "3"), ("a", "9"), ("b", "3"), ("b", "9")].map(|(l, c)| (l.to_owned(), c.to_owned()));
    assert_eq!(found, expected);
    assert_eq!((set.lists()[0].entries, set.lists()[0].duplicates), (1, 2));
}

#[test]
fn the_image_depends_on_the_lists_and_their_order_alone() {
    let rows: Vec<String> =
        (0..500_u32).map(|n| format!("{:032x},{},{}\n", n.wrapping_mul(0x9e37_79b9), n % 5, n % 7)).collect();
    let list = |rows: &[String]| format!("md5,category,size\n{}", rows.concat());
    let body = |text: String| {
        let image = compiled(&[("a", text.clone()), ("b", text)], Profile::us());
        let (_, layout) = layout::parse(&image).unwrap();
        image[layout.tables[0].prefixes.start..].to_vec()
    };
    assert_eq!(
        compiled(&[("a", list(&rows))], Profile::us()),
        compiled(&[("a", list(&rows))], Profile::us())
    );
    let reversed: Vec<String> = rows.iter().rev().cloned().collect();
    assert_eq!(
        body(list(&rows)),
        body(list(&reversed)),
        "the order within a list leaves no trace behind the header"
    );
}

#[test]
fn a_refused_list_leaves_no_trace() {
    let good = format!("{}\n", hex::encode([1; 16]));
    let mut builder = Builder::new("set", Role::Alert, Profile::uk());
    builder.add_reader("good", good.as_bytes()).unwrap();
    let cut = format!(
        "{{\"value\": [{{\"MD5\": \"{}\", \"Category\": 4, \"MediaSize\": 9}},",
        hex::encode([2; 16])
    );
    assert!(builder.add_reader("cut", cut.as_bytes()).unwrap_err().to_string().contains("truncated"));
    assert_eq!(builder.finish().unwrap(), compiled(&[("good", good)], Profile::uk()));
}

#[test]
fn known_good_hits_ask_for_nothing_and_the_empty_file_is_never_found() {
    let mut builder = Builder::new("set", Role::KnownGood, Profile::uk()).demonstration(true);
    builder.add_reader("list", format!("md5,category\n{},1\n", hex::encode([1; 16])).as_bytes()).unwrap();
    let empties: Vec<Digest> = crate::model::EMPTY_FILE.iter().collect();
    assert_eq!(builder.add_digests("empty", &empties).empty_file, 3);
    let set = open(builder.finish().unwrap());
    assert!(set.demonstration() && set.role() == Role::KnownGood);
    assert_eq!(set.find(&digest(&[1; 16])).unwrap().next().unwrap().action, Action::Ignore);
    assert!(empties.iter().all(|digest| set.find(digest).is_none()));
    assert_eq!(set.len(), 1);
}
