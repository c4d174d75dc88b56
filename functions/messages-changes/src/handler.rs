//! Lists the messages of a thread that were changed after a revision.

use contract::{ApiError, ChangesQuery, Problem};
use runtime::{Answer, Call, StatusCode, json};
use store::{Chat, Links};

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores messages and their changes.
    pub chat: Chat,
    /// Signs the links to message attachments.
    pub links: Links,
}

/// Handles `GET /api/threads/{threadId}/changes`. Answers 200 with a page of changed messages. Answers 200 with `reset`
/// if the client is more than 1,000 revisions behind, or ahead of the thread; the client must then request the messages
/// again.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let thread_id = call.thread_id()?;
    let [limit, cursor, after] = ["limit", "cursor", "after"].map(|name| call.query(name));
    let query = ChangesQuery::parse(limit.as_deref(), cursor.as_deref(), after.as_deref())?;
    let profile = call.caller.profile();
    let (is_member, ()) =
        tokio::try_join!(deps.chat.is_member(&thread_id, &call.caller.id), deps.chat.record_profile(&profile))?;
    if !is_member {
        return Err(Problem::thread_not_found().into());
    }
    json(StatusCode::OK, &deps.chat.changes(&thread_id, &query, &deps.links).await?, &[])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_sdk_dynamodb::types::AttributeValue;
    use contract::{Emoji, MessageCursor, Thread, ThreadId};
    use serde_json::{Value, json};
    use store::Change;
    use testkit::{Tables, body, call, caller, change, links, new_thread, problem, send_text};

    use super::*;

    const EVENT: &str = include_str!("../../../events/messages-changes.json");

    struct Fixture {
        tables: Tables,
        deps: Deps,
        thread: Thread,
    }

    impl Fixture {
        /// Creates a thread of Sarah and Dad with three messages of Sarah's.
        async fn new() -> Self {
            let tables = Tables::create().await;
            let chat = tables.chat();
            let thread = new_thread(&chat, &["user-sarah", "user-dad"]).await;
            for body in ["one", "two", "three"] {
                send_text(&chat, "user-sarah", &thread, body).await;
            }
            Self { tables, deps: Deps { chat, links: links() }, thread }
        }

        async fn edit(&self, seq: u64, body: &str) {
            let edit = Change::Edit { body, window: Duration::from_hours(1) };
            change(&self.deps.chat, "user-sarah", &self.thread, seq, edit).await;
        }

        async fn changes(&self, user: &str, query: Value) -> Result<Answer, ApiError> {
            let change = |event: &mut Value| {
                event["pathParameters"]["threadId"] = self.thread.id.as_str().into();
                event["queryStringParameters"] = query;
            };
            handle(&self.deps, call(EVENT, &caller(user), change)).await
        }

        async fn page(&self, query: Value) -> Value {
            let answer = self.changes("user-dad", query).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
            body(&answer)
        }
    }

    /// Returns the `seq` and the `rev` of each message of a page.
    fn numbers(page: &Value) -> Vec<(u64, u64)> {
        let number = |message: &Value, name: &str| message[name].as_u64().unwrap();
        page["messages"].as_array().unwrap().iter().map(|m| (number(m, "seq"), number(m, "rev"))).collect()
    }

    #[tokio::test]
    async fn thread_without_changes_has_revision_zero() {
        let fixture = Fixture::new().await;
        let page = fixture.page(json!({"after": "0"})).await;
        assert_eq!(page, json!({"messages": [], "rev": 0, "nextCursor": null}));
    }

    #[tokio::test]
    async fn page_has_each_changed_message_once_and_as_it_is_now() {
        let fixture = Fixture::new().await;
        fixture.edit(2, "two, edited").await;
        change(&fixture.deps.chat, "user-dad", &fixture.thread, 1, Change::React(Emoji::parse("👍").unwrap())).await;
        fixture.edit(2, "two, edited again").await;
        change(&fixture.deps.chat, "user-sarah", &fixture.thread, 1, Change::Delete).await;
        let page = fixture.page(json!({"after": "0"})).await;
        assert_eq!(
            (numbers(&page), &page["rev"], &page["nextCursor"]),
            (vec![(2, 3), (1, 4)], &json!(4), &Value::Null)
        );
        assert_eq!(page["messages"][0]["body"], "two, edited again");
        let tombstone = &page["messages"][1];
        assert!(tombstone["deletedAt"].is_string());
        assert_eq!((&tombstone["body"], &tombstone["reactions"]), (&json!(""), &json!([])));
        // Only message 1 was changed after revision 3.
        let page = fixture.page(json!({"after": "3"})).await;
        assert_eq!((numbers(&page), &page["rev"]), (vec![(1, 4)], &json!(4)));
        let page = fixture.page(json!({"after": "4"})).await;
        assert_eq!(page, json!({"messages": [], "rev": 4, "nextCursor": null}));
    }

    #[tokio::test]
    async fn pages_cover_contiguous_ranges_of_revisions() {
        let fixture = Fixture::new().await;
        let order = [1, 2, 1, 3, 1, 2, 3];
        for (n, seq) in order.into_iter().enumerate() {
            fixture.edit(seq, &format!("edit {n}")).await;
        }
        for limit in 1..=8_usize {
            let (mut covered, mut query) = (0, json!({"after": "0", "limit": limit.to_string()}));
            loop {
                let page = fixture.page(query).await;
                let rev = usize::try_from(page["rev"].as_u64().unwrap()).unwrap();
                assert_eq!(rev, (covered + limit).min(order.len()));
                // The messages of the revisions that the page covers, each once, in the order of their first change.
                let mut expected = Vec::new();
                for seq in &order[covered..rev] {
                    if !expected.contains(seq) {
                        expected.push(*seq);
                    }
                }
                let page_seqs: Vec<_> = numbers(&page).into_iter().map(|(seq, _)| seq).collect();
                assert_eq!(page_seqs, expected, "limit {limit}, after {covered}");
                // Each message has its current revision, also if that is later than the last revision of the page.
                let last = |seq: u64| order.iter().rposition(|other| *other == seq).unwrap() as u64 + 1;
                assert!(numbers(&page).iter().all(|(seq, rev)| *rev == last(*seq)));
                covered = rev;
                if page["nextCursor"].is_null() {
                    break;
                }
                query = json!({"cursor": page["nextCursor"], "limit": limit.to_string()});
            }
            assert_eq!(covered, order.len());
        }
    }

    #[tokio::test]
    async fn client_that_is_too_far_behind_or_ahead_is_told_to_reload() {
        let fixture = Fixture::new().await;
        fixture.edit(1, "edited").await;
        let reset = |rev: u64| json!({"reset": true, "rev": rev});
        for beyond in ["2", "1000", "18446744073709551615"] {
            assert_eq!(fixture.page(json!({ "after": beyond })).await, reset(1), "{beyond}");
        }
        // Moves the first revision to number 1001, as if 1,000 more changes had been made.
        let row = fixture.tables.client.get_item().table_name(&fixture.tables.chat);
        let row = row.key("pk", AttributeValue::S(format!("THREAD#{}", fixture.thread.id)));
        let row = row.key("sk", AttributeValue::S(format!("REV#{:020}", 1))).send().await.unwrap();
        let mut row = row.item.unwrap();
        row.insert("sk".into(), AttributeValue::S(format!("REV#{:020}", 1_001)));
        row.insert("rev".into(), AttributeValue::N("1001".into()));
        fixture.tables.client.put_item().table_name(&fixture.tables.chat).set_item(Some(row)).send().await.unwrap();
        // The row of message 1 does not show revision 1001 yet. A client that reads the message now has the changes up
        // to revision 1000.
        assert_eq!(fixture.page(json!({"after": "0"})).await, reset(1_000));
        // The cursor of an earlier page may be too old by now. It is answered with a reset, too.
        let cursor = contract::ChangeCursor { rev: 0 }.encode();
        assert_eq!(fixture.page(json!({ "cursor": cursor })).await, reset(1_000));
        assert!(fixture.page(json!({"after": "1001"})).await.get("reset").is_none());
    }

    #[tokio::test]
    async fn invalid_queries_are_refused_by_name() {
        let fixture = Fixture::new().await;
        for (query, field) in [
            (json!({}), "after"),
            (json!({"after": ""}), "after"),
            (json!({"after": "-1"}), "after"),
            (json!({"after": "x"}), "after"),
            (json!({"after": "1.5"}), "after"),
            (json!({"after": "18446744073709551616"}), "after"),
            (json!({"after": "0", "limit": "0"}), "limit"),
            (json!({"after": "0", "limit": "101"}), "limit"),
            (json!({"after": "0", "limit": "many"}), "limit"),
        ] {
            let refused = problem(fixture.changes("user-dad", query.clone()).await);
            assert_eq!((&refused["status"], &refused["code"]), (&json!(400), &json!("invalid_query")), "{query}");
            assert_eq!(refused["errors"][0]["field"], field, "{query}");
        }
        for cursor in ["nonsense".to_owned(), MessageCursor::After(0).encode()] {
            let refused = problem(fixture.changes("user-dad", json!({ "cursor": cursor })).await);
            assert_eq!((&refused["status"], &refused["code"]), (&json!(400), &json!("invalid_cursor")));
        }
    }

    #[tokio::test]
    async fn thread_of_others_and_missing_thread_get_the_same_404() {
        let fixture = Fixture::new().await;
        fixture.edit(1, "secret").await;
        let of_others = problem(fixture.changes("user-michael", json!({"after": "0"})).await);
        assert_eq!((&of_others["status"], &of_others["code"]), (&json!(404), &json!("thread_not_found")));
        for id in [ThreadId::new().as_str(), "nonsense"] {
            let missing = call(EVENT, &caller("user-sarah"), |event| {
                event["pathParameters"]["threadId"] = id.into();
                event["queryStringParameters"] = json!({"after": "0"});
            });
            assert_eq!(problem(handle(&fixture.deps, missing).await), of_others, "{id}");
        }
    }
}
