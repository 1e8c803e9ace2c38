//! From inodes and names, each gathered in physical order, to a tree of entries: for file systems whose directories
//! name numbered inodes.

mod claims;
mod listing;
mod mapped;
mod names;
mod reports;
mod rows;

pub(super) use self::claims::{Blocks, Claim, Claims};
pub(super) use self::listing::{Judge, Listing};
pub(super) use self::mapped::Mapped;
pub(super) use self::names::{Found, Name, Names};
pub(super) use self::reports::Reports;
pub(super) use self::rows::{MAX_INODES, MAX_RUNS, Row, Rows, mark};
