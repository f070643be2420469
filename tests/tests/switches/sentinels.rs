//! Sentinels that say what they are told to.

use std::sync::{Arc, Mutex};

use cachecow::Fill;
use cachecow_tests::front::{Behind, Front};
use cachecow_tests::resp::Command;
use cachecow_tests::servers::{RedisSentinels, RedisServer};
use cachecow_tests::store::{Item, Store};
use futures_util::future::join_all;

use crate::load::names;
use crate::{command, patient};

/// Three sentinels that say what they are told to, and the two servers that they may name, each behind a front.
pub(crate) struct Scripted {
    speaker: RedisServer,
    pub(crate) servers: [RedisServer; 2],
    pub(crate) fronts: Vec<Front>,
    pub(crate) sentinels: Vec<Front>,
    /// For each sentinel the epoch, and which of the servers it names.
    words: Arc<Mutex<[(u64, usize); 3]>>,
}

impl Scripted {
    pub(crate) async fn start(words: [(u64, usize); 3]) -> Self {
        let (speaker, servers) = (RedisServer::start(), [(); 2].map(|()| RedisServer::start()));
        let mut fronts = Vec::new();
        for server in &servers {
            fronts.push(Front::of(Behind::Socket(server.socket())).await);
        }
        let ports: Vec<u16> = fronts.iter().map(Front::port).collect();
        let (words, mut sentinels) = (Arc::new(Mutex::new(words)), Vec::new());
        for sentinel in 0..3 {
            let (words, ports) = (Arc::clone(&words), ports.clone());
            let instead = move |command: &Command| {
                let (epoch, server) = words.lock().unwrap()[sentinel];
                Self::answer(command, epoch, ports[server])
            };
            let behind = Behind::Socket(speaker.socket());
            sentinels.push(Front::instead(behind, instead).await);
        }
        Self { speaker, servers, fronts, sentinels, words }
    }

    fn answer(asked: &Command, epoch: u64, port: u16) -> Option<Vec<u8>> {
        let question = (asked.name() == "SENTINEL").then(|| asked.words[1].to_ascii_uppercase())?;
        let answer = if question == b"MASTER" {
            format!("return {{'name','x','config-epoch','{epoch}'}}")
        } else {
            format!("return {{'127.0.0.1','{port}'}}")
        };
        Some(command(&["EVAL", &answer, "0"]))
    }

    pub(crate) fn say(&self, words: [(u64, usize); 3]) {
        *self.words.lock().unwrap() = words;
    }

    pub(crate) fn url(&self) -> String {
        RedisSentinels::url_by(self.sentinels.iter().map(Front::port))
    }

    /// Waits until what every sentinel says now has been heard.
    pub(crate) async fn heard(&self) {
        let mut connection = self.speaker.connection().await;
        // They tell of something; the second time, what they were asked at the first was answered.
        for _ in 0..3 {
            let asked = self.sentinels.iter().map(|sentinel| sentinel.comes("SENTINEL", 2));
            let (_, told) = tokio::join!(join_all(asked), async {
                let told = redis::cmd("PUBLISH").arg("+switch-master").arg("").take();
                told.query_async::<u64>(&mut connection).await
            });
            told.unwrap();
        }
    }

    /// Whether an item is stored on this server.
    pub(crate) async fn has(&self, server: usize, id: i64) -> bool {
        let mut look = self.servers[server].connection().await;
        redis::cmd("EXISTS").arg(&names(id)[0]).query_async(&mut look).await.unwrap()
    }
}

#[tokio::test]
async fn a_sentinel_that_was_cut_off_does_not_name_the_master_alone() {
    let group = Scripted::start([(4, 0), (5, 1), (5, 1)]).await;
    // The one that knows nothing is the first to answer.
    group.sentinels[1].hold_up(true);
    group.sentinels[2].hold_up(true);
    let (store, cow) = (Store::with_items(1), patient().open(&group.url()).await.unwrap());
    let view = cow.with(&store);
    let mut reading = std::pin::pin!(view.read(Item::by_id(1)));
    tokio::select! {
        biased;
        _ = &mut reading => panic!("one sentinel alone has named the master"),
        () = group.sentinels[0].comes("SENTINEL", 4) => {}
    }
    group.sentinels[1].hold_up(false);
    assert_eq!(reading.await.unwrap().fill, Fill::Stored);
    assert!(group.has(1, 1).await && !group.has(0, 1).await);
}

#[tokio::test]
async fn what_sentinels_say_of_before_leads_nobody_back() {
    let group = Scripted::start([(4, 0); 3]).await;
    let (store, cow) = (Store::with_items(5), patient().open(&group.url()).await.unwrap());
    let stored = async |id, server: usize| {
        let read = cow.with(&store).read(Item::by_id(id)).await.unwrap();
        assert_eq!(read.fill, Fill::Stored);
        assert!(group.has(server, id).await && !group.has(1 - server, id).await);
    };
    stored(1, 0).await;
    group.say([(5, 1), (4, 0), (4, 0)]);
    group.heard().await;
    stored(2, 1).await;
    // As one that was started anew with its first file.
    group.say([(5, 1), (5, 1), (0, 0)]);
    group.heard().await;
    stored(3, 1).await;
    // As all of them after `SENTINEL REMOVE` and `SENTINEL MONITOR`.
    group.say([(0, 0); 3]);
    group.heard().await;
    stored(4, 0).await;
}
