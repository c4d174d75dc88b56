//! The least that a function could cost: a program that speaks the Lambda runtime's protocol and makes a function's
//! calls, without an SDK and without TLS, on connections that stay open.
//!
//! For each event it makes the `DynamoDB` calls in the file `FLOOR_CALLS`, one after the other. Each line of the file
//! is an operation, a tab and a request body. Then it sends `FLOOR_POSTS` posts to `WS_ENDPOINT`, 64 at once.

mod http;
mod sign;

use std::env;

use anyhow::{Context as _, Result};
use http::{Connection, host_of};
use sign::Signer;
use tokio::task::JoinSet;

/// Number of concurrent posts: as many as the functions send.
const CONCURRENCY: usize = 64;

/// Placeholders in `FLOOR_CALLS` for the number of the event, counted from 1. `PADDED` stands for the number padded
/// with zeros to 20 digits.
const NUMBER: &str = "{SEQ}";
const PADDED: &str = "{SEQ20}";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let api = env::var("AWS_LAMBDA_RUNTIME_API").context("AWS_LAMBDA_RUNTIME_API is not set")?;
    let calls = env::var("FLOOR_CALLS").ok().map(std::fs::read_to_string).transpose()?.unwrap_or_default();
    let calls: Vec<_> = calls.lines().filter_map(|line| line.split_once('\t')).collect();
    let signer = Signer::new()?;
    let mut runtime = Connection::open(&api).await?;
    let mut posts = match env::var("FLOOR_POSTS") {
        Ok(posts) => Some(Posts::open(posts.parse()?).await?),
        Err(_) => None,
    };
    let mut dynamodb = None;
    if !calls.is_empty() {
        dynamodb = Some(Connection::open(host_of(&env::var("AWS_ENDPOINT_URL")?)).await?);
    }
    for number in 1_u64.. {
        let next = runtime.send("GET", "/2018-06-01/runtime/invocation/next", "", b"").await?;
        let id = next.header("lambda-runtime-aws-request-id").context("the event has no request ID")?;
        if let Some(dynamodb) = &mut dynamodb {
            for (operation, body) in &calls {
                let body = body.replace(PADDED, &format!("{number:020}")).replace(NUMBER, &number.to_string());
                let headers = signer.headers(operation, dynamodb.host(), body.as_bytes())?;
                let answer = dynamodb.send("POST", "/", &headers, body.as_bytes()).await?;
                anyhow::ensure!(answer.status == 200, "{operation} was answered with status {}", answer.status);
            }
        }
        if let Some(posts) = &mut posts {
            posts.send().await?;
        }
        let path = format!("/2018-06-01/runtime/invocation/{id}/response");
        runtime.send("POST", &path, "", br#"{"statusCode":200}"#).await?;
    }
    Ok(())
}

/// Sends the posts of each event over several connections. Each connection sends an equal part of them.
struct Posts {
    connections: Vec<Connection>,
    path: String,
    count: usize,
}

impl Posts {
    async fn open(count: usize) -> Result<Self> {
        let endpoint = env::var("WS_ENDPOINT").context("WS_ENDPOINT is not set")?;
        let mut connections = Vec::new();
        for _ in 0..CONCURRENCY.min(count) {
            connections.push(Connection::open(host_of(&endpoint)).await?);
        }
        let stage = endpoint.rsplit('/').next().unwrap_or_default();
        Ok(Self { connections, path: format!("/{stage}/@connections"), count })
    }

    async fn send(&mut self) -> Result<()> {
        let frame = [b'x'; 400];
        let (count, workers) = (self.count, self.connections.len());
        let mut posting = JoinSet::new();
        for (first, mut connection) in self.connections.drain(..).enumerate() {
            let path = self.path.clone();
            posting.spawn(async move {
                for n in (first..count).step_by(workers) {
                    connection.send("POST", &format!("{path}/c{n}"), "", &frame).await?;
                }
                anyhow::Ok(connection)
            });
        }
        while let Some(done) = posting.join_next().await {
            self.connections.push(done??);
        }
        Ok(())
    }
}
