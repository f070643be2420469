//! The branch that a store is in.

use std::sync::Arc;

use bytes::Bytes;
use git2::{Oid, Signature, Tree};

use super::repository::{Repositories, Taken};
use super::tree::{self, Found, NAMES, none_if_absent};
use crate::error::{Error, ErrorKind};

/// The branch that a store is in, and how commits on it are made.
#[derive(Clone)]
pub(super) struct Branch {
    pub(super) repositories: Repositories,
    /// The full name; `None` if `HEAD` names no branch either.
    pub(super) name: Option<Arc<str>>,
    /// A path, without slashes around it; empty is the root.
    pub(super) folder: Arc<str>,
    pub(super) author: Option<Arc<Author>>,
    pub(super) message: Arc<str>,
}

/// The author of the commits.
pub(super) struct Author {
    pub(super) name: String,
    pub(super) email: String,
}

/// The current head of the branch.
pub(super) struct Head {
    /// The reference that moves: the branch, or the reference that it points to.
    pub(super) reference: String,
    /// `None` before the first commit.
    pub(super) commit: Option<Oid>,
}

impl Branch {
    pub(super) fn new(repositories: Repositories) -> Self {
        let name = repositories.head.clone();
        let message = Arc::from("{operation} {key}");
        Self { repositories, name, folder: Arc::from(""), author: None, message }
    }

    pub(super) fn take(&self, operation: &str) -> Result<Taken<'_>, Error> {
        self.repositories.take().map_err(|error| Error::store(operation, error))
    }

    /// The path of a key's file in the branch's tree.
    pub(super) fn path(&self, key: &str) -> String {
        self.folder_path(&NAMES.path(key))
    }

    /// The path in the tree of a path in the store's folder.
    pub(super) fn folder_path(&self, path: &str) -> String {
        let slash = if self.folder.is_empty() { "" } else { "/" };
        format!("{}{slash}{path}", self.folder)
    }

    pub(super) fn head(&self, operation: &str, taken: &Taken<'_>) -> Result<Head, Error> {
        let failed = |error| Error::store(operation, error);
        let name = self.checked_name(operation)?;
        let Some(found) = none_if_absent(taken.find_reference(name)).map_err(failed)? else {
            return Ok(Head { reference: name.to_owned(), commit: None });
        };
        if let Some(target) = found.symbolic_target().map_err(failed)?
            && none_if_absent(found.resolve()).map_err(failed)?.is_none()
        {
            return Ok(Head { reference: target.to_owned(), commit: None });
        }
        let found = found.resolve().map_err(failed)?;
        let commit = found.peel_to_commit().map_err(failed)?.id();
        let reference = found.name().map_err(failed)?.to_owned();
        Ok(Head { reference, commit: Some(commit) })
    }

    /// The branch's name, if it and the folder's name are valid.
    fn checked_name(&self, operation: &str) -> Result<&str, Error> {
        let invalid =
            |what| Err(Error::new(ErrorKind::InvalidConfig, format!("{operation}: {what}")));
        if !self.folder.split_terminator('/').all(|name| NAMES.segment(name) == Some(name)) {
            return invalid("git does not accept the folder name of `with_folder`");
        }
        match &self.name {
            None => invalid("the repository's HEAD names no branch; set one with `with_branch`"),
            Some(name) if git2::Reference::is_valid_name(name) => Ok(name),
            Some(_) => invalid("git does not accept the branch name of `with_branch`"),
        }
    }

    /// The branch's tree, if there is a commit.
    pub(super) fn tree<'a>(
        &self,
        operation: &str,
        taken: &'a Taken<'_>,
    ) -> Result<Option<Tree<'a>>, Error> {
        let Some(commit) = self.head(operation, taken)?.commit else { return Ok(None) };
        let tree = taken.find_commit(commit).and_then(|commit| commit.tree());
        tree.map(Some).map_err(|error| Error::store(operation, error))
    }

    fn find(&self, operation: &str, taken: &Taken<'_>, key: &str) -> Result<Option<Oid>, Error> {
        let Some(tree) = self.tree(operation, taken)? else { return Ok(None) };
        match tree::find(taken, &tree, &self.path(key)) {
            Ok(Found::Value(value)) => Ok(Some(value.blob)),
            Ok(_) => Ok(None),
            Err(error) => Err(Error::store(operation, error)),
        }
    }

    pub(super) fn contains(&self, operation: &str, key: &str) -> Result<bool, Error> {
        let taken = self.take(operation)?;
        Ok(self.find(operation, &taken, key)?.is_some())
    }

    pub(super) fn value(&self, operation: &str, key: &str) -> Result<Option<Bytes>, Error> {
        let taken = self.take(operation)?;
        let Some(blob) = self.find(operation, &taken, key)? else { return Ok(None) };
        let blob = taken.find_blob(blob).map_err(|error| Error::store(operation, error))?;
        Ok(Some(Bytes::copy_from_slice(blob.content())))
    }

    /// Who commits, and when.
    pub(super) fn signature(
        &self,
        operation: &str,
        taken: &Taken<'_>,
    ) -> Result<Signature<'static>, Error> {
        match &self.author {
            Some(author) => Signature::now(&author.name, &author.email),
            None => taken.signature().or_else(|_| Signature::now("cachecow", "cachecow@localhost")),
        }
        .map_err(|error| {
            let message = format!("{operation}: git does not accept the author of `with_author`");
            Error::caused_by(ErrorKind::InvalidConfig, message, error)
        })
    }
}
