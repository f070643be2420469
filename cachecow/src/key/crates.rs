//! Other crates' types in keys, each by the feature of its crate's name.
//!
//! Equal values have equal encodings: a date-time with an offset is encoded by its instant, and a
//! decimal without trailing zeros. If two crates have a type for the same thing, both types have
//! the same encoding.

use super::{KeyEncoder, KeyPart};

#[cfg(feature = "bson")]
mod bson {
    use super::{KeyEncoder, KeyPart};

    impl KeyPart for bson::oid::ObjectId {
        fn encode(&self, encoder: &mut KeyEncoder) {
            encoder.object_id(self.bytes());
        }
    }

    impl KeyPart for bson::DateTime {
        fn encode(&self, encoder: &mut KeyEncoder) {
            let millis = self.timestamp_millis();
            // Below a second.
            let below = u32::try_from(millis.rem_euclid(1000)).unwrap_or_default();
            encoder.instant(millis.div_euclid(1000), below * 1_000_000);
        }
    }
}

#[cfg(feature = "chrono")]
mod chrono {
    use chrono::{
        DateTime, Datelike as _, Month, NaiveDate, NaiveDateTime, NaiveTime, TimeZone,
        Timelike as _, Weekday,
    };

    use super::{KeyEncoder, KeyPart};

    /// 1 January 1970, as the common era counts days.
    const EPOCH: i32 = 719_163;

    fn days(date: NaiveDate) -> i32 {
        date.num_days_from_ce() - EPOCH
    }

    impl KeyPart for NaiveDate {
        fn encode(&self, encoder: &mut KeyEncoder) {
            encoder.date(days(*self));
        }
    }

    impl KeyPart for NaiveTime {
        fn encode(&self, encoder: &mut KeyEncoder) {
            encoder.time(self.num_seconds_from_midnight(), self.nanosecond());
        }
    }

    impl KeyPart for NaiveDateTime {
        fn encode(&self, encoder: &mut KeyEncoder) {
            let time = self.time();
            let (seconds, nanoseconds) = (time.num_seconds_from_midnight(), time.nanosecond());
            encoder.date_time(days(self.date()), seconds, nanoseconds);
        }
    }

    impl<Tz: TimeZone> KeyPart for DateTime<Tz> {
        fn encode(&self, encoder: &mut KeyEncoder) {
            encoder.instant(self.timestamp(), self.timestamp_subsec_nanos());
        }
    }

    impl KeyPart for Weekday {
        fn encode(&self, encoder: &mut KeyEncoder) {
            encoder.weekday(self.number_from_monday().to_be_bytes()[3]);
        }
    }

    impl KeyPart for Month {
        fn encode(&self, encoder: &mut KeyEncoder) {
            encoder.month(self.number_from_month().to_be_bytes()[3]);
        }
    }
}

#[cfg(feature = "rust_decimal")]
impl KeyPart for rust_decimal::Decimal {
    fn encode(&self, encoder: &mut KeyEncoder) {
        let normal = self.normalize();
        // At most 28.
        encoder.decimal(normal.mantissa(), normal.scale().to_be_bytes()[3]);
    }
}

#[cfg(feature = "time")]
mod time {
    use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcDateTime, Weekday};

    use super::{KeyEncoder, KeyPart};

    /// 1 January 1970, as a Julian day.
    const EPOCH: i32 = 2_440_588;

    fn days(date: Date) -> i32 {
        date.to_julian_day() - EPOCH
    }

    fn seconds(time: Time) -> u32 {
        let (hours, minutes, seconds) = time.as_hms();
        u32::from(hours) * 3600 + u32::from(minutes) * 60 + u32::from(seconds)
    }

    impl KeyPart for Date {
        fn encode(&self, encoder: &mut KeyEncoder) {
            encoder.date(days(*self));
        }
    }

    impl KeyPart for Time {
        fn encode(&self, encoder: &mut KeyEncoder) {
            encoder.time(seconds(*self), self.nanosecond());
        }
    }

    impl KeyPart for PrimitiveDateTime {
        fn encode(&self, encoder: &mut KeyEncoder) {
            encoder.date_time(days(self.date()), seconds(self.time()), self.nanosecond());
        }
    }

    impl KeyPart for OffsetDateTime {
        fn encode(&self, encoder: &mut KeyEncoder) {
            encoder.instant(self.unix_timestamp(), self.nanosecond());
        }
    }

    impl KeyPart for UtcDateTime {
        fn encode(&self, encoder: &mut KeyEncoder) {
            encoder.instant(self.unix_timestamp(), self.nanosecond());
        }
    }

    impl KeyPart for Weekday {
        fn encode(&self, encoder: &mut KeyEncoder) {
            encoder.weekday(self.number_from_monday());
        }
    }

    impl KeyPart for Month {
        fn encode(&self, encoder: &mut KeyEncoder) {
            encoder.month(u8::from(*self));
        }
    }
}

#[cfg(feature = "uuid")]
impl KeyPart for uuid::Uuid {
    fn encode(&self, encoder: &mut KeyEncoder) {
        encoder.uuid(*self.as_bytes());
    }
}
