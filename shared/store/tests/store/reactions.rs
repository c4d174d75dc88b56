//! Tests of reactions, which are attributes of a message's row.

use std::collections::BTreeMap;

use contract::{MessagesQuery, Reaction, UserId};
use futures::future::join_all;
use store::{Change, Error, MessageRate, NewChange};
use testkit::{Tables, caller, change, edit, links, new_thread, react, send_text};

use crate::changes::{message_key, messages};
use crate::{n, row, s, set};

#[tokio::test]
async fn ninety_members_who_react_at_once_lose_nothing() {
    let tables = Tables::create().await;
    let users: Vec<_> = (0..90).map(|n| format!("user-{n:02}")).collect();
    let thread = new_thread(&tables.chat(), &users.iter().map(String::as_str).collect::<Vec<_>>()).await;
    send_text(&tables.chat(), "user-00", &thread, "text").await;
    // Each member's change runs on an instance of its own, which has just started. On an overloaded machine, a change
    // may fail with `Unavailable` after 12 s. Then the test repeats it, as a client does.
    let changes = users.iter().enumerate().map(|(n, user)| {
        let (chat, thread_id) = (tables.chat(), &thread.id);
        async move {
            let (caller, change) = (&caller(user).profile(), react(["👍", "🎉"][n % 2]));
            let new = NewChange { thread_id, seq: 1, caller, change };
            loop {
                match chat.change(new, &MessageRate::new(u64::MAX), &links()).await {
                    Ok(changed) => return changed.unwrap().rev,
                    Err(Error::Unavailable(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    });
    let revs = join_all(changes).await;
    assert!(revs.iter().all(|rev| (1..=90).contains(rev)), "{revs:?}");
    let message = messages(&tables.chat(), &thread).await.remove(0);
    let of = |emoji: &str, rest| {
        let users = users.iter().enumerate().filter(|(n, _)| n % 2 == rest);
        Reaction { emoji: emoji.into(), user_ids: users.map(|(_, user)| UserId::parse(user).unwrap()).collect() }
    };
    assert_eq!((message.rev, message.reactions), (90, vec![of("🎉", 1), of("👍", 0)]));
    assert_eq!(tables.chat().last_rev(&thread.id).await.unwrap(), 90);
    // A deletion erases all 90 reactions.
    let deleted = change(&tables.chat(), "user-00", &thread, 1, Change::Delete).await;
    assert_eq!((deleted.rev, deleted.reactions.len()), (91, 0));
    let (pk, sk) = message_key(&thread, 1);
    assert!(row(&tables, &tables.chat, (&pk, &sk)).await.keys().all(|name| !name.starts_with("r#")));
}

#[tokio::test]
async fn user_ids_may_have_any_character_and_any_length() {
    let chat = Tables::create().await.chat();
    let longest = "🏡".repeat(63) + "abc";
    let users = ["a#b", "a.b", "a b", "r#a", "#0", ":set0", "👩‍👩‍👧", "rev", "a[0]", "\"", "ä", &longest];
    let thread = new_thread(&chat, &users).await;
    send_text(&chat, users[0], &thread, "text").await;
    for user in users {
        change(&chat, user, &thread, 1, react("👍")).await;
    }
    let mut sorted: Vec<_> = users.iter().map(|user| UserId::parse(user).unwrap()).collect();
    sorted.sort_unstable();
    let all = Reaction { emoji: "👍".into(), user_ids: sorted };
    assert_eq!(messages(&chat, &thread).await[0].reactions, [all]);
    for user in users {
        change(&chat, user, &thread, 1, react("🎉")).await;
    }
    for user in &users[1..] {
        change(&chat, user, &thread, 1, Change::Unreact).await;
    }
    let left = Reaction { emoji: "🎉".into(), user_ids: vec![UserId::parse(users[0]).unwrap()] };
    assert_eq!(messages(&chat, &thread).await[0].reactions, [left]);
}

#[tokio::test]
async fn malformed_reaction_is_an_error_that_names_the_message() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    let too_long = format!("r#{}", "a".repeat(256));
    for (seq, (name, value)) in (1..).zip([("r#user-b", n(7)), ("r#", s("👍")), (&*too_long, s("👍"))]) {
        send_text(&chat, "user-a", &thread, "text").await;
        let (pk, sk) = message_key(&thread, seq);
        set(&tables, &tables.chat, (&pk, &sk), name, value).await;
        let query = MessagesQuery::parse(Some("1"), None, None).unwrap();
        let rows = chat.message_rows(&[(thread.id.clone(), seq)]).await.unwrap();
        let read = chat.messages(&thread.id, &query, &links()).await.map(drop);
        for result in [rows.into_iter().next().unwrap().map(drop), read] {
            let error = result.unwrap_err();
            assert!(matches!(&error, Error::BadRow { key, .. } if *key == format!("{pk} / {sk}")), "{error}");
        }
    }
}

#[tokio::test]
async fn row_from_before_reactions_and_revisions_has_none() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    send_text(&chat, "user-a", &thread, "text").await;
    let (pk, sk) = message_key(&thread, 1);
    let attributes: BTreeMap<_, _> = row(&tables, &tables.chat, (&pk, &sk)).await.into_iter().collect();
    let names: Vec<_> = attributes.keys().map(String::as_str).collect();
    assert_eq!(names, ["authorId", "body", "createdAt", "id", "seq", "threadId", "undelivered"]);
    let message = messages(&chat, &thread).await.remove(0);
    assert_eq!((message.rev, message.reactions.len()), (0, 0));
    assert_eq!(change(&chat, "user-a", &thread, 1, edit("new")).await.rev, 1);
}
