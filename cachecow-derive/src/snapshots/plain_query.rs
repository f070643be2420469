/// The squares.
async fn squares(below: u32) -> Result<Vec<u32>, Error> {
    Ok((0..below).map(|n| n * n).collect())
}
///Looks answers of `squares` up, made by [`of`](Self::of).
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
struct squares {
    below: u32,
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
impl squares {
    ///Looks the answer of `squares` for `below` up.
    #[inline]
    fn of(below: u32) -> Self {
        Self { below }
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
    impl ::core::clone::Clone for squares {
        #[inline]
        fn clone(&self) -> Self {
            Self {
                below: ::cachecow::__private::clone::<u32>(&self.below),
            }
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for squares {
        #[inline]
        fn fmt(
            &self,
            formatter: &mut ::core::fmt::Formatter<'_>,
        ) -> ::core::fmt::Result {
            use ::cachecow::__private::{HiddenPart as _, Part, ShownPart as _};
            ::cachecow::__private::debug(
                formatter,
                ("squares", "squares:{below}"),
                &["u32"],
                &[(&&Part(&self.below)).cachecow_debug()],
            )
        }
    }
    #[automatically_derived]
    impl ::cachecow::CacheKeys for squares {
        #[inline]
        fn add_to(&self, set: &mut ::cachecow::KeySet) {
            set.add(
                <Self as ::cachecow::Lookup>::key(self).key(),
                <Self as ::cachecow::Query>::POLICY,
            );
        }
    }
    #[automatically_derived]
    impl ::cachecow::Query for squares {
        type Value = Vec<u32>;
        type Output = ::cachecow::__private::Arc<Self::Value>;
        const NAME: &'static ::core::primitive::str = "squares";
        const POLICY: ::cachecow::TypePolicy = ::cachecow::TypePolicy::new()
            .with_ttl(::core::time::Duration::new(300u64, 0u32));
        const TEMPLATES: &'static [&'static ::core::primitive::str] = &["squares:{}"];
        const SHAPE: ::core::primitive::u64 = 0u64;
        const DESCRIPTION: &'static ::core::primitive::str = "\"query\":true,\"lookups\":[{\"name\":\"of\",\"template\":\"squares:{below}\",\"parts\":[{\"name\":\"below\",\"type\":\"u32\"}]}]";
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
    impl ::cachecow::Lookup for squares {
        type Object = ::cachecow::Answer<Self>;
        type Context = ();
        const NAME: &'static ::core::primitive::str = "squares";
        #[inline]
        fn key(&self) -> ::cachecow::KeyEncoder {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "squares:{}",
                );
                &TEMPLATE
            });
            ::cachecow::__private::encode::<u32>(&self.below, &mut encoder);
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
                    squares(self.below).await,
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
