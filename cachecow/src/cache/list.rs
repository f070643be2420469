//! Reading lists.

use std::sync::Arc;

use crate::cache::cow::CacheCow;
use crate::cache::read::{Fill, Read, Source};
use crate::cache::shared::SharedView;
use crate::cache::view::{Begun, View};
use crate::engine::Engine;
use crate::engine::read::{
    Learnt, ListHint, ListRead, ObjectQuery, Seen, look_list, near_hit, too_long,
};
use crate::error::Error;
use crate::key::Scope;
use crate::model::list::{ListLookup, Members};
use crate::model::lookup::{Lookup as _, SameContext};
use crate::near::NearHit;
use crate::protocol::{Outcome, Purpose};

type Objects<L> = Vec<Arc<<L as ListLookup>::Object>>;

/// An object, or its absence.
type Found<L> = Option<Arc<<L as ListLookup>::Object>>;

impl<C: ?Sized + Sync> View<'_, C> {
    /// Returns the objects of a list, in the order in which its fetch function returned them.
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
    /// The cache stores the primary keys of the members. The objects are read by their own keys, as
    /// [`get_many`](Self::get_many) does. An empty list is stored like any other.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Fetch`](crate::ErrorKind::Fetch), if the fetch of the list or of an object failed. The cache
    /// itself is never the reason for an error.
    ///
    /// # Consistency
    ///
    /// A list is one of the keys of each object in it. So `write(&post)`, `write((&old, &new))` and
    /// [`invalidate_object`](crate::CacheCow::invalidate_object) invalidate the list, and so does
    /// [`invalidate`](crate::CacheCow::invalidate) of the list itself. If a change moves an object to another list,
    /// name the object before and after the change. A single key of the object, `Post::by_id(1)`, does not cover
    /// its lists. [The page about lists](crate::guide::lists) says more about this, and about tags.
    ///
    /// If an object was deleted or moved to another list by the time it is read, it is left out.
    ///
    /// # Cancellation
    ///
    /// As [`get`](Self::get).
    ///
    /// # Round trips
    ///
    /// A hit takes one, if this process remembers the members of the list; otherwise two, one for the list and one
    /// for its objects. Misses cost as those of [`get`](Self::get) and [`get_many`](Self::get_many). If the list is
    /// not cached, it is fetched first, and then those of its objects that are not cached: a second call to the
    /// backing store.
    pub async fn list<L: ListLookup<Context: SameContext<C>>>(
        self,
        list: L,
    ) -> Result<Vec<Arc<L::Object>>, Error> {
        let timer = self.engine.timings.begin();
        let read = Box::pin(self.read_list(list)).await;
        timer.end(self.engine, |engine| engine.types.of::<Members<L>>(), &read, |read| read.1);
        read.map(|(objects, _)| objects)
    }

    /// Returns the objects, and the slowest source among the list and its objects.
    async fn read_list<L: ListLookup<Context: SameContext<C>>>(
        self,
        list: L,
    ) -> Result<(Objects<L>, Source), Error> {
        let options = self.options.load();
        let asked = ListRead::new(list, options.purpose.fills());
        let (read, seen) = self.begin_list(&asked).await;
        let read = match read {
            Ok(read) => read,
            Err(begun) => self.load(*begun).await?,
        };
        let members = match told(self.engine, &asked, &read) {
            Told::Objects(objects) => return Ok((objects, read.source)),
            Told::Members(members) => members,
            Told::Another => return Box::pin(self.uncached().read_list(asked.list)).await,
        };
        let mut source = read.source;
        let mut objects = Gathered::of((self.engine, self.scope), &asked, &members, &read, seen);
        if let Some(missing) = objects.missing(&members) {
            let (found, of_objects) = Box::pin(self.read_many(&missing)).await?;
            source = source.or_later(of_objects);
            objects.take(found);
        }
        Ok((objects.in_order(&asked), source))
    }

    /// Asks for the list in one round, together with its objects if this process remembers the members.
    async fn begin_list<'l, L: ListLookup<Context: SameContext<C>>>(
        self,
        asked: &'l ListRead<L>,
    ) -> (Result<Read<Members<L>>, Box<Begun<'l, ListRead<L>>>>, Option<Seen<L>>)
    where
        Self: 'l,
    {
        let (engine, options) = (self.engine, self.options.load());
        let looks_up = matches!(options.purpose, Purpose::Serve | Purpose::Look);
        let (state, parts) = (engine.types.of::<Members<L>>(), asked.key());
        let key = self.scope.key(parts.key());
        let near = self.near::<ListRead<L>>();
        if let Some(NearHit(members)) = near_hit(engine, near, asked, key, &parts) {
            engine.note_read::<ListRead<L>>(self.scope, key);
            state.near_hits(1);
            return (Ok(Read::new(members, Source::Near, Fill::Skipped)), None);
        }
        let hint = if looks_up { asked.hint(engine, key) } else { None };
        // If the list is claimed at once, no objects are asked for with it.
        let Some(hint) = hint.filter(|_| engine.looks_up_first(state)) else {
            return (self.begin(asked).await, None);
        };
        engine.note_read::<ListRead<L>>(self.scope, key);
        let mut query = ObjectQuery::new(engine, state, near, asked, (self.scope, key, parts));
        let read = engine.read_of(self.scope, asked, key, state).with_purpose(options.purpose);
        query.prepare();
        let of_objects = self.near::<L::Member>();
        let (looked, seen) = look_list(engine, (&mut query, read), of_objects, hint, options).await;
        let read = match looked {
            Ok(members) => Ok(Read::by(Outcome::Hit, members)),
            Err(unfinished) => Err(Box::new((query, unfinished))),
        };
        (read, Some(seen))
    }
}

impl<C: ?Sized + Send + Sync + 'static> SharedView<'_, C> {
    /// [`View::list`], with loads that may outlive this caller. The soft timeout applies to the list itself.
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
        let engine = self.view.engine;
        let timer = engine.timings.begin();
        let read = Box::pin(self.read_list(list)).await;
        timer.end(engine, |engine| engine.types.of::<Members<L>>(), &read, |read| read.1);
        read.map(|(objects, _)| objects)
    }

    /// Returns the objects, and the slowest source among the list and its objects.
    async fn read_list<L: ListLookup<Context = C>>(
        self,
        list: L,
    ) -> Result<(Objects<L>, Source), Error> {
        let asked = Arc::new(ListRead::new(list, self.view.options.load().purpose.fills()));
        let (read, seen) = self.view.begin_list(&asked).await;
        let read = match read {
            Ok(read) => read,
            Err(begun) => {
                let (query, unfinished) = *begun;
                let begun = (query.detach(), unfinished);
                Box::pin(self.go_on(Arc::clone(&asked), begun)).await?
            }
        };
        let engine = self.view.engine;
        let members = match told(engine, &asked, &read) {
            Told::Objects(objects) => return Ok((objects, read.source)),
            Told::Another => {
                return Box::pin(self.view.uncached().read_list(asked.list.clone())).await;
            }
            Told::Members(members) => members,
        };
        let mut source = read.source;
        let mut objects = Gathered::of((engine, self.view.scope), &asked, &members, &read, seen);
        if let Some(missing) = objects.missing(&members) {
            let (found, of_objects) = Box::pin(self.read_many(missing.into())).await?;
            source = source.or_later(of_objects);
            objects.take(found);
        }
        Ok((objects.in_order(&asked), source))
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

/// The result of reading a list.
enum Told<L: ListLookup> {
    /// Objects of this caller's own fetch; they are not stored.
    Objects(Objects<L>),
    /// The members; their objects must still be read.
    Members(Arc<Members<L>>),
    /// Not the list that was asked for: another caller's fetch returned members that belong to another list. Only
    /// that caller gets them as they are.
    Another,
}

fn told<L: ListLookup>(engine: &Engine, asked: &ListRead<L>, read: &Read<Members<L>>) -> Told<L> {
    if let Some(members) = &read.value
        && read.source == Source::Fetched
        && members.is_too_long()
    {
        too_long::<L>(engine.types.of::<Members<L>>(), members.members.len());
    }
    match (asked.take_unstored(), &read.value) {
        (Some(objects), _) => Told::Objects(objects),
        (None, Some(members)) if asked.is_of(members) => Told::Members(Arc::clone(members)),
        // A list is never absent: someone else wrote that entry.
        (None, _) => Told::Another,
    }
}

/// The objects of a list, by position.
struct Gathered<L: ListLookup> {
    /// `None`: the object must still be read.
    objects: Vec<Option<Found<L>>>,
}

impl<L: ListLookup> Gathered<L> {
    /// Takes what was read together with the list, and remembers the members for the next read.
    fn of(
        (engine, scope): (&Engine, Scope),
        asked: &ListRead<L>,
        members: &Arc<Members<L>>,
        read: &Read<Members<L>>,
        seen: Option<Seen<L>>,
    ) -> Self {
        let is_cached = read.source == Source::Cache || read.fill == Fill::Stored;
        let (objects, learnt) = match seen {
            Some(seen) => seen.of(members),
            None => (vec![None; members.members.len()], Learnt::Members(None)),
        };
        if let Learnt::Members(document) = learnt
            && is_cached
        {
            let key = scope.key(asked.key().key());
            ListHint::remember(engine, key, members, document.as_ref());
        }
        Self { objects }
    }

    /// The members whose objects must still be read, or `None`.
    fn missing(&self, members: &Members<L>) -> Option<Vec<L::Member>> {
        let members = members.members.iter().zip(&self.objects);
        let missing = members.filter(|(_, object)| object.is_none());
        let missing: Vec<L::Member> = missing.map(|(member, _)| member.clone()).collect();
        (!missing.is_empty()).then_some(missing)
    }

    /// Fills the gaps with these objects, in order.
    fn take(&mut self, read: Vec<Found<L>>) {
        let missing = self.objects.iter_mut().filter(|object| object.is_none());
        missing.zip(read).for_each(|(place, object)| *place = Some(object));
    }

    /// The objects that are still in the list.
    fn in_order(self, asked: &ListRead<L>) -> Objects<L> {
        asked.held(self.objects.into_iter().flatten())
    }
}
