//! Listing, tree by tree.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use git2::{ObjectType, Oid};

use super::branch::Branch;
use super::tree::{self, NAMES, Value};
use crate::error::Error;
use crate::store::blocking::blocking;
use crate::store::names::{folder_of, may_hold};
use crate::store::{KeySpace, KeyStream};

/// A walk through the trees of one commit: the keys of one folder are in memory at once.
pub(super) struct Listing {
    branch: Branch,
    key_space: KeySpace,
    prefix: String,
    /// The folders still to list; `None` before the first.
    folders: Option<Vec<Folder>>,
}

struct Folder {
    /// The prefix of the keys in it.
    keys: String,
    tree: Oid,
}

impl Listing {
    /// The keys with the prefix.
    pub(super) fn stream(
        branch: Branch,
        key_space: KeySpace,
        prefix: String,
    ) -> KeyStream<'static> {
        if !prefix.is_empty() && !key_space.contains(&prefix) {
            return stream::empty().boxed();
        }
        let listing = Self { branch, key_space, prefix, folders: None };
        stream::try_unfold(listing, |mut listing| {
            blocking("iter_keys", move || {
                let keys = listing.batch()?;
                Ok(keys.map(|keys| (stream::iter(keys.into_iter().map(Ok::<_, Error>)), listing)))
            })
        })
        .try_flatten()
        .boxed()
    }

    /// The keys of the next folder.
    fn batch(&mut self) -> Result<Option<Vec<String>>, Error> {
        let mut folders = match self.folders.take() {
            Some(folders) => folders,
            None => self.first()?,
        };
        let keys = folders.pop().map(|folder| self.list(&folder, &mut folders)).transpose();
        self.folders = Some(folders);
        keys
    }

    /// The folder that contains all keys with the prefix, if it exists.
    fn first(&self) -> Result<Vec<Folder>, Error> {
        let taken = self.branch.take("iter_keys")?;
        let Some(tree) = self.branch.tree("iter_keys", &taken)? else { return Ok(Vec::new()) };
        let keys = folder_of(&self.prefix);
        let path = match keys.strip_suffix('/') {
            Some(folder) => self.branch.path(folder),
            None => self.branch.folder_path(""),
        };
        let found = tree::folder(&taken, tree, &path);
        let found = found.map_err(|error| Error::store("iter_keys", error))?;
        Ok(found
            .map(|tree| Folder { keys: keys.to_owned(), tree: tree.id() })
            .into_iter()
            .collect())
    }

    /// Returns the folder's keys; its folders are added to those still to list.
    fn list(&self, folder: &Folder, folders: &mut Vec<Folder>) -> Result<Vec<String>, Error> {
        let taken = self.branch.take("iter_keys")?;
        let tree = taken.find_tree(folder.tree);
        let tree = tree.map_err(|error| Error::store("iter_keys", error))?;
        let mut keys = Vec::new();
        for entry in &tree {
            let Some(segment) = entry.name().ok().and_then(|name| NAMES.segment(name)) else {
                continue;
            };
            let mut key = format!("{}{segment}", folder.keys);
            if entry.kind() == Some(ObjectType::Tree) {
                key.push('/');
                if self.key_space.contains(&key) && may_hold(&key, &self.prefix) {
                    folders.push(Folder { keys: key, tree: entry.id() });
                }
            } else if Value::of(&entry).is_some()
                && key.starts_with(&self.prefix)
                && self.key_space.contains(&key)
            {
                keys.push(key);
            }
        }
        Ok(keys)
    }
}
