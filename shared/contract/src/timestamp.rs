use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};

/// A time in UTC with a precision of milliseconds. JSON and the database have it as an RFC 3339 text with three
/// decimals, so that sorting the texts sorts the times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(
        description = "A time in UTC, in RFC 3339 with three decimals (milliseconds).",
        extend(
            "format" = "date-time",
            "pattern" = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"
        )
    )
)]
pub struct Timestamp(#[cfg_attr(feature = "schema", schemars(with = "String"))] i64);

/// 9999-12-31T23:59:59.999Z in milliseconds since 1970.
const LAST_MILLIS: i64 = 253_402_300_799_999;

impl Timestamp {
    /// Returns the current time.
    #[must_use]
    pub fn now() -> Self {
        #[cfg(feature = "simulation")]
        if let Some(now) = crate::simulation::now() {
            return now;
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// Returns the time that is `millis` milliseconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Parses a time in RFC 3339, from 1970 to 9999 in UTC. Drops everything below milliseconds. Returns `None` for other
    /// text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let millis = i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000_000)).ok()?;
        // Later years have five digits, which RFC 3339 does not allow.
        (0..=LAST_MILLIS).contains(&millis).then_some(Self(millis))
    }

    /// Returns the milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Returns the whole seconds since 1970-01-01T00:00:00Z: the unit of `DynamoDB`'s TTL and of a token's `exp`.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
        let text = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|moment| moment.format(format).ok())
            .ok_or(fmt::Error)?;
        f.write_str(&text)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not a time in RFC 3339 from 1970 to 9999"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_rfc_3339_with_milliseconds() {
        let moment = Timestamp::from_millis(1_757_034_300_120);
        assert_eq!(moment.to_string(), "2025-09-05T01:05:00.120Z");
        assert_eq!(serde_json::from_str::<Timestamp>("\"2025-09-05T01:05:00.12Z\"").unwrap(), moment);
    }

    #[test]
    fn text_that_is_not_a_time_is_refused() {
        for text in [
            "\"yesterday\"",
            "\"\"",
            "17",
            "null",
            "\"2025-09-05\"",
            "\"9999-12-31T23:59:59-00:01\"",
            "\"1970-01-01T00:00:00+00:01\"",
        ] {
            assert!(serde_json::from_str::<Timestamp>(text).is_err(), "{text}");
        }
    }
}
