//! Why an entry of a folder was not opened, in the terms of a run.

use crate::model::ProblemKind;
use crate::platform::descent::OpenError;
use crate::read::{Error, Unreadable};

/// The error of opening `what`, of `size` bytes.
pub(super) fn error(error: OpenError, what: &'static str, size: u64) -> Error {
    let found = error.to_string();
    match kind(&error) {
        ProblemKind::Changed => Error::Changed { what, found },
        ProblemKind::Refused => Error::Refused { what, found },
        _ => Error::Io(Unreadable::new(0, size, found)),
    }
}

/// The kind of problem that it is when a run goes on.
pub(super) const fn kind(error: &OpenError) -> ProblemKind {
    match error {
        OpenError::NotAFile(_) | OpenError::Replaced(_) => ProblemKind::Changed,
        OpenError::AccessTime | OpenError::Denied(_) | OpenError::Elsewhere => ProblemKind::Refused,
        OpenError::Io(_) => ProblemKind::Unreadable,
    }
}
