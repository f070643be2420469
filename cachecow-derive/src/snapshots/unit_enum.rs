#[automatically_derived]
impl ::cachecow::KeyPart for Status {
    #[inline]
    fn encode(&self, encoder: &mut ::cachecow::KeyEncoder) {
        encoder
            .str(
                match self {
                    Self::Active { .. } => "Active",
                    Self::Locked { .. } => "Blocked",
                    Self::r#Static { .. } => "Static",
                },
            );
    }
}
::cachecow::__private::log_items! {
    #[automatically_derived] impl ::cachecow::log::FromColumn for Status where { const
    KIND : ::cachecow::log::ColumnKind = ::cachecow::log::ColumnKind::Text; const
    NULLABLE : ::core::primitive::bool = false; fn from_column(value : &
    ::cachecow::log::Value < '_ >,) -> ::core::result::Result < Self,
    ::cachecow::log::NotInColumn > { match value.as_text() {
    ::core::option::Option::Some("Active") => ::core::result::Result::Ok(Self::Active
    {}), ::core::option::Option::Some("Blocked") =>
    ::core::result::Result::Ok(Self::Locked {}), ::core::option::Option::Some("Static")
    => ::core::result::Result::Ok(Self::r#Static {}), _ =>
    ::core::result::Result::Err(::cachecow::log::NotInColumn), } } }
}
