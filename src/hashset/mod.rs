//! Hash lists in, one compiled set out, and exact look-up in it.
//!
//! A [`Builder`] imports lists in any of the [`formats`] and compiles them into one position-independent image (see
//! [`image`]); a [`KnownSet`] opens such an image, from memory or from a file, and answers whether a digest is in it
//! and which lists say so. A [`Profile`] gives the categories of the lists a meaning.
//!
//! A list that cannot be read as a whole is refused and leaves nothing behind; single lines and records that cannot
//! be read are counted, shown by example and left out.

mod ahead;
mod builder;
mod collect;
mod collector;
mod error;
pub mod formats;
pub mod image;
mod probes;
mod profile;
mod sorter;
mod unpack;

pub use builder::Builder;
pub use error::{Error, Place, Result};
pub use formats::{FORMATS, LongDigits, Mapping, Stated};
pub use image::{Built, Entries, Kind, KnownSet, Label, Provenance, Root, join};
pub use profile::{Meaning, Profile};
