//! Journeys of an examiner: the binary as its users meet it.

fn main() {}
