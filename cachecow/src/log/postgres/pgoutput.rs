//! Decodes the messages of PostgreSQL's output plugin `pgoutput`, protocol version 1.
//!
//! <https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html>. Begin and Commit are
//! decoded by the transport.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};

use super::DEFAULT_SCHEMA;
use crate::log::mapping::FollowedTable;

/// A table. The row messages that follow have its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Relation {
    pub(super) schema: String,
    pub(super) table: String,
    pub(super) columns: Vec<RelationColumn>,
    /// Whether a followed type reads the table.
    pub(super) is_followed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RelationColumn {
    pub(super) name: String,
    /// Whether the column is in the replica identity.
    pub(super) in_identity: bool,
    /// Whether the column is part of a key of a followed type.
    pub(super) is_wanted: bool,
}

/// A value in a row of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Datum {
    Null,
    Text(Bytes),
    /// The server did not send the value: it is large and unchanged, or its column is not in the replica identity.
    Unknown,
}

/// A row, in the order of the relation's columns.
pub(super) type Tuple = Vec<Datum>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Change {
        relation: Arc<Relation>,
        old: Option<Tuple>,
        new: Option<Tuple>,
    },
    Truncate(Vec<Arc<Relation>>),
    /// A message that changes no row, such as a relation, a type or an origin.
    Nothing,
}

/// A message that cannot be decoded, with the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// Decodes the messages of one connection. The server describes each table once.
#[derive(Debug)]
pub(super) struct Decoder {
    tables: Arc<[FollowedTable]>,
    relations: HashMap<u32, Arc<Relation>>,
}

impl Decoder {
    pub(super) fn new(tables: Arc<[FollowedTable]>) -> Self {
        Self { tables, relations: HashMap::new() }
    }

    pub(super) fn decode(&mut self, data: Bytes) -> Result<Message, Malformed> {
        let mut reader = Reader(data);
        match reader.u8()? {
            b'R' => {
                let (id, mut relation) = reader.relation()?;
                self.mark(&mut relation);
                self.relations.insert(id, Arc::new(relation));
                Ok(Message::Nothing)
            }
            b'I' => {
                let relation = self.relation(reader.u32()?)?;
                reader.expect(b'N')?;
                let new = reader.tuple(&relation, false)?;
                Ok(Message::Change { relation, old: None, new: Some(new) })
            }
            b'U' => {
                let relation = self.relation(reader.u32()?)?;
                let (old, tag) = match reader.u8()? {
                    tag @ (b'K' | b'O') => {
                        (Some(reader.tuple(&relation, tag == b'K')?), reader.u8()?)
                    }
                    tag => (None, tag),
                };
                if tag != b'N' {
                    return Err(Malformed("an update without its new row"));
                }
                let new = reader.tuple(&relation, false)?;
                Ok(Message::Change { relation, old, new: Some(new) })
            }
            b'D' => {
                let relation = self.relation(reader.u32()?)?;
                let old = match reader.u8()? {
                    tag @ (b'K' | b'O') => reader.tuple(&relation, tag == b'K')?,
                    _ => return Err(Malformed("a delete without its old row")),
                };
                Ok(Message::Change { relation, old: Some(old), new: None })
            }
            b'T' => {
                let count = reader.u32()?;
                let _options = reader.u8()?;
                let relations = (0..count).map(|_| self.relation(reader.u32()?));
                Ok(Message::Truncate(relations.collect::<Result<_, _>>()?))
            }
            b'Y' | b'O' => Ok(Message::Nothing),
            _ => Err(Malformed("a message of an unknown kind")),
        }
    }

    /// Marks the columns of a table that are needed.
    fn mark(&self, relation: &mut Relation) {
        let Relation { schema, table, columns, is_followed } = relation;
        let is_it = |of: &&FollowedTable| of.table.is(schema, table, DEFAULT_SCHEMA);
        for followed in self.tables.iter().filter(is_it) {
            *is_followed = true;
            for column in &mut *columns {
                column.is_wanted |= followed.needs_whole_rows()
                    || followed.columns.iter().any(|known| known.name == column.name);
            }
        }
    }

    fn relation(&self, id: u32) -> Result<Arc<Relation>, Malformed> {
        self.relations.get(&id).cloned().ok_or(Malformed("a row of a table that was not described"))
    }
}

struct Reader(Bytes);

impl Reader {
    fn need(&self, count: usize) -> Result<(), Malformed> {
        if self.0.len() < count { Err(Malformed("a message that is cut off")) } else { Ok(()) }
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        self.need(1)?;
        Ok(self.0.get_u8())
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        self.need(2)?;
        Ok(self.0.get_u16())
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.need(4)?;
        Ok(self.0.get_u32())
    }

    fn expect(&mut self, tag: u8) -> Result<(), Malformed> {
        if self.u8()? == tag { Ok(()) } else { Err(Malformed("another tag than the row's")) }
    }

    fn bytes(&mut self) -> Result<Bytes, Malformed> {
        let len = self.u32()? as usize;
        self.need(len)?;
        Ok(self.0.split_to(len))
    }

    fn text(&mut self) -> Result<String, Malformed> {
        let end = self.0.iter().position(|&byte| byte == 0);
        let end = end.ok_or(Malformed("a text without an end"))?;
        let text = self.0.split_to(end);
        self.0.advance(1);
        String::from_utf8(text.to_vec()).map_err(|_| Malformed("a name that is not UTF-8"))
    }

    fn relation(&mut self) -> Result<(u32, Relation), Malformed> {
        let id = self.u32()?;
        // The schema is empty for `pg_catalog`.
        let (schema, table) = (self.text()?, self.text()?);
        let _identity = self.u8()?;
        let count = self.u16()?;
        let mut columns = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            let in_identity = self.u8()? & 1 != 0;
            let name = self.text()?;
            let (_type, _modifier) = (self.u32()?, self.u32()?);
            columns.push(RelationColumn { name, in_identity, is_wanted: false });
        }
        Ok((id, Relation { schema, table, columns, is_followed: false }))
    }

    /// Reads a row. If the server sent only the replica identity, all other columns arrive as nulls, although their
    /// values may not be null.
    fn tuple(&mut self, relation: &Relation, identity_only: bool) -> Result<Tuple, Malformed> {
        let count = usize::from(self.u16()?);
        if count != relation.columns.len() {
            return Err(Malformed("a row with another number of columns than its table"));
        }
        let mut tuple = Vec::with_capacity(count);
        for column in &relation.columns {
            let datum = match self.u8()? {
                b'n' => Datum::Null,
                b'u' => Datum::Unknown,
                b't' => Datum::Text(self.bytes()?),
                _ => return Err(Malformed("a value of an unknown kind")),
            };
            let sent = column.in_identity || !identity_only;
            tuple.push(if sent { datum } else { Datum::Unknown });
        }
        Ok(tuple)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands for `create table users (id bigint primary key, email text, note text)`.
    const USERS: &[u8] = b"R\0\0\x40\x05public\0users\0d\0\x03\
        \x01id\0\0\0\0\x14\xff\xff\xff\xff\
        \0email\0\0\0\0\x19\xff\xff\xff\xff\
        \0note\0\0\0\0\x19\xff\xff\xff\xff";

    fn decoder() -> Decoder {
        let mut decoder = Decoder::new(Arc::default());
        assert_eq!(decoder.decode(Bytes::from_static(USERS)), Ok(Message::Nothing));
        decoder
    }

    fn decode(data: &'static [u8]) -> (Option<Tuple>, Option<Tuple>) {
        match decoder().decode(Bytes::from_static(data)).expect("it is well-formed") {
            Message::Change { relation, old, new } => {
                assert_eq!((&*relation.schema, &*relation.table), ("public", "users"));
                (old, new)
            }
            other => panic!("{other:?}"),
        }
    }

    fn text(text: &'static str) -> Datum {
        Datum::Text(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn an_insert_has_a_new_row() {
        let (old, new) = decode(b"I\0\0\x40\x05N\0\x03t\0\0\0\x011t\0\0\0\x03a@bn");
        assert_eq!((old, new), (None, Some(vec![text("1"), text("a@b"), Datum::Null])));
    }

    #[test]
    fn an_update_has_its_old_row_only_if_the_identity_changed() {
        let (old, new) = decode(b"U\0\0\x40\x05N\0\x03t\0\0\0\x011t\0\0\0\x03a@bu");
        assert_eq!((old, new), (None, Some(vec![text("1"), text("a@b"), Datum::Unknown])));
        let moved = b"U\0\0\x40\x05K\0\x03t\0\0\0\x011nnN\0\x03t\0\0\0\x012t\0\0\0\x03a@bn";
        let (old, new) = decode(moved);
        assert_eq!(old, Some(vec![text("1"), Datum::Unknown, Datum::Unknown]));
        assert_eq!(new, Some(vec![text("2"), text("a@b"), Datum::Null]));
    }

    #[test]
    fn a_null_outside_of_the_identity_is_unknown_and_one_of_a_full_row_is_a_null() {
        let (old, _) = decode(b"D\0\0\x40\x05K\0\x03t\0\0\0\x011nn");
        assert_eq!(old, Some(vec![text("1"), Datum::Unknown, Datum::Unknown]));
        let (old, _) = decode(b"D\0\0\x40\x05O\0\x03t\0\0\0\x011nt\0\0\0\x01n");
        assert_eq!(old, Some(vec![text("1"), Datum::Null, text("n")]));
    }

    #[test]
    fn a_truncate_names_its_tables() {
        let message = decoder().decode(Bytes::from_static(b"T\0\0\0\x01\0\0\0\x40\x05"));
        let Ok(Message::Truncate(tables)) = message else { panic!("{message:?}") };
        assert_eq!(tables.iter().map(|table| &*table.table).collect::<Vec<_>>(), ["users"]);
    }

    #[test]
    fn what_is_cut_off_anywhere_is_malformed_and_nothing_panics() {
        let moved: &[u8] = b"U\0\0\x40\x05K\0\x03t\0\0\0\x011nnN\0\x03t\0\0\0\x012t\0\0\0\x03a@bn";
        for whole in [USERS, moved] {
            for len in 0..whole.len() {
                let cut = Bytes::copy_from_slice(&whole[..len]);
                assert!(decoder().decode(cut).is_err(), "{len} bytes");
            }
        }
        let unknown = decoder().decode(Bytes::from_static(b"I\0\0\0\x01N\0\0"));
        assert_eq!(unknown, Err(Malformed("a row of a table that was not described")));
    }
}
