//! Serves WebSocket routes behind API Gateway: reads API Gateway's events, passes them to a handler, and builds the
//! responses.

use std::future::Future;

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use contract::{Answer, ApiError, ConnectionId, Event, Frame, FrameError};
use http::HeaderValue;
use lambda_runtime::{LambdaEvent, service_fn};

use crate::error::report;

/// A WebSocket event from API Gateway: a client connects, has disconnected, or sent a frame.
#[derive(Debug)]
pub struct SocketEvent {
    /// ID of the connection that the event is about.
    pub connection_id: ConnectionId,
    request: ApiGatewayWebsocketProxyRequest,
}

impl SocketEvent {
    /// Wraps an event of API Gateway. Fails if the event has no connection ID.
    pub fn new(request: ApiGatewayWebsocketProxyRequest) -> Result<Self, ApiError> {
        let connection_id = request.request_context.connection_id.clone();
        let connection_id =
            connection_id.ok_or_else(|| ApiError::Internal("API Gateway's event has no connectionId".into()))?;
        Ok(Self { connection_id: ConnectionId::new(connection_id), request })
    }

    /// Returns the value of the header `name`. Only `$connect` events have headers.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.request.headers.get(name).map(HeaderValue::as_bytes)
    }

    /// Returns the query parameter `name` of the socket's URL. Only `$connect` events have query parameters.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.request.query_string_parameters.first(name)
    }

    /// Returns the text of the client's frame; `None` if the frame is binary.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if self.request.is_base64_encoded { None } else { Some(self.request.body.as_deref().unwrap_or_default()) }
    }
}

/// Protects the routes `$connect` and `$disconnect` from frames: returns an `error` answer if `event` is a frame,
/// `None` otherwise.
///
/// API Gateway chooses the route by the frame's `action`, so a frame with the action `$connect` reaches the handler of
/// that route. Such a frame must not open or close a connection. On AWS the client does not receive the answer, because
/// these routes have no route response.
pub fn refuse_frame(event: &SocketEvent) -> Result<Option<ApiGatewayProxyResponse>, ApiError> {
    if event.request.request_context.event_type.as_deref() != Some("MESSAGE") {
        return Ok(None);
    }
    let frame = Frame::parse(event.text().unwrap_or_default());
    let error = frame.action.err().unwrap_or_else(FrameError::unknown_action);
    let answer = Answer { event: Event::Error(error), id: frame.id };
    Ok(Some(socket_response(200, Some(serde_json::to_string(&answer)?))))
}

/// Builds the response to a WebSocket event. For `$connect`, any status other than 200 rejects the connection. For a
/// frame, API Gateway sends `body` to the client.
#[must_use]
pub fn socket_response(status: u16, body: Option<String>) -> ApiGatewayProxyResponse {
    let mut response = ApiGatewayProxyResponse::default();
    response.status_code = status.into();
    response.body = body.map(Into::into);
    response
}

/// Runs a function that serves a WebSocket route. Returns only when Lambda shuts the instance down.
///
/// If the client caused an error, the response has the error's status. If the server caused the error, the invocation
/// fails, because the function's error metric counts only failed invocations. For `$connect`, API Gateway refuses the
/// connection after either error.
pub async fn serve_socket<H, F>(handle: H) -> Result<(), lambda_runtime::Error>
where
    H: Fn(SocketEvent) -> F + Send + Sync,
    F: Future<Output = Result<ApiGatewayProxyResponse, ApiError>> + Send,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<ApiGatewayWebsocketProxyRequest>| async move {
        let request_id = event.context.request_id;
        let answered = async { handle(SocketEvent::new(event.payload)?).await };
        answer(answered.await, &request_id)
    }))
    .await
}

fn answer(
    answered: Result<ApiGatewayProxyResponse, ApiError>,
    request_id: &str,
) -> Result<ApiGatewayProxyResponse, lambda_runtime::Error> {
    match answered {
        Err(error @ ApiError::Problem(_)) => {
            let problem = report(error);
            Ok(socket_response(problem.code.status(), Some(problem.to_json(request_id))))
        }
        // The Lambda runtime logs the error.
        answered => Ok(answered?),
    }
}

#[cfg(test)]
mod tests {
    use contract::{ErrorCode, Problem};

    use super::*;

    #[test]
    fn server_faults_fail_the_invocation_and_client_faults_do_not() {
        let refused = Problem::new(ErrorCode::OriginNotAllowed, "This page may not connect.");
        assert_eq!(answer(Err(refused.into()), "r-1").unwrap().status_code, 403);
        assert_eq!(answer(Ok(socket_response(200, None)), "r-1").unwrap().status_code, 200);
        for fault in [ApiError::Unavailable("DynamoDB is busy".into()), ApiError::Internal("a row is broken".into())] {
            assert_eq!(answer(Err(fault.clone()), "r-1").unwrap_err().to_string(), fault.to_string());
        }
    }
}
