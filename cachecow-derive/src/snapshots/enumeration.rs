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
    unused_qualifications,
)]
const _: () = {
    use crate::cow::__private::Unknown as _;
    #[automatically_derived]
    impl<T> crate::cow::CacheSchema for Event<T>
    where
        T: crate::cow::CacheSchema,
    {
        const NAME: &'static ::core::primitive::str = "Event";
        const FINGERPRINT: ::core::primitive::u64 = crate::cow::__private::fingerprint(
            "# serde ( tag = \"kind\" ) | Ping ; # serde ( rename = \"text\" ) | Said ( 0 : String , 1 : T , ) | Moved { from : Point , to : Option < Box < Event < T > > > , } ",
            &[
                <T as crate::cow::CacheSchema>::FINGERPRINT,
                crate::cow::__private::Known::<String>::FINGERPRINT,
                crate::cow::__private::Known::<Point>::FINGERPRINT,
            ],
        );
        fn write_name(encoder: &mut crate::cow::KeyEncoder) {
            encoder.group(2usize);
            encoder.scope(<Self as crate::cow::CacheSchema>::NAME);
            <T as crate::cow::CacheSchema>::write_name(encoder);
        }
    }
};
