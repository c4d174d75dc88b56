//! A minimal HTTP/1.1 client that keeps its connection open. It needs a `content-length` in every answer.

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) struct Connection {
    stream: TcpStream,
    host: String,
    received: Vec<u8>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Status line and headers, converted to lower case.
    head: String,
}

/// Returns the host and port of a URL.
pub(crate) fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

impl Connection {
    pub(crate) async fn open(host: &str) -> Result<Self> {
        let stream = TcpStream::connect(host).await.with_context(|| format!("cannot connect to {host}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, host: host.to_owned(), received: Vec::new() })
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Sends a request and receives the whole answer. `headers` are complete header lines, each with CRLF.
    pub(crate) async fn send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Result<Answer> {
        let (host, length) = (&self.host, body.len());
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\n{headers}\r\n")
                .into_bytes();
        request.extend_from_slice(body);
        self.stream.write_all(&request).await?;
        let end = loop {
            if let Some(end) = self.received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            self.receive().await?;
        };
        let head = String::from_utf8_lossy(&self.received[..end]).to_ascii_lowercase();
        let status = head.get(9..12).and_then(|status| status.parse().ok()).context("the answer has no status")?;
        let answer = Answer { status, head };
        let length: usize = answer.header("content-length").context("the answer has no content-length")?.parse()?;
        while self.received.len() < end + length {
            self.receive().await?;
        }
        self.received.drain(..end + length);
        Ok(answer)
    }

    async fn receive(&mut self) -> Result<()> {
        anyhow::ensure!(self.stream.read_buf(&mut self.received).await? > 0, "{} closed the connection", self.host);
        Ok(())
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    }
}
