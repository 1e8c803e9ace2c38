//! What an examiner does with the binary, from start to end.

mod kit;

mod bad_input;
mod damaged_media;
mod devices;
mod everyday;
mod hash_sets;
mod interrupted;
mod list_agrees_with_other_tools;
mod match_hash_sets;
mod never_writes;
mod reports;
mod same_findings;
mod screen;
