#[automatically_derived]
impl<T> ::cachecow::KeyPart for Id<T>
where
    T: ::cachecow::KeyPart,
{
    fn encode(&self, encoder: &mut ::cachecow::KeyEncoder) {
        ::cachecow::__private::encode::<T>(&self.0, encoder);
    }
}
