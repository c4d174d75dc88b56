//! What each function costs, as the table in `docs/costs.md`. A test keeps the table up to date and complete.
//!
//! A new route or trigger needs a line: call [`Household::measure`] for it in one of the functions below, then run
//! `make docs`.

mod household;
mod triggers;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use lambda_http::RequestExt as _;
use runtime::Call;
use serde_json::{Value, json};

use self::household::{DAD, Household, MICHAEL, SARAH, answer, request, text};
use crate::clock;
use crate::parts::Parts;
use crate::triggers::{queue_event, stream_record, upload_event};
use crate::world::{call, socket_event};

const BODY: &str =
    "A hundred characters: who brings the cake on Sunday, and who tells grandmother that we come at four?";

async fn threads(household: &Household) {
    let (trigger, new) = ("POST /api/threads", Parts::threads_create);
    household
        .measure(trigger, "`POST /api/threads`, a new thread of 3 members", new, async |_, deps, turn| {
            let body = json!({"memberIds": [MICHAEL, format!("user-new-{turn}")]});
            threads_create::handle(deps, request(SARAH, &body)).await.unwrap();
        })
        .await;
    household
        .measure(trigger, "`POST /api/threads`, an existing thread", new, async |_, deps, _| {
            let body = json!({"memberIds": [MICHAEL, DAD]});
            threads_create::handle(deps, request(SARAH, &body)).await.unwrap();
        })
        .await;
    let trigger = "GET /api/threads/{threadId}";
    household
        .measure(trigger, "`GET /api/threads/{threadId}`", Parts::threads_get, async |household, deps, _| {
            threads_get::handle(deps, household.thread_request(&[], &Value::Null)).await.unwrap();
        })
        .await;
    for n in 3..20 {
        household.create_thread(&format!("user-{n}")).await;
    }
    household
        .measure("GET /api/threads", "`GET /api/threads`, 20 threads", Parts::threads_list, async |_, deps, _| {
            threads_list::handle(deps, request(SARAH, &Value::Null)).await.unwrap();
        })
        .await;
}

/// Opens five connections, which are all subscribed to the thread at some time. In the end, one connection of each user is
/// open and subscribed.
async fn connections(household: &Household) {
    let mut tickets = Vec::new();
    for user in [SARAH, DAD, MICHAEL, SARAH, SARAH] {
        let deps = household.parts.ws_ticket();
        let issued = answer(ws_ticket::handle(&deps, request(user, &Value::Null))).await;
        tickets.push(text(&issued, "ticket"));
    }
    household
        .measure("POST /api/ws-tickets", "`POST /api/ws-tickets`", Parts::ws_ticket, async |_, deps, _| {
            ws_ticket::handle(deps, request(SARAH, &Value::Null)).await.unwrap();
        })
        .await;

    let connect = async |deps: &_, n: usize| {
        let event = socket_event(&format!("socket-{n}"), "CONNECT", |event| {
            event.query_string_parameters = HashMap::from([("ticket".to_owned(), tickets[n].clone())]).into();
        });
        assert_eq!(ws_connect::handle(deps, event).await.unwrap().status_code, 200);
        household.cloud.gateway.open(&format!("socket-{n}"))
    };
    let mut inboxes = Vec::new();
    for n in 0..3 {
        inboxes.push(connect(&household.parts.ws_connect(), n).await);
    }
    household
        .measure("$connect", "`$connect`", Parts::ws_connect, async |_, deps, turn| {
            connect(deps, 3 + turn).await;
        })
        .await;

    let frame = |n: usize, action: &str| {
        let frame = json!({"action": action, "channel": format!("thread:{}", household.thread)});
        socket_event(&format!("socket-{n}"), "MESSAGE", |event| event.body = Some(frame.to_string()))
    };
    for action in ["subscribe", "ping", "unsubscribe"] {
        household
            .measure("$default", &format!("`{action}`"), Parts::ws_message, async |_, deps, turn| {
                ws_message::handle(deps, frame(3 + turn, action)).await.unwrap();
            })
            .await;
    }
    for n in 0..5 {
        ws_message::handle(&household.parts.ws_message(), frame(n, "subscribe")).await.unwrap();
    }
    let (label, new) = ("`$disconnect` of a connection subscribed to one thread", Parts::ws_disconnect);
    household
        .measure("$disconnect", label, new, async |_, deps, turn| {
            let event = socket_event(&format!("socket-{}", 3 + turn), "DISCONNECT", |_| {});
            ws_disconnect::handle(deps, event).await.unwrap();
        })
        .await;
}

async fn send(household: &Household, deps: &messages_send::Deps, key: Option<&str>, files: &[String]) {
    let body = json!({"body": BODY, "fileIds": files});
    let call = call(SARAH, ("threadId", &household.thread), &[], key, &body);
    messages_send::handle(deps, call).await.unwrap();
}

async fn messages(household: &mut Household) {
    let (trigger, new) = ("POST /api/threads/{threadId}/messages", Parts::messages_send);
    household
        .measure(trigger, "`POST …/messages`, to 3 connections", new, async |household, deps, _| {
            send(household, deps, None, &[]).await;
        })
        .await;
    household
        .measure(
            trigger,
            "`POST …/messages` with an `Idempotency-Key`, to 3 connections",
            new,
            async |household, deps, turn| {
                send(household, deps, Some(&format!("key-{turn}")), &[]).await;
            },
        )
        .await;
    let images = household.stream_images();
    let label = "stream of `Chat`, a delivered message";
    household
        .measure("DynamoDB Messages", label, Parts::chat_stream, async |_, deps, turn| {
            let event = json!({"Records": [stream_record(&images[turn], 1)]});
            chat_stream::handle(deps, serde_json::from_value(event).unwrap()).await.unwrap();
        })
        .await;
    let label = "queue `Repairs`, a message delivered in the meantime";
    household
        .measure("SQS Repairs", label, Parts::chat_stream, async |household, deps, _| {
            let body = json!({"threadId": household.thread, "seq": 1}).to_string();
            let event = queue_event("repairs", &body, 1);
            chat_stream::handle(deps, serde_json::from_value(event).unwrap()).await.unwrap();
        })
        .await;
}

/// Returns the IDs of two photos that were sent to the thread and are ready.
async fn files(household: &Household) -> [String; 2] {
    let photos = [household.upload().await, household.upload().await];
    let (trigger, label) =
        ("POST /api/threads/{threadId}/messages", "`POST …/messages` with a photo that is still pending");
    household
        .measure(trigger, label, Parts::messages_send, async |household, deps, turn| {
            send(household, deps, None, &photos[turn..=turn]).await;
        })
        .await;
    household
        .measure(
            "S3 Uploads",
            "S3, the upload of a photo that was sent",
            Parts::files_process,
            async |_, deps, turn| {
                let event = upload_event(&format!("uploads/{}", photos[turn]));
                files_process::handle(deps, serde_json::from_value(event).unwrap()).await.unwrap();
            },
        )
        .await;
    let label = "queue `Reminders`, a file that is ready";
    household
        .measure("SQS Reminders", label, Parts::files_process, async |_, deps, _| {
            let event = queue_event("reminders", &json!({"fileId": photos[0]}).to_string(), 1);
            files_process::handle(deps, serde_json::from_value(event).unwrap()).await.unwrap();
        })
        .await;
    let status = || call(SARAH, ("fileId", &photos[0]), &[], None, &Value::Null);
    let (trigger, label) = ("GET /api/files/{fileId}/status", "`GET /api/files/{fileId}/status`");
    household
        .measure(trigger, label, Parts::files_status, async |_, deps, _| {
            files_status::handle(deps, status()).await.unwrap();
        })
        .await;
    let details = answer(files_status::handle(&household.parts.files_status(), status())).await;
    let thumbnail = format!("{}.jpg", photos[0]);
    for (trigger, link, path) in [
        ("GET /files/{fileId}/{name}", "url", ("fileId", photos[0].as_str())),
        ("GET /thumbs/{name}", "thumbUrl", ("name", thumbnail.as_str())),
    ] {
        let link = text(&details, link);
        household
            .measure(trigger, &format!("`{trigger}`"), Parts::files_serve, async |_, deps, _| {
                files_serve::handle(deps, link_request(&link, path)).await.unwrap();
            })
            .await;
    }
    household
        .measure("POST /api/files", "`POST /api/files`", Parts::files_create, async |_, deps, _| {
            let body = json!({"filename": "cake.gif", "mimetype": "image/gif", "size": 43});
            files_create::handle(deps, request(SARAH, &body)).await.unwrap();
        })
        .await;
    photos
}

/// Returns the request of a link to a file, with its signature and one path parameter.
fn link_request(link: &str, (name, value): (&str, &str)) -> Call<()> {
    let query = link.split_once('?').unwrap().1.split('&').filter_map(|pair| pair.split_once('='));
    let query = query.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let request = http::Request::new(lambda_http::Body::Empty);
    let request = request.with_query_string_parameters(query.collect::<HashMap<_, _>>());
    Call::new((), request.with_path_parameters(HashMap::from([(name.to_owned(), value.to_owned())])))
}

async fn pages(household: &Household, photos: &[String]) {
    let sender = household.parts.messages_send();
    for _ in 0..50 {
        send(household, &sender, None, &[]).await;
    }
    let (trigger, new) = ("GET /api/threads/{threadId}/messages", Parts::messages_list);
    for (what, query) in [("50 messages", vec![]), ("nothing new", vec![("after", "56")])] {
        household
            .measure(trigger, &format!("`GET …/messages`, {what}"), new, async |household, deps, _| {
                messages_list::handle(deps, household.thread_request(&query, &Value::Null)).await.unwrap();
            })
            .await;
    }
    for photo in photos {
        send(household, &sender, None, std::slice::from_ref(photo)).await;
    }
    household
        .measure(
            trigger,
            "`GET …/messages`, 50 messages, two of them with a photo",
            new,
            async |household, deps, _| {
                messages_list::handle(deps, household.thread_request(&[], &Value::Null)).await.unwrap();
            },
        )
        .await;
}

/// Fails if a trigger of the template has no line, or a line has a trigger that is not in the template.
fn assert_complete(measured: &BTreeSet<&str>) {
    let triggers = triggers::read();
    let missing: Vec<_> = triggers.iter().filter(|trigger| !measured.contains(trigger.name.as_str())).collect();
    let missing: Vec<_> = missing.iter().map(|trigger| format!("{}, {}", trigger.function, trigger.name)).collect();
    assert!(
        missing.is_empty(),
        "docs/costs.md has no line for: {}. Measure it in tests/simulation/src/costs.rs, then run `make docs`.",
        missing.join("; ")
    );
    let known: BTreeSet<_> = triggers.iter().map(|trigger| trigger.name.as_str()).collect();
    let unknown: Vec<_> = measured.difference(&known).copied().collect();
    assert!(
        unknown.is_empty(),
        "tests/simulation/src/costs.rs measures what is not in template.yaml: {}. Rename or remove it there.",
        unknown.join("; ")
    );
}

#[test]
fn documented_costs_are_complete_and_up_to_date() {
    let (table, measured) = clock::paused(async {
        let mut household = Household::new().await;
        threads(&household).await;
        connections(&household).await;
        messages(&mut household).await;
        let photos = files(&household).await;
        pages(&household, &photos).await;
        household.finish()
    });
    assert_complete(&measured);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/costs.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let header = "| --- | --- | --- | --- | --- | --- |\n";
    let (before, rest) = text.split_once(header).expect("docs/costs.md has a table of six columns");
    let (_, after) = rest.split_once("\n\n").expect("docs/costs.md has a blank line after the table");
    let current = format!("{before}{header}{table}\n{after}");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&page, current).unwrap();
    } else {
        assert!(text == current, "docs/costs.md is out of date. Run `make docs`. The table is now:\n{table}");
    }
}
