//! The answer of a run and the exit code that says it.

use serde::{Deserialize, Serialize};

/// The three answers. There is none that means "clean".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictResult {
    /// Nothing in what was examined equals an entry.
    NoMatch,
    /// A person must look.
    Review,
    /// At least one digest equals an entry of an alert set.
    Match,
}

impl VerdictResult {
    /// The words on screen and in reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NoMatch => "NO MATCH IN WHAT WAS EXAMINED",
            Self::Review => "REVIEW",
            Self::Match => "MATCH",
        }
    }
}

/// The answer for one exhibit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExhibitVerdict {
    /// Reference of the exhibit.
    pub exhibit: String,
    /// Index of the source within the run.
    pub source: u32,
    /// The answer.
    pub result: VerdictResult,
    /// Whether everything was examined.
    pub complete: bool,
    /// Why, in plain words: first what was found, then what was not examined.
    pub reasons: Vec<String>,
}

/// The answer of a run: the strongest of its exhibits', complete when all are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The answer.
    pub result: VerdictResult,
    /// Whether everything was examined.
    pub complete: bool,
    /// Whether only the demonstration set was loaded.
    pub demonstration: bool,
    /// Each exhibit by itself.
    pub exhibits: Vec<ExhibitVerdict>,
}

/// What the process returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// 0: complete, and nothing found.
    NothingFound,
    /// 1: at least one match.
    Match,
    /// 2: needs review, or something was not examined.
    Review,
    /// 3: the run failed or was misused.
    Failure,
}

impl ExitCode {
    /// The number that the operating system gets.
    pub const fn number(self) -> u8 {
        match self {
            Self::NothingFound => 0,
            Self::Match => 1,
            Self::Review => 2,
            Self::Failure => 3,
        }
    }
}

impl Verdict {
    /// "Nothing found" is never the same code as "could not look".
    pub const fn exit_code(&self) -> ExitCode {
        match (self.result, self.complete) {
            (VerdictResult::Match, _) => ExitCode::Match,
            (VerdictResult::NoMatch, true) => ExitCode::NothingFound,
            (VerdictResult::NoMatch, false) | (VerdictResult::Review, _) => ExitCode::Review,
        }
    }

    /// Both halves of the answer, always together.
    pub fn headline(&self) -> String {
        let complete = if self.complete { "examination complete" } else { "examination incomplete" };
        format!("{}, {complete}", self.result.label())
    }
}
