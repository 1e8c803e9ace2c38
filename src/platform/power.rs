//! Whether the laptop slept or its battery runs low.

use std::time::Duration;

/// Watches the machine that the tool runs on; ask it every few seconds.
#[derive(Debug, Default)]
pub struct PowerWatch {
    asleep: Duration,
    warned: bool,
}

/// Percentage of charge, while discharging, at which the operator is warned.
const LOW: u64 = 15;
/// Clocks of a machine that never slept may differ by this much.
const SLACK: Duration = Duration::from_secs(2);

impl PowerWatch {
    /// Starts watching.
    pub fn new() -> Self {
        Self { asleep: time_asleep().unwrap_or_default(), warned: false }
    }

    /// What has happened since it was asked last, in words for the record.
    pub fn events(&mut self) -> Vec<String> {
        let mut events = Vec::new();
        if let Some(asleep) = time_asleep() {
            let slept = asleep.saturating_sub(self.asleep);
            if slept > SLACK {
                events.push(format!(
                    "the machine was suspended for {} s; the run went on after it",
                    slept.as_secs()
                ));
                self.asleep = asleep;
            }
        }
        match discharging_charge() {
            Some(percent) if percent <= LOW && !self.warned => {
                self.warned = true;
                events.push(format!("the battery of this machine is at {percent} %: connect it to power"));
            }
            Some(percent) if percent > LOW => self.warned = false,
            None => self.warned = false,
            Some(_) => {}
        }
        events
    }
}

/// How long the machine has been suspended since it was started.
#[cfg(target_os = "linux")]
fn time_asleep() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};
    let read = |clock| {
        let time = clock_gettime(clock);
        Some(Duration::new(time.tv_sec.try_into().ok()?, time.tv_nsec.try_into().ok()?))
    };
    Some(read(ClockId::Boottime)?.saturating_sub(read(ClockId::Monotonic)?))
}

#[cfg(not(target_os = "linux"))]
fn time_asleep() -> Option<Duration> {
    None
}

/// The lowest charge of a battery that is being discharged, in percent.
#[cfg(target_os = "linux")]
fn discharging_charge() -> Option<u64> {
    let supplies = std::fs::read_dir("/sys/class/power_supply").ok()?;
    let read = |folder: &std::path::Path, name: &str| std::fs::read_to_string(folder.join(name)).ok();
    supplies
        .filter_map(Result::ok)
        .filter_map(|supply| {
            let folder = supply.path();
            let discharging = read(&folder, "status")?.trim() == "Discharging";
            // Batteries of mice and keyboards say "Device".
            let of_machine = read(&folder, "scope").is_none_or(|scope| scope.trim() == "System");
            (discharging && of_machine).then(|| read(&folder, "capacity")?.trim().parse().ok()).flatten()
        })
        .min()
}

#[cfg(not(target_os = "linux"))]
fn discharging_charge() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_stays_awake_says_nothing_of_sleep() {
        let mut watch = PowerWatch::new();
        assert!(watch.events().iter().all(|event| !event.contains("suspended")));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn time_spent_asleep_is_reported_once() {
        let mut watch = PowerWatch { asleep: Duration::ZERO, warned: false };
        let slept = time_asleep().unwrap() > SLACK;
        assert_eq!(watch.events().iter().any(|event| event.contains("suspended")), slept);
        assert!(watch.events().iter().all(|event| !event.contains("suspended")));
    }
}
