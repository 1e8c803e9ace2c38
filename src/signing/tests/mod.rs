//! Tests of keys, signatures and seals, each family in its own file.

mod interop;
mod keys;
mod sealing;
mod trusted;
