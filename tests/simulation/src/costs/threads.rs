//! Measures the routes of threads and people, and those that open and use WebSocket connections.

use std::collections::HashMap;

use serde_json::{Value, json};
use testkit::make_known;

use super::fixture::{DAD, Fixture, MICHAEL, SARAH, answer, frame, request, text};
use crate::parts::Parts;
use crate::world::socket_event;

pub(super) async fn threads(fixture: &Fixture) {
    let (trigger, new) = ("POST /api/threads", Parts::threads_create);
    make_known(&fixture.parts.unrestricted_chat(), &["user-new-0", "user-new-1"]).await;
    fixture
        .measure(trigger, "`POST /api/threads`, a new thread of 3 members", new, async |_, deps, turn| {
            let body = json!({"memberIds": [MICHAEL, format!("user-new-{turn}")]});
            threads_create::handle(deps, request(SARAH, &body)).await.unwrap();
        })
        .await;
    fixture
        .measure(trigger, "`POST /api/threads`, an existing thread", new, async |_, deps, _| {
            let body = json!({"memberIds": [MICHAEL, DAD]});
            threads_create::handle(deps, request(SARAH, &body)).await.unwrap();
        })
        .await;
    let trigger = "GET /api/threads/{threadId}";
    fixture
        .measure(trigger, "`GET /api/threads/{threadId}`", Parts::threads_get, async |fixture, deps, _| {
            threads_get::handle(deps, fixture.thread_request(&[], &Value::Null)).await.unwrap();
        })
        .await;
    for n in 3..20 {
        fixture.create_thread(&format!("user-{n}")).await;
    }
    fixture
        .measure("GET /api/threads", "`GET /api/threads`, 20 threads", Parts::threads_list, async |_, deps, _| {
            threads_list::handle(deps, request(SARAH, &Value::Null)).await.unwrap();
        })
        .await;
}

pub(super) async fn people(fixture: &Fixture) {
    fixture
        .measure("GET /api/people", "`GET /api/people`, 22 people", Parts::people_list, async |_, deps, _| {
            let people = answer(people_list::handle(deps, request(SARAH, &Value::Null))).await;
            assert_eq!(people["people"].as_array().map(Vec::len), Some(22));
        })
        .await;
    fixture
        .measure("GET /api/me", "`GET /api/me`", Parts::me_get, async |_, deps, _| {
            me_get::handle(deps, request(SARAH, &Value::Null)).await.unwrap();
        })
        .await;
    fixture
        .measure("PATCH /api/me", "`PATCH /api/me`", Parts::me_update, async |_, deps, _| {
            me_update::handle(deps, request(SARAH, &json!({"receipts": true}))).await.unwrap();
        })
        .await;
}

/// Measures the routes that open and use WebSocket connections. Leaves one connection of each user open and subscribed to
/// the user's inbox and the thread, so that later messages have three subscribers.
pub(super) async fn connections(fixture: &Fixture) {
    fixture
        .measure("POST /api/ws-tickets", "`POST /api/ws-tickets`", Parts::ws_ticket, async |_, deps, _| {
            ws_ticket::handle(deps, request(SARAH, &Value::Null)).await.unwrap();
        })
        .await;
    for (n, user) in [SARAH, DAD, MICHAEL].into_iter().enumerate() {
        fixture.open_socket(&format!("socket-{n}"), user, &[&fixture.channel(), "inbox"]).await;
    }
    let mut tickets = Vec::new();
    for _ in 0..2 {
        let issued = answer(ws_ticket::handle(&fixture.parts.ws_ticket(), request(SARAH, &Value::Null))).await;
        tickets.push(text(&issued, "ticket"));
    }
    fixture
        .measure("$connect", "`$connect`", Parts::ws_connect, async |_, deps, turn| {
            let event = socket_event(&format!("socket-{}", 3 + turn), "CONNECT", |event| {
                event.query_string_parameters = HashMap::from([("ticket".to_owned(), tickets[turn].clone())]).into();
            });
            assert_eq!(ws_connect::handle(deps, event).await.unwrap().status_code, 200);
        })
        .await;
    let thread = fixture.channel();
    for (label, action, channel) in [
        ("`subscribe` to `inbox`", "subscribe", "inbox"),
        ("`subscribe` to a thread", "subscribe", &thread),
        ("`ping`", "ping", ""),
        ("`unsubscribe` from a thread", "unsubscribe", &thread),
    ] {
        fixture
            .measure("$default", label, Parts::ws_message, async |_, deps, turn| {
                ws_message::handle(deps, frame(&format!("socket-{}", 3 + turn), action, channel)).await.unwrap();
            })
            .await;
    }
    fixture
        .measure("$default", "`typing` in a thread with 3 sockets", Parts::ws_message, async |fixture, deps, turn| {
            let typing = frame(&format!("socket-{turn}"), "typing", &fixture.channel());
            ws_message::handle(deps, typing).await.unwrap();
        })
        .await;
    for n in 3..5 {
        ws_message::handle(&fixture.parts.ws_message(), frame(&format!("socket-{n}"), "subscribe", &thread))
            .await
            .unwrap();
    }
    let (label, new) = ("`$disconnect` of a connection subscribed to one thread", Parts::ws_disconnect);
    fixture
        .measure("$disconnect", label, new, async |_, deps, turn| {
            let event = socket_event(&format!("socket-{}", 3 + turn), "DISCONNECT", |_| {});
            ws_disconnect::handle(deps, event).await.unwrap();
        })
        .await;
}
