//! `time`: dates and times, to the nanosecond.

use time::{Date, Duration, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset, Weekday};

use crate::codec::{Comparison, DecodeError, Decoder, Encoder};
use crate::model::schema::plain::{coded, plain};
use crate::model::schema::{CacheSchema, shape_of};

fn out_of_range<E>(_: E) -> DecodeError {
    DecodeError::new("out of the type's range")
}

plain! {
    Date = "Date":
        |value, encoder| encoder.int(value.to_julian_day().into()),
        |decoder| Self::from_julian_day(i32::read_from(decoder)?).map_err(out_of_range);
    Time = "Time":
        |value, encoder| {
            let (hour, minute, second, nano) = value.as_hms_nano();
            let seconds = (u64::from(hour) * 60 + u64::from(minute)) * 60 + u64::from(second);
            encoder.uint(seconds * 1_000_000_000 + u64::from(nano));
        },
        |decoder| {
            let nanos = decoder.uint()?;
            let (seconds, nano) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
            let (minutes, second) = (seconds / 60, seconds % 60);
            let narrow = |number| u8::try_from(number).map_err(out_of_range);
            let nano = u32::try_from(nano).map_err(out_of_range)?;
            let (hour, minute) = (narrow(minutes / 60)?, narrow(minutes % 60)?);
            Self::from_hms_nano(hour, minute, narrow(second)?, nano).map_err(out_of_range)
        };
    PrimitiveDateTime = "PrimitiveDateTime":
        |value, encoder| (value.date(), value.time()).write_to(encoder),
        |decoder| {
            let (date, time) = <(Date, Time)>::read_from(decoder)?;
            Ok(Self::new(date, time))
        };
    UtcOffset = "UtcOffset":
        |value, encoder| encoder.int(value.whole_seconds().into()),
        |decoder| Self::from_whole_seconds(i32::read_from(decoder)?).map_err(out_of_range);
    Duration = "time::Duration":
        |value, encoder| (value.whole_seconds(), value.subsec_nanoseconds()).write_to(encoder),
        |decoder| {
            let (seconds, nanos) = <(i64, i32)>::read_from(decoder)?;
            if nanos.unsigned_abs() >= 1_000_000_000 {
                return Err(out_of_range(()));
            }
            Self::seconds(seconds).checked_add(Self::nanoseconds(nanos.into())).ok_or_else(|| out_of_range(()))
        };
    Weekday = "Weekday":
        |value, encoder| encoder.uint(value.number_days_from_monday().into()),
        |decoder| {
            let days = u8::read_from(decoder)?;
            if days < 7 { Ok(Self::Monday.nth_next(days)) } else { Err(out_of_range(())) }
        };
    Month = "Month":
        |value, encoder| encoder.uint(u8::from(*value).into()),
        |decoder| u8::read_from(decoder)?.try_into().map_err(out_of_range);
}

coded! {
    OffsetDateTime = "OffsetDateTime":
        |value, encoder| (value.date(), value.time(), value.offset()).write_to(encoder),
        |decoder| {
            let (date, time, offset) = <(Date, Time, UtcOffset)>::read_from(decoder)?;
            Ok(Self::new_in_offset(date, time, offset))
        };
}
