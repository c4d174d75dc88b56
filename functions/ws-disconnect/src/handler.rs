//! Forgets a socket that has closed.

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use contract::ApiError;
use runtime::{SocketEvent, refuse_frame, socket_response};
use store::Connections;

/// Removes the connection and its subscriptions; it may have been done before.
pub async fn handle(connections: &Connections, event: SocketEvent) -> Result<ApiGatewayProxyResponse, ApiError> {
    if let Some(answer) = refuse_frame(&event)? {
        return Ok(answer);
    }
    connections.remove(&event.connection_id).await?;
    Ok(socket_response(200, None))
}

#[cfg(test)]
mod tests {
    use contract::{Channel, ThreadId};
    use testkit::{Tables, connect, socket_event};

    use super::*;

    const EVENT: &str = include_str!("../../../events/ws-disconnect.json");

    #[tokio::test]
    async fn a_frame_that_names_this_route_closes_nothing() {
        let connections = Tables::create().await.connections();
        let connection = connect(&connections, "user-sarah", "phone").await;
        let sample = include_str!("../../../events/ws-message.json");
        let frame = socket_event(sample, "phone", |event| event["body"] = r#"{"action":"$disconnect"}"#.into());
        handle(&connections, frame).await.unwrap();
        assert_eq!(connections.connection(&connection.id).await.unwrap(), Some(connection));
    }

    #[tokio::test]
    async fn nothing_is_left_of_the_connection_and_others_stay() {
        let tables = Tables::create().await;
        let connections = tables.connections();
        let channel = Channel::Thread(ThreadId::new());
        for id in ["phone", "tablet"] {
            let connection = connect(&connections, "user-sarah", id).await;
            connections.subscribe(&connection, &channel).await.unwrap();
        }
        for _ in 0..2 {
            let answer = handle(&connections, socket_event(EVENT, "phone", |_| {})).await.unwrap();
            assert_eq!(answer.status_code, 200);
            let left = connections.subscribers(&channel).await.unwrap().live;
            assert_eq!(left.iter().map(|subscriber| subscriber.connection_id.as_str()).collect::<Vec<_>>(), ["tablet"]);
        }
    }
}
