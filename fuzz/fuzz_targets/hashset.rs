//! Every list format: a list is imported, the compiled set is opened and asked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use onscene::hashset::{Builder, KnownSet, Profile};
use onscene::model::Role;

fuzz_target!(|input: &[u8]| {
    let _ = KnownSet::open(input);
    let mut builder = Builder::new("fuzz", Role::Alert, Profile::none());
    if builder.add_reader("list", input).is_ok() {
        if let Ok(bytes) = builder.finish() {
            KnownSet::open(bytes).expect("a compiled set opens");
        }
    }
});
