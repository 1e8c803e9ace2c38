//! Whole images: made with e2fsprogs, compared with what went in and with The Sleuth Kit, then damaged.

mod damage;
mod deleted;
mod differential;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;
use crate::filesystem::trial::{Image, Listed, MAX_DIGESTED, Random, bytes, dfxml, md5, run, shared};
use crate::model::{Content, EntryKind, EntryState, ProblemKind, Run};
use crate::read::{Pieces, Unreadable};

/// An image made by `mke2fs` with those options of that many KiB from a folder.
fn make(image: &Path, options: &str, kib: u64, folder: &Path) -> Option<()> {
    // Into a fresh file each time: discarding what was there takes long.
    let _ = std::fs::remove_file(image);
    let (image, folder, kib) = (image.to_str()?, folder.to_str()?, format!("{kib}k"));
    let mut arguments = vec!["-q", "-F", "-E", "root_owner=0:0", "-d", folder];
    arguments.extend(options.split_whitespace());
    arguments.extend([image, &kib]);
    run("mke2fs", &arguments).map(|_| ())
}

/// Runs commands of `debugfs` that write to an image.
fn debugfs(image: &Path, commands: &[String]) -> Option<()> {
    let script = image.with_extension("cmd");
    std::fs::write(&script, commands.join("\n")).unwrap();
    run("debugfs", &["-w", "-f", script.to_str()?, image.to_str()?]).map(|_| ())
}
