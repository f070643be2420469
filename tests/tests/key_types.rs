//! Other crates' types as keys of cached structs.

use std::convert::Infallible;

use bson::oid::ObjectId;
use cachecow::{CacheCow, Cached, Source};
use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use rust_decimal::Decimal;
use time::OffsetDateTime;

#[derive(Clone, Debug, PartialEq, Cached)]
#[cache(context = Table)]
#[cache(key = "document:{id}", fetch = Document::find, fetch_many = Document::find_many)]
#[cache(key = "document:day:{day}", fetch = Document::find_by_day)]
#[cache(key = "document:at:{at}", fetch = Document::find_by_moment)]
#[cache(key = "document:price:{price}:{since}", fetch = Document::find_by_price)]
#[cache(tag = "day:{day}")]
struct Document {
    id: ObjectId,
    day: NaiveDate,
    at: DateTime<FixedOffset>,
    price: Decimal,
    since: OffsetDateTime,
}

struct Table(Vec<Document>);

impl Table {
    fn first(&self, is_asked_for: impl Fn(&Document) -> bool) -> Option<Document> {
        self.0.iter().find(|document| is_asked_for(document)).cloned()
    }
}

type Found = Result<Option<Document>, Infallible>;

impl Document {
    async fn find(table: &Table, id: &ObjectId) -> Found {
        Ok(table.first(|document| document.id == *id))
    }

    async fn find_many(table: &Table, ids: &[ObjectId]) -> Result<Vec<Self>, Infallible> {
        Ok(table.0.iter().filter(|document| ids.contains(&document.id)).cloned().collect())
    }

    async fn find_by_day(table: &Table, day: &NaiveDate) -> Found {
        Ok(table.first(|document| document.day == *day))
    }

    async fn find_by_moment(table: &Table, at: &DateTime<FixedOffset>) -> Found {
        Ok(table.first(|document| document.at == *at))
    }

    async fn find_by_price(table: &Table, price: &Decimal, since: &OffsetDateTime) -> Found {
        Ok(table.first(|document| document.price == *price && document.since == *since))
    }
}

fn document() -> Document {
    Document {
        id: ObjectId::from_bytes([7; 12]),
        day: NaiveDate::from_ymd_opt(2024, 2, 29).unwrap(),
        at: "2024-02-29T12:00:00+02:00".parse().unwrap(),
        price: Decimal::new(1050, 2),
        since: OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap(),
    }
}

#[tokio::test]
async fn they_are_given_by_value_and_equal_ones_find_the_same() {
    let (table, cow) = (Table(vec![document()]), CacheCow::memory());
    let Document { id, day, at, price, since } = document();
    let view = cow.with(&table);
    assert_eq!(view.read(Document::by_id(id)).await.unwrap().source, Source::Fetched);
    assert_eq!(
        view.get_many([Document::by_id(id)]).await.unwrap()[0].as_deref(),
        Some(&table.0[0])
    );
    for expected in [Source::Fetched, Source::Cache] {
        assert_eq!(view.read(Document::by_day(day)).await.unwrap().source, expected);
        assert_eq!(view.read(Document::by_at(at)).await.unwrap().source, expected);
        let read = view.read(Document::by_price_and_since(price, since)).await.unwrap();
        assert_eq!(read.source, expected);
    }
    // The same moment and the same number, written otherwise.
    let utc = at.with_timezone(&Utc).fixed_offset();
    assert_eq!(view.read(Document::by_at(utc)).await.unwrap().source, Source::Cache);
    let (price, east) = (Decimal::new(10_500, 3), time::UtcOffset::from_hms(5, 30, 0).unwrap());
    let read = view.read(Document::by_price_and_since(price, since.to_offset(east))).await.unwrap();
    assert_eq!((read.source, read.value.as_deref()), (Source::Cache, Some(&table.0[0])));
    cow.invalidate(Document::by_id(id)).await.unwrap();
    assert_eq!(view.read(Document::by_day(day)).await.unwrap().source, Source::Fetched);
    cow.invalidate_tag(Document::tag_day(day)).await.unwrap();
    assert_eq!(view.read(Document::by_id(id)).await.unwrap().source, Source::Fetched);
    assert!(view.get(Document::by_id(ObjectId::from_bytes([8; 12]))).await.unwrap().is_none());
}
