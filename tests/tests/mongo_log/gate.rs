//! A change may be in the stream before a read of the majority's snapshot sees it.

use cachecow_tests::controlled::{Controlled, Rule};

use super::shop::{Note, Shop, User, change, user};

/// Streams a change that the majority's snapshot does not have yet, reads the object once the follower has heard of the
/// change, and lets the snapshot have it; what is served once the follower has caught up.
///
/// Fetch functions find the new row from the moment at which the server answers reads that waited for the change.
async fn served_after_a_late_snapshot(rule: Rule) -> String {
    let shop = Shop::open().await;
    let (old, new) = (user(1, "old@x.org", 7), user(1, "new@x.org", 7));
    shop.insert(&old);
    let log = Controlled::new(shop.log(), rule);
    let settling = log.settling.clone();
    let follower = shop.cow.follow(log).types::<(User, Note)>().start().await.unwrap();
    follower.caught_up().await.unwrap();
    settling.forget_permits(settling.available_permits());
    let rows = follower.status().rows;

    shop.server.set(|state| state.holds_majority_reads = true);
    shop.server.commit(change(Some(&old), &new));
    // The follower has the event, and no fetch sees the change.
    settling.acquire().await.unwrap().forget();
    while rule == Rule::NoGate && follower.status().rows == rows {
        // Until it is invalidated.
        tokio::task::yield_now().await;
    }
    assert_eq!(shop.email_of(&old).await, "old@x.org");
    shop.becomes_visible(&new);
    shop.server.set(|state| state.holds_majority_reads = false);
    follower.caught_up().await.unwrap();
    shop.email_of(&old).await
}

#[tokio::test]
async fn what_the_majority_does_not_show_yet_is_not_invalidated_yet() {
    assert_eq!(served_after_a_late_snapshot(Rule::Kept).await, "new@x.org");
}

#[tokio::test]
async fn control_without_the_gate_the_old_document_stays() {
    assert_eq!(served_after_a_late_snapshot(Rule::NoGate).await, "old@x.org");
}
