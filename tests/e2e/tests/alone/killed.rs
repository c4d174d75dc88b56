use e2e::{Operator, User, eventually};
use futures::future::{join_all, select_all};
use futures::stream::{StreamExt as _, iter};
use serde_json::json;

use crate::alone;

/// More than are posted to at once, so that whoever is killed at the first push has not even tried all.
const SOCKETS: usize = 150;

/// Each time, the sender may be done before it is hit.
const ATTEMPTS: u64 = 10;

#[tokio::test]
async fn a_sender_that_is_killed_in_the_middle_of_its_pushes_leaves_nobody_out() {
    let _alone = alone().await;
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = &sarah.open_thread(&[&michael]).await;
    let mut sockets = iter((0..SOCKETS).map(|_| michael.listen(thread))).buffer_unordered(20).collect::<Vec<_>>().await;
    let operator = Operator::new();
    for seq in 1..=ATTEMPTS {
        let (key, body) = (format!("key-{seq}"), json!({ "body": format!("message {seq}") }));
        let send = || sarah.post_message_once(thread, key.as_bytes(), &body);
        let kill = async {
            let pushes = sockets.iter_mut().map(|socket| Box::pin(socket.pushed(thread, seq)));
            let (_, first, _) = select_all(pushes).await;
            let killed = operator.kill("messages-send");
            (first, killed, operator.is_undelivered(thread, seq).await)
        };
        let (_, (first, killed, in_the_middle)) = futures::join!(send(), kill);
        assert!(killed > 0, "no process of messages-send was found");

        // The answer was lost, so the client asks again; the message is there once.
        let message = eventually("an answer", async || {
            let reply = send().await;
            (reply.status < 500).then(|| reply.ok(201))
        })
        .await;
        assert_eq!(message["seq"], seq);
        let others = sockets.iter_mut().enumerate().filter(|(n, _)| *n != first);
        let pushed = join_all(others.map(|(_, socket)| socket.pushed(thread, seq))).await;
        assert!(pushed.iter().all(|data| data["message"] == message), "{pushed:?}");
        if in_the_middle {
            return;
        }
    }
    panic!("{ATTEMPTS} times, the sender was done before it was killed");
}
