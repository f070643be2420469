///A lookup of `Row` by `0`, made by `Row::by_0`.
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
pub(crate) struct RowBy0(u8, ::core::marker::PhantomData<fn() -> Row>);
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
impl Row {
    ///Looks `Row` up by `0`.
    #[inline]
    pub(crate) fn by_0(part_0: u8) -> RowBy0 {
        RowBy0(part_0, ::core::marker::PhantomData)
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
    impl ::cachecow::CacheSchema for Row {
        const NAME: &'static ::core::primitive::str = "Row";
        const FINGERPRINT: ::core::primitive::u64 = ::cachecow::__private::fingerprint(
            "Row ( 0 : u8 , 1 : Vec < Row > , ) ",
            &[
                ::cachecow::__private::Known::<u8>::FINGERPRINT,
                ::cachecow::__private::Known::<
                    Vec<::cachecow::__private::Own>,
                >::FINGERPRINT,
            ],
        );
        const MAY_BE_NIL: ::core::primitive::bool = false;
        #[inline]
        fn write_to(&self, encoder: &mut ::cachecow::__private::Encoder) {
            if encoder.begin(2usize) {
                <u8 as ::cachecow::CacheSchema>::write_to(&self.0, encoder);
                encoder.field("0");
                <Vec<Row> as ::cachecow::CacheSchema>::write_to(&self.1, encoder);
                encoder.field("1");
            }
            encoder.end();
        }
        #[inline]
        fn read_from(
            decoder: &mut ::cachecow::__private::Decoder<'_>,
        ) -> ::core::result::Result<Self, ::cachecow::__private::DecodeError> {
            decoder.begin(2usize)?;
            let value = Self {
                0: ::cachecow::__private::Decoder::field(
                    "0",
                    <u8 as ::cachecow::CacheSchema>::read_from(decoder),
                )?,
                1: ::cachecow::__private::Decoder::field(
                    "1",
                    <Vec<Row> as ::cachecow::CacheSchema>::read_from(decoder),
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
                && (<u8 as ::cachecow::CacheSchema>::is_same(
                    &self.0,
                    &other.0,
                    comparison,
                ) || comparison.differs("0"))
                && (<Vec<
                    Row,
                > as ::cachecow::CacheSchema>::is_same(&self.1, &other.1, comparison)
                    || comparison.differs("1"))
        }
    }
    #[automatically_derived]
    impl ::cachecow::Cached for Row {
        const POLICY: ::cachecow::TypePolicy = ::cachecow::TypePolicy::new();
        const TEMPLATES: &'static [&'static ::core::primitive::str] = &["row:{}"];
        const DESCRIPTION: &'static ::core::primitive::str = "\"lookups\":[{\"name\":\"by_0\",\"template\":\"row:{0}\",\"parts\":[{\"name\":\"0\",\"type\":\"u8\"}]}],\"lists\":[],\"tags\":[],\"fields\":[{\"name\":\"0\"},{\"name\":\"1\"}]";
        #[inline]
        fn each_key(&self, visit: &mut dyn ::core::ops::FnMut(::cachecow::Key)) {
            visit(<RowBy0 as ::cachecow::Lookup>::key_of(self).key());
        }
        #[inline]
        fn type_slot() -> ::core::primitive::usize {
            static SLOT: ::cachecow::__private::StaticSlot = ::cachecow::__private::StaticSlot::new();
            SLOT.get()
        }
    }
    #[automatically_derived]
    impl ::cachecow::CacheKeys for Row {
        #[inline]
        fn add_to(&self, set: &mut ::cachecow::KeySet) {
            set.add_object(self);
        }
    }
    #[automatically_derived]
    impl ::core::clone::Clone for RowBy0 {
        #[inline]
        fn clone(&self) -> Self {
            let part_0 = &self.0;
            Self(::cachecow::__private::clone::<u8>(part_0), ::core::marker::PhantomData)
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for RowBy0 {
        #[inline]
        fn fmt(
            &self,
            formatter: &mut ::core::fmt::Formatter<'_>,
        ) -> ::core::fmt::Result {
            let part_0 = &self.0;
            ::cachecow::__private::debug(
                formatter,
                ("Row::by_0", "row:{0}"),
                &["u8"],
                &[::core::option::Option::Some(part_0)],
            )
        }
    }
    #[automatically_derived]
    impl ::cachecow::CacheKeys for RowBy0 {
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
        fn encode_cachecow_key(part_0: &u8) -> ::cachecow::KeyEncoder {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "row:{}",
                );
                &TEMPLATE
            });
            ::cachecow::__private::encode::<u8>(part_0, &mut encoder);
            encoder
        }
        #[automatically_derived]
        impl ::cachecow::Lookup for RowBy0 {
            type Object = Row;
            type Context = ();
            const NAME: &'static ::core::primitive::str = "Row::by_0";
            #[inline]
            fn key(&self) -> ::cachecow::KeyEncoder {
                let part_0 = &self.0;
                encode_cachecow_key(part_0)
            }
            #[inline]
            fn key_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
                encode_cachecow_key(&object.0)
            }
            #[inline]
            fn finds(&self, object: &Self::Object) -> ::core::primitive::bool {
                let part_0 = &self.0;
                true && ::core::cmp::PartialEq::eq(part_0, &object.0)
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
                        Row,
                        _,
                    >(
                        ::cachecow::__private::call((*part_0,), row).await,
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
};
