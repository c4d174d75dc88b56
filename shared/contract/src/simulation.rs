//! What time it is in a test that runs on a clock of its own.

use std::cell::RefCell;

use crate::Timestamp;

type Clock = Box<dyn Fn() -> Timestamp>;

thread_local! {
    static CLOCK: RefCell<Option<Clock>> = const { RefCell::new(None) };
}

/// From now on, [`Timestamp::now`] is what `clock` says, on this thread.
pub fn follow(clock: impl Fn() -> Timestamp + 'static) {
    CLOCK.set(Some(Box::new(clock)));
}

pub(crate) fn now() -> Option<Timestamp> {
    CLOCK.with_borrow(|clock| clock.as_ref().map(|clock| clock()))
}
