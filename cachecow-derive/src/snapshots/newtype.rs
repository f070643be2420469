#[automatically_derived]
impl<T> ::cachecow::KeyPart for Id<T>
where
    T: ::cachecow::KeyPart,
{
    #[inline]
    fn encode(&self, encoder: &mut ::cachecow::KeyEncoder) {
        ::cachecow::__private::encode::<T>(&self.0, encoder);
    }
}
::cachecow::__private::log_items! {
    #[automatically_derived] impl < T > ::cachecow::log::FromColumn for Id < T > where
    for < 'cachecow > T : ::cachecow::log::FromColumn, { const KIND :
    ::cachecow::log::ColumnKind = < T as ::cachecow::log::FromColumn > ::KIND; const
    NULLABLE : ::core::primitive::bool = < T as ::cachecow::log::FromColumn > ::NULLABLE;
    fn from_column(value : & ::cachecow::log::Value < '_ >,) -> ::core::result::Result <
    Self, ::cachecow::log::NotInColumn > { ::core::result::Result::Ok(Self { 0 : < T as
    ::cachecow::log::FromColumn > ::from_column(value) ?, 1 :
    ::core::marker::PhantomData, }) } }
}
