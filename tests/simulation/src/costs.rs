//! What each function asks of the cloud, as the table in `docs/costs.md`, which this test keeps true.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use lambda_http::RequestExt as _;
use push::Push;
use runtime::{Answer, Call};
use serde_json::{Value, json};
use store::{Chat, Links};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::clock;
use crate::cloud::{Cloud, Consequence};
use crate::parts::Parts;
use crate::sender::PICTURE;
use crate::triggers::{queue_event, record, upload_event};
use crate::world::{call, socket_event};

const USERS: [&str; 3] = ["user-sarah", "user-dad", "user-michael"];
const BODY: &str =
    "A hundred characters: who brings the cake on Sunday, and who tells grandmother that we come at four?";

/// A household: three people in a thread, each with a socket that hears it.
struct Household {
    cloud: Arc<Cloud>,
    consequences: UnboundedReceiver<Consequence>,
    links: Links,
    parts: Parts,
    thread: String,
    table: RefCell<String>,
}

impl Household {
    async fn new() -> Self {
        let (sender, consequences) = tokio::sync::mpsc::unbounded_channel();
        let cloud = Cloud::new(0, sender);
        cloud.faults.pause();
        let parts = Parts::new(&cloud);
        let mut household = Self {
            cloud,
            consequences,
            links: testkit::links(),
            parts,
            thread: String::new(),
            table: RefCell::default(),
        };
        household.thread = household.open_thread("user-dad").await;
        household
    }

    async fn open_thread(&self, other: &str) -> String {
        let body = json!({"memberIds": [other, "user-michael"]});
        text(
            &self.answer(threads_create::handle(&self.parts.chat(), call(USERS[0], ("", ""), &[], None, &body))).await,
            "id",
        )
    }

    async fn answer(&self, handled: impl Future<Output = Result<Answer, contract::ApiError>>) -> Value {
        serde_json::from_slice(handled.await.unwrap().body()).unwrap_or_default()
    }

    /// A line of the table: `work` of an instance that has done it before (turn 1), and of one that has not (turn 0).
    async fn line<T>(&self, what: &str, new: impl Fn(&Parts) -> T, work: impl AsyncFn(&Self, &T, usize)) {
        let instance = new(&self.parts);
        self.cloud.ledger.open();
        work(self, &instance, 0).await;
        let cold = self.cloud.ledger.close();
        self.cloud.ledger.open();
        work(self, &instance, 1).await;
        let warm = self.cloud.ledger.close();
        let (calls, other) = (warm.calls, warm.other);
        let first = if (cold.read, cold.write) == (warm.read, warm.write) {
            String::new()
        } else {
            format!("{}, {}", cold.read, cold.write)
        };
        writeln!(self.table.borrow_mut(), "| {what} | {calls} | {} | {} | {first} | {other} |", warm.read, warm.write)
            .unwrap();
    }

    /// A request of Sarah's for this thread.
    fn call(&self, query: &[(&str, &str)], body: &Value) -> Call {
        call(USERS[0], ("threadId", &self.thread), query, None, body)
    }

    /// The images of the messages that were committed.
    fn images(&mut self) -> Vec<Value> {
        let mut images = Vec::new();
        while let Ok(consequence) = self.consequences.try_recv() {
            if let Consequence::Committed(image) = consequence {
                images.push(image);
            }
        }
        images
    }

    async fn upload(&self) -> String {
        let desk = self.parts.desk();
        let body = json!({"filename": "cake.gif", "mimetype": "image/gif", "size": PICTURE.len()});
        let announced = self.answer(files_create::handle(&desk, call(USERS[0], ("", ""), &[], None, &body))).await;
        let file = text(&announced["file"], "id");
        self.cloud.put_object(&format!("uploads/{file}"), Bytes::from_static(PICTURE));
        file
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap().to_owned()
}

async fn sockets(household: &Household) {
    let ticket = |household: &Household, user: &str| {
        (household.parts.chat(), call(user, ("", ""), &[], None, &Value::Null), household.parts.connections.clone())
    };
    let mut tickets = Vec::new();
    for user in [USERS[0], USERS[1], USERS[2], USERS[0], USERS[0]] {
        let (chat, call, connections) = ticket(household, user);
        tickets.push(text(&household.answer(ws_ticket::handle(&chat, &connections, call)).await, "ticket"));
    }
    household
        .line("`POST /api/ws-tickets`", Parts::chat, async |household, chat, _| {
            let call = call(USERS[0], ("", ""), &[], None, &Value::Null);
            ws_ticket::handle(chat, &household.parts.connections, call).await.unwrap();
        })
        .await;
    let door = household.parts.door();
    let connect = async |n: usize| {
        let event = socket_event(&format!("socket-{n}"), "CONNECT", |event| {
            event.query_string_parameters = HashMap::from([("ticket".to_owned(), tickets[n].clone())]).into();
        });
        assert_eq!(ws_connect::handle(&door, event).await.unwrap().status_code, 200);
        household.cloud.gateway.open(&format!("socket-{n}"))
    };
    let mut inboxes = Vec::new();
    for n in 0..3 {
        inboxes.push(connect(n).await);
    }
    household
        .line(
            "`$connect`",
            |_| (),
            async |_, (), turn| {
                connect(3 + turn).await;
            },
        )
        .await;
    let frame = |n: usize, action: &str, thread: &str| {
        let frame = json!({"action": action, "channel": format!("thread:{thread}")});
        socket_event(&format!("socket-{n}"), "MESSAGE", |event| event.body = Some(frame.to_string()))
    };
    for action in ["subscribe", "ping", "unsubscribe"] {
        household
            .line(&format!("`{action}`"), Parts::chat, async |household, chat, turn| {
                let event = frame(3 + turn, action, &household.thread);
                ws_message::handle(chat, &household.parts.connections, event).await.unwrap();
            })
            .await;
    }
    for n in 0..5 {
        let event = frame(n, "subscribe", &household.thread);
        ws_message::handle(&household.parts.chat(), &household.parts.connections, event).await.unwrap();
    }
    household
        .line(
            "`$disconnect` of a socket that heard one thread",
            |_| (),
            async |household, (), turn| {
                let event = socket_event(&format!("socket-{}", 3 + turn), "DISCONNECT", |_| {});
                ws_disconnect::handle(&household.parts.connections, event).await.unwrap();
            },
        )
        .await;
}

/// Two photos that were sent, beside the lines of the table.
async fn messages(household: &mut Household) -> [String; 2] {
    let send = async |household: &Household, (chat, push): &(Chat, Push), key: Option<&str>, files: &[String]| {
        let body = json!({"body": BODY, "fileIds": files});
        let call = call(USERS[0], ("threadId", &household.thread), &[], key, &body);
        messages_send::handle(chat, push, &household.links, call).await.unwrap();
    };
    let new = |parts: &Parts| (parts.chat(), parts.push());
    household
        .line("`POST …/messages`, to 3 sockets", new, async |household, instance, _| {
            send(household, instance, None, &[]).await;
        })
        .await;
    household
        .line("the same with an `Idempotency-Key`", new, async |household, instance, turn| {
            send(household, instance, Some(&format!("key-{turn}")), &[]).await;
        })
        .await;
    let images = household.images();
    household
        .line("stream, one message that reached everybody", Parts::outbox, async |_, outbox, turn| {
            let event = json!({"Records": [record(&images[turn], 1)]});
            outbox.handle(serde_json::from_value(event).unwrap()).await.unwrap();
        })
        .await;
    let body = json!({"threadId": household.thread, "seq": 1}).to_string();
    household
        .line("queue Repairs, a message that reached everybody", Parts::outbox, async |_, outbox, _| {
            let event = queue_event("repairs", &body, 1);
            outbox.handle(serde_json::from_value(event).unwrap()).await.unwrap();
        })
        .await;
    let chat = household.parts.chat();
    let photos = [household.upload().await, household.upload().await];
    household
        .line("`POST …/messages` with a photo that is still pending", new, async |household, instance, turn| {
            send(household, instance, None, &photos[turn..=turn]).await;
        })
        .await;
    household
        .line("S3, an uploaded photo that was sent", Parts::process, async |_, process, turn| {
            process
                .handle(serde_json::from_value(upload_event(&format!("uploads/{}", photos[turn]))).unwrap())
                .await
                .unwrap();
        })
        .await;
    household
        .line("queue Reminders, a file that is settled", Parts::process, async |_, process, _| {
            let event = queue_event("reminders", &json!({"fileId": photos[0]}).to_string(), 1);
            process.handle(serde_json::from_value(event).unwrap()).await.unwrap();
        })
        .await;
    let details = household
        .answer(files_status::handle(
            &chat,
            &household.links,
            call(USERS[0], ("fileId", &photos[0]), &[], None, &Value::Null),
        ))
        .await;
    household
        .line("`GET /api/files/{fileId}/status`", Parts::chat, async |household, chat, _| {
            let call = call(USERS[0], ("fileId", &photos[0]), &[], None, &Value::Null);
            files_status::handle(chat, &household.links, call).await.unwrap();
        })
        .await;
    let url = text(&details, "url");
    household
        .line("`GET /files/{fileId}/{name}`", Parts::chat, async |household, chat, _| {
            let query = url.split_once('?').unwrap().1;
            let query = query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
            let request = http::Request::new(lambda_http::Body::Empty);
            let request = request.with_query_string_parameters(query.collect::<HashMap<_, _>>());
            let path = HashMap::from([("fileId".to_owned(), photos[0].clone())]);
            let call = Call::new((), request.with_path_parameters(path));
            files_serve::handle(chat, &household.parts.presigner(), &household.links, call).await.unwrap();
        })
        .await;
    household
        .line("`POST /api/files`", Parts::desk, async |_, desk, _| {
            let body = json!({"filename": "cake.gif", "mimetype": "image/gif", "size": 43});
            files_create::handle(desk, call(USERS[0], ("", ""), &[], None, &body)).await.unwrap();
        })
        .await;
    photos
}

async fn lists(household: &Household, photos: &[String]) {
    let (chat, push) = (household.parts.chat(), household.parts.push());
    let send = async |files: &[String]| {
        let call = household.call(&[], &json!({"body": BODY, "fileIds": files}));
        messages_send::handle(&chat, &push, &household.links, call).await.unwrap();
    };
    for _ in 0..50 {
        send(&[]).await;
    }
    for (what, query) in [("50 messages", vec![]), ("nothing new", vec![("after", "58")])] {
        household
            .line(&format!("`GET …/messages`, {what}"), Parts::chat, async |household, chat, _| {
                messages_list::handle(chat, &household.links, household.call(&query, &Value::Null)).await.unwrap();
            })
            .await;
    }
    for photo in photos {
        send(std::slice::from_ref(photo)).await;
    }
    household
        .line("the same, with two photos among the 50", Parts::chat, async |household, chat, _| {
            messages_list::handle(chat, &household.links, household.call(&[], &Value::Null)).await.unwrap();
        })
        .await;
}

async fn threads(household: &Household) {
    household
        .line("`POST /api/threads`, a new one of 3", Parts::chat, async |_, chat, turn| {
            let body = json!({"memberIds": ["user-michael", format!("user-new-{turn}")]});
            threads_create::handle(chat, call(USERS[0], ("", ""), &[], None, &body)).await.unwrap();
        })
        .await;
    household
        .line("`POST /api/threads`, one that is there", Parts::chat, async |_, chat, _| {
            let body = json!({"memberIds": ["user-michael", "user-dad"]});
            threads_create::handle(chat, call(USERS[0], ("", ""), &[], None, &body)).await.unwrap();
        })
        .await;
    household
        .line("`GET /api/threads/{threadId}`", Parts::chat, async |household, chat, _| {
            threads_get::handle(chat, household.call(&[], &Value::Null)).await.unwrap();
        })
        .await;
    for n in 3..20 {
        household.open_thread(&format!("user-{n}")).await;
    }
    household
        .line("`GET /api/threads`, 20 threads", Parts::chat, async |household, chat, _| {
            threads_list::handle(chat, &household.links, household.call(&[], &Value::Null)).await.unwrap();
        })
        .await;
}

#[test]
fn the_documented_costs_are_those_of_the_functions() {
    let table = clock::paused(async {
        let mut household = Household::new().await;
        threads(&household).await;
        sockets(&household).await;
        let photos = messages(&mut household).await;
        lists(&household, &photos).await;
        household.table.into_inner()
    });
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/costs.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let header = "| --- | --- | --- | --- | --- | --- |\n";
    let (before, rest) = text.split_once(header).expect("a table");
    let (_, after) = rest.split_once("\n\n").expect("a blank line behind the table");
    let now = format!("{before}{header}{table}\n{after}");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&page, now).unwrap();
    } else {
        assert!(text == now, "docs/costs.md is out of date; `make docs` writes what is so now:\n{table}");
    }
}
