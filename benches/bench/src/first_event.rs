//! For each function, makes an event that succeeds as the first event of an instance.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::fixture::{Fixture, event, message_event, ping_event, thread_event};
use crate::instance::Instance;

/// Path of this file. If the event of a function is missing or does not succeed, the error names this file as the one
/// to change.
pub(crate) const FILE: &str = "benches/bench/src/first_event.rs";

/// The smallest GIF with a pixel.
const GIF: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

/// Returns an event that succeeds, after creating the rows that it needs. Make a new event for each invocation: some
/// succeed only once, because they use up a ticket or a file, for example. A function without a case here gets its
/// sample event from `events/`.
pub(crate) async fn first_event(fixture: &Fixture, name: &str, thread: &str) -> Result<Value> {
    match name {
        "floor" => Ok(json!({})),
        "threads-create" => event(name, |event| event["body"] = json!({"memberIds": ["user-dad"]}).to_string().into()),
        "messages-send" => message_event(thread),
        "threads-get" | "threads-settings" | "messages-list" | "messages-changes" => thread_event(name, thread),
        "messages-edit" | "messages-delete" | "messages-react" | "messages-unreact" => {
            let sent = call(fixture, "messages-send", &message_event(thread)?).await?;
            let seq = sent["seq"].as_u64().context("the sent message has no seq")?.to_string();
            event(name, |event| event["pathParameters"] = json!({"threadId": thread, "seq": seq}))
        }
        "threads-read" => {
            let sent = call(fixture, "messages-send", &message_event(thread)?).await?;
            event(name, |event| {
                event["pathParameters"]["threadId"] = thread.into();
                event["body"] = json!({"seq": sent["seq"]}).to_string().into();
            })
        }
        "files-status" => {
            let file = upload(fixture).await?;
            event(name, |event| event["pathParameters"]["fileId"] = file.into())
        }
        "files-decode" => {
            let file = upload(fixture).await?;
            event(name, |event| {
                event["fileId"] = file.into();
                event["size"] = GIF.len().into();
            })
        }
        "files-process" => {
            let file = upload(fixture).await?;
            event(name, |event| event["Records"][0]["s3"]["object"]["key"] = format!("uploads/{file}").into())
        }
        "files-serve" => serve_event(fixture).await,
        "chat-stream" => {
            let sent = call(fixture, "messages-send", &message_event(thread)?).await?;
            let row = fixture.message_row(thread, sent["seq"].as_u64().context("the sent message has no seq")?)?;
            event(name, |event| {
                let mut record = event["Records"][0].take();
                record["dynamodb"]["Keys"] = json!({"pk": row["pk"], "sk": row["sk"]});
                record["dynamodb"]["NewImage"] = row;
                event["Records"] = json!([record]);
            })
        }
        "ws-connect" => {
            let ticket = call(fixture, "ws-ticket", &event("ws-ticket", |_| {})?).await?["ticket"].take();
            event(name, |event| {
                event["queryStringParameters"]["ticket"] = ticket.clone();
                event["multiValueQueryStringParameters"]["ticket"] = json!([ticket]);
                event["requestContext"]["connectionId"] = "cold".into();
            })
        }
        "push-unsubscribe" => {
            let device = call(fixture, "push-subscribe", &event("push-subscribe", |_| {})?).await?["id"].take();
            event(name, |event| event["pathParameters"]["id"] = device)
        }
        "ws-message" => ping_event(&fixture.connection()?),
        "ws-disconnect" => {
            let connection = fixture.connection()?;
            event(name, |event| event["requestContext"]["connectionId"] = connection.into())
        }
        _ => event(name, |_| {}),
    }
}

/// Invokes a function once, in an instance that is not measured. Returns the JSON of its answer.
async fn call(fixture: &Fixture, function: &str, event: &Value) -> Result<Value> {
    let mut instance = Instance::start(&fixture.debug_function(function)?).await?;
    let answer = instance.invoke_json(event).await?;
    instance.kill().await?;
    Ok(answer)
}

/// Creates a file, stores its upload in the bucket and returns the file's ID.
async fn upload(fixture: &Fixture) -> Result<String> {
    let body = json!({"filename": "dot.gif", "mimetype": "image/gif", "size": GIF.len()}).to_string();
    let created = call(fixture, "files-create", &event("files-create", |event| event["body"] = body.into())?).await?;
    let id = created["file"]["id"].as_str().context("the created file has no ID")?.to_owned();
    fixture.cloud.put_object(&format!("uploads/{id}"), Bytes::from_static(GIF));
    Ok(id)
}

/// Returns the request that a client makes with the link of a ready file.
async fn serve_event(fixture: &Fixture) -> Result<Value> {
    let file = upload(fixture).await?;
    let key = format!("uploads/{file}");
    let uploaded = event("files-process", |event| event["Records"][0]["s3"]["object"]["key"] = key.into())?;
    call(fixture, "files-process", &uploaded).await?;
    let status = event("files-status", |event| event["pathParameters"]["fileId"] = file.into())?;
    let details = call(fixture, "files-status", &status).await?;
    let url = details["url"].as_str().with_context(|| format!("the file has no URL: {details}"))?;
    let (path, query) = url.split_once('?').context("the file's URL has no query")?;
    let mut segments = path.rsplit('/');
    let (name, id) =
        (segments.next().context("the file's URL has no name")?, segments.next().context("the file's URL has no ID")?);
    event("files-serve", |event| {
        event["rawQueryString"] = query.into();
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        event["queryStringParameters"] = pairs.map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        event["pathParameters"] = json!({"fileId": id, "name": name});
    })
}
