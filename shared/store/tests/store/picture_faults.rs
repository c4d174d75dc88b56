//! Tests of changes of pictures at the same time as other writes, and of changes whose calls to `DynamoDB` fail or
//! whose answers are lost.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use contract::UpdateMe;
use futures::future::join_all;
use store::{Change, Error, UnusablePicture};
use testkit::{
    Fault, Intercepted, Tables, change, links, new_image, new_thread, once, send_with_files, set_picture, set_receipts,
};

use crate::pictures::{PERSON, PROFILE, assert_one_use, choose, file, picture, user_a};
use crate::{row, s};

/// Each change requests the erasure of the file that it replaces before the change is committed. So the erasure of
/// every replaced file was requested.
#[tokio::test]
async fn concurrent_changes_leave_one_picture_and_all_other_files_erased() {
    let tables = Tables::create().await;
    tables.chat().record_profile(&user_a()).await.unwrap();
    let ids: Vec<_> = join_all((0..6).map(async |_| new_image(&tables.chat(), "user-a").await.id)).await;
    let asked = Mutex::new(BTreeSet::new());
    for _ in 0..2 {
        let news = ids.iter().map(Some).chain([None]);
        let changes = news.map(async |new| {
            let update = UpdateMe { receipts: None, avatar_file_id: Some(new.cloned()) };
            let erase_later = async |id| {
                asked.lock().unwrap().insert(id);
                Ok::<_, Error>(())
            };
            tables.chat().update_me(&user_a(), &update, &links(), erase_later).await
        });
        let results = join_all(changes).await;
        assert!(results.iter().any(|result| matches!(result, Ok(Ok(_)))), "{results:?}");
        for result in results {
            // In the second round, each file that was the picture before is erased, and so it is refused as unknown.
            assert!(matches!(result, Ok(Ok(_) | Err(UnusablePicture::Unknown)) | Err(Error::Unavailable(_))));
        }
        assert_one_use(&tables, &ids).await;
        let current = picture(&tables).await;
        for id in ids.iter().filter(|id| Some(*id) != current.as_ref()) {
            let row = file(&tables.chat(), id).await;
            let was_used = row.is_erased();
            assert_eq!(was_used, asked.lock().unwrap().contains(id), "{row:?}");
            assert_eq!(tables.chat().erase_file(id).await.unwrap(), was_used);
        }
    }
}

/// Whichever call fails and whichever answer is lost, exactly the picture's file has the profile among its uses, and
/// the erasure of a replaced file was requested.
#[tokio::test]
async fn failed_change_leaves_one_use_and_a_retry_completes_it() {
    for fault in [
        || Fault::Refuse("com.amazon.coral.service#AccessDeniedException"),
        || Fault::LoseAnswer,
        || Fault::Cancel(&["None", "TransactionConflict", "None", "None"]),
    ] {
        for nth in 0.. {
            let tables = Tables::create().await;
            tables.chat().record_profile(&user_a()).await.unwrap();
            let ids = [new_image(&tables.chat(), "user-a").await.id, new_image(&tables.chat(), "user-a").await.id];
            choose(&tables.chat(), Some(&ids[0])).await;
            let calls = Arc::new(AtomicUsize::new(0));
            let counted = calls.clone();
            let faulty = tables
                .through(move |_| if counted.fetch_add(1, Ordering::SeqCst) == nth { fault() } else { Fault::Pass })
                .await;
            let asked = AtomicUsize::new(0);
            let update = UpdateMe { receipts: None, avatar_file_id: Some(Some(ids[1].clone())) };
            let erase_later = async |id| {
                assert_eq!(id, ids[0]);
                asked.fetch_add(1, Ordering::SeqCst);
                Ok::<_, Error>(())
            };
            let changed = faulty.chat().update_me(&user_a(), &update, &links(), erase_later).await;
            assert_one_use(&tables, &ids).await;
            let replaced = picture(&tables).await.as_ref() == Some(&ids[1]);
            assert!(replaced || changed.is_err(), "call {nth}: {changed:?}");
            assert!(!replaced || asked.load(Ordering::SeqCst) > 0, "call {nth}: the old file is never erased");
            choose(&tables.chat(), Some(&ids[1])).await;
            assert_one_use(&tables, &ids).await;
            assert!(tables.chat().erase_file(&ids[0]).await.unwrap(), "call {nth}");
            if calls.load(Ordering::SeqCst) <= nth {
                assert!(nth > 2, "a change must make more than 2 calls, but made {nth}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn answer_to_a_repeated_change_has_the_change_although_another_one_follows() {
    let tables = Tables::create().await;
    let photo = new_image(&tables.chat(), "user-a").await.id;
    let expected = choose(&tables.chat(), Some(&photo)).await;
    // After the repeated change has read the profile, another request of the user removes the picture.
    let (other, reads) = (tables.chat(), AtomicUsize::new(0));
    let other = Arc::new(other);
    let racing = tables.through(move |call| {
        if call.operation != "GetItem" || reads.fetch_add(1, Ordering::SeqCst) == 0 {
            return Fault::Pass;
        }
        let other = other.clone();
        Fault::After(Box::pin(async move { _ = choose(&other, None).await }))
    });
    assert_eq!(choose(&racing.await.chat(), Some(&photo)).await, expected);
}

#[tokio::test]
async fn picture_does_not_change_if_the_erasure_of_the_old_one_cannot_be_requested() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let ids = [new_image(&chat, "user-a").await.id, new_image(&chat, "user-a").await.id];
    choose(&chat, Some(&ids[0])).await;
    for new in [Some(&ids[1]), None] {
        let update = UpdateMe { receipts: None, avatar_file_id: Some(new.cloned()) };
        let erase_later = async |_| Err(Error::Unavailable("SQS does not answer".into()));
        assert!(chat.update_me(&user_a(), &update, &links(), erase_later).await.is_err());
        assert_eq!(picture(&tables).await.as_ref(), Some(&ids[0]));
        assert_one_use(&tables, &ids).await;
    }
}

/// Deletes the only message that uses a file while the file is chosen as the picture. If the choice is first, the file
/// is kept. If the deletion is first, the choice is refused.
#[tokio::test]
async fn deletion_of_a_message_and_choice_of_its_file_do_not_miss_each_other() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    for seq in 1..=16 {
        let (deleter, chooser) = (tables.chat(), tables.chat());
        let photo = new_image(&deleter, "user-a").await.id;
        send_with_files(&deleter, "user-a", &thread, "", std::slice::from_ref(&photo)).await;
        let delete = async {
            change(&deleter, "user-a", &thread, seq, Change::Delete).await;
            tables.chat().erase_file(&photo).await.unwrap()
        };
        let (erased, chosen) = tokio::join!(delete, async {
            tokio::time::sleep(std::time::Duration::from_millis(seq % 4)).await;
            set_picture(&chooser, &user_a(), Some(&photo)).await.unwrap()
        });
        let row = file(&tables.chat(), &photo).await;
        match chosen {
            Ok(_) => assert_eq!((erased, row.is_erased(), picture(&tables).await), (false, false, Some(photo))),
            Err(unusable) => assert_eq!((unusable, erased, row.is_erased()), (UnusablePicture::Unknown, true, true)),
        }
    }
}

#[tokio::test]
async fn name_is_recorded_although_a_change_of_the_picture_interferes() {
    for row_of in ["PEOPLE", "PROFILE"] {
        let tables = Tables::create().await;
        let conflict = |_: &Intercepted| Fault::Refuse("com.amazonaws.dynamodb.v20120810#TransactionConflictException");
        let busy = tables.through(once(move |call| call.is("UpdateItem", row_of), conflict)).await.chat();
        busy.record_profile(&user_a()).await.unwrap();
        for key in [PERSON, PROFILE] {
            assert_eq!(row(&tables, &tables.chat, key).await["name"], s("A"), "{row_of}");
        }
        let busy = tables.through(once(move |call| call.is("UpdateItem", "PROFILE"), conflict)).await.chat();
        assert!(!set_receipts(&busy, &user_a(), Some(false)).await.unwrap().receipts);
    }
}
