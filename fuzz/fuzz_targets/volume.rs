//! Every partition table.
#![no_main]

mod patched;

use libfuzzer_sys::fuzz_target;
use onscene::volume;
use patched::Patched;

fuzz_target!(|input: &[u8]| {
    let medium = Patched::new("volume", input);
    for format in volume::FORMATS {
        format.probe(&medium);
        let _ = format.read(&medium);
    }
    let _ = volume::read(&medium);
});
