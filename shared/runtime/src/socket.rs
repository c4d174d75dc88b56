//! WebSocket events of API Gateway.

use std::future::Future;

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use contract::{Answer, ApiError, ConnectionId, ErrorCode, Event, Frame, FrameError};
use http::HeaderValue;
use lambda_runtime::{LambdaEvent, service_fn};

use crate::error::report;

/// What happened on a socket: it was opened, closed, or sent a frame.
#[derive(Debug)]
pub struct SocketEvent {
    /// Which socket.
    pub connection_id: ConnectionId,
    request: ApiGatewayWebsocketProxyRequest,
}

impl SocketEvent {
    /// Reads API Gateway's event.
    pub fn new(request: ApiGatewayWebsocketProxyRequest) -> Result<Self, ApiError> {
        let connection_id = request.request_context.connection_id.clone();
        let connection_id = connection_id.ok_or_else(|| ApiError::Internal("an event without a connection".into()))?;
        Ok(Self { connection_id: ConnectionId::new(connection_id), request })
    }

    /// The value of a header; only the event of opening has headers.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.request.headers.get(name).map(HeaderValue::as_bytes)
    }

    /// A parameter of the URL; only the event of opening has any.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.request.query_string_parameters.first(name)
    }

    /// The frame's text; `None` where it was binary.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if self.request.is_base64_encoded { None } else { Some(self.request.body.as_deref().unwrap_or_default()) }
    }
}

/// The answer to a frame that has come to a route which takes none; nothing where `event` is no frame. API Gateway picks
/// the route by the frame's `action`, and nothing says that a client cannot name `$connect` or `$disconnect` there.
/// (Those routes have no route response, so on AWS the answer goes no further; nothing is opened or closed, which is
/// what matters.)
pub fn refuse_frame(event: &SocketEvent) -> Result<Option<ApiGatewayProxyResponse>, ApiError> {
    if event.request.request_context.event_type.as_deref() != Some("MESSAGE") {
        return Ok(None);
    }
    let frame = Frame::parse(event.text().unwrap_or_default());
    let unknown = FrameError::new(ErrorCode::UnknownAction, "There is no such action.");
    let answer = Answer { event: Event::Error(frame.action.err().unwrap_or(unknown)), id: frame.id };
    Ok(Some(socket_response(200, Some(serde_json::to_string(&answer)?))))
}

/// An answer: for the event of opening, anything but 200 refuses the socket; for a frame, `body` is sent back.
#[must_use]
pub fn socket_response(status: u16, body: Option<String>) -> ApiGatewayProxyResponse {
    let mut response = ApiGatewayProxyResponse::default();
    response.status_code = status.into();
    response.body = body.map(Into::into);
    response
}

/// Serves the events of a socket route; an error becomes an answer of its status. Returns only when the environment
/// ends.
pub async fn serve_socket<H, F>(handle: H) -> Result<(), lambda_runtime::Error>
where
    H: Fn(SocketEvent) -> F + Send + Sync,
    F: Future<Output = Result<ApiGatewayProxyResponse, ApiError>> + Send,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<ApiGatewayWebsocketProxyRequest>| async move {
        let request_id = event.context.request_id;
        let answered = async { handle(SocketEvent::new(event.payload)?).await };
        Ok::<_, lambda_runtime::Error>(answered.await.unwrap_or_else(|error| {
            let problem = report(error);
            socket_response(problem.code.status(), Some(problem.to_json(&request_id)))
        }))
    }))
    .await
}
