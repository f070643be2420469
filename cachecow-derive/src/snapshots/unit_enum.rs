#[automatically_derived]
impl ::cachecow::KeyPart for Status {
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
