//! What git writes, brought to the disk: libgit2 leaves that to the system unless all of the
//! process or a configuration file asks for it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use git2::{Oid, Repository, Tree};

/// Brings a commit to the disk, with what is new at these paths of its tree.
pub(super) fn objects<'a>(
    repository: &Repository,
    commit: Oid,
    tree: &Tree<'_>,
    paths: impl Iterator<Item = &'a str>,
) -> io::Result<()> {
    let mut objects = BTreeSet::from([commit, tree.id()]);
    for path in paths {
        for (at, _) in path.match_indices('/').chain([(path.len(), "")]) {
            // A path that is gone has nothing new.
            let Ok(entry) = tree.get_path(Path::new(&path[..at])) else { break };
            objects.insert(entry.id());
        }
    }
    let root = repository.commondir().join("objects");
    let mut folders = BTreeSet::from([root.clone()]);
    for object in objects {
        let name = object.to_string();
        let folder = root.join(&name[..2]);
        // What is not a file of its own was in a pack before.
        if sync(folder.join(&name[2..]))? {
            folders.insert(folder);
        }
    }
    folders.into_iter().try_for_each(sync_folder)
}

/// Brings a reference to the disk.
pub(super) fn reference(repository: &Repository, name: &str) -> io::Result<()> {
    let file = repository.commondir().join(name);
    let folder = file.parent().map(Path::to_owned);
    // Another may have packed it meanwhile, and seen to it.
    sync(file)?;
    folder.map_or(Ok(()), sync_folder)
}

/// Whether there was a file.
fn sync(file: PathBuf) -> io::Result<bool> {
    match File::open(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        file => file?.sync_all().map(|()| true),
    }
}

fn sync_folder(folder: PathBuf) -> io::Result<()> {
    // Elsewhere folders cannot be opened as files.
    if cfg!(unix) { sync(folder).map(|_| ()) } else { Ok(()) }
}
