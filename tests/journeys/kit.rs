//! A folder to work in, and the binary.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use sha2::Digest as _;

/// A temporary folder with everything that a journey makes.
pub struct Kit {
    folder: tempfile::TempDir,
}

/// What a finished command left.
pub struct Done {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Kit {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file below the folder, and the folders above it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The binary, in this folder, without any setting of the machine.
    pub fn command<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("ONSCENE_HASHSETS")
            .env_remove("ONSCENE_KEYS")
            .stdin(Stdio::null());
        command
    }

    pub fn run<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Done {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        Done {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }

    /// Folders of all runs below `cases`, oldest first.
    pub fn runs(&self) -> Vec<PathBuf> {
        let mut runs: Vec<PathBuf> =
            folders(&self.path("cases")).iter().flat_map(|case| folders(case)).collect();
        runs.sort();
        runs
    }

    /// The folder of the only run.
    pub fn only_run(&self) -> PathBuf {
        let runs = self.runs();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.into_iter().next().unwrap()
    }

    /// `findings.json` of the only run.
    pub fn findings(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.only_run().join("findings.json")).unwrap()).unwrap()
    }
}

pub fn binary() -> PathBuf {
    assert_cmd::cargo::cargo_bin("onscene")
}

/// Paths of the findings, in the order of the report.
pub fn paths(findings: &Value) -> Vec<String> {
    findings["findings"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap().to_owned()).collect()
}

pub fn md5(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(md5::Md5::digest(bytes.as_ref()))
}

pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(sha2::Sha256::digest(bytes.as_ref()))
}

/// Bytes that look like nothing, the same for the same seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(length).collect()
}

/// The file beside the project that tests use when it is there.
pub fn shared(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("../shared").join(name);
    if !path.exists() {
        eprintln!("SKIPPED: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// Whether a program is installed; says aloud when it is not.
pub fn has(program: &str) -> bool {
    let paths = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let found = std::env::split_paths(&paths).any(|folder| folder.join(program).is_file());
    if !found {
        eprintln!("SKIPPED: {program} is not installed");
    }
    found
}

/// Every file below a folder with its bytes.
pub fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            files.insert(entry.path().to_owned(), std::fs::read(entry.path()).unwrap());
        }
    }
    files
}

/// The demonstration image of the repository.
pub fn demo_image() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/demo-usb.E01")
}

/// A list of the demonstration set.
pub fn demo_list(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("hashsets/demo").join(name)
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
}
