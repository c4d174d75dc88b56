use aws_sdk_dynamodb::types::AttributeValue;
use contract::{CreateFile, FileId, FileStatus, IdempotencyKey, Message, MessagesQuery, ThreadsQuery, limits};
use futures::future::join_all;
use store::{Chat, Error, FileRow, NewMessage, Outcome, Published, Sent, Unsendable};
use testkit::{Fault, Tables, caller, links, message_row, new_file, new_thread, once, ready_image, send_with_files};

use crate::{keys, s, set};

async fn photo(chat: &Chat, user: &str) -> FileRow {
    new_file(chat, user, "photo.jpg", "image/jpeg", 12).await
}

fn ready(hash: &str) -> Outcome {
    ready_image(hash)
}

fn failed() -> Outcome {
    Outcome::Failed { reason: "Broken.".into() }
}

async fn messages(chat: &Chat, thread: &contract::Thread) -> Vec<Message> {
    chat.messages(&thread.id, &MessagesQuery::parse(None, None, None).unwrap(), &links()).await.unwrap().messages
}

#[tokio::test]
async fn creating_a_file_again_keeps_its_outcome() {
    let tables = Tables::create().await;
    let file = photo(&tables.chat(), "user-a").await;
    assert_eq!(tables.chat().file(&file.id).await.unwrap(), Some(file.clone()));
    assert_eq!(tables.chat().file(&FileId::new()).await.unwrap(), None);
    // The file is created again after its outcome was recorded, as a late retry would do.
    tables.chat().record_outcome(&file.id, &failed()).await.unwrap();
    tables.chat().create_file(&file).await.unwrap();
    assert_eq!(tables.chat().file(&file.id).await.unwrap().unwrap().status, FileStatus::Failed);
}

#[tokio::test]
async fn concurrent_outcomes_of_a_file_all_return_the_first() {
    let tables = Tables::create().await;
    let file = photo(&tables.chat(), "user-a").await;
    let outcomes: Vec<_> = (0..16).map(|n| if n % 4 == 0 { failed() } else { ready(&n.to_string()) }).collect();
    let results = join_all(outcomes.iter().map(|outcome| {
        let (chat, id) = (tables.chat(), &file.id);
        async move { chat.record_outcome(id, outcome).await.unwrap() }
    }));
    let files = results.await;
    assert!(files.iter().all(|other| *other == files[0]), "{files:?}");
    assert_ne!(files[0].status, FileStatus::Pending);
    let details = serde_json::to_value(files[0].clone().details(&links())).unwrap();
    let is_ready = files[0].status == FileStatus::Ready;
    for (name, expected) in [("url", is_ready), ("thumbUrl", is_ready), ("reason", !is_ready)] {
        assert_eq!(details.get(name).is_some_and(|value| !value.is_null()), expected, "{details}");
    }
    assert!(matches!(tables.chat().record_outcome(&FileId::new(), &failed()).await, Err(Error::MissingRow(_))));
}

#[tokio::test]
async fn file_is_visible_to_its_owner_and_members_of_threads_it_was_sent_to() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let file = photo(&chat, "user-a").await;
    let thread = new_thread(&chat, &["user-a", "user-b"]).await;
    new_thread(&chat, &["user-a", "user-c"]).await;
    let sees = async |user: &str| chat.visible_file(&file.id, &caller(user).id).await.unwrap().is_some();
    assert!(sees("user-a").await && !sees("user-b").await);
    send_with_files(&chat, "user-a", &thread, "", std::slice::from_ref(&file.id)).await;
    assert!(sees("user-a").await && sees("user-b").await);
    assert!(!sees("user-c").await && !sees("user-d").await);
    assert_eq!(chat.visible_file(&FileId::new(), &caller("user-a").id).await.unwrap(), None);
}

#[tokio::test]
async fn message_and_last_message_show_the_current_state_of_files() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a", "user-b"]).await;
    let (one, two) = (photo(&chat, "user-a").await, photo(&chat, "user-a").await);
    let sent = send_with_files(&chat, "user-a", &thread, "look", &[two.id.clone(), one.id.clone()]).await;
    let statuses = |message: &Message| message.attachments.iter().map(|file| file.status).collect::<Vec<_>>();
    let ids: Vec<_> = sent.attachments.iter().map(|file| &file.id).collect();
    assert_eq!(ids, [&two.id, &one.id]);
    assert_eq!(statuses(&sent), [FileStatus::Pending, FileStatus::Pending]);

    let file = chat.record_outcome(&one.id, &ready("1")).await.unwrap();
    assert_eq!(file.threads(), [thread.id.clone()].into());
    chat.record_outcome(&two.id, &failed()).await.unwrap();
    let listed = messages(&tables.chat(), &thread).await.remove(0);
    assert_eq!(statuses(&listed), [FileStatus::Failed, FileStatus::Ready]);
    let url = listed.attachments[1].thumb_url.as_deref().unwrap();
    assert!(url.starts_with(&format!("/thumbs/{}.jpg?expires=", one.id)), "{url}");
    assert_eq!(listed.attachments[0].thumb_url, None);

    chat.advance_projection(&message_row(&sent)).await.unwrap();
    let query = ThreadsQuery::parse(None, None, None).unwrap();
    let page = chat.threads(&caller("user-b").id, &query).await.unwrap();
    let preview = page.threads[0].overview.last_message.clone().unwrap();
    let attachments: Vec<_> = preview.attachments.into_iter().map(|attachment| attachment.id).collect();
    assert_eq!(attachments, [two.id, one.id]);
}

async fn send(chat: &Chat, user: &str, thread: &contract::Thread, ids: &[FileId], key: Option<&str>) -> Sent {
    let key = key.map(|key| IdempotencyKey::parse(key.as_bytes()).unwrap());
    let author = &caller(user).profile();
    let (thread_id, idempotency_key) = (&thread.id, key.as_ref());
    chat.send(NewMessage { thread_id, author, body: "text", file_ids: ids, reply_to: None, idempotency_key }, &links())
        .await
        .unwrap()
}

#[tokio::test]
async fn foreign_failed_and_unknown_files_are_refused_and_none_is_shared() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a", "user-b"]).await;
    let (good, broken, foreign) =
        (photo(&chat, "user-a").await, photo(&chat, "user-a").await, photo(&chat, "user-b").await);
    chat.record_outcome(&broken.id, &failed()).await.unwrap();
    let unknown = FileId::new();
    let ids = [good.id.clone(), broken.id.clone(), foreign.id.clone(), unknown.clone()];
    let sent = send(&chat, "user-a", &thread, &ids, None).await;
    let unusable = |id: &FileId| (id.clone(), Unsendable::Unusable);
    assert_eq!(sent, Sent::BadFiles([&broken.id, &foreign.id, &unknown].map(unusable).into()));
    assert_eq!(chat.last_seq(&thread.id).await.unwrap(), 0);
    assert!(chat.file(&good.id).await.unwrap().unwrap().uses.is_empty(), "a refused send must not use any file");
    assert_eq!(chat.file(&unknown).await.unwrap(), None, "a send must not create the row of an unknown file");
    // A send by a user who is not a member shares no file either.
    assert_eq!(send(&chat, "user-c", &thread, &[good.id], None).await, Sent::NotMember);
    assert!(chat.file(&foreign.id).await.unwrap().unwrap().uses.is_empty());
}

#[tokio::test]
async fn retry_returns_the_same_message_after_its_file_has_failed() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    let (one, other) = (photo(&chat, "user-a").await, photo(&chat, "user-a").await);
    let ids = [one.id.clone()];
    let Sent::Stored(message) = send(&chat, "user-a", &thread, &ids, Some("key")).await else {
        panic!("the message was not stored")
    };
    assert_eq!(send(&chat, "user-a", &thread, &[], Some("key")).await, Sent::KeyReused);
    assert_eq!(send(&chat, "user-a", &thread, std::slice::from_ref(&other.id), Some("key")).await, Sent::KeyReused);
    assert!(chat.file(&other.id).await.unwrap().unwrap().uses.is_empty(), "a reused key must not use any file");
    chat.record_outcome(&one.id, &failed()).await.unwrap();
    chat.record_outcome(&other.id, &failed()).await.unwrap();
    let Sent::Replayed(again) = send(&chat, "user-a", &thread, &ids, Some("key")).await else {
        panic!("the message was not replayed")
    };
    assert_eq!((&again.id, again.attachments[0].status), (&message.id, FileStatus::Failed));
    assert_eq!(send(&chat, "user-a", &thread, std::slice::from_ref(&other.id), Some("key")).await, Sent::KeyReused);
    let refused = vec![(one.id.clone(), Unsendable::Unusable)];
    assert_eq!(send(&chat, "user-a", &thread, &ids, Some("new")).await, Sent::BadFiles(refused));
}

/// Writes `count` uses into the file's row, as if other messages used the file. These messages do not exist.
async fn fill(tables: &Tables, file: &FileRow, count: usize) {
    let uses = (0..count).map(|n| format!("thread_{n}#1")).collect();
    set(tables, &tables.chat, (&format!("FILE#{}", file.id), "META"), "uses", AttributeValue::Ss(uses)).await;
}

#[tokio::test]
async fn file_can_be_used_by_100_messages() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let (last, other) = (new_thread(&chat, &["user-a"]).await, new_thread(&chat, &["user-a", "user-b"]).await);
    let (full, fresh) = (photo(&chat, "user-a").await, photo(&chat, "user-a").await);
    fill(&tables, &full, limits::FILE_USES - 1).await;
    let ids = [fresh.id.clone(), full.id.clone()];
    assert!(matches!(send(&chat, "user-a", &last, &ids, None).await, Sent::Stored(_)));
    let refused = Sent::BadFiles(vec![(full.id.clone(), Unsendable::TooManyUses)]);
    for thread in [&last, &other] {
        assert_eq!(send(&chat, "user-a", thread, &ids, None).await, refused);
    }
    assert_eq!(chat.last_seq(&other.id).await.unwrap(), 0);
    let uses = async |file: &FileRow| chat.file(&file.id).await.unwrap().unwrap().uses;
    assert_eq!(uses(&full).await.len(), limits::FILE_USES);
    assert_eq!(uses(&fresh).await, [format!("{}#1", last.id)].into(), "a refused send must not use any file");
    // The file belongs to user-a and has no room for another use. The answer to user-b does not reveal that: it is the
    // same as for every file of another user.
    let foreign = send(&chat, "user-b", &other, std::slice::from_ref(&full.id), None).await;
    assert_eq!(foreign, Sent::BadFiles(vec![(full.id, Unsendable::Unusable)]));
}

#[tokio::test]
async fn concurrent_sends_never_exceed_the_limit_of_a_file() {
    const ROOM: usize = 5;
    let tables = Tables::create().await;
    let file = photo(&tables.chat(), "user-a").await;
    fill(&tables, &file, limits::FILE_USES - ROOM).await;
    let sends = join_all((0..4 * ROOM).map(|n| {
        let (chat, ids) = (tables.chat(), [file.id.clone()]);
        async move {
            let thread = new_thread(&chat, &["user-a", &format!("user-b{n}")]).await;
            send(&chat, "user-a", &thread, &ids, None).await
        }
    }));
    let sends = sends.await;
    let stored = sends.iter().filter(|sent| matches!(sent, Sent::Stored(_))).count();
    let refused = Sent::BadFiles(vec![(file.id.clone(), Unsendable::TooManyUses)]);
    assert_eq!((stored, sends.iter().filter(|sent| **sent == refused).count()), (ROOM, 3 * ROOM));
    let row = tables.chat().file(&file.id).await.unwrap().unwrap();
    assert_eq!(row.uses.len(), limits::FILE_USES);
}

#[tokio::test]
async fn retry_after_a_lost_answer_does_not_use_up_a_file_twice() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    let file = photo(&tables.chat(), "user-a").await;
    fill(&tables, &file, limits::FILE_USES - 1).await;
    let lossy = tables.through(once(|call| call.is("TransactWriteItems", "uses"), |_| Fault::LoseAnswer)).await;
    let sent = send(&lossy.chat(), "user-a", &thread, std::slice::from_ref(&file.id), Some("key")).await;
    assert!(matches!(sent, Sent::Stored(_)), "{sent:?}");
    let again = send(&tables.chat(), "user-a", &thread, std::slice::from_ref(&file.id), Some("key")).await;
    assert!(matches!(again, Sent::Replayed(_)), "{again:?}");
}

/// If the send is first, the row that `record_outcome` returns contains the thread. If the outcome is first, the file
/// is ready when it is read after the send.
#[tokio::test]
async fn concurrent_send_and_outcome_do_not_miss_each_other() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    for _ in 0..50 {
        let (sender, processor) = (tables.chat(), tables.chat());
        let file = photo(&sender, "user-a").await;
        let ids = [file.id.clone()];
        let outcome = ready("1");
        let send = async {
            send_with_files(&sender, "user-a", &thread, "", &ids).await;
            sender.file(&file.id).await.unwrap().unwrap().status
        };
        let (status, recorded) = tokio::join!(send, processor.record_outcome(&file.id, &outcome));
        let has_thread = recorded.unwrap().threads().contains(&thread.id);
        assert!(has_thread || status == FileStatus::Ready);
    }
}

#[tokio::test]
async fn pages_of_the_largest_messages_stay_below_6_mb_and_are_complete() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    let mut ids = Vec::new();
    for _ in 0..limits::FILES {
        ids.push(new_file(&chat, "user-a", &"🏡".repeat(255), "a/b", 1).await.id);
    }
    let body = "\u{1}".repeat(8_000);
    for _ in 0..60 {
        send_with_files(&chat, "user-a", &thread, &body, &ids).await;
    }
    let (mut seqs, mut cursor) = (Vec::new(), None);
    loop {
        let query = MessagesQuery::parse(Some("100"), cursor.as_deref(), None).unwrap();
        let page = chat.messages(&thread.id, &query, &links()).await.unwrap();
        // A Lambda response has at most 6 MB.
        assert!(serde_json::to_vec(&page).unwrap().len() < 6_000_000);
        seqs.extend(page.messages.iter().map(|message| message.seq));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seqs, (1..=60).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn missing_or_invalid_file_row_is_an_error_that_names_its_key() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    let file = photo(&chat, "user-a").await;
    send_with_files(&chat, "user-a", &thread, "", std::slice::from_ref(&file.id)).await;
    let pk = format!("FILE#{}", file.id);
    let query = MessagesQuery::parse(None, None, None).unwrap();
    set(&tables, &tables.chat, (&pk, "META"), "status", s("lost")).await;
    let error = chat.messages(&thread.id, &query, &links()).await.unwrap_err();
    assert!(matches!(&error, Error::BadRow { key, .. } if key.contains(&pk)), "{error}");
    let delete = tables.client.delete_item().table_name(&tables.chat).key("pk", s(&pk)).key("sk", s("META"));
    delete.send().await.unwrap();
    let error = chat.messages(&thread.id, &query, &links()).await.unwrap_err();
    assert!(matches!(&error, Error::MissingRow(key) if key.contains(&pk)), "{error}");
}

#[tokio::test]
async fn announced_flag_is_set_only_on_existing_files() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let file = photo(&chat, "user-a").await;
    chat.mark_announced(&file.id).await.unwrap();
    assert!(chat.file(&file.id).await.unwrap().unwrap().announced);
    assert!(chat.mark_announced(&FileId::new()).await.is_err());
    assert_eq!(keys(&tables, &tables.chat).await.len(), 1);
}

#[tokio::test]
async fn published_keys_are_absent_until_the_outcome_is_recorded() {
    let chat = Tables::create().await.chat();
    let request = CreateFile { name: "a".into(), mimetype: "a/b".into(), size: 1 };
    let file = FileRow::new(&caller("user-a").id, request);
    chat.create_file(&file).await.unwrap();
    assert_eq!((file.published(Published::Original), file.published(Published::Thumbnail)), (None, None));
    let outcome = Outcome::Ready { original: "files/1".into(), thumbnail: None, size: None };
    let ready = chat.record_outcome(&file.id, &outcome).await.unwrap();
    assert_eq!(ready.published(Published::Original), Some("files/1"));
    assert_eq!(ready.published(Published::Thumbnail), None);
}
