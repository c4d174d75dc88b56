//! Measures what each function costs, for the table in `docs/costs.md`: its AWS calls and its `DynamoDB` units. A test
//! fails if the table is out of date or incomplete.
//!
//! A new route or trigger needs a line in the table: call [`Fixture::measure`] for it in one of the functions below,
//! then run `make docs`.

mod fixture;
mod triggers;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use files::Decoded;
use lambda_http::RequestExt as _;
use runtime::Call;
use serde_json::{Value, json};
use testkit::make_known;

use self::fixture::{DAD, Fixture, MICHAEL, SARAH, answer, request, text};
use crate::clock;
use crate::parts::Parts;
use crate::sender::PICTURE;
use crate::triggers::{queue_event, stream_record, upload_event};
use crate::world::{call, socket_event};

const BODY: &str =
    "A hundred characters: who brings the cake on Sunday, and who tells grandmother that we come at four?";

async fn threads(fixture: &Fixture) {
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

/// Measures the routes that open and use WebSocket connections. Leaves one connection of each user open and subscribed
/// to the thread, so that later messages have three subscribers.
async fn connections(fixture: &Fixture) {
    let mut tickets = Vec::new();
    for user in [SARAH, DAD, MICHAEL, SARAH, SARAH] {
        let deps = fixture.parts.ws_ticket();
        let issued = answer(ws_ticket::handle(&deps, request(user, &Value::Null))).await;
        tickets.push(text(&issued, "ticket"));
    }
    fixture
        .measure("POST /api/ws-tickets", "`POST /api/ws-tickets`", Parts::ws_ticket, async |_, deps, _| {
            ws_ticket::handle(deps, request(SARAH, &Value::Null)).await.unwrap();
        })
        .await;

    let connect = async |deps: &_, n: usize| {
        let event = socket_event(&format!("socket-{n}"), "CONNECT", |event| {
            event.query_string_parameters = HashMap::from([("ticket".to_owned(), tickets[n].clone())]).into();
        });
        assert_eq!(ws_connect::handle(deps, event).await.unwrap().status_code, 200);
        fixture.cloud.gateway.open(&format!("socket-{n}"))
    };
    let mut inboxes = Vec::new();
    for n in 0..3 {
        inboxes.push(connect(&fixture.parts.ws_connect(), n).await);
    }
    fixture
        .measure("$connect", "`$connect`", Parts::ws_connect, async |_, deps, turn| {
            connect(deps, 3 + turn).await;
        })
        .await;

    let frame = |n: usize, action: &str| {
        let frame = json!({"action": action, "channel": format!("thread:{}", fixture.thread)});
        socket_event(&format!("socket-{n}"), "MESSAGE", |event| event.body = Some(frame.to_string()))
    };
    for action in ["subscribe", "ping", "unsubscribe"] {
        fixture
            .measure("$default", &format!("`{action}`"), Parts::ws_message, async |_, deps, turn| {
                ws_message::handle(deps, frame(3 + turn, action)).await.unwrap();
            })
            .await;
    }
    for n in 0..5 {
        ws_message::handle(&fixture.parts.ws_message(), frame(n, "subscribe")).await.unwrap();
    }
    let (label, new) = ("`$disconnect` of a connection subscribed to one thread", Parts::ws_disconnect);
    fixture
        .measure("$disconnect", label, new, async |_, deps, turn| {
            let event = socket_event(&format!("socket-{}", 3 + turn), "DISCONNECT", |_| {});
            ws_disconnect::handle(deps, event).await.unwrap();
        })
        .await;
}

async fn send(fixture: &Fixture, deps: &messages_send::Deps, key: Option<&str>, files: &[String]) {
    let body = json!({"body": BODY, "fileIds": files});
    let call = call(SARAH, ("threadId", &fixture.thread), &[], key, &body);
    messages_send::handle(deps, call).await.unwrap();
}

async fn messages(fixture: &mut Fixture) {
    let (trigger, new) = ("POST /api/threads/{threadId}/messages", Parts::messages_send);
    fixture
        .measure(trigger, "`POST …/messages`, to 3 connections", new, async |fixture, deps, _| {
            send(fixture, deps, None, &[]).await;
        })
        .await;
    fixture
        .measure(
            trigger,
            "`POST …/messages` with an `Idempotency-Key`, to 3 connections",
            new,
            async |fixture, deps, turn| {
                send(fixture, deps, Some(&format!("key-{turn}")), &[]).await;
            },
        )
        .await;
    let images = fixture.stream_images();
    let label = "stream of `Chat`, a delivered message";
    fixture
        .measure("DynamoDB Messages", label, Parts::chat_stream, async |_, deps, turn| {
            let event = json!({"Records": [stream_record(&images[turn], 1)]});
            chat_stream::handle(deps, serde_json::from_value(event).unwrap()).await.unwrap();
        })
        .await;
    let label = "queue `Repairs`, a message delivered in the meantime";
    fixture
        .measure("SQS Repairs", label, Parts::chat_stream, async |fixture, deps, _| {
            let body = json!({"threadId": fixture.thread, "seq": 1}).to_string();
            let event = queue_event("repairs", &body, 1);
            chat_stream::handle(deps, serde_json::from_value(event).unwrap()).await.unwrap();
        })
        .await;
}

/// Measures the routes and triggers of files. Returns the IDs of two photos that were sent to the thread and are ready.
async fn files(fixture: &Fixture) -> [String; 2] {
    let photos = [fixture.upload().await, fixture.upload().await];
    let (trigger, label) =
        ("POST /api/threads/{threadId}/messages", "`POST …/messages` with a photo that is still pending");
    fixture
        .measure(trigger, label, Parts::messages_send, async |fixture, deps, turn| {
            send(fixture, deps, None, &photos[turn..=turn]).await;
        })
        .await;
    fixture
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
    let (trigger, label) = ("Invoke FilesDecode", "files-decode, invoked by files-process");
    fixture
        .measure(trigger, label, Parts::files_decode, async |_, deps, turn| {
            let size = PICTURE.len();
            let request = json!({"fileId": photos[turn], "size": size, "mimetype": "image/gif", "name": "cake.gif"});
            let decoded = files_decode::handle(deps, &serde_json::from_value(request).unwrap()).await;
            assert!(matches!(decoded, Decoded::Published { .. }), "{decoded:?}");
        })
        .await;
    let label = "queue `Reminders`, a file that is ready";
    fixture
        .measure("SQS Reminders", label, Parts::files_process, async |_, deps, _| {
            let event = queue_event("reminders", &json!({"fileId": photos[0]}).to_string(), 1);
            files_process::handle(deps, serde_json::from_value(event).unwrap()).await.unwrap();
        })
        .await;
    let status = || call(SARAH, ("fileId", &photos[0]), &[], None, &Value::Null);
    let (trigger, label) = ("GET /api/files/{fileId}/status", "`GET /api/files/{fileId}/status`");
    fixture
        .measure(trigger, label, Parts::files_status, async |_, deps, _| {
            files_status::handle(deps, status()).await.unwrap();
        })
        .await;
    let details = answer(files_status::handle(&fixture.parts.files_status(), status())).await;
    let thumbnail = format!("{}.jpg", photos[0]);
    for (trigger, link, path) in [
        ("GET /files/{fileId}/{name}", "url", ("fileId", photos[0].as_str())),
        ("GET /thumbs/{name}", "thumbUrl", ("name", thumbnail.as_str())),
    ] {
        let link = text(&details, link);
        fixture
            .measure(trigger, &format!("`{trigger}`"), Parts::files_serve, async |_, deps, _| {
                files_serve::handle(deps, link_request(&link, path)).await.unwrap();
            })
            .await;
    }
    fixture
        .measure("POST /api/files", "`POST /api/files`", Parts::files_create, async |_, deps, _| {
            let body = json!({"filename": "cake.gif", "mimetype": "image/gif", "size": 43});
            files_create::handle(deps, request(SARAH, &body)).await.unwrap();
        })
        .await;
    photos
}

/// Returns the request of a browser that opens a link to a file or thumbnail. The last argument is the path parameter.
fn link_request(link: &str, (name, value): (&str, &str)) -> Call<()> {
    let query = link.split_once('?').unwrap().1.split('&').filter_map(|pair| pair.split_once('='));
    let query = query.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let request = http::Request::new(lambda_http::Body::Empty);
    let request = request.with_query_string_parameters(query.collect::<HashMap<_, _>>());
    Call::new((), request.with_path_parameters(HashMap::from([(name.to_owned(), value.to_owned())])))
}

async fn pages(fixture: &Fixture, photos: &[String]) {
    let sender = fixture.parts.messages_send();
    for _ in 0..50 {
        send(fixture, &sender, None, &[]).await;
    }
    let (trigger, new) = ("GET /api/threads/{threadId}/messages", Parts::messages_list);
    for (what, query) in [("50 messages", vec![]), ("nothing new", vec![("after", "56")])] {
        fixture
            .measure(trigger, &format!("`GET …/messages`, {what}"), new, async |fixture, deps, _| {
                messages_list::handle(deps, fixture.thread_request(&query, &Value::Null)).await.unwrap();
            })
            .await;
    }
    for photo in photos {
        send(fixture, &sender, None, std::slice::from_ref(photo)).await;
    }
    fixture
        .measure(trigger, "`GET …/messages`, 50 messages, two of them with a photo", new, async |fixture, deps, _| {
            messages_list::handle(deps, fixture.thread_request(&[], &Value::Null)).await.unwrap();
        })
        .await;
}

/// Fails if a trigger in template.yaml has no line in the costs table, or a line's trigger is not in template.yaml.
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
        let mut fixture = Fixture::new().await;
        threads(&fixture).await;
        connections(&fixture).await;
        messages(&mut fixture).await;
        let photos = files(&fixture).await;
        pages(&fixture, &photos).await;
        fixture.finish()
    });
    assert_complete(&measured);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/costs.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let header = "| --- | --- | --- | --- | --- | --- |\n";
    let (before, rest) = text.split_once(header).expect("docs/costs.md has no table of six columns");
    let (_, after) = rest.split_once("\n\n").expect("docs/costs.md has no blank line after the table");
    let current = format!("{before}{header}{table}\n{after}");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&page, current).unwrap();
    } else {
        assert!(text == current, "docs/costs.md is out of date. Run `make docs`. The table is now:\n{table}");
    }
}
