//! Values that are compressed and encrypted: whatever stands in the cache, a read gives the object asked for,
//! takes no more memory than it may, and with a key no byte can be changed unnoticed.

use std::fmt::Debug;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use cachecow::{Builder, CacheCow, Compression, Keyring, Lookup, Source};

use crate::documents::{MOST, NOW, Origin, PIECES, Planted, Tagged, Thing};
use crate::mutate::mutate;
use crate::shared::run;

/// Any bytes in the place of a packed document.
pub fn check(data: &[u8]) {
    let _ = check_with(&mut Unstructured::new(data));
}

fn check_with(input: &mut Unstructured<'_>) -> Result<()> {
    let thing: Thing = input.arbitrary()?;
    let tagged = thing.tagged();
    let (encrypts, compresses) = *input.choose(&[(true, true), (true, false), (false, true)])?;
    let mut builder = CacheCow::builder()
        .clock(|| SystemTime::UNIX_EPOCH + NOW)
        .negative_ttl(Duration::from_secs(60))
        .ttl_jitter(0.0);
    if compresses {
        builder = builder.compress(Compression::zstd(1), 0);
    }
    if encrypts {
        builder = builder.encrypt(Keyring::new("new", &[1; 32]).and("old", &[2; 32]));
    }
    let id = thing.id;
    let reads = Reads { builder, encrypts, id, absent: input.ratio(1, 5)? };
    match input.int_in_range(0..=2)? {
        0 => reads.check(&thing, &Thing::by_id(id), input),
        1 => reads.check(&thing, &Thing::by_name(&*thing.name), input),
        _ => reads.check(&tagged, &Tagged::by_id(id), input),
    }
}

struct Reads {
    builder: Builder,
    encrypts: bool,
    id: u64,
    /// Whether there is no object.
    absent: bool,
}

impl Reads {
    fn check<L>(&self, object: &L::Object, lookup: &L, input: &mut Unstructured<'_>) -> Result<()>
    where
        L: Lookup<Context = Origin> + Clone,
        L::Object: Clone + Debug + Into<Origin>,
    {
        let cache = Planted::default();
        let cow = self.builder.clone().backend(cache.clone()).expect("valid settings");
        let nothing = Origin::default();
        let origin = if self.absent { Origin::default() } else { object.clone().into() };
        let read = |origin: &Origin| {
            run(cow.with(origin).read(lookup.clone())).expect("the fetch does not fail")
        };
        read(&origin);
        let stored = std::mem::take(&mut cache.lock().filled);
        if stored.is_empty() {
            // What serde made of it would not come back.
            return Ok(());
        }
        let elsewhere = self.of_another(input)?;
        cache.lock().planted.clone_from(&stored);
        let served = read(&nothing);
        assert_eq!(served.source, Source::Cache);
        assert_eq!(served.value.is_none(), self.absent);
        let as_stored = format!("{:?}", served.value);

        let mut damaged = stored.clone();
        let others: Vec<&Bytes> = elsewhere.iter().chain(stored.values()).collect();
        let pieces: Vec<&[u8]> =
            PIECES.iter().copied().chain(others.iter().map(|document| &document[..])).collect();
        for document in damaged.values_mut() {
            match input.int_in_range(0..=5)? {
                0..=2 => {
                    let mut bytes = document.to_vec();
                    mutate(&mut bytes, &pieces, input)?;
                    *document = bytes.into();
                }
                3 => *document = Bytes::clone(input.choose(&others)?),
                4 => *document = bomb(document, input)?,
                _ => {}
            }
        }
        cache.lock().planted.clone_from(&damaged);
        let most = MOST + 64 * damaged.values().map(|bytes| bytes.len() as u64).sum::<u64>();
        let mut served = None;
        let memory = allocation_counter::measure(|| served = Some(read(&origin)));
        assert!(memory.bytes_max < most, "{} bytes of memory for {damaged:?}", memory.bytes_max);
        let served = served.expect("it was read");
        if served.source == Source::Cache {
            assert!(served.value.as_deref().is_none_or(|value| lookup.finds(value)), "of another");
            if self.encrypts {
                assert_eq!(format!("{:?}", served.value), as_stored, "it was changed");
            }
        }
        Ok(())
    }

    /// What the same settings store for another object, or what someone without a key stores for one of the
    /// same key.
    fn of_another(&self, input: &mut Unstructured<'_>) -> Result<Vec<Bytes>> {
        let cache = Planted::default();
        let (builder, id) = if input.arbitrary()? {
            (self.builder.clone(), self.id.wrapping_add(1))
        } else {
            (CacheCow::builder(), self.id)
        };
        let cow = builder.backend(cache.clone()).expect("valid settings");
        let mut other: Thing = input.arbitrary()?;
        other.id = id;
        let _ = run(cow.with(&Origin::from(other)).get(Thing::by_id(id)));
        let filled = std::mem::take(&mut cache.lock().filled);
        Ok(filled.into_values().collect())
    }
}

/// A document with the header of this one, whose content is larger than it looks, or does not have the length
/// that it says.
fn bomb(document: &[u8], input: &mut Unstructured<'_>) -> Result<Bytes> {
    static BOMBS: OnceLock<[Vec<u8>; 3]> = OnceLock::new();
    let bombs = BOMBS.get_or_init(|| {
        let zeros = vec![0; 64 << 20];
        let honest = zstd::bulk::compress(&zeros, 1).expect("zeros can be compressed");
        let mut lying = honest.clone();
        lying[5..9].copy_from_slice(&(1_000_000_u32).to_le_bytes());
        let silent = zstd::stream::encode_all(&zeros[..], 1).expect("zeros can be compressed");
        [honest, lying, silent]
    });
    let packed = input.choose(bombs)?;
    let header = document.get(1..30).unwrap_or(&[0; 29]);
    let len = u32::try_from(packed.len()).expect("they are short").to_be_bytes();
    Ok([&[0x98], header, b"\xa4zstd\xa0\xc6", &len[..], packed].concat().into())
}

impl From<Thing> for Origin {
    fn from(thing: Thing) -> Self {
        Self { thing: Some(thing), ..Self::default() }
    }
}

impl From<Tagged> for Origin {
    fn from(tagged: Tagged) -> Self {
        Self { tagged: Some(tagged), ..Self::default() }
    }
}
