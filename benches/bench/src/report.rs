//! Results of the benchmark: tables and goals, as Markdown for people and as JSON for programs.

use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;

/// One table of results, with goals for some of its values.
pub(crate) struct Section {
    /// ID of the section in the markers of `docs/performance.md`.
    pub(crate) id: &'static str,
    pub(crate) title: String,
    pub(crate) note: String,
    /// A sentence with the date and the machine of the measurement.
    measured: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    pub(crate) goals: Vec<Goal>,
}

/// A measured value and the limit that it should not exceed.
pub(crate) struct Goal {
    what: String,
    value: f64,
    limit: f64,
}

impl Section {
    /// Creates an empty table. Panics if two columns have the same name, because programs address cells by column.
    pub(crate) fn new(id: &'static str, title: &str, note: &str, columns: &[&str]) -> Self {
        let names: BTreeSet<_> = columns.iter().collect();
        assert!(names.len() == columns.len(), "{id}: two columns have the same name: {columns:?}");
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        let measured = format!("Measured on {}: {}.", OffsetDateTime::now_utc().date(), machine());
        Self { id, title: title.into(), note: note.into(), measured, columns, rows: Vec::new(), goals: Vec::new() }
    }

    /// Adds a row. Panics if it does not have one cell per column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<_> = cells.into_iter().collect();
        assert!(cells.len() == self.columns.len(), "{}: {cells:?} does not fit {:?}", self.id, self.columns);
        self.rows.push(cells);
    }

    pub(crate) fn goal(&mut self, what: impl Into<String>, value: f64, limit: f64) {
        self.goals.push(Goal { what: what.into(), value, limit });
    }

    /// Returns the section as JSON. Each row is an array in the order of `columns`.
    pub(crate) fn json(&self) -> Value {
        let goals: Vec<Value> = self
            .goals
            .iter()
            .map(|goal| json!({"what": goal.what, "value": goal.value, "limit": goal.limit, "met": goal.is_met()}))
            .collect();
        json!({
            "id": self.id, "title": self.title, "note": self.note, "measured": self.measured,
            "columns": self.columns, "rows": self.rows, "goals": goals,
        })
    }
}

impl Goal {
    pub(crate) fn is_met(&self) -> bool {
        self.value <= self.limit
    }

    /// Returns the goal as a row of a Markdown table.
    pub(crate) fn row(&self) -> String {
        let result = if self.is_met() { "met" } else { "**missed**" };
        format!("| {} | {} | {} | {result} |", self.what, figure(self.value), self.limit)
    }
}

/// Formats the section as Markdown: heading, note, date and machine, table, missed goals.
impl Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, cells: &[String]| writeln!(f, "| {} |", cells.join(" | "));
        writeln!(f, "### {}\n\n{}\n\n{}\n", self.title, self.note, self.measured)?;
        line(f, &self.columns)?;
        line(f, &vec!["---".to_owned(); self.columns.len()])?;
        self.rows.iter().try_for_each(|row| line(f, row))?;
        let missed: Vec<_> = self.goals.iter().filter(|goal| !goal.is_met()).collect();
        match (self.goals.len(), missed.len()) {
            (0, _) => Ok(()),
            (1, 0) => writeln!(f, "\nThe goal was met."),
            (goals, 0) => writeln!(f, "\nAll {goals} goals were met."),
            (goals, count) => {
                writeln!(f, "\n{count} of {goals} goals missed:\n")?;
                missed
                    .iter()
                    .try_for_each(|goal| writeln!(f, "- {}: {}, at most {}", goal.what, figure(goal.value), goal.limit))
            }
        }
    }
}

/// Repeated measurements of one value, sorted.
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    pub(crate) fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        Self(values)
    }

    pub(crate) fn milliseconds(times: impl IntoIterator<Item = Duration>) -> Self {
        Self::new(times.into_iter().map(milliseconds))
    }

    /// Returns the quantile for `fraction`, from 0 to 1; NaN if the sample is empty.
    pub(crate) fn quantile(&self, fraction: f64) -> f64 {
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index"
        )]
        let index = ((self.0.len().saturating_sub(1)) as f64 * fraction).round() as usize;
        self.0.get(index).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

/// Formats the median, followed by the quartiles in brackets.
impl Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}–{})", figure(self.median()), figure(self.quantile(0.25)), figure(self.quantile(0.75)))
    }
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Formats a number with about three significant digits.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// Returns a description of the machine that runs the benchmark: cores, processor model, architecture.
pub(crate) fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown processor");
    format!("{cpus} cores, {}, {}", model.trim_start_matches([' ', '\t', ':']), std::env::consts::ARCH)
}

/// Writes a line about the progress of the benchmark to standard error.
pub(crate) fn progress(text: impl Display) {
    use std::io::Write as _;
    // The results do not depend on progress messages, so a closed standard error is not a failure.
    writeln!(std::io::stderr(), "  {text}").ok();
}
