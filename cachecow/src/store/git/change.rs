//! Changes, each a commit.

use std::fs::File;
use std::io::{self, Seek as _};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use git2::build::TreeUpdateBuilder;
use git2::{ErrorCode, Oid, Repository, Tree};

use super::branch::{Branch, Head};
use super::durable;
use super::repository::Taken;
use super::tree::{Found, Mode, Value, find};
use crate::error::{Error, ErrorKind};

/// How long a change is retried while the branch does not move.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a change is retried in total.
const ENDURANCE: Duration = Duration::from_secs(60);

/// A change of values.
pub(super) enum Change {
    Put { key: String, content: Content },
    Delete { key: String },
    Copy { source: String, destination: String },
    Rename { source: String, destination: String },
}

/// The content to store.
pub(super) enum Content {
    Bytes(Bytes),
    /// All of it.
    File(File),
}

impl Content {
    /// Writes it as an object of the repository, to which nothing refers yet.
    fn write(self, repository: &Repository) -> Result<Oid, Error> {
        let failed = |error: git2::Error| Error::store("put", error);
        match self {
            Self::Bytes(bytes) => repository.blob(&bytes).map_err(failed),
            Self::File(mut file) => {
                let mut writer = repository.blob_writer(None).map_err(failed)?;
                file.rewind()
                    .and_then(|()| io::copy(&mut file, &mut writer))
                    .map_err(|error| Error::store("put", error))?;
                writer.commit().map_err(failed)
            }
        }
    }
}

impl Change {
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Put { .. } => "put",
            Self::Delete { .. } => "delete",
            Self::Copy { .. } => "copy",
            Self::Rename { .. } => "rename",
        }
    }

    fn keys(&self) -> String {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key.clone(),
            Self::Copy { source, destination } | Self::Rename { source, destination } => {
                format!("{source} to {destination}")
            }
        }
    }
}

/// What a change does to a tree.
enum Edit {
    Put { path: String, blob: Oid },
    Delete { path: String },
    Copy { from: String, to: String },
    Rename { from: String, to: String },
}

impl Edit {
    fn paths(&self) -> impl Iterator<Item = &str> {
        let (one, other) = match self {
            Self::Put { path, .. } | Self::Delete { path } => (path, None),
            Self::Copy { from, to } | Self::Rename { from, to } => (from, Some(to)),
        };
        std::iter::once(one).chain(other).map(|path| &**path)
    }

    /// Returns the new tree; `None` if nothing changes.
    fn apply(
        &self,
        operation: &str,
        repository: &Repository,
        tree: &Tree<'_>,
    ) -> Result<Option<Oid>, Error> {
        let failed = |error: git2::Error| Error::store(operation, error);
        let at = |path: &str| find(repository, tree, path).map_err(failed);
        let mut update = TreeUpdateBuilder::new();
        match self {
            Self::Put { path, blob } => {
                let old = at(path)?.to_replace(operation)?;
                let mode = old.map_or(Mode::Plain, |old| old.mode);
                if old == Some(Value { blob: *blob, mode }) {
                    return Ok(None);
                }
                update.upsert(&**path, *blob, mode.of());
            }
            Self::Delete { path } => {
                let Found::Value(_) = at(path)? else { return Ok(None) };
                update.remove(&**path);
            }
            Self::Copy { from, to } | Self::Rename { from, to } => {
                let Found::Value(value) = at(from)? else {
                    return Err(Error::not_found(operation));
                };
                let old = at(to)?.to_replace(operation)?;
                let is_rename = matches!(self, Self::Rename { .. });
                if from == to || !is_rename && old == Some(value) {
                    return Ok(None);
                }
                update.upsert(&**to, value.blob, value.mode.of());
                if is_rename {
                    update.remove(&**from);
                }
            }
        }
        update.create_updated(repository, tree).map(Some).map_err(failed)
    }
}

impl Branch {
    /// Commits the change, on top of what others commit meanwhile.
    pub(super) fn change(&self, change: Change) -> Result<(), Error> {
        let operation = change.operation();
        let taken = self.take(operation)?;
        let message =
            self.message.replace("{operation}", operation).replace("{key}", &change.keys());
        let mut head = self.head(operation, &taken)?;
        let edit = match change {
            Change::Put { key, content } => {
                let blob = content.write(&taken)?;
                Edit::Put { path: self.path(&key), blob }
            }
            Change::Delete { key } => Edit::Delete { path: self.path(&key) },
            Change::Copy { source, destination } => {
                Edit::Copy { from: self.path(&source), to: self.path(&destination) }
            }
            Change::Rename { source, destination } => {
                Edit::Rename { from: self.path(&source), to: self.path(&destination) }
            }
        };
        let start = Instant::now();
        let mut moved = start;
        for attempt in 0.. {
            let Err(error) = self.commit(operation, &taken, &head, &edit, &message)? else {
                return Ok(());
            };
            let now = self.head(operation, &taken)?;
            if now.commit != head.commit {
                moved = Instant::now();
            }
            head = now;
            if moved.elapsed() > PATIENCE || start.elapsed() > ENDURANCE {
                return Err(contended(operation, error));
            }
            let longest = 1_u64 << attempt.min(6);
            thread::sleep(Duration::from_micros(fastrand::u64(0..1000 * longest)));
        }
        unreachable!("attempts do not end by themselves")
    }

    /// Tries to move the branch from this head to a commit of the change. The inner error means
    /// that someone else changed or locked the branch.
    fn commit(
        &self,
        operation: &str,
        taken: &Taken<'_>,
        head: &Head,
        edit: &Edit,
        message: &str,
    ) -> Result<Result<(), git2::Error>, Error> {
        let failed = |error: git2::Error| Error::store(operation, error);
        let parent = head.commit.map(|commit| taken.find_commit(commit)).transpose();
        let parent = parent.map_err(failed)?;
        let tree = match &parent {
            Some(parent) => parent.tree(),
            None => taken.treebuilder(None).and_then(|empty| taken.find_tree(empty.write()?)),
        };
        let Some(tree) = edit.apply(operation, taken, &tree.map_err(failed)?)? else {
            return Ok(Ok(()));
        };
        let tree = taken.find_tree(tree).map_err(failed)?;
        let author = self.signature(operation, taken)?;
        let parents: Vec<_> = parent.iter().collect();
        let commit = taken.commit(None, &author, &author, message, &tree, &parents);
        let commit = commit.map_err(failed)?;
        durable::objects(taken, commit, &tree, edit.paths())
            .map_err(|error| Error::store(operation, error))?;
        // Moves the reference under its lock, if it has not moved meanwhile; zero means that it does not exist.
        let old = head.commit.unwrap_or(Oid::ZERO_SHA1);
        match taken.reference_matching(&head.reference, commit, true, old, message) {
            Ok(_) => {}
            Err(error) => match error.code() {
                ErrorCode::Modified | ErrorCode::Locked | ErrorCode::NotFound => {
                    return Ok(Err(error));
                }
                _ => return Err(failed(error)),
            },
        }
        durable::reference(taken, &head.reference)
            .map_err(|error| Error::store(operation, error))?;
        Ok(Ok(()))
    }
}

fn contended(operation: &str, error: git2::Error) -> Error {
    let message = format!(
        "{operation}: others kept locking or changing the branch, and nothing was written; if no git \
         process is running, remove the `.lock` file beside the branch's reference"
    );
    Error::caused_by(ErrorKind::Store, message, error)
}
