//! Values that are compressed and encrypted: everything works as without, nothing is to be read in the cache, and
//! nothing is believed that was not stored by someone with the key.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use cachecow::protocol::{Command, Reply};
use cachecow::{
    Builder, CacheCow, CacheDecorator, Cached, Compression, ErrorKind, Fill, KeyValueStoreExt as _,
    Keyring, Lookup, MemoryStore, Source, TypeStats,
};
use cachecow_tests::caches::Cache;
use cachecow_tests::clock::Clock;
use cachecow_tests::on_both_backends;
use cachecow_tests::seen::audited_of;

const MINUTE: Duration = Duration::from_secs(60);
const TTL: Duration = Duration::from_secs(600);

#[derive(Clone, Debug, PartialEq, Cached)]
#[cache(context = Rows)]
#[cache(key = "customer:{id}", fetch = Rows::find)]
#[cache(key = "customer:email:{email}", fetch = Rows::find_by_email)]
#[cache(tag = "customer:city:{city}")]
struct Customer {
    id: u64,
    email: String,
    city: String,
    notes: String,
}

/// The same without tags.
#[derive(Clone, Debug, PartialEq, Cached)]
#[cache(context = Rows)]
#[cache(key = "account:{id}", fetch = Rows::account)]
#[cache(key = "account:email:{email}", fetch = Rows::account_by_email)]
struct Account {
    id: u64,
    email: String,
    notes: String,
}

#[derive(Default)]
struct Rows {
    rows: Mutex<BTreeMap<u64, Customer>>,
    down: AtomicBool,
}

#[derive(Debug)]
struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the backing store is down")
    }
}

impl std::error::Error for Down {}

fn email(id: u64) -> String {
    format!("person{id}@example.org")
}

impl Rows {
    fn new() -> Self {
        let rows = Self::default();
        for id in 1..=9 {
            let notes = "Prefers to be called on Tuesdays. ".repeat(10);
            let customer = Customer { id, email: email(id), city: "Lucerne".to_owned(), notes };
            rows.lock().insert(id, customer);
        }
        rows
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Customer>> {
        self.rows.lock().unwrap()
    }

    fn note(&self, id: u64, notes: &str) {
        notes.clone_into(&mut self.lock().get_mut(&id).unwrap().notes);
    }

    async fn find(&self, id: u64) -> Result<Option<Customer>, Down> {
        if self.down.load(Ordering::SeqCst) { Err(Down) } else { Ok(self.lock().get(&id).cloned()) }
    }

    async fn find_by_email(&self, email: &str) -> Result<Option<Customer>, Down> {
        Ok(self.lock().values().find(|customer| customer.email == email).cloned())
    }

    async fn account(&self, id: u64) -> Result<Option<Account>, Down> {
        let found = self.find(id).await?;
        Ok(found.map(|Customer { id, email, notes, .. }| Account { id, email, notes }))
    }

    async fn account_by_email(&self, email: &str) -> Result<Option<Account>, Down> {
        let found = self.find_by_email(email).await?;
        Ok(found.map(|Customer { id, email, notes, .. }| Account { id, email, notes }))
    }
}

fn keyring() -> Keyring {
    Keyring::new("first", &[1; 32])
}

fn encrypted() -> Builder {
    CacheCow::builder().negative_ttl(MINUTE).ttl_jitter(0.0).encrypt(keyring())
}

/// Both stages.
fn both() -> Builder {
    encrypted().compress(Compression::zstd(3), 64)
}

fn plain() -> Builder {
    CacheCow::builder().negative_ttl(MINUTE).ttl_jitter(0.0)
}

async fn from<L: Lookup<Context = Rows>>(
    cow: &CacheCow,
    rows: &Rows,
    lookup: L,
) -> (Option<Arc<L::Object>>, Source, Fill) {
    let read = cow.with(rows).read(lookup).await.unwrap();
    (read.value, read.source, read.fill)
}

/// Reads it twice: it is fetched and stored, then a hit.
async fn is_cached<L>(cow: &CacheCow, rows: &Rows, lookup: L)
where
    L: Lookup<Context = Rows> + Clone,
    L::Object: PartialEq + fmt::Debug,
{
    let (fetched, source, fill) = from(cow, rows, lookup.clone()).await;
    assert_eq!((source, fill), (Source::Fetched, Fill::Stored));
    is_hit(cow, rows, lookup, fetched).await;
}

async fn is_hit<L>(cow: &CacheCow, rows: &Rows, lookup: L, wanted: Option<Arc<L::Object>>)
where
    L: Lookup<Context = Rows>,
    L::Object: PartialEq + fmt::Debug,
{
    let (found, source, _) = from(cow, rows, lookup).await;
    assert_eq!(source, Source::Cache);
    assert_eq!(found, wanted);
}

/// Reads the account until it is near: the server has to be heard first.
async fn until_near(cow: &CacheCow, rows: &Rows, id: u64) {
    for _ in 0..1_000_000 {
        if from(cow, rows, Account::by_id(id)).await.1 == Source::Near {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it is never near");
}

/// Nothing was rejected, and nothing taken for another version's.
fn is_content(stats: &TypeStats) {
    assert_eq!((stats.decode_failures, stats.other_versions), (0, 0), "{stats}");
}

async fn codec(cache: &Cache, lookup: &impl Lookup) -> Option<String> {
    let stored = cache.value(lookup).await.expect("there is a value");
    let len = usize::from(stored[30] & 0x1f);
    (stored[0] == 0x98).then(|| String::from_utf8(stored[31..31 + len].to_vec()).unwrap())
}

on_both_backends! {
    async fn every_way_to_read_is_a_hit(cache) {
        for builder in [both(), encrypted(), plain().compress(Compression::zstd(1), 0)] {
            let (cow, rows) = (cache.open(builder.clone()), Rows::new());
            is_cached(&cow, &rows, Customer::by_id(1)).await;
            is_cached(&cow, &rows, Account::by_id(1)).await;
            // The object is there already, and compared; or both are stored.
            is_cached(&cow, &rows, Customer::by_email(email(1))).await;
            is_cached(&cow, &rows, Customer::by_email(email(2))).await;
            is_cached(&cow, &rows, Account::by_email(email(1))).await;
            is_cached(&cow, &rows, Account::by_email(email(2))).await;
            is_cached(&cow, &rows, Customer::by_id(77)).await;
            is_cached(&cow, &rows, Customer::by_email(email(77))).await;
            let objects = cow.with(&rows).get_many((1..=9).map(Customer::by_id)).await.unwrap();
            assert_eq!(objects.iter().flatten().count(), 9);

            // Another process, without hints.
            let other = cache.open(builder);
            let customer = |id| rows.lock().get(&id).cloned().map(Arc::new);
            is_hit(&other, &rows, Customer::by_email(email(2)), customer(2)).await;
            is_hit(&other, &rows, Customer::by_id(9), customer(9)).await;
            is_hit(&other, &rows, Customer::by_email(email(77)), None).await;
            let lookups = || (1..=9).chain([77]).map(Customer::by_id);
            let before = other.stats().of("Customer").hits;
            assert_eq!(other.with(&rows).get_many(lookups()).await.unwrap().len(), 10);
            assert_eq!(other.stats().of("Customer").hits - before, 10);
            for cow in [&cow, &other] {
                is_content(&cow.stats().of("Customer"));
                is_content(&cow.stats().of("Account"));
            }
            for id in (1..=9).chain([77]) {
                other.invalidate(Customer::by_id(id)).await.unwrap();
                other.invalidate(Customer::by_email(email(id))).await.unwrap();
                other.invalidate(Account::by_id(id)).await.unwrap();
                other.invalidate(Account::by_email(email(id))).await.unwrap();
            }
        }
    }

    async fn changes_are_seen(cache) {
        let (cow, other, rows) = (cache.open(both()), cache.open(both()), Rows::new());
        let seen = async |cow: &CacheCow, version: &str| {
            for _ in 0..2 {
                let by_id = from(cow, &rows, Customer::by_id(1)).await.0.unwrap();
                let by_email = from(cow, &rows, Customer::by_email(email(1))).await.0.unwrap();
                assert_eq!((&*by_id.notes, &*by_email.notes), (version, version));
            }
        };
        rows.note(1, "a");
        seen(&cow, "a").await;
        seen(&other, "a").await;
        rows.note(1, "b");
        seen(&cow, "a").await;
        other.invalidate(Customer::by_id(1)).await.unwrap();
        seen(&cow, "b").await;
        let work = async {
            rows.note(1, "c");
            Ok::<_, cachecow::Error>(())
        };
        other.write(Customer::by_id(1), work).await.unwrap();
        seen(&cow, "c").await;
        rows.note(1, "d");
        other.invalidate_tag(Customer::tag_city("Lucerne")).await.unwrap();
        seen(&cow, "d").await;
        is_content(&cow.stats().of("Customer"));
    }

    async fn an_expired_object_serves_while_its_fetch_fails(cache) {
        let (clock, rows) = (Clock::new(), Rows::new());
        let cow = cache.open(both().clock(clock.reader()).stale_if_error(6 * MINUTE));
        for _ in 0..20 {
            from(&cow, &rows, Customer::by_id(1)).await;
        }
        clock.advance(TTL);
        rows.down.store(true, Ordering::SeqCst);
        assert_eq!(from(&cow, &rows, Customer::by_id(1)).await.1, Source::Stale);
        rows.down.store(false, Ordering::SeqCst);
        let (_, source, fill) = from(&cow, &rows, Customer::by_id(1)).await;
        assert_eq!((source, fill), (Source::Fetched, Fill::Stored));
        is_content(&cow.stats().of("Customer"));
    }

    async fn a_forgotten_invalidation_is_found_by_the_auditor(cache) {
        let (cow, rows) = (cache.open(both()), Arc::new(Rows::new()));
        is_cached(&cow, &rows, Customer::by_email(email(1))).await;
        let auditor = cow.auditor().context(Arc::clone(&rows)).one_in(1);
        let run = tokio::spawn(auditor.grace(Duration::from_millis(1)).run());
        rows.note(1, "changed");
        from(&cow, &rows, Customer::by_email(email(1))).await;
        from(&cow, &rows, Customer::by_id(1)).await;
        let stats = audited_of(&cow, "Customer", 2).await;
        assert_eq!((stats.confirmed_stale, stats.audit_errors), (2, 0));
        run.abort();
    }

    /// And an object counts there with its length in clear, not with the one that it is stored with.
    async fn the_near_tier_has_it_decoded(cache) {
        const CAPACITY: usize = 1 << 20;
        const LEN: usize = 50_000;
        let (cow, rows) = (cache.open(both().near(CAPACITY as u64)), Rows::new());
        until_near(&cow, &rows, 1).await;
        let notes = "a".repeat(LEN);
        for id in 1..=9 {
            rows.note(id, &notes);
            cow.invalidate(Account::by_id(id)).await.unwrap();
        }
        for id in 10..=60 {
            let row = Customer { id, email: email(id), ..rows.lock()[&1].clone() };
            rows.lock().insert(id, row);
        }
        let near_hits = async || {
            let mut near_hits = 0;
            for id in 1..=60 {
                let (found, source, _) = from(&cow, &rows, Account::by_id(id)).await;
                assert_eq!(found.unwrap().notes.len(), LEN);
                near_hits += usize::from(source == Source::Near);
            }
            near_hits
        };
        for _ in 0..5 {
            assert!(near_hits().await <= CAPACITY / LEN);
        }
        assert!(cache.value(&Account::by_id(1)).await.unwrap().len() < 500);
        is_content(&cow.stats().of("Account"));
    }

    async fn the_values_of_a_decorator_are_packed_too(cache) {
        let (cow, inner) = (cache.open(both()), MemoryStore::new());
        let store = CacheDecorator::new(&cow, inner.clone()).with_max_value_size(1000);
        for (key, value) in [("short", "an e-mail".to_owned()), ("long", "an e-mail".repeat(111))] {
            store.put(key, value.clone()).await.unwrap();
            let read = store.read(key).await.unwrap();
            assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Stored));
            let read = store.read(key).await.unwrap();
            assert_eq!((read.source, &read.value[..]), (Source::Cache, value.as_bytes()));
        }
        // Who does not have the key leaves it alone.
        let without = CacheDecorator::new(cache.open(plain()), inner);
        let read = without.read("short").await.unwrap();
        assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Skipped));
        assert_eq!(store.read("short").await.unwrap().source, Source::Cache);
    }

    async fn the_greatest_size_counts_before_the_stages(cache) {
        let rows = Rows::new();
        let noise: String = std::iter::repeat_with(fastrand::alphanumeric).take(5000).collect();
        rows.note(1, &noise);
        let limited = |size| cache.open(both().max_value_size(size));
        let len = {
            let cow = cache.open(plain());
            is_cached(&cow, &rows, Account::by_id(1)).await;
            let len = cache.value(&Account::by_id(1)).await.unwrap().len();
            cow.invalidate(Account::by_id(1)).await.unwrap();
            len
        };
        is_cached(&limited(len), &rows, Account::by_id(1)).await;
        assert!(cache.value(&Account::by_id(1)).await.unwrap().len() > len * 3 / 4);
        let cow = limited(len - 1);
        cow.invalidate(Account::by_id(1)).await.unwrap();
        assert_eq!(from(&cow, &rows, Account::by_id(1)).await.2, Fill::Skipped);
        assert_eq!(cow.stats().of("Account").oversized, 1);
        // However short it becomes.
        rows.note(1, &"a".repeat(5000));
        assert_eq!(from(&cow, &rows, Account::by_id(1)).await.2, Fill::Skipped);
    }

    async fn what_was_changed_or_moved_is_a_miss_and_replaced(cache) {
        let (cow, rows) = (cache.open(both()), Rows::new());
        let lookup = Customer::by_id(1);
        is_cached(&cow, &rows, lookup.clone()).await;
        is_cached(&cow, &rows, Customer::by_id(2)).await;
        let stored = cache.value(&lookup).await.unwrap().to_vec();
        let changed = |at: usize| {
            let mut changed = stored.clone();
            changed[at] ^= 1;
            Bytes::from(changed)
        };
        let moved = cache.value(&Customer::by_id(2)).await.unwrap();
        // When it was stored, its time to live, its last byte.
        let forgeries = [changed(19), changed(29), changed(stored.len() - 1), moved];
        for (count, forged) in (1..).zip(forgeries) {
            cache.forge(&lookup, forged).await;
            is_cached(&cow, &rows, lookup.clone()).await;
            assert_eq!(cow.stats().of("Customer").decode_failures, count);
        }
    }

    /// Without a key, it would be served.
    async fn a_value_that_is_not_encrypted_is_not_believed(cache) {
        let (planter, rows) = (cache.open(plain().compress(Compression::zstd(3), 300)), Rows::new());
        rows.note(1, "planted");
        rows.note(2, &"planted ".repeat(100));
        for id in [1, 2] {
            is_cached(&planter, &rows, Customer::by_id(id)).await;
            is_cached(&planter, &rows, Customer::by_email(email(id))).await;
        }
        is_cached(&planter, &rows, Customer::by_id(77)).await;
        assert_eq!(codec(&cache, &Customer::by_id(1)).await, None);
        assert_eq!(codec(&cache, &Customer::by_id(2)).await.as_deref(), Some("zstd"));

        let honest = Rows::new();
        let found = Customer { id: 77, ..honest.lock()[&1].clone() };
        honest.lock().insert(77, found);
        let cow = cache.open(encrypted());
        for id in [1, 2, 77] {
            let (found, source, _) = from(&cow, &honest, Customer::by_id(id)).await;
            assert_eq!(source, Source::Fetched);
            assert_eq!(found.as_deref(), honest.lock().get(&id));
        }
        assert_eq!(from(&cow, &honest, Customer::by_email(email(1))).await.1, Source::Fetched);
        let stats = cow.stats().of("Customer");
        assert_eq!((stats.hits, stats.decode_failures), (0, 0));
        assert!(stats.other_versions >= 4);
        // The control.
        assert_eq!(from(&planter, &honest, Customer::by_id(1)).await.0.unwrap().notes, "planted");
    }

    async fn old_and_new_settings_do_not_overwrite_each_other_on_every_read(cache) {
        let ring = |name: &str| Keyring::new(name, &[3; 32]);
        for (old, new) in [
            (plain(), encrypted()),
            (encrypted(), plain()),
            (encrypted(), plain().encrypt(ring("second"))),
            (plain().compress(Compression::zstd(3), 0), both()),
        ] {
            let clock = Clock::new();
            let open = |builder: Builder| cache.open(builder.clock(clock.reader()));
            let (old, new, rows) = (open(old), open(new), Rows::new());
            is_cached(&old, &rows, Customer::by_id(1)).await;
            is_cached(&old, &rows, Customer::by_email(email(1))).await;
            for _ in 0..10 {
                for (cow, wanted) in [(&old, Source::Cache), (&new, Source::Fetched)] {
                    let (_, source, fill) = from(cow, &rows, Customer::by_id(1)).await;
                    assert_eq!((source, fill), (wanted, Fill::Skipped));
                    let by_email = from(cow, &rows, Customer::by_email(email(1))).await;
                    assert_eq!((by_email.1, by_email.2), (wanted, Fill::Skipped));
                }
            }
            clock.advance(Duration::from_secs(10));
            is_cached(&new, &rows, Customer::by_id(1)).await;
            let (_, source, fill) = from(&old, &rows, Customer::by_id(1)).await;
            assert_eq!((source, fill), (Source::Fetched, Fill::Skipped));
            // Each sees the other's invalidations.
            for (cow, notes) in [(&old, "from the old"), (&new, "from the new")] {
                rows.note(1, notes);
                cow.invalidate(Customer::by_id(1)).await.unwrap();
                for cow in [&old, &new] {
                    let by_id = from(cow, &rows, Customer::by_id(1)).await.0.unwrap();
                    let by_email = from(cow, &rows, Customer::by_email(email(1))).await.0.unwrap();
                    assert_eq!((&*by_id.notes, &*by_email.notes), (notes, notes));
                }
            }
            for cow in [&old, &new] {
                assert_eq!(cow.stats().of("Customer").decode_failures, 0);
            }
            new.invalidate(Customer::by_email(email(1))).await.unwrap();
            new.invalidate(Customer::by_id(1)).await.unwrap();
        }
    }

    async fn a_key_is_replaced_without_a_fetch(cache) {
        let rows = Rows::new();
        let open = |keyring: Keyring| cache.open(plain().encrypt(keyring));
        let (first, second) = ([1; 32], [2; 32]);
        let old = open(Keyring::new("first", &first));
        let between = open(Keyring::new("first", &first).and("second", &second));
        let new = open(Keyring::new("second", &second).and("first", &first));
        let last = open(Keyring::new("second", &second));
        is_cached(&old, &rows, Customer::by_id(1)).await;
        for cow in [&old, &between, &new] {
            assert_eq!(from(cow, &rows, Customer::by_id(1)).await.1, Source::Cache);
        }
        is_cached(&new, &rows, Customer::by_id(2)).await;
        for cow in [&between, &new, &last] {
            assert_eq!(from(cow, &rows, Customer::by_id(2)).await.1, Source::Cache);
        }
    }

    async fn compressed_values_are_read_by_who_does_not_compress(cache) {
        let (writer, rows) = (cache.open(plain().compress(Compression::zstd(19), 0)), Rows::new());
        is_cached(&writer, &rows, Customer::by_id(1)).await;
        assert_eq!(codec(&cache, &Customer::by_id(1)).await.as_deref(), Some("zstd"));
        let (found, source, _) = from(&cache.open(plain()), &rows, Customer::by_id(1)).await;
        assert_eq!((source, found.as_deref()), (Source::Cache, rows.lock().get(&1)));
    }

    /// What encryption cannot prevent, and its bound.
    async fn an_old_value_of_the_key_may_be_put_back_until_its_time_to_live_is_over(cache) {
        let (clock, rows) = (Clock::new(), Rows::new());
        let cow = cache.open(encrypted().clock(clock.reader()));
        for old in [Account::by_id(1), Account::by_id(77)] {
            is_cached(&cow, &rows, old.clone()).await;
            let stored = cache.value(&old).await.unwrap();
            cow.invalidate(old.clone()).await.unwrap();
            cache.forge(&old, stored.clone()).await;
            assert_eq!(from(&cow, &rows, old.clone()).await.1, Source::Cache);
            clock.advance(TTL);
            cache.forge(&old, stored).await;
            assert_eq!(from(&cow, &rows, old).await.1, Source::Fetched);
        }
        // By an alias, the absence too.
        let absent = Account::by_email(email(77));
        is_cached(&cow, &rows, absent.clone()).await;
        let stored = cache.value(&absent).await.unwrap();
        clock.advance(MINUTE);
        cache.forge(&absent, stored).await;
        assert_eq!(from(&cow, &rows, absent).await.1, Source::Fetched);
    }
}

/// All names and values of the server; of an epoch, say, the name alone.
async fn all_bytes(cache: &Cache) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut connection = cache.server.as_ref().expect("it is Redis").connection().await;
    let mut command = redis::cmd("KEYS");
    let names: Vec<Vec<u8>> = command.arg("*").query_async(&mut connection).await.unwrap();
    let mut all = BTreeMap::new();
    for name in names {
        let mut command = redis::cmd("DUMP");
        let dumped: Vec<u8> = command.arg(&name).query_async(&mut connection).await.unwrap();
        let mut command = redis::cmd("GET");
        let value: Result<Vec<u8>, _> = command.arg(&name).query_async(&mut connection).await;
        all.insert(name, value.unwrap_or(dumped));
    }
    all
}

fn holds(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}

#[tokio::test]
async fn nothing_is_to_be_read_in_redis() {
    let secrets = ["person", "example.org", "Lucerne", "Tuesday", "customer:", "account:", "note"];
    for (builder, is_hidden) in [(both(), true), (encrypted(), true), (plain(), false)] {
        let cache = Cache::redis();
        let (cow, rows) = (cache.open(builder), Rows::new());
        for id in [1, 2, 77] {
            is_cached(&cow, &rows, Customer::by_email(email(id))).await;
            is_cached(&cow, &rows, Account::by_email(email(id))).await;
        }
        is_cached(&cow, &rows, Customer::by_id(3)).await;
        is_cached(&cow, &rows, Customer::by_id(77)).await;
        let inner = MemoryStore::new();
        let store = CacheDecorator::new(&cow, inner);
        store.put("Tuesday", "person").await.unwrap();
        store.read("Tuesday").await.unwrap();
        let all = all_bytes(&cache).await;
        assert!(all.len() >= 11, "{}", all.len());
        let found: Vec<&str> = secrets
            .into_iter()
            .filter(|secret| all.values().any(|value| holds(value, secret)))
            .collect();
        if is_hidden {
            assert!(found.is_empty(), "{found:?}");
        } else {
            assert!(found.len() > 4, "the control finds them: {found:?}");
        }
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused_without_a_key_being_shown() {
    let refused = |builder: Builder| {
        let error = builder.memory().expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        error.to_string()
    };
    let compress = |level| CacheCow::builder().compress(Compression::zstd(level), 0);
    assert_eq!(refused(compress(23)), "compress: the level of zstd must be from 1 to 22, not 23");
    let encrypt = |keyring| CacheCow::builder().encrypt(keyring);
    let faults =
        refused(encrypt(Keyring::new("", &[0xab; 32]).and("a", &[1; 32]).and("a", &[2; 32])));
    let wanted = "encrypt: the name of a key must be 1 to 16 letters, digits, `-`, `_` and `.`, not \"\"; \
                  encrypt: two keys have the name \"a\"";
    assert_eq!(faults, wanted);
    let both = refused(compress(0).encrypt(Keyring::new("a b", &[1; 32])).lease(Duration::ZERO));
    assert_eq!(both.matches("; ").count(), 2, "{both}");
    let shown = format!("{:?}", encrypt(Keyring::new("name", &[0xab; 32])));
    assert!(shown.contains("name") && !shown.contains("171") && !shown.contains("abab"), "{shown}");
}

#[tokio::test]
async fn the_values_of_two_namespaces_are_not_exchanged() {
    let cache = Cache::memory();
    let rows = Rows::new();
    let shop = cache.open(both().namespace("shop"));
    let mall = cache.open(both().namespace("mall"));
    is_cached(&shop, &rows, Account::by_id(1)).await;
    // On this backend they have the same keys, as if someone had moved the value.
    assert!(matches!(cache.ask(&Account::by_id(1), Command::Lookup).await, Reply::Value(_)));
    let (_, source, fill) = from(&mall, &rows, Account::by_id(1)).await;
    assert_eq!((source, fill), (Source::Fetched, Fill::Stored));
    assert_eq!(mall.stats().of("Account").decode_failures, 1);
}
