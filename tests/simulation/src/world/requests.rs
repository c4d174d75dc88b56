//! Builds the requests and events that invoke functions on behalf of a client.

use std::collections::HashMap;

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use contract::ThreadId;
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

/// Returns an API request of `user` about a message.
pub(crate) fn message_call(user: &str, thread: &ThreadId, seq: u64, body: &Value) -> Call {
    let Call { caller, .. } = call(user, ("", ""), &[], None, &Value::Null);
    let request = http::Request::new(lambda_http::Body::from(body.to_string()));
    let path = [("threadId", thread.to_string()), ("seq", seq.to_string())];
    let path: HashMap<_, _> = path.map(|(name, value)| (name.to_owned(), value)).into();
    Call::new(caller, request.with_path_parameters(path))
}

/// Returns a request for the file or thumbnail behind a link of an attachment. It has no token.
pub(crate) fn link_call(link: &str) -> Call<()> {
    let (path, query) = link.split_once('?').unwrap();
    let path: HashMap<_, _> = match path.split('/').collect::<Vec<_>>()[..] {
        ["", "files", id, name] => [("fileId", id), ("name", name)].map(owned).into(),
        ["", "thumbs", name] => [("name", name)].map(owned).into(),
        _ => panic!("{link} is not a link of an attachment"),
    };
    let query: HashMap<_, _> = query.split('&').filter_map(|pair| pair.split_once('=')).map(owned).collect();
    let request = http::Request::new(lambda_http::Body::Empty);
    Call::new((), request.with_path_parameters(path).with_query_string_parameters(query))
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
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
