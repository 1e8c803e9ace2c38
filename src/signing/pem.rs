//! Keys as text: PKCS#8 and SubjectPublicKeyInfo in PEM (RFC 8410), as `openssl pkey` writes and reads them.

use age::secrecy::zeroize::{Zeroize as _, Zeroizing};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::spki::{DecodePublicKey as _, EncodePublicKey as _};
use ed25519_dalek::pkcs8::{KeypairBytes, PrivateKeyInfoRef, PublicKeyBytes, SecretDocument};

use super::{Error, PublicKey, SecretKey};

/// Everything of a PKCS#8 version 1 document before the 32 secret bytes (RFC 8410, section 7). Version 2, which
/// repeats the public key, is not read by OpenSSL.
const SECRET_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
const SECRET_LABEL: &str = "PRIVATE KEY";

/// Why a text is not the key it should be; which file it came from is for the caller to add.
#[derive(Debug)]
pub(super) enum Misfit {
    /// Something else stands there.
    Found(&'static str),
    /// It is a key, and not a sound one.
    Unsound,
}

/// The secret key as PEM.
pub(super) fn secret_text(key: &SecretKey) -> Result<Zeroizing<String>, Error> {
    let document = Zeroizing::new([SECRET_PREFIX.as_slice(), key.seed()].concat());
    SecretDocument::try_from(document.as_slice())
        .and_then(|document| document.to_pem(SECRET_LABEL, LineEnding::LF))
        .map_err(|error| Error::Encoding(error.to_string()))
}

/// The public key as PEM.
pub(super) fn public_text(key: &PublicKey) -> Result<String, Error> {
    PublicKeyBytes(*key.as_bytes())
        .to_public_key_pem(LineEnding::LF)
        .map_err(|error| Error::Encoding(error.to_string()))
}

/// Reads a secret key.
pub(super) fn secret_key(text: &str) -> Result<SecretKey, Misfit> {
    let misfit = || Misfit::Found(found(text, SECRET_LABEL));
    let (label, document) = SecretDocument::from_pem(text).map_err(|_| misfit())?;
    if label != SECRET_LABEL {
        return Err(misfit());
    }
    let information = PrivateKeyInfoRef::try_from(document.as_bytes()).map_err(|_| misfit())?;
    let mut pair = KeypairBytes::try_from(information).map_err(|_| misfit())?;
    let key = SigningKey::try_from(&pair).map_err(|_| misfit());
    let seed = Zeroizing::new(pair.secret_key);
    pair.secret_key.zeroize();
    key.map(|_| SecretKey::from_seed(&seed))
}

/// Reads a public key.
pub(super) fn public_key(text: &str) -> Result<PublicKey, Misfit> {
    let bytes =
        PublicKeyBytes::from_public_key_pem(text).map_err(|_| Misfit::Found(found(text, "PUBLIC KEY")))?;
    PublicKey::from_bytes(&bytes.to_bytes()).map_err(|_| Misfit::Unsound)
}

/// What stands in a file that is not the key it should be, by the first line of its PEM.
fn found(text: &str, expected: &str) -> &'static str {
    const KNOWN: &[(&str, &str)] = &[
        ("PRIVATE KEY", "a secret key: name the file `.pub` beside it"),
        ("PUBLIC KEY", "a public key: name the file `.key` of its owner"),
        (
            "ENCRYPTED PRIVATE KEY",
            "a secret key under a passphrase: open it with `openssl pkey -in FILE -out NEW` first",
        ),
        ("OPENSSH PRIVATE KEY", "a key of ssh: make one with `onscene key new`"),
        ("RSA PRIVATE KEY", "an RSA key: make one with `onscene key new`"),
        ("EC PRIVATE KEY", "an ECDSA key: make one with `onscene key new`"),
        (
            "CERTIFICATE",
            "a certificate: take its key out with `openssl x509 -pubkey -noout`, if that is Ed25519",
        ),
    ];
    let label = text.lines().find_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"));
    match label {
        None => "no line `-----BEGIN ...-----`",
        Some(label) if label == expected => "a damaged key, or one of another kind than Ed25519",
        Some(label) => KNOWN
            .iter()
            .find(|(known, _)| *known == label)
            .map_or("another kind of PEM file", |(_, explained)| explained),
    }
}
