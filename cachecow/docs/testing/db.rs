// A stand-in for the database of the guide's service. Clones are one database.
#[derive(Clone)]
struct Db(std::sync::Arc<std::sync::Mutex<(Vec<User>, bool)>>);

#[derive(Debug)]
struct DbError;

impl std::fmt::Display for DbError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the database is down")
    }
}

impl std::error::Error for DbError {}

#[allow(dead_code)]
impl Db {
    fn with_users(count: i64) -> Self {
        let user = |id: i64| User {
            id,
            email: format!("user{id}@example.org"),
            org_id: 7,
            name: format!("user {id}"),
        };
        Self(std::sync::Arc::new(std::sync::Mutex::new(((1..=count).map(user).collect(), false))))
    }

    fn break_down(&self) {
        self.0.lock().unwrap().1 = true;
    }

    fn rows(&self, wanted: impl Fn(&User) -> bool) -> Result<Vec<User>, DbError> {
        let (rows, is_down) = &*self.0.lock().unwrap();
        if *is_down { Err(DbError) } else { Ok(rows.iter().filter(|row| wanted(row)).cloned().collect()) }
    }

    fn find(&self, id: i64) -> Result<User, DbError> {
        self.rows(|row| row.id == id)?.pop().ok_or(DbError)
    }

    fn change(&self, id: i64, change: impl FnOnce(&mut User)) -> Result<(), DbError> {
        let (rows, is_down) = &mut *self.0.lock().unwrap();
        let row = rows.iter_mut().find(|row| row.id == id).filter(|_| !*is_down);
        row.map(change).ok_or(DbError)
    }

    async fn rename(&self, id: i64, name: &str) -> Result<(), DbError> {
        self.change(id, |row| row.name = name.to_owned())
    }

    async fn transfer(&self, id: i64, org_id: i64) -> Result<(), DbError> {
        self.change(id, |row| row.org_id = org_id)
    }

    async fn user(db: &Db, id: i64) -> Result<Option<User>, DbError> {
        Ok(db.rows(|row| row.id == id)?.pop())
    }

    async fn user_by_email(db: &Db, email: &str) -> Result<Option<User>, DbError> {
        Ok(db.rows(|row| row.email == email)?.pop())
    }

    async fn users_of(db: &Db, org_id: i64) -> Result<Vec<User>, DbError> {
        db.rows(|row| row.org_id == org_id)
    }
}

/// Runs the tests of a block, each on a paused clock of its own.
#[allow(unused_macros)]
macro_rules! run {
    ($($test:ident),*) => {
        $(tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on($test());)*
    };
}
