//! A panic costs its item: where it happened goes into a problem, not to the screen.

use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps the message of a panic for [`last`] instead of printing it, since it may quote evidence.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let place = info.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
            let message =
                info.payload_as_str().unwrap_or_default().escape_debug().take(300).collect::<String>();
            LAST.with_borrow_mut(|last| *last = format!(" (at {place}: {message})"));
        }));
    });
}

/// The last panic of this thread, in brackets; empty when there was none.
pub fn last() -> String {
    LAST.with_borrow_mut(std::mem::take)
}
