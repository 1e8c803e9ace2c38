//! Compression that Apple's file systems apply to files.

pub(crate) mod decmpfs;
