//! Everything that an operating system does differently; the only place where `unsafe` could stand.

pub mod descent;
