//! A replaceable clock for tests that simulate time.

use std::cell::RefCell;

use crate::Timestamp;

type Clock = Box<dyn Fn() -> Timestamp>;

thread_local! {
    static CLOCK: RefCell<Option<Clock>> = const { RefCell::new(None) };
}

/// Makes [`Timestamp::now`] return the time of `clock` on the current OS thread, until the thread ends.
pub fn follow(clock: impl Fn() -> Timestamp + 'static) {
    CLOCK.set(Some(Box::new(clock)));
}

/// Returns the time of the test's clock, or `None` if the test has not set one on this OS thread.
pub(crate) fn now() -> Option<Timestamp> {
    CLOCK.with_borrow(|clock| clock.as_ref().map(|clock| clock()))
}
