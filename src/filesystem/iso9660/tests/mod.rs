//! Whole images: made with genisoimage and xorriso, compared with other readers, then damaged.

mod damage;
mod differential;
mod special;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::Iso9660;
use crate::filesystem::trial::{Image, bytes, run, walk};

/// A folder with what a disc may hold, the same each time; names within the rules of Joliet.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    folder
}

fn fill(root: &Path) {
    let write = |path: &str, seed: u64, length: usize| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes(seed, length)).unwrap();
    };
    for number in 0..60 {
        write(&format!("pictures/IMG_{number:04}.JPG"), number, 900 + number as usize * 37);
        write(
            &format!("some letters/A longer name, number {number}.text"),
            100 + number,
            2048 * (number as usize % 4),
        );
    }
    write("README", 1000, 5);
    write("empty.bin", 0, 0);
    write("two.dots.tar.gz", 1001, 70_000);
    write("Grüße/naïve €.txt", 1002, 300);
    write("one/two/three/four/five/six/seven/eight/nine/ten/deep.txt", 1003, 4000);
    write("one/two/three/four/five/six/seven/eight/beside.txt", 1004, 10);
    fs::create_dir(root.join("nothing")).unwrap();
}

/// An image of the folder made by `genisoimage` with those options; `None`, said aloud, without the tool.
fn genisoimage(options: &str) -> Option<Vec<u8>> {
    genisoimage_of(folder().path(), options)
}

fn genisoimage_of(folder: &Path, options: &str) -> Option<Vec<u8>> {
    let target = tempfile::NamedTempFile::new().unwrap();
    // Only Joliet and Rock Ridge know more than bytes.
    let charset = if options.contains("-J") || options.contains("-R") { "utf-8" } else { "iso8859-1" };
    let mut arguments = vec!["-quiet", "-input-charset", charset, "-V", "A LABEL"];
    arguments.extend(["-o", target.path().to_str().unwrap()]);
    arguments.extend(options.split_whitespace());
    arguments.push(folder.to_str().unwrap());
    run("genisoimage", &arguments)?;
    Some(fs::read(target.path()).unwrap())
}

/// Bytes written to a file, for tools that want one.
fn on_disk(image: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.iso");
    fs::write(&path, image).unwrap();
    (folder, path)
}

/// Size and MD5 of every file that a tool takes out of an image, by path.
fn extracted(image: &[u8], tool: &str, options: &[&str]) -> Option<BTreeMap<String, (u64, String)>> {
    let (folder, path) = on_disk(image);
    let target = folder.path().join("out");
    fs::create_dir(&target).unwrap();
    let (path, out) = (path.to_str().unwrap(), target.to_str().unwrap());
    let into = format!("-o{out}");
    let arguments = match tool {
        "bsdtar" => [options, &["-xf", path, "-C", out]].concat(),
        _ => [&["x", "-y", &into], options, &[path]].concat(),
    };
    run(tool, &arguments)?;
    Some(walk(&target))
}

fn survey(image: Vec<u8>) -> Image {
    Image::survey(&Iso9660, image).unwrap()
}
