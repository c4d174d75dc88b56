//! Tests of users' pictures: which files can be a picture, where a picture is shown, and that its file has a use as
//! long as it is the picture.

use aws_sdk_dynamodb::types::AttributeValue;
use contract::{ErrorCode, FileId, Me, PeopleQuery, Profile, UpdateMe, limits};
use futures::future::join_all;
use store::{Change, Chat, Error, FileRow, Outcome, UnusablePicture};
use testkit::{
    Fault, Intercepted, Tables, caller, change, links, new_file, new_image, new_thread, send_with_files, set_picture,
    set_receipts,
};

use crate::{n, row, s, set, unset};

pub(crate) const PROFILE: (&str, &str) = ("USER#user-a", "PROFILE");
pub(crate) const PERSON: (&str, &str) = ("PEOPLE", "USER#user-a");

pub(crate) fn user_a() -> Profile {
    caller("user-a").profile()
}

pub(crate) async fn file(chat: &Chat, id: &FileId) -> FileRow {
    chat.file(id).await.unwrap().unwrap()
}

pub(crate) async fn choose(chat: &Chat, file: Option<&FileId>) -> Me {
    set_picture(chat, &user_a(), file).await.unwrap().unwrap()
}

/// Returns the file that the profile of `user-a` names as the picture. Asserts that the directory names the same file.
pub(crate) async fn picture(tables: &Tables) -> Option<FileId> {
    let named = async |key| {
        let row = row(tables, &tables.chat, key).await;
        row.get("avatarFileId").map(|id| FileId::parse(id.as_s().unwrap()).unwrap())
    };
    let of_profile = named(PROFILE).await;
    assert_eq!(of_profile, named(PERSON).await, "profile and directory must name the same file");
    of_profile
}

/// Asserts that, of the files `ids`, exactly the current picture of `user-a` has the profile among its uses.
pub(crate) async fn assert_one_use(tables: &Tables, ids: &[FileId]) {
    let picture = picture(tables).await;
    for id in ids {
        let row = file(&tables.chat(), id).await;
        assert_eq!(row.uses.contains("profile"), picture.as_ref() == Some(id), "{row:?} and the picture {picture:?}");
    }
}

#[tokio::test]
async fn picture_is_shown_in_the_profile_the_directory_and_to_people_with_a_common_thread() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    new_thread(&chat, &["user-a", "user-b"]).await;
    chat.record_profile(&user_a()).await.unwrap();
    let photo = new_image(&chat, "user-a").await;
    let thumbnail = photo.clone().details(&links()).thumb_url;
    let query = PeopleQuery::parse(None, None).unwrap();
    for (new, expected) in [(Some(&photo.id), thumbnail), (None, None)] {
        assert_eq!(choose(&chat, new).await.avatar_url, expected);
        assert_eq!(chat.me(&user_a(), &links()).await.unwrap().avatar_url, expected);
        let everybody = chat.directory(&query, &links()).await.unwrap().people;
        let of_b = chat.acquaintances(&caller("user-b").id, &query, &links()).await.unwrap().people;
        for people in [everybody, of_b] {
            let shown: Vec<_> = people.iter().map(|person| (person.id.as_str(), &person.avatar_url)).collect();
            assert_eq!(shown, [("user-a", &expected), ("user-b", &None)]);
        }
    }
}

#[tokio::test]
async fn first_call_of_a_user_may_set_the_picture_and_the_name_comes_later() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let photo = new_image(&chat, "user-a").await;
    choose(&chat, Some(&photo.id)).await;
    chat.record_profile(&user_a()).await.unwrap();
    assert_eq!(picture(&tables).await, Some(photo.id));
    assert_eq!(row(&tables, &tables.chat, PERSON).await["name"], s("A"));
}

#[tokio::test]
async fn file_that_cannot_be_the_picture_is_refused_and_nothing_changes() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a", "user-b"]).await;
    let current = new_image(&chat, "user-a").await.id;
    choose(&chat, Some(&current)).await;

    let (of_b, sent_by_b) = (new_image(&chat, "user-b").await.id, new_image(&chat, "user-b").await.id);
    send_with_files(&chat, "user-b", &thread, "", std::slice::from_ref(&sent_by_b)).await;
    let [pending, failed, text] =
        join_all((0..3).map(|_| new_file(&chat, "user-a", "a", "image/png", 1))).await.try_into().unwrap();
    chat.record_outcome(&failed.id, &Outcome::Failed { reason: "Broken.".into() }).await.unwrap();
    let plain = Outcome::Ready { original: "files/1".into(), thumbnail: None, size: None };
    chat.record_outcome(&text.id, &plain).await.unwrap();
    let (deleted, full) = (new_image(&chat, "user-a").await.id, new_image(&chat, "user-a").await.id);
    send_with_files(&chat, "user-a", &thread, "", std::slice::from_ref(&deleted)).await;
    change(&chat, "user-a", &thread, 2, Change::Delete).await;
    let uses = AttributeValue::Ss((0..limits::FILE_USES).map(|n| format!("thread_{n}#1")).collect());
    set(&tables, &tables.chat, (&format!("FILE#{full}"), "META"), "uses", uses).await;

    for (id, expected) in [
        (FileId::new(), UnusablePicture::Unknown),
        (of_b, UnusablePicture::Unknown),
        (sent_by_b, UnusablePicture::Unknown),
        (deleted, UnusablePicture::Unknown),
        (pending.id, UnusablePicture::Pending),
        (failed.id, UnusablePicture::Failed),
        (text.id, UnusablePicture::NotAnImage),
        (full, UnusablePicture::TooManyUses),
    ] {
        let before = chat.file(&id).await.unwrap();
        let update = UpdateMe { receipts: Some(false), avatar_file_id: Some(Some(id.clone())) };
        let refused = chat.update_me(&user_a(), &update, &links(), async |_| Ok::<_, Error>(())).await.unwrap();
        assert_eq!(refused, Err(expected), "{id}");
        assert_eq!(chat.file(&id).await.unwrap(), before, "{id}");
        assert_eq!(picture(&tables).await, Some(current.clone()), "{id}");
        assert!(chat.me(&user_a(), &links()).await.unwrap().receipts, "{id}");
    }
}

#[test]
fn refusal_names_the_field_and_has_its_own_code_if_the_file_has_too_many_uses() {
    for (unusable, code) in [
        (UnusablePicture::Unknown, ErrorCode::InvalidRequest),
        (UnusablePicture::Pending, ErrorCode::InvalidRequest),
        (UnusablePicture::Failed, ErrorCode::InvalidRequest),
        (UnusablePicture::NotAnImage, ErrorCode::InvalidRequest),
        (UnusablePicture::TooManyUses, ErrorCode::TooManyFileUses),
    ] {
        let contract::ApiError::Problem(problem) = unusable.into() else { panic!("{unusable:?} is not a problem") };
        assert_eq!((problem.code, problem.code.status()), (code, 422));
        let fields: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["avatarFileId"], "{unusable:?}");
    }
}

#[tokio::test]
async fn replaced_or_removed_picture_is_erased_and_cannot_return() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let ids = [new_image(&chat, "user-a").await.id, new_image(&chat, "user-a").await.id];
    for (new, old) in [(Some(&ids[0]), None), (Some(&ids[1]), Some(&ids[0])), (None, Some(&ids[1]))] {
        choose(&chat, new).await;
        assert_one_use(&tables, &ids).await;
        if let Some(new) = new {
            assert!(!chat.erase_file(new).await.unwrap());
        }
        let Some(old) = old else { continue };
        for erased in [false, true] {
            assert!(file(&chat, old).await.is_erased());
            assert_eq!(chat.visible_file(old, &user_a().id).await.unwrap(), None);
            assert_eq!(set_picture(&chat, &user_a(), Some(old)).await.unwrap(), Err(UnusablePicture::Unknown));
            assert!(erased || chat.erase_file(old).await.unwrap());
        }
        assert_eq!(picture(&tables).await.as_ref(), new);
    }
}

#[tokio::test]
async fn file_stays_as_long_as_it_is_the_picture_or_a_message_uses_it() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a", "user-b"]).await;
    let b = caller("user-b").id;
    for (turn, removed_first) in [false, true].into_iter().enumerate() {
        let photo = new_image(&chat, "user-a").await.id;
        choose(&chat, Some(&photo)).await;
        assert_eq!(chat.visible_file(&photo, &b).await.unwrap(), None, "other users get a picture only with its link");
        send_with_files(&chat, "user-a", &thread, "", std::slice::from_ref(&photo)).await;
        assert!(chat.visible_file(&photo, &b).await.unwrap().is_some());
        for removed in [removed_first, !removed_first] {
            let row = file(&chat, &photo).await;
            assert!(!row.is_erased() && !chat.erase_file(&photo).await.unwrap(), "{row:?}");
            if removed {
                choose(&chat, None).await;
            } else {
                change(&chat, "user-a", &thread, turn as u64 + 1, Change::Delete).await;
                assert_eq!(chat.visible_file(&photo, &b).await.unwrap(), None);
            }
        }
        assert!(file(&chat, &photo).await.is_erased() && chat.erase_file(&photo).await.unwrap());
    }
}

#[tokio::test]
async fn picture_that_was_sent_before_uses_were_recorded_stays_with_its_thread() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a", "user-b"]).await;
    let photo = new_image(&chat, "user-a").await.id;
    let threads = AttributeValue::Ss(vec![thread.id.to_string()]);
    set(&tables, &tables.chat, (&format!("FILE#{photo}"), "META"), "threadIds", threads).await;
    for new in [Some(&photo), None] {
        choose(&chat, new).await;
        assert!(!file(&chat, &photo).await.is_erased() && !chat.erase_file(&photo).await.unwrap());
        assert!(chat.visible_file(&photo, &caller("user-b").id).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn picture_counts_as_one_use() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let photo = new_image(&chat, "user-a").await.id;
    let uses = |count| AttributeValue::Ss((0..count).map(|n| format!("thread_{n}#1")).collect());
    set(&tables, &tables.chat, (&format!("FILE#{photo}"), "META"), "uses", uses(limits::FILE_USES - 1)).await;
    choose(&chat, Some(&photo)).await;
    assert_eq!(file(&chat, &photo).await.uses.len(), limits::FILE_USES);
    // The file is already the picture, so choosing it again needs no further use and is not refused.
    choose(&chat, Some(&photo)).await;
}

#[tokio::test]
async fn repeated_change_writes_nothing_and_erases_nothing() {
    let tables = Tables::create().await;
    let photo = new_image(&tables.chat(), "user-a").await.id;
    let refuse = |call: &Intercepted| {
        let writes = ["UpdateItem", "PutItem", "TransactWriteItems"].contains(&call.operation.as_str());
        if writes { Fault::Refuse("com.amazon.coral.service#AccessDeniedException") } else { Fault::Pass }
    };
    let read_only = tables.through(refuse).await.chat();
    for new in [None, Some(&photo)] {
        choose(&tables.chat(), new).await;
        let update = UpdateMe { receipts: None, avatar_file_id: Some(new.cloned()) };
        let erase = async |id| panic!("{id} would be erased");
        let me = read_only.update_me::<Error, _>(&user_a(), &update, &links(), erase).await.unwrap().unwrap();
        assert_eq!(me, tables.chat().me(&user_a(), &links()).await.unwrap());
        let other = if new.is_some() { None } else { Some(photo.clone()) };
        let update = UpdateMe { receipts: None, avatar_file_id: Some(other) };
        let changed = read_only.update_me(&user_a(), &update, &links(), async |_| Ok::<_, Error>(())).await;
        assert!(changed.is_err(), "a change that writes must fail here; otherwise, the test would not notice a write");
    }
}

#[tokio::test]
async fn picture_and_receipts_change_together() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let photo = new_image(&chat, "user-a").await.id;
    for (receipts, new) in [(false, Some(&photo)), (true, Some(&photo)), (false, None), (true, None)] {
        let update = UpdateMe { receipts: Some(receipts), avatar_file_id: Some(new.cloned()) };
        let me = chat.update_me(&user_a(), &update, &links(), async |_| Ok::<_, Error>(())).await.unwrap().unwrap();
        assert_eq!((me.receipts, me.avatar_url.is_some()), (receipts, new.is_some()));
        assert_eq!(chat.me(&user_a(), &links()).await.unwrap(), me);
    }
    // The file was erased when the picture was removed, so another image is needed. A change of `receipts` alone keeps
    // the picture.
    let other = new_image(&chat, "user-a").await.id;
    choose(&chat, Some(&other)).await;
    assert!(set_receipts(&chat, &user_a(), Some(false)).await.unwrap().avatar_url.is_some());
    assert!(!choose(&chat, None).await.receipts);
}

#[tokio::test]
async fn picture_whose_file_row_is_missing_can_be_replaced() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let [lost, new] = [new_image(&chat, "user-a").await.id, new_image(&chat, "user-a").await.id];
    choose(&chat, Some(&lost)).await;
    let delete = tables.client.delete_item().table_name(&tables.chat);
    delete.key("pk", s(format!("FILE#{lost}"))).key("sk", s("META")).send().await.unwrap();
    choose(&chat, Some(&new)).await;
    assert_eq!(picture(&tables).await, Some(new));
    assert_eq!(chat.file(&lost).await.unwrap(), None);
}

#[tokio::test]
async fn image_from_before_sizes_has_none_and_can_be_the_picture() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let photo = new_image(&chat, "user-a").await;
    let shown = |photo: &FileRow| {
        let attachment = photo.clone().attachment(&links());
        let details = photo.clone().details(&links());
        assert_eq!((attachment.width, attachment.height), (details.width, details.height));
        (details.width, details.height)
    };
    assert_eq!(shown(&photo), (Some(4_032), Some(3_024)));
    for name in ["width", "height"] {
        unset(&tables, &tables.chat, (&format!("FILE#{}", photo.id), "META"), name).await;
    }
    let old = file(&chat, &photo.id).await;
    assert_eq!(shown(&old), (None, None));
    assert!(old.attachment(&links()).thumb_url.is_some());
    choose(&chat, Some(&photo.id)).await;
    // A row whose size is not valid is an error. It is not read as an image without a size.
    set(&tables, &tables.chat, (&format!("FILE#{}", photo.id), "META"), "width", n(-1)).await;
    assert!(matches!(chat.file(&photo.id).await, Err(Error::BadRow { .. })));
}
