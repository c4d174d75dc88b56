//! Issues a ticket that opens one WebSocket.
//!
//! Browsers cannot set headers on a WebSocket handshake, and a token must never be in a URL. A ticket may be in the
//! URL, because it works only once and expires after 60 seconds.

use contract::{ApiError, WsTicket, limits};
use runtime::{Answer, Call, StatusCode, json};
use store::{Chat, Connections, TicketHolder};

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores the caller's name.
    pub chat: Chat,
    /// The `Connections` table, which stores the ticket.
    pub connections: Connections,
}

/// Handles `POST /api/ws-tickets`. Answers 200 with a ticket.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let profile = call.caller.profile();
    let holder = TicketHolder { user_id: call.caller.id, token_expires_at: call.caller.expires_at };
    let (ticket, ()) = futures::try_join!(deps.connections.issue_ticket(holder), deps.chat.record_profile(&profile))?;
    json(StatusCode::OK, &WsTicket { ticket, expires_in: limits::TICKET_SECONDS }, &[])
}

#[cfg(test)]
mod tests {
    use testkit::{Tables, body, call, caller, new_thread};

    use super::*;

    const EVENT: &str = include_str!("../../../events/ws-ticket.json");

    async fn deps() -> Deps {
        let tables = Tables::create().await;
        Deps { chat: tables.chat(), connections: tables.connections() }
    }

    #[tokio::test]
    async fn ticket_opens_one_connection_of_its_caller() {
        let deps = deps().await;
        let first = handle(&deps, call(EVENT, &caller("user-sarah"), |_| {})).await.unwrap();
        let second = handle(&deps, call(EVENT, &caller("user-sarah"), |_| {})).await.unwrap();
        assert_eq!(body(&first)["expiresIn"], 60);
        assert_ne!(body(&first)["ticket"], body(&second)["ticket"]);
        let ticket = body(&first)["ticket"].as_str().unwrap().to_owned();
        let holder = deps.connections.redeem_ticket(&ticket).await.unwrap().unwrap();
        assert_eq!((holder.user_id.as_str(), holder.token_expires_at), ("user-sarah", i64::MAX));
        assert_eq!(deps.connections.redeem_ticket(&ticket).await.unwrap(), None);
    }

    #[tokio::test]
    async fn callers_name_is_recorded() {
        let (deps, sarah) = (deps().await, caller("user-sarah"));
        let thread = new_thread(&deps.chat, &["user-sarah"]).await;
        handle(&deps, call(EVENT, &sarah, |_| {})).await.unwrap();
        let shown = deps.chat.thread(&thread.id, &sarah.id).await.unwrap().unwrap();
        assert_eq!(shown.member_names, ["Sarah"]);
    }
}
