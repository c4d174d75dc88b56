use contract::{ApiError, UserId};
use lambda_http::Request;
use runtime::{Answer, Call, Caller, SocketEvent, report};
use serde_json::{Value, json};

/// Returns the user `id` as the caller of a request, with a verified token that never expires. The caller's name comes
/// from the ID: `user-sarah` is `Sarah`. If the ID does not start with `user-`, the caller has no name.
#[must_use]
pub fn caller(id: &str) -> Caller {
    let name = id.strip_prefix("user-").map(|name| name[..1].to_uppercase() + &name[1..]);
    Caller { id: UserId::parse(id).expect("the user ID is not valid"), name, issued_at: 1_000, expires_at: i64::MAX }
}

/// Returns the call that a handler receives when `caller` sends the request in an HTTP API event. `event` is the JSON
/// of a file in `events/`, which `change` edits first.
#[must_use]
pub fn call(event: &str, caller: &Caller, change: impl FnOnce(&mut Value)) -> Call {
    Call::new(caller.clone(), request(event, change))
}

/// Returns the call that a handler receives on a route that needs no token. The arguments are those of [`call`].
#[must_use]
pub fn public_call(event: &str, change: impl FnOnce(&mut Value)) -> Call<()> {
    Call::new((), request(event, change))
}

fn request(event: &str, change: impl FnOnce(&mut Value)) -> Request {
    let mut event: Value = serde_json::from_str(event).expect("the sample event is not JSON");
    change(&mut event);
    // API Gateway sends the query both parsed and raw. Tests change the parsed query, but lambda_http reads the raw
    // one.
    let query = event["queryStringParameters"].as_object().into_iter().flatten();
    let query: Vec<_> = query
        .map(|(name, value)| format!("{name}={}", value.as_str().expect("a query value is not a string")))
        .collect();
    event["rawQueryString"] = query.join("&").into();
    lambda_http::request::from_str(&event.to_string()).expect("the event is not a valid HTTP API event")
}

/// Returns a WebSocket API event of the connection with the ID `connection`. `event` is the JSON of a file in
/// `events/`, which `change` edits first.
#[must_use]
pub fn socket_event(event: &str, connection: &str, change: impl FnOnce(&mut Value)) -> SocketEvent {
    let mut event: Value = serde_json::from_str(event).expect("the sample event is not JSON");
    event["requestContext"]["connectionId"] = json!(connection);
    change(&mut event);
    let request = serde_json::from_value(event).expect("the event is not a valid WebSocket API event");
    SocketEvent::new(request).expect("the event has no connection ID")
}

/// Returns the body of a response as JSON.
#[must_use]
pub fn body(answer: &Answer) -> Value {
    serde_json::from_slice(answer.body()).expect("the response body is not JSON")
}

/// Returns the problem document that a client gets for the error in `answer`. Panics if `answer` is a success.
#[must_use]
pub fn problem(answer: Result<Answer, ApiError>) -> Value {
    let problem = report(answer.expect_err("the request was not refused"));
    serde_json::from_str(&problem.to_json("request-1")).expect("the problem document is not JSON")
}
