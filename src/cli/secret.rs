//! Asks for a passphrase without showing it, or takes it from a file.

use std::fs::File;
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::signing::Passphrase;

/// Longest first line of a passphrase file in bytes.
const LONGEST: u64 = 4096;

/// The passphrase to seal with: typed twice, or the first line of the file.
///
/// # Errors
/// When it is empty, the two differ, nobody can be asked, or the file cannot be read.
pub fn to_seal(file: Option<&Path>) -> Result<Passphrase> {
    if let Some(file) = file {
        return from_file(file);
    }
    let first = ask("Passphrase to seal with (a lost one cannot be recovered by anybody): ")?;
    let again = ask("The same again: ")?;
    if !first.is_same(&again) {
        bail!("the two passphrases differ: nothing was sealed");
    }
    Ok(first)
}

/// The passphrase to open `what` with: typed, or the first line of the file.
///
/// # Errors
/// When it is empty, nobody can be asked, or the file cannot be read.
pub fn to_open(what: &str, file: Option<&Path>) -> Result<Passphrase> {
    match file {
        Some(file) => from_file(file),
        None => ask(&format!("Passphrase of {}: ", crate::model::visible(what))),
    }
}

fn ask(question: &str) -> Result<Passphrase> {
    // Also where another terminal could be opened: a script that pipes its input must not wait for a person.
    if !std::io::stdin().is_terminal() {
        bail!(
            "a passphrase is needed and there is no terminal to ask on: give it with --passphrase-file FILE"
        );
    }
    let typed = rpassword::prompt_password(question).context("the passphrase cannot be read")?;
    Ok(Passphrase::new(typed)?)
}

/// The first line without its end; a byte order mark, which some editors write, is no part of it.
fn from_file(path: &Path) -> Result<Passphrase> {
    let named = || format!("passphrase file {}", path.display());
    let mut text = String::with_capacity(usize::try_from(LONGEST).unwrap_or(0).saturating_add(64));
    File::open(path)
        .with_context(named)?
        .take(LONGEST.saturating_add(1))
        .read_to_string(&mut text)
        .with_context(|| format!("{}: expected UTF-8 text", named()))?;
    let end = text.find('\n').unwrap_or(text.len());
    if u64::try_from(end).is_ok_and(|end| end > LONGEST) {
        bail!("{}: expected a first line of at most {LONGEST} bytes, found a longer one", named());
    }
    text.truncate(end);
    if text.ends_with('\r') {
        text.pop();
    }
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Passphrase::new(text).with_context(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bytes: &[u8]) -> Result<Passphrase> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        to_open("a set", Some(file.path()))
    }

    #[test]
    fn a_passphrase_file_gives_its_first_line_without_the_line_end() {
        let expected = Passphrase::new(" correct horse ".into()).unwrap();
        for bytes in
            [" correct horse ", " correct horse \n", " correct horse \r\nmore\n", "\u{feff} correct horse \n"]
        {
            assert!(taken(bytes.as_bytes()).unwrap().is_same(&expected), "{bytes:?}");
        }
    }

    #[test]
    fn an_empty_or_endless_or_binary_passphrase_file_is_refused() {
        for bytes in [b"".as_slice(), b"\n", b"\r\nsecond line\n", b"  \n", b"\xff\xfes\0", &[b'x'; 5000]] {
            let error = format!("{:#}", taken(bytes).err().unwrap());
            assert!(error.starts_with("passphrase file") && !error.contains("second"), "{error}");
        }
    }
}
