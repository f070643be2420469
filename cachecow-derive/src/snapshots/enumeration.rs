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
    use crate::cow::__private::Unknown as _;
    use crate::cow::__private::{SameByEncoding as _, SameByEquality as _};
    #[automatically_derived]
    impl<T> crate::cow::CacheSchema for Event<T>
    where
        T: crate::cow::CacheSchema,
        T: crate::cow::__private::Opaque,
    {
        const NAME: &'static ::core::primitive::str = "Event";
        const FINGERPRINT: ::core::primitive::u64 = crate::cow::__private::fingerprint(
            "Event | Ping ; | Said ( 0 : String , # opaque 1 : T , ) | Moved { from : Point , to : Option < Box < Event < T > > > , } ",
            &[
                <T as crate::cow::CacheSchema>::FINGERPRINT,
                crate::cow::__private::Known::<String>::FINGERPRINT,
                crate::cow::__private::Known::<Point>::FINGERPRINT,
                crate::cow::__private::Known::<
                    Option<Box<crate::cow::__private::Own>>,
                >::FINGERPRINT,
            ],
        );
        const MAY_BE_NIL: ::core::primitive::bool = false;
        #[inline]
        fn write_to(&self, encoder: &mut crate::cow::__private::Encoder) {
            match self {
                Self::Ping { .. } => if encoder.variant(0u32, 0usize) {}
                Self::Said { 0: one_0, 1: one_1, .. } => {
                    if encoder.variant(1u32, 2usize) {
                        <String as crate::cow::CacheSchema>::write_to(one_0, encoder);
                        encoder.field("0");
                        crate::cow::__private::write_opaque::<T>(one_1, encoder);
                        encoder.field("1");
                    }
                }
                Self::Moved { from: one_0, to: one_1, .. } => {
                    if encoder.variant(2u32, 2usize) {
                        <Point as crate::cow::CacheSchema>::write_to(one_0, encoder);
                        encoder.field("from");
                        <Option<
                            Box<Event<T>>,
                        > as crate::cow::CacheSchema>::write_to(one_1, encoder);
                        encoder.field("to");
                    }
                }
            }
            encoder.end();
        }
        #[inline]
        fn read_from(
            decoder: &mut crate::cow::__private::Decoder<'_>,
        ) -> ::core::result::Result<Self, crate::cow::__private::DecodeError> {
            let value = match decoder.variant()? {
                (0u64, 0usize) => Self::Ping {},
                (1u64, 2usize) => {
                    Self::Said {
                        0: crate::cow::__private::Decoder::field(
                            "0",
                            <String as crate::cow::CacheSchema>::read_from(decoder),
                        )?,
                        1: crate::cow::__private::Decoder::field(
                            "1",
                            crate::cow::__private::read_opaque::<T>(decoder),
                        )?,
                    }
                }
                (2u64, 2usize) => {
                    Self::Moved {
                        from: crate::cow::__private::Decoder::field(
                            "from",
                            <Point as crate::cow::CacheSchema>::read_from(decoder),
                        )?,
                        to: crate::cow::__private::Decoder::field(
                            "to",
                            <Option<
                                Box<Event<T>>,
                            > as crate::cow::CacheSchema>::read_from(decoder),
                        )?,
                    }
                }
                _ => return ::core::result::Result::Err(decoder.no_variant()),
            };
            decoder.end();
            ::core::result::Result::Ok(value)
        }
        #[inline]
        fn is_same(
            &self,
            other: &Self,
            comparison: &mut crate::cow::__private::Comparison,
        ) -> ::core::primitive::bool {
            let _ = &comparison;
            match (self, other) {
                (Self::Ping { .. }, Self::Ping { .. }) => true,
                (
                    Self::Said { 0: one_0, 1: one_1, .. },
                    Self::Said { 0: other_0, 1: other_1, .. },
                ) => {
                    true
                        && (<String as crate::cow::CacheSchema>::is_same(
                            one_0,
                            other_0,
                            comparison,
                        ) || comparison.differs("0"))
                        && ((&&crate::cow::__private::Compared::<T>(one_1, other_1))
                            .cachecow_is_same(|
                                value: &T,
                                encoder: &mut crate::cow::__private::Encoder|
                            crate::cow::__private::write_opaque::<T>(value, encoder))
                            || comparison.differs("1"))
                }
                (
                    Self::Moved { from: one_0, to: one_1, .. },
                    Self::Moved { from: other_0, to: other_1, .. },
                ) => {
                    true
                        && (<Point as crate::cow::CacheSchema>::is_same(
                            one_0,
                            other_0,
                            comparison,
                        ) || comparison.differs("from"))
                        && (<Option<
                            Box<Event<T>>,
                        > as crate::cow::CacheSchema>::is_same(
                            one_1,
                            other_1,
                            comparison,
                        ) || comparison.differs("to"))
                }
                _ => false,
            }
        }
        #[inline]
        fn write_name(encoder: &mut crate::cow::KeyEncoder) {
            encoder.group(2usize);
            encoder.scope(<Self as crate::cow::CacheSchema>::NAME);
            <T as crate::cow::CacheSchema>::write_name(encoder);
        }
    }
};
