//! Tests of faults in calls to `DynamoDB`: refused calls, lost or incomplete answers, and calls that come late. A write
//! with a lost answer takes effect once. Other faults lead to a retry or an error.

use std::sync::atomic::{AtomicUsize, Ordering};

use contract::{
    ApiError, Channel, IdempotencyKey, MessagesQuery, PeopleQuery, Profile, ReadMark, ThreadId, ThreadsQuery,
    UpdateSettings, UserId,
};
use serde_json::json;
use store::{CreatedThread, Error, NewMessage, NewThread, ReadResult, Sent, Subscribed};
use testkit::{Fault, Intercepted, Tables, caller, connect, links, message_row, new_thread, once, send_text};

use crate::{keys, row, s};

async fn send(tables: &Tables, thread: &ThreadId, key: Option<&IdempotencyKey>) -> Sent {
    let author = &caller("user-a").profile();
    let new =
        NewMessage { thread_id: thread, author, body: "text", file_ids: &[], reply_to: None, idempotency_key: key };
    tables.chat().send(new, &links()).await.unwrap()
}

#[tokio::test]
async fn message_with_lost_answer_is_stored_once() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    let lossy = tables.through(once(|p| p.is("PutItem", "MSG#"), |_| Fault::LoseAnswer)).await;
    let Sent::Stored(message) = send(&lossy, &thread.id, None).await else { panic!("the message was not stored") };
    assert_eq!(message.seq, 1);
    assert_eq!(tables.chat().last_seq(&thread.id).await.unwrap(), 1);
}

#[tokio::test]
async fn message_with_key_and_lost_answer_is_not_a_replay() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    let key = IdempotencyKey::parse(b"key").unwrap();
    let lossy = tables.through(once(|p| p.is("TransactWriteItems", "MSG#"), |_| Fault::LoseAnswer)).await;
    let Sent::Stored(message) = send(&lossy, &thread.id, Some(&key)).await else {
        panic!("the message was not stored")
    };
    assert_eq!(message.seq, 1);
    assert_eq!(send(&tables, &thread.id, Some(&key)).await, Sent::Replayed(message));
}

#[tokio::test]
async fn thread_with_lost_answer_is_reported_as_new() {
    let tables = Tables::create().await;
    let lossy = tables.through(once(|p| p.is("TransactWriteItems", "META"), |_| Fault::LoseAnswer)).await;
    let members = [UserId::parse("a").unwrap()];
    let new = NewThread { creator: &members[0], members: &members, title: None, allow_unknown: false, per_day: 1 };
    assert!(matches!(lossy.chat().create_thread(new).await, Ok(CreatedThread::New(_))));
    assert!(matches!(lossy.chat().create_thread(new).await, Ok(CreatedThread::Existing(_))));
    // These are the member set, the thread, one membership and the counter of the quota.
    assert_eq!(keys(&tables, &tables.chat).await.len(), 4);
}

#[tokio::test]
async fn send_retries_after_a_transaction_conflict() {
    let tables = Tables::create().await;
    let conflict = |_: &Intercepted| Fault::Refuse("com.amazonaws.dynamodb.v20120810#TransactionConflictException");
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    let busy = tables.through(once(|p| p.is("PutItem", "MSG#"), conflict)).await;
    assert!(matches!(send(&busy, &thread.id, None).await, Sent::Stored(_)));
}

#[tokio::test]
async fn message_with_lost_answer_and_a_conflict_is_returned_as_it_is_stored() {
    let key = IdempotencyKey::parse(b"key").unwrap();
    let put_conflict = || Fault::Refuse("com.amazonaws.dynamodb.v20120810#TransactionConflictException");
    let transaction_conflict = || Fault::Cancel(&["TransactionConflict", "None"]);
    let cases: [(_, _, fn() -> Fault); 2] =
        [("PutItem", None, put_conflict), ("TransactWriteItems", Some(&key), transaction_conflict)];
    for (operation, key, conflict) in cases {
        let tables = Tables::create().await;
        let thread = new_thread(&tables.chat(), &["user-a"]).await;
        let calls = AtomicUsize::new(0);
        // The first call commits the message, but its answer is lost. The SDK's retry is refused with a conflict. The
        // store's next attempt finds the message's own row.
        let busy = tables.through(move |call| {
            if !call.is(operation, "MSG#") {
                return Fault::Pass;
            }
            match calls.fetch_add(1, Ordering::SeqCst) {
                0 => Fault::LoseAnswer,
                1 => {
                    // Times have a precision of 1 ms. With this delay, the test notices if the store's next attempt
                    // changes the message's time.
                    std::thread::sleep(std::time::Duration::from_millis(5));
                    conflict()
                }
                _ => Fault::Pass,
            }
        });
        let Sent::Stored(message) = send(&busy.await, &thread.id, key).await else {
            panic!("the message was not stored with {operation}")
        };
        let query = MessagesQuery::parse(None, None, None).unwrap();
        let stored = tables.chat().messages(&thread.id, &query, &links()).await.unwrap().messages;
        assert_eq!(stored, [message], "{operation}");
    }
}

#[tokio::test]
async fn read_mark_with_lost_answer_is_reported_as_moved() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    send_text(&tables.chat(), "user-a", &thread, "text").await;
    let lossy = tables.through(once(|call| call.operation == "UpdateItem", |_| Fault::LoseAnswer)).await.chat();
    let user = caller("user-a").id;
    assert_eq!(lossy.mark_read(&user, &thread.id, 1).await.unwrap(), ReadResult::Mark(1));
}

#[tokio::test]
async fn settings_and_projection_with_lost_answers_are_returned_as_they_are_stored() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    let message = send_text(&tables.chat(), "user-a", &thread, "text").await;
    let lossy = tables.through(once(|call| call.is("UpdateItem", "archived"), |_| Fault::LoseAnswer)).await.chat();
    let update = UpdateSettings { archived: Some(true), muted_until: None };
    let settings = lossy.update_settings(&caller("user-a").id, &thread.id, update).await.unwrap();
    assert!(settings.unwrap().archived);

    let lossy = tables.through(once(|call| call.is("UpdateItem", "META"), |_| Fault::LoseAnswer)).await.chat();
    let row = lossy.advance_projection(&message_row(&message)).await.unwrap();
    assert_eq!(lossy.thread_update(row).await.unwrap().last_seq, 1);
}

#[tokio::test]
async fn profile_with_lost_answers_is_recorded_in_both_rows() {
    for lost in ["PEOPLE", "PROFILE"] {
        let tables = Tables::create().await;
        let lossy = tables.through(once(move |call| call.is("UpdateItem", lost), |_| Fault::LoseAnswer)).await.chat();
        lossy.record_profile(&caller("user-a").profile()).await.unwrap();
        let rows = [("PEOPLE", "USER#user-a"), ("USER#user-a", "PROFILE")];
        for key in rows {
            assert_eq!(row(&tables, &tables.chat, key).await["name"], s("A"), "{key:?}");
        }
    }
}

#[tokio::test]
async fn conflict_while_moving_a_mark_is_unavailable_and_a_retry_succeeds() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    send_text(&tables.chat(), "user-a", &thread, "text").await;
    let conflict = |_: &Intercepted| Fault::Refuse("com.amazonaws.dynamodb.v20120810#TransactionConflictException");
    let busy = tables.through(once(|call| call.operation == "UpdateItem", conflict)).await.chat();
    let sent = ReadMark { user_id: caller("user-a").id, seq: 1 };
    assert!(matches!(busy.record_sent(&thread.id, &sent).await, Err(Error::Unavailable(_))));
    busy.record_sent(&thread.id, &sent).await.unwrap();
    let shown = tables.chat().thread(&thread.id, &sent.user_id).await.unwrap().unwrap();
    assert_eq!(shown.own.read_seq, 1);
}

#[tokio::test]
async fn throttling_is_unavailable_and_other_refusals_are_not() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    for (code, retryable) in [
        ("com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", true),
        ("com.amazon.coral.availability#ThrottlingException", true),
        ("com.amazon.coral.service#AccessDeniedException", false),
        ("com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", false),
    ] {
        let refusing = tables.through(move |_| Fault::Refuse(code)).await;
        let error = refusing.chat().is_member(&thread.id, &caller("user-a").id).await.unwrap_err();
        assert_eq!(matches!(error, Error::Unavailable(_)), retryable, "{error}");
        assert_eq!(matches!(ApiError::from(error), ApiError::Unavailable(_)), retryable);
    }
}

#[tokio::test]
async fn unprocessed_keys_of_a_batch_are_read_again() {
    let tables = Tables::create().await;
    for other in ["a", "b", "c"] {
        new_thread(&tables.chat(), &["user-a", other]).await;
    }
    // DynamoDB may leave all keys of a batch unprocessed when it throttles.
    let unprocessed =
        |call: &Intercepted| Fault::Answer(json!({"Responses": {}, "UnprocessedKeys": call.request["RequestItems"]}));
    let busy = tables.through(once(|p| p.operation == "BatchGetItem", unprocessed)).await;
    let query = ThreadsQuery::parse(None, None, None).unwrap();
    let page = busy.chat().threads(&caller("user-a").id, &query).await.unwrap();
    assert_eq!(page.threads.len(), 3);
}

#[tokio::test]
async fn profile_left_unprocessed_or_not_written_is_not_taken_for_unknown_or_known() {
    let tables = Tables::create().await;
    let members = ["user-a", "user-b"].map(|id| UserId::parse(id).unwrap());
    let new = NewThread { creator: &members[0], members: &members, title: None, allow_unknown: false, per_day: 1 };
    let profile = Profile { id: members[1].clone(), name: None, issued_at: 0 };
    // An instance that fails to record a user does not remember the user as recorded.
    let refuse = |_: &Intercepted| Fault::Refuse("com.amazon.coral.service#AccessDeniedException");
    let failing = tables.through(once(|p| p.is("UpdateItem", "PROFILE"), refuse)).await.chat();
    assert!(failing.record_profile(&profile).await.is_err());
    let unknown = CreatedThread::UnknownMembers(vec![members[1].clone()]);
    assert_eq!(tables.chat().create_thread(new).await.unwrap(), unknown);
    failing.record_profile(&profile).await.unwrap();

    let unprocessed =
        |call: &Intercepted| Fault::Answer(json!({"Responses": {}, "UnprocessedKeys": call.request["RequestItems"]}));
    let busy = tables.through(once(|p| p.operation == "BatchGetItem", unprocessed)).await;
    assert!(matches!(busy.chat().create_thread(new).await, Ok(CreatedThread::New(_))));
}

#[tokio::test]
async fn thread_missing_in_a_batch_is_read_separately() {
    let tables = Tables::create().await;
    new_thread(&tables.chat(), &["user-a"]).await;
    let empty = |_: &Intercepted| Fault::Answer(json!({"Responses": {}, "UnprocessedKeys": {}}));
    let tables = tables.through(once(|p| p.operation == "BatchGetItem", empty)).await;
    let query = ThreadsQuery::parse(None, None, None).unwrap();
    assert_eq!(tables.chat().threads(&caller("user-a").id, &query).await.unwrap().threads.len(), 1);
}

#[tokio::test]
async fn send_succeeds_although_every_call_after_the_commit_fails() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    let committed = AtomicUsize::new(0);
    let failing = tables.through(move |call| {
        let after = committed.load(Ordering::SeqCst) > 0;
        committed.fetch_add(usize::from(call.is("PutItem", "MSG#")), Ordering::SeqCst);
        if after { Fault::Refuse("AccessDeniedException") } else { Fault::Pass }
    });
    assert!(matches!(send(&failing.await, &thread.id, None).await, Sent::Stored(_)));
}

#[tokio::test]
async fn removal_before_any_step_of_a_subscription_leaves_no_rows() {
    for step in ["UpdateItem", "PutItem", "GetItem"] {
        let tables = Tables::create().await;
        let connection = connect(&tables.connections(), "user-a", "c").await;
        let (connections, id) = (tables.connections(), connection.id.clone());
        let remove_first = move |_: &Intercepted| {
            let (connections, id) = (connections.clone(), id.clone());
            Fault::After(Box::pin(async move { connections.remove(&id).await.unwrap() }))
        };
        let racing = tables.through(once(move |p| p.operation == step, remove_first)).await;
        let channel = Channel::Thread(ThreadId::new());
        assert_eq!(racing.connections().subscribe(&connection, &channel).await.unwrap(), Subscribed::Gone, "{step}");
        assert_eq!(keys(&tables, &tables.connections).await, [], "{step}");
    }
}

#[tokio::test]
async fn subscription_during_an_interrupted_removal_is_deleted() {
    let tables = Tables::create().await;
    let connection = connect(&tables.connections(), "user-a", "c").await;
    let channel = Channel::Thread(ThreadId::new());
    // After `subscribe` has added the channel to the connection's row, a call of `remove` deletes the subscriptions but
    // fails to delete the connection's row.
    let failing = tables.through(|call| {
        if call.is("DeleteItem", "META") { Fault::Refuse("AccessDeniedException") } else { Fault::Pass }
    });
    let (failing, id) = (failing.await.connections(), connection.id.clone());
    let interrupted_removal = move |_: &Intercepted| {
        let (failing, id) = (failing.clone(), id.clone());
        Fault::After(Box::pin(async move { assert!(failing.remove(&id).await.is_err()) }))
    };
    let racing = tables.through(once(|p| p.operation == "PutItem", interrupted_removal)).await;
    assert_eq!(racing.connections().subscribe(&connection, &channel).await.unwrap(), Subscribed::Gone);
    assert!(tables.connections().subscribers(&channel).await.unwrap().live.is_empty());
    tables.connections().remove(&connection.id).await.unwrap();
    assert_eq!(keys(&tables, &tables.connections).await, []);
}

#[tokio::test]
async fn all_reads_are_strongly_consistent() {
    // An eventually consistent read may miss an acknowledged write. `strict` refuses such reads, so the test fails if
    // the store makes one.
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    send_text(&tables.chat(), "user-a", &thread, "text").await;
    let connection = connect(&tables.connections(), "user-a", "c").await;
    let strict = tables.through(|call| {
        let request = &call.request;
        let tables = request["RequestItems"].as_object().into_iter().flatten().map(|(_, keys)| keys);
        let consistent = match call.operation.as_str() {
            "GetItem" | "Query" => request["ConsistentRead"] == true,
            "BatchGetItem" => tables.into_iter().all(|keys| keys["ConsistentRead"] == true),
            _ => true,
        };
        if consistent { Fault::Pass } else { Fault::Refuse("ValidationException") }
    });
    let (strict, user) = (strict.await, caller("user-a").id);
    let chat = strict.chat();
    chat.thread(&thread.id, &user).await.unwrap();
    chat.threads(&user, &ThreadsQuery::parse(None, None, None).unwrap()).await.unwrap();
    chat.messages(&thread.id, &MessagesQuery::parse(None, None, None).unwrap(), &links()).await.unwrap();
    chat.last_seq(&thread.id).await.unwrap();
    let people = PeopleQuery::parse(None, None).unwrap();
    chat.directory(&people, &links()).await.unwrap();
    chat.acquaintances(&user, &people, &links()).await.unwrap();
    chat.me(&caller("user-a").profile(), &links()).await.unwrap();
    chat.record_profile(&caller("user-a").profile()).await.unwrap();
    chat.mark_read(&user, &thread.id, 1).await.unwrap();
    chat.update_settings(&user, &thread.id, UpdateSettings { archived: None, muted_until: None }).await.unwrap();
    chat.member_state(&user, &thread.id).await.unwrap();
    chat.thread_row(&thread.id).await.unwrap();
    chat.message_rows(&[(thread.id.clone(), 1)]).await.unwrap();
    let channel = Channel::Thread(thread.id);
    strict.connections().subscribe(&connection, &channel).await.unwrap();
    assert_eq!(strict.connections().subscribers(&channel).await.unwrap().live.len(), 1);
}
