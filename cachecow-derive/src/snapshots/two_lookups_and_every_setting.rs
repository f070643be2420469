///A lookup of `Order` by `tenant` and `id`, made by `Order::by_tenant_and_id`.
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
pub struct OrderByTenantAndId((Uuid, u64), ::core::marker::PhantomData<fn() -> Order>);
///A lookup of `Order` by `number`, made by `Order::numbered`.
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
pub struct OrderNumbered(String, ::core::marker::PhantomData<fn() -> Order>);
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
impl Order {
    ///Looks `Order` up by `tenant` and `id`.
    #[inline]
    pub fn by_tenant_and_id(
        tenant: impl ::core::borrow::Borrow<Uuid>,
        id: u64,
    ) -> OrderByTenantAndId {
        OrderByTenantAndId(
            (
                ::cachecow::__private::clone::<
                    Uuid,
                >(<_ as ::core::borrow::Borrow<Uuid>>::borrow(&tenant)),
                id,
            ),
            ::core::marker::PhantomData,
        )
    }
    ///Looks `Order` up by `number`.
    #[inline]
    pub fn numbered(number: impl ::core::convert::Into<String>) -> OrderNumbered {
        OrderNumbered(::core::convert::Into::into(number), ::core::marker::PhantomData)
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
    use ::cachecow::__private::{SameByEncoding as _, SameByEquality as _};
    #[automatically_derived]
    impl ::cachecow::CacheSchema for Order {
        const NAME: &'static ::core::primitive::str = "Order";
        const FINGERPRINT: ::core::primitive::u64 = ::cachecow::__private::fingerprint(
            "Order { id : u64 , tenant : Uuid , number : String , # opaque customer : Box < Customer > , } ",
            &[
                ::cachecow::__private::Known::<u64>::FINGERPRINT,
                ::cachecow::__private::Known::<Uuid>::FINGERPRINT,
                ::cachecow::__private::Known::<String>::FINGERPRINT,
            ],
        );
        const MAY_BE_NIL: ::core::primitive::bool = false;
        #[inline]
        fn write_to(&self, encoder: &mut ::cachecow::__private::Encoder) {
            if encoder.begin(4usize) {
                <u64 as ::cachecow::CacheSchema>::write_to(&self.id, encoder);
                encoder.field("id");
                <Uuid as ::cachecow::CacheSchema>::write_to(&self.tenant, encoder);
                encoder.field("tenant");
                <String as ::cachecow::CacheSchema>::write_to(&self.number, encoder);
                encoder.field("number");
                ::cachecow::__private::write_opaque::<
                    Box<Customer>,
                >(&self.customer, encoder);
                encoder.field("customer");
            }
            encoder.end();
        }
        #[inline]
        fn read_from(
            decoder: &mut ::cachecow::__private::Decoder<'_>,
        ) -> ::core::result::Result<Self, ::cachecow::__private::DecodeError> {
            decoder.begin(4usize)?;
            let value = Self {
                id: ::cachecow::__private::Decoder::field(
                    "id",
                    <u64 as ::cachecow::CacheSchema>::read_from(decoder),
                )?,
                tenant: ::cachecow::__private::Decoder::field(
                    "tenant",
                    <Uuid as ::cachecow::CacheSchema>::read_from(decoder),
                )?,
                number: ::cachecow::__private::Decoder::field(
                    "number",
                    <String as ::cachecow::CacheSchema>::read_from(decoder),
                )?,
                customer: ::cachecow::__private::Decoder::field(
                    "customer",
                    ::cachecow::__private::read_opaque::<Box<Customer>>(decoder),
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
                && (<u64 as ::cachecow::CacheSchema>::is_same(
                    &self.id,
                    &other.id,
                    comparison,
                ) || comparison.differs("id"))
                && (<Uuid as ::cachecow::CacheSchema>::is_same(
                    &self.tenant,
                    &other.tenant,
                    comparison,
                ) || comparison.differs("tenant"))
                && (<String as ::cachecow::CacheSchema>::is_same(
                    &self.number,
                    &other.number,
                    comparison,
                ) || comparison.differs("number"))
                && ((&&::cachecow::__private::Compared::<
                    Box<Customer>,
                >(&self.customer, &other.customer))
                    .cachecow_is_same(|
                        value: &Box<Customer>,
                        encoder: &mut ::cachecow::__private::Encoder|
                    ::cachecow::__private::write_opaque::<Box<Customer>>(value, encoder))
                    || comparison.differs("customer"))
        }
    }
    #[automatically_derived]
    impl ::cachecow::Cached for Order {
        const POLICY: ::cachecow::TypePolicy = ::cachecow::TypePolicy::new()
            .with_ttl(::core::time::Duration::new(5400u64, 0u32))
            .with_negative_ttl(::core::time::Duration::new(0u64, 250000000u32))
            .with_stale_if_error(::core::time::Duration::new(86400u64, 0u32))
            .with_soft_timeout(::core::time::Duration::new(0u64, 50000000u32))
            .with_refresh_ahead(true)
            .with_settle(::core::time::Duration::new(0u64, 500000000u32))
            .with_near(false)
            .with_near_ttl(::core::time::Duration::new(5u64, 0u32));
        const TEMPLATES: &'static [&'static ::core::primitive::str] = &[
            "order:{}:{}",
            "order:number:{}",
        ];
        const DESCRIPTION: &'static ::core::primitive::str = "\"lookups\":[{\"name\":\"by_tenant_and_id\",\"template\":\"order:{tenant}:{id}\",\"parts\":[{\"name\":\"tenant\",\"type\":\"Uuid\"},{\"name\":\"id\",\"type\":\"u64\"}]},{\"name\":\"numbered\",\"template\":\"order:number:{number}\",\"parts\":[{\"name\":\"number\",\"type\":\"String\"}]}],\"lists\":[],\"tags\":[],\"fields\":[{\"name\":\"id\"},{\"name\":\"tenant\"},{\"name\":\"number\"},{\"name\":\"customer\",\"opaque\":true}]";
        #[inline]
        fn each_key(&self, visit: &mut dyn ::core::ops::FnMut(::cachecow::Key)) {
            visit(<OrderByTenantAndId as ::cachecow::Lookup>::key_of(self).key());
            visit(<OrderNumbered as ::cachecow::Lookup>::key_of(self).key());
        }
        #[inline]
        fn ttl(&self) -> ::core::option::Option<::core::time::Duration> {
            let object: &Self = self;
            ::cachecow::__private::ttl(
                ::cachecow::__private::by_reference::<
                    Self,
                    _,
                    _,
                    _,
                >({ Order::ttl })(object),
            )
        }
        #[inline]
        fn type_slot() -> ::core::primitive::usize {
            static SLOT: ::cachecow::__private::StaticSlot = ::cachecow::__private::StaticSlot::new();
            SLOT.get()
        }
    }
    #[automatically_derived]
    impl ::cachecow::CacheKeys for Order {
        #[inline]
        fn add_to(&self, set: &mut ::cachecow::KeySet) {
            set.add_object(self);
        }
    }
    #[automatically_derived]
    impl ::core::clone::Clone for OrderByTenantAndId {
        #[inline]
        fn clone(&self) -> Self {
            let (part_0, part_1) = &self.0;
            Self(
                (
                    ::cachecow::__private::clone::<Uuid>(part_0),
                    ::cachecow::__private::clone::<u64>(part_1),
                ),
                ::core::marker::PhantomData,
            )
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for OrderByTenantAndId {
        #[inline]
        fn fmt(
            &self,
            formatter: &mut ::core::fmt::Formatter<'_>,
        ) -> ::core::fmt::Result {
            use ::cachecow::__private::{HiddenPart as _, ShownPart as _};
            let (part_0, part_1) = &self.0;
            ::cachecow::__private::debug(
                formatter,
                ("Order::by_tenant_and_id", "order:{tenant}:{id}"),
                &["Uuid", "u64"],
                &[
                    (&&::cachecow::__private::Part(part_0)).cachecow_debug(),
                    ::core::option::Option::Some(part_1),
                ],
            )
        }
    }
    #[automatically_derived]
    impl ::cachecow::CacheKeys for OrderByTenantAndId {
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
        fn encode_cachecow_key(part_0: &Uuid, part_1: &u64) -> ::cachecow::KeyEncoder {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "order:{}:{}",
                );
                &TEMPLATE
            });
            ::cachecow::__private::encode::<Uuid>(part_0, &mut encoder);
            ::cachecow::__private::encode::<u64>(part_1, &mut encoder);
            encoder
        }
        #[automatically_derived]
        impl ::cachecow::Lookup for OrderByTenantAndId {
            type Object = Order;
            type Context = PgPool;
            const NAME: &'static ::core::primitive::str = "Order::by_tenant_and_id";
            #[inline]
            fn key(&self) -> ::cachecow::KeyEncoder {
                let (part_0, part_1) = &self.0;
                encode_cachecow_key(part_0, part_1)
            }
            #[inline]
            fn key_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
                encode_cachecow_key(&object.tenant, &object.id)
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
                let (part_0, part_1) = &self.0;
                async move {
                    ::cachecow::__private::found::<
                        Order,
                        _,
                    >(
                        ::cachecow::__private::call(
                                (_context, part_0, *part_1),
                                Order::find,
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
                        Order,
                        _,
                    >(
                        ::cachecow::__private::call(
                                (_context, &parts[..]),
                                Order::find_many,
                            )
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
    #[automatically_derived]
    impl ::core::clone::Clone for OrderNumbered {
        #[inline]
        fn clone(&self) -> Self {
            let part_0 = &self.0;
            Self(
                ::cachecow::__private::clone::<String>(part_0),
                ::core::marker::PhantomData,
            )
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for OrderNumbered {
        #[inline]
        fn fmt(
            &self,
            formatter: &mut ::core::fmt::Formatter<'_>,
        ) -> ::core::fmt::Result {
            let part_0 = &self.0;
            ::cachecow::__private::debug(
                formatter,
                ("Order::numbered", "order:number:{number}"),
                &["String"],
                &[::core::option::Option::Some(part_0)],
            )
        }
    }
    #[automatically_derived]
    impl ::cachecow::CacheKeys for OrderNumbered {
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
        fn encode_cachecow_key(part_0: &String) -> ::cachecow::KeyEncoder {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "order:number:{}",
                );
                &TEMPLATE
            });
            ::cachecow::__private::encode::<String>(part_0, &mut encoder);
            encoder
        }
        #[automatically_derived]
        impl ::cachecow::Lookup for OrderNumbered {
            type Object = Order;
            type Context = PgPool;
            const NAME: &'static ::core::primitive::str = "Order::numbered";
            const ALIAS: ::core::primitive::bool = true;
            #[inline]
            fn key(&self) -> ::cachecow::KeyEncoder {
                let part_0 = &self.0;
                encode_cachecow_key(part_0)
            }
            #[inline]
            fn key_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
                encode_cachecow_key(&object.number)
            }
            #[inline]
            fn primary_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
                <OrderByTenantAndId as ::cachecow::Lookup>::key_of(object)
            }
            #[inline]
            fn finds(&self, object: &Self::Object) -> ::core::primitive::bool {
                let part_0 = &self.0;
                true && ::core::cmp::PartialEq::eq(part_0, &object.number)
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
                        Order,
                        _,
                    >(
                        ::cachecow::__private::call(
                                (_context, ::cachecow::__private::text(part_0)),
                                find_by_number,
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
};
