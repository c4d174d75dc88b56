//! Forgets a socket that has closed.

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use runtime::{ApiError, SocketEvent, socket_response};
use store::Connections;

/// Removes the connection and its subscriptions; it may have been done before.
pub async fn handle(connections: &Connections, event: SocketEvent) -> Result<ApiGatewayProxyResponse, ApiError> {
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
            let left: Vec<_> = connections.subscribers(&channel).await.unwrap();
            assert_eq!(left.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["tablet"]);
        }
    }
}
