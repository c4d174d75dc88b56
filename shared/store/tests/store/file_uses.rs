//! Tests of which messages use a file, and of the erasure of a file that no message uses any more.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use contract::{FileId, FileStatus, IdempotencyKey, Thread, limits};
use store::{Change, Chat, Error, FileRow, NewMessage, Published, Sent, Unsendable};
use testkit::{
    Fault, Tables, caller, change, edit, links, make_known, new_file, new_thread, react, ready_image, send_text,
    send_with_files,
};

use crate::changes::{message_key, messages};
use crate::{keys, row, s, set, unset};

async fn photo(chat: &Chat) -> FileRow {
    new_file(chat, "user-a", "photo.jpg", "image/jpeg", 1).await
}

async fn file(chat: &Chat, id: &FileId) -> FileRow {
    chat.file(id).await.unwrap().unwrap()
}

fn uses(of: &[(&Thread, u64)]) -> BTreeSet<String> {
    of.iter().map(|(thread, seq)| format!("{}#{seq}", thread.id)).collect()
}

async fn send(chat: &Chat, thread: &Thread, ids: &[FileId], key: Option<&IdempotencyKey>) -> Result<Sent, Error> {
    let (author, thread_id) = (&caller("user-a").profile(), &thread.id);
    let new = NewMessage { thread_id, author, body: "text", file_ids: ids, reply_to: None, idempotency_key: key };
    chat.send(new, &links()).await
}

fn refused(id: &FileId) -> Sent {
    Sent::BadFiles(vec![(id.clone(), Unsendable::Unusable)])
}

#[tokio::test]
async fn file_is_erased_with_its_last_message_and_not_before() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let (one, two) = (new_thread(&chat, &["user-a", "user-b"]).await, new_thread(&chat, &["user-a", "user-c"]).await);
    let photo = photo(&chat).await;
    chat.record_outcome(&photo.id, &ready_image("1")).await.unwrap();
    let ids = [photo.id.clone()];
    assert!(!chat.erase_file(&photo.id).await.unwrap(), "a file that was never sent is kept");
    for thread in [&one, &one, &two] {
        send_with_files(&chat, "user-a", thread, "text", &ids).await;
    }
    assert_eq!(file(&chat, &photo.id).await.uses, uses(&[(&one, 1), (&one, 2), (&two, 1)]));
    for (thread, seq) in [(&one, 1), (&two, 1), (&one, 2)] {
        let served = file(&chat, &photo.id).await;
        assert!(served.published(Published::Original).is_some() && !chat.erase_file(&photo.id).await.unwrap());
        change(&chat, "user-a", thread, seq, edit("new")).await;
        change(&chat, "user-a", thread, seq, react("👍")).await;
        assert_eq!(file(&chat, &photo.id).await, served, "only a deletion changes the uses");
        change(&chat, "user-a", thread, seq, Change::Delete).await;
    }
    // After the last deletion, the file is neither served nor sendable. Only `erase_file` erases its name and object
    // keys.
    let unused = file(&chat, &photo.id).await;
    assert!(unused.is_erased() && unused.threads().is_empty());
    assert_eq!((unused.published(Published::Original), unused.published(Published::Thumbnail)), (None, None));
    assert_eq!(chat.visible_file(&photo.id, &caller("user-a").id).await.unwrap(), None);
    assert_eq!(send(&chat, &one, &ids, None).await.unwrap(), refused(&photo.id));
    for _ in 0..2 {
        assert!(chat.erase_file(&photo.id).await.unwrap());
        let erased = file(&chat, &photo.id).await;
        assert_eq!((erased.status, erased.announced, erased.name.as_str()), (FileStatus::Failed, true, ""));
        let row = format!("{:?}", row(&tables, &tables.chat, (&format!("FILE#{}", photo.id), "META")).await);
        for erased in ["photo.jpg", "files/1", "thumbs/1", "4032", "3024"] {
            assert!(!row.contains(erased), "{row}");
        }
        assert_eq!(send(&chat, &one, &ids, None).await.unwrap(), refused(&photo.id));
        assert_eq!(chat.record_outcome(&photo.id, &ready_image("1")).await.unwrap(), erased);
    }
    assert!(!chat.erase_file(&FileId::new()).await.unwrap());
    assert!(!keys(&tables, &tables.chat).await.iter().any(|(pk, _)| *pk == "FILE#file_1"));
}

#[tokio::test]
async fn deletion_names_its_files_until_the_erasure_is_finished() {
    let chat = Tables::create().await.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    let ids = [photo(&chat).await.id, photo(&chat).await.id];
    send_with_files(&chat, "user-a", &thread, "text", &ids).await;
    send_text(&chat, "user-a", &thread, "text").await;
    change(&chat, "user-a", &thread, 1, edit("new")).await;
    for seq in [1, 2] {
        change(&chat, "user-a", &thread, seq, Change::Delete).await;
    }
    let named = async |rev| chat.revision(&thread.id, rev).await.unwrap().unwrap().file_ids;
    assert_eq!((named(1).await, named(2).await, named(3).await), ([].into(), ids.into(), [].into()));
    for _ in 0..2 {
        chat.finish_erasure(&thread.id, 2).await.unwrap();
        assert!(named(2).await.is_empty());
    }
    chat.finish_erasure(&thread.id, 9).await.unwrap();
    assert_eq!((chat.last_rev(&thread.id).await.unwrap(), chat.revision(&thread.id, 9).await.unwrap()), (3, None));
}

#[tokio::test]
async fn file_of_one_hundred_messages_has_room_again_after_a_deletion() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    let photo = photo(&chat).await;
    let ids = [photo.id.clone()];
    send_with_files(&chat, "user-a", &thread, "", &ids).await;
    let others = (1..limits::FILE_USES).map(|n| format!("thread_{n}#1")).chain(uses(&[(&thread, 1)])).collect();
    set(&tables, &tables.chat, (&format!("FILE#{}", photo.id), "META"), "uses", AttributeValue::Ss(others)).await;
    let full = Sent::BadFiles(vec![(photo.id.clone(), Unsendable::TooManyUses)]);
    assert_eq!(send(&chat, &thread, &ids, None).await.unwrap(), full);
    change(&chat, "user-a", &thread, 1, Change::Delete).await;
    assert_eq!(file(&chat, &photo.id).await.uses.len(), limits::FILE_USES - 1);
    assert!(matches!(send(&chat, &thread, &ids, None).await.unwrap(), Sent::Stored(_)));
}

/// Replaces the uses of a file with the attribute that was stored before uses were recorded: the threads that the file
/// was sent to.
async fn make_old(tables: &Tables, id: &FileId, threads: &[&Thread]) {
    let pk = format!("FILE#{id}");
    for attribute in ["uses", "sent"] {
        unset(tables, &tables.chat, (&pk, "META"), attribute).await;
    }
    let threads = threads.iter().map(|thread| thread.id.to_string()).collect();
    set(tables, &tables.chat, (&pk, "META"), "threadIds", AttributeValue::Ss(threads)).await;
}

#[tokio::test]
async fn file_from_before_uses_is_erased_with_its_last_message_too() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let (one, two) = (new_thread(&chat, &["user-a", "user-b"]).await, new_thread(&chat, &["user-a", "user-c"]).await);
    let photo = photo(&chat).await;
    let ids = [photo.id.clone()];
    for thread in [&one, &one, &two] {
        send_with_files(&chat, "user-a", thread, "", &ids).await;
    }
    make_old(&tables, &photo.id, &[&one, &two]).await;
    assert!(!file(&chat, &photo.id).await.is_erased() && !chat.erase_file(&photo.id).await.unwrap());
    assert!(chat.visible_file(&photo.id, &caller("user-c").id).await.unwrap().is_some());
    // Message 3 is new, so its use is recorded.
    send_with_files(&chat, "user-a", &one, "", &ids).await;
    let threads = async || file(&chat, &photo.id).await.threads();
    let both: BTreeSet<_> = [one.id.clone(), two.id.clone()].into();
    for (thread, seq, left) in
        [(&one, 3, both.clone()), (&one, 1, both), (&one, 2, [two.id.clone()].into()), (&two, 1, BTreeSet::new())]
    {
        change(&chat, "user-a", thread, seq, Change::Delete).await;
        assert_eq!(threads().await, left, "after the deletion of message {seq} of {}", thread.id);
    }
    assert!(chat.erase_file(&photo.id).await.unwrap());
}

/// The files have a use by the message if and only if the message is stored, whichever call fails and whichever answer
/// is lost.
#[tokio::test]
async fn failed_send_leaves_no_use_and_a_retry_makes_one() {
    for fault in [|| Fault::Refuse("com.amazon.coral.service#AccessDeniedException"), || Fault::LoseAnswer] {
        for nth in 0.. {
            let tables = Tables::create().await;
            make_known(&tables.chat(), &["user-a"]).await;
            let thread = new_thread(&tables.chat(), &["user-a"]).await;
            let ids = [photo(&tables.chat()).await.id, photo(&tables.chat()).await.id];
            let key = IdempotencyKey::parse(b"key").unwrap();
            let calls = Arc::new(AtomicUsize::new(0));
            let counted = calls.clone();
            let faulty = tables
                .through(move |_| if counted.fetch_add(1, Ordering::SeqCst) == nth { fault() } else { Fault::Pass });
            let sent = send(&faulty.await.chat(), &thread, &ids, Some(&key)).await;
            let stored = messages(&tables.chat(), &thread).await.len();
            let expected = if stored == 1 { uses(&[(&thread, 1)]) } else { BTreeSet::new() };
            for id in &ids {
                assert_eq!(file(&tables.chat(), id).await.uses, expected, "call {nth}: {sent:?}");
            }
            assert!(stored == 1 || sent.is_err(), "call {nth}: {sent:?}");
            send(&tables.chat(), &thread, &ids, Some(&key)).await.unwrap();
            assert_eq!(messages(&tables.chat(), &thread).await.len(), 1);
            assert_eq!(file(&tables.chat(), &ids[0]).await.uses, uses(&[(&thread, 1)]), "call {nth}");
            if calls.load(Ordering::SeqCst) <= nth {
                assert!(nth > 4, "a send must make more than 4 calls, but made {nth}");
                break;
            }
        }
    }
}

/// Deletes the only message that uses a file while another message with the file is sent. If the send is first, the
/// file is kept. If the deletion is first, the send is refused.
#[tokio::test]
async fn file_is_served_if_and_only_if_a_message_uses_it() {
    let tables = Tables::create().await;
    let (one, two) =
        (new_thread(&tables.chat(), &["user-a"]).await, new_thread(&tables.chat(), &["user-a", "user-b"]).await);
    for seq in 1..=24 {
        let (deleter, sender) = (tables.chat(), tables.chat());
        let photo = photo(&deleter).await;
        let ids = [photo.id.clone()];
        send_with_files(&deleter, "user-a", &one, "", &ids).await;
        let last = deleter.last_seq(&two.id).await.unwrap();
        let delete = async {
            change(&deleter, "user-a", &one, seq, Change::Delete).await;
            tables.chat().erase_file(&photo.id).await.unwrap()
        };
        let (erased, sent) = tokio::join!(delete, async {
            tokio::time::sleep(std::time::Duration::from_millis(seq % 4)).await;
            send(&sender, &two, &ids, None).await.unwrap()
        });
        let row = file(&tables.chat(), &photo.id).await;
        match sent {
            Sent::Stored(message) => {
                assert_eq!(
                    (erased, message.seq, row.is_erased(), row.uses),
                    (false, last + 1, false, uses(&[(&two, last + 1)]))
                );
                assert_eq!(row.name, "photo.jpg");
            }
            other => {
                assert_eq!((other, erased, row.is_erased()), (refused(&photo.id), true, true));
                assert_eq!(tables.chat().last_seq(&two.id).await.unwrap(), last);
            }
        }
    }
}

#[tokio::test]
async fn message_with_a_missing_file_row_can_be_deleted() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    let ids = [photo(&chat).await.id, photo(&chat).await.id];
    send_with_files(&chat, "user-a", &thread, "text", &ids).await;
    let delete = tables.client.delete_item().table_name(&tables.chat);
    delete.key("pk", s(format!("FILE#{}", ids[0]))).key("sk", s("META")).send().await.unwrap();
    change(&chat, "user-a", &thread, 1, Change::Delete).await;
    assert!(file(&chat, &ids[1]).await.is_erased());
    let (pk, sk) = message_key(&thread, 1);
    assert_eq!(row(&tables, &tables.chat, (&pk, &sk)).await["body"], s(""));
}
