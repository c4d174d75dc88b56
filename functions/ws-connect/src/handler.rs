//! Lets a socket in, or refuses it.

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use contract::{ApiError, ErrorCode, Problem, Timestamp};
use runtime::{SocketEvent, Verifier, bearer, refuse_frame, socket_response};
use store::{Connections, TicketHolder};

/// What it takes to decide.
pub struct Door {
    /// Where tickets are and connections go.
    pub connections: Connections,
    /// For clients that send a bearer token.
    pub verifier: Verifier,
    /// The origins of the web pages that may open sockets.
    pub allowed_origins: Vec<String>,
}

/// The origins in a list with commas; what is empty is none.
#[must_use]
pub fn origins(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|origin| !origin.is_empty()).map(str::to_owned).collect()
}

/// Answers 200 and notes the connection, or refuses with 401 or 403.
pub async fn handle(door: &Door, event: SocketEvent) -> Result<ApiGatewayProxyResponse, ApiError> {
    if let Some(answer) = refuse_frame(&event)? {
        return Ok(answer);
    }
    // Only browsers send an origin, and always do; other clients have no cookies or tickets that a page could abuse.
    if let Some(origin) = event.header("origin")
        && !door.allowed_origins.iter().any(|allowed| allowed.as_bytes() == origin)
    {
        return Err(Problem::new(ErrorCode::OriginNotAllowed, "Pages of this origin may not connect.").into());
    }
    let holder = identify(door, &event).await?;
    // A ticket may outlive the token that it was asked for with.
    if holder.token_expires_at <= Timestamp::now().seconds() {
        return Err(Problem::new(ErrorCode::Unauthorized, "The token has expired.").into());
    }
    door.connections.connect(&event.connection_id, &holder.user_id, holder.token_expires_at).await?;
    Ok(socket_response(200, None))
}

async fn identify(door: &Door, event: &SocketEvent) -> Result<TicketHolder, ApiError> {
    let Some(ticket) = event.query("ticket") else {
        let caller = door
            .verifier
            .verify(bearer(event.header("authorization").and_then(|value| str::from_utf8(value).ok()))?)
            .await?;
        return Ok(TicketHolder { user_id: caller.id, token_expires_at: caller.expires_at });
    };
    let refused = || Problem::new(ErrorCode::Unauthorized, "The ticket was used before, has run out, or never was.");
    Ok(door.connections.redeem_ticket(ticket).await?.ok_or_else(refused)?)
}

#[cfg(test)]
mod tests {
    use contract::ConnectionId;
    use runtime::{identity::VerifierConfig, report};
    use serde_json::{Value, json};
    use testkit::issuer::{AUDIENCE, Issuer};
    use testkit::{Tables, caller, socket_event};

    use super::*;

    const EVENT: &str = include_str!("../../../events/ws-connect.json");

    struct Fixture {
        door: Door,
        issuer: Issuer,
    }

    impl Fixture {
        async fn new() -> Self {
            let issuer = Issuer::start().await;
            let config = VerifierConfig {
                issuer: issuer.url().to_owned(),
                audience: AUDIENCE.into(),
                jwks_url: issuer.jwks_url(),
            };
            let door = Door {
                connections: Tables::create().await.connections(),
                verifier: Verifier::new(config).unwrap(),
                allowed_origins: vec!["http://localhost:5173".into()],
            };
            Self { door, issuer }
        }

        async fn ticket(&self) -> String {
            let holder = TicketHolder { user_id: caller("user-sarah").id, token_expires_at: i64::MAX };
            self.door.connections.issue_ticket(holder).await.unwrap()
        }

        /// Status of the answer to a client with these headers and query.
        async fn connect(&self, connection: &str, headers: Value, query: Value) -> u16 {
            let event = socket_event(EVENT, connection, |event| {
                event["headers"] = headers;
                event["queryStringParameters"] = query;
            });
            match handle(&self.door, event).await {
                Ok(response) => u16::try_from(response.status_code).unwrap(),
                Err(error) => report(error).code.status(),
            }
        }

        async fn user_of(&self, connection: &str) -> Option<String> {
            let connection = self.door.connections.connection(&ConnectionId::new(connection)).await.unwrap();
            connection.map(|connection| connection.user_id.to_string())
        }
    }

    #[tokio::test]
    async fn a_ticket_opens_one_socket() {
        let fixture = Fixture::new().await;
        let query = json!({"ticket": fixture.ticket().await});
        assert_eq!(fixture.connect("first", json!({"Origin": "http://localhost:5173"}), query.clone()).await, 200);
        assert_eq!(fixture.user_of("first").await.as_deref(), Some("user-sarah"));
        assert_eq!(fixture.connect("second", json!({}), query).await, 401);
        assert_eq!(fixture.user_of("second").await, None);
    }

    #[tokio::test]
    async fn a_bearer_token_opens_a_socket_for_as_long_as_it_is_good() {
        let fixture = Fixture::new().await;
        let token = fixture.issuer.token(&fixture.issuer.claims("user-dad", "Dad"));
        let headers = json!({"Authorization": format!("Bearer {token}")});
        assert_eq!(fixture.connect("phone", headers, json!({})).await, 200);
        assert_eq!(fixture.user_of("phone").await.as_deref(), Some("user-dad"));
        let connection = fixture.door.connections.connection(&ConnectionId::new("phone")).await.unwrap().unwrap();
        let left = connection.expires_at - contract::Timestamp::now().seconds();
        assert!((3_000..=3_600).contains(&left), "the token is good for an hour, the socket for {left} s");
    }

    #[tokio::test]
    async fn a_page_of_another_origin_is_refused_and_the_ticket_stays_good() {
        let fixture = Fixture::new().await;
        let query = json!({"ticket": fixture.ticket().await});
        for origin in ["https://evil.example", "null", "http://localhost:5173.evil.example", "", "http://ä.example"] {
            assert_eq!(fixture.connect("page", json!({"Origin": origin}), query.clone()).await, 403, "{origin}");
        }
        assert_eq!(fixture.connect("page", json!({"Origin": "http://localhost:5173"}), query).await, 200);
    }

    #[tokio::test]
    async fn a_frame_that_names_this_route_is_an_unknown_action() {
        let fixture = Fixture::new().await;
        let sample = include_str!("../../../events/ws-message.json");
        let frame = socket_event(sample, "phone", |event| event["body"] = r#"{"action":"$connect","id":1}"#.into());
        let answer = handle(&fixture.door, frame).await.unwrap();
        let Some(aws_lambda_events::encodings::Body::Text(answer)) = answer.body else { panic!("no body") };
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((&answer["data"]["code"], &answer["id"]), (&json!("unknown_action"), &json!(1)));
        assert_eq!(fixture.user_of("phone").await, None);
    }

    #[test]
    fn a_list_of_origins_has_no_empty_one() {
        assert_eq!(origins(" https://a.example ,http://b.example,, "), ["https://a.example", "http://b.example"]);
        assert!(origins("").is_empty());
    }

    #[tokio::test]
    async fn a_ticket_does_not_outlive_its_token() {
        let fixture = Fixture::new().await;
        let now = contract::Timestamp::now().seconds();
        let holder = TicketHolder { user_id: caller("user-sarah").id, token_expires_at: now };
        let ticket = fixture.door.connections.issue_ticket(holder).await.unwrap();
        assert_eq!(fixture.connect("phone", json!({}), json!({"ticket": ticket})).await, 401);
    }

    #[tokio::test]
    async fn who_proves_nothing_is_refused() {
        let fixture = Fixture::new().await;
        let mut expired = fixture.issuer.claims("user-dad", "Dad");
        expired["exp"] = json!(1_000);
        let expired = format!("Bearer {}", fixture.issuer.token(&expired));
        for (headers, query) in [
            (json!({}), json!({})),
            (json!({}), json!({"ticket": ""})),
            (json!({}), json!({"ticket": "guess"})),
            (json!({}), json!({"token": "a.b.c"})),
            (json!({"Authorization": "Bearer a.b.c"}), json!({})),
            (json!({"Authorization": expired}), json!({})),
        ] {
            assert_eq!(fixture.connect("phone", headers.clone(), query.clone()).await, 401, "{headers} {query}");
        }
        assert_eq!(fixture.user_of("phone").await, None);
    }
}
