//! Removes a closed WebSocket connection from the `Connections` table.

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use contract::ApiError;
use runtime::{SocketEvent, refuse_frame, socket_response};
use store::Connections;

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Connections` table, which stores connections and their subscriptions.
    pub connections: Connections,
}

/// Handles `$disconnect`. Removes the connection and its subscriptions. Idempotent.
///
/// API Gateway chooses the route of a frame by its action, so a frame with the action `$disconnect` also gets here. It
/// is answered with an error event and closes no connection.
pub async fn handle(deps: &Deps, event: SocketEvent) -> Result<ApiGatewayProxyResponse, ApiError> {
    if let Some(answer) = refuse_frame(&event)? {
        return Ok(answer);
    }
    deps.connections.remove(&event.connection_id).await?;
    Ok(socket_response(200, None))
}

#[cfg(test)]
mod tests {
    use contract::{Channel, ThreadId};
    use testkit::{Tables, connect, socket_event};

    use super::*;

    const EVENT: &str = include_str!("../../../events/ws-disconnect.json");

    async fn deps() -> Deps {
        Deps { connections: Tables::create().await.connections() }
    }

    #[tokio::test]
    async fn frame_that_names_this_route_closes_nothing() {
        let deps = deps().await;
        let connection = connect(&deps.connections, "user-sarah", "phone").await;
        let sample = include_str!("../../../events/ws-message.json");
        let frame = socket_event(sample, "phone", |event| event["body"] = r#"{"action":"$disconnect"}"#.into());
        handle(&deps, frame).await.unwrap();
        assert_eq!(deps.connections.connection(&connection.id).await.unwrap(), Some(connection));
    }

    #[tokio::test]
    async fn connection_and_its_subscriptions_are_removed_and_others_stay() {
        let deps = deps().await;
        let channel = Channel::Thread(ThreadId::new());
        for id in ["phone", "tablet"] {
            let connection = connect(&deps.connections, "user-sarah", id).await;
            deps.connections.subscribe(&connection, &channel).await.unwrap();
        }
        for _ in 0..2 {
            let answer = handle(&deps, socket_event(EVENT, "phone", |_| {})).await.unwrap();
            assert_eq!(answer.status_code, 200);
            let live = deps.connections.subscribers(&channel).await.unwrap().live;
            assert_eq!(live.iter().map(|subscriber| subscriber.connection_id.as_str()).collect::<Vec<_>>(), ["tablet"]);
        }
    }
}
