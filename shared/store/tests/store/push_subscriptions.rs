//! Tests of the devices that receive a user's notifications.

use std::sync::atomic::{AtomicUsize, Ordering};

use contract::{PushId, PutSubscription, SubscriptionKeys, Timestamp, UserId, limits};
use futures::future::join_all;
use store::Registered;
use testkit::{Fault, Intercepted, Tables};

use crate::{keys, n, number, set};

/// Returns a push subscription. `endpoint` is the end of its endpoint's URL, and `keys` the end of both keys.
pub(crate) fn device(endpoint: impl std::fmt::Display, keys: &str) -> PutSubscription {
    let keys = SubscriptionKeys { p256dh: format!("public-{keys}"), auth: format!("secret-{keys}") };
    PutSubscription { endpoint: format!("https://push.example/{endpoint}"), keys }
}

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

async fn put(tables: &Tables, id: &str, device: PutSubscription) -> Registered {
    tables.chat().put_push_subscription(&user(id), device).await.unwrap()
}

/// Registers a device for the user `id`, and returns the ID of its subscription. Panics if the registration is refused.
pub(crate) async fn register(tables: &Tables, id: &str, device: PutSubscription) -> PushId {
    match put(tables, id, device).await {
        Registered::Done(id) => id,
        refused => panic!("the device was not registered: {refused:?}"),
    }
}

/// Returns the primary keys of the rows of all push subscriptions and all owners of endpoints.
pub(crate) async fn device_rows(tables: &Tables) -> Vec<(String, String)> {
    let rows = keys(tables, &tables.chat).await;
    rows.into_iter().filter(|(pk, sk)| pk.starts_with("PUSH#") || sk.starts_with("PUSH#")).collect()
}

/// Returns what [`device_rows`] returns if `owner` has the device `id` and nobody else has one.
pub(crate) fn only(owner: &str, id: &PushId) -> Vec<(String, String)> {
    vec![(format!("PUSH#{id}"), "META".into()), (format!("USER#{owner}"), format!("PUSH#{id}"))]
}

/// Sets the expiry of a row to a time in the past.
pub(crate) async fn expire(tables: &Tables, key: (&str, &str)) {
    set(tables, &tables.chat, key, "expiresAt", n(Timestamp::now().seconds() - 1)).await;
}

#[tokio::test]
async fn renewed_device_expires_60_days_later_and_keeps_its_id() {
    let tables = Tables::create().await;
    let id = register(&tables, "user-a", device(1, "a")).await;
    let (owner, subscription) = ((format!("PUSH#{id}"), "META"), format!("PUSH#{id}"));
    let rows_of_device = [(owner.0.as_str(), owner.1), ("USER#user-a", subscription.as_str())];
    for keys in ["a", "new"] {
        for key in rows_of_device {
            expire(&tables, key).await;
        }
        // The browser may have made new keys for the same endpoint.
        assert_eq!(put(&tables, "user-a", device(1, keys)).await, Registered::Done(id.clone()));
        assert_eq!(device_rows(&tables).await, only("user-a", &id));
        for key in rows_of_device {
            let days = (number(&tables, &tables.chat, key, "expiresAt").await - Timestamp::now().seconds()) / 86_400;
            assert!((59..=60).contains(&days), "{key:?}");
        }
    }
}

#[tokio::test]
async fn device_moves_to_another_user_only_together_with_its_keys() {
    let tables = Tables::create().await;
    let id = register(&tables, "user-a", device(1, "a")).await;
    let mut other_secret = device(1, "a");
    other_secret.keys.auth = "guessed".into();
    for wrong in [device(1, "b"), other_secret] {
        assert_eq!(put(&tables, "user-b", wrong).await, Registered::Taken);
        assert_eq!(device_rows(&tables).await, only("user-a", &id));
    }
    assert_eq!(put(&tables, "user-b", device(1, "a")).await, Registered::Done(id.clone()));
    assert_eq!(device_rows(&tables).await, only("user-b", &id));
}

#[tokio::test]
async fn endpoint_of_an_expired_owner_is_free() {
    let tables = Tables::create().await;
    let id = register(&tables, "user-a", device(1, "a")).await;
    expire(&tables, (&format!("PUSH#{id}"), "META")).await;
    assert_eq!(put(&tables, "user-b", device(1, "b")).await, Registered::Done(id.clone()));
    assert_eq!(device_rows(&tables).await, only("user-b", &id));
}

#[tokio::test]
async fn eleventh_device_is_refused_and_expired_ones_do_not_count() {
    let tables = Tables::create().await;
    let mut ids = Vec::new();
    for endpoint in 0..limits::DEVICES {
        ids.push(register(&tables, "user-a", device(endpoint, "a")).await);
    }
    assert_eq!(put(&tables, "user-a", device("eleventh", "a")).await, Registered::TooMany);
    register(&tables, "user-a", device(3, "a")).await;
    register(&tables, "user-b", device("of-b", "b")).await;
    expire(&tables, ("USER#user-a", &format!("PUSH#{}", ids[0]))).await;
    register(&tables, "user-a", device("eleventh", "a")).await;
    assert_eq!(
        put(&tables, "user-a", device(0, "a")).await,
        Registered::TooMany,
        "an expired device counts as a new one"
    );
}

#[tokio::test]
async fn each_device_can_be_renewed_after_concurrent_registrations_made_too_many() {
    let tables = Tables::create().await;
    let devices = limits::DEVICES + 2;
    for endpoint in 0..devices {
        let id = register(&tables, &format!("user-{endpoint}"), device(endpoint, "a")).await;
        // The subscription is copied to user-a, as if user-a had registered all devices at the same time.
        let (client, pk) = (&tables.client, format!("USER#user-{endpoint}"));
        let row = crate::row(&tables, &tables.chat, (&pk, &format!("PUSH#{id}"))).await;
        let put = client.put_item().table_name(&tables.chat).set_item(Some(row));
        put.item("pk", crate::s("USER#user-a")).item("sk", crate::s(format!("PUSH#{id}"))).send().await.unwrap();
    }
    for endpoint in 0..devices {
        register(&tables, "user-a", device(endpoint, "a")).await;
    }
    assert_eq!(put(&tables, "user-a", device("another", "a")).await, Registered::TooMany);
}

#[tokio::test]
async fn users_delete_only_their_own_devices() {
    let tables = Tables::create().await;
    let id = register(&tables, "user-a", device(1, "a")).await;
    let delete = async |user_id| tables.chat().delete_push_subscription(&user(user_id), &id).await.unwrap();
    assert!(!delete("user-b").await);
    assert_eq!(device_rows(&tables).await, only("user-a", &id));
    assert!(delete("user-a").await);
    assert_eq!(device_rows(&tables).await, []);
    assert!(!delete("user-a").await);
}

#[tokio::test]
async fn device_whose_endpoint_has_another_owner_can_be_deleted() {
    let tables = Tables::create().await;
    let id = register(&tables, "user-a", device(1, "a")).await;
    // TTL deletes rows in any order: here, the owner before the subscription.
    let delete = tables.client.delete_item().table_name(&tables.chat);
    delete.key("pk", crate::s(format!("PUSH#{id}"))).key("sk", crate::s("META")).send().await.unwrap();
    register(&tables, "user-b", device(1, "b")).await;
    assert!(tables.chat().delete_push_subscription(&user("user-a"), &id).await.unwrap());
    assert_eq!(device_rows(&tables).await, only("user-b", &id));
}

/// Loses the answer of the first transaction, and refuses the SDK's repetition of it with a conflict. So the store's next
/// attempt finds what the first one has written.
fn lost_answer_and_conflict() -> impl Fn(&Intercepted) -> Fault + Send + Sync + 'static {
    let calls = AtomicUsize::new(0);
    move |call| match call.operation.as_str() {
        "TransactWriteItems" => match calls.fetch_add(1, Ordering::SeqCst) {
            0 => Fault::LoseAnswer,
            1 => Fault::Cancel(&["TransactionConflict", "None", "None"]),
            _ => Fault::Pass,
        },
        _ => Fault::Pass,
    }
}

#[tokio::test]
async fn writes_with_lost_answers_have_the_same_result() {
    let tables = Tables::create().await;
    let id = register(&tables.through(lost_answer_and_conflict()).await, "user-a", device(1, "a")).await;
    assert_eq!(device_rows(&tables).await, only("user-a", &id));
    register(&tables.through(lost_answer_and_conflict()).await, "user-b", device(1, "a")).await;
    assert_eq!(device_rows(&tables).await, only("user-b", &id));
    let lossy = tables.through(lost_answer_and_conflict()).await;
    assert!(lossy.chat().delete_push_subscription(&user("user-b"), &id).await.unwrap());
    assert_eq!(device_rows(&tables).await, []);
}

#[tokio::test]
async fn concurrent_registrations_of_an_endpoint_leave_one_owner() {
    let tables = Tables::create().await;
    let users = ["user-a", "user-b", "user-c"];
    let moved = join_all(users.map(|id| put(&tables, id, device(1, "same")))).await;
    let Registered::Done(id) = &moved[0] else { panic!("{moved:?}") };
    assert!(moved.iter().all(|result| *result == Registered::Done(id.clone())), "{moved:?}");
    let now = device_rows(&tables).await;
    assert!(users.iter().any(|owner| now == only(owner, id)), "{now:?}");

    let taken = join_all(users.map(|id| put(&tables, id, device(2, id)))).await;
    let done = taken.iter().filter(|result| matches!(result, Registered::Done(_))).count();
    assert_eq!((done, device_rows(&tables).await.len()), (1, 4), "{taken:?}");
}
