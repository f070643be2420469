//! Posts: looked up by id, listed by author.

use cachecow::{CacheCow, Cached};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, Set, TransactionTrait as _};

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Cached)]
#[sea_orm(table_name = "posts")]
#[cache(name = "Post", context = DatabaseConnection, ttl = "10m")]
#[cache(key = "post:{id}", fetch = Model::find)]
#[cache(list = "post:author:{author}", fetch = Model::find_by_author)]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub author: i64,
    pub title: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The fetch functions.
impl Model {
    async fn find(db: &DatabaseConnection, id: i64) -> Result<Option<Self>, DbErr> {
        Entity::find_by_id(id).one(db).await
    }

    async fn find_by_author(db: &DatabaseConnection, author: i64) -> Result<Vec<Self>, DbErr> {
        let latest_first = Entity::find().order_by_desc(Column::Id);
        latest_first.filter(Column::Author.eq(author)).all(db).await
    }
}

/// The writes.
impl Model {
    /// Creates a post. Its list is known before, its id only afterwards.
    ///
    /// # Errors
    ///
    /// SeaORM's.
    pub async fn publish(
        cow: &CacheCow,
        db: &DatabaseConnection,
        author: i64,
        title: &str,
    ) -> Result<Self, DbErr> {
        let post =
            ActiveModel { author: Set(author), title: Set(title.to_owned()), ..Default::default() };
        let write = cow.write(Self::list_by_author(author), post.insert(db));
        write.invalidating(|post: &Self| Self::by_id(post.id)).await
    }

    /// Moves a post to another author, in a transaction. Its old list is known only when the transaction has read
    /// the post.
    ///
    /// # Errors
    ///
    /// SeaORM's: `RecordNotFound` if there is no such post.
    pub async fn give(
        cow: &CacheCow,
        db: &DatabaseConnection,
        id: i64,
        author: i64,
    ) -> Result<Self, DbErr> {
        let work = async {
            // Reads here use the transaction, not the cache.
            let transaction = db.begin().await?;
            let old = Entity::find_by_id(id).one(&transaction).await?;
            let old = old.ok_or_else(|| DbErr::RecordNotFound(format!("post {id}")))?;
            let mut post = ActiveModel::from(old.clone());
            post.author = Set(author);
            let new = post.update(&transaction).await?;
            transaction.commit().await?;
            Ok::<_, DbErr>((old, new))
        };
        let keys = (Self::by_id(id), Self::list_by_author(author));
        let write = cow.write(keys, work).invalidating_object(|(old, _): &(Self, Self)| Some(old));
        Ok(write.storing(|(_, new)| Some(new)).await?.1)
    }
}
