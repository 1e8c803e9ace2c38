//! Ed25519 keys and signatures (RFC 8032), each signature for one purpose.

use std::fmt;

use age::secrecy::zeroize::Zeroizing;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::{Error, Fingerprint};

/// A key that signs. Wiped from memory when dropped; never printed.
pub struct SecretKey(SigningKey);

/// A key that verifies; always a sound one: in canonical encoding, on the curve, of prime order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(VerifyingKey);

/// A signature; displayed as 128 hexadecimal digits. Whether it fits anything is for [`PublicKey::verify`] to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl SecretKey {
    /// A new key from the randomness of the operating system, in memory only.
    ///
    /// # Errors
    /// When the operating system gives none.
    pub fn generate() -> Result<Self, Error> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(|error| Error::Randomness(error.to_string()))?;
        Ok(Self::from_seed(&seed))
    }

    pub(super) fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    pub(super) fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The key that verifies what this one signs.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a message for a purpose.
    ///
    /// The context is a constant of the program without a zero byte. A copy of the message is held in memory: sign
    /// the digest of what is large.
    pub fn sign(&self, context: &str, message: &[u8]) -> Signature {
        self.sign_bytes(&separated(context, message))
    }

    pub(super) fn sign_bytes(&self, bytes: &[u8]) -> Signature {
        Signature(self.0.sign(bytes).to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey of {:?}", self.public_key())
    }
}

impl PublicKey {
    /// A key from its 32 raw bytes.
    ///
    /// # Errors
    /// When they are no point of the curve in canonical encoding, or one that is not of prime order: under keys of
    /// small order anybody can sign.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Error> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| Error::UnsoundKey)?;
        let point = key.to_edwards();
        let canonical = point.compress().as_bytes() == bytes;
        if key.is_weak() || !canonical || !point.is_torsion_free() {
            return Err(Error::UnsoundKey);
        }
        Ok(Self(key))
    }

    /// The 32 raw bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// What people compare.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(Sha256::digest(self.as_bytes()).into())
    }

    /// Checks that the owner of this key signed exactly this message for exactly this purpose.
    ///
    /// # Errors
    /// [`Error::BadSignature`] in every other case.
    pub fn verify(&self, context: &str, message: &[u8], signature: &Signature) -> Result<(), Error> {
        self.verify_bytes(&separated(context, message), signature)
    }

    pub(super) fn verify_bytes(&self, bytes: &[u8], signature: &Signature) -> Result<(), Error> {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        self.0.verify_strict(bytes, &signature).map_err(|_| Error::BadSignature)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey {}", self.fingerprint())
    }
}

impl Signature {
    /// The 64 raw bytes, as they stand in a file.
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl From<[u8; 64]> for Signature {
    fn from(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }
}

impl TryFrom<&[u8]> for Signature {
    type Error = Error;

    fn try_from(bytes: &[u8]) -> Result<Self, Error> {
        bytes.try_into().map(Self).map_err(|_| Error::SignatureLength { found: bytes.len() })
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// The bytes that are signed. The zero byte ends the context, which has none: no two pairs give the same bytes.
fn separated(context: &str, message: &[u8]) -> Vec<u8> {
    debug_assert!(
        !context.is_empty() && !context.contains('\0'),
        "a context is a constant without zero bytes"
    );
    [context.as_bytes(), &[0], message].concat()
}
