//! The seam to the clocks of the machine, so that tests and golden reports have fixed ones.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Two clocks: the wall clock, which may be wrong or set during a run, and one that only goes forward.
pub trait Clock {
    /// What the machine believes the time to be.
    fn utc(&self) -> Timestamp;

    /// Time since a moment that does not change while the clock is in use.
    fn monotonic(&self) -> Duration;
}

/// The clocks of the operating system.
#[derive(Debug)]
pub struct SystemClock(Instant);

impl SystemClock {
    /// Starts the monotonic clock.
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn utc(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A clock that stands still, for reproducible output.
#[derive(Clone, Copy, Debug)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn utc(&self) -> Timestamp {
        self.0
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// RFC 3339 in UTC with milliseconds.
pub(super) fn stamp(utc: Timestamp) -> String {
    format!("{utc:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_have_three_digits_after_the_second() {
        for (nanos, expected) in
            [(0, "1970-01-01T00:00:00.000Z"), (1_795_282_021_123_999_999_i128, "2026-11-21T17:27:01.123Z")]
        {
            assert_eq!(stamp(Timestamp::from_nanosecond(nanos).unwrap()), expected);
        }
    }
}
