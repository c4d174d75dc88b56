//! Tests of subscriptions to the inbox, which are stored as a flag in the subscription to the user's own channel.

use contract::{Channel, ConnectionId, Timestamp};
use futures::future::join_all;
use store::{Connections, Subscribed};
use testkit::{Fault, Intercepted, Tables, caller, connect, once};

use crate::{keys, n, set, unset};

fn inbox(user: &str) -> Channel {
    Channel::Inbox(caller(user).id)
}

fn own_channel(user: &str) -> Channel {
    Channel::User(caller(user).id)
}

/// Returns the IDs of the connections that receive the events of `channel`.
async fn subscribers(connections: &Connections, channel: &Channel) -> Vec<String> {
    let live = connections.subscribers(channel).await.unwrap().live;
    live.iter().map(|subscriber| subscriber.connection_id.to_string()).collect()
}

#[tokio::test]
async fn only_connections_that_opted_in_receive_the_inbox() {
    let connections = Tables::create().await.connections();
    let phone = connect(&connections, "user-a", "phone").await;
    let tablet = connect(&connections, "user-a", "tablet").await;
    let other = connect(&connections, "user-b", "other").await;
    assert!(subscribers(&connections, &inbox("user-a")).await.is_empty());
    for _ in 0..2 {
        for connection in [&phone, &other] {
            assert_eq!(connections.open_inbox(connection).await.unwrap(), Subscribed::Done);
        }
        assert_eq!(subscribers(&connections, &inbox("user-a")).await, ["phone"]);
    }
    assert_eq!(connections.open_inbox(&tablet).await.unwrap(), Subscribed::Done);
    for _ in 0..2 {
        connections.close_inbox(&phone).await.unwrap();
        assert_eq!(subscribers(&connections, &inbox("user-a")).await, ["tablet"]);
    }
    // The subscriptions to the user's own channel, which receives the events of files, are not affected.
    assert_eq!(subscribers(&connections, &own_channel("user-a")).await, ["phone", "tablet"]);
    assert_eq!(subscribers(&connections, &inbox("user-b")).await, ["other"]);
}

#[tokio::test]
async fn subscription_to_the_inbox_proves_that_the_connection_is_open() {
    let connections = Tables::create().await.connections();
    let phone = connect(&connections, "user-a", "phone").await;
    let opening = async |channel: &Channel| connections.subscribers(channel).await.unwrap().live[0].opening;
    assert!(opening(&own_channel("user-a")).await);
    connections.open_inbox(&phone).await.unwrap();
    assert!(!opening(&own_channel("user-a")).await);
    assert!(!opening(&inbox("user-a")).await);
}

#[tokio::test]
async fn removed_connection_leaves_no_row_and_cannot_open_its_inbox_again() {
    let tables = Tables::create().await;
    let connections = tables.connections();
    let phone = connect(&connections, "user-a", "phone").await;
    connections.open_inbox(&phone).await.unwrap();
    connections.remove(&phone.id).await.unwrap();
    assert_eq!(connections.open_inbox(&phone).await.unwrap(), Subscribed::Gone);
    connections.close_inbox(&phone).await.unwrap();
    assert_eq!(keys(&tables, &tables.connections).await, []);
}

#[tokio::test]
async fn connection_removed_before_the_write_of_its_inbox_leaves_no_row() {
    for open in [true, false] {
        let tables = Tables::create().await;
        let phone = connect(&tables.connections(), "user-a", "phone").await;
        let (connections, id) = (tables.connections(), phone.id.clone());
        let remove_first = move |_: &Intercepted| {
            let (connections, id) = (connections.clone(), id.clone());
            Fault::After(Box::pin(async move { connections.remove(&id).await.unwrap() }))
        };
        let racing = tables.through(once(|call| call.operation == "UpdateItem", remove_first)).await.connections();
        if open {
            assert_eq!(racing.open_inbox(&phone).await.unwrap(), Subscribed::Gone);
        } else {
            racing.close_inbox(&phone).await.unwrap();
        }
        assert_eq!(keys(&tables, &tables.connections).await, [], "open: {open}");
    }
}

#[tokio::test]
async fn removal_during_concurrent_calls_for_the_inbox_leaves_no_row() {
    for _ in 0..20 {
        let tables = Tables::create().await;
        let connections = tables.connections();
        let phone = connect(&connections, "user-a", "phone").await;
        let (opened, closed, removed) = tokio::join!(
            join_all((0..4).map(|_| connections.open_inbox(&phone))),
            connections.close_inbox(&phone),
            connections.remove(&phone.id)
        );
        opened.into_iter().collect::<Result<Vec<_>, _>>().and(closed).and(removed).unwrap();
        assert_eq!(keys(&tables, &tables.connections).await, []);
    }
}

#[tokio::test]
async fn inbox_of_an_expired_connection_is_reported_for_closing() {
    let tables = Tables::create().await;
    let connections = tables.connections();
    let phone = connect(&connections, "user-a", "phone").await;
    let pk = format!("CHANNEL#{}", own_channel("user-a"));
    set(&tables, &tables.connections, (&pk, "CONN#phone"), "expiresAt", n(Timestamp::now().seconds())).await;
    assert!(connections.subscribers(&inbox("user-a")).await.unwrap().expired.is_empty());
    connections.open_inbox(&phone).await.unwrap();
    let subscribers = connections.subscribers(&inbox("user-a")).await.unwrap();
    assert_eq!((subscribers.live, subscribers.expired), (Vec::new(), vec![ConnectionId::new("phone")]));
}

#[tokio::test]
async fn subscriptions_name_their_user_and_older_ones_are_still_returned() {
    let tables = Tables::create().await;
    let connections = tables.connections();
    let phone = connect(&connections, "user-a", "phone").await;
    let thread = Channel::Thread(contract::ThreadId::new());
    connections.subscribe(&phone, &thread).await.unwrap();
    connections.open_inbox(&phone).await.unwrap();
    let users = async |channel: &Channel| {
        let live = connections.subscribers(channel).await.unwrap().live;
        live.into_iter().map(|subscriber| subscriber.user_id).collect::<Vec<_>>()
    };
    let channels = [&thread, &own_channel("user-a"), &inbox("user-a")];
    for channel in channels {
        assert_eq!(users(channel).await, [Some(caller("user-a").id)], "{channel}");
    }
    for pk in [thread.to_string(), own_channel("user-a").to_string()] {
        unset(&tables, &tables.connections, (&format!("CHANNEL#{pk}"), "CONN#phone"), "userId").await;
    }
    for channel in channels {
        assert_eq!(users(channel).await, [None], "{channel}");
    }
}
