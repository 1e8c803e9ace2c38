//! onscene looks at attached storage without ever writing to it, compares what is there with sets of known
//! hashes, and records what was found and what was not looked at.
//!
//! A tour of the house, in the direction in which data flows: `cli` turns arguments into a plan; `run` starts an
//! examiner process for each source; there, `source` opens what the operator pointed at, `container` decodes a disk
//! image, `volume` finds its volumes, `filesystem` lists their entries, `scan` orders and examines them with
//! `sniff` and `digest` and looks the digests up in a `hashset`. What it finds comes back as the events of `model`,
//! which `journal` keeps before `cli` shows them and `report` writes them down. docs/ARCHITECTURE.md has the map.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::as_conversions,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

pub mod cli;
pub mod codec;
pub mod container;
pub mod digest;
pub mod filesystem;
pub mod hashset;
pub mod journal;
pub mod model;
pub mod platform;
pub mod read;
pub mod report;
pub mod run;
pub mod scan;
pub mod signing;
pub mod sniff;
pub mod source;
pub mod volume;
