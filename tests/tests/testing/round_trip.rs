//! Whether a value comes back as it went in, and what the message says if not.

use std::fmt::Debug;

use cachecow::codec::{DecodeError, Decoder, Encoder};
use cachecow::testing::assert_round_trips;
use cachecow::{CacheSchema, Cached};
use expect_test::{Expect, expect};
use serde::{Deserialize, Serialize};

use crate::members::Member;

#[track_caller]
fn fails<T: CacheSchema + PartialEq + Debug>(value: &T, message: &Expect) {
    let assertion = std::panic::AssertUnwindSafe(|| assert_round_trips(value));
    let panic = std::panic::catch_unwind(assertion).expect_err("the assertion fails");
    message.assert_eq(panic.downcast_ref::<String>().expect("a message"));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Foreign {
    kept: u8,
    #[serde(skip)]
    lost: u8,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Redacted {
    #[serde(default, skip_serializing)]
    password: String,
}

#[derive(Debug, PartialEq, CacheSchema)]
struct Inner {
    #[cache(opaque)]
    foreign: Option<Foreign>,
    #[cache(opaque)]
    redacted: Option<Redacted>,
}

#[derive(Debug, PartialEq, Cached)]
#[cache(key = "outer:{id}", fetch = Outer::find)]
struct Outer {
    id: i64,
    inner: Vec<Inner>,
    #[cache(skip)]
    skipped: u8,
}

impl Outer {
    async fn find(id: i64) -> Result<Option<Self>, std::io::Error> {
        let _ = id;
        Ok(None)
    }
}

fn outer(inner: Vec<Inner>) -> Outer {
    Outer { id: 1, inner, skipped: 0 }
}

#[test]
fn what_comes_back_as_it_was_passes() {
    assert_round_trips(&Member { id: 1, mail: "ann@example.org".to_owned(), org: 7 });
    let foreign = Some(Foreign { kept: 1, lost: 0 });
    assert_round_trips(&outer(vec![Inner { foreign, redacted: None }]));
    assert_round_trips(&Some(vec![(1_u8, "text".to_owned())]));
}

#[test]
fn what_serde_leaves_out_is_named() {
    let foreign = Some(Foreign { kept: 1, lost: 2 });
    fails(
        &outer(vec![Inner { foreign, redacted: None }]),
        &expect![[r"
        assert_round_trips: `Outer` does not come back from a cache as it was: inner.foreign differs
        it was:
          lost: 2,
        it came back as:
          lost: 0,"]],
    );
    let redacted = Some(Redacted { password: "secret".to_owned() });
    fails(
        &outer(vec![Inner { foreign: None, redacted }]),
        &expect![[r#"
        assert_round_trips: `Outer` does not come back from a cache as it was: inner.redacted differs
        it was:
          password: "secret",
        it came back as:
          password: "","#]],
    );
    fails(
        &Outer { skipped: 7, ..outer(vec![]) },
        &expect![[r"
        assert_round_trips: `Outer` does not come back from a cache as it was
        it was:
          skipped: 7,
        it came back as:
          skipped: 0,"]],
    );
}

#[derive(Debug, PartialEq)]
struct Shifted(i64);

impl CacheSchema for Shifted {
    const NAME: &'static str = "Shifted";
    const FINGERPRINT: u64 = 1;

    fn write_to(&self, encoder: &mut Encoder) {
        encoder.int(self.0);
    }

    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self(decoder.int()? + 1))
    }
}

#[derive(Debug, PartialEq)]
struct Misread;

impl CacheSchema for Misread {
    const NAME: &'static str = "Misread";
    const FINGERPRINT: u64 = 1;

    fn write_to(&self, encoder: &mut Encoder) {
        encoder.int(1);
    }

    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.bool()?;
        Ok(Self)
    }
}

#[derive(Debug, PartialEq, CacheSchema)]
struct Around {
    shifted: Option<Shifted>,
    misread: Option<Misread>,
}

#[test]
fn an_encoding_by_hand_is_checked() {
    fails(
        &Shifted(1),
        &expect![[r"
        assert_round_trips: `Shifted` does not come back from a cache as it was
        it was:
          1,
        it came back as:
          2,"]],
    );
    fails(
        &Around { shifted: Some(Shifted(1)), misread: None },
        &expect![[r"
        assert_round_trips: `Around` does not come back from a cache as it was: shifted differs
        it was:
          1,
        it came back as:
          2,"]],
    );
    fails(
        &Around { shifted: None, misread: Some(Misread) },
        &expect![
            "assert_round_trips: `Around` does not come back from a cache as it was: it cannot be read back: misread: expected a truth value, found an integer"
        ],
    );
}
