//! Journeys of an examiner: the binary as its users meet it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::panic,
    clippy::print_stderr
)]

mod journeys;
mod tidy;
