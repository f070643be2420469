//! Reading lists.

use std::sync::Arc;

use crate::cache::cow::CacheCow;
use crate::cache::read::Source;
use crate::cache::shared::SharedView;
use crate::cache::view::View;
use crate::engine::Engine;
use crate::engine::read::{ListRead, batch, too_long};
use crate::error::Error;
use crate::model::list::{ListLookup, Members};
use crate::model::lookup::SameContext;

type Objects<L> = Vec<Arc<<L as ListLookup>::Object>>;

impl<C: ?Sized + Sync> View<'_, C> {
    /// The objects of a list, in the order in which its fetch function returned them.
    ///
    /// ```
    /// # #[cfg(feature = "derive")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cachecow::Error> {
    /// # use std::convert::Infallible;
    /// use cachecow::{CacheCow, Cached};
    ///
    /// #[derive(Clone, Cached)]
    /// #[cache(context = Db)]
    /// #[cache(key  = "post:{id}",               fetch = Post::find)]
    /// #[cache(list = "post:author:{author_id}", fetch = Post::by_author)]
    /// struct Post { id: i64, author_id: i64, title: String }
    /// # struct Db(Vec<Post>);
    /// # impl Post {
    /// #     async fn find(db: &Db, id: i64) -> Result<Option<Post>, Infallible> {
    /// #         Ok(db.0.iter().find(|post| post.id == id).cloned())
    /// #     }
    /// #     async fn by_author(db: &Db, author: i64) -> Result<Vec<Post>, Infallible> {
    /// #         Ok(db.0.iter().filter(|post| post.author_id == author).cloned().collect())
    /// #     }
    /// # }
    /// # let db = Db(vec![Post { id: 1, author_id: 7, title: "Moo".into() }]);
    ///
    /// let cow = CacheCow::memory();
    /// let posts = cow.with(&db).list(Post::list_by_author_id(7)).await?;
    /// assert_eq!(posts[0].title, "Moo");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "derive"))] fn main() {}
    /// ```
    ///
    /// Stored are the primary keys of the members. The objects are read under their own keys, as by
    /// [`get_many`](Self::get_many). A list without members is stored like any other.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Fetch`](crate::ErrorKind::Fetch), if the fetch of the list or of an object failed. The cache
    /// itself is never the reason for an error.
    ///
    /// # Consistency
    ///
    /// The list is a key of each object that is in it: `write(&post)`, `write((&old, &new))` and
    /// [`invalidate_object`](crate::CacheCow::invalidate_object) cover it, and so does
    /// [`invalidate`](crate::CacheCow::invalidate) of the list itself. What an object is moved to is another list:
    /// name the object as it was and as it is. A key of the object alone, `Post::by_id(1)`, does not cover its
    /// lists. More of that, and of tags, on [a page of its own](crate::lists).
    ///
    /// An object that is gone, or in another list by the time it is read, is left out.
    ///
    /// # Cancellation
    ///
    /// As [`get`](Self::get).
    ///
    /// # Round trips
    ///
    /// A hit two: one for the list, one for its objects. What is missing is as of [`get`](Self::get) and
    /// [`get_many`](Self::get_many). A list that was not cached is fetched, and then those of its objects that
    /// are not: that is a second call of the backing store.
    pub async fn list<L: ListLookup<Context: SameContext<C>>>(
        self,
        list: L,
    ) -> Result<Vec<Arc<L::Object>>, Error> {
        Box::pin(self.read_list(list)).await
    }

    async fn read_list<L: ListLookup<Context: SameContext<C>>>(
        self,
        list: L,
    ) -> Result<Objects<L>, Error> {
        let options = self.options.load();
        let asked = ListRead::new(list, options.purpose.fills());
        let read = self.read_unaudited(&asked).await?;
        let members = match told(self.engine, &asked, read.source, read.value) {
            Told::Objects(objects) => return Ok(objects),
            Told::Members(members) => members,
            Told::Another => return Box::pin(self.uncached().read_list(asked.list)).await,
        };
        let objects = batch::get_many(
            self.engine,
            self.near::<L::Member>(),
            SameContext::of(self.context),
            &members.members,
            options,
        );
        Ok(asked.held(objects.await?))
    }
}

impl<C: ?Sized + Send + Sync + 'static> SharedView<'_, C> {
    /// [`View::list`], with loads that may outlive this caller; also with the soft timeout, for the list itself.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// # Round trips
    ///
    /// As [`View::list`].
    pub async fn list<L: ListLookup<Context = C>>(
        self,
        list: L,
    ) -> Result<Vec<Arc<L::Object>>, Error> {
        Box::pin(self.read_list(list)).await
    }

    async fn read_list<L: ListLookup<Context = C>>(self, list: L) -> Result<Objects<L>, Error> {
        let asked = Arc::new(ListRead::new(list, self.view.options.load().purpose.fills()));
        let read = self.read_shared(&asked).await?;
        match told(self.view.engine, &asked, read.source, read.value) {
            Told::Objects(objects) => Ok(objects),
            Told::Another => self.view.uncached().list(asked.list.clone()).await,
            Told::Members(members) => {
                let objects = self.get_many(members.members.iter().cloned()).await?;
                Ok(asked.held(objects))
            }
        }
    }
}

impl CacheCow {
    /// [`View::list`], for a list whose fetch function needs no context.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Fetch`](crate::ErrorKind::Fetch).
    pub async fn list<L: ListLookup<Context: SameContext<()>>>(
        &self,
        list: L,
    ) -> Result<Vec<Arc<L::Object>>, Error> {
        self.with(&()).list(list).await
    }
}

/// What the read of a list has told.
enum Told<L: ListLookup> {
    /// What this caller's own fetch brought, and is not stored.
    Objects(Objects<L>),
    /// Whose objects are to be read.
    Members(Arc<Members<L>>),
    /// Another caller's fetch brought members of another list, which that caller has as they are.
    Another,
}

fn told<L: ListLookup>(
    engine: &Engine,
    asked: &ListRead<L>,
    source: Source,
    members: Option<Arc<Members<L>>>,
) -> Told<L> {
    if let Some(members) = &members
        && source == Source::Fetched
        && members.is_too_long()
    {
        too_long::<L>(engine.types.of::<Members<L>>(), members.members.len());
    }
    match (asked.take_unstored(), members) {
        (Some(objects), _) => Told::Objects(objects),
        (None, Some(members)) if asked.is_of(&members) => Told::Members(members),
        (None, Some(_)) => Told::Another,
        // No list is stored as absent.
        (None, None) => Told::Objects(Vec::new()),
    }
}
