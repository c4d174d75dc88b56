//! Builds the requests and events that invoke functions on behalf of a client.

use std::collections::HashMap;

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use lambda_http::RequestExt as _;
use runtime::{Call, SocketEvent};
use serde_json::Value;

/// Returns an API request of `user`. `path` is the name and value of the path parameter. `key` is the value of the
/// `Idempotency-Key` header.
pub(crate) fn call(user: &str, path: (&str, &str), query: &[(&str, &str)], key: Option<&str>, body: &Value) -> Call {
    let mut request = http::Request::builder();
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let map = |pairs: &[(&str, &str)]| -> HashMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let request = request.body(lambda_http::Body::from(body.to_string())).unwrap();
    let request = request.with_query_string_parameters(map(query));
    Call::new(testkit::caller(user), request.with_path_parameters(map(&[path])))
}

/// Returns a WebSocket event on the socket `id`, modified by `change`. `kind` is `CONNECT`, `DISCONNECT` or `MESSAGE`.
pub(crate) fn socket_event(
    id: &str,
    kind: &str,
    change: impl FnOnce(&mut ApiGatewayWebsocketProxyRequest),
) -> SocketEvent {
    let mut event = ApiGatewayWebsocketProxyRequest::default();
    event.request_context.connection_id = Some(id.to_owned());
    event.request_context.event_type = Some(kind.to_owned());
    change(&mut event);
    SocketEvent::new(event).unwrap()
}
