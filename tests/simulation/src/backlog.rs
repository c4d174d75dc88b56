//! A thread with 1,001 revisions, one more than a client may be behind. A client that holds the message as it was
//! before gets `reset` when it requests the changes, and must reload the message.

use contract::{Message, Thread, limits};
use serde_json::json;
use store::Chat;
use testkit::engine::{self, CHAT};

use crate::cloud::Cloud;
use crate::content;
use crate::stream;

/// One of this many histories has a thread with many changes.
pub(crate) const BACKLOGS: u64 = 40;

/// Maximum number of rows in a transaction: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
const ROWS: u64 = 100;

/// Sends a message to the thread, and writes one revision more than [`limits::CHANGES`] for it. Writes the revisions
/// directly to the table, without stream records, and clears the undelivered flag. So neither `message:new` nor
/// `message:changed` is pushed. Returns the message as it was before the changes.
pub(crate) async fn create(cloud: &Cloud, chat: &Chat, thread: &Thread, user: &str) -> Message {
    let message = testkit::send_text(chat, user, thread, "An old message.").await;
    let (pk, last) = (json!({"S": format!("THREAD#{}", thread.id)}), limits::CHANGES + 1);
    let revisions: Vec<_> = (1..=last)
        .map(|rev| {
            let item = json!({
                "pk": pk, "sk": {"S": format!("REV#{rev:020}")}, "rev": {"N": rev.to_string()}, "seq": {"N": "1"},
                "kind": {"S": "reaction"}, "changeId": {"S": format!("change_{rev}")},
            });
            json!({"Put": {"TableName": CHAT, "Item": item}})
        })
        .collect();
    let write = |operation: &str, request: serde_json::Value| {
        let (status, body) = engine::apply(&cloud.database, operation, request.to_string().as_bytes());
        assert_eq!(status, 200, "{operation} failed: {body:?}");
    };
    for revisions in revisions.chunks(usize::try_from(ROWS).unwrap()) {
        write("TransactWriteItems", json!({"TransactItems": revisions}));
    }
    let key = json!({"pk": pk, "sk": {"S": format!("MSG#{:020}", 1)}});
    write(
        "UpdateItem",
        json!({
            "TableName": CHAT, "Key": key, "UpdateExpression": "SET rev = :rev, #reaction = :emoji REMOVE undelivered",
            "ExpressionAttributeNames": {"#reaction": format!("r#{user}")},
            "ExpressionAttributeValues": {":rev": {"N": last.to_string()}, ":emoji": {"S": "👍"}},
        }),
    );
    cloud.journal.add(content::of_row(&stream::row(&cloud.database, &key).unwrap()));
    message
}
