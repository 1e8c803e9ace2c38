//! A panic costs its item: where it happened goes into a problem, not to the screen.

use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps the place of a panic for [`last`]; its message may quote evidence and is neither kept nor printed.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let place = info.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
            // Only where: the message may quote the evidence, a name included.
            LAST.with_borrow_mut(|last| *last = format!(" (at {place})"));
        }));
    });
}

/// The last panic of this thread, in brackets; empty when there was none.
pub fn last() -> String {
    LAST.with_borrow_mut(std::mem::take)
}
