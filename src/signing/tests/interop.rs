//! Independent programs as a second opinion: `openssl` for keys and signatures, `age` or `rage` for seals.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::signing::{
    CONTEXT_SET, Identities, Lock, PublicKey, Recipients, SecretKey, Signature, Unlock, open, seal,
};

/// Whether the program runs; says so when it does not.
fn installed(program: &str, argument: &str) -> bool {
    let status = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let installed = status.is_ok_and(|status| status.success());
    if !installed {
        eprintln!("SKIPPED: {program} is not installed");
    }
    installed
}

/// Runs a program in a folder; its arguments are separated by blanks.
fn run(folder: &Path, line: &str) -> Result<String, String> {
    let mut words = line.split_whitespace();
    let output = Command::new(words.next().unwrap()).args(words).current_dir(folder).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(text) } else { Err(format!("{line}: {text}{complaint}")) }
}

#[test]
fn openssl_reads_our_keys_and_verifies_our_signature() {
    if !installed("openssl", "version") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (key, files) = SecretKey::create(folder.path(), "lab").unwrap();
    let public = run(folder.path(), "openssl pkey -in lab.key -pubout").unwrap();
    assert_eq!(public, fs::read_to_string(&files.public).unwrap());
    assert_eq!(
        run(folder.path(), "openssl pkey -in lab.key").unwrap(),
        fs::read_to_string(&files.secret).unwrap()
    );

    let message = b"a set of hashes";
    fs::write(folder.path().join("msg"), [CONTEXT_SET.as_bytes(), b"\0", message].concat()).unwrap();
    fs::write(folder.path().join("sig"), key.sign(CONTEXT_SET, message).as_bytes()).unwrap();
    let verify = "openssl pkeyutl -verify -pubin -inkey lab.pub -rawin -in msg -sigfile sig";
    run(folder.path(), verify).unwrap();
    fs::write(folder.path().join("msg"), message).unwrap();
    run(folder.path(), verify).unwrap_err();
}

#[test]
fn keys_and_signatures_of_openssl_are_read_here() {
    if !installed("openssl", "version") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "openssl genpkey -algorithm ed25519 -out lab.key").unwrap();
    run(folder.path(), "openssl pkey -in lab.key -pubout -out lab.pub").unwrap();
    let message = b"a set of hashes";
    fs::write(folder.path().join("msg"), [CONTEXT_SET.as_bytes(), b"\0", message].concat()).unwrap();
    run(folder.path(), "openssl pkeyutl -sign -inkey lab.key -rawin -in msg -out sig").unwrap();

    let public = PublicKey::load(&folder.path().join("lab.pub")).unwrap();
    let signature = Signature::try_from(fs::read(folder.path().join("sig")).unwrap().as_slice()).unwrap();
    public.verify(CONTEXT_SET, message, &signature).unwrap();
    let secret = SecretKey::load(&folder.path().join("lab.key")).unwrap();
    assert_eq!((secret.public_key(), secret.sign(CONTEXT_SET, message)), (public, signature));
}

#[test]
fn other_keys_of_openssl_are_refused_with_what_they_are() {
    if !installed("openssl", "version") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (algorithm, options) in [("x25519", ""), ("ed448", ""), ("rsa", "-pkeyopt rsa_keygen_bits:1024")] {
        run(folder.path(), &format!("openssl genpkey -algorithm {algorithm} {options} -out k")).unwrap();
        run(folder.path(), "openssl pkey -in k -pubout -out p").unwrap();
        for error in [
            SecretKey::load(&folder.path().join("k")).unwrap_err(),
            PublicKey::load(&folder.path().join("p")).unwrap_err(),
        ] {
            assert!(error.to_string().contains("another kind than Ed25519"), "{algorithm}: {error}");
        }
    }
    run(folder.path(), "openssl genpkey -algorithm ed25519 -out plain").unwrap();
    run(folder.path(), "openssl pkey -in plain -aes256 -passout pass:secret -out k").unwrap();
    let error = SecretKey::load(&folder.path().join("k")).unwrap_err();
    assert!(error.to_string().contains("under a passphrase"), "{error}");
}

#[test]
fn age_opens_what_is_sealed_here_and_the_other_way_round() {
    let plain: Vec<u8> = (0..200_000_u32).map(|at| (at % 241) as u8).collect();
    for program in ["age", "rage"] {
        if !installed(program, "--version") {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &format!("{program}-keygen -o identity")).unwrap();
        let recipient = run(folder.path(), &format!("{program}-keygen -y identity")).unwrap();
        let lock = Lock::Recipients(Recipients::parse(&[recipient.trim()]).unwrap());
        let unlock = Unlock::Identities(Identities::load(&folder.path().join("identity")).unwrap());

        let mut ours = Vec::new();
        seal(plain.as_slice(), &mut ours, &lock).unwrap();
        fs::write(folder.path().join("ours"), ours).unwrap();
        run(folder.path(), &format!("{program} -d -i identity -o opened ours")).unwrap();
        assert!(fs::read(folder.path().join("opened")).unwrap() == plain);

        run(folder.path(), &format!("{program} -r {} -o theirs opened", recipient.trim())).unwrap();
        let mut opened = Vec::new();
        open(fs::read(folder.path().join("theirs")).unwrap().as_slice(), &mut opened, &unlock).unwrap();
        assert!(opened == plain);

        run(folder.path(), &format!("{program} -a -r {} -o armored opened", recipient.trim())).unwrap();
        let armored = fs::read(folder.path().join("armored")).unwrap();
        let error = open(armored.as_slice(), std::io::sink(), &unlock).unwrap_err();
        assert!(error.to_string().contains("armored"), "{error}");
    }
}
