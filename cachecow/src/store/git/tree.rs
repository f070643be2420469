//! Values in trees.

use std::io;

use git2::{ErrorCode, FileMode, ObjectType, Oid, Repository, Tree, TreeEntry};

use crate::error::{Error, ErrorKind};
use crate::store::names::Names;

/// Names of entries in git's trees.
pub(super) const NAMES: Names = Names::with_reserved(means_something_to_git);

/// What is at a path in a tree.
#[derive(Clone, Copy)]
pub(super) enum Found {
    Value(Value),
    Nothing,
    /// A folder, or a file where the path needs a folder.
    Conflict,
    /// A symbolic link or submodule, there or on the way.
    Foreign,
}

/// A file in a tree.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) blob: Oid,
    pub(super) mode: Mode,
}

/// Whether a file is executable; a change keeps this.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Plain,
    Executable,
}

impl Mode {
    pub(super) fn of(self) -> FileMode {
        match self {
            Self::Plain => FileMode::Blob,
            Self::Executable => FileMode::BlobExecutable,
        }
    }
}

impl Value {
    /// The value of the entry, if it is a file.
    pub(super) fn of(entry: &TreeEntry<'_>) -> Option<Self> {
        let mode = match entry.filemode() {
            mode if mode == i32::from(FileMode::BlobExecutable) => Mode::Executable,
            mode if mode == i32::from(FileMode::Link) => return None,
            _ => Mode::Plain,
        };
        (entry.kind() == Some(ObjectType::Blob)).then(|| Self { blob: entry.id(), mode })
    }
}

/// Finds what is at the path.
pub(super) fn find(
    repository: &Repository,
    tree: &Tree<'_>,
    path: &str,
) -> Result<Found, git2::Error> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let mut tree = tree.clone();
    for name in folder.split_terminator('/') {
        let next = match tree.get_name(name) {
            None => return Ok(Found::Nothing),
            Some(entry) if entry.kind() == Some(ObjectType::Tree) => {
                repository.find_tree(entry.id())?
            }
            Some(entry) if Value::of(&entry).is_some() => return Ok(Found::Conflict),
            Some(_) => return Ok(Found::Foreign),
        };
        tree = next;
    }
    Ok(match tree.get_name(name) {
        None => Found::Nothing,
        Some(entry) if entry.kind() == Some(ObjectType::Tree) => Found::Conflict,
        Some(entry) => Value::of(&entry).map_or(Found::Foreign, Found::Value),
    })
}

/// The folder at the path, if there is one; the tree itself at the empty path.
pub(super) fn folder<'a>(
    repository: &'a Repository,
    tree: Tree<'a>,
    path: &str,
) -> Result<Option<Tree<'a>>, git2::Error> {
    let mut tree = tree;
    for name in path.split_terminator('/') {
        let next = match tree.get_name(name) {
            Some(entry) if entry.kind() == Some(ObjectType::Tree) => {
                repository.find_tree(entry.id())?
            }
            _ => return Ok(None),
        };
        tree = next;
    }
    Ok(Some(tree))
}

impl Found {
    /// Returns the value that is there, if there is one; refuses a place where a value cannot be stored.
    pub(super) fn to_replace(self, operation: &str) -> Result<Option<Value>, Error> {
        let why = match self {
            Self::Value(value) => return Ok(Some(value)),
            Self::Nothing => return Ok(None),
            Self::Conflict => {
                "a file would also have to be a folder, as with the keys `a` and `a/b`; delete or \
                 rename one of them"
            }
            Self::Foreign => "a symbolic link or submodule has the key's name",
        };
        let kind = io::Error::from(io::ErrorKind::AlreadyExists);
        Err(Error::caused_by(ErrorKind::Store, format!("{operation}: {why}"), kind))
    }
}

/// Whether git refuses a name, or interprets a file with this name, on any system: see
/// `is_ntfs_dotgit` and `fsck.c` in its source. Short names on Windows, such as `git~1` and
/// `gi7eba~1`, are included.
fn means_something_to_git(segment: &str) -> bool {
    // Windows drops these characters at the end.
    let name = segment.trim_end_matches([' ', '.']).to_ascii_lowercase();
    matches!(&*name, ".git" | ".gitmodules" | ".gitattributes")
        || name.starts_with("gi") && name.contains('~')
}

/// Returns `None` for a missing object; other errors remain errors.
pub(super) fn none_if_absent<T>(result: Result<T, git2::Error>) -> Result<Option<T>, git2::Error> {
    match result {
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        result => result.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_git_knows_are_marked() {
        for name in [
            ".git",
            ".GIT",
            ".git.",
            ".Git ..",
            "git~1",
            "GIT~1",
            "gi7eba~1",
            "gitmod~4",
            ".gitModules",
        ] {
            assert_eq!(NAMES.path(name), format!("%{name}"));
            assert_eq!(NAMES.segment(name), None);
            assert_eq!(NAMES.segment(&format!("%{name}")), Some(name));
        }
        for name in [".github", ".gitignore", "git", ".gitx", "a~1", "gi", "x.git"] {
            assert_eq!(NAMES.path(name), name);
        }
    }
}
