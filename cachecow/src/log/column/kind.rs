//! The kinds of columns, by the databases' type names.

/// The kind of value that a field needs from a column.
///
/// [`FollowedTypes`](crate::log::FollowedTypes) has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnKind {
    /// A whole number.
    Integer,
    /// A boolean.
    Bool,
    /// Text, or any type that is read in its text form.
    Text,
    /// Bytes.
    Bytes,
    /// A UUID.
    Uuid,
    /// One IP address.
    IpAddress,
    /// A date.
    Date,
    /// A time of day.
    Time,
    /// A date and a time of day, without a time zone.
    DateTime,
    /// An instant: a date and a time with an offset.
    Instant,
    /// A decimal number.
    Decimal,
    /// A MongoDB `ObjectId`.
    ObjectId,
    /// Any kind: a function of the program reads it.
    Any,
}

const INTEGERS: [&str; 18] = [
    "smallint",
    "integer",
    "bigint",
    "int",
    "int2",
    "int4",
    "int8",
    "tinyint",
    "mediumint",
    "oid",
    "serial",
    "bigserial",
    "smallserial",
    "numeric",
    "decimal",
    "bigint unsigned",
    "int unsigned",
    "year",
];
const BOOLS: [&str; 5] = ["boolean", "bool", "tinyint", "integer", "bit"];
const TEXTS: [&str; 13] = [
    "text",
    "character varying",
    "varchar",
    "character",
    "char",
    "bpchar",
    "name",
    "citext",
    "enum",
    "tinytext",
    "mediumtext",
    "longtext",
    "nvarchar",
];
const BYTES: [&str; 7] =
    ["bytea", "binary", "varbinary", "blob", "tinyblob", "mediumblob", "longblob"];
const IP_ADDRESSES: [&str; 3] = ["inet", "inet4", "inet6"];
const TIMES: [&str; 2] = ["time", "time without time zone"];
const DATE_TIMES: [&str; 3] = ["timestamp without time zone", "timestamp", "datetime"];
const INSTANTS: [&str; 2] = ["timestamp with time zone", "timestamptz"];
const DECIMALS: [&str; 2] = ["numeric", "decimal"];
const FLOATS: [&str; 6] = ["real", "double precision", "double", "float", "float4", "float8"];
const OTHERS: [&str; 4] = ["json", "jsonb", "date", "uuid"];

impl ColumnKind {
    /// Returns whether a column with this database type (`int4`, `character varying(20)`) holds such values. `None`
    /// if the type name is not known here, such as those of enums and domains.
    pub fn fits(self, type_name: &str) -> Option<bool> {
        if self == Self::Any {
            return None;
        }
        let name = base_name(type_name);
        let name = name.as_str();
        if self == Self::Text && !BYTES.contains(&name) {
            // Any type has a text form, and a fetch function may read it: `select id::text`.
            return TEXTS.contains(&name).then_some(true);
        }
        let own: &[&str] = match self {
            Self::Integer => &INTEGERS,
            Self::Bool => &BOOLS,
            Self::Text => &TEXTS,
            Self::Bytes => &BYTES,
            Self::Uuid => &["uuid"],
            Self::IpAddress => &IP_ADDRESSES,
            Self::Date => &["date"],
            Self::Time => &TIMES,
            Self::DateTime => &DATE_TIMES,
            Self::Instant => &INSTANTS,
            Self::Decimal => &DECIMALS,
            Self::ObjectId => &["objectid"],
            Self::Any => &[],
        };
        if self == Self::Integer && has_scale(type_name) {
            // `5.00` is no integer.
            return Some(false);
        }
        if own.contains(&name) {
            return Some(true);
        }
        if TEXTS.contains(&name) {
            // Databases without such a type keep it as text.
            return None;
        }
        if self == Self::Decimal && FLOATS.contains(&name) {
            // Its text may be one.
            return None;
        }
        let known: [&[&str]; 10] = [
            &INTEGERS,
            &BOOLS,
            &BYTES,
            &IP_ADDRESSES,
            &TIMES,
            &DATE_TIMES,
            &INSTANTS,
            &DECIMALS,
            &FLOATS,
            &OTHERS,
        ];
        known.iter().any(|names| names.contains(&name)).then_some(false)
    }

    /// In words, as what a field needs.
    #[cfg(any(
        feature = "postgres-log",
        all(feature = "outbox", any(feature = "postgres", feature = "mysql", feature = "sqlite"))
    ))]
    pub(in crate::log) const fn as_str(self) -> &'static str {
        match self {
            Self::Integer => "a whole number",
            Self::Bool => "a truth value",
            Self::Text => "a text",
            Self::Bytes => "bytes",
            Self::Uuid => "a UUID",
            Self::IpAddress => "an IP address",
            Self::Date => "a date",
            Self::Time => "a time of day",
            Self::DateTime => "a date and a time, without an offset",
            Self::Instant => "a date and a time, with an offset",
            Self::Decimal => "a decimal number",
            Self::ObjectId => "an ObjectId",
            Self::Any => "anything",
        }
    }
}

/// Whether the type is one such as `numeric(10,2)`.
fn has_scale(type_name: &str) -> bool {
    let scale = type_name.split_once(',').and_then(|(_, scale)| scale.split_once(')'));
    scale.is_some_and(|(scale, _)| scale.trim().parse::<i32>().is_ok_and(|scale| scale > 0))
}

/// Without a length: `character varying(20)` as `character varying`, `timestamp(3) with time zone` as `timestamp with
/// time zone`.
pub(in crate::log) fn base_name(type_name: &str) -> String {
    let name = match (type_name.find('('), type_name.find(')')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}{}", type_name[..open].trim_end(), &type_name[close + 1..])
        }
        _ => type_name.to_owned(),
    };
    name.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::ColumnKind::{
        Any, Bool, Bytes, DateTime, Decimal, Instant, Integer, Text, Time, Uuid,
    };

    #[test]
    fn types_of_databases_fit_fields() {
        for (kind, name, fits) in [
            (Integer, "int8", Some(true)),
            (Integer, "BIGINT", Some(true)),
            (Integer, "numeric(20,0)", Some(true)),
            (Integer, "numeric(20)", Some(true)),
            (Integer, "numeric(10,2)", Some(false)),
            (Integer, "uuid", Some(false)),
            (Integer, "bytea", Some(false)),
            (Integer, "text", None),
            (Bool, "boolean", Some(true)),
            (Text, "character varying(20)", Some(true)),
            (Text, "bpchar", Some(true)),
            (Text, "uuid", None),
            (Text, "bytea", Some(false)),
            (Text, "mood", None),
            (Bytes, "bytea", Some(true)),
            (Bytes, "int4", Some(false)),
            (Uuid, "uuid", Some(true)),
            (Uuid, "jsonb", Some(false)),
            (Decimal, "numeric(10,2)", Some(true)),
            (Decimal, "double precision", None),
            (Integer, "double precision", Some(false)),
            (Uuid, "float4", Some(false)),
            (Text, "real", None),
            (Time, "time(3) without time zone", Some(true)),
            (Instant, "timestamp(3) with time zone", Some(true)),
            (Instant, "timestamp", Some(false)),
            (DateTime, "timestamptz", Some(false)),
            (Instant, "some_domain", None),
            (Any, "bytea", None),
        ] {
            assert_eq!(kind.fits(name), fits, "{kind:?} {name}");
        }
    }
}
