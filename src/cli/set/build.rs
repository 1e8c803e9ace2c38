//! `onscene set build`: lists into one compiled set.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::hashset::formats::{self, Format};
use crate::hashset::{Builder, Built, KnownSet, LongDigits, Mapping, Profile, Stated};
use crate::model::{Edition, SetSignature};
use crate::platform::{self, SharedBytes};
use crate::read::{Memory, ReadAt};
use crate::scan::CONTROL_SET;
use crate::signing::{self, Lock, Recipients, SecretKey};

use super::super::{lines, say, secret, sets};
use super::arguments::{BuildArguments, ReadingArguments};

/// Compiles, checks, signs and seals.
///
/// # Errors
/// When a list cannot be used, or the set cannot be written.
pub fn run(arguments: &BuildArguments) -> Result<()> {
    let out = &arguments.out;
    if out.exists() {
        bail!("{} exists: a set is never overwritten; choose another name", out.display());
    }
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Everything that can be asked is asked before hours of work.
    let key = arguments.sign.as_deref().map(SecretKey::load).transpose()?;
    let lock = lock(arguments)?;
    let scratch = lock.is_none().then(|| folder.to_owned());
    let mut file = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("no file can be made in {}", folder.display()))?;
    let builder = with_lists(arguments, scratch)?;
    let mut built = match &lock {
        None => {
            let mut out = std::io::BufWriter::with_capacity(1 << 20, file.as_file_mut());
            let built = builder.finish_into(&mut out)?;
            sign(key.as_ref(), &built, &mut out)?;
            out.flush()?;
            drop(out);
            prove(&SharedBytes::open(file.path())?)?;
            built
        }
        Some(lock) => {
            // Never on a disk in clear, nor in what a crash leaves.
            platform::no_core_dumps();
            let mut image = std::io::Cursor::new(Vec::new());
            let built = builder.finish_into(&mut image)?;
            sign(key.as_ref(), &built, &mut image)?;
            prove(&Memory(image.get_ref()))?;
            signing::seal(image.get_ref().as_slice(), file.as_file_mut(), lock)?;
            built
        }
    };
    file.as_file_mut().sync_all().with_context(|| format!("{}", out.display()))?;
    file.persist_noclobber(out).with_context(|| format!("{} cannot be made", out.display()))?;
    File::open(folder).and_then(|folder| folder.sync_all()).ok();
    if let Some(key) = &key {
        let key = key.public_key().fingerprint().to_string();
        built.summary.signature = SetSignature::Trusted { key, name: "you".into() };
    }
    lines::set(&built.summary).iter().for_each(|line| say::line(line));
    say::line(&format!("built     {}", out.display()));
    say::line(&format!("root      {}", built.root));
    if lock.is_some() {
        say::line(
            "sealed    whoever loses the passphrase or the identity loses the set: nobody can recover it",
        );
    }
    Ok(())
}

fn with_lists(arguments: &BuildArguments, scratch: Option<PathBuf>) -> Result<Builder> {
    let out_name = || arguments.out.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = arguments.name.clone().unwrap_or_else(out_name);
    if name == CONTROL_SET {
        bail!("--name {name} is the name of the control set, whose matches are no findings: choose another");
    }
    let profile = arguments.profile.as_deref().map_or_else(|| Ok(Profile::none()), sets::profile)?;
    let mut builder = Builder::with_scratch(&name, arguments.role.into(), profile, scratch)
        .force_role(arguments.force_role)
        .with_text(arguments.with_list_text)
        .demonstration(arguments.demonstration)
        .stated(stated(&arguments.reading)?);
    builder.label().edition = Edition {
        issuer: arguments.issuer.clone(),
        version: arguments.set_version.clone(),
        valid_until: arguments.valid_until.map(|date| date.to_string()),
    };
    let format = format(&arguments.reading);
    for (at, list) in arguments.list.iter().enumerate() {
        let name = list.name();
        let earlier = arguments.list.get(..at).unwrap_or_default();
        let same = earlier.iter().find(|other| other.name() == name);
        match same {
            // Its files were read together with the first of them.
            Some(other) if list.name.is_some() && other.name.is_some() => continue,
            Some(other) => bail!(
                "{} and {} would be one list named {name}: say what each is called with --list NAME=FILE, the same \
                 name for files of one list",
                other.file.display(),
                list.file.display()
            ),
            None => {}
        }
        let files = arguments.list.iter().filter(|other| other.name() == name);
        builder.add_list(&name, &files.map(|list| list.file.as_path()).collect::<Vec<_>>(), format)?;
    }
    Ok(builder)
}

/// What the flags say of the lists.
///
/// # Errors
/// When the mapping file cannot be read.
pub fn stated(reading: &ReadingArguments) -> Result<Stated> {
    // Whoever names the format says with it what the digits are.
    let by_format = (reading.format.as_deref() == Some("pdq")).then_some(LongDigits::Pdq);
    let mapping = match &reading.mapping {
        None => None,
        Some(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).with_context(|| format!("mapping {name}"))?;
            Some(Mapping::from_toml(&name, &text)?)
        }
    };
    Ok(Stated { long_digits: reading.long_digits.map(Into::into).or(by_format), mapping })
}

/// The format that the flags state; its name was checked when it was typed.
pub fn format(reading: &ReadingArguments) -> Option<&'static dyn Format> {
    reading.format.as_deref().and_then(formats::named)
}

fn lock(arguments: &BuildArguments) -> Result<Option<Lock>> {
    Ok(match (arguments.seal, arguments.seal_to.is_empty()) {
        (true, _) => Some(Lock::Passphrase(secret::to_seal(arguments.passphrase_file.as_deref())?)),
        (false, false) => Some(Lock::Recipients(Recipients::parse(&arguments.seal_to)?)),
        (false, true) => None,
    })
}

/// Puts key and signature behind the image.
fn sign(key: Option<&SecretKey>, built: &Built, out: &mut (impl Write + Seek)) -> Result<()> {
    let Some(key) = key else { return Ok(()) };
    let signature = key.sign(signing::CONTEXT_SET, &built.root.0);
    out.seek(SeekFrom::End(0))?;
    out.write_all(key.public_key().as_bytes())?;
    out.write_all(signature.as_bytes())?;
    Ok(())
}

/// Looks entries of every list up in what was made.
fn prove(bytes: &impl ReadAt) -> Result<()> {
    let set = KnownSet::open(bytes)?;
    if set.is_empty() && set.count(crate::hashset::Kind::Pdq) == 0 {
        bail!("the set would have no entry that can be looked up: check its lists with `onscene set check`");
    }
    for (list, digest) in set.probes() {
        let name = set.lists().get(list).map(|list| list.name.as_str()).unwrap_or_default();
        if !set.find(&digest)?.iter().any(|from| from.list == name) {
            bail!(
                "the set that was built does not hold {digest} of list {name}: do not use it, and report this"
            );
        }
    }
    Ok(())
}
