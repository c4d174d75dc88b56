//! How long an instance takes to start and to answer its first event, over TLS as on AWS.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::instance::{Instance, Program};
use crate::report::{Sample, Section, figure, progress};
use crate::share::Share;
use crate::world::{World, about, event, message, ping, rest};

/// Starts of each program; with a share of a CPU, they are slow for the peer.
const STARTS: usize = 15;
const STARTS_OF_A_SHARE: usize = 5;

/// Memory in MB whose share of a CPU the first event is given. (A start has a whole one.)
const SHARES: [u64; 3] = [128, 256, 512];

const FUNCTIONS: [&str; 14] = [
    "threads-create",
    "threads-list",
    "threads-get",
    "messages-send",
    "messages-list",
    "files-create",
    "files-status",
    "files-serve",
    "files-process",
    "chat-stream",
    "ws-ticket",
    "ws-connect",
    "ws-message",
    "ws-disconnect",
];

/// The smallest GIF that has a picture.
const GIF: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

struct Start {
    init: Duration,
    first: Duration,
    cpu: Duration,
    peak_mib: f64,
    /// How often it called which operation of `DynamoDB`.
    calls: BTreeMap<String, usize>,
}

pub(crate) async fn run(world: &World) -> Result<Vec<Section>> {
    let thread = world.thread("user-dad").await?;
    world.subscribe(&thread, 1)?;
    let mut whole = Section::new(
        "Cold start, with a whole CPU",
        "From the start of the process to its asking for an event (init, in which it opens its connections), and from the event \
         to the answer (first). Over TLS; median (quartiles) of ms; CPU and peak memory of both together.",
        &["program", "init", "first", "CPU ms", "peak MiB"],
    );
    let mut shares = Section::new(
        "The first event with the CPU share of less memory",
        "ms, median (quartiles); the start before it has a whole CPU, as on Lambda.",
        &["program", "128 MB", "256 MB", "512 MB"],
    );
    let floor = start_often(world, "floor", &world.floor(), &thread, None).await?;
    row(&mut whole, "floor: no SDK, no TLS, no call", &floor);
    for name in FUNCTIONS {
        progress(format!("cold: {name}"));
        let program = world.over_tls(world.function(name));
        let starts = start_often(world, name, &program, &thread, None).await?;
        let memory = Sample::new(starts.iter().map(|start| start.peak_mib)).median();
        let ours = row(&mut whole, name, &starts);
        let cpu = Sample::milliseconds(starts.iter().map(|start| start.cpu)).median();
        whole.goal(format!("{name}: CPU of start and first, ms"), cpu, 6.0);
        whole.goal(format!("{name}: peak memory, MiB"), memory, 12.0);
        progress(format!("cold: {name}, the peer"));
        let peer = start_often(world, name, &world.over_tls(world.peer(name)), &thread, None).await?;
        let calls = [&starts, &peer].map(|starts| starts.last().map(|start| &start.calls));
        ensure!(calls[0] == calls[1], "{name}: the peer has other calls than we: {calls:?}");
        let theirs = row(&mut whole, &format!("peer {name}"), &peer);
        whole.goal(format!("{name}: init and first, of the peer's"), ours / theirs, 0.05);
    }
    for name in ["threads-get", "messages-send"] {
        for (side, program) in [("", world.function(name)), ("peer ", world.peer(name))] {
            let mut cells = vec![format!("{side}{name}")];
            for megabytes in SHARES {
                progress(format!("cold: {side}{name} with {megabytes} MB"));
                let share = match Share::of(megabytes) {
                    Ok(share) => share,
                    Err(error) => {
                        progress(format!("not with a share of a CPU: {error:#}"));
                        return Ok(vec![whole]);
                    }
                };
                let starts = start_often(world, name, &world.over_tls(program.clone()), &thread, Some(&share)).await?;
                let first = Sample::milliseconds(starts.iter().map(|start| start.first));
                cells.push(first.to_string());
                if side.is_empty() && megabytes == SHARES[0] {
                    shares.goal(format!("{name}: first with 128 MB, ms"), first.median(), 2.0);
                }
            }
            shares.row(cells);
        }
    }
    Ok(vec![whole, shares])
}

/// Adds what was measured, and returns the median of both in ms.
fn row(section: &mut Section, name: &str, starts: &[Start]) -> f64 {
    let of = |time: fn(&Start) -> Duration| Sample::milliseconds(starts.iter().map(time));
    let memory = Sample::new(starts.iter().map(|start| start.peak_mib)).median();
    let (init, first, cpu) = (of(|start| start.init), of(|start| start.first), of(|start| start.cpu));
    section.row([name.into(), init.to_string(), first.to_string(), cpu.to_string(), figure(memory)]);
    of(|start| start.init + start.first).median()
}

async fn start_often(
    world: &World,
    name: &str,
    program: &Program,
    thread: &str,
    share: Option<&Share>,
) -> Result<Vec<Start>> {
    let times = if share.is_some() { STARTS_OF_A_SHARE } else { STARTS };
    let mut starts = Vec::new();
    // The first brings the file into memory.
    for _ in 0..=times {
        let event = first_event(world, name, thread).await?;
        rest().await;
        world.cloud.forget();
        let mut instance = Instance::start(program).await?;
        if let Some(share) = share {
            share.take(instance.id()?)?;
        }
        let answer = instance.invoke(&event).await?;
        let usage = instance.usage()?;
        let calls = world.cloud.forget().operations();
        starts.push(Start { init: instance.init, first: answer.took, cpu: usage.cpu, peak_mib: usage.peak_mib, calls });
        instance.stop().await?;
    }
    starts.remove(0);
    Ok(starts)
}

/// An event that succeeds; some do so only once.
async fn first_event(world: &World, name: &str, thread: &str) -> Result<Value> {
    match name {
        "floor" => Ok(json!({})),
        "threads-create" => event(name, |event| event["body"] = json!({"memberIds": ["user-dad"]}).to_string().into()),
        "messages-send" => message(thread),
        "threads-get" | "messages-list" => about(name, thread),
        "files-status" => {
            let file = upload(world).await?;
            event(name, |event| event["pathParameters"]["fileId"] = file.into())
        }
        "files-process" => {
            let file = upload(world).await?;
            event(name, |event| event["Records"][0]["s3"]["object"]["key"] = format!("uploads/{file}").into())
        }
        "files-serve" => serve_event(world).await,
        "chat-stream" => {
            let sent = ask(world, "messages-send", &message(thread)?).await?;
            let row = world.message_row(thread, sent["seq"].as_u64().context("no seq")?)?;
            event(name, |event| {
                let mut record = event["Records"][0].take();
                record["dynamodb"]["Keys"] = json!({"pk": row["pk"], "sk": row["sk"]});
                record["dynamodb"]["NewImage"] = row;
                event["Records"] = json!([record]);
            })
        }
        "ws-connect" => {
            let ticket = ask(world, "ws-ticket", &event("ws-ticket", |_| {})?).await?["ticket"].take();
            event(name, |event| {
                event["queryStringParameters"]["ticket"] = ticket.clone();
                event["multiValueQueryStringParameters"]["ticket"] = json!([ticket]);
                event["requestContext"]["connectionId"] = "cold".into();
            })
        }
        "ws-message" => ping(&world.socket()?),
        "ws-disconnect" => {
            let socket = world.socket()?;
            event(name, |event| event["requestContext"]["connectionId"] = socket.into())
        }
        _ => event(name, |_| {}),
    }
}

async fn ask(world: &World, function: &str, event: &Value) -> Result<Value> {
    let mut instance = Instance::start(&world.helper(function)?).await?;
    let answer = instance.ask(event).await?;
    instance.stop().await?;
    Ok(answer)
}

/// Announces a file and puts its bytes where they belong; returns its id.
async fn upload(world: &World) -> Result<String> {
    let announced = json!({"filename": "dot.gif", "mimetype": "image/gif", "size": GIF.len()}).to_string();
    let created = ask(world, "files-create", &event("files-create", |event| event["body"] = announced.into())?).await?;
    let id = created["file"]["id"].as_str().context("no file")?.to_owned();
    world.cloud.put_object(&format!("uploads/{id}"), Bytes::from_static(GIF));
    Ok(id)
}

/// What the URL of a file asks for that is ready.
async fn serve_event(world: &World) -> Result<Value> {
    let file = upload(world).await?;
    let key = format!("uploads/{file}");
    ask(
        world,
        "files-process",
        &event("files-process", |event| event["Records"][0]["s3"]["object"]["key"] = key.into())?,
    )
    .await?;
    let status = event("files-status", |event| event["pathParameters"]["fileId"] = file.into())?;
    let details = ask(world, "files-status", &status).await?;
    let url = details["url"].as_str().with_context(|| format!("no URL: {details}"))?;
    let (path, query) = url.split_once('?').context("a URL without a query")?;
    let mut names = path.rsplit('/');
    let (name, id) = (names.next().context("no name")?, names.next().context("no id")?);
    event("files-serve", |event| {
        event["rawQueryString"] = query.into();
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        event["queryStringParameters"] = pairs.map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        event["pathParameters"] = json!({"fileId": id, "name": name});
    })
}
