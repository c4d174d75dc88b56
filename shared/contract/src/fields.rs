use std::ops::RangeInclusive;

use serde_json::{Map, Number, Value};

use crate::{ErrorCode, FieldError, Problem, limits};

/// The whole number that `number` is, however it is written: JSON does not tell `1.0` and `1e0` from `1`.
pub(crate) fn whole(number: &Number) -> Option<i128> {
    // A float is never shown with an exponent, and with a fraction only where it has one.
    number.as_i128().or_else(|| number.as_f64()?.to_string().parse().ok())
}

/// Reads the fields of a JSON object one after the other and collects what is wrong with each, so that the
/// answer names every offending field and not just the first. Unknown fields are ignored.
pub(crate) struct Fields {
    object: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Takes a request body: `body_too_large` past the limit, `malformed_json` where it is no JSON, `invalid_request` where it is no object.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Problem> {
        if body.len() > limits::REQUEST_BYTES {
            let detail = format!("The body has more than {} bytes.", limits::REQUEST_BYTES);
            return Err(Problem::new(ErrorCode::BodyTooLarge, detail));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(object)) => Ok(Self { object, errors: Vec::new() }),
            Ok(_) => Err(Problem::new(ErrorCode::InvalidRequest, "The body has to be a JSON object.")),
            Err(error) => Err(Problem::new(ErrorCode::MalformedJson, format!("The body is no JSON: {error}."))),
        }
    }

    /// Notes that `field` is not valid.
    pub(crate) fn refuse(&mut self, field: impl Into<String>, message: impl Into<String>) {
        if self.errors.len() < limits::ERRORS {
            self.errors.push(FieldError { field: field.into(), message: message.into() });
        }
    }

    /// A string of at most `max` characters; `None` where it is missing, null or not valid.
    pub(crate) fn string(&mut self, field: &str, max: usize) -> Option<String> {
        match self.object.remove(field) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.chars().count() <= max => Some(text),
            Some(Value::String(_)) => {
                self.refuse(field, format!("has more than {max} characters"));
                None
            }
            Some(_) => {
                self.refuse(field, "has to be a string");
                None
            }
        }
    }

    /// The same of a field that may not be missing.
    pub(crate) fn required_string(&mut self, field: &str, max: usize) -> Option<String> {
        let text = self.string(field, max);
        if text.is_none() && !self.refused(field) {
            self.refuse(field, "is missing");
        }
        text
    }

    /// A whole number within `range`; `None` where it is missing or not valid.
    pub(crate) fn whole_number(&mut self, field: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let number = self.object.remove(field).as_ref().and_then(Value::as_number).and_then(whole);
        let number = number.and_then(|number| u64::try_from(number).ok()).filter(|number| range.contains(number));
        if number.is_none() {
            self.refuse(field, format!("has to be a whole number from {} to {}", range.start(), range.end()));
        }
        number
    }

    /// A list of strings, each turned into a `T` by `parse`; `None` where it is missing, null or no list.
    /// Elements that are not valid are noted and left out.
    pub(crate) fn list<T>(&mut self, field: &str, parse: impl Fn(&str) -> Option<T>, what: &str) -> Option<Vec<T>> {
        let elements = match self.object.remove(field) {
            None | Some(Value::Null) => return None,
            Some(Value::Array(elements)) => elements,
            Some(_) => {
                self.refuse(field, "has to be a list of strings");
                return None;
            }
        };
        let mut parsed = Vec::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            match element.as_str().and_then(&parse) {
                Some(value) => parsed.push(value),
                None => self.refuse(format!("{field}[{index}]"), format!("has to be {what}")),
            }
        }
        Some(parsed)
    }

    /// Whether anything was refused of `field` or its elements.
    pub(crate) fn refused(&self, field: &str) -> bool {
        self.errors.iter().any(|error| error.field.split('[').next() == Some(field))
    }

    /// `value`, or everything that was refused.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, Problem> {
        if self.errors.is_empty() { Ok(value) } else { Err(Problem::fields(ErrorCode::InvalidRequest, self.errors)) }
    }
}
