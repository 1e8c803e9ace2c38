//! Tests of the reader of APFS.

mod differential;
