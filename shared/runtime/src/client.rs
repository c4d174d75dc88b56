//! The HTTP client of all AWS clients. All services share its connections.
//!
//! It replaces AWS's own client (`aws-smithy-http-client`), which creates a connector for each service and each set of
//! timeouts. That client also takes root certificates only as PEM text and decodes them each time, which is a quarter
//! of the instructions of a function's start.

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

/// The time limit for opening a connection: DNS, TCP and TLS. The SDK's `connect_timeout` has no effect on this client.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The interval of HTTP/2 pings, and the time limit for their answers. So a connection with open requests is closed
/// after 2 s without an answer. While Lambda has frozen an instance, the server may close the connection, and the
/// instance does not notice it: the pings show that the connection is dead. HTTP/1.1 has no pings: a dead connection is
/// closed when the first request on it times out.
const PING: Duration = Duration::from_secs(1);

/// Creates the HTTP client. It trusts Mozilla's root certificates, or only those in the PEM file `bundle`.
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
    // With HTTP/2, one connection to API Gateway carries all concurrent posts to WebSockets.
    let https = builder.https_or_http().enable_http1().enable_http2().wrap_connector(tcp);
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .http2_keep_alive_interval(PING)
        .http2_keep_alive_timeout(PING)
        .build(TimedConnector(https));
    let connector = SharedHttpConnector::new(Connector(client));
    Ok(http_client_fn(move |_, _| connector.clone()))
}

fn read_roots(file: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())? {
        roots.add(certificate.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() { Err(format!("{file} contains no certificate")) } else { Ok(roots) }
}

#[derive(Debug)]
struct Connector(Client<TimedConnector, SdkBody>);

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
            // The SDK retries an `io` error, because it counts as a network failure.
            let answer = answer.await.map_err(|error| ConnectorError::io(error.into()))?;
            let answer = HttpResponse::try_from(answer.map(SdkBody::from_body_1_x));
            answer.map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Gives the SDK a way to close a connection. The SDK closes it after an answer such as 503, because a retry on a new
/// connection may reach another server.
fn closable(connection: CaptureConnection) -> ConnectionMetadata {
    let close = move || {
        if let Some(connection) = connection.connection_metadata().as_ref() {
            connection.poison();
        }
    };
    ConnectionMetadata::builder().proxied(false).poison_fn(close).build()
}

/// Opens connections. Fails if opening one takes longer than [`CONNECT_TIMEOUT`].
#[derive(Debug, Clone)]
struct TimedConnector(HttpsConnector<HttpConnector>);

type HttpConnection = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
type BoxError = Box<dyn Error + Send + Sync>;

impl Service<Uri> for TimedConnector {
    type Response = HttpConnection;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpConnection, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let opening = self.0.call(uri);
        Box::pin(async move { timeout(CONNECT_TIMEOUT, opening).await? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundle_without_certificates_is_an_error() {
        for file in ["nowhere.pem", "Cargo.toml"] {
            let error = http_client(Some(file)).unwrap_err().to_string();
            assert!(error.starts_with("AWS_CA_BUNDLE: "), "{error}");
        }
    }

    #[tokio::test]
    async fn connection_without_tls_handshake_times_out() {
        // The listener accepts TCP connections but never answers the TLS handshake.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let https = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1();
        let mut connector = TimedConnector(https.wrap_connector({
            let mut tcp = HttpConnector::new();
            tcp.enforce_http(false);
            tcp
        }));
        let error = connector.call(url.parse().unwrap()).await.err().unwrap();
        assert!(error.is::<tokio::time::error::Elapsed>(), "{error}");
    }
}
