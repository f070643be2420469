//! `chrono`: dates and times, to the nanosecond and with leap seconds.

use chrono::{
    DateTime, FixedOffset, Month, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike as _,
    Utc, Weekday,
};

use crate::codec::{Comparison, DecodeError, Decoder, Encoder};
use crate::model::schema::plain::{coded, plain};
use crate::model::schema::{CacheSchema, shape_of};

fn out_of_range() -> DecodeError {
    DecodeError::new("out of the type's range")
}

plain! {
    NaiveDate = "NaiveDate":
        |value, encoder| encoder.int(chrono::Datelike::num_days_from_ce(value).into()),
        |decoder| Self::from_num_days_from_ce_opt(i32::read_from(decoder)?).ok_or_else(out_of_range);
    NaiveTime = "NaiveTime":
        |value, encoder| (value.num_seconds_from_midnight(), value.nanosecond()).write_to(encoder),
        |decoder| {
            let (seconds, nanos) = <(u32, u32)>::read_from(decoder)?;
            Self::from_num_seconds_from_midnight_opt(seconds, nanos).ok_or_else(out_of_range)
        };
    NaiveDateTime = "NaiveDateTime":
        |value, encoder| (value.date(), value.time()).write_to(encoder),
        |decoder| {
            let (date, time) = <(NaiveDate, NaiveTime)>::read_from(decoder)?;
            Ok(Self::new(date, time))
        };
    DateTime<Utc> = "DateTime<Utc>":
        |value, encoder| {
            (value.timestamp(), value.timestamp_subsec_nanos()).write_to(encoder);
        },
        |decoder| {
            let (seconds, nanos) = <(i64, u32)>::read_from(decoder)?;
            Self::from_timestamp(seconds, nanos).ok_or_else(out_of_range)
        };
    FixedOffset = "FixedOffset":
        |value, encoder| encoder.int(value.local_minus_utc().into()),
        |decoder| Self::east_opt(i32::read_from(decoder)?).ok_or_else(out_of_range);
    TimeDelta = "TimeDelta":
        |value, encoder| {
            // The nanoseconds have the sign of the whole.
            let (seconds, nanos) = (value.num_seconds(), value.subsec_nanos());
            let floor = if nanos < 0 { (seconds - 1, nanos + 1_000_000_000) } else { (seconds, nanos) };
            floor.write_to(encoder);
        },
        |decoder| {
            let (seconds, nanos) = <(i64, u32)>::read_from(decoder)?;
            Self::new(seconds, nanos).ok_or_else(out_of_range)
        };
    Weekday = "Weekday":
        |value, encoder| encoder.uint(value.num_days_from_monday().into()),
        |decoder| u8::read_from(decoder)?.try_into().map_err(|_| out_of_range());
    Month = "Month":
        |value, encoder| encoder.uint(value.number_from_month().into()),
        |decoder| u8::read_from(decoder)?.try_into().map_err(|_| out_of_range());
}

coded! {
    DateTime<FixedOffset> = "DateTime<FixedOffset>":
        |value, encoder| (value.to_utc(), *value.offset()).write_to(encoder),
        |decoder| {
            let (utc, offset) = <(DateTime<Utc>, FixedOffset)>::read_from(decoder)?;
            Ok(utc.with_timezone(&offset))
        };
}
