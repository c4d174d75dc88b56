//! What was measured, for people and for programs.

use std::fmt::{self, Display};
use std::time::Duration;

use serde_json::{Value, json};

/// What one part has found: a table, and how its ratios stand to the goals.
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) note: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) goals: Vec<Goal>,
}

/// A value that is not to be above a limit.
pub(crate) struct Goal {
    pub(crate) what: String,
    pub(crate) value: f64,
    pub(crate) limit: f64,
}

impl Section {
    pub(crate) fn new(title: &str, note: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        Self { title: title.into(), note: note.into(), columns, rows: Vec::new(), goals: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn goal(&mut self, what: impl Into<String>, value: f64, limit: f64) {
        self.goals.push(Goal { what: what.into(), value, limit });
    }

    pub(crate) fn json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| self.columns.iter().cloned().zip(row.iter().cloned().map(Value::from)).collect())
            .collect();
        let goals: Vec<Value> = self
            .goals
            .iter()
            .map(|goal| json!({"what": goal.what, "value": goal.value, "limit": goal.limit, "met": goal.is_met()}))
            .collect();
        json!({"title": self.title, "note": self.note, "rows": rows, "goals": goals})
    }
}

impl Goal {
    pub(crate) fn is_met(&self) -> bool {
        self.value <= self.limit
    }
}

impl Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, cells: &[String]| writeln!(f, "| {} |", cells.join(" | "));
        writeln!(f, "### {}\n\n{}\n", self.title, self.note)?;
        line(f, &self.columns)?;
        line(f, &vec!["---".to_owned(); self.columns.len()])?;
        self.rows.iter().try_for_each(|row| line(f, row))
    }
}

impl Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_met() { "met" } else { "**missed**" };
        write!(f, "| {} | {:.2} | {:.2} | {verdict} |", self.what, self.value, self.limit)
    }
}

/// Repeated measurements of one thing, in order.
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

    /// The value that this share of them, of 0 to 1, is not above.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index"
        )]
        let index = ((self.0.len().saturating_sub(1)) as f64 * share).round() as usize;
        self.0.get(index).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

/// The median, and the quartiles around it.
impl Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}–{})", figure(self.median()), figure(self.quantile(0.25)), figure(self.quantile(0.75)))
    }
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// With three digits that mean something.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Tells how far a long part has come.
pub(crate) fn progress(text: impl Display) {
    use std::io::Write as _;
    // Whoever watches is not needed for the figures.
    writeln!(std::io::stderr(), "  {text}").ok();
}
