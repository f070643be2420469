//! Signed values: what was changed is never given out, and what was not always is.

use std::collections::HashMap;

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Bytes;
use cachecow::store::{Hmac, KeySpace, Reader, Ttl};
use cachecow::{ErrorKind, KeyValueStore as _, KeyValueStoreExt as _, MemoryStore};

use crate::mutate::mutate;
use crate::shared::run;

/// One of few keys, so that they meet; two pairs look alike when a value follows them.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Name {
    A,
    Ab,
    B,
    Long,
}

impl Name {
    fn text(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::Ab => "ab",
            Self::B => "b",
            Self::Long => "a key with a space and ü",
        }
    }
}

#[derive(Arbitrary, Debug)]
enum Step {
    Put(Name, Vec<u8>),
    PutReader(Name, Vec<u8>),
    Delete(Name),
    /// Another program, which has another secret.
    PutByOther(Name, Vec<u8>),
    /// Behind its back:
    Copy(Name, Name),
    Swap(Name, Name),
    Damage(Name),
    Forge(Name, Vec<u8>),
    /// An older value of any key.
    Restore(Name, u8),
    /// Bytes move from the value to the key.
    Shift,
}

/// What is in the store, and all that was ever signed there.
#[derive(Default)]
struct Model {
    signed: HashMap<(Name, Bytes), Vec<u8>>,
    history: Vec<Bytes>,
}

/// Any sequence of operations on a signed store and of changes behind its back.
pub fn check(data: &[u8]) {
    let _ = run(check_with(&mut Unstructured::new(data)));
}

async fn check_with(input: &mut Unstructured<'_>) -> Result<()> {
    let inner = MemoryStore::new().with_key_space(KeySpace::Text);
    let signed = |secret| Hmac::new(inner.clone(), secret).expect("a secret");
    let (store, other) = (signed("a secret"), signed("another"));
    let mut model = Model::default();
    for _ in 0..input.int_in_range(1..=12)? {
        let step = input.arbitrary()?;
        take(&step, &store, &other, &inner, &mut model, input).await?;
        for name in [Name::A, Name::Ab, Name::B, Name::Long] {
            verify(name, &store, &inner, &model).await;
        }
    }
    Ok(())
}

async fn take(
    step: &Step,
    store: &Hmac<MemoryStore>,
    other: &Hmac<MemoryStore>,
    inner: &MemoryStore,
    model: &mut Model,
    input: &mut Unstructured<'_>,
) -> Result<()> {
    let raw = async |name: Name| inner.get(name.text()).await.ok();
    let plant = async |name: Name, value: Option<Bytes>| match value {
        Some(value) => inner.put(name.text(), value.to_vec()).await.expect("memory"),
        None => inner.delete(name.text()).await.expect("memory"),
    };
    match step {
        Step::Put(name, value) => {
            store.put(name.text(), value.clone()).await.expect("memory");
            model.note(*name, raw(*name).await, value);
        }
        Step::PutReader(name, value) => {
            let reader = Reader::from_bytes(Bytes::from(value.clone()));
            store.put_reader(name.text(), reader, Ttl::StoreDefault).await.expect("memory");
            model.note(*name, raw(*name).await, value);
        }
        Step::Delete(name) => store.delete(name.text()).await.expect("memory"),
        Step::PutByOther(name, value) => {
            other.put(name.text(), value.clone()).await.expect("memory");
            model.history.extend(raw(*name).await);
        }
        Step::Copy(from, to) => plant(*to, raw(*from).await).await,
        Step::Swap(one, two) => {
            let (first, second) = (raw(*one).await, raw(*two).await);
            plant(*one, second).await;
            plant(*two, first).await;
        }
        Step::Damage(name) => {
            if let Some(value) = raw(*name).await {
                let mut value = value.to_vec();
                let old: Vec<&[u8]> = model.history.iter().map(|old| &old[..]).collect();
                mutate(&mut value, if old.is_empty() { &[b"x"] } else { &old }, input)?;
                plant(*name, Some(value.into())).await;
            }
        }
        Step::Forge(name, value) => plant(*name, Some(value.clone().into())).await,
        Step::Restore(name, which) => {
            if !model.history.is_empty() {
                let old = model.history[usize::from(*which) % model.history.len()].clone();
                plant(*name, Some(old)).await;
            }
        }
        Step::Shift => {
            if let Some(value) = raw(Name::Ab).await {
                plant(Name::A, Some([b"b", &value[..]].concat().into())).await;
            }
        }
    }
    Ok(())
}

impl Model {
    fn note(&mut self, name: Name, raw: Option<Bytes>, value: &[u8]) {
        let raw = raw.expect("it was put");
        self.history.push(raw.clone());
        self.signed.insert((name, raw), value.to_vec());
    }
}

/// A value is given out if it was signed for this key, and only then.
async fn verify(name: Name, store: &Hmac<MemoryStore>, inner: &MemoryStore, model: &Model) {
    let raw = inner.get(name.text()).await.ok();
    let expected = match raw {
        None => Err(ErrorKind::NotFound),
        Some(raw) => model.signed.get(&(name, raw)).ok_or(ErrorKind::Tampered),
    };
    let got = store.get(name.text()).await;
    let opened = match store.open(name.text()).await {
        Ok(reader) => Ok(reader.into_bytes().await.expect("verified before")),
        Err(error) => Err(error),
    };
    for got in [got, opened] {
        match (&got, expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{name:?}"),
            (Err(error), Err(kind)) => assert_eq!(error.kind(), kind, "{name:?}"),
            _ => panic!("{name:?} gives {got:?} and should give {expected:?}"),
        }
    }
}
