///A lookup of `Page` by `first`, made by `Page::by_first`.
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
#[must_use = "a lookup does nothing until it is given to `get`, `invalidate` or `write`"]
struct PageByFirst<T: Clone, K, const N: usize>(
    K,
    ::core::marker::PhantomData<fn() -> Page<T, K, N>>,
)
where
    K: Ord;
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
impl<T: Clone, K, const N: usize> Page<T, K, N>
where
    K: Ord,
{
    ///Looks `Page` up by `first`.
    #[inline]
    fn by_first(first: impl ::core::borrow::Borrow<K>) -> PageByFirst<T, K, N>
    where
        K: ::core::clone::Clone,
    {
        PageByFirst(
            ::cachecow::__private::clone::<
                K,
            >(<_ as ::core::borrow::Borrow<K>>::borrow(&first)),
            ::core::marker::PhantomData,
        )
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
    use ::cachecow::__private::Unknown as _;
    #[automatically_derived]
    impl<T: Clone, K, const N: usize> ::cachecow::CacheSchema for Page<T, K, N>
    where
        K: Ord,
        T: ::cachecow::CacheSchema,
        K: ::cachecow::CacheSchema,
    {
        const NAME: &'static ::core::primitive::str = "Page";
        const FINGERPRINT: ::core::primitive::u64 = ::cachecow::__private::fingerprint(
            "Page { first : K , items : Vec < T > , } ",
            &[
                <T as ::cachecow::CacheSchema>::FINGERPRINT,
                <K as ::cachecow::CacheSchema>::FINGERPRINT,
                ::cachecow::__private::Known::<K>::FINGERPRINT,
                ::cachecow::__private::Known::<Vec<T>>::FINGERPRINT,
            ],
        );
        const MAY_BE_NIL: ::core::primitive::bool = false;
        #[inline]
        fn write_to(&self, encoder: &mut ::cachecow::__private::Encoder) {
            if encoder.begin(2usize) {
                <K as ::cachecow::CacheSchema>::write_to(&self.first, encoder);
                encoder.field("first");
                <Vec<T> as ::cachecow::CacheSchema>::write_to(&self.items, encoder);
                encoder.field("items");
            }
            encoder.end();
        }
        #[inline]
        fn read_from(
            decoder: &mut ::cachecow::__private::Decoder<'_>,
        ) -> ::core::result::Result<Self, ::cachecow::__private::DecodeError> {
            decoder.begin(2usize)?;
            let value = Self {
                first: ::cachecow::__private::Decoder::field(
                    "first",
                    <K as ::cachecow::CacheSchema>::read_from(decoder),
                )?,
                items: ::cachecow::__private::Decoder::field(
                    "items",
                    <Vec<T> as ::cachecow::CacheSchema>::read_from(decoder),
                )?,
            };
            decoder.end();
            ::core::result::Result::Ok(value)
        }
        #[inline]
        fn is_same(
            &self,
            other: &Self,
            comparison: &mut ::cachecow::__private::Comparison,
        ) -> ::core::primitive::bool {
            true
                && (<K as ::cachecow::CacheSchema>::is_same(
                    &self.first,
                    &other.first,
                    comparison,
                ) || comparison.differs("first"))
                && (<Vec<
                    T,
                > as ::cachecow::CacheSchema>::is_same(
                    &self.items,
                    &other.items,
                    comparison,
                ) || comparison.differs("items"))
        }
        #[inline]
        fn write_name(encoder: &mut ::cachecow::KeyEncoder) {
            encoder.group(4usize);
            encoder.scope(<Self as ::cachecow::CacheSchema>::NAME);
            <T as ::cachecow::CacheSchema>::write_name(encoder);
            <K as ::cachecow::CacheSchema>::write_name(encoder);
            ::cachecow::KeyPart::encode(&N, encoder);
        }
    }
    #[automatically_derived]
    impl<T: Clone, K, const N: usize> ::cachecow::Cached for Page<T, K, N>
    where
        K: Ord,
        T: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
        K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
        K: ::cachecow::KeyPart + ::core::clone::Clone + ::core::marker::Send
            + ::core::marker::Sync,
    {
        const POLICY: ::cachecow::TypePolicy = ::cachecow::TypePolicy::new();
        const TEMPLATES: &'static [&'static ::core::primitive::str] = &["page:{}"];
        const DESCRIPTION: &'static ::core::primitive::str = "\"lookups\":[{\"name\":\"by_first\",\"template\":\"page:{first}\",\"parts\":[{\"name\":\"first\",\"type\":\"K\"}]}],\"lists\":[],\"tags\":[],\"fields\":[{\"name\":\"first\"},{\"name\":\"items\"}]";
        #[inline]
        fn each_key(&self, visit: &mut dyn ::core::ops::FnMut(::cachecow::Key)) {
            visit(<PageByFirst<T, K, N> as ::cachecow::Lookup>::key_of(self).key());
        }
    }
    #[automatically_derived]
    impl<T: Clone, K, const N: usize> ::cachecow::CacheKeys for Page<T, K, N>
    where
        K: Ord,
        T: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
        K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
        K: ::cachecow::KeyPart + ::core::clone::Clone + ::core::marker::Send
            + ::core::marker::Sync,
    {
        #[inline]
        fn add_to(&self, set: &mut ::cachecow::KeySet) {
            set.add_object(self);
        }
    }
    #[automatically_derived]
    impl<T: Clone, K, const N: usize> ::core::clone::Clone for PageByFirst<T, K, N>
    where
        K: Ord,
        K: ::core::clone::Clone,
    {
        #[inline]
        fn clone(&self) -> Self {
            let part_0 = &self.0;
            Self(::cachecow::__private::clone::<K>(part_0), ::core::marker::PhantomData)
        }
    }
    #[automatically_derived]
    impl<T: Clone, K, const N: usize> ::core::fmt::Debug for PageByFirst<T, K, N>
    where
        K: Ord,
    {
        #[inline]
        fn fmt(
            &self,
            formatter: &mut ::core::fmt::Formatter<'_>,
        ) -> ::core::fmt::Result {
            use ::cachecow::__private::{HiddenPart as _, ShownPart as _};
            let part_0 = &self.0;
            ::cachecow::__private::debug(
                formatter,
                ("Page::by_first", "page:{first}"),
                &["K"],
                &[(&&::cachecow::__private::Part(part_0)).cachecow_debug()],
            )
        }
    }
    #[automatically_derived]
    impl<T: Clone, K, const N: usize> ::cachecow::CacheKeys for PageByFirst<T, K, N>
    where
        K: Ord,
        T: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
        K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
        K: ::cachecow::KeyPart + ::core::clone::Clone + ::core::marker::Send
            + ::core::marker::Sync,
    {
        #[inline]
        fn add_to(&self, set: &mut ::cachecow::KeySet) {
            set.add(
                <Self as ::cachecow::Lookup>::key(self).key(),
                <<Self as ::cachecow::Lookup>::Object as ::cachecow::Cached>::POLICY,
            );
        }
    }
    const _: () = {
        #[inline]
        fn encode_cachecow_key<T: Clone, K, const N: usize>(
            part_0: &K,
        ) -> ::cachecow::KeyEncoder
        where
            K: Ord,
            T: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
                + 'static,
            K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
                + 'static,
            K: ::cachecow::KeyPart + ::core::clone::Clone + ::core::marker::Send
                + ::core::marker::Sync,
        {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "page:{}",
                );
                &TEMPLATE
            });
            <T as ::cachecow::CacheSchema>::write_name(&mut encoder);
            <K as ::cachecow::CacheSchema>::write_name(&mut encoder);
            ::cachecow::KeyPart::encode(&N, &mut encoder);
            ::cachecow::__private::encode::<K>(part_0, &mut encoder);
            encoder
        }
        #[automatically_derived]
        impl<T: Clone, K, const N: usize> ::cachecow::Lookup for PageByFirst<T, K, N>
        where
            K: Ord,
            T: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
                + 'static,
            K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
                + 'static,
            K: ::cachecow::KeyPart + ::core::clone::Clone + ::core::marker::Send
                + ::core::marker::Sync,
        {
            type Object = Page<T, K, N>;
            type Context = ();
            const NAME: &'static ::core::primitive::str = "Page::by_first";
            #[inline]
            fn key(&self) -> ::cachecow::KeyEncoder {
                let part_0 = &self.0;
                encode_cachecow_key::<T, K, N>(part_0)
            }
            #[inline]
            fn key_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
                encode_cachecow_key::<T, K, N>(&object.first)
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
                let part_0 = &self.0;
                async move {
                    ::cachecow::__private::found::<
                        Page<T, K, N>,
                        _,
                    >(
                        ::cachecow::__private::call((part_0,), <Page<T, K, N>>::find)
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
            #[inline]
            fn fetch_many<'many>(
                lookups: &'many [&'many Self],
                _context: &'many Self::Context,
            ) -> ::core::option::Option<
                impl ::core::future::Future<
                    Output = ::core::result::Result<
                        ::cachecow::__private::Vec<Self::Object>,
                        ::cachecow::Error,
                    >,
                > + ::core::marker::Send + 'many,
            > {
                let parts = ::cachecow::__private::gather(
                    lookups,
                    |lookup| <Self as ::core::clone::Clone>::clone(lookup).0,
                );
                ::core::option::Option::Some(async move {
                    ::cachecow::__private::found_many::<
                        Page<T, K, N>,
                        _,
                    >(
                        ::cachecow::__private::call((&parts[..],), Page::find_many)
                            .await,
                        |error| {
                            use ::cachecow::__private::ErrorKindOf as _;
                            (&&&::cachecow::__private::Tag::of(&error))
                                .cachecow_error_kind()
                                .wrap(<Self as ::cachecow::Lookup>::NAME, error)
                        },
                    )
                })
            }
        }
    };
};
