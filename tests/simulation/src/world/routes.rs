//! The routes of the HTTP API. Each method sends one request as a client does.

use std::sync::Arc;

use contract::{ThreadId, Timestamp};
use serde_json::{Value, json};

use super::requests::{link_call, message_call};
use super::{CHANGE_TIMEOUT, MESSAGES_SEND_TIMEOUT, ROUTE_TIMEOUT, Received, World, call};
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

/// Returns whether a function may answer with a text of a message although its author was already told that it is
/// deleted. The answers of these functions contain the previews in the rows of threads, which chat-stream erases only
/// some time after the deletion.
pub(super) fn may_have_old_preview(function: &str) -> bool {
    matches!(function, "threads-list" | "threads-get")
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

    /// Sends `PATCH /api/threads/{threadId}/messages/{seq}`.
    pub(crate) async fn edit(self: &Arc<Self>, user: &str, thread: &ThreadId, seq: u64, body: &str) -> Received {
        let call = message_call(user, thread, seq, &json!({"body": body}));
        request!(self, "messages-edit", messages_edit, CHANGE_TIMEOUT, call)
    }

    /// Sends `DELETE /api/threads/{threadId}/messages/{seq}`.
    pub(crate) async fn delete(self: &Arc<Self>, user: &str, thread: &ThreadId, seq: u64) -> Received {
        let call = message_call(user, thread, seq, &Value::Null);
        request!(self, "messages-delete", messages_delete, CHANGE_TIMEOUT, call)
    }

    /// Sends `PUT /api/threads/{threadId}/messages/{seq}/reaction`.
    pub(crate) async fn add_reaction(
        self: &Arc<Self>,
        user: &str,
        thread: &ThreadId,
        seq: u64,
        emoji: &str,
    ) -> Received {
        let call = message_call(user, thread, seq, &json!({"emoji": emoji}));
        request!(self, "messages-react", messages_react, CHANGE_TIMEOUT, call)
    }

    /// Sends `DELETE /api/threads/{threadId}/messages/{seq}/reaction`.
    pub(crate) async fn remove_reaction(self: &Arc<Self>, user: &str, thread: &ThreadId, seq: u64) -> Received {
        let call = message_call(user, thread, seq, &Value::Null);
        request!(self, "messages-unreact", messages_unreact, CHANGE_TIMEOUT, call)
    }

    /// Sends `GET /api/threads/{threadId}/changes`.
    pub(crate) async fn changes(self: &Arc<Self>, user: &str, thread: &ThreadId, query: &[(&str, &str)]) -> Received {
        let call = call(user, ("threadId", thread.as_str()), query, None, &Value::Null);
        request!(self, "messages-changes", messages_changes, ROUTE_TIMEOUT, call)
    }

    /// Requests the file or thumbnail behind a link of an attachment.
    pub(crate) async fn serve(self: &Arc<Self>, link: &str) -> Received {
        request!(self, "files-serve", files_serve, ROUTE_TIMEOUT, link_call(link))
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

    /// Sends `GET /api/push-key`.
    pub(crate) async fn push_key(self: &Arc<Self>, user: &str) -> Received {
        request!(self, "push-key", push_key, ROUTE_TIMEOUT, call(user, ("", ""), &[], None, &Value::Null))
    }

    /// Sends `PUT /api/push-subscriptions`.
    pub(crate) async fn push_subscribe(self: &Arc<Self>, user: &str, body: &Value) -> Received {
        request!(self, "push-subscribe", push_subscribe, ROUTE_TIMEOUT, call(user, ("", ""), &[], None, body))
    }

    /// Sends `DELETE /api/push-subscriptions/{id}`.
    pub(crate) async fn push_unsubscribe(self: &Arc<Self>, user: &str, id: &str) -> Received {
        request!(
            self,
            "push-unsubscribe",
            push_unsubscribe,
            ROUTE_TIMEOUT,
            call(user, ("id", id), &[], None, &Value::Null)
        )
    }

    /// Sends `PATCH /api/me`.
    pub(crate) async fn update_me(self: &Arc<Self>, user: &str, body: &Value) -> Received {
        request!(self, "me-update", me_update, ROUTE_TIMEOUT, call(user, ("", ""), &[], None, body))
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
