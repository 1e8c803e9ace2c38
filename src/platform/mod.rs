//! Everything that an operating system does differently, and all of the project's unsafe code.
//!
//! Nothing here parses evidence, and nothing here can open evidence for writing.

pub mod descent;
mod devices;
mod files;
mod handles;
mod limits;
mod mounts;
mod narrow;
pub mod path_text;
mod power;
mod presence;
mod sandbox;
mod shared;
mod system;

pub use devices::{
    AutomountRule, BlockDevice, Partition, PortableDevice, automount_rule, device_at, device_numbers,
    devices, portable_devices, set_read_only,
};
pub use files::{EvidenceFile, is_block_device, names_in, open_evidence, private_memory};
pub use handles::{Token, adopt, spawn};
pub use limits::{bytes_read, no_core_dumps, open_files};
pub use mounts::{Location, location};
pub use power::PowerWatch;
pub use presence::Presence;
pub use sandbox::{Sandbox, give_up_rights};
pub use shared::{SharedBytes, SharedToken};
pub use system::{binary_sha256, system_name};
