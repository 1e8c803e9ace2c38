//! Every image format: an image is opened and parts of its medium are read.
#![no_main]

mod patched;

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use onscene::container;
use onscene::read::{Confidence, ReadAt};
use patched::Patched;

/// Bytes read at each place.
const BYTES: usize = 64 << 10;

fuzz_target!(|input: &[u8]| {
    let file: Arc<dyn ReadAt> = Arc::new(Patched::new("container", input));
    for format in container::FORMATS {
        if format.probe(&file) == Confidence::No {
            continue;
        }
        let Ok(image) = format.open(vec![Arc::clone(&file)]) else { continue };
        let size = image.medium.size();
        let mut buffer = vec![0; BYTES];
        for place in [0, size / 3, size / 2, size.saturating_sub(BYTES as u64)] {
            let _ = image.medium.read_at(place, &mut buffer);
        }
    }
});
