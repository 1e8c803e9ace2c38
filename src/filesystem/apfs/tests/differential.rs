//! The staged image, as other tools read it.

use crate::filesystem::apfs::Apfs;
use crate::filesystem::trial::{Image, shared};

#[test]
fn staged() {
    let Some(path) = shared("testdata/filesystems/dfvfs/apfs.raw") else { return };
    let image = Image::survey(&Apfs, std::fs::read(path).unwrap()).unwrap();
    for entry in &image.entries {
        eprintln!("{entry:?}");
    }
    eprintln!("{:#?}", image.problems);
    eprintln!("{:?}", image.metadata);
    eprintln!("{:?}", image.digests(crate::model::EntryState::Allocated));
}
