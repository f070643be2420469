//! Posts move between lists while both are read, by two processes' caches on one backend: every read is judged by
//! what was promised when it began.

use std::sync::{Arc, Mutex};

use cachecow::CacheCow;
use cachecow_tests::caches::Cache;
use cachecow_tests::posts::{Post, Posts};
use cachecow_tests::store::StoreDown;

const POSTS: i64 = 12;
const AUTHORS: i64 = 3;
const MOVES: usize = 150;
const READS: usize = 600;

/// What the database had of each post.
#[derive(Default)]
struct History {
    /// The author by version, the first of which is 1.
    authors: Vec<Vec<i64>>,
    /// The version whose write has returned.
    floors: Vec<u64>,
}

struct Scene {
    posts: Posts,
    history: Mutex<History>,
    /// One writer of a post at a time: the old state is known to who has it.
    turns: Vec<tokio::sync::Mutex<()>>,
    leaves_out_the_new_list: bool,
}

impl Scene {
    fn new(leaves_out_the_new_list: bool) -> Arc<Self> {
        let posts = Posts::default();
        let authors: Vec<Vec<i64>> = (0..POSTS).map(|id| vec![id % AUTHORS]).collect();
        (0..POSTS).for_each(|id| posts.put(Post::new(id, id % AUTHORS)));
        let floors = vec![1; authors.len()];
        let turns = (0..POSTS).map(|_| tokio::sync::Mutex::new(())).collect();
        let history = Mutex::new(History { authors, floors });
        Arc::new(Self { posts, history, turns, leaves_out_the_new_list })
    }

    async fn move_one(&self, cow: &CacheCow, random: &mut fastrand::Rng) {
        let id = random.usize(..self.turns.len());
        let _turn = self.turns[id].lock().await;
        let old = self.posts.row(i64::try_from(id).unwrap());
        let new = old.moved_to(random.i64(0..AUTHORS));
        let work = async {
            tokio::task::yield_now().await;
            let mut history = self.history.lock().unwrap();
            history.authors[id].push(new.author_id);
            self.posts.put(new.clone());
            Ok::<_, StoreDown>(())
        };
        let named = (!self.leaves_out_the_new_list).then_some(&new);
        cow.write((&old, named), work).await.unwrap();
        self.history.lock().unwrap().floors[id] = new.version;
    }

    /// Reads a list, and what is wrong with it.
    async fn read_one(&self, cow: &CacheCow, author: i64) -> Option<String> {
        let floors = self.history.lock().unwrap().floors.clone();
        let list = cow.with(&self.posts).list(Post::list_by_author_id(author)).await.unwrap();
        let history = self.history.lock().unwrap();
        for (id, (authors, floor)) in history.authors.iter().zip(floors).enumerate() {
            let found: Vec<_> =
                list.iter().filter(|post| usize::try_from(post.id) == Ok(id)).collect();
            let since = usize::try_from(floor).unwrap() - 1;
            match found[..] {
                [] if authors[since..].iter().all(|own| *own == author) => {
                    return Some(format!("post {id} is missing in the list of {author}"));
                }
                [] => {}
                [post] if post.author_id == author && post.version >= floor => {}
                _ => return Some(format!("post {id}, at least {floor}: {found:?}")),
            }
        }
        None
    }
}

/// The first read that was wrong, if any.
async fn run(cache: &Cache, scene: Arc<Scene>, seed: u64) -> Option<String> {
    let cows = [cache.open_default(), cache.open_default()];
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8 {
        let (cow, scene) = (cows[task % 2].clone(), Arc::clone(&scene));
        let mut random = fastrand::Rng::with_seed(seed * 8 + task as u64);
        tasks.spawn(async move {
            if task < 3 {
                for _ in 0..MOVES {
                    scene.move_one(&cow, &mut random).await;
                    // The lists are read and stored in between.
                    for _ in 0..random.usize(..20) {
                        tokio::task::yield_now().await;
                    }
                }
                return None;
            }
            for _ in 0..READS {
                let wrong = scene.read_one(&cow, random.i64(0..AUTHORS)).await;
                if wrong.is_some() {
                    return wrong;
                }
                // A hit of the embedded cache lets nobody else run.
                tokio::task::yield_now().await;
            }
            None
        });
    }
    let mut wrong = None;
    while let Some(ended) = tasks.join_next().await {
        wrong = wrong.or(ended.unwrap());
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_list_is_older_than_promised_in_memory() {
    assert_eq!(run(&Cache::memory(), Scene::new(false), 1).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_list_is_older_than_promised_on_redis() {
    assert_eq!(run(&Cache::redis(), Scene::new(false), 2).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_without_the_new_list_one_is() {
    for seed in 3..53 {
        if let Some(wrong) = run(&Cache::memory(), Scene::new(true), seed).await {
            assert!(wrong.contains("is missing"), "{wrong}");
            return;
        }
    }
    panic!("the control must find it");
}
