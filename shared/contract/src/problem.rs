use serde::Serialize;

/// Every error code that a client may see, on REST and on the socket. Stable: a code never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(serde::Deserialize, schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// 400: the body is no JSON.
    MalformedJson,
    /// 400: a query parameter is of the wrong type or passes its limit; `errors` names each.
    InvalidQuery,
    /// 400: the cursor is none of ours, or of the other direction.
    InvalidCursor,
    /// 400: the `Idempotency-Key` is empty, too long or has other than visible ASCII characters.
    InvalidIdempotencyKey,
    /// 401: no token, or one that does not verify.
    Unauthorized,
    /// 403: the socket was opened from a web page of an origin that is not allowed.
    OriginNotAllowed,
    /// 403: the URL of a file was changed or has run out; the message or the file's status has a new one.
    InvalidFileUrl,
    /// 404: there is no such file, or the caller may not see it, or there is nothing to fetch yet.
    FileNotFound,
    /// 404: there is no such thread, or the caller is not a member.
    ThreadNotFound,
    /// 413: the body has more than [`limits::REQUEST_BYTES`](crate::limits::REQUEST_BYTES).
    BodyTooLarge,
    /// 422: the body is JSON, but of wrong types or past the limits; `errors` names each offending field.
    InvalidRequest,
    /// 422: the `Idempotency-Key` was used before with other content.
    IdempotencyKeyReused,
    /// Socket: the frame is no JSON object.
    MalformedFrame,
    /// Socket: the `action` is not known.
    UnknownAction,
    /// Socket: a field of the frame is missing, of the wrong type or past its limit.
    InvalidFrame,
    /// Socket: the frame is larger than [`limits::FRAME_BYTES`](crate::limits::FRAME_BYTES).
    FrameTooLarge,
    /// Socket: the connection has [`limits::SUBSCRIPTIONS`](crate::limits::SUBSCRIPTIONS) channels already.
    TooManySubscriptions,
    /// Socket: the token that opened the connection has run out; connect anew.
    ConnectionExpired,
    /// 500: our fault; logged with the `requestId`.
    Internal,
    /// 503: try again shortly.
    Unavailable,
}

impl ErrorCode {
    /// The phrase of the status.
    fn title(self) -> &'static str {
        match self.status() {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            413 => "Content Too Large",
            422 => "Unprocessable Content",
            429 => "Too Many Requests",
            503 => "Service Unavailable",
            _ => "Internal Server Error",
        }
    }

    /// The HTTP status that the code goes with. Codes of the socket alone have the status that would fit.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::MalformedJson
            | Self::InvalidQuery
            | Self::InvalidCursor
            | Self::InvalidIdempotencyKey
            | Self::MalformedFrame
            | Self::UnknownAction
            | Self::InvalidFrame => 400,
            Self::Unauthorized | Self::ConnectionExpired => 401,
            Self::OriginNotAllowed | Self::InvalidFileUrl => 403,
            Self::FileNotFound | Self::ThreadNotFound => 404,
            Self::BodyTooLarge | Self::FrameTooLarge => 413,
            Self::InvalidRequest | Self::IdempotencyKeyReused => 422,
            Self::TooManySubscriptions => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }
}

/// One offending field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FieldError {
    /// The field's name; `memberIds[3]` for an element of a list.
    pub field: String,
    /// What is wrong with it, for a person.
    pub message: String,
}

/// An error that a client may see in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Says to a program what is wrong.
    pub code: ErrorCode,
    /// Says to a person what is wrong.
    pub detail: String,
    /// The offending fields, where it is about fields.
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// A problem that is not about fields.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new() }
    }

    /// A problem with each of `errors`.
    #[must_use]
    pub fn fields(code: ErrorCode, errors: Vec<FieldError>) -> Self {
        let names: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        Self { code, detail: format!("Not valid: {}.", names.join(", ")), errors }
    }

    /// The answer to whoever asks for a thread that is not there or not theirs: the same in both cases.
    #[must_use]
    pub fn thread_not_found() -> Self {
        Self::new(ErrorCode::ThreadNotFound, "There is no such thread, or you are not a member of it.")
    }

    /// The answer to whoever asks for a file that is not there or not for them: the same in both cases.
    #[must_use]
    pub fn file_not_found() -> Self {
        Self::new(ErrorCode::FileNotFound, "There is no such file, or it is not for you to see.")
    }

    /// The body of the answer: `application/problem+json` of RFC 9457. The type is `about:blank`, so the title
    /// is the status's own phrase and `code` carries the meaning.
    #[must_use]
    pub fn to_json(&self, request_id: &str) -> String {
        let body = ProblemDocument {
            r#type: "about:blank",
            title: self.code.title(),
            status: self.code.status(),
            code: self.code,
            detail: &self.detail,
            request_id,
            errors: &self.errors,
        };
        // Strings and numbers always serialize.
        serde_json::to_string(&body).unwrap_or_default()
    }
}

/// An error, as RFC 9457 writes it.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProblemDocument<'a> {
    /// `about:blank`: the `code` carries the meaning.
    r#type: &'a str,
    /// The phrase of the status.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// Says to a program what is wrong.
    code: ErrorCode,
    /// Says to a person what is wrong.
    detail: &'a str,
    /// Finds the request in the log.
    request_id: &'a str,
    /// The offending fields, where it is about fields: [`limits::ERRORS`](crate::limits::ERRORS) at most.
    errors: &'a [FieldError],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_has_every_member_of_the_contract() {
        let errors = vec![FieldError { field: "title".into(), message: "too long".into() }];
        let json = Problem::fields(ErrorCode::InvalidRequest, errors).to_json("r-1");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&json).unwrap(),
            serde_json::json!({
                "type": "about:blank", "title": "Unprocessable Content", "status": 422, "code": "invalid_request",
                "detail": "Not valid: title.", "requestId": "r-1",
                "errors": [{"field": "title", "message": "too long"}]
            })
        );
    }
}
