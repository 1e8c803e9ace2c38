//! Sealed files: round trips, damage, the wrong passphrase or key, hostile headers.

use std::io::{self, Read};

use age::secrecy::ExposeSecret as _;
use age::x25519;
use proptest::prelude::*;

use crate::signing::seal::seal_with_work;
use crate::signing::{Error, Identities, Lock, Passphrase, Recipients, Unlock, is_sealed, open, seal};

/// A work factor that takes no time; its text has one digit, so that no flipped bit makes it expensive.
const QUICK: u8 = 1;

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned()).unwrap()
}

/// A key of age, and the file that holds it.
struct Pair {
    lock: Lock,
    unlock: Unlock,
}

fn pair() -> Pair {
    let identity = x25519::Identity::generate();
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = format!("# made for a test\n\n{}\r\n", identity.to_string().expose_secret());
    std::fs::write(file.path(), text).unwrap();
    Pair {
        lock: Lock::Recipients(Recipients::parse(&[identity.to_public().to_string()]).unwrap()),
        unlock: Unlock::Identities(Identities::load(file.path()).unwrap()),
    }
}

fn sealed(plain: &[u8], lock: &Lock) -> Vec<u8> {
    let mut file = Vec::new();
    assert_eq!(seal(plain, &mut file, lock).unwrap(), plain.len() as u64);
    file
}

fn sealed_quickly(plain: &[u8], text: &str) -> Vec<u8> {
    let mut file = Vec::new();
    seal_with_work(plain, &mut file, &passphrase(text), QUICK).unwrap();
    file
}

fn opened(file: &[u8], unlock: &Unlock) -> Result<Vec<u8>, Error> {
    let mut plain = Vec::new();
    let length = open(file, &mut plain, unlock)?;
    assert_eq!(length, plain.len() as u64);
    Ok(plain)
}

/// A file with this header line in place of the recipients, closed as a header must be.
fn with_lines(lines: &str) -> Vec<u8> {
    format!("age-encryption.org/v1\n{lines}--- {}\n0123456789abcdef and more", "A".repeat(43)).into_bytes()
}

#[test]
fn what_was_sealed_with_a_passphrase_opens_with_it_alone() {
    let plain = b"a restricted set";
    let file = sealed_quickly(plain, "correct horse");
    assert!(is_sealed(&file) && !is_sealed(plain) && !is_sealed(b""));
    assert_eq!(opened(&file, &Unlock::Passphrase(passphrase("correct horse"))).unwrap(), plain);
    for wrong in ["correct horse ", "Correct horse", "x"] {
        let error = opened(&file, &Unlock::Passphrase(passphrase(wrong)));
        assert!(matches!(error, Err(Error::WrongPassphrase)), "{wrong}");
    }
}

#[test]
fn a_passphrase_is_stretched_with_a_work_factor_that_is_opened_again() {
    let file = sealed(b"plain", &Lock::Passphrase(passphrase("correct horse")));
    let head = String::from_utf8_lossy(&file[..80]).into_owned();
    assert!(head.lines().nth(1).unwrap().ends_with(" 18"), "{head}");
}

#[test]
fn what_was_sealed_for_keys_opens_with_each_of_them_and_no_other() {
    let (first, second, other) = (pair(), pair(), pair());
    let (Lock::Recipients(one), Lock::Recipients(two)) = (&first.lock, &second.lock) else { panic!() };
    let texts: Vec<String> = one.0.iter().chain(&two.0).map(ToString::to_string).collect();
    let file = sealed(b"plain", &Lock::Recipients(Recipients::parse(&texts).unwrap()));
    assert_eq!(opened(&file, &first.unlock).unwrap(), b"plain");
    assert_eq!(opened(&file, &second.unlock).unwrap(), b"plain");
    assert!(matches!(opened(&file, &other.unlock), Err(Error::WrongKey)));
}

#[test]
fn the_wrong_kind_of_lock_says_which_is_the_right_one() {
    let pair = pair();
    let by_key = sealed(b"plain", &pair.lock);
    let by_passphrase = sealed_quickly(b"plain", "secret");
    assert!(matches!(opened(&by_passphrase, &pair.unlock), Err(Error::NeedsPassphrase)));
    let unlock = Unlock::Passphrase(passphrase("secret"));
    assert!(matches!(opened(&by_key, &unlock), Err(Error::NeedsKey)));
}

#[test]
fn every_length_around_a_chunk_comes_back_and_every_chunk_is_missed() {
    const CHUNK: usize = 64 << 10;
    let pair = pair();
    for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 5] {
        let plain: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let file = sealed(&plain, &pair.lock);
        assert_eq!(opened(&file, &pair.unlock).unwrap(), plain);
        let content = file.len() - length - 16 * length.div_ceil(CHUNK).max(1);
        for end in (content..file.len()).step_by(CHUNK + 16) {
            assert!(matches!(opened(&file[..end], &pair.unlock), Err(Error::Altered)), "{length} {end}");
        }
        let more = [file.as_slice(), b"x"].concat();
        assert!(matches!(opened(&more, &pair.unlock), Err(Error::Altered)), "{length}");
    }
}

#[test]
fn every_byte_flipped_or_cut_in_a_small_sealed_file_is_refused() {
    let pair = pair();
    let quick = Unlock::Passphrase(passphrase("secret"));
    for (file, unlock, bits) in [
        (sealed(b"a restricted set", &pair.lock), &pair.unlock, 8),
        (sealed_quickly(b"a restricted set", "secret"), &quick, 1),
    ] {
        assert!(opened(&file, unlock).is_ok());
        for at in 0..file.len() {
            assert!(opened(&file[..at], unlock).is_err(), "cut at {at}");
            for bit in 0..bits {
                let mut altered = file.clone();
                altered[at] ^= 1 << bit;
                assert!(opened(&altered, unlock).is_err(), "byte {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn an_excessive_work_factor_is_refused_before_any_work() {
    let body = "A".repeat(43);
    let unlock = Unlock::Passphrase(passphrase("secret"));
    for required in [21, 22, 30, 63, 64, 200, 255] {
        let file = with_lines(&format!("-> scrypt {} {required}\n{body}\n", "A".repeat(22)));
        let error = opened(&file, &unlock).unwrap_err();
        assert!(matches!(error, Error::ExcessiveWork { required: r, most: 20 } if r == required), "{error}");
        assert!(error.to_string().contains("work factor"));
    }
    for required in ["0", "018", "-1", "256", "99999999999999999999", ""] {
        let file = with_lines(&format!("-> scrypt {} {required}\n{body}\n", "A".repeat(22)));
        assert!(opened(&file, &unlock).is_err(), "{required}");
    }
}

#[test]
fn a_header_without_end_is_refused_after_a_bounded_read() {
    let unlock = pair().unlock;
    for line in ["-> X25519 ", "-> a\n\n", "-> a", "--- ", "\n", "AAAA"] {
        let endless = Endless { line: line.as_bytes(), at: 0, read: 0 };
        let mut input = b"age-encryption.org/v1\n".chain(endless);
        let error = open(&mut input, io::sink(), &unlock).unwrap_err();
        assert!(matches!(error, Error::Altered), "{line:?}: {error}");
        assert!(input.into_inner().1.read < 1 << 20, "{line:?}");
    }
    let crowded = with_lines(&"-> a\n\n".repeat(5_000));
    assert!(matches!(opened(&crowded, &unlock), Err(Error::Altered)));
    let full = with_lines(&"-> a\n\n".repeat(255));
    assert!(matches!(opened(&full, &unlock), Err(Error::WrongKey)));
}

#[test]
fn what_is_not_sealed_or_sealed_in_another_way_says_so() {
    let unlock = pair().unlock;
    let refusal = |file: &[u8]| opened(file, &unlock).unwrap_err();
    assert!(matches!(refusal(b""), Error::NotSealed));
    assert!(matches!(refusal(b"d41d8cd98f00b204e9800998ecf8427e\n"), Error::NotSealed));
    assert!(matches!(refusal(b"age-encryption.org/v2\nx"), Error::SealVersion));
    assert!(matches!(refusal(b"age-encryption.org/v1\r\n-> X25519"), Error::Altered));
    assert!(matches!(refusal(b"age-encryption.org/v"), Error::Altered));
    let armored = b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBo\n";
    assert!(is_sealed(armored) && is_sealed(b"age-encryption.org/v2\n"));
    let error = refusal(armored);
    assert!(matches!(error, Error::Armored) && error.to_string().contains("age -d"), "{error}");
}

#[test]
fn blank_passphrases_and_texts_that_are_no_keys_are_refused() {
    for blank in ["", " ", "\t\r\n", "\u{a0}\u{2003}"] {
        assert!(matches!(Passphrase::new(blank.into()), Err(Error::BlankPassphrase)), "{blank:?}");
    }
    assert!(matches!(Recipients::parse::<&str>(&[]), Err(Error::RecipientCount { found: 0, .. })));
    assert!(matches!(Recipients::parse(&vec!["age1"; 129]), Err(Error::RecipientCount { found: 129, .. })));
    let good = x25519::Identity::generate();
    let texts = [good.to_public().to_string(), good.to_string().expose_secret().to_owned()];
    let error = Recipients::parse(&texts).unwrap_err();
    assert!(matches!(error, Error::Recipient { number: 2 }), "{error}");
    assert!(!error.to_string().contains("AGE-SECRET-KEY-1Q") && !error.to_string().contains(&texts[1]));
}

#[test]
fn an_identity_file_with_another_line_names_the_line_and_not_its_text() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let refusal = |text: &[u8]| {
        std::fs::write(file.path(), text).unwrap();
        Identities::load(file.path()).unwrap_err()
    };
    let error = refusal(b"# comment\nAGE-SECRET-KEY-1QQQQ\n");
    assert!(
        matches!(error, Error::Identity { line: 2, .. }) && !error.to_string().contains("QQQQ"),
        "{error}"
    );
    assert!(matches!(refusal(b"# comment\n"), Error::NoIdentity(_)));
    assert!(matches!(refusal(b"\xff\xfe"), Error::Identity { line: 1, .. }));
    assert!(refusal(&vec![b'x'; 1 << 20]).to_string().contains("line 1"));
    assert!(Identities::load(std::path::Path::new("no such file")).is_err());
}

#[test]
fn as_many_recipients_as_are_taken_fit_the_header_that_is_read() {
    let identity = x25519::Identity::generate();
    let texts = vec![identity.to_public().to_string(); 128];
    let file = sealed(b"plain", &Lock::Recipients(Recipients::parse(&texts).unwrap()));
    assert_eq!(opened(&file, &Unlock::Identities(Identities(vec![identity]))).unwrap(), b"plain");
}

#[test]
fn a_disk_that_fails_is_not_taken_for_an_altered_file() {
    let pair = pair();
    let file = sealed(&[7; 200_000], &pair.lock);
    let failing = file[..100_000].chain(Failing);
    assert!(matches!(open(failing, io::sink(), &pair.unlock), Err(Error::Read(_))));
    assert!(matches!(open(file.as_slice(), Failing, &pair.unlock), Err(Error::Write(_))));
    assert!(matches!(seal(Failing, io::sink(), &pair.lock), Err(Error::Read(_))));
    assert!(matches!(seal(file.as_slice(), Failing, &pair.lock), Err(Error::Write(_))));
}

proptest! {
    #[test]
    fn any_bytes_behind_a_first_line_are_refused_without_a_panic(rest: Vec<u8>, text in "[-> A-Za-z0-9+/\n]{0,200}") {
        let pair = pair();
        for rest in [rest, text.clone().into_bytes(), with_lines(&text).split_off(22)] {
            let file = [b"age-encryption.org/v1\n".as_slice(), &rest].concat();
            prop_assert!(opened(&file, &pair.unlock).is_err());
            prop_assert!(opened(&rest, &pair.unlock).is_err());
        }
    }
}

/// A line that repeats for ever.
struct Endless {
    line: &'static [u8],
    at: usize,
    read: usize,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(self.read < 1 << 30, "read without end");
        for byte in buffer.iter_mut() {
            *byte = self.line[self.at % self.line.len()];
            self.at += 1;
        }
        self.read += buffer.len();
        Ok(buffer.len())
    }
}

/// A disk that fails.
struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk fails"))
    }
}

impl io::Write for Failing {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk fails"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
