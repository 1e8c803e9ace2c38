//! Which files belong to a disk image that is split over several, by their names alone.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// The files of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segments {
    /// Their names in order, the one that was pointed at among them.
    pub names: Vec<OsString>,
    /// Which names are missing, in words. A split raw image with a gap cannot be read: what follows is displaced.
    pub gap: Option<String>,
    /// The first file, when a later one was pointed at.
    pub first: Option<OsString>,
}

/// Numbers of missing files that are spelled out; the rest are counted.
const MAX_SPELLED: usize = 8;

/// How the names of a series are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Series {
    /// `.001`, `.002` or `.000`, `.001` or `.0001` ...: as many digits as that, more when the numbers outgrow them.
    Digits(usize),
    /// `.E01` to `.E99`, `.EAA` to `.EZZ`, `.FAA` to `.ZZZ`, and the same from S for SMART: the letter it begins with.
    ///
    /// Source: libewf, Expert Witness Compression Format, "Segment file extensions".
    Letters(u8),
    /// `.Ex01` to `.Ex99`, `.ExAA` to `.EzZZ`: the same after the letter E.
    ///
    /// Source: libewf, Expert Witness Compression Format 2, "Segment file extensions".
    Second,
}

/// Finds the files of the image to which the file `named` belongs among the names in its folder.
///
/// Nothing is opened. A file whose name is of no series is an image of its own. Letters are compared without case.
pub fn of<'a>(named: &'a OsStr, siblings: impl IntoIterator<Item = &'a OsStr>) -> Segments {
    let alone = Segments { names: vec![named.to_owned()], ..Segments::default() };
    let names: Vec<&OsStr> = siblings.into_iter().chain([named]).collect();
    if is_vmdk(named) {
        return extents(named, &names).unwrap_or(alone);
    }
    candidates(named).into_iter().find_map(|series| collect(series, named, &names)).unwrap_or(alone)
}

/// Whether a file of that name can belong to a series, so that its folder must be listed.
pub fn can_be_split(named: &OsStr) -> bool {
    let ending = split(named).map(|(_, ending)| ending);
    is_vmdk(named)
        || candidates(named).iter().any(|series| ending.and_then(|ending| series.number(ending)).is_some())
}

fn is_vmdk(name: &OsStr) -> bool {
    split(name).is_some_and(|(_, ending)| ending.eq_ignore_ascii_case(b"vmdk"))
}

/// The files of a VMDK whose descriptor is in a file of its own: after it `NAME-flat`, `NAME-s001` ... or `NAME-f001` ...
///
/// Source: VMware, Virtual Disk Format 5.0, "Extent description". `None` when the file has no extents beside it.
fn extents(named: &OsStr, names: &[&OsStr]) -> Option<Segments> {
    let (own, _) = split(named)?;
    let is_extent = |stem: &[u8], name: &OsStr| {
        let part = split(name).filter(|_| is_vmdk(name)).and_then(|(other, _)| other.strip_prefix(stem));
        match part.and_then(|part| part.strip_prefix(b"-")) {
            Some([b's' | b'f', digits @ ..]) if digits != b"lat" => {
                let number = std::str::from_utf8(digits).ok().filter(|text| text.len() >= 3)?;
                number.parse::<u32>().ok().filter(|_| digits.iter().all(u8::is_ascii_digit))
            }
            Some(part) => (part == b"flat").then_some(0),
            None => None,
        }
    };
    let descriptor = names.iter().find(|name| {
        let stem = split(name).filter(|_| is_vmdk(name)).map(|(stem, _)| stem);
        stem.is_some_and(|stem| is_extent(stem, named).is_some())
    });
    if let Some(descriptor) = descriptor {
        let names = vec![named.to_owned()];
        return Some(Segments { names, first: Some((*descriptor).to_owned()), gap: None });
    }
    let mut found: Vec<(u32, &OsStr)> =
        names.iter().filter_map(|name| Some((is_extent(own, name)?, *name))).collect();
    found.sort_unstable();
    found.dedup();
    let missing: Vec<String> = (1..=found.last()?.0)
        .filter(|number| found.binary_search_by_key(number, |(known, _)| *known).is_err())
        .take(MAX_SPELLED)
        .map(|number| number.to_string())
        .collect();
    let gap = format!("extents of the VMDK missing: numbers {}", missing.join(", "));
    Some(Segments {
        names: [named]
            .into_iter()
            .chain(found.into_iter().map(|(_, name)| name))
            .map(OsStr::to_owned)
            .collect(),
        gap: (!missing.is_empty()).then_some(gap),
        first: None,
    })
}

/// The series to which the name can belong.
fn candidates(named: &OsStr) -> Vec<Series> {
    let Some((_, ending)) = split(named) else {
        return Vec::new();
    };
    if ending.iter().all(u8::is_ascii_digit) {
        // `.1000` may be the successor of `.999`.
        return (1..=ending.len()).rev().map(Series::Digits).collect();
    }
    [Series::Letters(b'E'), Series::Letters(b'S'), Series::Second].into()
}

/// The files of the series that have the stem of `named`; `None` when it is not one of them.
fn collect(series: Series, named: &OsStr, names: &[&OsStr]) -> Option<Segments> {
    let (stem, own_ending) = split(named)?;
    let own = series.number(own_ending)?;
    let mut found: BTreeMap<u32, &OsStr> = BTreeMap::new();
    for name in names {
        let Some((other, ending)) = split(name) else {
            continue;
        };
        let Some(number) = series.number(ending).filter(|_| other == stem) else {
            continue;
        };
        // Two names may differ in case only: the one that was pointed at counts, else the first in order.
        let better = |known: &&OsStr| *name == named || (*known != named && name < known);
        if found.get(&number).is_none_or(better) {
            found.insert(number, name);
        }
    }
    let begin = match series {
        Series::Digits(_) if found.contains_key(&0) => 0,
        _ => 1,
    };
    if let Series::Letters(_) | Series::Second = series {
        drop_strays(&mut found);
    }
    let has_begin = found.contains_key(&begin);
    if !found.contains_key(&own) || (!has_begin && !series.is_obvious(own_ending)) {
        return None;
    }
    let gap = gap(series, begin, &found);
    let first = found.values().next().copied().filter(|first| *first != named && has_begin);
    Some(Segments {
        first: first.map(OsStr::to_owned),
        gap,
        names: found.into_values().map(OsStr::to_owned).collect(),
    })
}

impl Series {
    /// The place in the series of a file with that ending.
    fn number(self, ending: &[u8]) -> Option<u32> {
        match self {
            Self::Second => match ending {
                [b'e' | b'E', rest @ ..] => Self::Letters(b'X').number(rest),
                _ => None,
            },
            Self::Digits(width) => {
                let grown = ending.len() > width && !ending.starts_with(b"0");
                let text = std::str::from_utf8(ending)
                    .ok()
                    .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
                text.parse().ok().filter(|_| ending.len() == width || grown)
            }
            Self::Letters(begin) => {
                let &[letter, tens, ones] = ending else {
                    return None;
                };
                let letter = letter.to_ascii_uppercase();
                let place = |digit: u8, zero: u8| u32::from(digit.saturating_sub(zero));
                if letter == begin && tens.is_ascii_digit() && ones.is_ascii_digit() {
                    let number = place(tens, b'0') * 10 + place(ones, b'0');
                    return Some(number).filter(|number| *number > 0);
                }
                let letters =
                    letter.is_ascii_uppercase() && tens.is_ascii_alphabetic() && ones.is_ascii_alphabetic();
                let rank = place(letter, begin) * 676
                    + place(tens.to_ascii_uppercase(), b'A') * 26
                    + place(ones.to_ascii_uppercase(), b'A');
                (letters && letter >= begin).then_some(100 + rank)
            }
        }
    }

    /// The ending of the file with that number, as the gap is spelled out.
    fn ending(self, number: u32) -> String {
        match self {
            Self::Second => Self::Letters(b'X').ending(number).replacen('.', ".E", 1).replace("EX", "Ex"),
            Self::Digits(width) => format!(".{number:0width$}"),
            Self::Letters(begin) => {
                let letter = |rank: u32| char::from_u32(u32::from(b'A') + rank % 26).unwrap_or('?');
                match number.checked_sub(100) {
                    None => format!(".{}{number:02}", char::from(begin)),
                    Some(rank) => {
                        let first = char::from_u32(u32::from(begin) + rank / 676).unwrap_or('?');
                        format!(".{first}{}{}", letter(rank / 26), letter(rank))
                    }
                }
            }
        }
    }

    /// Whether the name says that it is a segment even when the first one is not there: `.002`, `.E07`.
    fn is_obvious(self, ending: &[u8]) -> bool {
        match self {
            Self::Digits(width) => width >= 3 && ending.len() == width && ending.starts_with(b"0"),
            Self::Letters(_) => ending.get(1..).is_some_and(|number| number.iter().all(u8::is_ascii_digit)),
            Self::Second => ending.get(1..).is_some_and(|rest| Self::Letters(b'X').is_obvious(rest)),
        }
    }
}

/// `.EXE` is no segment: from `.EAA` on a file counts when at least half of the files before it are there.
fn drop_strays(found: &mut BTreeMap<u32, &OsStr>) {
    let numbers: Vec<u32> = found.keys().copied().collect();
    let stray = numbers.iter().enumerate().find(|(before, number)| {
        **number >= 100 && u32::try_from(*before).unwrap_or(u32::MAX).saturating_mul(2) < **number - 1
    });
    if let Some((_, stray)) = stray {
        let _ = found.split_off(stray);
    }
}

/// The missing numbers from `begin` to the last one found, in words.
fn gap(series: Series, begin: u32, found: &BTreeMap<u32, &OsStr>) -> Option<String> {
    let mut next = begin;
    let mut spelled = Vec::new();
    let mut ranges = 0_usize;
    for number in found.keys() {
        if *number > next {
            ranges += 1;
            let (from, to) = (series.ending(next), series.ending(number - 1));
            if spelled.len() < MAX_SPELLED {
                spelled.push(if from == to { from } else { format!("{from} to {to}") });
            }
        }
        next = number.saturating_add(1);
    }
    let more = ranges - spelled.len();
    let rest = if more > 0 { format!(" and {more} more gaps") } else { String::new() };
    (ranges > 0).then(|| format!("segment files missing: {}{rest}", spelled.join(", ")))
}

/// Stem and ending of a name, without the dot between them.
fn split(name: &OsStr) -> Option<(&[u8], &[u8])> {
    let bytes = name.as_encoded_bytes();
    let dot = bytes.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0)?;
    let (stem, ending) = bytes.split_at_checked(dot)?;
    let ending = ending.get(1..)?;
    (!ending.is_empty() && ending.len() <= 9).then_some((stem, ending))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(named: &str, siblings: &[&str]) -> Segments {
        of(OsStr::new(named), siblings.iter().map(OsStr::new))
    }

    fn names(segments: &Segments) -> Vec<&str> {
        segments.names.iter().map(|name| name.to_str().unwrap()).collect()
    }

    #[test]
    fn a_plain_image_is_itself_only() {
        for name in ["disk.img", "disk.dd", "disk.raw", "disk", ".001", "backup.2021", "a.", "x.EXE", "x.SYS"]
        {
            let segments = found(name, &["disk.E01", "other.001", "backup.2019", "x.DLL", "x.sav"]);
            assert_eq!((names(&segments), &segments.gap, &segments.first), (vec![name], &None, &None));
        }
    }

    #[test]
    fn a_name_of_no_series_is_told_without_its_siblings() {
        for (name, can) in [
            ("a.dd", false),
            ("a", false),
            (".001", false),
            ("a.001", true),
            ("a.e01", true),
            ("a.s02", true),
        ] {
            assert_eq!(can_be_split(OsStr::new(name)), can, "{name}");
        }
    }

    #[test]
    fn series_from_zero_from_one_and_of_any_width_are_put_in_order() {
        for series in [
            vec!["a.000", "a.001", "a.002"],
            vec!["a.001", "a.002", "a.003"],
            vec!["a.0001", "a.0002"],
            vec!["a.dd.01", "a.dd.02"],
            vec!["ext2.split.E01", "ext2.split.E02"],
            vec!["x.e01", "x.e02"],
            vec!["x.s01", "x.s02"],
            vec!["x.Ex01", "x.Ex02", "x.Ex03"],
        ] {
            let mut mixed = series.clone();
            mixed.extend(["a.img", "b.003", "b.E02", "a.txt", "x.exe"]);
            mixed.reverse();
            for (index, named) in series.iter().enumerate() {
                let segments = found(named, &mixed);
                assert_eq!(names(&segments), series);
                assert_eq!(segments.gap, None);
                assert_eq!(segments.first.is_some(), index > 0);
            }
        }
    }

    #[test]
    fn numbers_that_outgrow_their_digits_go_on() {
        let series: Vec<String> = (1..1100).map(|number| format!("a.{number:03}")).collect();
        let siblings: Vec<&str> = series.iter().map(String::as_str).collect();
        for named in ["a.001", "a.1050"] {
            assert_eq!(names(&found(named, &siblings)), siblings);
        }
    }

    #[test]
    fn missing_segments_are_named() {
        let segments = found("a.001", &["a.002", "a.005", "a.007"]);
        assert_eq!(segments.gap.as_deref(), Some("segment files missing: .003 to .004, .006"));
        let segments = found("a.E03", &["a.E04"]);
        assert_eq!(segments.gap.as_deref(), Some("segment files missing: .E01 to .E02"));
        assert_eq!((names(&segments), &segments.first), (vec!["a.E03", "a.E04"], &None));
        assert!(found("a.002", &["a.003"]).gap.is_some());
    }

    #[test]
    fn the_extents_of_a_vmdk_stand_after_its_descriptor_in_order() {
        let names_of = |named: &str, siblings: &[&str]| {
            let found = found(named, siblings);
            (names(&found).join(" "), found.gap.is_some(), found.first)
        };
        let all = [
            "d-s002.vmdk",
            "d-s001.vmdk",
            "d.vmdk",
            "d-000001.vmdk",
            "d-000001-s001.vmdk",
            "e-s001.vmdk",
            "d.txt",
        ];
        assert_eq!(names_of("d.vmdk", &all), ("d.vmdk d-s001.vmdk d-s002.vmdk".into(), false, None));
        assert_eq!(names_of("d-s002.vmdk", &all).2, Some("d.vmdk".into()));
        assert_eq!(names_of("e-s001.vmdk", &all), ("e-s001.vmdk".into(), false, None));
        assert_eq!(names_of("a.VMDK", &["a-flat.vmdk"]), ("a.VMDK a-flat.vmdk".into(), false, None));
        assert_eq!(
            names_of("a.vmdk", &["a-f002.vmdk", "a-f0x.vmdk"]),
            ("a.vmdk a-f002.vmdk".into(), true, None)
        );
        assert_eq!(names_of("a-flat.vmdk", &["b.vmdk"]), ("a-flat.vmdk".into(), false, None));
    }

    #[test]
    fn an_executable_beside_an_image_is_no_segment() {
        let segments = found("tool.E01", &["tool.EXE", "tool.E02"]);
        assert_eq!((names(&segments), &segments.gap), (vec!["tool.E01", "tool.E02"], &None));
    }

    proptest! {
        #[test]
        fn endings_and_numbers_are_each_others_inverse(number in 1_u32..5000, width in 1_usize..6, lower: bool) {
            for series in [Series::Letters(b'E'), Series::Letters(b'S'), Series::Second, Series::Digits(width)] {
                prop_assume!(series != Series::Second || number < 2000);
                let ending = series.ending(number);
                prop_assert!(ending.is_ascii());
                let ending = if lower { ending.to_lowercase() } else { ending };
                prop_assert_eq!(series.number(&ending.as_bytes()[1..]), Some(number));
            }
        }

        #[test]
        fn any_part_of_a_series_comes_back_in_order_and_gaps_are_said(
            count in 2_u32..260,
            holes in prop::collection::btree_set(0_u32..260, 0..4),
            letters: bool,
        ) {
            let series = if letters { Series::Letters(b'E') } else { Series::Digits(3) };
            let all: Vec<String> = (1..=count).map(|number| format!("x{}", series.ending(number))).collect();
            let kept: Vec<&str> = all
                .iter()
                .enumerate()
                .filter(|(index, _)| *index == 0 || !holes.contains(&(*index as u32)))
                .map(|(_, name)| name.as_str())
                .collect();
            let mut siblings = kept.clone();
            siblings.reverse();
            let segments = found(&all[0], &siblings);
            prop_assert_eq!(names(&segments), kept.clone());
            let last_kept = all.iter().position(|name| name == kept.last().unwrap()).unwrap();
            prop_assert_eq!(segments.gap.is_some(), kept.len() <= last_kept);
        }

        #[test]
        fn any_names_are_taken(names in prop::collection::vec(".{0,12}", 1..8)) {
            let first = OsString::from(&names[0]);
            let others: Vec<OsString> = names.iter().map(OsString::from).collect();
            let segments = of(&first, others.iter().map(OsString::as_os_str));
            prop_assert!(segments.names.contains(&first));
        }
    }
}
