//! `get_many`: order, repetition, and how often the store is asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cachecow::{CacheCow, Cached, ErrorKind};
use cachecow_tests::on_both_backends;
use cachecow_tests::patient::patient;
use cachecow_tests::store::{Item, Store, StoreDown};
use serde::{Deserialize, Serialize};

on_both_backends! {
    async fn order_and_repetition_are_kept(cache) {
        let (store, cow) = (Store::with_items(5), cache.open_default());
        for _ in 0..2 {
            let items = cow.with(&store).get_many([3, 99, 1, 3, 5, 99, 3].map(Item::by_id)).await.unwrap();
            let ids: Vec<_> = items.iter().map(|item| item.as_ref().map(|item| item.id)).collect();
            assert_eq!(ids, [Some(3), None, Some(1), Some(3), Some(5), None, Some(3)]);
        }
    }

    async fn fetch_many_is_called_once_with_what_is_missing(cache) {
        let (store, cow) = (Store::with_items(10), cache.open_default());
        cow.with(&store).get_many([2, 4].map(Item::by_id)).await.unwrap();
        cow.with(&store).get_many((1..=5).map(Item::by_id)).await.unwrap();
        cow.with(&store).get_many((1..=5).map(Item::by_id)).await.unwrap();
        assert_eq!(store.batches(), [vec![2, 4], vec![1, 3, 5]]);
    }

    async fn an_empty_batch_asks_nobody(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let none: [i64; 0] = [];
        assert!(cow.with(&store).get_many(none.map(Item::by_id)).await.unwrap().is_empty());
        assert_eq!(store.fetches(), 0);
        assert!(cache.script().log().is_empty());
    }

    async fn a_long_batch_is_answered(cache) {
        let (store, cow) = (Store::with_items(3000), cache.open_default());
        for _ in 0..2 {
            let items = cow.with(&store).get_many((1..=3000).map(Item::by_id)).await.unwrap();
            for (id, item) in (1..=3000).zip(items) {
                assert_eq!(item.unwrap().id, id);
            }
        }
        assert_eq!(store.fetches(), 1);
    }

    async fn without_fetch_many_each_is_fetched_a_bounded_number_at_a_time(cache) {
        let (store, cow) = (Store::with_items(40), cache.open(CacheCow::builder().fetch_concurrency(4)));
        // Cached under its primary key, an object is fetched once by an alias.
        cow.with(&store).get_many((1..=40).map(Item::by_id)).await.unwrap();
        let names: Vec<String> = (1..=40).map(|id| format!("item {id}")).collect();
        let gates: Vec<_> = (0..40).map(|_| store.gate()).collect();
        let (items, ()) = tokio::join!(cow.with(&store).get_many(names.iter().map(Item::by_name)), async {
            gates[3].arrived().await;
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            assert_eq!(store.fetches(), 1 + 4);
            gates.iter().for_each(|gate| gate.open());
        });
        let ids: Vec<_> = items.unwrap().into_iter().map(|item| item.unwrap().id).collect();
        assert_eq!(ids, (1..=40).collect::<Vec<_>>());
        assert_eq!(store.fetches(), 1 + 40);
    }

    async fn a_failed_batch_fails_and_frees_the_flags(cache) {
        let (store, cow) = (Store::with_items(3), cache.open_default());
        store.set_down(true);
        let error = cow.with(&store).get_many([1, 2, 3].map(Item::by_id)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Fetch);
        assert_eq!(error.fetch_error::<StoreDown>(), Some(&StoreDown));
        for id in [1, 2, 3] {
            assert!(cache.flag_is_free(&Item::by_id(id)).await);
        }
    }

    async fn what_was_fetched_beside_a_failure_is_cached(cache) {
        #[derive(Serialize, Deserialize, Cached)]
        #[cache(key = "odd:{n}", fetch = Odd::find)]
        struct Odd { n: u32 }
        impl Odd {
            async fn find(n: u32) -> Result<Odd, StoreDown> {
                if n % 2 == 1 { Ok(Odd { n }) } else { Err(StoreDown) }
            }
        }
        let cow = cache.open_default();
        assert!(cow.get_many([1, 2, 3].map(Odd::by_n)).await.is_err());
        assert!(cache.has(&Odd::by_n(1)).await && cache.has(&Odd::by_n(3)).await);
        assert!(cache.flag_is_free(&Odd::by_n(2)).await);
    }

    async fn objects_nobody_asked_for_are_left(cache) {
        #[derive(Serialize, Deserialize, Cached)]
        #[cache(key = "n:{n}", fetch = N::find, fetch_many = N::find_many)]
        struct N { n: u32 }
        impl N {
            async fn find(n: u32) -> Result<N, StoreDown> { Ok(N { n }) }
            async fn find_many(numbers: &[u32]) -> Result<Vec<N>, StoreDown> {
                Ok(numbers.iter().flat_map(|&n| [N { n: n + 100 }, N { n }, N { n }]).collect())
            }
        }
        let cow = cache.open_default();
        let found = cow.get_many([1, 2].map(N::by_n)).await.unwrap();
        let found: Vec<u32> = found.into_iter().map(|n| n.unwrap().n).collect();
        assert_eq!(found, [1, 2]);
        assert!(!cache.has(&N::by_n(101)).await);
    }

    /// As a join gives a row for each match. What is absent is not asked for once more on its own.
    async fn an_object_given_twice_is_no_other_s(cache) {
        struct Joined(AtomicUsize);
        #[derive(Serialize, Deserialize, Cached)]
        #[cache(context = Joined)]
        #[cache(key = "row:{n}", fetch = Joined::find, fetch_many = Joined::find_many)]
        struct Row { n: u32 }
        impl Joined {
            async fn find(&self, _n: u32) -> Result<Option<Row>, StoreDown> {
                self.0.fetch_add(1, Ordering::SeqCst);
                Ok(None)
            }
            async fn find_many(&self, numbers: &[u32]) -> Result<Vec<Row>, StoreDown> {
                let present = numbers.iter().filter(|n| **n != 2);
                Ok(present.flat_map(|&n| [Row { n }, Row { n }]).collect())
            }
        }
        let (cow, joined) = (cache.open_default(), Joined(AtomicUsize::new(0)));
        let found = cow.with(&joined).get_many([1, 2, 3].map(Row::by_n)).await.unwrap();
        let found: Vec<_> = found.iter().map(|row| row.as_ref().map(|row| row.n)).collect();
        assert_eq!(found, [Some(1), None, Some(3)]);
        assert_eq!(joined.0.load(Ordering::SeqCst), 0);
    }

    async fn a_batch_leaves_what_another_process_fills_and_gets_it(cache) {
        let waiting = patient().fill_wait(Duration::from_secs(60));
        let (store, cow) = (Store::with_items(3), cache.open(waiting));

        let other = cache.open(patient());
        let gate = store.gate();
        let (_, batch, ()) = tokio::join!(
            other.with(&store).get(Item::by_id(2)),
            async {
                gate.arrived().await;
                cow.with(&store).get_many([1, 2, 3].map(Item::by_id)).await.unwrap()
            },
            async {
                while cow.stats().of("Item").contended == 0 {
                    tokio::task::yield_now().await;
                }
                gate.open();
            },
        );
        assert_eq!(batch.len(), 3);
        assert_eq!(store.batches(), [vec![1, 3]], "2 was the other's");
    }

    async fn a_batch_that_follows_another_goes_on_as_a_batch(cache) {
        let (store, cow) = (Store::with_items(50), cache.open_default());
        let gate = store.gate();
        let ids = || (1..=50).map(Item::by_id);
        let mut leader = Box::pin(cow.with(&store).get_many(ids()));
        let follower = cow.with(&store).get_many(ids());
        tokio::pin!(follower);
        tokio::select! {
            // Who is asked first leads.
            biased;
            _ = &mut leader => panic!("the leader is held up"),
            _ = &mut follower => panic!("the follower has nothing to get"),
            () = async {
                gate.arrived().await;
                while cow.stats().of("Item").joins < 50 {
                    tokio::task::yield_now().await;
                }
            } => {}
        }
        drop(leader);
        assert!(follower.await.unwrap().iter().all(Option::is_some));
        // The leader's, and the follower's: in one, or in a few where some claims are given back
        // later than others. Not one for each object.
        assert!((2..50).contains(&store.batches().len()), "{:?}", store.batches());
    }

    async fn an_object_that_carries_other_parts_is_found_in_a_batch_too(cache) {
        struct Lenient;
        #[derive(Serialize, Deserialize, Cached)]
        #[cache(context = Lenient, negative_ttl = "1m")]
        #[cache(key = "mail:{mail}", fetch = Lenient::find, fetch_many = Lenient::find_many)]
        struct Mail { mail: String }
        impl Lenient {
            // As a case-insensitive column compares.
            async fn find(&self, mail: &str) -> Result<Mail, StoreDown> {
                Ok(Mail { mail: mail.to_lowercase() })
            }
            async fn find_many(&self, mails: &[String]) -> Result<Vec<Mail>, StoreDown> {
                Ok(mails.iter().map(|mail| Mail { mail: mail.to_lowercase() }).collect())
            }
        }
        let cow = cache.open_default();
        let found = cow.with(&Lenient).get_many(["Bob@x", "ann@x"].map(Mail::by_mail)).await.unwrap();
        let found: Vec<_> = found.into_iter().map(|mail| mail.unwrap().mail.clone()).collect();
        assert_eq!(found, ["bob@x", "ann@x"]);
        assert!(!cache.has(&Mail::by_mail("Bob@x")).await, "neither it nor its absence is cached");
    }

    async fn what_fits_nobody_leads_to_fetches_of_a_bounded_number_at_a_time(cache) {
        /// How many fetches run, and how many ran at the most.
        #[derive(Default)]
        struct Lenient { running: AtomicUsize, most: AtomicUsize }
        #[derive(Serialize, Deserialize, Cached)]
        #[cache(context = Lenient)]
        #[cache(key = "mail:{mail}", fetch = Lenient::find, fetch_many = Lenient::find_many)]
        struct Mail { mail: String }
        impl Lenient {
            async fn find(&self, _: &str) -> Result<Option<Mail>, StoreDown> {
                let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
                self.most.fetch_max(running, Ordering::SeqCst);
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                self.running.fetch_sub(1, Ordering::SeqCst);
                Ok(None)
            }
            async fn find_many(&self, _: &[String]) -> Result<Vec<Mail>, StoreDown> {
                Ok(vec![Mail { mail: "bob@x".to_owned() }])
            }
        }
        let (db, cow) = (Lenient::default(), cache.open(CacheCow::builder().fetch_concurrency(4)));
        let mails: Vec<String> = (0..20).map(|n| format!("{n}@x")).chain(["Bob@x".to_owned()]).collect();
        let found = cow.with(&db).get_many(mails.iter().map(Mail::by_mail)).await.unwrap();
        assert!(found.iter().all(Option::is_none));
        assert_eq!(db.most.load(Ordering::SeqCst), 4);
    }

    async fn what_is_fetched_one_by_one_is_stored_in_windows(cache) {
        let (store, cow) = (Store::with_items(20), cache.open(CacheCow::builder().fetch_concurrency(1)));
        cow.with(&store).get_many((1..=20).map(Item::by_id)).await.unwrap();
        let names: Vec<String> = (1..=20).map(|id| format!("item {id}")).collect();
        let gates: Vec<_> = (0..20).map(|_| store.gate()).collect();
        let (items, ()) = tokio::join!(cow.with(&store).get_many(names.iter().map(Item::by_name)), async {
            for gate in &gates[..8] {
                gate.open();
            }
            gates[8].arrived().await;
            assert!(cache.has(&Item::by_name("item 1")).await, "the first need not wait for the last");
            gates[8..].iter().for_each(|gate| gate.open());
        });
        assert!(items.unwrap().iter().all(Option::is_some));
    }
}
