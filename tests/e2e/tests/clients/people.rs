//! Tests of the list of people: `GET /api/people`.

use std::collections::BTreeSet;

use e2e::{Signer, User, assert_keys, assert_person, items, text, unknown_user_id};
use time::OffsetDateTime;

/// A person's ID and name.
type Person = (String, String);

/// Returns the people on all pages of `limit` people.
async fn people(user: &User, limit: &str) -> Vec<Person> {
    let (mut people, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut query = vec![("limit", limit)];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = user.get("/api/people", &query).await.ok(200);
        assert_keys(&page, &["people", "nextCursor"]);
        assert!(limit.parse().is_ok_and(|limit| items(&page["people"]).len() <= limit), "{page}");
        for person in items(&page["people"]) {
            assert_person(person, &[]);
            people.push((text(&person["id"]).to_owned(), text(&person["name"]).to_owned()));
        }
        cursor = page["nextCursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return people;
        }
    }
}

/// A user of the local cloud whose tokens have the names that a test chooses.
struct Renamed {
    user: User,
    signer: Signer,
    issued: i64,
}

impl Renamed {
    async fn new() -> Self {
        let issued = OffsetDateTime::now_utc().unix_timestamp() - 1_000;
        Self { user: User::newcomer().await, signer: Signer::new(), issued }
    }

    /// Calls the API with a new token for this person. The token contains `name`, and its issue time is `seconds` after
    /// `self.issued`.
    async fn call(&mut self, name: &str, seconds: i64) {
        let sarah = User::sarah().await;
        self.user.token = self.signer.token_named(&sarah.token, &self.user.id, name, self.issued + seconds);
        assert_eq!(self.user.get("/api/me", &[]).await.ok(200)["id"], self.user.id);
    }

    /// Returns the person's names in Sarah's list. There is one name unless the list has the person twice.
    async fn listed_names(&self) -> Vec<String> {
        let all = people(&User::sarah().await, "100").await;
        all.into_iter().filter(|(id, _)| *id == self.user.id).map(|(_, name)| name).collect()
    }
}

#[tokio::test]
async fn list_has_the_caller_and_everybody_with_a_common_thread_by_name() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let _ = michael.get("/api/me", &[]).await.ok(200);
    sarah.new_thread(&[&michael]).await;
    let listed = people(&sarah, "100").await;
    for user in [&sarah, &michael] {
        assert!(listed.contains(&(user.id.clone(), user.name.clone())), "{} is missing", user.name);
    }
    let order: Vec<_> = listed.iter().map(|(id, name)| (name.to_lowercase(), name, id)).collect();
    assert!(order.is_sorted(), "not sorted by name: {order:?}");
    let ids: BTreeSet<_> = listed.iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), listed.len(), "a person is listed twice");
}

// make verify: never, because the test creates users as the local cloud's administrator
#[tokio::test]
async fn small_pages_have_everybody_once_although_people_join() {
    let sarah = User::sarah().await;
    let mut expected = BTreeSet::new();
    for name in ["zoe", "Anna", "anna", "Ärzte"] {
        let mut person = Renamed::new().await;
        person.call(name, 0).await;
        expected.insert((person.user.id, name.to_owned()));
    }
    let (listed, ()) = futures::join!(people(&sarah, "10"), async {
        let _ = User::newcomer().await.get("/api/me", &[]).await.ok(200);
    });
    let once: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(once.len(), listed.len(), "a person is listed twice");
    assert!(expected.is_subset(&once), "{expected:?}");
}

// make verify: never, because the test creates users as the local cloud's administrator
#[tokio::test]
async fn person_is_listed_once_with_the_name_of_the_newest_token() {
    let mut person = Renamed::new().await;
    assert!(person.listed_names().await.is_empty(), "listed before the first call");
    let _ = person.user.get("/api/me", &[]).await.ok(200);
    assert_eq!(person.listed_names().await, [person.user.id.as_str()], "a person without a name is shown by ID");
    for (name, seconds, expected) in
        [("Zoe", 100, "Zoe"), ("Anna", 200, "Anna"), ("Old", 150, "Anna"), ("  ", 300, "Anna"), ("Zoe", 400, "Zoe")]
    {
        person.call(name, seconds).await;
        assert_eq!(person.listed_names().await, [expected], "after a token with the name {name:?}");
    }
}

// make verify: never, because the test needs a user who has not called the API
#[tokio::test]
async fn user_who_never_called_is_not_listed_and_refused_calls_list_nobody() {
    let sarah = User::sarah().await;
    let silent = User::newcomer().await;
    let unknown = unknown_user_id();
    sarah.create_thread(&[&unknown]).await.assert_problem(422, "unknown_member");
    let mut forged = User::newcomer().await;
    forged.token = e2e::with_another_signature(&forged.token);
    assert_eq!(forged.get("/api/me", &[]).await.status, 401);
    let listed = people(&sarah, "100").await;
    for id in [&silent.id, &unknown, &forged.id] {
        assert!(!listed.iter().any(|(listed, _)| listed == id), "{id}");
    }
}

#[tokio::test]
async fn invalid_limit_and_cursors_of_other_lists_are_refused() {
    let (sarah, michael) = User::sarah_and_michael().await;
    for limit in ["0", "101", "-1", "many", ""] {
        let reply = sarah.get("/api/people", &[("limit", limit)]).await;
        reply.assert_problem_fields(400, "invalid_query", &["limit"]);
    }
    let thread = sarah.new_thread(&[&michael]).await;
    sarah.new_thread(&[]).await;
    sarah.send_many(&thread, 2).await;
    let of_messages = sarah.page(&thread, &[("limit", "1")]).await.next_cursor.unwrap();
    let of_threads = sarah.get("/api/threads", &[("limit", "1")]).await.ok(200)["nextCursor"].take();
    for cursor in ["garbage", &of_messages, text(&of_threads)] {
        sarah.get("/api/people", &[("cursor", cursor)]).await.assert_problem(400, "invalid_cursor");
    }
    let of_people = sarah.get("/api/people", &[("limit", "1")]).await.ok(200)["nextCursor"].take();
    sarah.get("/api/threads", &[("cursor", text(&of_people))]).await.assert_problem(400, "invalid_cursor");
    sarah.get_messages(&thread, &[("cursor", text(&of_people))]).await.assert_problem(400, "invalid_cursor");
    let _ = sarah.get("/api/people", &[("userId", "x"), ("archived", "x")]).await.ok(200);
}
