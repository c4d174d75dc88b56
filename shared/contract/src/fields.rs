use std::ops::RangeInclusive;

use serde_json::{Map, Number, Value};

use crate::{ErrorCode, FieldError, Problem, Timestamp, limits};

/// Returns `number` as an integer, or `None` if it has a fraction. `1`, `1.0` and `1e0` are the same number in JSON, so
/// each gives 1.
pub(crate) fn whole(number: &Number) -> Option<i128> {
    // Rust prints a whole `f64` without exponent or fraction, so its text parses as an integer.
    number.as_i128().or_else(|| number.as_f64()?.to_string().parse().ok())
}

/// Reads the fields of a request body and collects an error for each invalid one, so that the response names every
/// invalid field and not only the first. Ignores unknown fields.
pub(crate) struct Fields {
    object: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Parses a request body.
    ///
    /// Fails with `body_too_large` if the body exceeds [`limits::REQUEST_BYTES`], with `malformed_json` if it is not
    /// valid JSON, and with `invalid_request` if it is not an object.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Problem> {
        if body.len() > limits::REQUEST_BYTES {
            let detail =
                format!("The request body is larger than {} bytes. Send a smaller one.", limits::REQUEST_BYTES);
            return Err(Problem::new(ErrorCode::BodyTooLarge, detail));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(object)) => Ok(Self { object, errors: Vec::new() }),
            Ok(_) => Err(Problem::new(ErrorCode::InvalidRequest, "The request body must be a JSON object.")),
            Err(error) => Err(Problem::new(
                ErrorCode::MalformedJson,
                format!("The request body is not valid JSON: {error}. Send one JSON object in UTF-8."),
            )),
        }
    }

    /// Records that `field` is invalid. `message` is the reason, such as "must be a string". Drops errors beyond
    /// [`limits::ERRORS`].
    pub(crate) fn refuse(&mut self, field: impl Into<String>, message: impl Into<String>) {
        if self.errors.len() < limits::ERRORS {
            self.errors.push(FieldError { field: field.into(), message: message.into() });
        }
    }

    /// Reads an optional string of at most `max` characters. Returns `None` if the field is missing, null or invalid.
    /// Records an error only if the field is invalid.
    pub(crate) fn string(&mut self, field: &str, max: usize) -> Option<String> {
        match self.object.remove(field) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.chars().count() <= max => Some(text),
            Some(Value::String(_)) => {
                self.refuse(field, format!("must have at most {max} characters"));
                None
            }
            Some(_) => {
                self.refuse(field, "must be a string");
                None
            }
        }
    }

    /// Reads a string of at most `max` characters. Records an error and returns `None` if the field is missing, null or
    /// invalid.
    pub(crate) fn required_string(&mut self, field: &str, max: usize) -> Option<String> {
        let text = self.string(field, max);
        if text.is_none() && !self.refused(field) {
            self.refuse(field, "is required");
        }
        text
    }

    /// Reads an integer within `range`. Records an error and returns `None` if the field is missing or invalid.
    pub(crate) fn whole_number(&mut self, field: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let number = self.object.remove(field).as_ref().and_then(Value::as_number).and_then(whole);
        let number = number.and_then(|number| u64::try_from(number).ok()).filter(|number| range.contains(number));
        if number.is_none() {
            self.refuse(field, format!("must be a whole number from {} to {}", range.start(), range.end()));
        }
        number
    }

    /// Reads an optional integer within `range`. Returns `None` if the field is missing, null or invalid. Records an error
    /// only if the field is invalid.
    pub(crate) fn optional_whole_number(&mut self, field: &str, range: RangeInclusive<u64>) -> Option<u64> {
        match self.object.get(field) {
            None | Some(Value::Null) => None,
            Some(_) => self.whole_number(field, range),
        }
    }

    /// Reads an object. Records an error and returns `None` if the field is missing or invalid.
    pub(crate) fn required_object(&mut self, field: &str) -> Option<Map<String, Value>> {
        if let Some(Value::Object(object)) = self.object.remove(field) {
            return Some(object);
        }
        self.refuse(field, "must be an object");
        None
    }

    /// Reads an optional boolean. Returns `None` if the field is missing, null or invalid. Records an error only if the
    /// field is invalid.
    pub(crate) fn boolean(&mut self, field: &str) -> Option<bool> {
        match self.object.remove(field) {
            None | Some(Value::Null) => None,
            Some(Value::Bool(value)) => Some(value),
            Some(_) => {
                self.refuse(field, "must be true or false");
                None
            }
        }
    }

    /// Reads an optional time that may be null. Returns and records the same as [`nullable`](Self::nullable).
    #[expect(clippy::option_option, reason = "a missing field and null have different meanings")]
    pub(crate) fn nullable_time(&mut self, field: &str) -> Option<Option<Timestamp>> {
        let what = "a time in RFC 3339 from 1970 to 9999, such as 2025-09-05T01:05:00Z,";
        self.nullable(field, Timestamp::parse, what)
    }

    /// Reads an optional string that may be null, and parses it with `parse`. Returns `None` if the field is missing or
    /// invalid, and `Some(None)` if it is null. If the field is invalid, records that it must be `what` or null.
    #[expect(clippy::option_option, reason = "a missing field and null have different meanings")]
    pub(crate) fn nullable<T>(
        &mut self,
        field: &str,
        parse: impl Fn(&str) -> Option<T>,
        what: &str,
    ) -> Option<Option<T>> {
        match self.object.remove(field)? {
            Value::Null => Some(None),
            value => {
                let parsed = value.as_str().and_then(parse);
                if parsed.is_none() {
                    self.refuse(field, format!("must be {what} or null"));
                }
                parsed.map(Some)
            }
        }
    }

    /// Reads a list of strings and parses each with `parse`. Returns `None` if the field is missing, null or not a
    /// list. Records an error if the field is neither missing nor null nor a list. Leaves out each invalid element and
    /// records that it must be `what`.
    pub(crate) fn list<T>(&mut self, field: &str, parse: impl Fn(&str) -> Option<T>, what: &str) -> Option<Vec<T>> {
        let elements = match self.object.remove(field) {
            None | Some(Value::Null) => return None,
            Some(Value::Array(elements)) => elements,
            Some(_) => {
                self.refuse(field, "must be a list of strings");
                return None;
            }
        };
        let mut parsed = Vec::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            match element.as_str().and_then(&parse) {
                Some(value) => parsed.push(value),
                None => self.refuse(format!("{field}[{index}]"), format!("must be {what}")),
            }
        }
        Some(parsed)
    }

    /// Returns whether an error was recorded for `field` or for one of its elements, such as `memberIds[3]`.
    pub(crate) fn refused(&self, field: &str) -> bool {
        self.errors.iter().any(|error| error.field.split('[').next() == Some(field))
    }

    /// Returns an `invalid_request` problem with all errors.
    pub(crate) fn into_problem(self) -> Problem {
        Problem::fields(ErrorCode::InvalidRequest, self.errors)
    }

    /// Returns `value` if no error was recorded, or else an `invalid_request` problem with all errors.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, Problem> {
        if self.errors.is_empty() { Ok(value) } else { Err(self.into_problem()) }
    }
}
