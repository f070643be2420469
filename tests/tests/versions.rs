//! Two versions of a program share a cache during a rolling deploy.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use cachecow::{CacheCow, Fill, Source};
use cachecow_tests::on_both_backends;

/// The row that both versions read.
#[derive(Default)]
struct Row(AtomicU64);

macro_rules! version {
    ($name:ident { $($field:ident: $type:ty = $value:expr),* }) => {
        mod $name {
            use super::*;

            #[derive(serde::Serialize, serde::Deserialize, cachecow::Cached)]
            #[cache(context = Row)]
            #[cache(key = "account:{id}", fetch = Account::find)]
            #[cache(key = "account:iban:{iban}", fetch = Account::find_by_iban)]
            pub(super) struct Account {
                pub(super) id: u64,
                pub(super) iban: String,
                pub(super) balance: u64,
                $(pub(super) $field: $type,)*
            }

            impl Account {
                async fn find(row: &Row, id: u64) -> Result<Account, std::convert::Infallible> {
                    let (iban, balance) = (format!("XX{id}"), row.0.load(Ordering::SeqCst));
                    Ok(Account { id, iban, balance, $($field: $value),* })
                }

                async fn find_by_iban(row: &Row, iban: &str) -> Result<Account, std::convert::Infallible> {
                    Self::find(row, iban[2..].parse().unwrap()).await
                }
            }
        }
    };
}

version!(old {});
version!(new { currency: String = "EUR".to_owned() });

/// A clock that the test moves.
fn clock() -> (Arc<AtomicU64>, impl Fn() -> SystemTime + Send + Sync + Clone + 'static) {
    let seconds = Arc::new(AtomicU64::new(1_000_000));
    let shared = Arc::clone(&seconds);
    (seconds, move || SystemTime::UNIX_EPOCH + Duration::from_secs(shared.load(Ordering::SeqCst)))
}

on_both_backends! {
    async fn neither_reads_the_other_s_values_nor_overwrites_them_on_every_read(cache) {
        let (seconds, clock) = clock();
        let open = || cache.open(CacheCow::builder().clock(clock.clone()).replace_after(Duration::from_secs(10)));
        let (before, after, row) = (open(), open(), Row::default());

        let read = before.with(&row).read(old::Account::by_id(1)).await.unwrap();
        assert_eq!(read.fill, Fill::Stored);
        for _ in 0..20 {
            let read = after.with(&row).read(new::Account::by_id(1)).await.unwrap();
            assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Skipped));
            assert_eq!(read.value.unwrap().currency, "EUR");
            let read = before.with(&row).read(old::Account::by_id(1)).await.unwrap();
            assert_eq!(read.source, Source::Cache, "the old version keeps its value");
        }

        seconds.fetch_add(10, Ordering::SeqCst);
        let read = after.with(&row).read(new::Account::by_id(1)).await.unwrap();
        assert_eq!(read.fill, Fill::Stored, "in time the new version takes over");
        let read = before.with(&row).read(old::Account::by_id(1)).await.unwrap();
        assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Skipped));
        let read = after.with(&row).read(new::Account::by_id(1)).await.unwrap();
        assert_eq!(read.source, Source::Cache);
        assert_eq!(before.stats().of("Account").decode_failures, 0);
        assert!(before.stats().of("Account").other_versions >= 1);
    }

    /// A pointer is the same to both: what it leads to is judged where it is found.
    async fn a_pointer_of_the_other_is_followed(cache) {
        let (seconds, clock) = clock();
        let open = || cache.open(CacheCow::builder().clock(clock.clone()).replace_after(Duration::from_secs(10)));
        let (before, after, row) = (open(), open(), Row::default());
        let old_read = async || before.with(&row).read(old::Account::by_iban("XX1")).await.unwrap();
        let new_read = async || after.with(&row).read(new::Account::by_iban("XX1")).await.unwrap();
        assert_eq!(old_read().await.fill, Fill::Stored);
        for _ in 0..5 {
            let read = new_read().await;
            assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Skipped));
            assert_eq!(read.value.unwrap().currency, "EUR");
            assert_eq!(old_read().await.source, Source::Cache, "the old version keeps its value");
        }

        seconds.fetch_add(10, Ordering::SeqCst);
        let read = after.with(&row).read(new::Account::by_id(1)).await.unwrap();
        assert_eq!(read.fill, Fill::Stored, "in time the new version takes over");
        assert_eq!(new_read().await.source, Source::Cache, "by the old one's pointer");
        let read = old_read().await;
        assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Skipped));
        let many = after.with(&row).get_many(["XX1"].map(new::Account::by_iban)).await.unwrap();
        assert_eq!(many[0].as_ref().unwrap().currency, "EUR");
        assert_eq!(after.stats().of("Account").fills_stored, 1, "there was nothing more to store");
    }

    async fn each_sees_the_other_s_invalidations(cache) {
        let (before, after, row) = (cache.open_default(), cache.open_default(), Row::default());
        for balance in 1..4 {
            before.with(&row).get(old::Account::by_id(1)).await.unwrap();
            after.with(&row).get(new::Account::by_id(1)).await.unwrap();
            row.0.store(balance, Ordering::SeqCst);
            if balance % 2 == 0 {
                before.invalidate(old::Account::by_id(1)).await.unwrap();
            } else {
                after.invalidate(new::Account::by_id(1)).await.unwrap();
            }
            let seen = before.with(&row).get(old::Account::by_id(1)).await.unwrap().unwrap();
            assert_eq!(seen.balance, balance);
            let seen = after.with(&row).get(new::Account::by_id(1)).await.unwrap().unwrap();
            assert_eq!(seen.balance, balance);
        }
    }

    async fn a_clock_that_goes_back_does_no_harm(cache) {
        let (seconds, clock) = clock();
        let cow = cache.open(CacheCow::builder().clock(clock));
        let row = Row::default();
        cow.with(&row).get(old::Account::by_id(1)).await.unwrap();
        seconds.store(0, Ordering::SeqCst);
        let read = cow.with(&row).read(new::Account::by_id(1)).await.unwrap();
        assert_eq!(read.source, Source::Fetched);
        assert_eq!(cow.with(&row).read(old::Account::by_id(1)).await.unwrap().source, Source::Cache);
    }
}
