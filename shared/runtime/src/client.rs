//! How the functions reach AWS: HTTP over TLS, by one client for all services, whose connections they share.
//!
//! AWS's own (`aws-smithy-http-client`) makes a connector for each client and each set of timeouts, and takes the roots it
//! trusts as text only, which it decodes each time: a quarter of the instructions of a function's start.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpConnector as SdkConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{CaptureConnection, HttpConnector, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;
use tower_service::Service;

use crate::config::ConfigError;

/// How long opening a connection may take: its name, TCP and TLS. (The SDK's own `connect_timeout` has no effect here.)
const CONNECT: Duration = Duration::from_secs(1);

/// A connection of HTTP/2 that answers nothing for twice as long, though something is asked, is given up: a frozen
/// instance learns of no end. One of HTTP/1.1 goes with the first attempt that takes too long.
const ALIVE: Duration = Duration::from_secs(1);

/// The client. It trusts Mozilla's roots, or those in the file `bundle` (PEM) alone.
pub(crate) fn http_client(bundle: Option<&str>) -> Result<SharedHttpClient, ConfigError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let builder = HttpsConnectorBuilder::new();
    let builder = match bundle {
        None => builder.with_webpki_roots(),
        Some(file) => {
            let roots = read_roots(file).map_err(|problem| ConfigError::new("AWS_CA_BUNDLE", problem))?;
            builder.with_tls_config(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
        }
    };
    // API Gateway takes all posts on one connection of HTTP/2.
    let https = builder.https_or_http().enable_http1().enable_http2().wrap_connector(tcp);
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .http2_keep_alive_interval(ALIVE)
        .http2_keep_alive_timeout(ALIVE)
        .build(InTime(https));
    let connector = SharedHttpConnector::new(Connector(client));
    Ok(http_client_fn(move |_, _| connector.clone()))
}

fn read_roots(file: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())? {
        roots.add(certificate.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() { Err(format!("{file} has no certificate")) } else { Ok(roots) }
}

#[derive(Debug)]
struct Connector(Client<InTime, SdkBody>);

impl SdkConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let connection = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || Some(closable(connection.clone())));
        }
        let answer = self.0.request(request);
        HttpConnectorFuture::new(async move {
            // Whatever it is, it is between us and the other side, and may go well another time.
            let answer = answer.await.map_err(|error| ConnectorError::io(error.into()))?;
            let answer = HttpResponse::try_from(answer.map(SdkBody::from_body_1_x));
            answer.map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// What the SDK closes a connection by, after an answer such as 503: the next attempt may then meet another machine.
fn closable(connection: CaptureConnection) -> ConnectionMetadata {
    let close = move || {
        if let Some(connection) = connection.connection_metadata().as_ref() {
            connection.poison();
        }
    };
    ConnectionMetadata::builder().proxied(false).poison_fn(close).build()
}

/// Opens connections within [`CONNECT`].
#[derive(Debug, Clone)]
struct InTime(HttpsConnector<HttpConnector>);

type Opened = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
type Failure = Box<dyn Error + Send + Sync>;

impl Service<Uri> for InTime {
    type Response = Opened;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Opened, Failure>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let opening = self.0.call(to);
        Box::pin(async move { timeout(CONNECT, opening).await? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_cannot_be_trusted_stops_the_function() {
        for file in ["nowhere.pem", "Cargo.toml"] {
            let error = http_client(Some(file)).unwrap_err().to_string();
            assert!(error.starts_with("AWS_CA_BUNDLE: "), "{error}");
        }
    }

    #[tokio::test]
    async fn a_connection_that_does_not_open_is_given_up() {
        // It takes connections, and says nothing of TLS.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let https = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1();
        let mut connector = InTime(https.wrap_connector({
            let mut tcp = HttpConnector::new();
            tcp.enforce_http(false);
            tcp
        }));
        let error = connector.call(url.parse().unwrap()).await.err().unwrap();
        assert!(error.is::<tokio::time::error::Elapsed>(), "{error}");
    }
}
