use e2e::{Operator, User};
use futures::future::{join_all, select_all};

use crate::{alone, close, listen};

/// More than are posted to at once, so that whoever is killed at the first push has not even tried all.
const SOCKETS: usize = 150;

/// Each time, the sender may be done before it is hit.
const ATTEMPTS: u64 = 10;

#[tokio::test]
async fn a_sender_that_is_killed_in_the_middle_of_its_pushes_leaves_nobody_out() {
    let _alone = alone().await;
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = &sarah.open_thread(&[&michael]).await;
    let mut sockets = listen([&sarah, &michael], thread, SOCKETS).await;
    let operator = Operator::new();
    for seq in 1..=ATTEMPTS {
        let kill = async {
            let pushes = sockets.iter_mut().map(|socket| Box::pin(socket.pushed(thread, seq)));
            let (_, first, _) = select_all(pushes).await;
            let killed = operator.kill("messages-send");
            (first, killed, operator.is_undelivered(thread, seq).await)
        };
        // Where the answer was lost, she asks again; the message is there once.
        let body = format!("message {seq}");
        let (message, (first, killed, in_the_middle)) = futures::join!(sarah.say_at_last(thread, &body), kill);
        assert!(killed > 0, "no process of messages-send was found");
        assert_eq!(message["seq"], seq);
        let others = sockets.iter_mut().enumerate().filter(|(n, _)| *n != first);
        let pushed = join_all(others.map(|(_, socket)| socket.pushed(thread, seq))).await;
        assert!(pushed.iter().all(|data| data["message"] == message), "{pushed:?}");
        if in_the_middle {
            return close(sockets, &sarah, thread).await;
        }
    }
    panic!("{ATTEMPTS} times, the sender was done before it was killed");
}
