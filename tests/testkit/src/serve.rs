use std::error::Error;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Serves the HTTP service `service` on a free local port until the current async runtime ends. Returns its URL.
pub(crate) async fn serve<S, B>(service: S) -> String
where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send> + Clone + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    serve_each(move || service.clone()).await
}

/// Serves HTTP as [`serve`] does, but with a new service for each connection, which `service` returns.
pub(crate) async fn serve_each<S, B>(service: impl Fn() -> S + Send + 'static) -> String
where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send> + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("cannot listen on a local port");
    let endpoint = format!("http://{}", listener.local_addr().expect("the listener has no address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // The result of this task is ignored, because tests break connections on purpose.
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service()));
        }
    });
    endpoint
}
