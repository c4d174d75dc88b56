use std::convert::Infallible;
use std::future::Future;

use aws_types::SdkConfig;
use bytes::Bytes;
use files::Decoder;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode, service::service_fn};
use serde_json::Value;

use crate::dynamodb::sdk_config;
use crate::proxy::{self, Fault, Intercepted};
use crate::serve::serve;

/// A fake of Lambda on a local port with one function, which is part of the test.
#[derive(Clone)]
pub struct Lambda {
    config: SdkConfig,
}

/// Result of an invocation of the fake's function.
pub enum Invoked {
    /// The function returned this payload.
    Returned(Value),
    /// The function crashed or exceeded its timeout.
    Crashed,
    /// Lambda refused the invocation, because the account's concurrency was in use.
    Throttled,
}

impl Lambda {
    /// Starts the fake. It calls `function` with the payload of each invocation.
    pub async fn start<F, R>(function: F) -> Self
    where
        F: Fn(Value) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Invoked> + Send,
    {
        let endpoint = serve(service_fn(move |request: Request<Incoming>| {
            let function = function.clone();
            async move {
                let body = request.into_body().collect().await.expect("cannot read the request body").to_bytes();
                let payload = serde_json::from_slice(&body).expect("the payload is not JSON");
                Ok::<_, Infallible>(respond(&function(payload).await))
            }
        }));
        Self { config: sdk_config(endpoint.await) }
    }

    /// Returns access to the same function through a proxy that injects faults: it calls `fault` for each request to
    /// decide what happens to the request.
    pub async fn through<F>(&self, fault: F) -> Self
    where
        F: Fn(&Intercepted) -> Fault + Send + Sync + 'static,
    {
        let fake = self.config.endpoint_url().expect("the Lambda fake has no endpoint").to_owned();
        Self { config: sdk_config(proxy::start(fake, fault).await) }
    }

    /// Returns a client of files-decode that invokes the fake's function.
    #[must_use]
    pub fn decoder(&self) -> Decoder {
        Decoder::new(&self.config, "files-decode".into())
    }
}

/// Returns Lambda's HTTP response to an invocation:
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
fn respond(invoked: &Invoked) -> Response<Full<Bytes>> {
    let response = match invoked {
        Invoked::Returned(payload) => Response::builder().body(payload.to_string()),
        Invoked::Crashed => Response::builder()
            .header("x-amz-function-error", "Unhandled")
            .body(r#"{"errorType":"Runtime.ExitError","errorMessage":"Runtime exited"}"#.into()),
        Invoked::Throttled => Response::builder()
            .status(StatusCode::TOO_MANY_REQUESTS)
            .header("x-amzn-errortype", "TooManyRequestsException")
            .body("{}".into()),
    };
    response.expect("the response is valid").map(|body| Full::new(Bytes::from(body)))
}
