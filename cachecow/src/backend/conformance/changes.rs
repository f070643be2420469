//! Messages about changes.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::super::{CacheBackend, ChangeListener};
use super::support::{
    END, PATIENCE, ask, epoch, fill, fresh_key, granted, hold, hold_epoch, release, release_epoch,
    renew, replace, store, take,
};
use crate::key::Key;
use crate::protocol::Command;

enum News {
    Current,
    Changed(Key),
    AllChanged,
    Lost,
    Ended,
}

struct Listener(UnboundedSender<News>);

impl Listener {
    fn hear(&self, news: News) {
        // Fails once the check has ended.
        let _ = self.0.send(news);
    }
}

impl ChangeListener for Listener {
    fn changed(&self, key: Key) {
        self.hear(News::Changed(key));
    }

    fn all_changed(&self) {
        self.hear(News::AllChanged);
    }

    fn current_for(&self, time: Duration) {
        if !time.is_zero() {
            self.hear(News::Current);
        }
    }

    fn lost(&self) {
        self.hear(News::Lost);
    }

    fn ended(&self) {
        self.hear(News::Ended);
    }
}

/// Waits for a message, which must come.
async fn heard(news: &mut UnboundedReceiver<News>, what: &str, is_it: impl Fn(&News) -> bool) {
    let hear = async {
        loop {
            match news.recv().await {
                Some(news) if is_it(&news) => return,
                Some(News::Ended) | None => panic!("the backend does not report changes any more"),
                Some(_) => {}
            }
        }
    };
    let heard = timeout(PATIENCE, hear).await;
    heard.unwrap_or_else(|_| panic!("the listener is never told {what}"));
}

/// For backends that report changes: every change of a value, every end of an epoch, and that the listener is
/// current. It is not part of [`all`](super::all), because a backend need not report changes.
pub async fn changes_are_told(backend: &dyn CacheBackend) {
    let (sender, mut news) = unbounded_channel();
    let listener: Arc<dyn ChangeListener> = Arc::new(Listener(sender));
    let weak: Weak<dyn ChangeListener> = Arc::downgrade(&listener);
    backend.follow(weak, PATIENCE);
    heard(&mut news, "that it is current", |news| matches!(news, News::Current)).await;
    let ends = [
        Command::Invalidate,
        hold(9),
        release(9),
        replace(1, b"v", false),
        // Stored again, over the value that is there.
        fill(2, "new"),
    ];
    for end in ends {
        let (key, marker) = (fresh_key(), fresh_key());
        store(backend, key, "v").await;
        told_of(&mut news, key, "that a value was stored").await;
        if matches!(end, Command::Fill { .. }) {
            granted(backend, key, renew(2, "v")).await;
        }
        // Other messages about the first value come before this.
        store(backend, marker, "v").await;
        told_of(&mut news, marker, "that another value was stored").await;
        ask(backend, key, end.clone()).await;
        told_of(&mut news, key, &format!("of {end:?}")).await;
    }
    for end in [END, hold_epoch(9), release_epoch(9)] {
        let (key, marker) = (fresh_key(), fresh_key());
        epoch(backend, key, take(1)).await;
        store(backend, marker, "v").await;
        told_of(&mut news, marker, "that another value was stored").await;
        ask(backend, key, end.clone()).await;
        told_of(&mut news, key, &format!("of {end:?}")).await;
    }
    // A listener that is gone hears nothing, and does not block others.
    drop(listener);
    store(backend, fresh_key(), "v").await;
}

async fn told_of(news: &mut UnboundedReceiver<News>, key: Key, what: &str) {
    let is_it = |news: &News| match news {
        News::Changed(changed) => *changed == key,
        News::AllChanged => true,
        _ => false,
    };
    heard(news, what, is_it).await;
}
