//! What a stream of bytes is, by its content and never by its name.
//!
//! Adding a kind is one line in [`FORMATS`]. Not seen by a signature at the start, and therefore never named: fixed VHD
//! and DMG images (their mark stands at the end), a TrueCrypt or VeraCrypt file (it has none), and an archive behind
//! a program that unpacks itself. Audio files may carry a cover picture and pictures may carry a smaller one;
//! both are examined as a whole like every file.

mod formats;
mod mail;
mod media;
mod packed;
mod rule;
#[cfg(test)]
mod samples;

pub use formats::FORMATS;
use rule::Rule;

/// As many bytes from the start of a stream as [`sniff`] makes use of. Fewer are allowed and recognise less:
/// the mark that stands farthest in is that of ISO 9660 and UDF, 34,816 bytes from the start.
pub const HEAD: usize = 36 * 1024;

/// What a stream is, as far as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentType {
    /// Name for reports.
    pub name: &'static str,
    /// What follows from it for an examination.
    pub class: Class,
}

/// What follows from a kind of content for an examination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// A still or animated picture.
    Picture,
    /// A moving picture.
    Video,
    /// Sound.
    Audio,
    /// Text for people, without pictures of its own.
    Document,
    /// Holds or may hold files or pictures that are seen only when it is opened: archives, mail, disk images,
    /// databases, and documents such as PDF.
    Container,
    /// Cannot be opened without a key.
    Encrypted,
}

impl Class {
    /// Whether a file of this class counts as a picture or video.
    pub const fn is_media(self) -> bool {
        matches!(self, Self::Picture | Self::Video)
    }

    /// Whether digesting the file as a whole leaves something in it unexamined.
    pub const fn hides_content(self) -> bool {
        matches!(self, Self::Container | Self::Encrypted)
    }
}

/// A kind of content and the rule that recognises it.
pub struct Format {
    /// Name for reports; names are unique and the table is sorted by them, without regard to case.
    pub name: &'static str,
    /// What follows from it.
    pub class: Class,
    rule: Rule,
}

impl Format {
    const fn new(name: &'static str, class: Class, rule: Rule) -> Self {
        Self { name, class, rule }
    }
}

/// Names the content of a stream by its first bytes, [`HEAD`] of them or as many as there are.
///
/// Where several rules hold (a camera raw file is also a TIFF), the one that fixes most bytes wins; among equals
/// the first in the table. `None` means that nothing is known of it, not that it is harmless.
pub fn sniff(head: &[u8]) -> Option<ContentType> {
    let mut best: Option<(usize, &Format)> = None;
    for format in FORMATS {
        if let Some(strength) = format.rule.strength(head)
            && best.is_none_or(|(strongest, _)| strength > strongest)
        {
            best = Some((strength, format));
        }
    }
    best.map(|(_, format)| ContentType { name: format.name, class: format.class })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_table_is_sorted_and_names_are_unique() {
        let names: Vec<String> = FORMATS.iter().map(|f| f.name.to_lowercase()).collect();
        for pair in names.windows(2) {
            assert!(pair[0] < pair[1], "{} stands before {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn no_bytes_and_ordinary_text_are_nothing_known() {
        let plain: &[&[u8]] = &[
            b"",
            b"\0",
            b"From here on it is only text.\nNothing else.\n",
            b"From Monday on, Jan will be here.\nTo: do\n",
            b"BM is a car maker\n",
            b"Date: tomorrow\nSubject: shopping\n\nmilk\n",
            b"P1 is the first of the pages.\n",
            b"date,what,amount\n2024-05-01,item,1\n",
            b"fn main() {}\n",
            b"Salted butter and age-encryption in a sentence",
            b"this -----BEGIN PGP MESSAGE----- is a quotation",
            b"goodmdat bits of text and more of them to be sure",
            &[0; 4096],
            &[0xff; 4096],
        ];
        for text in plain {
            assert_eq!(sniff(text), None, "{:?}", String::from_utf8_lossy(&text[..text.len().min(60)]));
        }
    }

    #[test]
    fn few_kinds_answer_to_random_bytes() {
        // A linear congruential generator: the same 20,000 blocks on every machine.
        let mut state = 7u64;
        let mut named = BTreeSet::new();
        let mut count = 0;
        for _ in 0..20_000 {
            let block: Vec<u8> = (0..64)
                .map(|_| {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    (state >> 56) as u8
                })
                .collect();
            if let Some(found) = sniff(&block) {
                count += 1;
                named.insert(found.name);
            }
        }
        assert!(count <= 4, "{count} of 20,000 random blocks were named: {named:?}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = sniff(&bytes);
        }

        #[test]
        fn any_damage_to_a_known_start_is_answered_without_a_panic(
            which in any::<prop::sample::Index>(),
            cut in any::<prop::sample::Index>(),
            flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        ) {
            let samples = samples::all();
            let mut bytes = samples[which.index(samples.len())].1.clone();
            for (place, value) in flips {
                let at = place.index(bytes.len());
                bytes[at] = value;
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            let _ = sniff(&bytes);
        }
    }
}
