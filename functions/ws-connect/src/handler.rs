//! Accepts or refuses a new WebSocket connection.

use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use contract::{ApiError, Channel, ConnectionId, ErrorCode, Event, FrameError, Problem, Timestamp};
use push::{Limits, Push};
use runtime::{SocketEvent, Verifier, bearer, refuse_frame, socket_response};
use store::{Connections, Subscriber, TicketHolder};

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Connections` table, which stores tickets and connections.
    pub connections: Connections,
    /// Closes connections, with [`LIMITS`].
    pub push: Push,
    /// Maximum number of open connections of a user.
    pub connections_per_user: u64,
    /// Verifies the bearer token of clients that send one instead of a ticket.
    pub verifier: Verifier,
    /// Origins of the web pages that may connect, such as `https://chat.example`.
    pub allowed_origins: Vec<String>,
}

/// Time limits for closing connections. They are short, because the client waits for the handshake.
pub const LIMITS: Limits = Limits { post: Duration::from_secs(1), overall: Duration::from_secs(2) };

/// Splits a comma-separated list of origins, as in `ALLOWED_ORIGINS`. Drops empty entries.
#[must_use]
pub fn parse_origins(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|origin| !origin.is_empty()).map(str::to_owned).collect()
}

/// Handles `$connect`. Stores the connection and answers 200. Refuses it with 401 if its ticket or token is not valid,
/// and with 403 if its origin is not allowed. If the user has too many open connections, closes the oldest; if that
/// fails, the new connection is accepted nevertheless.
///
/// API Gateway chooses the route of a frame by its action, so a frame with the action `$connect` also gets here. It is
/// answered with an error event and opens no connection.
pub async fn handle(deps: &Deps, event: SocketEvent) -> Result<ApiGatewayProxyResponse, ApiError> {
    if let Some(answer) = refuse_frame(&event)? {
        return Ok(answer);
    }
    // Browsers always send an Origin header. Other clients may omit it: they have no cookies or tickets that a web page
    // could abuse.
    if let Some(origin) = event.header("origin")
        && !deps.allowed_origins.iter().any(|allowed| allowed.as_bytes() == origin)
    {
        let detail = "This page's origin may not connect. Open the app at an address that the server allows.";
        return Err(Problem::new(ErrorCode::OriginNotAllowed, detail).into());
    }
    let holder = identify(deps, &event).await?;
    // A ticket may outlive the token that it was issued for, so the token's expiry is checked, too.
    if holder.token_expires_at <= Timestamp::now().seconds() {
        let detail = "The token has expired. Sign in again, then request a new ticket.";
        return Err(Problem::new(ErrorCode::Unauthorized, detail).into());
    }
    let TicketHolder { user_id, token_expires_at } = holder;
    let channel = Channel::User(user_id.clone());
    let (open, ()) = tokio::try_join!(
        deps.connections.subscribers(&channel),
        deps.connections.connect(&event.connection_id, &user_id, token_expires_at)
    )?;
    let surplus = surplus(open.live, &event.connection_id, deps.connections_per_user);
    if !surplus.is_empty() {
        deps.push.close_with_frame(&channel, &surplus, &too_many_connections(deps)?).await;
    }
    Ok(socket_response(200, None))
}

/// Returns the user's oldest connections, which must be closed so that at most `limit` stay open, including the new
/// one. `open` are the user's connections; they may or may not include the new one.
fn surplus(mut open: Vec<Subscriber>, new: &ConnectionId, limit: u64) -> Vec<Subscriber> {
    open.retain(|subscriber| subscriber.connection_id != *new);
    open.sort_by_key(|subscriber| subscriber.subscribed_at);
    let kept = usize::try_from(limit.saturating_sub(1)).unwrap_or(usize::MAX);
    open.truncate(open.len().saturating_sub(kept));
    open
}

fn too_many_connections(deps: &Deps) -> Result<String, ApiError> {
    let limit = deps.connections_per_user;
    let detail = format!("You have more than {limit} open connections. This is the oldest, so the server closes it.");
    let event = Event::Error(FrameError::new(ErrorCode::TooManyConnections, detail));
    Ok(serde_json::to_string(&event)?)
}

async fn identify(deps: &Deps, event: &SocketEvent) -> Result<TicketHolder, ApiError> {
    let Some(ticket) = event.query("ticket") else {
        let caller = deps
            .verifier
            .verify(bearer(event.header("authorization").and_then(|value| str::from_utf8(value).ok()))?)
            .await?;
        return Ok(TicketHolder { user_id: caller.id, token_expires_at: caller.expires_at });
    };
    let detail = "The ticket is unknown, has expired or was already used. Request a new ticket.";
    let refused = || Problem::new(ErrorCode::Unauthorized, detail);
    Ok(deps.connections.redeem_ticket(ticket).await?.ok_or_else(refused)?)
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;
    use runtime::{identity::VerifierConfig, report};
    use serde_json::{Value, json};
    use testkit::issuer::{AUDIENCE, Issuer};
    use testkit::{Fault, Management, Tables, caller, connect, socket_event};

    use super::*;

    const EVENT: &str = include_str!("../../../events/ws-connect.json");

    struct Fixture {
        tables: Tables,
        deps: Deps,
        issuer: Issuer,
        management: Management,
    }

    impl Fixture {
        async fn new() -> Self {
            let issuer = Issuer::start().await;
            let config = VerifierConfig {
                issuer: issuer.url().to_owned(),
                audience: AUDIENCE.into(),
                jwks_url: issuer.jwks_url(),
            };
            let (tables, management) = (Tables::create().await, Management::start().await);
            let connections = tables.connections();
            let deps = Deps {
                push: management.push(connections.clone()).with_limits(LIMITS),
                connections,
                connections_per_user: 3,
                verifier: Verifier::new(config).unwrap(),
                allowed_origins: vec!["http://localhost:5173".into()],
            };
            Self { tables, deps, issuer, management }
        }

        async fn ticket(&self) -> String {
            let holder = TicketHolder { user_id: caller("user-sarah").id, token_expires_at: i64::MAX };
            self.deps.connections.issue_ticket(holder).await.unwrap()
        }

        /// Returns the HTTP status that answers a WebSocket handshake with the given headers and query parameters.
        async fn connect(&self, connection: &str, headers: Value, query: Value) -> u16 {
            let event = socket_event(EVENT, connection, |event| {
                event["headers"] = headers;
                event["queryStringParameters"] = query;
            });
            match handle(&self.deps, event).await {
                Ok(response) => u16::try_from(response.status_code).unwrap(),
                Err(error) => report(error).code.status(),
            }
        }

        async fn connect_with_ticket(&self, connection: &str) -> u16 {
            let query = json!({"ticket": self.ticket().await});
            self.connect(connection, json!({}), query).await
        }

        /// Makes all connections look as if they had been opened a minute earlier.
        async fn make_older(&self) {
            let Tables { client, connections, .. } = &self.tables;
            let rows = client.scan().table_name(connections).into_paginator().items().send();
            for row in rows.collect::<Result<Vec<_>, _>>().await.unwrap() {
                if !row.contains_key("subscribedAt") {
                    continue;
                }
                let update = client.update_item().table_name(connections);
                let update = update.key("pk", row["pk"].clone()).key("sk", row["sk"].clone());
                let update = update.update_expression("SET subscribedAt = subscribedAt - :minute");
                update.expression_attribute_values(":minute", AttributeValue::N("60".into())).send().await.unwrap();
            }
        }

        async fn user_of(&self, connection: &str) -> Option<String> {
            let connection = self.deps.connections.connection(&ConnectionId::new(connection)).await.unwrap();
            connection.map(|connection| connection.user_id.to_string())
        }
    }

    #[tokio::test]
    async fn ticket_opens_one_connection() {
        let fixture = Fixture::new().await;
        let query = json!({"ticket": fixture.ticket().await});
        assert_eq!(fixture.connect("first", json!({"Origin": "http://localhost:5173"}), query.clone()).await, 200);
        assert_eq!(fixture.user_of("first").await.as_deref(), Some("user-sarah"));
        assert_eq!(fixture.connect("second", json!({}), query).await, 401);
        assert_eq!(fixture.user_of("second").await, None);
    }

    #[tokio::test]
    async fn oldest_connection_over_the_limit_is_told_and_closed() {
        let fixture = Fixture::new().await;
        connect(&fixture.deps.connections, "user-dad", "tablet").await;
        for id in ["first", "second", "third", "fourth"] {
            assert_eq!(fixture.connect_with_ticket(id).await, 200);
            fixture.make_older().await;
        }
        let frames = fixture.management.frames("first");
        assert_eq!((frames.len(), &frames[0]["event"]), (1, &json!("error")));
        assert_eq!(frames[0]["data"]["code"], "too_many_connections");
        assert_eq!(fixture.management.closed(), ["first"]);
        assert_eq!(fixture.user_of("first").await, None);
        for (id, user) in [("second", "user-sarah"), ("fourth", "user-sarah"), ("tablet", "user-dad")] {
            assert_eq!(fixture.user_of(id).await.as_deref(), Some(user), "{id}");
            assert!(fixture.management.frames(id).is_empty(), "{id}");
        }
    }

    #[tokio::test]
    async fn closed_connections_make_room_without_closing_open_ones() {
        let fixture = Fixture::new().await;
        for id in ["closed", "second", "third"] {
            assert_eq!(fixture.connect_with_ticket(id).await, 200);
            fixture.make_older().await;
        }
        // The client closed this connection, but API Gateway did not call `$disconnect`.
        fixture.management.answer("closed", 410);
        assert_eq!(fixture.connect_with_ticket("fourth").await, 200);
        assert_eq!(fixture.user_of("closed").await, None);
        assert!(fixture.management.closed().is_empty());
        assert_eq!(fixture.user_of("second").await.as_deref(), Some("user-sarah"));
    }

    #[tokio::test]
    async fn connection_that_is_being_opened_is_not_closed() {
        let fixture = Fixture::new().await;
        for id in ["opening", "second", "third"] {
            assert_eq!(fixture.connect_with_ticket(id).await, 200);
        }
        fixture.management.answer("opening", 410);
        assert_eq!(fixture.connect_with_ticket("fourth").await, 200);
        assert_eq!(fixture.user_of("opening").await.as_deref(), Some("user-sarah"));
    }

    #[tokio::test]
    async fn connection_is_accepted_although_closing_the_oldest_fails() {
        let fixture = Fixture::new().await;
        for id in ["first", "second", "third"] {
            assert_eq!(fixture.connect_with_ticket(id).await, 200);
            fixture.make_older().await;
        }
        fixture.management.answer("first", 500);
        assert_eq!(fixture.connect_with_ticket("fourth").await, 200);
        // Closing the connection `first` has failed, so its rows stay. The user's next new connection closes it.
        assert_eq!(fixture.user_of("first").await.as_deref(), Some("user-sarah"));
        fixture.management.answer("first", 200);
        assert_eq!(fixture.connect_with_ticket("fifth").await, 200);
        let mut closed = fixture.management.closed();
        closed.sort_unstable();
        assert_eq!(closed, ["first", "second"]);
    }

    #[tokio::test]
    async fn dead_endpoint_delays_a_connection_by_the_time_limit_only() {
        let fixture = Fixture::new().await;
        for id in ["first", "second", "third"] {
            assert_eq!(fixture.connect_with_ticket(id).await, 200);
        }
        fixture.management.delay(Duration::from_hours(1));
        assert_eq!(fixture.connect_with_ticket("fourth").await, 200);
        assert_eq!(fixture.user_of("fourth").await.as_deref(), Some("user-sarah"));
    }

    #[tokio::test]
    async fn connection_expires_with_its_bearer_token() {
        let fixture = Fixture::new().await;
        let token = fixture.issuer.token(&fixture.issuer.claims("user-dad", "Dad"));
        let headers = json!({"Authorization": format!("Bearer {token}")});
        assert_eq!(fixture.connect("phone", headers, json!({})).await, 200);
        assert_eq!(fixture.user_of("phone").await.as_deref(), Some("user-dad"));
        let connection = fixture.deps.connections.connection(&ConnectionId::new("phone")).await.unwrap().unwrap();
        let lifetime = connection.expires_at - Timestamp::now().seconds();
        assert!((3_000..=3_600).contains(&lifetime), "token expires in 3,600 s, connection in {lifetime} s");
    }

    #[tokio::test]
    async fn page_of_another_origin_is_refused_and_its_ticket_stays_valid() {
        let fixture = Fixture::new().await;
        let query = json!({"ticket": fixture.ticket().await});
        for origin in ["https://evil.example", "null", "http://localhost:5173.evil.example", "", "http://ä.example"] {
            assert_eq!(fixture.connect("page", json!({"Origin": origin}), query.clone()).await, 403, "{origin}");
        }
        assert_eq!(fixture.connect("page", json!({"Origin": "http://localhost:5173"}), query).await, 200);
    }

    #[tokio::test]
    async fn frame_that_names_this_route_is_an_unknown_action() {
        let fixture = Fixture::new().await;
        let sample = include_str!("../../../events/ws-message.json");
        let frame = socket_event(sample, "phone", |event| event["body"] = r#"{"action":"$connect","id":1}"#.into());
        let answer = handle(&fixture.deps, frame).await.unwrap();
        let Some(aws_lambda_events::encodings::Body::Text(answer)) = answer.body else {
            panic!("the answer has no text body")
        };
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((&answer["data"]["code"], &answer["id"]), (&json!("unknown_action"), &json!(1)));
        assert_eq!(fixture.user_of("phone").await, None);
    }

    #[test]
    fn parse_origins_trims_and_drops_empty_entries() {
        assert_eq!(parse_origins(" https://a.example ,http://b.example,, "), ["https://a.example", "http://b.example"]);
        assert!(parse_origins("").is_empty());
    }

    #[tokio::test]
    async fn ticket_of_an_expired_token_is_refused() {
        let fixture = Fixture::new().await;
        let now = Timestamp::now().seconds();
        let holder = TicketHolder { user_id: caller("user-sarah").id, token_expires_at: now };
        let ticket = fixture.deps.connections.issue_ticket(holder).await.unwrap();
        assert_eq!(fixture.connect("phone", json!({}), json!({"ticket": ticket})).await, 401);
    }

    #[tokio::test]
    async fn ticket_of_impossible_form_is_refused_without_a_call() {
        let mut fixture = Fixture::new().await;
        let tables = Tables::create().await.through(|_| Fault::Refuse("AccessDeniedException")).await;
        fixture.deps.connections = tables.connections();
        for ticket in ["", "guess", &"A".repeat(42), &"A".repeat(10_000)] {
            assert_eq!(fixture.connect("phone", json!({}), json!({"ticket": ticket})).await, 401, "{ticket}");
        }
        let possible = "A".repeat(43);
        assert_eq!(fixture.connect("phone", json!({}), json!({"ticket": possible})).await, 500);
    }

    #[tokio::test]
    async fn missing_unknown_and_expired_credentials_are_refused() {
        let fixture = Fixture::new().await;
        let mut expired = fixture.issuer.claims("user-dad", "Dad");
        expired["exp"] = json!(1_000);
        let expired = format!("Bearer {}", fixture.issuer.token(&expired));
        for (headers, query) in [
            (json!({}), json!({})),
            (json!({}), json!({"ticket": ""})),
            (json!({}), json!({"ticket": "guess"})),
            (json!({}), json!({"ticket": "A".repeat(43)})),
            (json!({}), json!({"token": "a.b.c"})),
            (json!({"Authorization": "Bearer a.b.c"}), json!({})),
            (json!({"Authorization": expired}), json!({})),
        ] {
            assert_eq!(fixture.connect("phone", headers.clone(), query.clone()).await, 401, "{headers} {query}");
        }
        assert_eq!(fixture.user_of("phone").await, None);
    }
}
