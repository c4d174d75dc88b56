//! The routes of the WebSocket API, and the sockets of clients.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use contract::limits;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};

use super::{ROUTE_TIMEOUT, World, socket_event};
use crate::parts::Parts;

/// API Gateway closes a socket after this time without a frame:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>
const IDLE: Duration = Duration::from_mins(10);

impl World {
    /// Invokes `$connect` for a new socket. Returns a receiver of the socket's frames, or `None` if the connection is
    /// refused.
    pub(crate) async fn connect(self: &Arc<Self>, id: &str, ticket: &str) -> Option<UnboundedReceiver<Value>> {
        let event = socket_event(id, "CONNECT", |event| {
            event.query_string_parameters = HashMap::from([("ticket".to_owned(), ticket.to_owned())]).into();
        });
        let world = self.clone();
        let answered = self.spawn("ws-connect", async move {
            let handle = async |deps: &_| ws_connect::handle(deps, event).await;
            world.invoke(&world.warm.ws_connect, Parts::ws_connect, ROUTE_TIMEOUT, handle).await
        });
        (answered.await?.ok()?.status_code == 200).then(|| self.open_socket(id))
    }

    /// Opens a socket. After 2 hours, or 10 minutes without a frame, API Gateway closes it and, in most cases, invokes
    /// `$disconnect`.
    fn open_socket(self: &Arc<Self>, id: &str) -> UnboundedReceiver<Value> {
        let (world, id, frames) = (self.clone(), id.to_owned(), self.cloud.gateway.open(id));
        drop(self.spawn("closing a socket", async move {
            let limit = Instant::now() + Duration::from_secs(limits::CONNECTION_SECONDS.unsigned_abs());
            let gateway = &world.cloud.gateway;
            loop {
                let end = gateway.last_frame(&id).map_or(limit, |last| limit.min(last + IDLE));
                if Instant::now() >= end {
                    break;
                }
                sleep_until(end).await;
            }
            if gateway.close(&id) && !world.cloud.faults.one_in(4, &world.cloud.chance) {
                world.disconnected(&id);
            }
            Some(())
        }));
        frames
    }

    /// Invokes `$disconnect` for a closed socket.
    pub(crate) fn disconnected(self: &Arc<Self>, id: &str) {
        let event = socket_event(id, "DISCONNECT", |_| {});
        let world = self.clone();
        drop(self.spawn("ws-disconnect", async move {
            let handle = async |deps: &_| ws_disconnect::handle(deps, event).await;
            world.invoke(&world.warm.ws_disconnect, Parts::ws_disconnect, ROUTE_TIMEOUT, handle).await
        }));
    }

    /// Invokes `$default` with a client's frame. Posts the answer to the client's socket.
    pub(crate) fn frame(self: &Arc<Self>, id: &str, frame: &Value) {
        self.cloud.gateway.receive(id);
        let event = socket_event(id, "MESSAGE", |event| event.body = Some(frame.to_string()));
        let (world, id) = (self.clone(), id.to_owned());
        drop(self.spawn("ws-message", async move {
            let handle = async |deps: &_| ws_message::handle(deps, event).await;
            let answered = world.invoke(&world.warm.ws_message, Parts::ws_message, ROUTE_TIMEOUT, handle);
            if let Ok(ApiGatewayProxyResponse { body: Some(body), .. }) = answered.await? {
                let aws_lambda_events::encodings::Body::Text(body) = body else { panic!("the answer is not text") };
                world.cloud.gateway.post(&id, body.as_bytes());
            }
            Some(())
        }));
    }
}
