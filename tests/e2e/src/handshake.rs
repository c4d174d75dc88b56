use reqwest::Url;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{Connector, connect_async_tls_with_config};

use crate::socket::Socket;
use crate::stack::Stack;
use crate::tls::tls;
use crate::wait::TIMEOUT;

/// HTTP status with which the server refused to open a socket.
#[derive(Debug)]
pub struct Refused(pub u16);

/// An HTTP request that opens a socket, with the client's credentials and headers.
#[derive(Debug, Default)]
pub struct Handshake {
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
}

impl Handshake {
    /// Returns a handshake without credentials.
    #[must_use]
    pub fn without_credentials() -> Self {
        Self::default()
    }

    /// Returns a handshake with a ticket in the query.
    #[must_use]
    pub fn with_ticket(ticket: &str) -> Self {
        Self::with_query("ticket", ticket)
    }

    /// Returns a handshake with a token in the `Authorization` header.
    #[must_use]
    pub fn with_bearer(token: &str) -> Self {
        Self::default().and_bearer(token)
    }

    /// Adds an `Authorization` header with a token.
    #[must_use]
    pub fn and_bearer(mut self, token: &str) -> Self {
        self.headers.push(("authorization", format!("Bearer {token}")));
        self
    }

    /// Returns a handshake with a single query parameter.
    #[must_use]
    pub fn with_query(key: &'static str, value: &str) -> Self {
        Self { query: vec![(key, value.to_owned())], ..Self::default() }
    }

    /// Adds the `Origin` header that a browser sends for a page of `origin`.
    #[must_use]
    pub fn from_origin(mut self, origin: &str) -> Self {
        self.headers.push(("origin", origin.to_owned()));
        self
    }

    /// Opens the socket. Panics if the server refuses it.
    pub async fn accepted(self) -> Socket {
        match self.open().await {
            Ok(socket) => socket,
            Err(Refused(status)) => panic!("the socket was refused with {status}"),
        }
    }

    /// Tries to open the socket. Panics unless the server refuses it with a 4xx.
    pub async fn refused(self) {
        let shown = self.query.iter().chain(&self.headers).map(|(key, _)| *key).collect::<Vec<_>>();
        match self.open().await {
            Ok(_) => panic!("the server accepted the handshake with {shown:?} instead of refusing it"),
            Err(Refused(status)) => {
                assert!((400..500).contains(&status), "the socket was refused with {status}, expected a 4xx");
            }
        }
    }

    /// Opens the socket, or returns the HTTP status with which the server refused it.
    pub async fn open(self) -> Result<Socket, Refused> {
        let mut url = Url::parse(&Stack::get().ws_url).unwrap_or_else(|error| panic!("wsUrl is not a URL: {error}"));
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(self.query);
        }
        let mut request =
            url.as_str().into_client_request().unwrap_or_else(|error| panic!("the handshake is not valid: {error}"));
        for (name, value) in self.headers {
            let value =
                HeaderValue::from_str(&value).unwrap_or_else(|error| panic!("{name} is not a valid header: {error}"));
            request.headers_mut().insert(name, value);
        }
        let connecting = connect_async_tls_with_config(request, None, false, Some(Connector::Rustls(tls())));
        match timeout(TIMEOUT, connecting).await {
            Ok(Ok((stream, _))) => Ok(Socket::new(stream)),
            Ok(Err(Error::Http(answer))) => Err(Refused(answer.status().as_u16())),
            Ok(Err(error)) => panic!("the handshake failed: {error}"),
            Err(late) => panic!("no response to the handshake: {late}"),
        }
    }
}
