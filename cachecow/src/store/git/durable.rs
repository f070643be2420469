//! Syncs what git writes to the disk. libgit2 does not sync, unless a setting for the whole process
//! or a configuration file requires it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use git2::{Oid, Repository, Tree};

/// Syncs a commit to the disk, with the new objects at these paths of its tree.
pub(super) fn objects<'a>(
    repository: &Repository,
    commit: Oid,
    tree: &Tree<'_>,
    paths: impl Iterator<Item = &'a str>,
) -> io::Result<()> {
    let mut objects = BTreeSet::from([commit, tree.id()]);
    for path in paths {
        for (at, _) in path.match_indices('/').chain([(path.len(), "")]) {
            // A removed path has nothing new.
            let Ok(entry) = tree.get_path(Path::new(&path[..at])) else { break };
            objects.insert(entry.id());
        }
    }
    let root = repository.commondir().join("objects");
    let mut folders = BTreeSet::from([root.clone()]);
    for object in objects {
        let name = object.to_string();
        let folder = root.join(&name[..2]);
        // An object without its own file is already in a pack.
        if sync(folder.join(&name[2..]))? {
            folders.insert(folder);
        }
    }
    folders.into_iter().try_for_each(sync_folder)
}

/// Syncs a reference to the disk.
pub(super) fn reference(repository: &Repository, name: &str) -> io::Result<()> {
    let file = repository.commondir().join(name);
    let folder = file.parent().map(Path::to_owned);
    // Another process may have packed and synced it meanwhile.
    sync(file)?;
    folder.map_or(Ok(()), sync_folder)
}

/// Syncs a file; returns whether it exists.
fn sync(file: PathBuf) -> io::Result<bool> {
    match File::open(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        file => file?.sync_all().map(|()| true),
    }
}

fn sync_folder(folder: PathBuf) -> io::Result<()> {
    // On other systems, folders cannot be opened as files.
    if cfg!(unix) { sync(folder).map(|_| ()) } else { Ok(()) }
}
