//! Listing, folder by folder.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use cap_std::fs::Dir;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::entries::{self, Entry, Kind};
use super::root::{Root, fault};
use crate::error::Error;
use crate::store::blocking::blocking;
use crate::store::names::{Names, folder_of, may_hold};
use crate::store::{KeySpace, KeyStream};

/// How many keys are collected before they are returned.
const BATCH: usize = 256;

/// A walk through the folders, depth first. One folder is open at each level; its content was read when it was
/// entered.
pub(super) struct Walk {
    root: Arc<Root>,
    key_space: KeySpace,
    prefix: String,
    folders: Vec<Folder>,
    is_started: bool,
}

struct Folder {
    /// The prefix of the keys in it.
    keys: String,
    dir: Dir,
    entries: std::vec::IntoIter<Entry>,
}

impl Walk {
    /// The keys with the prefix.
    pub(super) fn stream(
        root: Arc<Root>,
        key_space: KeySpace,
        prefix: String,
    ) -> KeyStream<'static> {
        if !prefix.is_empty() && !key_space.contains(&prefix) {
            return stream::empty().boxed();
        }
        let walk = Self { root, key_space, prefix, folders: Vec::new(), is_started: false };
        stream::try_unfold(walk, |mut walk| {
            blocking("iter_keys", move || {
                let keys = walk.batch().map_err(|error| fault("iter_keys", error))?;
                Ok((!keys.is_empty())
                    .then(|| (stream::iter(keys.into_iter().map(Ok::<_, Error>)), walk)))
            })
        })
        .try_flatten()
        .boxed()
    }

    /// Returns some more keys; empty at the end.
    fn batch(&mut self) -> io::Result<Vec<String>> {
        if !self.is_started {
            self.is_started = true;
            self.start()?;
        }
        let mut keys = Vec::new();
        while keys.len() < BATCH
            && let Some(folder) = self.folders.last_mut()
        {
            match folder.entries.next() {
                None => drop(self.folders.pop()),
                Some(entry) => keys.extend(self.visit(&entry)?),
            }
        }
        Ok(keys)
    }

    /// Opens the folder that contains all keys with the prefix, if it exists.
    fn start(&mut self) -> io::Result<()> {
        let keys = folder_of(&self.prefix).to_owned();
        let mut path = String::new();
        for segment in keys.split_terminator('/') {
            path.push_str(&Names::FILES.path(segment));
            let metadata = self.root.dir.symlink_metadata(&path);
            if !metadata.is_ok_and(|metadata| metadata.is_dir()) {
                return Ok(());
            }
            path.push('/');
        }
        let path = if path.is_empty() { "." } else { &path };
        self.enter(keys, self.root.dir.open_dir(path))
    }

    /// Reads a folder, if it was not removed meanwhile.
    fn enter(&mut self, keys: String, dir: io::Result<Dir>) -> io::Result<()> {
        match dir.and_then(|dir| Ok((entries::read(&dir)?.into_iter(), dir))) {
            Ok((entries, dir)) => self.folders.push(Folder { keys, dir, entries }),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Returns the entry's key, if it has one; enters a folder.
    fn visit(&mut self, Entry { name, kind }: &Entry) -> io::Result<Option<String>> {
        let (Some(folder), Some(segment)) = (self.folders.last(), Names::FILES.segment(name))
        else {
            return Ok(None);
        };
        let mut key = format!("{}{segment}", folder.keys);
        if *kind == Kind::Folder {
            key.push('/');
            let is_apt = self.key_space.contains(&key) && may_hold(&key, &self.prefix);
            if is_apt && self.key_space != KeySpace::Standard {
                self.enter(key, folder.dir.open_dir(name))?;
            }
            return Ok(None);
        }
        let is_key = key.starts_with(&self.prefix) && self.key_space.contains(&key);
        let is_file = match kind {
            Kind::File => true,
            Kind::Link => self.is_link_to_file(&key),
            Kind::Folder | Kind::Other => false,
        };
        Ok((is_key && is_file).then_some(key))
    }

    fn is_link_to_file(&self, key: &str) -> bool {
        let metadata = self.root.dir.metadata(Names::FILES.path(key));
        metadata.is_ok_and(|metadata| metadata.is_file())
    }
}
