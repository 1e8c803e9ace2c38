//! Walking a folder by path, where reading moves no time stamp and nobody swaps a directory for a link.

use std::path::Path;

use walkdir::WalkDir;

#[cfg(unix)]
use super::descend::Descent;
use super::listing::{Listing, Next};
use super::refusal;
use crate::platform::descent::{OpenError, Root};
use crate::read::Result;

/// Longest path whose entries can still be named to the kernel: PATH_MAX less a name, a separator and a zero.
#[cfg(target_os = "linux")]
const LONGEST_PATH: usize = 4_096 - 257;
#[cfg(all(unix, not(target_os = "linux")))]
const LONGEST_PATH: usize = 1_024 - 257;

/// Lists everything below the root; what is too deep for a path is left to the descent. An error when the root
/// itself cannot be listed.
///
/// `walkdir` lists a directory before it hands it out, which is why it must itself know not to enter another
/// file system. A second mount of the same one inside the folder is listed by it, and not taken into the table.
pub(super) fn walk(
    root: &Root,
    #[cfg(unix)] descent: &mut Descent<'_>,
    listing: &mut Listing<'_, '_>,
) -> Result<()> {
    let by_name = |one: &walkdir::DirEntry, two: &walkdir::DirEntry| {
        one.file_name().as_encoded_bytes().cmp(two.file_name().as_encoded_bytes())
    };
    let walk = WalkDir::new(root.path()).min_depth(1).follow_links(false).same_file_system(true);
    let mut walk = walk.sort_by(by_name).into_iter();
    while let Some(next) = walk.next() {
        let entry = match next {
            Ok(entry) => entry,
            Err(error) if error.depth() == 0 => {
                return Err(refusal::error(cause(&error), "the folder", 0));
            }
            Err(error) => match failed(root, &error, listing) {
                true => continue,
                false => return Ok(()),
            },
        };
        listing.leave_to(entry.depth().saturating_sub(1));
        let below = below(root, entry.path());
        match listing.entry(entry.file_name().as_encoded_bytes(), root.status_of(below)) {
            #[cfg(unix)]
            Next::Enter(index, status) if entry.path().as_os_str().len() > LONGEST_PATH => {
                walk.skip_current_dir();
                if !descent.part(index, &status, listing) {
                    return Ok(());
                }
            }
            Next::Enter(index, status) => listing.enter(index, &status),
            // A directory of another file system was not entered by the walk itself.
            Next::Beside if entry.file_type().is_dir() && listing.is_beside_root(root.status_of(below)) => {
                walk.skip_current_dir();
            }
            Next::Beside => {}
            Next::Stop => return Ok(()),
        }
    }
    Ok(())
}

/// What could not be walked: a directory, the rest of one, or a single entry. False when the table is full.
fn failed(root: &Root, error: &walkdir::Error, listing: &mut Listing<'_, '_>) -> bool {
    let unlisted = |listing: &mut Listing<'_, '_>| {
        let cause = cause(error);
        listing.problem(refusal::kind(&cause), format!("the directory cannot be listed: {cause}"));
    };
    // Without a path it is about the directory that is being listed, one level above its entries.
    let Some(path) = error.path().map(|path| below(root, path)) else {
        listing.leave_to(error.depth().saturating_sub(1));
        unlisted(listing);
        return true;
    };
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    listing.leave_to(error.depth());
    if listing.depth() == error.depth() && listing.is_in(name) {
        unlisted(listing);
        return true;
    }
    listing.leave_to(error.depth().saturating_sub(1));
    match listing.entry(name, root.status_of(path)) {
        Next::Enter(index, status) => {
            listing.enter(index, &status);
            unlisted(listing);
        }
        Next::Beside => {}
        Next::Stop => return false,
    }
    true
}

/// A path below the root, without that of the root.
fn below<'p>(root: &Root, path: &'p Path) -> &'p Path {
    path.strip_prefix(root.path()).unwrap_or(path)
}

/// What the system said, sorted as by the descent.
fn cause(error: &walkdir::Error) -> OpenError {
    let what = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
    OpenError::from(match error.io_error().and_then(std::io::Error::raw_os_error) {
        Some(code) => std::io::Error::from_raw_os_error(code),
        None => std::io::Error::other(what),
    })
}
