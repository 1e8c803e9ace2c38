//! What holds for every image: look-ups equal a naive search, damage is detected, nothing panics.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::hashset::Builder;
use crate::hashset::formats::{LongDigits, Stated};
use crate::model::{Action, Algorithm, Algorithms, Digests, Hit};
use crate::read::Memory;

fn digest(bytes: &[u8]) -> Digest {
    Digest::new(bytes).unwrap()
}

fn compiled(lists: &[(&str, String)], profile: Profile) -> Vec<u8> {
    let stated = Stated { long_digits: Some(LongDigits::Sha256), ..Stated::default() };
    let mut builder = Builder::new("set", Role::Alert, profile).stated(stated);
    for (name, text) in lists {
        builder.add_reader(name, text.as_bytes()).unwrap();
    }
    builder.finish().unwrap()
}

fn open(image: Vec<u8>) -> KnownSet<Memory<Vec<u8>>> {
    let set = KnownSet::open(Memory(image)).unwrap();
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
        let mut counts = Vec::new();
        for (number, list) in lists.iter().enumerate() {
            let digests: Vec<Digest> = list.iter().map(|bytes| digest(bytes)).collect();
            builder.add_digests(&format!("list {number}"), &digests).unwrap();
            let distinct: BTreeSet<_> = digests.iter().collect();
            counts.push((distinct.len() as u64, (digests.len() - distinct.len()) as u64));
            for digest in digests {
                naive.entry(digest).or_default().insert(format!("list {number}"));
            }
        }
        let set = open(builder.finish().unwrap());
        prop_assert_eq!(set.lists().iter().map(|list| (list.entries, list.duplicates)).collect::<Vec<_>>(), counts);
        prop_assert_eq!(set.len(), naive.len() as u64);
        prop_assert_eq!(set.algorithms(), naive.keys().map(Digest::algorithm).collect::<Algorithms>());
        for digest in naive.keys().copied().chain(others.iter().map(|bytes| digest(bytes))) {
            let found: BTreeSet<_> = set.find(&digest).unwrap().iter().map(|p| p.list.to_owned()).collect();
            prop_assert_eq!(Some(&found).filter(|found| !found.is_empty()), naive.get(&digest));
        }
        for (list, probe) in set.probes() {
            let name = set.lists()[list].name.as_str();
            prop_assert!(set.find(&probe).unwrap().iter().any(|provenance| provenance.list == name));
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

    #[test]
    fn images_that_somebody_made_on_purpose_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        counts in any::<bool>(),
    ) {
        let mut image = sample();
        let header = u64::from_le_bytes(image[24..32].try_into().unwrap()) as usize;
        let end = header + u64::from_le_bytes(image[32..40].try_into().unwrap()) as usize;
        // Digits of the header for digits, or any byte of a section for any other.
        let places: Vec<usize> = if counts {
            (header..end).filter(|at| image[*at].is_ascii_digit()).collect()
        } else {
            (FRONT..header).collect()
        };
        for (at, value) in flips {
            let at = places[at.index(places.len())];
            image[at] = if counts { b'0' + value % 10 } else { value };
        }
        exercise(&resealed(image));
    }
}

fn exercise(image: &[u8]) {
    for set in [KnownSet::open(Memory(image)), KnownSet::open_doubtful(Memory(image))].into_iter().flatten() {
        let _ = (set.verify(), set.algorithms(), set.has_size(5), set.texts());
        for kind in Algorithm::ALL {
            for value in [0, 0x11, 0x5d, 0xff] {
                let mut digests = Digests::default();
                digests.set(digest(&[value; 32][..kind.length()]));
                let _ = set.hits(&digests);
            }
        }
        for (_, probe) in set.probes() {
            let _ = set.find(&probe);
        }
        for kind in Kind::ALL {
            let mut entries = set.entries(kind);
            while let Ok(Some(_)) = entries.value() {
                let _ = entries.said();
                entries.advance();
            }
        }
    }
}

/// The image with its chunk digests and root made right again, as somebody would who wants it believed.
fn resealed(mut image: Vec<u8>) -> Vec<u8> {
    use sha2::Digest as _;
    let number = |at: usize| u64::from_le_bytes(image[at..at + 8].try_into().unwrap()) as usize;
    let end = number(24) + number(32);
    let digests: Vec<u8> =
        image[FRONT..end].chunks(CHUNK).flat_map(|chunk| sha2::Sha256::digest(chunk).to_vec()).collect();
    image[end..end + digests.len()].copy_from_slice(&digests);
    let root = verified::root(&image[..FRONT], &digests);
    image[ROOT_AT..FRONT].copy_from_slice(&root.0);
    image
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
        assert!(KnownSet::open(Memory(damaged)).and_then(|set| set.verify()).is_err(), "byte {at}");
    }
    for length in 0..image.len() {
        assert!(KnownSet::open(Memory(&image[..length])).is_err(), "length {length}");
    }
    let mut longer = image;
    longer.push(0);
    assert!(KnownSet::open(Memory(longer)).is_err());
}

#[test]
fn a_sealed_image_whose_sections_are_out_of_order_does_not_pass() {
    let image = sample();
    let set = open(image.clone());
    let sections = [
        set.layout.tables[0].values,
        set.layout.tables[0].prefixes,
        set.layout.tables[1].values,
        set.layout.groups,
        set.layout.claims,
        set.layout.sizes,
    ];
    for section in sections {
        let mut hostile = image.clone();
        hostile[section.start as usize..(section.start + section.count * section.width) as usize].reverse();
        let hostile = resealed(hostile);
        exercise(&hostile);
        let verified = KnownSet::open(Memory(hostile)).unwrap().verify();
        let message = verified.err().unwrap_or_else(|| panic!("{section:?}")).to_string();
        assert!(!message.contains("those that were compiled"), "{message}");
    }
}

#[test]
fn a_value_of_which_nothing_is_said_is_an_error_and_not_an_absent_value() {
    let mut image = sample();
    let groups = open(image.clone()).layout.groups;
    image[groups.start as usize..(groups.start + groups.count * groups.width) as usize].fill(0);
    let set = KnownSet::open(Memory(resealed(image))).unwrap();
    assert!(set.find(&digest(&[0x11; 16])).unwrap_err().to_string().contains("at least one claim"));
    assert!(set.find(&digest(&[0x12; 16])).unwrap().is_empty());
}

#[test]
fn a_value_that_stands_in_lists_again_and_again_is_counted_and_said_once() {
    let row = |size: u8| format!("{},1,{size}\n", hex::encode([7; 16]));
    let rows = |sizes: &[u8]| {
        format!("md5,category,size\n{}", sizes.iter().map(|size| row(*size)).collect::<String>())
    };
    let set = open(compiled(&[("a", rows(&[5, 6, 5, 5, 6])), ("b", rows(&[5, 5]))], Profile::uk()));
    let said: Vec<_> =
        set.find(&digest(&[7; 16])).unwrap().iter().map(|p| (p.list.to_owned(), p.size)).collect();
    let expected =
        [("a", Some(5_u64)), ("a", Some(6)), ("b", Some(5))].map(|(list, size)| (list.to_owned(), size));
    assert_eq!(said, expected);
    let counts: Vec<_> = set.lists().iter().map(|list| (list.entries, list.duplicates)).collect();
    assert_eq!(counts, [(1, 4), (1, 1)]);
}

#[test]
fn a_set_that_is_always_checked_answers_like_any_other_in_whichever_order_it_is_asked() {
    let rows: String = (0..60_000_u32).map(|n| format!("{:032x}\n", u128::from(n) << 90)).collect();
    let image = compiled(&[("a", rows)], Profile::none());
    // More chunks than are kept, some of them in the same place.
    assert!(image.len() > CHUNK * 60);
    let (sound, doubtful) = (open(image.clone()), KnownSet::open_doubtful(Memory(&image)).unwrap());
    for n in (0..60_100_u32).step_by(997).chain((0..60_100).rev().step_by(1009)) {
        let digest = digest(&(u128::from(n) << 90).to_be_bytes());
        assert_eq!(doubtful.find(&digest).unwrap(), sound.find(&digest).unwrap(), "{n}");
    }
}

#[test]
fn bytes_that_cannot_be_read_are_not_called_altered() {
    #[derive(Debug)]
    struct Failing(Vec<u8>);
    impl crate::read::ReadAt for Failing {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, crate::read::Unreadable> {
            match offset {
                0 => Memory(&self.0).read_at(offset, buffer),
                _ => Err(crate::read::Unreadable::new(offset, 1, "unplugged")),
            }
        }
    }
    let error = KnownSet::open(Failing(sample())).unwrap_err();
    assert!(matches!(error, crate::hashset::Error::Unread { .. }), "{error}");
    assert!(error.to_string().contains("unplugged"), "{error}");
}

#[test]
fn a_flipped_record_never_gives_another_answer() {
    let rows = |n: u32| format!("{:032x},{},{}\n", n.wrapping_mul(0x9e37_79b9), n % 3 + 1, n % 7);
    let list = format!("md5,category,size\n{}", (0..3000).map(rows).collect::<String>());
    let image = compiled(&[("a", list)], Profile::uk());
    let sound = open(image.clone());
    let digests: Vec<Digest> =
        (0..3000_u32).map(|n| digest(&u128::from(n.wrapping_mul(0x9e37_79b9)).to_be_bytes())).collect();
    let mut refused = 0;
    for at in (FRONT..image.len()).step_by(61) {
        let mut damaged = image.clone();
        damaged[at] ^= 1 << (at % 8);
        let Ok(set) = KnownSet::open(Memory(damaged)) else { continue };
        for digest in digests.iter().skip(at % 97).step_by(97) {
            match set.find(digest) {
                Ok(found) => assert_eq!(found, sound.find(digest).unwrap(), "byte {at}"),
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().contains("those that were compiled"), "{error}");
                }
            }
        }
    }
    assert!(refused > 100);
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
        victim_identified: None,
        distributed: None,
    };
    assert_eq!(
        set.hits(&digests).unwrap(),
        [
            hit("first", Algorithm::Md5, Some("2"), Some("B")),
            hit("first", Algorithm::Sha1, Some("2"), Some("B")),
            hit("second", Algorithm::Md5, None, None),
        ]
    );
    let absent = set.find(&digest(&[0xff; 16])).unwrap()[0];
    assert_eq!((absent.category, absent.action, absent.size), (None, Action::Review, None));
    assert_eq!([4, 5, 6, 7].map(|size| set.has_size(size).unwrap()), [false, true, true, false]);
    assert!(set.has_entries_without_size());
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
        .iter()
        .map(|p| (p.list.to_owned(), p.category.unwrap().to_owned()))
        .collect();
    let expected =
        [("a", "3"), ("a", "9"), ("b", "3"), ("b", "9")].map(|(l, c)| (l.to_owned(), c.to_owned()));
    assert_eq!(found, expected);
    assert_eq!((set.lists()[0].entries, set.lists()[0].duplicates), (1, 2));
}

proptest! {
    #[test]
    fn the_image_does_not_depend_on_the_order_of_lists_or_records(
        rows in prop::collection::vec((0_u8..20, 0_u8..4, prop::option::of(0_u8..3)), 0..60),
        cut in any::<prop::sample::Index>(),
        turn in any::<prop::sample::Index>(),
        threads in 1_usize..5,
    ) {
        let text = |rows: &[(u8, u8, Option<u8>)]| {
            let row = |(digest, category, size): &(u8, u8, Option<u8>)| {
                let size = size.map_or(String::new(), |size| size.to_string());
                format!("{},{category},{size}\n", hex::encode([*digest; 16]))
            };
            format!("md5,category,size\n{}", rows.iter().map(row).collect::<String>())
        };
        let cut = cut.index(rows.len() + 1);
        let mut turned = rows[cut..].to_vec();
        if !turned.is_empty() {
            let turn = turn.index(turned.len());
            turned.rotate_left(turn);
        }
        let image = |lists: &[(&str, String)]| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| compiled(lists, Profile::us()))
        };
        let (first, second, other) = (text(&rows[..cut]), text(&rows[cut..]), text(&turned));
        let one = image(&[("a", first.clone()), ("b", second.clone())]);
        prop_assert_eq!(&one, &compiled(&[("b", second), ("a", first.clone())], Profile::us()));
        // A list with its records in another order has another SHA-256, and that alone differs.
        let (one, two) = (open(one), open(image(&[("a", first), ("b", other)])));
        let sections = |set: &KnownSet<Memory<Vec<u8>>>| {
            let mut bytes = vec![0; set.bytes.header().0 as usize - FRONT];
            set.bytes.read(FRONT as u64, &mut bytes).unwrap();
            bytes
        };
        prop_assert_eq!(sections(&one), sections(&two));
        let (mut one, mut two) = (one.header, two.header);
        one.lists.iter_mut().chain(&mut two.lists).for_each(|list| list.files.clear());
        prop_assert_eq!(one, two);
    }
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
    builder.add_digests("empty", &empties).unwrap();
    let set = open(builder.finish().unwrap());
    assert_eq!(set.lists()[0].empty_file, 3);
    assert!(set.label().demonstration && set.role() == Role::KnownGood);
    assert_eq!(set.find(&digest(&[1; 16])).unwrap()[0].action, Action::Ignore);
    assert!(empties.iter().all(|digest| set.find(digest).unwrap().is_empty()));
    assert_eq!(set.len(), 1);
}
