//! Tests of the VAPID key pair in the table `PushKeys`.

use futures::future::join_all;
use testkit::{Fault, Tables, once};

use crate::keys;

#[tokio::test]
async fn key_pair_is_missing_until_it_is_created() {
    let tables = Tables::create().await;
    assert_eq!(tables.push_keys().public_key().await.unwrap(), None);
    assert_eq!(tables.push_keys().private_key().await.unwrap(), None);
    assert_eq!(tables.push_keys().create("public".into(), vec![1, 2]).await.unwrap(), "public");
    assert_eq!(tables.push_keys().public_key().await.unwrap().as_deref(), Some("public"));
    assert_eq!(tables.push_keys().private_key().await.unwrap(), Some(vec![1, 2]));
}

#[tokio::test]
async fn concurrent_creations_agree_on_one_pair() {
    let tables = Tables::create().await;
    let create = async |n: u8| tables.push_keys().create(format!("public {n}"), vec![n]).await.unwrap();
    let created = join_all((0..20).map(create)).await;
    let private = tables.push_keys().private_key().await.unwrap().unwrap();
    let public = format!("public {}", private[0]);
    assert!(created.iter().all(|key| *key == public), "{created:?}");
    assert_eq!(tables.push_keys().public_key().await.unwrap(), Some(public));
    assert_eq!(keys(&tables, &tables.push_keys).await.len(), 2);
}

#[tokio::test]
async fn creation_with_a_lost_answer_or_a_conflict_returns_the_stored_key() {
    let tables = Tables::create().await;
    let lossy = tables.through(once(|call| call.operation == "TransactWriteItems", |_| Fault::LoseAnswer)).await;
    assert_eq!(lossy.push_keys().create("first".into(), vec![1]).await.unwrap(), "first");
    let conflict = |_: &_| Fault::Cancel(&["TransactionConflict", "None"]);
    let busy = tables.through(once(|call| call.operation == "TransactWriteItems", conflict)).await;
    assert_eq!(busy.push_keys().create("second".into(), vec![2]).await.unwrap(), "first");
    assert_eq!(tables.push_keys().private_key().await.unwrap(), Some(vec![1]));
}
