//! Keys, signatures and seals: who made a file, that it is unaltered, and that only those meant can read it.
//!
//! **Signing** is Ed25519 (RFC 8032). A [`SecretKey`] signs, its [`PublicKey`] verifies; both are files that
//! `openssl pkey` reads. Every signature is for a purpose (its *context*, such as [`CONTEXT_SET`]), so that what was
//! signed as one thing never passes as another: the signed bytes are `context || 0x00 || message`. A public key is
//! compared between people by its [`Fingerprint`]. Which keys a machine trusts is a folder of `*.pub` files,
//! [`TrustedKeys`]; a valid signature by a key that is not there proves only that one person made the file, not who.
//!
//! **Sealing** is encryption with [age](https://age-encryption.org/v1), under a passphrase or for the keys of
//! recipients: [`seal()`] and [`open`] stream, in memory that does not depend on the size. A lost passphrase or key
//! means a lost set: nobody can recover it. A seal tells nothing about who made the file (whoever knows the
//! passphrase, and anybody at all who knows a recipient, can seal another one): that is what the signature is for,
//! inside the seal.
//!
//! What this cannot do: a key that was copied signs like its owner, and there is no revocation but to take the `*.pub`
//! out of the folder on every machine. The folder of trusted keys and the binary must themselves come from a
//! trusted hand; whoever can write there decides what is trusted.

mod error;
mod files;
mod fingerprint;
mod key;
mod lock;
mod pem;
mod seal;
mod trust;

pub use error::Error;
pub use files::KeyFiles;
pub use fingerprint::Fingerprint;
pub use key::{PublicKey, SecretKey, Signature};
pub use lock::{Identities, Lock, Passphrase, Recipients, Unlock};
pub use seal::{SEAL_HEAD, is_sealed, open, seal};
pub use trust::TrustedKeys;

/// Context of the signature of a compiled hash set.
pub const CONTEXT_SET: &str = "onscene set";
/// Context of the signature of a run's manifest.
pub const CONTEXT_RUN: &str = "onscene run";
/// How the name of a secret key's file ends.
pub const SECRET_KEY_ENDING: &str = "key";
/// How the name of a public key's file ends.
pub const PUBLIC_KEY_ENDING: &str = "pub";

#[cfg(test)]
mod tests;
