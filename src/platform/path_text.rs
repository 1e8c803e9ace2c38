//! Paths as text that gives every one of them back: a path need not be text.

use std::path::{Path, PathBuf};

use serde::{Deserialize as _, Deserializer, Serializer};

/// Writes the bytes of the path in hexadecimal where a path is bytes, and the path itself elsewhere.
///
/// # Errors
/// Where a path is not bytes: when it is not Unicode.
pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        serializer.serialize_str(&hex::encode(path.as_os_str().as_bytes()))
    }
    #[cfg(not(unix))]
    {
        serde::Serialize::serialize(path, serializer)
    }
}

/// Reads what [`serialize`] wrote.
///
/// # Errors
/// When it is something else.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt as _;
        let digits = String::deserialize(deserializer)?;
        let bytes = hex::decode(digits).map_err(serde::de::Error::custom)?;
        Ok(PathBuf::from(std::ffi::OsString::from_vec(bytes)))
    }
    #[cfg(not(unix))]
    {
        PathBuf::deserialize(deserializer)
    }
}
