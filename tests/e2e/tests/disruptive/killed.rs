use e2e::{Operator, User};
use futures::future::{join_all, select_all};

use crate::{close, connect_and_subscribe, exclusive};

/// Number of sockets. It is greater than the 64 to which messages-send posts concurrently, so that a process killed at
/// its first push has not reached all of them.
const SOCKETS: usize = 150;

/// Maximum number of attempts. A process of messages-send may finish before it is killed; then the test tries again.
const ATTEMPTS: u64 = 10;

#[tokio::test]
async fn message_of_a_killed_sender_reaches_every_socket() {
    let _exclusive = exclusive().await;
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = &sarah.new_thread(&[&michael]).await;
    let mut sockets = connect_and_subscribe([&sarah, &michael], thread, SOCKETS).await;
    let operator = Operator::new();
    for seq in 1..=ATTEMPTS {
        let kill = async {
            let pushes = sockets.iter_mut().map(|socket| Box::pin(socket.wait_for_message(thread, seq)));
            let (_, first, _) = select_all(pushes).await;
            let killed = operator.kill("messages-send");
            (first, killed, operator.is_undelivered(thread, seq).await)
        };
        // If killing the process loses the response, Sarah sends the message again. It must be stored only once.
        let body = format!("message {seq}");
        let (message, (first, killed, was_interrupted)) = futures::join!(sarah.send_with_retries(thread, &body), kill);
        assert!(killed > 0, "found no process of messages-send");
        assert_eq!(message["seq"], seq);
        let others = sockets.iter_mut().enumerate().filter(|(n, _)| *n != first);
        let received = join_all(others.map(|(_, socket)| socket.wait_for_message(thread, seq))).await;
        assert!(received.iter().all(|data| data["message"] == message), "{received:?}");
        if was_interrupted {
            return close(sockets, &sarah, thread).await;
        }
    }
    panic!("in {ATTEMPTS} attempts, messages-send always finished before it was killed");
}
