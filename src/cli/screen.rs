//! What the operator sees while a run goes on: matches as they come, problems, and how far it is.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::model::{Event, Progress, visible};
use crate::run::Observer;

use super::lines;
use super::mask::Mask;

/// How often a line of progress is printed where there is no terminal.
const PLAIN: Duration = Duration::from_secs(10);

/// Shows a run.
pub struct Screen {
    mask: Mask,
    json: bool,
    exhibits: Vec<String>,
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
    pub fn new(mask: Mask, json: bool, exhibits: Vec<String>) -> Self {
        let terminal = std::io::stderr().is_terminal() && !json;
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bars = MultiProgress::with_draw_target(target);
        Self { mask, json, exhibits, bars, sources: BTreeMap::new(), terminal }
    }

    fn print(&self, text: &str) {
        self.bars.suspend(|| {
            // A closed terminal or pipe is no reason to end a run whose record is on disk.
            let _ = writeln!(std::io::stdout(), "{text}");
        });
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
        source.bar.set_message(format!("{} {files}, matches: {}", progress.phase, source.matches));
        if !self.terminal && !self.json && source.told.elapsed() >= PLAIN {
            source.told = Instant::now();
            let seconds = source.began.elapsed().as_secs_f64().max(0.001);
            #[expect(clippy::as_conversions, reason = "a rate for a person")]
            let (done, total) = (progress.bytes as f64, progress.bytes_total as f64);
            let left = Duration::try_from_secs_f64((total - done).max(0.0) * seconds / done.max(1.0))
                .unwrap_or_default();
            #[expect(clippy::as_conversions, reason = "a rate for a person")]
            let rate = (done / seconds) as u64;
            eprintln!(
                "{name}: {} {} of {}, {files}, {}/s, {} left, matches: {}",
                progress.phase,
                HumanBytes(progress.bytes),
                HumanBytes(progress.bytes_total),
                HumanBytes(rate),
                HumanDuration(left),
                source.matches
            );
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
            if let Ok(json) = serde_json::to_string(&self.mask.event(event)) {
                self.print(&json);
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
            event => {
                if let Some(line) = lines::line(event, self.mask, &self.exhibits) {
                    self.print(&line);
                }
            }
        }
    }

    fn show_unrecorded(&mut self, event: &Event) {
        if matches!(event, Event::Finding(_) | Event::Problem(_)) {
            let line = lines::line(event, self.mask, &self.exhibits).unwrap_or_default();
            self.print(&format!("NOT RECORDED, note it down: {line}"));
        }
    }
}

fn style() -> ProgressStyle {
    let template = "{prefix}  {bar:24} {bytes}/{total_bytes} {bytes_per_sec} {eta} left  {msg}";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
