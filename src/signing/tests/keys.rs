//! Keys and signatures: known answers, alterations, files.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use crate::signing::{CONTEXT_RUN, CONTEXT_SET, Error, PublicKey, SecretKey, Signature};

/// RFC 8032, section 7.1, tests 1 to 3: secret key, public key, message, signature.
const RFC_8032: [[&str; 4]; 3] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
];

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

/// A key of the tests alone.
fn sample() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

/// Every copy of the bytes with one bit flipped.
fn flipped(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(|bit| {
        let mut altered = bytes.to_vec();
        altered[bit / 8] ^= 1 << (bit % 8);
        altered
    })
}

#[test]
fn the_vectors_of_rfc_8032_come_out() {
    for [secret, public, message, signature] in RFC_8032 {
        let (key, message) = (SecretKey::from_seed(&bytes(secret)), hex::decode(message).unwrap());
        assert_eq!(hex::encode(key.public_key().as_bytes()), public);
        assert_eq!(key.sign_bytes(&message).to_string(), signature);
        let public = PublicKey::from_bytes(&bytes(public)).unwrap();
        public.verify_bytes(&message, &Signature::from(bytes::<64>(signature))).unwrap();
    }
}

#[test]
fn a_bit_flipped_anywhere_in_message_signature_or_key_is_refused() {
    let (key, message) = (sample(), b"a set of hashes".as_slice());
    let signature = key.sign(CONTEXT_SET, message);
    key.public_key().verify(CONTEXT_SET, message, &signature).unwrap();
    for altered in flipped(message) {
        assert!(key.public_key().verify(CONTEXT_SET, &altered, &signature).is_err());
    }
    for altered in flipped(signature.as_bytes()) {
        let altered = Signature::try_from(altered.as_slice()).unwrap();
        assert!(key.public_key().verify(CONTEXT_SET, message, &altered).is_err());
    }
    for altered in flipped(key.public_key().as_bytes()) {
        let refused = match PublicKey::from_bytes(&altered.try_into().unwrap()) {
            Ok(altered) => altered.verify(CONTEXT_SET, message, &signature).is_err(),
            Err(_) => true,
        };
        assert!(refused);
    }
}

#[test]
fn what_was_signed_for_one_purpose_does_not_pass_for_another() {
    let (key, message) = (sample(), b"message".as_slice());
    let signature = key.sign(CONTEXT_SET, message);
    for (context, message) in [
        (CONTEXT_RUN, message),
        ("onscene", b" set\0message".as_slice()),
        ("onscene se", b"t\0message"),
        (CONTEXT_SET, b"\0message"),
        (CONTEXT_SET, b""),
    ] {
        let error = key.public_key().verify(context, message, &signature).unwrap_err();
        assert!(matches!(error, Error::BadSignature), "{context}");
    }
    // Nor does a signature without a purpose.
    assert!(key.public_key().verify(CONTEXT_SET, message, &key.sign_bytes(message)).is_err());
}

#[test]
fn keys_under_which_anybody_could_sign_are_refused() {
    const PRIME: &str = "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
    for unsound in [
        // Small order: the neutral element, order 2, order 4, order 8.
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        // Not the canonical encoding of what it means: zero as the prime, one as the prime and one.
        PRIME,
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        // No point of the curve.
        "0200000000000000000000000000000000000000000000000000000000000000",
    ] {
        assert!(matches!(PublicKey::from_bytes(&bytes(unsound)), Err(Error::UnsoundKey)), "{unsound}");
    }
}

#[test]
fn a_key_with_a_part_of_small_order_is_refused() {
    let small = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
    let small = ed25519_dalek::VerifyingKey::from_bytes(&bytes(small)).unwrap();
    let sound = ed25519_dalek::VerifyingKey::from_bytes(sample().public_key().as_bytes()).unwrap();
    let mixed = (small.to_edwards() + sound.to_edwards()).compress();
    assert!(matches!(PublicKey::from_bytes(mixed.as_bytes()), Err(Error::UnsoundKey)));
}

#[test]
fn a_new_key_is_two_files_that_read_back_and_are_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let (key, files) = SecretKey::create(folder.path(), "lab.2026").unwrap();
    assert_eq!(files.secret.file_name().unwrap(), "lab.2026.key");
    assert_eq!(files.public.file_name().unwrap(), "lab.2026.pub");
    assert_eq!(SecretKey::load(&files.secret).unwrap().seed(), key.seed());
    assert_eq!(PublicKey::load(&files.public).unwrap(), key.public_key());
    let before = fs::read(&files.secret).unwrap();
    assert!(matches!(SecretKey::create(folder.path(), "lab.2026"), Err(Error::Exists(_))));
    assert_eq!(fs::read(&files.secret).unwrap(), before);

    // With only the public one there, the secret one is not left behind.
    fs::remove_file(&files.secret).unwrap();
    assert!(matches!(SecretKey::create(folder.path(), "lab.2026"), Err(Error::Exists(_))));
    assert!(!files.secret.exists() && files.public.exists());
}

#[test]
fn two_new_keys_differ() {
    assert_ne!(SecretKey::generate().unwrap().seed(), SecretKey::generate().unwrap().seed());
}

#[test]
fn a_name_that_is_a_path_or_hidden_or_empty_names_no_key() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["", ".", "..", ".lab", "../lab", "a/b", "a\\b", "a b", "-lab", "lab.", "a\nb", "C:lab"] {
        assert!(matches!(SecretKey::create(folder.path(), name), Err(Error::KeyName(_))), "{name:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn a_secret_key_that_others_may_reach_is_refused_with_what_to_do() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let (_, files) = SecretKey::create(folder.path(), "lab").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&files.secret), 0o600);
    for open in [0o640, 0o604, 0o660, 0o606, 0o777] {
        fs::set_permissions(&files.secret, fs::Permissions::from_mode(open)).unwrap();
        let error = SecretKey::load(&files.secret).unwrap_err();
        assert!(matches!(error, Error::Exposed { mode, .. } if mode == open));
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    fs::set_permissions(&files.secret, fs::Permissions::from_mode(0o400)).unwrap();
    SecretKey::load(&files.secret).unwrap();
}

#[test]
fn a_file_that_is_another_thing_than_the_key_is_refused_with_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (_, files) = SecretKey::create(folder.path(), "lab").unwrap();
    let public = |text: &[u8]| {
        let path = folder.path().join("other");
        fs::write(&path, text).unwrap();
        PublicKey::load(&path).unwrap_err().to_string()
    };
    let secret_text = fs::read(&files.secret).unwrap();
    let message = public(&secret_text);
    assert!(message.contains("a secret key: name the file `.pub`"), "{message}");
    let base64 = secret_text.split(|byte| *byte == b'\n').nth(1).unwrap();
    assert!(!message.contains(std::str::from_utf8(base64).unwrap()));
    assert!(public(b"").contains("no line"));
    assert!(public(b"\xff\xfe").contains("no text"));
    assert!(public(&vec![b'x'; 1 << 20]).contains("too long"));
    assert!(public(b"-----BEGIN CERTIFICATE-----\n").contains("certificate"));
    assert!(PublicKey::load(folder.path()).unwrap_err().to_string().contains("no file"));

    // A key of small order in a proper file.
    let mut der = hex::decode("302a300506032b6570032100").unwrap();
    der.extend([0; 32]);
    let weak = ed25519_dalek::pkcs8::Document::try_from(der.as_slice()).unwrap();
    let text = weak.to_pem("PUBLIC KEY", Default::default()).unwrap();
    assert!(public(text.as_bytes()).contains("anybody could sign"), "{}", public(text.as_bytes()));
}

#[test]
fn a_key_file_that_went_through_another_system_still_reads() {
    let folder = tempfile::tempdir().unwrap();
    let (key, files) = SecretKey::create(folder.path(), "lab").unwrap();
    let text = fs::read_to_string(&files.public).unwrap();
    fs::write(&files.public, text.replace('\n', "\r\n")).unwrap();
    assert_eq!(PublicKey::load(&files.public).unwrap(), key.public_key());
    fs::write(&files.public, text.trim_end()).unwrap();
    assert_eq!(PublicKey::load(&files.public).unwrap(), key.public_key());
}

#[test]
fn a_damaged_key_file_is_refused_or_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let (key, files) = SecretKey::create(folder.path(), "lab").unwrap();
    let whole = fs::read(&files.secret).unwrap();
    for end in 0..whole.len() {
        fs::write(&files.secret, &whole[..end]).unwrap();
        if let Ok(read) = SecretKey::load(&files.secret) {
            assert_eq!((read.seed(), end), (key.seed(), whole.len() - 1));
        }
    }
    let whole = fs::read(&files.public).unwrap();
    for end in 0..whole.len() {
        fs::write(&files.public, &whole[..end]).unwrap();
        if let Ok(read) = PublicKey::load(&files.public) {
            assert_eq!((read, end), (key.public_key(), whole.len() - 1));
        }
    }
}

#[test]
fn a_fingerprint_is_the_sha256_of_the_raw_key_and_its_short_form_begins_it() {
    let key = PublicKey::from_bytes(&bytes(RFC_8032[0][1])).unwrap();
    // printf d75a98...511a | xxd -r -p | sha256sum
    let long = key.fingerprint().to_string();
    assert_eq!(long, "21fe31dfa154a261626bf854046fd2271b7bed4b6abe45aa58877ef47f9721b9");
    assert_eq!(key.fingerprint().short(), "21fe 31df a154 a261 626b f854");
}

#[test]
fn neither_debug_text_nor_an_error_holds_the_secret() {
    let key = sample();
    assert!(!format!("{key:?}").contains("0707"), "{key:?}");
    assert!(format!("{key:?}").contains(&key.public_key().fingerprint().to_string()));
}

#[test]
fn a_signature_of_another_length_is_refused() {
    for length in [0, 63, 65, 128] {
        let error = Signature::try_from(vec![0; length].as_slice()).unwrap_err();
        assert!(matches!(error, Error::SignatureLength { found } if found == length));
    }
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_by_no_other_key(seed: [u8; 32], other: [u8; 32], message: Vec<u8>) {
        prop_assume!(seed != other);
        let (key, other) = (SecretKey::from_seed(&seed), SecretKey::from_seed(&other));
        let signature = key.sign(CONTEXT_SET, &message);
        prop_assert!(key.public_key().verify(CONTEXT_SET, &message, &signature).is_ok());
        prop_assert!(other.public_key().verify(CONTEXT_SET, &message, &signature).is_err());
    }

    #[test]
    fn any_bytes_as_a_key_or_signature_are_refused_without_a_panic(key: [u8; 32], signature: Vec<u8>, text: String) {
        if let Ok(key) = PublicKey::from_bytes(&key) {
            if let Ok(signature) = Signature::try_from(signature.as_slice()) {
                prop_assert!(key.verify(CONTEXT_SET, b"message", &signature).is_err());
            }
            prop_assert!(key.verify(CONTEXT_SET, b"message", &Signature::from([0; 64])).is_err());
        }
        let text = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        prop_assert!(crate::signing::pem::secret_key(&text).is_err());
    }
}
