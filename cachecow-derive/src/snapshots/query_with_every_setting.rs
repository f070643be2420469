#[cfg(unix)]
pub(crate) async fn best<'a>(
    db: &'a PgPool,
    day: &NaiveDate,
    kind: &str,
    r#type: u8,
    mut trace: String,
    hints: &[Hint],
) -> Result<Option<Post>, sqlx::Error> {
    db.best(day, kind, r#type, trace, hints).await
}
#[cfg(unix)]
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
pub(crate) struct best {
    day: NaiveDate,
    kind: ::framework::cachecow::__private::String,
    r#type: u8,
    trace: String,
    hints: ::framework::cachecow::__private::Vec<Hint>,
}
#[cfg(unix)]
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
    ///Looks the answer of `best` for `day`, `kind`, `type`, `trace` and `hints` up.
    #[inline]
    pub(crate) fn of(
        day: impl ::core::borrow::Borrow<NaiveDate>,
        kind: impl ::core::convert::Into<::framework::cachecow::__private::String>,
        r#type: u8,
        trace: impl ::core::convert::Into<String>,
        hints: impl ::core::convert::Into<::framework::cachecow::__private::Vec<Hint>>,
    ) -> Self {
        Self {
            day: ::framework::cachecow::__private::clone::<
                NaiveDate,
            >(<_ as ::core::borrow::Borrow<NaiveDate>>::borrow(&day)),
            kind: ::core::convert::Into::<
                ::framework::cachecow::__private::String,
            >::into(kind),
            r#type,
            trace: ::core::convert::Into::<String>::into(trace),
            hints: ::core::convert::Into::<
                ::framework::cachecow::__private::Vec<Hint>,
            >::into(hints),
        }
    }
}
#[cfg(unix)]
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
                day: ::framework::cachecow::__private::clone::<NaiveDate>(&self.day),
                kind: ::framework::cachecow::__private::clone::<
                    ::framework::cachecow::__private::String,
                >(&self.kind),
                r#type: ::framework::cachecow::__private::clone::<u8>(&self.r#type),
                trace: ::framework::cachecow::__private::clone::<String>(&self.trace),
                hints: ::framework::cachecow::__private::clone::<
                    ::framework::cachecow::__private::Vec<Hint>,
                >(&self.hints),
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
            use ::framework::cachecow::__private::{
                HiddenPart as _, Part, ShownPart as _,
            };
            ::framework::cachecow::__private::debug(
                formatter,
                ("best", "best:{kind}:{r#type}:{day}"),
                &["NaiveDate", "str", "u8", "String", "[Hint]"],
                &[
                    (&&Part(&self.day)).cachecow_debug(),
                    (&&Part(&self.kind)).cachecow_debug(),
                    (&&Part(&self.r#type)).cachecow_debug(),
                    (&&Part(&self.trace)).cachecow_debug(),
                    (&&Part(&self.hints)).cachecow_debug(),
                ],
            )
        }
    }
    #[automatically_derived]
    impl ::framework::cachecow::CacheKeys for best {
        #[inline]
        fn add_to(&self, set: &mut ::framework::cachecow::KeySet) {
            set.add(
                <Self as ::framework::cachecow::Lookup>::key(self).key(),
                <Self as ::framework::cachecow::Query>::POLICY,
            );
        }
    }
    #[automatically_derived]
    impl ::framework::cachecow::Query for best {
        type Value = Post;
        type Output = ::core::option::Option<
            ::framework::cachecow::__private::Arc<Self::Value>,
        >;
        const NAME: &'static ::core::primitive::str = "best";
        const POLICY: ::framework::cachecow::TypePolicy = ::framework::cachecow::TypePolicy::new()
            .with_ttl(::core::time::Duration::new(300u64, 0u32))
            .with_negative_ttl(::core::time::Duration::new(1u64, 0u32))
            .with_stale_if_error(::core::time::Duration::new(3600u64, 0u32))
            .with_soft_timeout(::core::time::Duration::new(0u64, 50000000u32))
            .with_refresh_ahead(true)
            .with_settle(::core::time::Duration::new(0u64, 500000000u32))
            .with_near(false)
            .with_near_ttl(::core::time::Duration::new(5u64, 0u32));
        const TEMPLATES: &'static [&'static ::core::primitive::str] = &["best:{}:{}:{}"];
        const SHAPE: ::core::primitive::u64 = 5u64;
        const DESCRIPTION: &'static ::core::primitive::str = "\"query\":true,\"lookups\":[{\"name\":\"of\",\"template\":\"best:{kind}:{r#type}:{day}\",\"parts\":[{\"name\":\"kind\",\"type\":\"str\"},{\"name\":\"type\",\"type\":\"u8\"},{\"name\":\"day\",\"type\":\"NaiveDate\"}]}]";
        #[inline]
        fn output(
            found: ::core::option::Option<
                ::framework::cachecow::__private::Arc<
                    ::framework::cachecow::Answer<Self>,
                >,
            >,
        ) -> ::core::option::Option<Self::Output> {
            ::core::option::Option::Some(
                ::core::option::Option::map(
                    found,
                    ::framework::cachecow::__private::shared_answer,
                ),
            )
        }
        #[inline]
        fn slot() -> ::core::primitive::usize {
            static SLOT: ::framework::cachecow::__private::StaticSlot = ::framework::cachecow::__private::StaticSlot::new();
            SLOT.get()
        }
    }
    #[automatically_derived]
    impl ::framework::cachecow::Lookup for best {
        type Object = ::framework::cachecow::Answer<Self>;
        type Context = PgPool;
        const NAME: &'static ::core::primitive::str = "best";
        #[inline]
        fn key(&self) -> ::framework::cachecow::KeyEncoder {
            let mut encoder = ::framework::cachecow::KeyEncoder::of({
                static TEMPLATE: ::framework::cachecow::__private::Template = ::framework::cachecow::__private::Template::new(
                    "best:{}:{}:{}",
                );
                &TEMPLATE
            });
            ::framework::cachecow::__private::encode::<
                ::framework::cachecow::__private::String,
            >(&self.kind, &mut encoder);
            ::framework::cachecow::__private::encode::<u8>(&self.r#type, &mut encoder);
            ::framework::cachecow::__private::encode::<
                NaiveDate,
            >(&self.day, &mut encoder);
            encoder
        }
        #[inline]
        fn key_of(object: &Self::Object) -> ::framework::cachecow::KeyEncoder {
            ::framework::cachecow::__private::key_of_answer(object)
        }
        #[inline]
        fn finds(&self, object: &Self::Object) -> ::core::primitive::bool {
            ::framework::cachecow::__private::answers(
                object,
                &<Self as ::framework::cachecow::Lookup>::key(self),
            )
        }
        #[inline]
        fn audited(&self) -> ::core::option::Option<::framework::cachecow::Audited> {
            ::core::option::Option::Some(
                ::framework::cachecow::Audited::of(::core::clone::Clone::clone(self)),
            )
        }
        const TAGGED: ::core::primitive::bool = true;
        #[inline]
        fn each_epoch(
            &self,
            _: ::core::option::Option<&Self::Object>,
            visit: &mut dyn ::core::ops::FnMut(::framework::cachecow::Key),
        ) {
            let kind = ::framework::cachecow::__private::text(&self.kind);
            ::framework::cachecow::__private::tags(Post::tag_kind(kind), visit);
            ::framework::cachecow::__private::tags(Author::tag_all(), visit);
        }
        #[inline]
        fn each_guard(
            &self,
            visit: &mut dyn ::core::ops::FnMut(::framework::cachecow::Key),
        ) {
            <Self as ::framework::cachecow::Lookup>::each_epoch(
                self,
                ::core::option::Option::None,
                visit,
            );
        }
        #[inline]
        fn fetch(
            &self,
            _context: &Self::Context,
        ) -> impl ::core::future::Future<
            Output = ::core::result::Result<
                ::core::option::Option<Self::Object>,
                ::framework::cachecow::Error,
            >,
        > + ::core::marker::Send {
            let key = <Self as ::framework::cachecow::Lookup>::key(self);
            async move {
                ::framework::cachecow::__private::answer::<
                    Self,
                    _,
                >(
                    key,
                    best(
                            _context,
                            &self.day,
                            ::framework::cachecow::__private::text(&self.kind),
                            self.r#type,
                            ::framework::cachecow::__private::clone::<
                                String,
                            >(&self.trace),
                            &self.hints[..],
                        )
                        .await,
                    |error| {
                        use ::framework::cachecow::__private::ErrorKindOf as _;
                        (&&&::framework::cachecow::__private::Tag::of(&error))
                            .cachecow_error_kind()
                            .wrap(<Self as ::framework::cachecow::Lookup>::NAME, error)
                    },
                )
            }
        }
    }
};
