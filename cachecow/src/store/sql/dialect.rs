//! The differences between the databases, and their statements.

use crate::error::{Error, ErrorKind};

/// The SQL dialect of one database.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) name: &'static str,
    /// The quote around names.
    quote: char,
    /// The parameters, in the order in which they are bound.
    places: [&'static str; 2],
    /// Keys compare by their bytes: case counts, and so does a space at the end.
    key_type: &'static str,
    value_type: &'static str,
    /// The clause that makes an insertion replace the value; `{value}` is the column's quoted name.
    replace: &'static str,
    /// Begins a transaction that changes something.
    pub(super) begin: &'static str,
    /// Makes a select lock the row for its transaction.
    lock: &'static str,
    /// The greatest value in bytes, unless another is set.
    pub(super) max_value_len: u64,
}

/// PostgreSQL, from 9.5 on.
#[cfg(any(feature = "postgres", test))]
pub(super) const POSTGRES: Dialect = Dialect {
    name: "postgres",
    quote: '"',
    places: ["$1", "$2"],
    key_type: "TEXT COLLATE \"C\"",
    value_type: "BYTEA",
    replace: "ON CONFLICT (\"key\") DO UPDATE SET \"value\" = excluded.\"value\"",
    begin: "BEGIN ISOLATION LEVEL READ COMMITTED",
    lock: " FOR UPDATE",
    max_value_len: 64 << 20,
};

/// MySQL and MariaDB. Keys are binary: their texts ignore spaces at the end, and no collation that
/// prevents this has the same name in both.
#[cfg(any(feature = "mysql", test))]
pub(super) const MYSQL: Dialect = Dialect {
    name: "mysql",
    quote: '`',
    places: ["?", "?"],
    key_type: "VARBINARY(250)",
    value_type: "LONGBLOB",
    replace: "ON DUPLICATE KEY UPDATE `value` = VALUES(`value`)",
    begin: "START TRANSACTION",
    lock: " FOR UPDATE",
    max_value_len: (16 << 20) - (4 << 10),
};

/// SQLite, from 3.24 on. A transaction that begins as a writer locks the whole database.
#[cfg(any(feature = "sqlite", test))]
pub(super) const SQLITE: Dialect = Dialect {
    name: "sqlite",
    quote: '"',
    places: ["$1", "$2"],
    key_type: "TEXT COLLATE BINARY",
    value_type: "BLOB",
    replace: "ON CONFLICT (\"key\") DO UPDATE SET \"value\" = excluded.\"value\"",
    begin: "BEGIN IMMEDIATE",
    lock: "",
    max_value_len: 64 << 20,
};

/// How many keys are listed at a time.
pub(super) const PAGE: usize = 1_000;

/// The statements of a store for one table.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) dialect: &'static Dialect,
    pub(super) table: String,
    /// No parameters.
    pub(super) create: String,
    /// A key.
    pub(super) get: String,
    /// A key.
    pub(super) contains: String,
    /// A key, whose row it locks.
    pub(super) lock: String,
    /// A key and a value.
    pub(super) put: String,
    /// A key.
    pub(super) delete: String,
    /// Destination and source.
    pub(super) copy: String,
    /// The first key of all that may be listed, and the first that may not.
    pub(super) list: String,
}

impl Statements {
    /// The table's name must have been checked.
    pub(super) fn new(dialect: &'static Dialect, table: &str) -> Self {
        let quoted = |name: &str| format!("{0}{name}{0}", dialect.quote);
        let (key, value) = (quoted("key"), quoted("value"));
        let from = quoted(table);
        let Dialect { places: [first, second], key_type, value_type, replace, lock, .. } = dialect;
        Self {
            dialect,
            table: table.to_owned(),
            create: format!(
                "CREATE TABLE IF NOT EXISTS {from} \
                 ({key} {key_type} NOT NULL PRIMARY KEY, {value} {value_type} NOT NULL)"
            ),
            get: format!("SELECT {value} FROM {from} WHERE {key} = {first}"),
            contains: format!("SELECT 1 FROM {from} WHERE {key} = {first}"),
            lock: format!("SELECT 1 FROM {from} WHERE {key} = {first}{lock}"),
            put: format!(
                "INSERT INTO {from} ({key}, {value}) VALUES ({first}, {second}) {replace}"
            ),
            delete: format!("DELETE FROM {from} WHERE {key} = {first}"),
            copy: format!(
                "INSERT INTO {from} ({key}, {value}) \
                 SELECT {first}, {value} FROM {from} WHERE {key} = {second} {replace}"
            ),
            list: format!(
                "SELECT {key} FROM {from} WHERE {key} >= {first} AND {key} < {second} \
                 ORDER BY {key} LIMIT {PAGE}"
            ),
        }
    }
}

/// Refuses a name that a database does not accept, or that could be an SQL injection.
pub(crate) fn check_table(name: &str) -> Result<(), Error> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let valid = (1..=63).contains(&name.len())
        && name.bytes().all(word)
        && !name.starts_with(|first: char| first.is_ascii_digit());
    if valid {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidConfig,
        "with_table: a table's name is 1 to 63 ASCII letters, digits and `_`, and does not begin with a \
         digit",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_smuggled_in_with_a_name() {
        let long = "t".repeat(64);
        for name in ["", "1t", "a b", "a\"b", "a`b", "a;b", "a.b", "é", "a-b", "a\0", &long] {
            assert_eq!(check_table(name).unwrap_err().kind(), ErrorKind::InvalidConfig, "{name:?}");
        }
        for name in ["key_value", "_t", "T1", "select", &long[..63]] {
            check_table(name).unwrap();
        }
    }

    #[test]
    fn each_database_is_spoken_to_in_its_own_way() {
        let put = |dialect| Statements::new(dialect, "t").put;
        assert_eq!(
            put(&POSTGRES),
            "INSERT INTO \"t\" (\"key\", \"value\") VALUES ($1, $2) \
             ON CONFLICT (\"key\") DO UPDATE SET \"value\" = excluded.\"value\""
        );
        assert_eq!(
            put(&MYSQL),
            "INSERT INTO `t` (`key`, `value`) VALUES (?, ?) \
             ON DUPLICATE KEY UPDATE `value` = VALUES(`value`)"
        );
        assert_eq!(put(&SQLITE), put(&POSTGRES));
    }
}
