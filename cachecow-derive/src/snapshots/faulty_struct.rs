::core::compile_error! {
    "`ttl` is a setting of the struct, not of a lookup: move it to its own `#[cache(ttl = …)]`"
}
::core::compile_error! {
    "`10` in `10` has no unit; write a number and a unit (ms, s, m, h, d), as in \"250ms\", \"10s\", \"10m\" or \"1h30m\""
}
::core::compile_error! {
    "`fetch` is missing; name the async function that reads one object, as in `fetch = User::find`"
}
::core::compile_error! {
    "`{idd}` is not a field of `User`, which has `id`; did you mean `{id}`?"
}
///A lookup of `User` by `id`, made by `User::by_id`.
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
struct UserById(i64, ::core::marker::PhantomData<fn() -> User>);
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
impl User {
    ///Looks `User` up by `id`.
    #[inline]
    fn by_id(id: i64) -> UserById {
        UserById(id, ::core::marker::PhantomData)
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
    impl ::cachecow::CacheSchema for User {
        const NAME: &'static ::core::primitive::str = "User";
        const FINGERPRINT: ::core::primitive::u64 = ::cachecow::__private::fingerprint(
            "User { id : i64 , } ",
            &[::cachecow::__private::Known::<i64>::FINGERPRINT],
        );
        const MAY_BE_NIL: ::core::primitive::bool = false;
        #[inline]
        fn write_to(&self, encoder: &mut ::cachecow::__private::Encoder) {
            if encoder.begin(1usize) {
                <i64 as ::cachecow::CacheSchema>::write_to(&self.id, encoder);
                encoder.field("id");
            }
            encoder.end();
        }
        #[inline]
        fn read_from(
            decoder: &mut ::cachecow::__private::Decoder<'_>,
        ) -> ::core::result::Result<Self, ::cachecow::__private::DecodeError> {
            decoder.begin(1usize)?;
            let value = Self {
                id: ::cachecow::__private::Decoder::field(
                    "id",
                    <i64 as ::cachecow::CacheSchema>::read_from(decoder),
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
                && (<i64 as ::cachecow::CacheSchema>::is_same(
                    &self.id,
                    &other.id,
                    comparison,
                ) || comparison.differs("id"))
        }
    }
    #[automatically_derived]
    impl ::cachecow::Cached for User {
        const POLICY: ::cachecow::TypePolicy = ::cachecow::TypePolicy::new();
        const TEMPLATES: &'static [&'static ::core::primitive::str] = &["user:{}"];
        const DESCRIPTION: &'static ::core::primitive::str = "\"lookups\":[{\"name\":\"by_id\",\"template\":\"user:{idd}\",\"parts\":[{\"name\":\"id\",\"type\":\"i64\"}]}],\"lists\":[],\"tags\":[],\"fields\":[{\"name\":\"id\"}]";
        #[inline]
        fn each_key(&self, visit: &mut dyn ::core::ops::FnMut(::cachecow::Key)) {
            visit(<UserById as ::cachecow::Lookup>::key_of(self).key());
        }
        #[inline]
        fn type_slot() -> ::core::primitive::usize {
            static SLOT: ::cachecow::__private::StaticSlot = ::cachecow::__private::StaticSlot::new();
            SLOT.get()
        }
    }
    #[automatically_derived]
    impl ::cachecow::CacheKeys for User {
        #[inline]
        fn add_to(&self, set: &mut ::cachecow::KeySet) {
            set.add_object(self);
        }
    }
    #[automatically_derived]
    impl ::core::clone::Clone for UserById {
        #[inline]
        fn clone(&self) -> Self {
            let part_0 = &self.0;
            Self(
                ::cachecow::__private::clone::<i64>(part_0),
                ::core::marker::PhantomData,
            )
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for UserById {
        #[inline]
        fn fmt(
            &self,
            formatter: &mut ::core::fmt::Formatter<'_>,
        ) -> ::core::fmt::Result {
            let part_0 = &self.0;
            ::cachecow::__private::debug(
                formatter,
                ("User::by_id", "user:{idd}"),
                &["i64"],
                &[::core::option::Option::Some(part_0)],
            )
        }
    }
    #[automatically_derived]
    impl ::cachecow::CacheKeys for UserById {
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
        fn encode_cachecow_key(part_0: &i64) -> ::cachecow::KeyEncoder {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "user:{}",
                );
                &TEMPLATE
            });
            ::cachecow::__private::encode::<i64>(part_0, &mut encoder);
            encoder
        }
        #[automatically_derived]
        impl ::cachecow::Lookup for UserById {
            type Object = User;
            type Context = ();
            const NAME: &'static ::core::primitive::str = "User::by_id";
            #[inline]
            fn key(&self) -> ::cachecow::KeyEncoder {
                let part_0 = &self.0;
                encode_cachecow_key(part_0)
            }
            #[inline]
            fn key_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
                encode_cachecow_key(&object.id)
            }
            #[inline]
            fn finds(&self, object: &Self::Object) -> ::core::primitive::bool {
                let part_0 = &self.0;
                true && ::core::cmp::PartialEq::eq(part_0, &object.id)
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
                _: &Self::Context,
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<
                    ::core::option::Option<Self::Object>,
                    ::cachecow::Error,
                >,
            > + ::core::marker::Send {
                ::cachecow::__private::never()
            }
        }
    };
};
