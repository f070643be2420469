//! Users: looked up by id or by e-mail address.

use cachecow::{CacheCow, Cached};
use sea_orm::Set;
use sea_orm::entity::prelude::*;

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Cached)]
#[sea_orm(table_name = "users")]
#[cache(name = "User", context = DatabaseConnection, ttl = "10m", negative_ttl = "5s")]
#[cache(key = "user:{id}", fetch = Model::find, fetch_many = Model::find_many)]
#[cache(key = "user:email:{email}", fetch = Model::find_by_email)]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub email: String,
    pub name: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The fetch functions: plain queries, which know nothing of the cache.
impl Model {
    async fn find(db: &DatabaseConnection, id: i64) -> Result<Option<Self>, DbErr> {
        Entity::find_by_id(id).one(db).await
    }

    async fn find_many(db: &DatabaseConnection, ids: &[i64]) -> Result<Vec<Self>, DbErr> {
        Entity::find().filter(Column::Id.is_in(ids.iter().copied())).all(db).await
    }

    async fn find_by_email(db: &DatabaseConnection, email: &str) -> Result<Option<Self>, DbErr> {
        Entity::find().filter(Column::Email.eq(email)).one(db).await
    }
}

/// The writes. Each names the keys that it changes before it begins.
impl Model {
    /// Creates a user. The absence of the e-mail address may be cached; the id is known only afterwards.
    ///
    /// # Errors
    ///
    /// SeaORM's, also if another user has the e-mail address.
    pub async fn register(
        cow: &CacheCow,
        db: &DatabaseConnection,
        email: &str,
        name: &str,
    ) -> Result<Self, DbErr> {
        let user = ActiveModel {
            email: Set(email.to_owned()),
            name: Set(name.to_owned()),
            ..Default::default()
        };
        let write = cow.write(Self::by_email(email), user.insert(db));
        write.invalidating(|user: &Self| Self::by_id(user.id)).await
    }

    /// Changes the user's e-mail address. The object names its old keys, the lookup names the new one. The next
    /// read is a hit, unless another write happened meanwhile.
    ///
    /// # Errors
    ///
    /// As for [`register`](Self::register).
    pub async fn change_email(
        &self,
        cow: &CacheCow,
        db: &DatabaseConnection,
        email: &str,
    ) -> Result<Self, DbErr> {
        let mut user = ActiveModel::from(self.clone());
        user.email = Set(email.to_owned());
        cow.write((self, Self::by_email(email)), user.update(db)).storing(|user| Some(user)).await
    }
}
