//! One recipient, as a directory describes it.

use mail::{Address, AddressKey};

/// What has mail in a directory. Never changes; made by a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Names it within its source for good: the objectGUID, or else the distinguished name in
    /// lower case; in a file the address.
    pub id: Box<str>,
    pub address: Address,
    /// Other addresses, without `address`, each once.
    pub others: Box<[Address]>,
    /// X.500 names, folded by [`crate::x500_key`].
    pub x500: Box<[Box<str>]>,
    /// Where the directory sends its mail on, if it does.
    pub target: Option<Address>,
    pub kind: Kind,
    /// `uSNChanged`; 0 where there is none.
    pub usn: u64,
}

impl Recipient {
    /// All its addresses, its own first.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        std::iter::once(&self.address).chain(&self.others)
    }

    pub fn has(&self, key: &AddressKey) -> bool {
        self.addresses().any(|it| it.key() == *key)
    }

    /// Its mailbox is not at the directory's own side any more.
    pub fn is_remote(&self) -> bool {
        self.kind.is_remote() || (self.kind.is_mailbox() && self.target.is_some())
    }
}

/// What kind of recipient it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    User,
    Shared,
    Room,
    Equipment,
    RemoteUser,
    RemoteShared,
    RemoteRoom,
    RemoteEquipment,
    MailUser,
    Contact,
    Group,
    Other,
}

const WORDS: [(Kind, &str); 12] = [
    (Kind::User, "user"),
    (Kind::Shared, "shared"),
    (Kind::Room, "room"),
    (Kind::Equipment, "equipment"),
    (Kind::RemoteUser, "remote_user"),
    (Kind::RemoteShared, "remote_shared"),
    (Kind::RemoteRoom, "remote_room"),
    (Kind::RemoteEquipment, "remote_equipment"),
    (Kind::MailUser, "mail_user"),
    (Kind::Contact, "contact"),
    (Kind::Group, "group"),
    (Kind::Other, "other"),
];

impl Kind {
    /// By `msExchRecipientTypeDetails`, whose values are single bits.
    pub const fn of_type_details(value: i64) -> Self {
        match value {
            // User, linked and legacy mailboxes.
            1 | 2 | 8 => Self::User,
            4 => Self::Shared,
            16 => Self::Room,
            32 => Self::Equipment,
            64 => Self::Contact,
            128 => Self::MailUser,
            // Universal distribution, security, non-universal, dynamic and room-list groups.
            256 | 512 | 1024 | 2048 | 268_435_456 => Self::Group,
            2_147_483_648 => Self::RemoteUser,
            8_589_934_592 => Self::RemoteRoom,
            17_179_869_184 => Self::RemoteEquipment,
            34_359_738_368 => Self::RemoteShared,
            _ => Self::Other,
        }
    }

    pub fn as_str(self) -> &'static str {
        WORDS.iter().find(|it| it.0 == self).map_or("other", |it| it.1)
    }

    pub fn parse(text: &str) -> Option<Self> {
        WORDS.iter().find(|it| it.1 == text).map(|it| it.0)
    }

    /// `user, shared or …`, for messages.
    pub fn list() -> String {
        WORDS.map(|it| it.1).join(", ")
    }

    const fn is_remote(self) -> bool {
        matches!(
            self,
            Self::RemoteUser | Self::RemoteShared | Self::RemoteRoom | Self::RemoteEquipment
        )
    }

    /// It has a mailbox somewhere that the table could place.
    pub const fn is_mailbox(self) -> bool {
        self.is_remote() || matches!(self, Self::User | Self::Shared | Self::Room | Self::Equipment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_exchange() {
        for (value, kind) in [
            (1, Kind::User),
            (4, Kind::Shared),
            (128, Kind::MailUser),
            (1 << 31, Kind::RemoteUser),
            (1 << 33, Kind::RemoteRoom),
            (1 << 34, Kind::RemoteEquipment),
            (1 << 35, Kind::RemoteShared),
            (1 << 40, Kind::Other),
        ] {
            assert_eq!(Kind::of_type_details(value), kind, "{value}");
        }
        assert!(WORDS.iter().all(|it| Kind::parse(it.1) == Some(it.0)));
    }
}
