//! Whole images: made with mkudffs and genisoimage, filled by a writer for tests, compared with 7-Zip, then damaged.

mod build;
mod media;
mod volumes;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::Udf;
use super::tag::Address;
use crate::filesystem::trial::{Image, bytes, md5, run, walk};
use crate::model::EntryState;
use crate::read::Memory;

use self::build::{Builder, Stored};

/// An empty image by `mkudffs`; `None`, said aloud, without the tool.
fn mkudffs(media: &str, block: usize, revision: &str) -> Option<Vec<u8>> {
    let target = tempfile::NamedTempFile::new().unwrap();
    target.as_file().set_len(if block == 4096 { 12 << 20 } else { 6 << 20 }).unwrap();
    let (block, media) = (block.to_string(), format!("--media-type={media}"));
    let revision = format!("--udfrev={revision}");
    let path = target.path().to_str().unwrap();
    run("mkudffs", &["-b", &block, &media, &revision, "-l", "A LABEL", path])?;
    Some(fs::read(target.path()).unwrap())
}

/// Content of the test files by path.
type Expected = BTreeMap<String, (u64, String)>;

/// Fills an image with a file of every kind.
fn fill(image: Vec<u8>) -> (Vec<u8>, Expected) {
    fill_with(image, &[Stored::Short, Stored::Long, Stored::Extended, Stored::Continued, Stored::Holes])
}

/// Fills an image with files that are stored in those ways, directories and other names.
fn fill_with(image: Vec<u8>, kinds: &[Stored]) -> (Vec<u8>, Expected) {
    let mut builder = Builder::new(image);
    let root = builder.logical.file_sets(&mut Vec::new())[0].root;
    let mut expected = Expected::new();
    let mut expect = |path: &str, content: &[u8]| {
        expected.insert(path.into(), (content.len() as u64, md5(content)));
    };
    let block = builder.block;
    for (number, stored) in (1..).zip(kinds.iter().copied()) {
        let mut content = bytes(number, block * 4 + 77);
        if stored == Stored::Holes {
            content.chunks_mut(block).skip(1).step_by(2).for_each(|part| part.fill(0));
        }
        let name = format!("{stored:?} file");
        let icb = builder.file(&content, stored, None);
        builder.name(&name, 0, icb);
        expect(&name, &content);
        if stored == Stored::Long {
            builder.name("a second name", 1, icb);
            expect("a second name", &content);
        }
    }
    let inside = bytes(20, 100);
    let icb = builder.file(&inside, Stored::Embedded, None);
    builder.name("naïve €uro", 0, icb);
    expect("naïve €uro", &inside);
    let many: Vec<(String, Address)> = (0..3)
        .map(|number| {
            let content = bytes(100 + number, 200 + number as usize);
            let name = format!("f{number}");
            expect(&format!("folder/inner/{name}"), &content);
            (name, builder.file(&content, Stored::Short, None))
        })
        .collect();
    let names: Vec<(&str, u8, Address)> = many.iter().map(|(name, at)| (name.as_str(), 0, *at)).collect();
    let inner = builder.directory(4, root, &names);
    let folder = builder.directory(4, root, &[("inner", 2, inner)]);
    builder.name("folder", 2, folder);
    let empty = builder.entry(5, 0, 0, &[], None);
    builder.name("empty", 0, empty);
    expect("empty", b"");
    (builder.finish(&[]), expected)
}

/// Size and MD5 of every file that 7-Zip takes out of an image, by path.
fn extracted(image: &[u8]) -> Option<Expected> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.udf");
    fs::write(&path, image).unwrap();
    let target = folder.path().join("out");
    run("7z", &["x", "-y", "-tudf", &format!("-o{}", target.display()), path.to_str().unwrap()])?;
    Some(walk(&target))
}

fn survey(image: Vec<u8>) -> Image {
    Image::survey(&Udf, image).unwrap()
}

fn folder_of(count: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..count {
        let path = folder.path().join(format!("folder {}/Picture €{number}.jpg", number % 3));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes(number, 500 + number as usize * 41)).unwrap();
    }
    folder
}

fn genisoimage(folder: &Path, options: &[&str]) -> Option<Vec<u8>> {
    let target = tempfile::NamedTempFile::new().unwrap();
    let fixed =
        ["-quiet", "-input-charset", "utf-8", "-udf", "-V", "BRIDGE", "-o", target.path().to_str().unwrap()];
    run("genisoimage", &[&fixed[..], options, &[folder.to_str().unwrap()]].concat())?;
    Some(fs::read(target.path()).unwrap())
}

/// Files of an image but those that keep house.
fn allocated(image: &Image) -> Expected {
    let mut files = image.digests(EntryState::Allocated);
    files.retain(|path, _| !path.starts_with(":*UDF "));
    files
}
