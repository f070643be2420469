//! Whatever a server answers, in the handshake or later: reads give the right objects, by the fetch
//! functions if need be; an invalidation that was not confirmed is an error; nothing panics, hangs or
//! ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use cachecow::protocol::Command;
use cachecow::store::KeySpace;
use cachecow::{
    CacheCow, ErrorKind, KeyValueStore as _, KeyValueStoreExt as _, RedisStore, Source,
};
use cachecow_tests::caches::Cache;
use cachecow_tests::patient::patient;
use cachecow_tests::resp::Words;
use cachecow_tests::servers::{Answer, PoisonedServer};
use cachecow_tests::store::{Item, Store};
use futures_util::TryStreamExt as _;
use futures_util::future::join_all;

/// No operation takes so long, on the busiest of machines.
const HANG: Duration = Duration::from_secs(120);

/// Answers of every type, with and without sense.
const TEXTS: &[&[u8]] = &[
    b"",
    b"+OK\r\n",
    b"+\r\n",
    b"+hello\r\n",
    b"+PONG\r\n",
    b"+QUEUED\r\n",
    b"+\xff\xfe\r\n",
    b"+OK",
    b"-\r\n",
    b"-ERR\r\n",
    b"-ERR no\r\n",
    b"-NOSCRIPT no\r\n",
    b"-WRONGTYPE no\r\n",
    b"-READONLY no\r\n",
    b"-LOADING no\r\n",
    b"-NOAUTH no\r\n",
    b"-NOPROTO no\r\n",
    b"-TRYAGAIN no\r\n",
    b"-CLUSTERDOWN no\r\n",
    b"-MOVED\r\n",
    b"-MOVED 1\r\n",
    b"-MOVED 1 127.0.0.1:1\r\n",
    b"-MOVED 99999 x:y:z\r\n",
    b"-ASK 1 127.0.0.1:99999\r\n",
    b"-ASK -1 \xc3\xa9\r\n",
    b"- - -\r\n",
    b":0\r\n",
    b":1\r\n",
    b":2\r\n",
    b":4\r\n",
    b":-1\r\n",
    b":99\r\n",
    b":99999999999999999999\r\n",
    b":x\r\n",
    b":\r\n",
    b"$-1\r\n",
    b"$-2\r\n",
    b"$0\r\n\r\n",
    b"$5\r\nhello\r\n",
    b"$5\r\nhelloworld\r\n",
    b"$5\r\nhel",
    b"$2147483647\r\nx",
    b"$9223372036854775807\r\nx",
    b"$-9223372036854775808\r\n",
    b"*-1\r\n",
    b"*-2\r\n",
    b"*0\r\n",
    b"*1\r\n:1\r\n",
    b"*1\r\n:7\r\n",
    b"*1\r\n$-1\r\n",
    b"*2\r\n:1\r\n:1\r\n",
    b"*3\r\n:3\r\n-ERR no\r\n$-1\r\n",
    b"*1\r\n*1\r\n:3\r\n",
    b"*1\r\n+OK\r\n",
    b"*1\r\n-NOSCRIPT no\r\n",
    b"*2147483647\r\n:1\r\n",
    b"*9223372036854775807\r\n:1\r\n",
    b"*1000000\r\n*1000000\r\n*1000000\r\n",
    b"_\r\n",
    b"_x\r\n",
    b",1.5\r\n",
    b",nan\r\n",
    b",-inf\r\n",
    b",x\r\n",
    b",1e999999\r\n",
    b"#t\r\n",
    b"#f\r\n",
    b"#x\r\n",
    b"(0\r\n",
    b"(-99999999999999999999999999999999999999\r\n",
    b"(x\r\n",
    b"=8\r\ntxt:some\r\n",
    b"=3\r\nabc\r\n",
    b"=-1\r\n",
    b"=-9223372036854775808\r\n",
    b"=9223372036854775807\r\nx",
    b"!6\r\nERR no\r\n",
    b"!0\r\n\r\n",
    b"!-1\r\n",
    b"!9223372036854775807\r\nx",
    b"%0\r\n",
    b"%1\r\n+a\r\n+b\r\n",
    b"%1\r\n+a\r\n",
    b"%-1\r\n",
    b"%2147483647\r\n",
    b"%9223372036854775807\r\n:1\r\n",
    b"~0\r\n",
    b"~1\r\n:3\r\n",
    b"~-1\r\n",
    b"~9223372036854775807\r\n",
    b"|0\r\n:1\r\n",
    b"|1\r\n+a\r\n+b\r\n:1\r\n",
    b"|-1\r\n:1\r\n",
    b"|9223372036854775807\r\n:1\r\n",
    b">0\r\n",
    b">-1\r\n",
    b">1\r\n:1\r\n",
    b">1\r\n+x\r\n",
    b">2\r\n+invalidate\r\n_\r\n",
    b">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nfoo\r\n",
    b">2\r\n+invalidate\r\n:1\r\n",
    b">3\r\n+message\r\n+a\r\n+b\r\n",
    b">3\r\n+subscribe\r\n+a\r\n:1\r\n",
    b">3\r\n+unsubscribe\r\n_\r\n:-1\r\n",
    b">9223372036854775807\r\n+x\r\n",
    b"\0",
    b"\r\n",
    b"\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01",
    b"rubbish\r\n",
];

/// The same, and longer ones.
fn answers() -> Vec<Answer> {
    let mut answers: Vec<Vec<u8>> = TEXTS.iter().map(|text| text.to_vec()).collect();
    for sign in ["*1", "~1", "%1\r\n+a", "|1\r\n+a\r\n+b", ">2\r\n+x"] {
        for levels in [50, 99, 100, 101, 100_000] {
            answers.push([format!("{sign}\r\n").repeat(levels).as_bytes(), b":1\r\n"].concat());
        }
    }
    for seed in 0..8 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut noise = vec![0; 300];
        random.fill(&mut noise);
        answers.push(
            [&[b"$*%~>|=!"[usize::try_from(seed).unwrap_or_default() % 8]], &b"9\r\n"[..], &noise]
                .concat(),
        );
        answers.push(noise);
    }
    // Two for one, so that each later command is given the answer of an earlier one.
    answers.push(b"$-1\r\n$-1\r\n".to_vec());
    answers.push(b":1\r\n*1\r\n:1\r\n".repeat(3));
    // Every beginning of an answer with everything in it, after which nothing comes.
    let whole = b"|1\r\n+k\r\n:1\r\n*4\r\n%1\r\n$1\r\na\r\n,1.5\r\n~1\r\n#t\r\n=5\r\ntxt:x\r\n!5\r\nERR x\r\n";
    let cut = (1..whole.len()).map(|len| whole[..len].to_vec());
    cut.enumerate()
        // Of those after which the connection stays, which are waited for, a few are enough.
        .map(|(at, bytes)| if at % 6 == 0 { Answer::Bytes(bytes) } else { Answer::Last(bytes) })
        .chain(answers.into_iter().map(Answer::Bytes))
        .collect()
}

/// Answers without an end.
fn endless() -> Vec<Answer> {
    let endless =
        |first: &[u8], rest: &[u8]| Answer::Endless(first.to_vec(), rest.repeat(512 / rest.len()));
    vec![
        endless(b"+", b"x"),
        endless(b"-", b"x"),
        endless(b":", b"1"),
        endless(b"$9223372036854775807\r\n", b"x"),
        endless(b"*9223372036854775807\r\n", b":1\r\n"),
        endless(b"%4000000000000000000\r\n", b"$1\r\na\r\n"),
        endless(b"", b"*1\r\n"),
        endless(b"", b"$-1\r\n"),
        endless(b"", b">2\r\n+invalidate\r\n_\r\n"),
    ]
}

/// What a server of this time answers in the handshake, and to who asks about the cluster or the
/// sentinels.
fn handshake(words: &Words, port: u16) -> Option<Vec<u8>> {
    let text: Vec<String> =
        words.iter().map(|word| String::from_utf8_lossy(word).to_uppercase()).collect();
    let text: Vec<&str> = text.iter().map(String::as_str).collect();
    Some(match text[..] {
        ["HELLO", ..] => b"%1\r\n$5\r\nproto\r\n:3\r\n".to_vec(),
        ["CLIENT", ..] => b"+OK\r\n".to_vec(),
        ["CLUSTER", "INFO"] => b"$16\r\ncluster_state:ok\r\n".to_vec(),
        ["CLUSTER", "SLOTS"] => {
            format!("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:{port}\r\n").into_bytes()
        }
        ["SENTINEL", ..] => {
            let digits = port.to_string();
            format!("*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{digits}\r\n", digits.len()).into_bytes()
        }
        ["ROLE"] => b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n".to_vec(),
        ["SUBSCRIBE", ..] => b"*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n".to_vec(),
        _ => return None,
    })
}

/// Where the poison begins.
#[derive(Clone, Copy, Debug)]
enum Poison {
    FromHandshake,
    FromFirstCommand,
}

async fn poisoned(poison: Poison, answer: Answer) -> PoisonedServer {
    // The address is known only when the server is there.
    let port = Arc::new(AtomicU16::new(0));
    let known = Arc::clone(&port);
    let server = PoisonedServer::start(move |words| {
        let port = known.load(Ordering::SeqCst);
        match (poison, handshake(words, port)) {
            (Poison::FromFirstCommand, Some(proper)) => Answer::Bytes(proper),
            _ => answer.clone(),
        }
    })
    .await;
    port.store(server.address().port(), Ordering::SeqCst);
    server
}

async fn open(url: &str) -> CacheCow {
    CacheCow::builder()
        .operation_timeout(Duration::from_millis(100))
        .connect_timeout(Duration::from_millis(100))
        .near(1 << 20)
        .near_lag(Duration::from_millis(100))
        .open(url)
        .await
        .expect("a valid address")
}

/// Reads and invalidates by each kind of address.
async fn use_cache(url: &str) {
    let (store, cow) = (Store::with_items(3), open(url).await);
    let view = cow.with(&store);
    for _ in 0..3 {
        let read = view.get(Item::by_id(1)).await.unwrap();
        assert_eq!(read.as_deref(), Some(&Item::new(1)));
    }
    let batch = view.get_many([1, 2, 3].map(Item::by_id)).await.unwrap();
    let batch: Vec<Option<&Item>> = batch.iter().map(Option::as_deref).collect();
    assert_eq!(batch, [1, 2, 3].map(Item::new).iter().map(Some).collect::<Vec<_>>());
    let named = view.get(Item::by_name("item 2")).await.unwrap();
    assert_eq!(named.as_deref(), Some(&Item::new(2)));
    let error = cow.invalidate(Item::by_id(1)).await.expect_err("nothing was confirmed");
    assert_eq!(error.kind(), ErrorKind::NotInvalidated);
    let work = async { Ok::<_, cachecow::Error>(store.bump(1)) };
    let written = cow.write(Item::by_id(1), work).outcome().await;
    assert!(written.result.is_ok(), "the work was carried out");
    let error = written.invalidated.expect_err("nothing was confirmed");
    assert_eq!(error.kind(), ErrorKind::NotInvalidated);
    let read = view.get(Item::by_id(1)).await.unwrap();
    assert_eq!(read.expect("the item exists").version, 2);
}

/// Uses a key-value store, whose answers nobody can check; nothing hangs or panics.
async fn use_store(url: &str) {
    let store = RedisStore::open(url).expect("a valid address");
    let store = store.with_timeout(Duration::from_millis(100)).with_key_space(KeySpace::Text);
    let _ = store.get("a").await;
    if let Ok(reader) = store.open("a").await {
        let _ = reader.into_bytes().await;
    }
    let _ = store.put("a", "value").await;
    let _ = store.contains("a").await;
    let _ = store.delete("a").await;
    let _ = store.copy("a", "b").await;
    let _ = store.rename("a", "b").await;
    let _ = store.keys("a").await;
    let _: Result<Vec<String>, _> = store.iter_prefixes("/", "a").try_collect().await;
}

/// Uses everything at once, in a runtime of its own: what is retried in the background ends with it.
fn use_everything(poison: Poison, answer: &Answer) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let used = runtime.expect("a runtime").block_on(async {
        let server = poisoned(poison, answer.clone()).await;
        let address = server.address();
        let urls = [
            format!("redis://{address}"),
            format!("redis+cluster://{address}"),
            format!("redis+sentinel://{address}/name"),
        ];
        let caches = join_all(urls.iter().map(|url| use_cache(url)));
        tokio::time::timeout(HANG, async { tokio::join!(caches, use_store(&urls[0])) }).await
    });
    assert!(used.is_ok(), "it hangs");
}

/// Each answer, many at a time: most of the time goes by waiting.
fn use_each(poison: Poison, answers: &[Answer]) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                while let Some(answer) = answers.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let shown = Shown(poison, answer);
                    use_everything(poison, answer);
                    std::mem::forget(shown);
                }
            });
        }
    });
}

/// Says which answer it was, if it comes to a panic.
struct Shown<'a>(Poison, &'a Answer);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        let shown: String = format!("{:?} {:?}", self.0, self.1).chars().take(300).collect();
        eprintln!("answered with: {shown}");
    }
}

/// The stored document of an item.
async fn document(item: Item) -> Vec<u8> {
    let cache = Cache::memory();
    let store = Store::default();
    let lookup = Item::by_id(item.id);
    store.put(item);
    cache.open_default().with(&store).get(lookup).await.unwrap();
    let fills = cache.script().log().into_iter().filter_map(|command| match command {
        Command::Fill { value, .. } => Some(value.to_vec()),
        _ => None,
    });
    fills.last().expect("it was stored")
}

/// A document as the answer to whatever asks for one.
fn answered(words: &Words, document: &[u8]) -> Answer {
    let value = [format!("${}\r\n", document.len()).as_bytes(), document, b"\r\n"].concat();
    let list = |count: usize| [format!("*{count}\r\n").as_bytes(), &value.repeat(count)].concat();
    Answer::Bytes(match &*words[0] {
        b"GET" => value,
        b"MGET" => list(words.len() - 1),
        // A claim; of each object its value and its flag.
        b"EVALSHA" => list(String::from_utf8_lossy(&words[2]).parse().unwrap_or(2) / 2),
        _ => b"+OK\r\n".to_vec(),
    })
}

#[tokio::test]
async fn the_document_of_another_key_is_not_served() {
    let other = document(Item::new(7)).await;
    let own = document(Item::new(1)).await;
    let renamed = document(Item { name: "item 2".to_owned(), ..Item::new(1) }).await;
    let deep = [&own[..30], &b"\x91".repeat(1_000_000)].concat();
    let vast = [&own[..30], b"\xdd\xff\xff\xff\xff"].concat();
    let longer = [&own[..], b"!"].concat();
    let absent = [&[0x97], &own[1..30], &[0xc0, 0xc4, 1, b'x']].concat();
    let pointer = [&[0x97], &own[1..30], &[0xc3, 0xc4, 1, b'x']].concat();
    let mut hostile = vec![other, deep, vast, longer, absent, pointer, renamed];
    hostile.extend((0..own.len()).map(|len| own[..len].to_vec()));
    for document in hostile {
        let server = PoisonedServer::start(move |words| match handshake(words, 0) {
            Some(proper) => Answer::Bytes(proper),
            None => answered(words, &document),
        })
        .await;
        let (store, cow) =
            (Store::with_items(3), open(&format!("redis://{}", server.address())).await);
        store.put(Item { version: 5, ..Item::new(2) });
        let view = cow.with(&store);
        let read = view.read(Item::by_id(2)).await.unwrap();
        assert_eq!((read.value.unwrap().version, read.source), (5, Source::Fetched));
        let batch = view.get_many([2, 3].map(Item::by_id)).await.unwrap();
        assert_eq!(batch.iter().flatten().map(|item| item.id).collect::<Vec<_>>(), [2, 3]);
        let named = view.get(Item::by_name("item 3")).await.unwrap();
        assert_eq!(named.as_deref(), Some(&Item::new(3)));
    }
    // The control: the right one is.
    let server = PoisonedServer::start(move |words| match handshake(words, 0) {
        Some(proper) => Answer::Bytes(proper),
        None => answered(words, &own),
    })
    .await;
    let url = format!("redis://{}", server.address());
    let (store, cow) = (Store::default(), patient().open(&url).await.unwrap());
    let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
    assert_eq!((read.value.as_deref(), read.source), (Some(&Item::new(1)), Source::Cache));
}

#[test]
fn any_answer_in_the_handshake() {
    use_each(Poison::FromHandshake, &answers());
}

#[test]
fn any_answer_to_commands() {
    use_each(Poison::FromFirstCommand, &answers());
}

#[test]
fn an_answer_without_an_end() {
    for poison in [Poison::FromHandshake, Poison::FromFirstCommand] {
        use_each(poison, &endless());
    }
}
