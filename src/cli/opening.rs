//! Opens compiled sets: who signed them, whether they are sealed, whether their last day is past.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use jiff::civil::Date;

use crate::hashset::{KnownSet, Root};
use crate::model::{SetSignature, SetSummary};
use crate::platform::{self, SharedBytes};
use crate::scan;
use crate::signing::{self, Identities, PublicKey, Signature, TrustedKeys, Unlock};

use super::{key, secret};

/// What opens compiled sets and says whose they are.
#[derive(Clone, Debug, Default, Args)]
pub struct KeyringArguments {
    /// File whose first line is the passphrase of sealed sets; without it the passphrase is asked for.
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Identity file (AGE-SECRET-KEY-1...) that opens sets which were sealed for recipients.
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Folder of trusted public keys [default: keys beside the binary, or ONSCENE_KEYS].
    #[arg(long, value_name = "DIR")]
    pub trusted_keys: Option<PathBuf>,
}

/// The keys at hand, and today's date.
pub struct Keyring<'a> {
    arguments: &'a KeyringArguments,
    trusted: TrustedKeys,
    today: Date,
}

/// What a file is, as far as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A compiled set.
    Set,
    /// A sealed one.
    Sealed,
    /// Anything else, perhaps a list.
    Other,
}

/// A set that was opened.
pub struct Opened {
    /// Its image.
    pub bytes: SharedBytes,
    /// What is said of it.
    pub summary: SetSummary,
}

/// What a file is.
///
/// # Errors
/// When it cannot be read.
pub fn kind(path: &Path) -> Result<Kind> {
    let mut head = Vec::new();
    let file = File::open(path).with_context(|| format!("{}", path.display()))?;
    file.take(crate::read::size(signing::SEAL_HEAD))
        .read_to_end(&mut head)
        .with_context(|| format!("{}", path.display()))?;
    Ok(match signing::is_sealed(&head) {
        true => Kind::Sealed,
        false if head.starts_with(b"onscene-set\r\n") => Kind::Set,
        false => Kind::Other,
    })
}

impl<'a> Keyring<'a> {
    /// Reads the trusted keys.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn new(arguments: &'a KeyringArguments) -> Result<Self> {
        let trusted = match &arguments.trusted_keys {
            // One that is named and missing would make every good signature a stranger's.
            Some(folder) if !folder.is_dir() => {
                bail!("--trusted-keys {}: expected a folder of public keys (*.pub)", folder.display())
            }
            Some(folder) => TrustedKeys::load(folder).context("trusted keys")?,
            None => key::trusted()?,
        };
        Ok(Self {
            arguments,
            trusted,
            today: jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date(),
        })
    }

    /// Whether there is any key to expect signatures of.
    pub fn trusts_any(&self) -> bool {
        !self.trusted.is_empty()
    }

    /// Opens a compiled set, sealed or not.
    ///
    /// # Errors
    /// When it is none, is altered, or cannot be unsealed.
    pub fn open(&self, path: &Path) -> Result<Opened> {
        let shown = path.display();
        let bytes = match kind(path)? {
            Kind::Set => SharedBytes::open(path).with_context(|| format!("compiled set {shown}"))?,
            Kind::Sealed => self.unseal(path).with_context(|| format!("sealed set {shown}"))?,
            Kind::Other => bail!(
                "{shown} is no compiled set: make one of it with `onscene set build OUT --role ROLE --list {shown}`"
            ),
        };
        let set = scan::open_set(&bytes).with_context(|| format!("{shown}"))?;
        let mut summary = set.summary();
        summary.signature = self.signature(&set).with_context(|| format!("{shown}"))?;
        summary.expired = summary.edition.valid_until.as_deref().is_some_and(|day| self.is_past(day));
        drop(set);
        Ok(Opened { bytes, summary })
    }

    /// A day that cannot be read is past: it is safer to ask for a new set.
    fn is_past(&self, day: &str) -> bool {
        day.parse::<Date>().map_or(true, |day| day < self.today)
    }

    /// Into memory and nowhere else, also when this process or an examiner crashes.
    fn unseal(&self, path: &Path) -> Result<SharedBytes> {
        platform::no_core_dumps();
        let name = path.display().to_string();
        let unlock = match &self.arguments.identity {
            Some(file) => Unlock::Identities(Identities::load(file)?),
            None => Unlock::Passphrase(secret::to_open(&name, self.arguments.passphrase_file.as_deref())?),
        };
        let file = File::open(path)?;
        SharedBytes::written(|out| Ok(signing::open(file, out, &unlock).map(drop)?))
    }

    fn signature<R: crate::read::ReadAt>(&self, set: &KnownSet<R>) -> Result<SetSignature> {
        let Some((key, signature)) = set.signed() else { return Ok(SetSignature::None) };
        let key = PublicKey::from_bytes(key)?;
        verified(&key, &set.root(), signature)?;
        let fingerprint = key.fingerprint().to_string();
        Ok(match self.trusted.name_of(&key) {
            Some(name) => SetSignature::Trusted { key: fingerprint, name: name.to_owned() },
            None => SetSignature::Unknown { key: fingerprint },
        })
    }
}

fn verified(key: &PublicKey, root: &Root, signature: &[u8; 64]) -> Result<()> {
    key.verify(signing::CONTEXT_SET, &root.0, &Signature::from(*signature))
        .context("the signature of the set is wrong: do not use it; get another copy from its issuer")
}
