//! Accepts or refuses a new WebSocket connection.

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use contract::{ApiError, ErrorCode, Problem, Timestamp};
use runtime::{SocketEvent, Verifier, bearer, refuse_frame, socket_response};
use store::{Connections, TicketHolder};

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Connections` table, which stores tickets and connections.
    pub connections: Connections,
    /// Verifies the bearer token of clients that send one instead of a ticket.
    pub verifier: Verifier,
    /// Origins of the web pages that may connect, such as `https://chat.example`.
    pub allowed_origins: Vec<String>,
}

/// Splits a comma-separated list of origins, as in `ALLOWED_ORIGINS`. Drops empty entries.
#[must_use]
pub fn parse_origins(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|origin| !origin.is_empty()).map(str::to_owned).collect()
}

/// Handles `$connect`. Stores the connection and answers 200. Refuses it with 401 if its ticket or token is not valid,
/// and with 403 if its origin is not allowed.
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
    deps.connections.connect(&event.connection_id, &holder.user_id, holder.token_expires_at).await?;
    Ok(socket_response(200, None))
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
    use contract::ConnectionId;
    use runtime::{identity::VerifierConfig, report};
    use serde_json::{Value, json};
    use testkit::issuer::{AUDIENCE, Issuer};
    use testkit::{Fault, Tables, caller, socket_event};

    use super::*;

    const EVENT: &str = include_str!("../../../events/ws-connect.json");

    struct Fixture {
        deps: Deps,
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
            let deps = Deps {
                connections: Tables::create().await.connections(),
                verifier: Verifier::new(config).unwrap(),
                allowed_origins: vec!["http://localhost:5173".into()],
            };
            Self { deps, issuer }
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
