//! Other crates' types, each by the feature of its crate's name.

use super::{ColumnKind, FromColumn, NotInColumn};
use crate::log::Value;

macro_rules! columns {
    ($($ty:ty = $kind:ident: $read:expr;)*) => {$(
        impl FromColumn for $ty {
            const KIND: ColumnKind = ColumnKind::$kind;

            fn from_column(value: &Value<'_>) -> Result<Self, NotInColumn> {
                let read: fn(&Value<'_>) -> Option<Self> = $read;
                read(value).ok_or(NotInColumn)
            }
        }
    )*};
}

#[cfg(feature = "uuid")]
columns! {
    uuid::Uuid = Uuid: |value| match value {
        Value::Bytes(bytes) => Self::from_slice(bytes).ok(),
        value => Self::try_parse(value.as_text()?).ok(),
    };
}

#[cfg(feature = "rust_decimal")]
columns! {
    rust_decimal::Decimal = Decimal: |value| Self::from_str_exact(value.as_text()?).ok();
}

#[cfg(feature = "bson")]
columns! {
    bson::oid::ObjectId = ObjectId: |value| Self::parse_str(value.as_text()?).ok();
    bson::DateTime = Instant: |value| Self::parse_rfc3339_str(value.as_text()?).ok();
}

#[cfg(feature = "chrono")]
mod chrono {
    use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Utc};

    use super::super::moment::{self, Clock, Day, Moment};
    use super::{ColumnKind, FromColumn, NotInColumn, Value};

    fn date(Day { year, month, day }: Day) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(year, month.into(), day.into())
    }

    fn time(Clock { hour, minute, second, nanosecond }: Clock) -> Option<NaiveTime> {
        NaiveTime::from_hms_nano_opt(hour.into(), minute.into(), second.into(), nanosecond)
    }

    fn date_time(Moment { day, clock, .. }: Moment) -> Option<NaiveDateTime> {
        Some(NaiveDateTime::new(date(day)?, time(clock)?))
    }

    fn instant(value: &Value<'_>) -> Option<DateTime<FixedOffset>> {
        let moment = moment::moment(value).ok()?;
        FixedOffset::east_opt(moment.offset?)?.from_local_datetime(&date_time(moment)?).single()
    }

    columns! {
        NaiveDate = Date: |value| date(moment::day(value).ok()?);
        NaiveTime = Time: |value| time(moment::clock(value).ok()?);
        NaiveDateTime = DateTime: |value| {
            moment::moment(value).ok().filter(|moment| moment.offset.is_none()).and_then(date_time)
        };
        DateTime<FixedOffset> = Instant: instant;
        DateTime<Utc> = Instant: |value| Some(instant(value)?.to_utc());
    }
}

#[cfg(feature = "time")]
mod time {
    use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcDateTime, UtcOffset};

    use super::super::moment::{self, Clock, Day, Moment};
    use super::{ColumnKind, FromColumn, NotInColumn, Value};

    fn date(Day { year, month, day }: Day) -> Option<Date> {
        Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()
    }

    fn time(Clock { hour, minute, second, nanosecond }: Clock) -> Option<Time> {
        Time::from_hms_nano(hour, minute, second, nanosecond).ok()
    }

    fn date_time(Moment { day, clock, .. }: Moment) -> Option<PrimitiveDateTime> {
        Some(PrimitiveDateTime::new(date(day)?, time(clock)?))
    }

    fn instant(value: &Value<'_>) -> Option<OffsetDateTime> {
        let moment = moment::moment(value).ok()?;
        let offset = UtcOffset::from_whole_seconds(moment.offset?).ok()?;
        Some(date_time(moment)?.assume_offset(offset))
    }

    columns! {
        Date = Date: |value| date(moment::day(value).ok()?);
        Time = Time: |value| time(moment::clock(value).ok()?);
        PrimitiveDateTime = DateTime: |value| {
            moment::moment(value).ok().filter(|moment| moment.offset.is_none()).and_then(date_time)
        };
        OffsetDateTime = Instant: instant;
        UtcDateTime = Instant: |value| Some(instant(value)?.to_utc());
    }
}
