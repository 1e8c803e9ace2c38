//! LUKS1 and LUKS2, the disk encryption of Linux.

mod one;
mod two;

pub(super) use one::Luks1;
pub(super) use two::Luks2;

const MAGIC: &[u8] = b"LUKS\xba\xbe";
