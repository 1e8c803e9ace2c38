//! Every file system: a volume is surveyed and its files are read.
#![no_main]

mod patched;

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use onscene::filesystem;
use onscene::model::{Content, EntryTable, Placement, Survey};
use onscene::read::{Confidence, Pieces, ReadAt};
use patched::Patched;

/// Files read of one volume, and bytes of each.
const FILES: usize = 50;
const BYTES: u64 = 256 << 10;

fuzz_target!(|input: &[u8]| {
    let volume: Arc<dyn ReadAt> = Arc::new(Patched::new("filesystem", input));
    filesystem::signatures::recognise(&volume);
    for format in filesystem::FORMATS {
        if format.probe(&volume) == Confidence::No {
            continue;
        }
        let Ok(opened) = format.open(Arc::clone(&volume)) else { continue };
        let mut table = EntryTable::default();
        let mut survey = Survey::new(0, Placement::whole(volume.size()), &mut table);
        let _ = opened.survey(&mut survey);
        drop(survey.finish());
        for entry in table.iter().filter(|entry| entry.content().is_had()).take(FILES) {
            let length = entry.size().min(BYTES) as usize;
            let _ = match entry.content() {
                Content::Opened => opened.open(entry).map(|stream| stream.read_vec(0, length).map(drop)),
                _ => Ok(Pieces::new(Arc::clone(&volume), entry.runs(), entry.size()).read_vec(0, length).map(drop)),
            };
        }
    }
});
