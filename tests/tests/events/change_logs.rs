//! Followers.

use std::time::Duration;

use cachecow::CacheCow;
use cachecow::log::OnLag;
use cachecow_tests::events::Said;
use cachecow_tests::told_log::{Row, Tell, told_log};

use crate::{count, paused};

pub(crate) fn all() -> Vec<Said> {
    paused(async {
        let cow = CacheCow::memory();
        let (log, teller) = told_log();
        let log = log.warning("the log says that it is told");
        let limit = Duration::from_secs(5);
        let follow = cow.follow(log).types::<(Row,)>().name("main").on_lag(limit, OnLag::Serve);
        let follower = follow.start().await.unwrap();
        teller.tell(Tell::Change(1));
        teller.tell(Tell::Obscure);
        follower.caught_up().await.unwrap();
        for _ in 0..5 {
            teller.tell(Tell::Fail("told to"));
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        // Behind, and not.
        teller.grow(1);
        tokio::time::sleep(Duration::from_secs(60)).await;
        teller.tell(Tell::CatchUp);
        tokio::time::sleep(Duration::from_secs(60)).await;
        follower.stop().await;
    })
}

#[test]
fn a_log_that_fails_again_and_again_is_said_once() {
    let said = all();
    assert_eq!(count(&said, "change_log_down"), 5, "each time it had been opened again: {said:#?}");
    for event in ["change_log_warning", "change_log_behind", "change_log_caught_up"] {
        assert_eq!(count(&said, event), 1, "{event}: {said:#?}");
    }
}
