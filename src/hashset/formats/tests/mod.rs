//! What holds for every format; the tests of one subject each stand in the files beside.

mod binary;
mod damage;
mod identity;
mod pdq;
mod refusals;
mod samples;
mod tables;
mod text;
mod tools;
mod vics;

use std::path::PathBuf;

use super::*;
use crate::hashset::{Builder, KnownSet, Profile};
use crate::model::{Digest, ListSummary, Role};
use crate::read::Memory;

/// Of the five bytes `hello`, as are the two below.
const MD5: &str = "5d41402abc4b2a76b9719d911017c592";
const SHA1: &str = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";
const SHA256: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
/// Of a picture with detail: half of its bits are set.
const PDQ: &str = "d8f8f0cce0f4a84f0e370a22028f67f0b36e2ed596623e1d33e6b39c4e9c9b22";

/// A set in memory.
type Set = KnownSet<Memory<Vec<u8>>>;

fn import_as(role: Role, text: &[u8]) -> Result<(ListSummary, Set)> {
    let mut builder = Builder::new("set", role, Profile::uk());
    builder.add_reader("list", text)?;
    Ok(opened(builder))
}

/// With the operator's word on what 64 digits are.
fn import_stated(long_digits: Option<LongDigits>, text: impl AsRef<[u8]>) -> Result<(ListSummary, Set)> {
    let mut builder = Builder::new("set", Role::Alert, Profile::uk()).stated(stated(long_digits));
    builder.add_reader("list", text.as_ref())?;
    Ok(opened(builder))
}

fn stated(long_digits: Option<LongDigits>) -> Stated {
    Stated { long_digits, ..Stated::default() }
}

fn opened(builder: Builder) -> (ListSummary, Set) {
    let set = KnownSet::open(Memory(builder.finish().unwrap())).unwrap();
    set.verify().unwrap();
    (set.lists()[0].clone(), set)
}

fn import(text: impl AsRef<[u8]>) -> Result<(ListSummary, Set)> {
    import_as(Role::Alert, text.as_ref())
}

fn holds(set: &Set, digits: &str) -> bool {
    !set.find(&Digest::from_hex(digits).unwrap()).unwrap().is_empty()
}

fn holds_pdq(set: &Set, digits: &str) -> bool {
    !set.find_pdq(&Pdq::from_hex(digits).unwrap()).unwrap().is_empty()
}

/// The sample lists beside the project, where they are.
fn samples() -> Option<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let found =
        here.ancestors().map(|above| above.join("shared/testdata/hashlists")).find(|path| path.is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: the sample lists shared/testdata/hashlists are not here");
    }
    found
}

#[test]
fn formats_stand_in_alphabetical_order_and_are_found_by_name() {
    assert!(FORMATS.is_sorted_by_key(|format| format.name()));
    for format in FORMATS {
        assert_eq!(named(format.name()).map(|found| found.name()), Some(format.name()));
        assert!(!format.description().is_empty());
    }
    assert!(named("nsrl").is_none());
}
