//! Injects faults into AWS calls: decides which calls fail, and how.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::result::ConnectorError;
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::chance::Chance;
use crate::cloud::{Answer, Call, Cloud, Service, refusal};
use crate::ledger::{Entry, units};
use crate::stream;

tokio::task_local! {
    /// A signal to this value makes the current invocation crash.
    pub(crate) static CRASH: Arc<Notify>;
    /// When the current invocation began.
    pub(crate) static BEGAN: Instant;
}

pub(crate) struct Faults {
    /// Number of faults per 1,000 AWS calls.
    rate: AtomicU64,
    /// API Gateway refuses all `@connections` calls until this time.
    throttled: Mutex<Option<Instant>>,
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The service responds with an error. The call has no effect.
    Refused,
    /// The connection breaks before the request arrives. The call has no effect.
    RequestLost,
    /// The call takes effect, and the connection breaks before the response.
    AnswerLost,
    /// The call takes effect up to 5 s later, and no response arrives.
    Late,
    /// The call takes effect, and the response takes up to 3 s.
    Slow,
    /// The call is a change to a message. It takes effect, but reads return the message as it was before the change for up
    /// to 0.8 s. Then the response arrives.
    Partial,
    /// API Gateway refuses this and all other `@connections` calls for up to 20 s.
    Throttled,
    /// The invocation crashes before the call takes effect.
    CrashBefore,
    /// The invocation crashes after the call has taken effect.
    CrashAfter,
}

use Fault::{AnswerLost, CrashAfter, CrashBefore, Late, Partial, Refused, RequestLost, Slow, Throttled};

impl Faults {
    /// Chooses the fault rate of a history: no faults, few faults (so that a single one shows its effect) or many.
    pub(crate) fn new(chance: &Chance) -> Self {
        Self { rate: AtomicU64::new(*chance.pick(&[0, 5, 10, 20, 50, 150])), throttled: Mutex::default() }
    }

    /// Stops all faults. Returns the previous fault rate, for [`resume`](Self::resume).
    pub(crate) fn pause(&self) -> u64 {
        *self.throttled() = None;
        self.rate.swap(0, Ordering::Relaxed)
    }

    /// Injects faults again, at the rate that [`pause`](Self::pause) returned.
    pub(crate) fn resume(&self, paused: u64) {
        self.rate.store(paused, Ordering::Relaxed);
    }

    fn draw(&self, service: Service, chance: &Chance) -> Option<Fault> {
        if service == Service::Management && self.throttled().is_some_and(|until| Instant::now() < until) {
            return Some(Refused);
        }
        let faults = [Refused, Refused, RequestLost, AnswerLost, AnswerLost, Late, Slow, CrashBefore, CrashAfter];
        let fault = (chance.number(1..=1_000) <= self.rate.load(Ordering::Relaxed)).then(|| *chance.pick(&faults))?;
        if service == Service::Management && chance.one_in(5) {
            *self.throttled() = Some(Instant::now() + chance.millis(500..=20_000));
            return Some(Throttled);
        }
        Some(fault)
    }

    fn throttled(&self) -> MutexGuard<'_, Option<Instant>> {
        self.throttled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns true with a probability of 1 in `times`, and always false while the fault rate is 0.
    pub(crate) fn one_in(&self, times: u64, chance: &Chance) -> bool {
        chance.one_in(times) && self.rate.load(Ordering::Relaxed) > 0
    }
}

impl Cloud {
    /// Executes an AWS request with a simulated latency and, at random, with a fault.
    pub(crate) async fn execute(self: Arc<Self>, call: Call) -> Result<Answer, ConnectorError> {
        let label = call.label();
        self.check_for_erased_text(&call, &label);
        let changed = call.changed_message();
        let fault = self.faults.draw(call.service, &self.chance);
        let is_partial = || changed.is_some() && self.faults.one_in(4, &self.chance);
        let fault = fault.or_else(|| is_partial().then_some(Partial));
        self.trace.note(fault.map_or_else(|| label.clone(), |fault| format!("{label}: {fault:?}")));
        let request_time = self.chance.millis(1..=8);
        let response_time = self.chance.millis(1..=4);
        match fault {
            None => {
                let start = Instant::now();
                sleep(request_time).await;
                let answer = self.run(&call).await;
                sleep(response_time).await;
                if self.ledger.is_open() {
                    let units = if call.service == Service::DynamoDb { units(&answer.body) } else { 0.0 };
                    let Call { service, operation, .. } = call;
                    self.ledger.record(Entry { service, operation, start, end: Instant::now(), units });
                }
                Ok(answer)
            }
            Some(Refused | Throttled) => {
                sleep(request_time).await;
                Ok(self.refuse(&call))
            }
            Some(RequestLost) => {
                sleep(request_time).await;
                Err(ConnectorError::io("the connection broke".into()))
            }
            Some(AnswerLost) => {
                sleep(request_time).await;
                self.run(&call).await;
                Err(ConnectorError::io("the connection broke".into()))
            }
            Some(Partial) => {
                sleep(request_time).await;
                let before = changed.and_then(|key| stream::row(&self.database, &key));
                let answer = self.run(&call).await;
                let hidden = self.chance.millis(20..=800);
                if let Some(before) = before.filter(|_| answer.status == 200) {
                    self.hidden.hide(before, Instant::now() + hidden);
                }
                sleep(hidden).await;
                Ok(answer)
            }
            Some(Late) => {
                let late = self.chance.millis(500..=5_000);
                tokio::spawn(async move {
                    sleep(late).await;
                    self.trace.note(format!("{label}: takes effect late"));
                    self.run(&call).await;
                });
                std::future::pending().await
            }
            Some(Slow) => {
                sleep(request_time).await;
                let answer = self.run(&call).await;
                sleep(self.chance.millis(100..=3_000)).await;
                Ok(answer)
            }
            Some(CrashBefore | CrashAfter) => {
                sleep(request_time).await;
                if matches!(fault, Some(CrashAfter)) {
                    self.run(&call).await;
                }
                if CRASH.try_with(|crash| crash.notify_one()).is_ok() {
                    std::future::pending::<()>().await;
                }
                Err(ConnectorError::io("the connection broke".into()))
            }
        }
    }

    /// Checks that no call has the text of a deleted message, if the author was told of the deletion before the invocation
    /// began.
    fn check_for_erased_text(&self, call: &Call, label: &str) {
        let Ok(began) = BEGAN.try_with(|began| *began) else { return };
        if let Some(text) = self.journal.erased_text(&call.body, began).filter(|_| !call.may_have_old_preview()) {
            self.journal.problem(format!("{label} has the erased text {text:?}"));
        }
    }

    fn refuse(&self, call: &Call) -> Answer {
        if call.operation == "TransactWriteItems" && self.chance.one_in(2) {
            let reasons = json!([{"Code": "TransactionConflict"}, {"Code": "None"}]);
            let body = json!({"__type": "TransactionCanceledException", "CancellationReasons": reasons});
            return Answer { status: 400, header: None, body: body.to_string().into() };
        }
        let (status, code) = *self.chance.pick(match (call.service, call.operation.as_str()) {
            (Service::DynamoDb, "PutItem" | "UpdateItem" | "DeleteItem") => &[
                (400, "ThrottlingException"),
                (400, "ProvisionedThroughputExceededException"),
                (500, "InternalServerError"),
                (503, "ServiceUnavailable"),
                (400, "TransactionConflictException"),
            ][..],
            (Service::DynamoDb, _) => &[
                (400, "ThrottlingException"),
                (400, "ProvisionedThroughputExceededException"),
                (500, "InternalServerError"),
                (503, "ServiceUnavailable"),
            ],
            (Service::Lambda, _) => &[(429, "TooManyRequestsException"), (500, "ServiceException")],
            (Service::Sqs, _) => &[(400, "RequestThrottled"), (500, "InternalFailure"), (503, "ServiceUnavailable")],
            (Service::Management, _) => {
                &[(429, "LimitExceededException"), (500, "InternalServerException"), (503, "ServiceUnavailable")]
            }
            (Service::S3, _) => &[(503, "SlowDown"), (500, "InternalError")],
        });
        refusal(call.service, status, code)
    }
}
