use contract::{ApiError, UserId};
use lambda_http::Request;
use runtime::{Answer, Call, Caller, SocketEvent, report};
use serde_json::{Value, json};

/// A user with a verified token; `user-sarah` is called `Sarah`.
#[must_use]
pub fn caller(id: &str) -> Caller {
    let name = id.strip_prefix("user-").map(|name| name[..1].to_uppercase() + &name[1..]);
    Caller { id: UserId::parse(id).expect("a user id"), name, issued_at: 1_000, expires_at: i64::MAX }
}

/// The event of an HTTP API in `event` (a file of `events/`), as `caller` sends it, with what `change` makes of it.
#[must_use]
pub fn call(event: &str, caller: &Caller, change: impl FnOnce(&mut Value)) -> Call {
    Call::new(caller.clone(), request(event, change))
}

/// The same of a route that takes no token.
#[must_use]
pub fn public_call(event: &str, change: impl FnOnce(&mut Value)) -> Call<()> {
    Call::new((), request(event, change))
}

fn request(event: &str, change: impl FnOnce(&mut Value)) -> Request {
    let mut event: Value = serde_json::from_str(event).expect("an event of JSON");
    change(&mut event);
    // API Gateway sends the query in both forms, and lambda_http reads this one.
    let query = event["queryStringParameters"].as_object().into_iter().flatten();
    let query: Vec<_> = query.map(|(name, value)| format!("{name}={}", value.as_str().expect("a text"))).collect();
    event["rawQueryString"] = query.join("&").into();
    lambda_http::request::from_str(&event.to_string()).expect("an event of an HTTP API")
}

/// The event of a WebSocket API in `event` (a file of `events/`), on the socket `connection`, with what `change` makes
/// of it.
#[must_use]
pub fn socket_event(event: &str, connection: &str, change: impl FnOnce(&mut Value)) -> SocketEvent {
    let mut event: Value = serde_json::from_str(event).expect("an event of JSON");
    event["requestContext"]["connectionId"] = json!(connection);
    change(&mut event);
    let request = serde_json::from_value(event).expect("an event of a WebSocket API");
    SocketEvent::new(request).expect("an event of a connection")
}

/// The JSON of an answer.
#[must_use]
pub fn body(answer: &Answer) -> Value {
    serde_json::from_slice(answer.body()).expect("a body of JSON")
}

/// What the client sees of a request that was refused.
#[must_use]
pub fn problem(answer: Result<Answer, ApiError>) -> Value {
    let problem = report(answer.expect_err("an error"));
    serde_json::from_str(&problem.to_json("request-1")).expect("a problem of JSON")
}
