use serde::Serialize;

/// The codes of all errors that a client may receive, from REST or on the socket. The meaning of a code never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(any(feature = "schema", feature = "simulation"), derive(serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// 400: the request body is not valid JSON.
    MalformedJson,
    /// 400: a query parameter has the wrong type or exceeds its limit. `errors` names each such parameter.
    InvalidQuery,
    /// 400: the cursor is not valid for this list, or was made for the opposite order. Request the list without a
    /// cursor.
    InvalidCursor,
    /// 400: the `Idempotency-Key` header is empty, too long or contains characters other than visible ASCII.
    InvalidIdempotencyKey,
    /// 401: the request has no token, or its token is not valid. Sign in again.
    Unauthorized,
    /// 403: the socket was opened by a web page whose origin the deployment does not allow.
    OriginNotAllowed,
    /// 403: the link to a file has expired or was changed. Request the message or the file's status again for a new
    /// link.
    InvalidFileUrl,
    /// 404: the file does not exist, or the caller does not have access to it, or it is not ready for download.
    FileNotFound,
    /// 404: the thread does not exist, or the caller is not a member of it.
    ThreadNotFound,
    /// 404: the thread has no message with this `seq`.
    MessageNotFound,
    /// 403: only a message's author may edit or delete it.
    NotAuthor,
    /// 403: the message is too old to be edited. Its author may still delete it.
    EditWindowOver,
    /// 409: the message was deleted, so it cannot be edited and takes no reactions.
    MessageDeleted,
    /// 404: the caller has no push subscription with this ID.
    SubscriptionNotFound,
    /// 404: this deployment sends no notifications.
    NotificationsOff,
    /// 409: another user has registered this endpoint, with other keys.
    EndpointTaken,
    /// 409: the caller has [`limits::DEVICES`](crate::limits::DEVICES) push subscriptions. Remove one of them first.
    TooManyDevices,
    /// 413: the request body is larger than [`limits::REQUEST_BYTES`](crate::limits::REQUEST_BYTES).
    BodyTooLarge,
    /// 422: the request body is JSON, but fields are missing, have the wrong type or exceed a limit. `errors` names
    /// each such field.
    InvalidRequest,
    /// 422: a file of the message, or the caller's new picture, is already used
    /// [`limits::FILE_USES`](crate::limits::FILE_USES) times. `errors` names each such file. Upload it again as a new file.
    TooManyFileUses,
    /// 422: a member of the new thread has never called this deployment. `errors` names each such member. A user becomes
    /// a possible member with their first call of any `/api` route.
    UnknownMember,
    /// 422: the `Idempotency-Key` was already used for a message with other content. Use a new key for a new message.
    IdempotencyKeyReused,
    /// 429: the caller has sent or changed too many messages in the current minute. Nothing was stored. Retry after the
    /// seconds in `Retry-After`.
    RateLimited,
    /// 429: the caller has created too many threads, too many files, or files with too many bytes in total, in the
    /// current day (UTC). Nothing was stored. Retry after the seconds in `Retry-After`.
    QuotaExceeded,
    /// Socket: the frame is not a JSON object.
    MalformedFrame,
    /// Socket: the server does not know the frame's `action`.
    UnknownAction,
    /// Socket: a field of the frame is missing, has the wrong type or exceeds its limit.
    InvalidFrame,
    /// Socket: the frame is larger than [`limits::FRAME_BYTES`](crate::limits::FRAME_BYTES).
    FrameTooLarge,
    /// Socket: the connection has already subscribed to [`limits::SUBSCRIPTIONS`](crate::limits::SUBSCRIPTIONS)
    /// channels. Open another connection.
    TooManySubscriptions,
    /// Socket: the connection is not subscribed to the thread's channel. Subscribe first.
    NotSubscribed,
    /// Socket: the user has too many open connections, and this one is the oldest. The server closes it.
    TooManyConnections,
    /// Socket: the token that opened the connection has expired, or the server no longer knows the connection.
    /// Reconnect with a new token.
    ConnectionExpired,
    /// 500: the server failed to process the request. Its log has the details under the response's `requestId`.
    Internal,
    /// 503: the server cannot answer at the moment. Retry after a short wait.
    Unavailable,
}

impl ErrorCode {
    /// Returns the reason phrase of the code's HTTP status (RFC 9110, section 15).
    fn title(self) -> &'static str {
        match self.status() {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            409 => "Conflict",
            413 => "Content Too Large",
            422 => "Unprocessable Content",
            429 => "Too Many Requests",
            503 => "Service Unavailable",
            _ => "Internal Server Error",
        }
    }

    /// Returns the code's HTTP status. A code that occurs only on the socket has the status that a REST response with
    /// the same error would have.
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
            Self::OriginNotAllowed
            | Self::InvalidFileUrl
            | Self::NotSubscribed
            | Self::NotAuthor
            | Self::EditWindowOver => 403,
            Self::FileNotFound
            | Self::ThreadNotFound
            | Self::MessageNotFound
            | Self::SubscriptionNotFound
            | Self::NotificationsOff => 404,
            Self::MessageDeleted | Self::EndpointTaken | Self::TooManyDevices => 409,
            Self::BodyTooLarge | Self::FrameTooLarge => 413,
            Self::InvalidRequest | Self::TooManyFileUses | Self::UnknownMember | Self::IdempotencyKeyReused => 422,
            Self::RateLimited | Self::QuotaExceeded | Self::TooManySubscriptions | Self::TooManyConnections => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }
}

/// One invalid field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FieldError {
    /// The field's name, such as `title`, or `memberIds[3]` for an element of a list.
    pub field: String,
    /// What is wrong with the field, as a text for developers.
    pub message: String,
}

/// An error as the client receives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, as a code for programs.
    pub code: ErrorCode,
    /// What is wrong and what to do, as a text for developers.
    pub detail: String,
    /// The invalid fields; empty if the problem is not about fields.
    pub errors: Vec<FieldError>,
    /// Seconds after which the same request may succeed, for the header `Retry-After`. `None` if waiting does not help,
    /// or if the server does not know how long to wait.
    pub retry_after: Option<u64>,
}

impl Problem {
    /// Creates a problem that is not about fields.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    /// Creates a problem of a request that may succeed after `retry_after` seconds.
    pub fn retry_later(code: ErrorCode, detail: impl Into<String>, retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(code, detail) }
    }

    /// Creates a problem about invalid fields. Its detail names them.
    #[must_use]
    pub fn fields(code: ErrorCode, errors: Vec<FieldError>) -> Self {
        let names: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        let detail = format!("These fields are not valid: {}. See `errors` for each.", names.join(", "));
        Self { errors, ..Self::new(code, detail) }
    }

    /// Creates the problem for a thread that does not exist or that the caller is not a member of. It is the same in
    /// both cases, so that it does not reveal which threads exist.
    #[must_use]
    pub fn thread_not_found() -> Self {
        Self::new(ErrorCode::ThreadNotFound, "The thread does not exist, or you are not a member of it.")
    }

    /// Creates the problem for a push subscription that the caller does not have.
    #[must_use]
    pub fn subscription_not_found() -> Self {
        Self::new(ErrorCode::SubscriptionNotFound, "You have no push subscription with this ID.")
    }

    /// Creates the problem for a deployment that sends no notifications, because its parameter `PageUrl` is empty.
    #[must_use]
    pub fn notifications_off() -> Self {
        Self::new(ErrorCode::NotificationsOff, "This deployment sends no notifications.")
    }

    /// Creates the problem for a message that does not exist in a thread of the caller.
    #[must_use]
    pub fn message_not_found() -> Self {
        Self::new(ErrorCode::MessageNotFound, "The thread has no message with this seq.")
    }

    /// Creates the problem for a user who has sent or changed too many messages in the current minute.
    #[must_use]
    pub fn rate_limited(retry_after: u64) -> Self {
        let detail =
            "You have sent or changed too many messages in this minute. Try again after the time in Retry-After.";
        Self::retry_later(ErrorCode::RateLimited, detail, retry_after)
    }

    /// Creates the problem for a file that does not exist or that the caller may not see. It is the same in both cases,
    /// so that it does not reveal which files exist.
    #[must_use]
    pub fn file_not_found() -> Self {
        Self::new(ErrorCode::FileNotFound, "The file does not exist, or you do not have access to it.")
    }

    /// Returns the response body, an `application/problem+json` document (RFC 9457). Its `type` is `about:blank`, for
    /// which the RFC recommends the status's reason phrase as `title`. `code` identifies the error.
    #[must_use]
    pub fn to_json(&self, request_id: &str) -> String {
        let Self { code, detail, errors, retry_after: _ } = self;
        let body = ProblemDocument {
            r#type: "about:blank",
            title: code.title(),
            status: code.status(),
            code: *code,
            detail,
            request_id,
            errors,
        };
        // The document has only strings and numbers, so serializing it cannot fail.
        serde_json::to_string(&body).unwrap_or_default()
    }
}

/// A problem document (RFC 9457): an error response of the server.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProblemDocument<'a> {
    /// Always `about:blank`; `code` identifies the error.
    r#type: &'a str,
    /// The reason phrase of the HTTP status.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What is wrong, as a code for programs.
    code: ErrorCode,
    /// What is wrong and what to do, as a text for developers.
    detail: &'a str,
    /// ID of the request in the server's log.
    request_id: &'a str,
    /// The invalid fields, at most [`limits::ERRORS`](crate::limits::ERRORS); empty if the error is not about fields.
    errors: &'a [FieldError],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_a_complete_problem_document() {
        let errors = vec![FieldError { field: "title".into(), message: "too long".into() }];
        let json = Problem::fields(ErrorCode::InvalidRequest, errors).to_json("r-1");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&json).unwrap(),
            serde_json::json!({
                "type": "about:blank", "title": "Unprocessable Content", "status": 422, "code": "invalid_request",
                "detail": "These fields are not valid: title. See `errors` for each.", "requestId": "r-1",
                "errors": [{"field": "title", "message": "too long"}]
            })
        );
    }
}
