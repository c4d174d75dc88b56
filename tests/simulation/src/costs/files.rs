//! Measures the routes and triggers of files, and pages of messages with files.

use std::collections::HashMap;

use files::Decoded;
use lambda_http::RequestExt as _;
use runtime::Call;
use serde_json::{Value, json};

use super::fixture::{Fixture, SARAH, answer, request, text};
use super::messages::send;
use crate::parts::Parts;
use crate::sender::PICTURE;
use crate::triggers::{queue_event, upload_event};
use crate::world::call;

/// Measures the routes and triggers of files. Returns the IDs of two photos that were sent to the thread and are ready.
pub(super) async fn files(fixture: &Fixture) -> [String; 2] {
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
            let event = queue_event("reminders", &json!({"fileId": photos[0]}).to_string());
            files_process::handle(deps, serde_json::from_value(event).unwrap()).await.unwrap();
        })
        .await;
    pictures(fixture, &photos).await;
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

pub(super) async fn pages(fixture: &Fixture, photos: &[String]) {
    let sender = fixture.parts.messages_send();
    for _ in 0..50 {
        send(fixture, &sender, None, &[]).await;
    }
    let (trigger, new) = ("GET /api/threads/{threadId}/messages", Parts::messages_list);
    for (what, query) in [("50 messages", vec![]), ("nothing new", vec![("after", "1000")])] {
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

/// Measures a change of Sarah's picture from one of two ready photos to the other. Then removes the picture.
async fn pictures(fixture: &Fixture, photos: &[String; 2]) {
    let choose = async |deps: &me_update::Deps, file: Value| {
        me_update::handle(deps, request(SARAH, &json!({"avatarFileId": file}))).await.unwrap();
    };
    choose(&fixture.parts.me_update(), json!(photos[0])).await;
    let (trigger, label) = ("PATCH /api/me", "`PATCH /api/me`, a picture that replaces another one");
    fixture
        .measure(trigger, label, Parts::me_update, async |_, deps, turn| choose(deps, json!(photos[1 - turn])).await)
        .await;
    choose(&fixture.parts.me_update(), Value::Null).await;
}
