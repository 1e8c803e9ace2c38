//! The journal as a whole: what goes in comes out, and nothing that is altered passes.

mod faults;
mod roundtrip;
mod samples;
mod tamper;
