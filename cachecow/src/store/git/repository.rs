//! The repository, with one handle for each concurrent use.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::{ErrorCode, Repository, RepositoryInitOptions};
use parking_lot::Mutex;

/// How many unused handles stay open.
const IDLE: usize = 8;

/// The repository, with one handle for each concurrent use: a handle of libgit2 is for one thread.
#[derive(Clone)]
pub(super) struct Repositories {
    path: Arc<PathBuf>,
    /// The full name of the branch that `HEAD` names.
    pub(super) head: Option<Arc<str>>,
    idle: Arc<Mutex<Vec<Repository>>>,
}

impl Repositories {
    pub(super) fn open(path: &Path) -> Result<Self, git2::Error> {
        Self::new(Repository::open(path)?)
    }

    pub(super) fn create(path: &Path) -> Result<Self, git2::Error> {
        match Repository::open(path) {
            Err(error) if error.code() == ErrorCode::NotFound => {
                let mut options = RepositoryInitOptions::new();
                let options = options.bare(true).initial_head("main").external_template(false);
                Self::new(Repository::init_opts(path, options)?)
            }
            repository => Self::new(repository?),
        }
    }

    fn new(repository: Repository) -> Result<Self, git2::Error> {
        let head = match repository.find_reference("HEAD")?.symbolic_target()? {
            Some(branch) if branch.starts_with("refs/heads/") => Some(Arc::from(branch)),
            _ => None,
        };
        let path = Arc::new(repository.path().to_owned());
        Ok(Self { path, head, idle: Arc::new(Mutex::new(vec![repository])) })
    }

    /// The folder with git's objects and references, or with links to them.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn take(&self) -> Result<Taken<'_>, git2::Error> {
        let idle = self.idle.lock().pop();
        let repository = match idle {
            Some(repository) => repository,
            None => Repository::open(&**self.path)?,
        };
        Ok(Taken { repository: Some(repository), from: self })
    }
}

/// A handle for exclusive use, which is given back when dropped.
pub(super) struct Taken<'a> {
    repository: Option<Repository>,
    from: &'a Repositories,
}

impl Deref for Taken<'_> {
    type Target = Repository;

    fn deref(&self) -> &Repository {
        self.repository.as_ref().expect("there until it is dropped")
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut idle = self.from.idle.lock();
        if idle.len() < IDLE {
            idle.extend(self.repository.take());
        }
    }
}
