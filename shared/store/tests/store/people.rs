//! Tests of the directory, of the people whom a user shares a thread with, and of the caller's own profile.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use contract::{Me, PeoplePage, PeopleQuery, Profile, UserId};
use store::Chat;
use testkit::{Fault, Intercepted, Tables, caller, links, make_known, new_thread, once, set_receipts};

use crate::{n, number, row, s, set};

const PROFILE: (&str, &str) = ("USER#user-1", "PROFILE");
const PERSON: (&str, &str) = ("PEOPLE", "USER#user-1");

fn profile(id: &str, name: Option<&str>, issued_at: i64) -> Profile {
    Profile { id: UserId::parse(id).unwrap(), name: name.map(Into::into), issued_at }
}

/// Records a token of the user `user-1` that contains `name`, on a new instance.
async fn record(tables: &Tables, name: &str, issued_at: i64) {
    tables.chat().record_profile(&profile("user-1", Some(name), issued_at)).await.unwrap();
}

/// Returns the names of `user-1` in the directory and in the profile.
async fn names(tables: &Tables) -> [String; 2] {
    let name = async |key| row(tables, &tables.chat, key).await["name"].as_s().unwrap().clone();
    [name(PERSON).await, name(PROFILE).await]
}

/// Returns the IDs and names of the people on all pages. `read` reads a page.
async fn all_pages(limit: &str, read: impl AsyncFn(PeopleQuery) -> PeoplePage) -> Vec<(String, String)> {
    let (mut people, mut cursor) = (Vec::new(), None::<String>);
    for _ in 0..100 {
        let page = read(PeopleQuery::parse(Some(limit), cursor.as_deref()).unwrap()).await;
        assert!(page.people.len() <= limit.parse().unwrap());
        people.extend(page.people.into_iter().map(|person| (person.id.to_string(), person.name)));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return people;
        }
    }
    panic!("the pages do not end: {people:?}");
}

async fn directory(chat: &Chat, limit: &str) -> Vec<(String, String)> {
    all_pages(limit, async |query| chat.directory(&query, &links()).await.unwrap()).await
}

#[tokio::test]
async fn crash_between_directory_and_profile_is_repaired_by_the_next_token() {
    for (name, issued_at) in [("Sara", 2), ("Sara", 3), ("Sarah", 3)] {
        let tables = Tables::create().await;
        record(&tables, "Sarah", 1).await;
        let refuse = |_: &Intercepted| Fault::Refuse("AccessDeniedException");
        let crashing = tables.through(once(|call| call.is("UpdateItem", "PROFILE"), refuse)).await.chat();
        let renamed = profile("user-1", Some("Sara"), 2);
        assert!(crashing.record_profile(&renamed).await.is_err());
        assert_eq!(names(&tables).await, ["Sara", "Sarah"]);
        record(&tables, name, issued_at).await;
        assert_eq!(names(&tables).await, [name, name], "{issued_at}");
    }
}

#[tokio::test]
async fn instance_that_crashed_records_the_same_token_again() {
    let tables = Tables::create().await;
    let refuse = |_: &Intercepted| Fault::Refuse("AccessDeniedException");
    let chat = tables.through(once(|call| call.is("UpdateItem", "PROFILE"), refuse)).await.chat();
    let seen = profile("user-1", Some("Sarah"), 1);
    assert!(chat.record_profile(&seen).await.is_err());
    chat.record_profile(&seen).await.unwrap();
    assert_eq!(names(&tables).await, ["Sarah", "Sarah"]);
}

#[tokio::test]
async fn older_token_never_wins_in_either_row() {
    // The instance with the older token has read the profile before another instance records the newer token.
    for overtaken in ["PEOPLE", "PROFILE"] {
        for newer in ["Sarah", "Sally"] {
            let tables = Tables::create().await;
            record(&tables, "Sarah", 1).await;
            let other = Arc::new(tables.chat());
            let overtake = move |_: &Intercepted| {
                let other = other.clone();
                Fault::After(Box::pin(async move {
                    other.record_profile(&profile("user-1", Some(newer), 3)).await.unwrap();
                }))
            };
            let slow = tables.through(once(move |call| call.is("UpdateItem", overtaken), overtake)).await.chat();
            slow.record_profile(&profile("user-1", Some("Old"), 2)).await.unwrap();
            assert_eq!(names(&tables).await, [newer, newer], "before the write of {overtaken}");
        }
    }
}

#[tokio::test]
async fn user_known_before_the_directory_enters_it_with_the_next_call() {
    for named in [true, false] {
        let tables = Tables::create().await;
        // This is a profile as functions wrote it before the directory existed.
        set(&tables, &tables.chat, PROFILE, "id", s("user-1")).await;
        if named {
            set(&tables, &tables.chat, PROFILE, "name", s("Sarah")).await;
            set(&tables, &tables.chat, PROFILE, "issuedAt", n(1)).await;
        }
        set(&tables, &tables.chat, PROFILE, "receipts", AttributeValue::Bool(false)).await;
        assert!(directory(&tables.chat(), "100").await.is_empty());
        tables.chat().record_profile(&profile("user-1", None, 9)).await.unwrap();
        let shown = if named { "Sarah" } else { "user-1" };
        assert_eq!(directory(&tables.chat(), "100").await, [("user-1".into(), shown.into())]);
        let stored = row(&tables, &tables.chat, PROFILE).await;
        assert_eq!(stored.contains_key("name"), named);
        assert_eq!(stored["receipts"], AttributeValue::Bool(false));
    }
}

#[tokio::test]
async fn directory_is_sorted_by_name_then_id_and_paged_without_gaps() {
    let chat = Tables::create().await.chat();
    for (id, name) in [
        ("5", Some("ben")),
        ("4", Some("Anna")),
        ("3", Some("anna")),
        ("2", Some("Anna")),
        ("anton", None),
        ("1", Some("Ärzte")),
    ] {
        chat.record_profile(&profile(id, name, 1)).await.unwrap();
    }
    for limit in ["1", "2", "3", "100"] {
        let listed = directory(&chat, limit).await;
        let ids: Vec<_> = listed.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, ["2", "4", "3", "anton", "5", "1"], "limit {limit}");
        assert_eq!(listed[3].1, "anton");
    }
}

#[tokio::test]
async fn page_continues_after_the_last_person_was_renamed() {
    let chat = Tables::create().await.chat();
    for name in ["a", "b", "c"] {
        chat.record_profile(&profile(name, Some(name), 1)).await.unwrap();
    }
    let first = chat.directory(&PeopleQuery::parse(Some("2"), None).unwrap(), &links()).await.unwrap();
    chat.record_profile(&profile("b", Some("z"), 2)).await.unwrap();
    let query = PeopleQuery::parse(Some("2"), first.next_cursor.as_deref()).unwrap();
    let names: Vec<_> =
        chat.directory(&query, &links()).await.unwrap().people.into_iter().map(|person| person.name).collect();
    assert_eq!(names, ["c", "z"]);
}

#[tokio::test]
async fn acquaintances_are_those_who_share_a_thread_and_the_user() {
    let chat = Tables::create().await.chat();
    new_thread(&chat, &["user-a", "user-b", "user-c"]).await;
    new_thread(&chat, &["user-a", "user-b"]).await;
    new_thread(&chat, &["user-b", "user-d"]).await;
    chat.record_profile(&caller("user-c").profile()).await.unwrap();
    for (user, expected) in
        [("user-a", &["C", "user-a", "user-b"][..]), ("user-d", &["user-b", "user-d"]), ("stranger", &["stranger"])]
    {
        let user = UserId::parse(user).unwrap();
        let names = all_pages("1", async |query| chat.acquaintances(&user, &query, &links()).await.unwrap()).await;
        let names: Vec<_> = names.into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, expected);
    }
}

#[tokio::test]
async fn receipts_are_shared_until_the_user_stops_it_and_survive_other_writes() {
    let tables = Tables::create().await;
    let (chat, sarah) = (tables.chat(), profile("user-1", Some("Sarah"), 1));
    let me = |name: &str, receipts| Me { id: sarah.id.clone(), name: name.into(), receipts, avatar_url: None };
    // The user has no profile yet.
    assert_eq!(chat.me(&sarah, &links()).await.unwrap(), me("Sarah", true));
    for _ in 0..2 {
        assert_eq!(set_receipts(&chat, &sarah, Some(false)).await.unwrap(), me("Sarah", false));
    }
    chat.record_profile(&sarah).await.unwrap();
    record(&tables, "Sara", 2).await;
    assert_eq!(chat.me(&sarah, &links()).await.unwrap(), me("Sara", false));
    assert_eq!(set_receipts(&chat, &sarah, None).await.unwrap(), me("Sara", false));
    assert_eq!(set_receipts(&chat, &sarah, Some(false)).await.unwrap(), me("Sara", false));
    // Changes of `receipts` have not changed the name and the time of its token.
    assert_eq!(names(&tables).await, ["Sara", "Sara"]);
    assert_eq!(number(&tables, &tables.chat, PROFILE, "issuedAt").await, 2);
    assert_eq!(set_receipts(&chat, &sarah, Some(true)).await.unwrap(), me("Sara", true));
    assert_eq!(tables.chat().me(&sarah, &links()).await.unwrap(), me("Sara", true));
}

#[tokio::test]
async fn name_of_the_caller_is_that_of_the_newest_token_or_the_id() {
    let tables = Tables::create().await;
    let (chat, nameless) = (tables.chat(), profile("user-1", None, 9));
    assert_eq!(chat.me(&nameless, &links()).await.unwrap().name, "user-1");
    record(&tables, "Sarah", 1).await;
    assert_eq!(chat.me(&nameless, &links()).await.unwrap().name, "Sarah");
    assert_eq!(set_receipts(&chat, &nameless, Some(false)).await.unwrap().name, "Sarah");
    assert_eq!(chat.me(&profile("user-1", Some("Sara"), 2), &links()).await.unwrap().name, "Sara");
    let outdated = profile("user-1", Some("Old"), 0);
    assert_eq!(chat.me(&outdated, &links()).await.unwrap().name, "Sarah");
    assert_eq!(set_receipts(&chat, &outdated, Some(false)).await.unwrap().name, "Sarah");
}

#[tokio::test]
async fn empty_update_of_the_profile_writes_nothing() {
    let tables = Tables::create().await;
    make_known(&tables.chat(), &["user-1"]).await;
    let refuse = |call: &Intercepted| {
        if call.operation == "UpdateItem" { Fault::Refuse("AccessDeniedException") } else { Fault::Pass }
    };
    let chat = tables.through(refuse).await.chat();
    let sarah = profile("user-1", None, 1);
    assert!(set_receipts(&chat, &sarah, None).await.unwrap().receipts);
    assert!(set_receipts(&chat, &sarah, Some(false)).await.is_err());
}
