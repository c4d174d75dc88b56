//! Makes a ticket to open a socket with: browsers cannot set headers there, and tokens never travel in a URL.

use contract::{ApiError, WsTicket, limits};
use runtime::{Answer, Call, StatusCode, json};
use store::{Chat, Connections, TicketHolder};

/// Answers 200 with the ticket. Every frontend comes by here, so it is also where a user's name is learnt.
pub async fn handle(chat: &Chat, connections: &Connections, call: Call) -> Result<Answer, ApiError> {
    let profile = call.caller.profile();
    let holder = TicketHolder { user_id: call.caller.id, token_expires_at: call.caller.expires_at };
    let (ticket, ()) = futures::try_join!(connections.issue_ticket(holder), chat.record_profile(&profile))?;
    json(StatusCode::OK, &WsTicket { ticket, expires_in: limits::TICKET_SECONDS }, &[])
}

#[cfg(test)]
mod tests {
    use testkit::{Tables, body, call, caller, new_thread};

    use super::*;

    const EVENT: &str = include_str!("../../../events/ws-ticket.json");

    #[tokio::test]
    async fn a_ticket_is_good_for_one_connection_of_its_caller() {
        let tables = Tables::create().await;
        let (chat, connections) = (tables.chat(), tables.connections());
        let first = handle(&chat, &connections, call(EVENT, &caller("user-sarah"), |_| {})).await.unwrap();
        let second = handle(&chat, &connections, call(EVENT, &caller("user-sarah"), |_| {})).await.unwrap();
        assert_eq!(body(&first)["expiresIn"], 60);
        assert_ne!(body(&first)["ticket"], body(&second)["ticket"]);
        let ticket = body(&first)["ticket"].as_str().unwrap().to_owned();
        let holder = connections.redeem_ticket(&ticket).await.unwrap().unwrap();
        assert_eq!((holder.user_id.as_str(), holder.token_expires_at), ("user-sarah", i64::MAX));
        assert_eq!(connections.redeem_ticket(&ticket).await.unwrap(), None);
    }

    #[tokio::test]
    async fn whoever_asks_for_a_ticket_has_a_name_from_then_on() {
        let tables = Tables::create().await;
        let (chat, sarah) = (tables.chat(), caller("user-sarah"));
        let thread = new_thread(&chat, &["user-sarah"]).await;
        handle(&chat, &tables.connections(), call(EVENT, &sarah, |_| {})).await.unwrap();
        let shown = tables.chat().thread(&thread.id, &sarah.id).await.unwrap().unwrap();
        assert_eq!(shown.member_names, ["Sarah"]);
    }
}
