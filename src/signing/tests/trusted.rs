//! The folder of trusted keys.

use std::fs;

use crate::signing::{Error, SecretKey, TrustedKeys};

#[test]
fn every_public_key_of_the_folder_is_trusted_under_the_name_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let (zoo, files) = SecretKey::create(folder.path(), "zoo").unwrap();
    let (lab, _) = SecretKey::create(folder.path(), "lab").unwrap();
    fs::write(folder.path().join("README.md"), "which keys these are").unwrap();
    // What macOS leaves on a stick, and the same key under a later name.
    fs::write(folder.path().join("._lab.pub"), [0; 16]).unwrap();
    fs::copy(&files.public, folder.path().join("zoo-again.PUB")).unwrap();
    let trusted = TrustedKeys::load(folder.path()).unwrap();
    assert_eq!(trusted.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["lab", "zoo-again", "zoo"]);
    assert_eq!(trusted.name_of(&lab.public_key()), Some("lab"));
    assert_eq!(trusted.name_of(&zoo.public_key()), Some("zoo-again"));
    assert_eq!(trusted.name_of(&SecretKey::generate().unwrap().public_key()), None);
}

#[test]
fn a_missing_or_empty_folder_holds_no_keys() {
    let folder = tempfile::tempdir().unwrap();
    assert!(TrustedKeys::load(folder.path()).unwrap().is_empty());
    assert!(TrustedKeys::load(&folder.path().join("none")).unwrap().is_empty());
}

#[test]
fn a_key_that_cannot_be_read_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    SecretKey::create(folder.path(), "lab").unwrap();
    fs::write(folder.path().join("broken.pub"), "-----BEGIN PUBLIC KEY-----\n").unwrap();
    let error = TrustedKeys::load(folder.path()).unwrap_err();
    assert!(matches!(error, Error::NotAKey { .. }) && error.to_string().contains("broken.pub"), "{error}");
    fs::remove_file(folder.path().join("broken.pub")).unwrap();
    fs::create_dir(folder.path().join("folder.pub")).unwrap();
    assert!(TrustedKeys::load(folder.path()).unwrap_err().to_string().contains("folder.pub"));
}

#[test]
fn a_file_in_place_of_the_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (_, files) = SecretKey::create(folder.path(), "lab").unwrap();
    assert!(TrustedKeys::load(&files.public).is_err());
}
