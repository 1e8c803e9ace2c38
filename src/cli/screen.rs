//! What the operator sees while a run goes on: matches as they come, problems, and how far it is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::model::{Event, Progress, visible, write_json};
use crate::run::{Exhibit, Observer};

use super::mask::Mask;
use super::{lines, say};

/// How often a line of progress is printed where there is no terminal.
const PLAIN: Duration = Duration::from_secs(10);

/// Shows a run.
pub struct Screen {
    mask: Mask,
    json: bool,
    exhibits: Vec<String>,
    /// What is known of each source before it is read.
    remarks: Vec<Vec<String>>,
    /// Remarks that were shown: the examiner tells them again.
    remarked: BTreeSet<(u32, String)>,
    bars: MultiProgress,
    sources: BTreeMap<u32, Source>,
    terminal: bool,
}

struct Source {
    bar: ProgressBar,
    matches: u64,
    began: Instant,
    told: Instant,
}

impl Screen {
    /// A screen for these exhibits; with `json` every event is printed as a JSON line instead.
    pub fn new(mask: Mask, json: bool, exhibits: &[Exhibit]) -> Self {
        let terminal = std::io::stderr().is_terminal() && !json;
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bars = MultiProgress::with_draw_target(target);
        Self {
            mask,
            json,
            exhibits: exhibits.iter().map(|exhibit| exhibit.reference.clone()).collect(),
            remarks: exhibits.iter().map(|exhibit| exhibit.source.remarks.clone()).collect(),
            remarked: BTreeSet::new(),
            bars,
            sources: BTreeMap::new(),
            terminal,
        }
    }

    fn print(&self, text: &str) {
        // Not `suspend`: it panics when the terminal has gone. The bars are drawn again with the next progress.
        let _ = self.bars.clear();
        say::line(text);
    }

    fn progress(&mut self, progress: &Progress) {
        let name = self.exhibit(progress.source);
        let source = self.sources.entry(progress.source).or_insert_with(|| Source {
            bar: self.bars.add(ProgressBar::new(0).with_style(style())),
            matches: 0,
            began: Instant::now(),
            told: Instant::now(),
        });
        source.bar.set_prefix(name.clone());
        source.bar.set_length(progress.bytes_total);
        source.bar.set_position(progress.bytes.min(progress.bytes_total));
        let files = format!("{}/{} files", progress.files, progress.files_total);
        source.bar.set_message(format!("{} {files}, matches: {}", visible(&progress.phase), source.matches));
        if !self.terminal && !self.json && source.told.elapsed() >= PLAIN {
            source.told = Instant::now();
            let seconds = source.began.elapsed().as_secs_f64().max(0.001);
            #[expect(clippy::as_conversions, reason = "a rate for a person")]
            let (done, total) = (progress.bytes as f64, progress.bytes_total as f64);
            let left = Duration::try_from_secs_f64((total - done).max(0.0) * seconds / done.max(1.0))
                .unwrap_or_default();
            #[expect(clippy::as_conversions, reason = "a rate for a person")]
            let rate = (done / seconds) as u64;
            say::error(&format!(
                "{name}: {} {} of {}, {files}, {}/s, {} left, matches: {}",
                progress.phase,
                HumanBytes(progress.bytes),
                HumanBytes(progress.bytes_total),
                HumanBytes(rate),
                HumanDuration(left),
                source.matches
            ));
        }
    }

    /// Shows what must be known of a source, each remark once.
    fn remark(&mut self, source: u32, remarks: &[String]) {
        let exhibit = self.exhibit(source);
        for remark in remarks {
            if self.remarked.insert((source, remark.clone())) {
                self.print(&lines::remark(&exhibit, &self.mask.remark(remark)));
            }
        }
    }

    fn exhibit(&self, source: u32) -> String {
        let at = usize::try_from(source).ok();
        at.and_then(|at| self.exhibits.get(at)).map(|name| visible(name).into_owned()).unwrap_or_default()
    }
}

impl Observer for Screen {
    fn show(&mut self, event: &Event) {
        if let Event::Finding(finding) = event
            && let Some(source) = self.sources.get_mut(&finding.source)
        {
            source.matches += 1;
        }
        if self.json {
            // Printed in whole or not at all: a reader takes lines.
            let mut json = Vec::new();
            if write_json(&mut json, &self.mask.event(event)).is_ok() {
                self.print(&String::from_utf8_lossy(&json));
            }
            return;
        }
        match event {
            Event::Progress(progress) => self.progress(progress),
            Event::Coverage(coverage) => {
                if let Some(source) = self.sources.get(&coverage.source) {
                    source.bar.finish_and_clear();
                }
            }
            Event::SourceOpened(opened) => self.remark(opened.source, &opened.protection.remarks),
            event => {
                if let Some(line) = lines::line(event, self.mask, &self.exhibits) {
                    self.print(&line);
                }
                if let Event::SourceStarted(started) = event {
                    // Nothing of it has been read yet.
                    let at = usize::try_from(started.source).unwrap_or(usize::MAX);
                    let remarks = self.remarks.get(at).cloned().unwrap_or_default();
                    self.remark(started.source, &remarks);
                }
            }
        }
    }

    fn show_unrecorded(&mut self, event: &Event) {
        if matches!(event, Event::Finding(_) | Event::Problem(_)) {
            let line = lines::line(event, self.mask, &self.exhibits).unwrap_or_default();
            let digest = match event {
                Event::Finding(finding) => {
                    finding.item.digests.iter().last().map(|digest| format!(", {digest}"))
                }
                _ => None,
            };
            self.print(&format!("NOT RECORDED, note it down: {line}{}", digest.unwrap_or_default()));
        }
    }
}

fn style() -> ProgressStyle {
    let template = "{prefix}  {bar:24} {bytes}/{total_bytes} {bytes_per_sec} {eta} left  {msg}";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
