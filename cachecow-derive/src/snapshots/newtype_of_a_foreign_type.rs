#[automatically_derived]
impl ::cachecow::KeyPart for Release {
    #[inline]
    fn encode(&self, encoder: &mut ::cachecow::KeyEncoder) {
        ::cachecow::__private::encode(
            &::cachecow::__private::by_reference::<
                semver::Version,
                _,
                _,
                _,
            >({ semver::Version::to_string })(&self.0),
            encoder,
        );
    }
}
