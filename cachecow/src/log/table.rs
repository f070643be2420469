//! Names of tables.

use std::borrow::Cow;
use std::fmt;

/// The name of a table as the database's catalog has it, with or without its schema.
///
/// A name without a schema is that of the table of this name in whatever schema the follower's settings say,
/// `public` in PostgreSQL. Names are compared letter by letter: PostgreSQL keeps `CREATE TABLE Users` as `users`,
/// and `CREATE TABLE "Users"` as `Users`.
///
/// ```
/// use cachecow::log::TableName;
///
/// let users = TableName::new(Some("app"), "users");
/// assert_eq!(users.to_string(), "app.users");
/// assert_eq!(TableName::new(None, "Odd \"name\"").quoted(), r#""Odd ""name""""#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    schema: Option<Cow<'static, str>>,
    name: Cow<'static, str>,
}

impl TableName {
    /// The table of this name, in this schema.
    pub const fn new(schema: Option<&'static str>, name: &'static str) -> Self {
        let schema = match schema {
            Some(schema) => Some(Cow::Borrowed(schema)),
            None => None,
        };
        Self { schema, name: Cow::Borrowed(name) }
    }

    /// The table of these names, which were read from somewhere.
    pub fn owned(schema: Option<String>, name: String) -> Self {
        Self { schema: schema.map(Cow::Owned), name: Cow::Owned(name) }
    }

    /// The schema, if it was named.
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// The table's own name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this name is that of the table `name` in `schema`. `default_schema` is the schema of a name without
    /// one.
    pub fn is(&self, schema: &str, name: &str, default_schema: &str) -> bool {
        self.schema().unwrap_or(default_schema) == schema && self.name() == name
    }

    /// The name for an SQL statement, with each part in double quotes, as standard SQL has it.
    pub fn quoted(&self) -> String {
        match self.schema() {
            Some(schema) => self.quoted_in(schema),
            None => identifier(self.name()),
        }
    }

    /// The same, with this schema where the name has none.
    #[cfg(any(feature = "postgres-log", all(feature = "outbox", feature = "postgres")))]
    pub(super) fn quoted_with_schema(&self, default_schema: &str) -> String {
        self.quoted_in(self.schema().unwrap_or(default_schema))
    }

    fn quoted_in(&self, schema: &str) -> String {
        format!("{}.{}", identifier(schema), identifier(self.name()))
    }
}

/// A name in a statement of standard SQL.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// As `#[cache(table = …)]` takes it: in double quotes where a name is no plain word.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|letter| letter.is_alphanumeric() || letter == '_' || letter == '$')
        };
        let parts = self.schema().into_iter().chain([self.name()]);
        for (at, part) in parts.enumerate() {
            if at > 0 {
                f.write_str(".")?;
            }
            if is_plain(part) {
                f.write_str(part)?;
            } else {
                f.write_str(&identifier(part))?;
            }
        }
        Ok(())
    }
}
