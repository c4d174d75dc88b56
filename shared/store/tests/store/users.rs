use contract::{Profile, UserId};
use testkit::{Tables, new_thread};

fn profile(name: Option<&str>, issued_at: i64) -> Profile {
    Profile { id: UserId::parse("user-1").unwrap(), name: name.map(Into::into), issued_at }
}

async fn name(tables: &Tables, thread: &contract::Thread) -> String {
    let viewer = UserId::parse("user-1").unwrap();
    tables.chat().thread(&thread.id, &viewer).await.unwrap().unwrap().member_names.remove(0)
}

#[tokio::test]
async fn name_of_the_newest_token_is_kept() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-1"]).await;
    assert_eq!(name(&tables, &thread).await, "user-1");
    for (seen, shown) in [
        (profile(None, 9), "user-1"),
        (profile(Some("Sarah"), 2), "Sarah"),
        (profile(Some("Old"), 1), "Sarah"),
        (profile(Some("Sara"), 3), "Sara"),
        (profile(None, 4), "Sara"),
    ] {
        tables.chat().record_profile(&seen).await.unwrap();
        assert_eq!(name(&tables, &thread).await, shown);
    }
}

#[tokio::test]
async fn instance_shows_a_new_name_that_it_recorded_at_once() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-1"]).await;
    for (issued_at, name) in [(1, "Sarah"), (2, "Sara")] {
        chat.record_profile(&profile(Some(name), issued_at)).await.unwrap();
        let shown = chat.thread(&thread.id, &UserId::parse("user-1").unwrap()).await.unwrap().unwrap();
        assert_eq!(shown.member_names, [name]);
    }
}
