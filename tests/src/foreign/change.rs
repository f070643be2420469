//! One change of one row.

use super::user::User;

/// Keys, aliases and lists that rows move to are so far away.
const AWAY: i64 = 1_000_000;
/// So many rows are in one list.
const MEMBERS: i64 = 8;

/// A row before and after its change.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) before: Option<User>,
    pub(super) after: Option<User>,
    pub(super) sql: String,
}

impl Change {
    /// The change of the row of this number: one of eight kinds.
    pub(super) fn of(row: i64) -> Self {
        let user = User { id: row, email: format!("m{row}@x"), org_id: row / MEMBERS, version: 1 };
        let (id, org) = (row + AWAY, user.org_id + AWAY);
        let mail = format!("n{row}@x");
        let mut after = user.clone();
        let set = match row % 8 {
            0 => {
                let sql = insert(std::slice::from_ref(&user));
                return Self { before: None, after: Some(user), sql };
            }
            1 => {
                let sql = format!("delete from users where id = {row}");
                return Self { before: Some(user), after: None, sql };
            }
            2 => {
                after.id = id;
                format!("id = {id}")
            }
            3 => {
                after.org_id = org;
                format!("org_id = {org}")
            }
            4 => {
                after.email.clone_from(&mail);
                format!("mail = '{mail}'")
            }
            5 => {
                (after.id, after.org_id, after.version) = (id, org, 2);
                after.email.clone_from(&mail);
                format!("id = {id}, mail = '{mail}', org_id = {org}, version = 2")
            }
            _ => {
                after.version = 2;
                "version = 2".to_owned()
            }
        };
        let sql = format!("update users set {set} where id = {row}");
        Self { before: Some(user), after: Some(after), sql }
    }

    fn versions(&self) -> impl Iterator<Item = &User> {
        self.before.iter().chain(&self.after)
    }

    pub(super) fn ids(&self) -> Vec<i64> {
        distinct(self.versions().map(|user| user.id))
    }

    pub(super) fn emails(&self) -> Vec<String> {
        distinct(self.versions().map(|user| user.email.clone()))
    }

    pub(super) fn orgs(&self) -> Vec<i64> {
        distinct(self.versions().map(|user| user.org_id))
    }
}

/// The statement that inserts these.
pub(super) fn insert(users: &[User]) -> String {
    let value =
        |user: &User| format!("({}, '{}', {}, {})", user.id, user.email, user.org_id, user.version);
    let values: Vec<String> = users.iter().map(value).collect();
    format!("insert into users values {}", values.join(", "))
}

fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
}
