use documents::access::rows;
use e2e::{Handshake, Operator, Refused};
use serde_json::json;

use super::{Fixture, assert_no_errors};

/// Rows whose tokens only the local cloud can issue.
const LOCAL_ROWS: [&str; 1] = ["an expired token"];
const FOREIGN_PAGE: &str = "https://evil.example";

async fn handshakes(fixture: &Fixture, row: &str) -> Vec<Handshake> {
    let Fixture { owner, stranger, .. } = fixture;
    let handshake = match row {
        "no ticket and no token" => Handshake::without_credentials(),
        "an invented ticket" => Handshake::with_ticket(&"x".repeat(owner.ticket().await.len())),
        "the owner's ticket" => Handshake::with_ticket(&owner.ticket().await),
        "a used ticket" => {
            let ticket = owner.ticket().await;
            Handshake::with_ticket(&ticket).accepted().await.close().await;
            Handshake::with_ticket(&ticket)
        }
        "an expired ticket" => {
            let ticket = owner.ticket().await;
            Operator::new().expire_ticket(&ticket).await;
            Handshake::with_ticket(&ticket)
        }
        "the stranger's ticket and the owner's token" => {
            Handshake::with_ticket(&stranger.ticket().await).and_bearer(&owner.token)
        }
        "the owner's token" => Handshake::with_bearer(&owner.token),
        "an expired token" => Handshake::with_bearer(&fixture.expired_token().await),
        "a token of another issuer" => {
            return fixture.foreign_tokens().iter().map(|token| Handshake::with_bearer(token)).collect();
        }
        "the owner's ticket, from a page of another origin" => {
            Handshake::with_ticket(&owner.ticket().await).from_origin(FOREIGN_PAGE)
        }
        "the owner's token, from a page of another origin" => {
            Handshake::with_bearer(&owner.token).from_origin(FOREIGN_PAGE)
        }
        row => panic!("docs/access.md: add the handshake with {row:?} in {}", file!()),
    };
    vec![handshake]
}

/// Returns the answer in the words of the matrix. Subscribes an open socket to the thread, to find out whose socket it
/// is: the stranger may not subscribe.
async fn answer(fixture: &Fixture, handshake: Handshake) -> String {
    match handshake.open().await {
        // The local cloud and AWS refuse a socket with different 4xx statuses.
        Err(Refused(400..500)) => "refused".to_owned(),
        Err(Refused(status)) => format!("the status {status}"),
        Ok(mut socket) => {
            let channel = format!("thread:{}", fixture.thread);
            let answer = socket.request(json!({ "action": "subscribe", "channel": channel })).await;
            let user = if answer["event"] == "subscribed" { "owner" } else { "stranger" };
            format!("open, as the {user}")
        }
    }
}

async fn assert_rows(wanted: impl Fn(&str) -> bool) {
    let fixture = Fixture::new().await;
    let mut errors = Vec::new();
    let mut checked = 0;
    for row in rows("Handshakes").iter().filter(|row| wanted(row.name())) {
        for handshake in handshakes(&fixture, row.name()).await {
            let answer = answer(&fixture, handshake).await;
            if answer != row.cell("answer") {
                errors.push(format!("{}: the answer is {answer}, not {}", row.name(), row.cell("answer")));
            }
            checked += 1;
        }
    }
    assert_no_errors(&errors);
    assert!(checked > 0, "docs/access.md has none of the expected handshakes");
}

#[tokio::test]
async fn every_handshake_is_answered_as_documented() {
    assert_rows(|row| !LOCAL_ROWS.contains(&row)).await;
}

// make verify: never, because no stack issues tokens that have expired
#[tokio::test]
async fn handshake_with_what_has_expired_is_refused() {
    assert_rows(|row| LOCAL_ROWS.contains(&row)).await;
}
