::core::compile_error! {
    "unknown setting `tll`; did you mean `ttl`?"
}
::core::compile_error! {
    "`{dya}` is not a parameter; the function has `db`, `day` and `len`; did you mean `{day}`?"
}
::core::compile_error! {
    "`len` is not in the key, so calls with different values of it would share one result: write `{len}` into the key; or, if no result depends on it, mark it: `#[cache(not_in_key)] len`"
}
async fn best(db: &PgPool, day: NaiveDate, len: u32) -> Found<Vec<Post>> {
    db.best(day, len).await
}
///Looks answers of `best` up, made by [`of`](Self::of).
#[allow(
    clippy::all,
    clippy::nursery,
    clippy::pedantic,
    dead_code,
    deprecated,
    missing_copy_implementations,
    private_bounds,
    private_interfaces,
    unreachable_pub,
    unused_imports,
    unused_parens,
    unused_qualifications,
)]
#[allow(non_camel_case_types)]
#[must_use = "a lookup does nothing until it is given to `ask`, `get`, `invalidate` or `write`"]
struct best {
    db: PgPool,
    day: NaiveDate,
    len: u32,
}
#[allow(
    clippy::all,
    clippy::nursery,
    clippy::pedantic,
    dead_code,
    deprecated,
    missing_copy_implementations,
    private_bounds,
    private_interfaces,
    unreachable_pub,
    unused_imports,
    unused_parens,
    unused_qualifications,
)]
#[automatically_derived]
impl best {
    ///Looks the answer of `best` for `db`, `day` and `len` up.
    #[inline]
    fn of(
        db: impl ::core::borrow::Borrow<PgPool>,
        day: impl ::core::borrow::Borrow<NaiveDate>,
        len: u32,
    ) -> Self {
        Self {
            db: ::cachecow::__private::clone::<
                PgPool,
            >(<_ as ::core::borrow::Borrow<PgPool>>::borrow(&db)),
            day: ::cachecow::__private::clone::<
                NaiveDate,
            >(<_ as ::core::borrow::Borrow<NaiveDate>>::borrow(&day)),
            len,
        }
    }
}
#[allow(
    clippy::all,
    clippy::nursery,
    clippy::pedantic,
    dead_code,
    deprecated,
    missing_copy_implementations,
    private_bounds,
    private_interfaces,
    unreachable_pub,
    unused_imports,
    unused_parens,
    unused_qualifications,
)]
const _: () = {
    #[automatically_derived]
    impl ::core::clone::Clone for best {
        #[inline]
        fn clone(&self) -> Self {
            Self {
                db: ::cachecow::__private::clone::<PgPool>(&self.db),
                day: ::cachecow::__private::clone::<NaiveDate>(&self.day),
                len: ::cachecow::__private::clone::<u32>(&self.len),
            }
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for best {
        #[inline]
        fn fmt(
            &self,
            formatter: &mut ::core::fmt::Formatter<'_>,
        ) -> ::core::fmt::Result {
            use ::cachecow::__private::{HiddenPart as _, Part, ShownPart as _};
            ::cachecow::__private::debug(
                formatter,
                ("best", "best:{dya}:{db}"),
                &["PgPool", "NaiveDate", "u32"],
                &[
                    (&&Part(&self.db)).cachecow_debug(),
                    (&&Part(&self.day)).cachecow_debug(),
                    (&&Part(&self.len)).cachecow_debug(),
                ],
            )
        }
    }
    #[automatically_derived]
    impl ::cachecow::CacheKeys for best {
        #[inline]
        fn add_to(&self, set: &mut ::cachecow::KeySet) {
            set.add(
                <Self as ::cachecow::Lookup>::key(self).key(),
                <Self as ::cachecow::Query>::POLICY,
            );
        }
    }
    #[automatically_derived]
    impl ::cachecow::Query for best {
        type Value = <Found<Vec<Post>> as ::cachecow::__private::QueryOutput>::Value;
        type Output = ::cachecow::__private::Arc<Self::Value>;
        const NAME: &'static ::core::primitive::str = "best";
        const POLICY: ::cachecow::TypePolicy = ::cachecow::TypePolicy::new()
            .with_ttl(::core::time::Duration::new(300u64, 0u32));
        const TEMPLATES: &'static [&'static ::core::primitive::str] = &["best:{}:{}"];
        const SHAPE: ::core::primitive::u64 = 0u64;
        const DESCRIPTION: &'static ::core::primitive::str = "\"query\":true,\"lookups\":[{\"name\":\"of\",\"template\":\"best:{dya}:{db}\",\"parts\":[{\"name\":\"day\",\"type\":\"NaiveDate\"},{\"name\":\"db\",\"type\":\"PgPool\"}]}]";
        #[inline]
        fn output(
            found: ::core::option::Option<
                ::cachecow::__private::Arc<::cachecow::Answer<Self>>,
            >,
        ) -> ::core::option::Option<Self::Output> {
            ::core::option::Option::map(found, ::cachecow::__private::shared_answer)
        }
        #[inline]
        fn slot() -> ::core::primitive::usize {
            static SLOT: ::cachecow::__private::StaticSlot = ::cachecow::__private::StaticSlot::new();
            SLOT.get()
        }
    }
    #[automatically_derived]
    impl ::cachecow::Lookup for best {
        type Object = ::cachecow::Answer<Self>;
        type Context = ();
        const NAME: &'static ::core::primitive::str = "best";
        #[inline]
        fn key(&self) -> ::cachecow::KeyEncoder {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "best:{}:{}",
                );
                &TEMPLATE
            });
            ::cachecow::__private::encode::<NaiveDate>(&self.day, &mut encoder);
            ::cachecow::__private::encode::<PgPool>(&self.db, &mut encoder);
            encoder
        }
        #[inline]
        fn key_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
            ::cachecow::__private::key_of_answer(object)
        }
        #[inline]
        fn finds(&self, object: &Self::Object) -> ::core::primitive::bool {
            ::cachecow::__private::answers(
                object,
                &<Self as ::cachecow::Lookup>::key(self),
            )
        }
        #[inline]
        fn audited(&self) -> ::core::option::Option<::cachecow::Audited> {
            ::core::option::Option::Some(
                ::cachecow::Audited::of(::core::clone::Clone::clone(self)),
            )
        }
        #[inline]
        fn fetch(
            &self,
            _context: &Self::Context,
        ) -> impl ::core::future::Future<
            Output = ::core::result::Result<
                ::core::option::Option<Self::Object>,
                ::cachecow::Error,
            >,
        > + ::core::marker::Send {
            let key = <Self as ::cachecow::Lookup>::key(self);
            async move {
                ::cachecow::__private::answer::<
                    Self,
                    _,
                >(
                    key,
                    best(
                            &self.db,
                            ::cachecow::__private::clone::<NaiveDate>(&self.day),
                            self.len,
                        )
                        .await,
                    |error| {
                        use ::cachecow::__private::ErrorKindOf as _;
                        (&&&::cachecow::__private::Tag::of(&error))
                            .cachecow_error_kind()
                            .wrap(<Self as ::cachecow::Lookup>::NAME, error)
                    },
                )
            }
        }
    }
};
