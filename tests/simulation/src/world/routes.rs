//! The routes of the HTTP API. Each method sends one request as a client does.

use std::sync::Arc;

use contract::{ThreadId, Timestamp};
use serde_json::Value;

use super::{MESSAGES_SEND_TIMEOUT, ROUTE_TIMEOUT, Received, World, call};
use crate::parts::Parts;

/// Sends a request to the function of a route: `$function` is its crate, `$name` its name.
macro_rules! request {
    ($world:expr, $name:literal, $function:ident, $timeout:expr, $call:expr) => {{
        let (world, call) = ($world.clone(), $call);
        // Boxed, because the compiler limits how deep futures may be nested.
        let invocation = Box::pin(async move {
            let handle = async |deps: &_| $function::handle(deps, call).await;
            world.invoke(&world.warm.$function, Parts::$function, $timeout, handle).await
        });
        $world.request($name, invocation).await
    }};
}

impl World {
    /// Sends `POST /api/threads/{threadId}/messages`.
    pub(crate) async fn send(
        self: &Arc<Self>,
        user: &str,
        thread: &ThreadId,
        key: Option<&str>,
        body: Value,
    ) -> Received {
        let call = call(user, ("threadId", thread.as_str()), &[], key, &body);
        request!(self, "messages-send", messages_send, MESSAGES_SEND_TIMEOUT, call)
    }

    /// Sends `GET /api/threads/{threadId}/messages`.
    pub(crate) async fn list(self: &Arc<Self>, user: &str, thread: &ThreadId, query: &[(&str, &str)]) -> Received {
        let call = call(user, ("threadId", thread.as_str()), query, None, &Value::Null);
        request!(self, "messages-list", messages_list, ROUTE_TIMEOUT, call)
    }

    /// Sends `POST /api/threads`.
    pub(crate) async fn create_thread(self: &Arc<Self>, user: &str, body: &Value) -> Received {
        request!(self, "threads-create", threads_create, ROUTE_TIMEOUT, call(user, ("", ""), &[], None, body))
    }

    /// Sends `GET /api/threads`.
    pub(crate) async fn list_threads(self: &Arc<Self>, user: &str, query: &[(&str, &str)]) -> Received {
        request!(self, "threads-list", threads_list, ROUTE_TIMEOUT, call(user, ("", ""), query, None, &Value::Null))
    }

    /// Sends `GET /api/threads/{threadId}`.
    pub(crate) async fn thread(self: &Arc<Self>, user: &str, thread: &ThreadId) -> Received {
        let call = call(user, ("threadId", thread.as_str()), &[], None, &Value::Null);
        request!(self, "threads-get", threads_get, ROUTE_TIMEOUT, call)
    }

    /// Sends `PUT /api/threads/{threadId}/read`.
    pub(crate) async fn read(self: &Arc<Self>, user: &str, thread: &ThreadId, body: &Value) -> Received {
        let call = call(user, ("threadId", thread.as_str()), &[], None, body);
        request!(self, "threads-read", threads_read, ROUTE_TIMEOUT, call)
    }

    /// Sends `PATCH /api/threads/{threadId}/me`.
    pub(crate) async fn settings(self: &Arc<Self>, user: &str, thread: &ThreadId, body: &Value) -> Received {
        let call = call(user, ("threadId", thread.as_str()), &[], None, body);
        request!(self, "threads-settings", threads_settings, ROUTE_TIMEOUT, call)
    }

    /// Sends `GET /api/people`.
    pub(crate) async fn people(self: &Arc<Self>, user: &str) -> Received {
        request!(self, "people-list", people_list, ROUTE_TIMEOUT, call(user, ("", ""), &[], None, &Value::Null))
    }

    /// Sends `GET /api/me`.
    pub(crate) async fn me(self: &Arc<Self>, user: &str) -> Received {
        request!(self, "me-get", me_get, ROUTE_TIMEOUT, call(user, ("", ""), &[], None, &Value::Null))
    }

    /// Sends `POST /api/files`.
    pub(crate) async fn announce(self: &Arc<Self>, user: &str, body: Value) -> Received {
        request!(self, "files-create", files_create, ROUTE_TIMEOUT, call(user, ("", ""), &[], None, &body))
    }

    /// Sends `GET /api/files/{fileId}/status`.
    pub(crate) async fn status(self: &Arc<Self>, user: &str, file: &str) -> Received {
        let call = call(user, ("fileId", file), &[], None, &Value::Null);
        request!(self, "files-status", files_status, ROUTE_TIMEOUT, call)
    }

    /// Sends `POST /api/ws-tickets` with a token that expires in `token` seconds.
    pub(crate) async fn ticket(self: &Arc<Self>, user: &str, token: u64) -> Received {
        let mut call = call(user, ("", ""), &[], None, &Value::Null);
        call.caller.expires_at = Timestamp::now().seconds() + i64::try_from(token).unwrap();
        request!(self, "ws-ticket", ws_ticket, ROUTE_TIMEOUT, call)
    }
}
