//! Listing, folder by folder.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use cap_std::fs::{DirEntry, ReadDir};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::root::{Root, fault};
use crate::Error;
use crate::store::blocking::blocking;
use crate::store::names::{Names, folder_of, may_hold};
use crate::store::{KeySpace, KeyStream};

/// How many keys are found before they are given out.
const BATCH: usize = 256;

/// A walk through the folders, depth first: one is open a level.
pub(super) struct Walk {
    root: Arc<Root>,
    key_space: KeySpace,
    prefix: String,
    folders: Vec<Folder>,
    is_started: bool,
}

struct Folder {
    /// What the keys in it begin with.
    keys: String,
    entries: ReadDir,
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

    /// Some more keys; none when there are no more.
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
                Some(entry) => keys.extend(self.visit(&entry?)?),
            }
        }
        Ok(keys)
    }

    /// Opens the folder that all keys with the prefix lie in, if it is one.
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
        match self.root.dir.read_dir(path) {
            Ok(entries) => self.folders.push(Folder { keys, entries }),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The entry's key, if it is one's; a folder is entered.
    fn visit(&mut self, entry: &DirEntry) -> io::Result<Option<String>> {
        let name = entry.file_name();
        let (Some(folder), Some(segment)) =
            (self.folders.last(), name.to_str().and_then(|name| Names::FILES.segment(name)))
        else {
            return Ok(None);
        };
        let mut key = format!("{}{segment}", folder.keys);
        let kind = match entry.file_type() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            kind => kind?,
        };
        if kind.is_dir() {
            key.push('/');
            let is_apt = self.key_space.contains(&key) && may_hold(&key, &self.prefix);
            if is_apt && self.key_space != KeySpace::Standard {
                match entry.open_dir().and_then(|dir| dir.entries()) {
                    Ok(entries) => self.folders.push(Folder { keys: key, entries }),
                    // It was removed meanwhile.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            return Ok(None);
        }
        let is_key = key.starts_with(&self.prefix) && self.key_space.contains(&key);
        let is_file = kind.is_file() || kind.is_symlink() && self.is_link_to_file(&key);
        Ok((is_key && is_file).then_some(key))
    }

    fn is_link_to_file(&self, key: &str) -> bool {
        let metadata = self.root.dir.metadata(Names::FILES.path(key));
        metadata.is_ok_and(|metadata| metadata.is_file())
    }
}
