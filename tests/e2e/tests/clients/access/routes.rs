use documents::access::{Row, rows};
use e2e::{Reply, Route, Signer, Stack, api_url, fetch, http, routes, text};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::{DELETED, EDITED, Fixture, assert_no_errors, now};

/// A request's query, empty or starting with `?`, and its JSON body.
pub(crate) type Request = (&'static str, Option<Value>);

/// Columns whose tokens and links only the local cloud can issue.
const LOCAL_COLUMNS: [&str; 2] = ["expired", "former link"];

/// Cells in the column `of` of routes whose answers contain no data of the fixture.
const NOT_OF_THE_FIXTURE: [&str; 2] = ["people", "the deployment"];

/// The cell in the column `of` of routes that are tested with an image that is the owner's picture and that no message
/// uses.
const PICTURE: &str = "the owner's picture";

/// The credentials of a request.
enum Credentials {
    Nothing,
    Token(String),
    /// The query of a link to the file, or to its thumbnail on the route of thumbnails. A picture has only a link to
    /// its thumbnail.
    Link {
        file: String,
        thumbnail: String,
        picture: String,
    },
}

/// Returns a valid request to a route. `members` and `body` are the members of a new thread and the text of a message.
/// `browser` is the push subscription of a browser.
pub(super) fn request(route: &Route, members: &Value, body: &str, browser: &Value) -> Request {
    match route.documented.as_str() {
        "GET /api/threads" => ("?limit=100", None),
        "POST /api/threads" => ("", Some(json!({ "memberIds": members, "title": "Another title" }))),
        "POST /api/threads/{threadId}/messages" | "PATCH /api/threads/{threadId}/messages/{seq}" => {
            ("", Some(json!({ "body": body })))
        }
        "POST /api/files" => ("", Some(json!({ "filename": "a.txt", "mimetype": "text/plain", "size": 1 }))),
        "POST /api/ws-tickets" => ("", None),
        "PUT /api/threads/{threadId}/messages/{seq}/reaction" => ("", Some(json!({ "emoji": "👍" }))),
        "GET /api/threads/{threadId}/changes" => ("?after=0", None),
        "PUT /api/threads/{threadId}/read" => ("", Some(json!({ "seq": 1 }))),
        "PATCH /api/threads/{threadId}/me" => ("", Some(json!({ "archived": false }))),
        "PUT /api/push-subscriptions" => ("", Some(browser.clone())),
        "PATCH /api/me" => ("", Some(json!({ "receipts": true }))),
        _ if [Method::GET, Method::DELETE].contains(&route.method) => ("", None),
        _ => panic!("{route}: add a valid request to `request` in {}", file!()),
    }
}

async fn credentials(fixture: &Fixture, column: &str) -> Vec<Credentials> {
    let query = |file: &Value, key: &str| match text(&file[key]).split_once('?') {
        Some((_, query)) => query.to_owned(),
        None => panic!("the link has no query: {file}"),
    };
    match column {
        "no token" => vec![Credentials::Nothing],
        "expired" => vec![Credentials::Token(fixture.expired_token().await)],
        "other issuer" => fixture.foreign_tokens().map(Credentials::Token).into(),
        "link" => {
            let (sent, picture) = (&fixture.sent, query(&fixture.picture, "thumbUrl"));
            vec![Credentials::Link { file: query(sent, "url"), thumbnail: query(sent, "thumbUrl"), picture }]
        }
        "former link" => {
            let (signer, id) = (Signer::new(), text(&fixture.sent["id"]));
            let link = |directory: &str, expires: i64| signer.link_query(directory, id, expires);
            let picture = signer.link_query("thumbs", text(&fixture.picture["id"]), now() - 1);
            // A link that was signed with the same key and has not expired opens the file. So the expired link is
            // refused only because it has expired.
            let url = format!("/files/{id}/{}?{}", fixture.file_name, link("files", now() + 600));
            assert_eq!(e2e::get_link(&url).await.status, 302, "{url}");
            vec![Credentials::Link { file: link("files", now() - 1), thumbnail: link("thumbs", now() - 1), picture }]
        }
        name => vec![Credentials::Token(fixture.user(name).token.clone())],
    }
}

/// Sends the row's request. The text of a message says in which column it was sent.
async fn send(fixture: &Fixture, row: &Row, route: &Route, column: &str, credentials: &Credentials) -> Reply {
    let thumbnail = route.path.starts_with("/thumbs/");
    let sent = text(&fixture.sent["id"]);
    let file = match row.cell("of") {
        "an unsent file" => fixture.unsent.as_str(),
        PICTURE => text(&fixture.picture["id"]),
        "a sent file"
        | "the thread"
        | "the thread's members"
        | "the owner's message"
        | "the caller"
        | "a browser"
        | "the owner's device" => sent,
        of if NOT_OF_THE_FIXTURE.contains(&of) => sent,
        of => panic!("docs/access.md: {of:?} is not in the fixture; add it in {}", file!()),
    };
    let name = if thumbnail { format!("{file}.jpg") } else { fixture.file_name.clone() };
    // The edit and the deletion have messages of their own, so that they do not change message 1, which the other
    // routes use.
    let seq = match route.documented.as_str() {
        "PATCH /api/threads/{threadId}/messages/{seq}" => EDITED,
        "DELETE /api/threads/{threadId}/messages/{seq}" => DELETED,
        _ => 1,
    };
    let seq = seq.to_string();
    let [thread, device] = [&*fixture.thread, &*fixture.device];
    let path =
        route.path_with(&[("threadId", thread), ("fileId", file), ("name", &name), ("seq", &seq), ("id", device)]);
    let (query, body) = request(route, &json!(fixture.members), &format!("from {column}"), &fixture.browser);
    let mut url = api_url(&format!("{path}{query}"), &[]);
    if let Credentials::Link { file, thumbnail: thumb, picture } = credentials {
        let link = match row.cell("of") {
            PICTURE => picture,
            _ if thumbnail => thumb,
            _ => file,
        };
        let query = url.query().map_or_else(|| link.clone(), |query| format!("{query}&{link}"));
        url.set_query(Some(&query));
    }
    let mut request = http().request(route.method.clone(), url);
    if let Credentials::Token(token) = credentials {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    fetch(request).await
}

/// Returns what is wrong with an answer, or `None`.
fn mistake(fixture: &Fixture, row: &Row, route: &Route, column: &str, reply: &Reply) -> Option<String> {
    let expected = match row.name() {
        "GET /api/push-key" if row.cell(column) == "200" && Stack::get().page_url.is_none() => "404 notifications_off",
        _ => row.cell(column),
    };
    let (status, code) = expected.split_once(' ').map_or((expected, None), |(status, code)| (status, Some(code)));
    if reply.status.to_string() != status || code.is_some_and(|code| reply.json["code"] != code) {
        return Some(format!("the answer is not {expected}: {reply}"));
    }
    let shown = reply.text.contains(&fixture.secret);
    let may_see = ["member", "owner"].contains(&column) && reply.status == 200;
    if shown && !may_see {
        return Some(format!("the answer shows a title, message or file's name to others: {reply}"));
    }
    // A permitted answer must show the secret. Otherwise, the check above would pass even if no answer ever contained
    // the secret.
    let reads = route.method == Method::GET && route.needs_token() && !NOT_OF_THE_FIXTURE.contains(&row.cell("of"));
    (reads && may_see && !shown).then(|| format!("the answer shows no title, message or file's name: {reply}"))
}

/// Sends the requests of all rows with the credentials of these columns, and compares the answers with the cells.
async fn assert_cells(fixture: &Fixture, columns: impl Fn(&str) -> bool) {
    let (routes, rows) = (routes(), rows("Routes"));
    let mut errors = Vec::new();
    // The expected texts of all messages: first of the three that the fixture has sent, then of those that this test
    // sends for the columns.
    let mut bodies = vec![fixture.secret.clone(); 3];
    let names = rows[0].cells.iter().skip(2).map(|(name, _)| name.as_str()).filter(|name| columns(name));
    let columns = join_all(names.map(async |name| (name, credentials(fixture, name).await))).await;
    assert!(!columns.is_empty(), "docs/access.md has none of the expected columns");
    for row in &rows {
        let route = routes.iter().find(|route| route.documented == row.name());
        let route = route.unwrap_or_else(|| panic!("docs/access.md: {} is not a route of template.yaml", row.name()));
        let attempts = columns.iter().flat_map(|(name, all)| all.iter().map(move |credentials| (*name, credentials)));
        let checked = join_all(attempts.map(async |(column, credentials)| {
            let reply = send(fixture, row, route, column, credentials).await;
            let mistake = mistake(fixture, row, route, column, &reply);
            mistake.map(|mistake| format!("{} of {}, {column}: {mistake}", row.name(), row.cell("of")))
        }));
        errors.extend(checked.await.into_iter().flatten());
        let accepted = columns.iter().map(|(name, _)| name).filter(|name| row.cell(name).starts_with('2'));
        let mut texts = accepted.map(|name| format!("from {name}"));
        match row.name() {
            "POST /api/threads/{threadId}/messages" => bodies.extend(texts),
            "PATCH /api/threads/{threadId}/messages/{seq}" => bodies[1] = texts.next().unwrap_or(bodies[1].clone()),
            "DELETE /api/threads/{threadId}/messages/{seq}" if texts.next().is_some() => bodies[2] = String::new(),
            _ => {}
        }
    }
    fixture.remove_devices().await;
    assert_no_errors(&errors);
    let page = fixture.owner.page(&fixture.thread, &[("limit", "100")]).await;
    let mut stored: Vec<_> = page.messages.iter().map(|message| text(&message["body"]).to_owned()).collect();
    stored.sort();
    bodies.sort();
    assert_eq!(stored, bodies, "a refused message or change was stored, or an accepted one was not");
    let mut reactions = page.messages.iter().map(|message| &message["reactions"]);
    assert!(reactions.all(|reactions| *reactions == json!([])), "a refused reaction was stored");
}

#[tokio::test]
async fn every_route_answers_as_documented() {
    let fixture = Fixture::new().await;
    fixture.choose_picture().await;
    assert_cells(&fixture, |column| !LOCAL_COLUMNS.contains(&column)).await;
}

// make verify: never, because no stack issues tokens and links that have expired
#[tokio::test]
async fn every_route_refuses_what_has_expired() {
    assert_cells(&Fixture::new().await, |column| LOCAL_COLUMNS.contains(&column)).await;
}
