//! Every list format: a list is imported, the compiled set is opened and asked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use onscene::hashset::{Builder, FORMATS, KnownSet, LongDigits, Profile, Stated};
use onscene::model::Role;
use onscene::read::Memory;

fuzz_target!(|input: &[u8]| {
    let _ = KnownSet::open(Memory(input));
    // By content, and by one format that may not be its own.
    let by_content = import(input, None);
    let format = input.last().map(|byte| usize::from(*byte) % FORMATS.len());
    let stated = import(input, format);
    for image in [by_content, stated].into_iter().flatten() {
        let set = KnownSet::open(Memory(image)).expect("a compiled set opens");
        set.verify().expect("a compiled set is sound");
        for (_, probe) in set.probes() {
            assert!(!set.find(&probe).expect("a sound set").is_empty(), "{probe} is in the set");
        }
    }
});

fn import(input: &[u8], format: Option<usize>) -> Option<Vec<u8>> {
    let long_digits = [None, Some(LongDigits::Sha256), Some(LongDigits::Pdq)][input.len() % 3];
    let role = if input.len() % 2 == 0 { Role::Alert } else { Role::KnownGood };
    let mut builder = Builder::new("fuzz", role, Profile::none())
        .with_text(true)
        .stated(Stated { long_digits, ..Stated::default() });
    if input.starts_with(b"SQLite format 3\0") {
        // Databases are read as files.
        let path = std::env::temp_dir().join(format!("onscene-fuzz-{}.db", std::process::id()));
        std::fs::write(&path, input).ok()?;
        let read = builder.add_file(&path);
        std::fs::remove_file(&path).ok();
        read.ok()?;
    } else {
        builder.add_reader_as("list", input, format.map(|at| FORMATS[at])).ok()?;
    }
    builder.finish().ok()
}
